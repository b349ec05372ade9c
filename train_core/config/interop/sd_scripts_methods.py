"""What an option file of sd-scripts trains, and the options of its scripts for whole models in our words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import UserError, problem
from train_core.config.sections.method import WHOLE
from train_core.config.syntax.arguments import parse_numbers
from train_core.config.syntax.coerce import TRUE_WORDS

Values = dict[str, Any]

SCRIPTS = {
    "train_network": "LoRA", "sdxl_train_network": "LoRA", "train_db": "DreamBooth", "fine_tune": "fine-tuning",
    "sdxl_train": "fine-tuning", "train_textual_inversion": "textual inversion",
    "sdxl_train_textual_inversion": "textual inversion",
}  # fmt: skip
NETWORK = (
    "network_module", "network_dim", "network_alpha", "network_args", "network_weights", "LoRA_type", "unet_lr",
    "network_train_unet_only", "network_train_text_encoder_only",
)  # fmt: skip
WORDS = ("token_string", "use_object_template", "use_style_template", "num_vectors_per_token")
FULL = ("train_text_encoder", "block_lr", "learning_rate_te1", "learning_rate_te2", "fused_optimizer_groups")
RATES = ("learning_rate_te", "learning_rate_te1", "learning_rate_te2")
# Those of whole models, which `of_whole_model` translates.
OPTIONS = frozenset({*RATES, "train_text_encoder", "block_lr", "fused_optimizer_groups"})
BLOCKS = 23  # of SDXL's U-Net, as sdxl_train counts them: what time and size go into, 9 down, 3 middle, 9 up, output
DOWN, MIDDLE, UP = slice(1, 10), slice(10, 13), slice(13, 22)
THEIR_RATE = 2e-6
FORMATS = {"diffusers_safetensors": "diffusers"}
OF_WORDS = {"ckpt": "pt"}
AS_SOURCE = phrase("import_as_source", "it is saved in the format of the base model")
ONE_RATE = phrase("import_one_rate", "the rates of the text encoders are one setting here")
RATE_OFF = phrase("import_rate_off", "a rate of 0 leaves this part as it is")
AS_FACTORS = phrase("import_block_lr", "rates of blocks are factors on the U-Net's rate here")
GROUPS = phrase("import_fused_groups", "each parameter is a group of its own here")


@dataclass(frozen=True)
class Meaning:
    """What options say here: settings `by` option, options that `share` a setting with another, and `implied` ones."""

    by: dict[str, Values] = field(default_factory=dict)
    share: dict[str, str] = field(default_factory=dict)
    reasons: dict[str, Phrase] = field(default_factory=dict)
    implied: Values = field(default_factory=dict)

    def values(self) -> Values:
        """All of it together."""
        return {**self.implied, **{name: value for said in self.by.values() for name, value in said.items()}}


def method_of(options: Mapping[str, Any], script: str = "") -> str:
    """The training method of sd-scripts' `script`, or of the one that has these `options`; LoRA where none says more.

    Options that ask for nothing say nothing.
    """
    said = {name for name, value in options.items() if asks(value)}
    if options.get("training_method"):
        return str(options["training_method"])
    if script in SCRIPTS:
        return SCRIPTS[script]
    if said & {*NETWORK}:
        return "LoRA"
    if said & {*WORDS}:
        return "textual inversion"
    has_rate = options.get("learning_rate_te") not in (None, "")
    if said & {*FULL} or (has_rate and "in_json" in said):
        return "fine-tuning"
    return "DreamBooth" if has_rate or "no_token_padding" in said else "LoRA"


def asks(value: Any) -> bool:
    """Whether an option's value asks for anything."""
    return value not in (None, "", False, []) and str(value).strip().lower() not in ("", "false")


def is_on(value: Any) -> bool:
    return str(value).strip().lower() in TRUE_WORDS


def of_whole_model(options: Mapping[str, Any], method: str, trains_text: bool | None = None) -> Meaning:
    """The meaning of whole models' options but `block_lr`: which text encoders learn, rates of parts, groups.

    Without `trains_text`, the option says whether text encoders learn: without it they do in DreamBooth, and do not in
    fine-tuning, as in the scripts.
    """
    meaning = Meaning()
    if trains_text is None:
        said = options.get("train_text_encoder")
        trains_text = is_on(said) if asks(said) else method == "DreamBooth"
    learns = _rates(options, trains_text, meaning)
    if "train_text_encoder" in options:
        meaning.by["train_text_encoder"] = {"network_train_unet_only": not learns}
    elif not learns:
        meaning.implied["network_train_unet_only"] = True
    if learns and _number(options.get("learning_rate")) == 0 and not asks(options.get("block_lr")):
        meaning.implied["network_train_text_encoder_only"] = True
    if "fused_optimizer_groups" in options:
        groups = options["fused_optimizer_groups"]
        asked = asks(groups) and _number(groups) != 0
        meaning.by["fused_optimizer_groups"] = {"fused_backward_pass": True} if asked else {}
        meaning.reasons["fused_optimizer_groups"] = GROUPS
    return meaning


def _rates(options: Mapping[str, Any], trains_text: bool, meaning: Meaning) -> bool:
    """Put the text encoders' rates into `meaning`; whether any of them learns.

    SDXL's two go before the one for all, and what is no number stays as it is.
    """
    given = [name for name in RATES if asks(options.get(name)) or _number(options.get(name)) == 0]
    used = RATES[1:] if set(given) & set(RATES[1:]) else RATES[:1]
    meaning.by.update({name: {} for name in RATES if name in options})
    names = [name for name in given if name in used]
    if not names or not trains_text:
        return trains_text
    base = options.get("learning_rate")
    main = base if asks(base) or _number(base) == 0 else THEIR_RATE
    rates = [options[name] if name in names else main for name in used]
    learns = any(_number(rate) != 0 for rate in rates)
    said: Values = {"network_train_unet_only": True}
    if learns:
        said = {"text_encoder_lr": ",".join(map(_plain, rates))}
    first, *rest = names
    meaning.by[first] = said
    meaning.reasons[first] = ONE_RATE if learns else RATE_OFF
    meaning.share.update({name: next(iter(said)) for name in rest})
    return learns


def _plain(rate: Any) -> str:
    number = _number(rate)
    return str(rate).strip() if number is None else f"{number:.10g}"


def blocks_in_our_words(text: str, source: str) -> Values:
    """23 rates of the blocks of SDXL's U-Net as its rate, which the first and the last have, and factors on it.

    Raises `UserError` where they are no such rates, or where the first and the last differ: they have no factors here.
    """
    try:
        rates = parse_numbers(text)
    except ValueError:
        rates = []
    first = rates[0] if rates else 0.0
    if len(rates) != BLOCKS or min(rates) < 0 or not first or rates[-1] != first:
        raise UserError(
            problem(
                "block_lr_unusable",
                "block_lr in {source} needs {count} rates between commas, of which the first and the last are the same "
                "and above 0: here, blocks have factors on the U-Net's rate, which both of these learn at.",
                source=source, count=BLOCKS,
            )
        )
    factors = [f"{rate / first:.10g}" for rate in rates]
    return {
        "unet_lr": first, "down_lr_weight": ",".join(factors[DOWN]), "mid_lr_weight": ",".join(factors[MIDDLE]),
        "up_lr_weight": ",".join(factors[UP]),
    }


def file_kind(options: Mapping[str, Any], method: str) -> tuple[str, str]:
    """The format of results as a choice of ours, and the option that says it, "" where none does.

    Where nothing is said, whole models have the format of the base model there, and embeddings are pickles.
    """
    said = str(options.get("save_model_as") or "").strip().lower().lstrip(".")
    if said and "source" not in said:
        return (OF_WORDS if method == "textual inversion" else FORMATS).get(said, said), "save_model_as"
    if is_on(options.get("use_safetensors")) and not said:
        return "safetensors", "use_safetensors"
    if method not in WHOLE:
        return "pt", ""
    base = str(options.get("pretrained_model_name_or_path") or "x.safetensors").strip()
    ending = PurePath(base.replace("\\", "/")).suffix.lower()
    kind = {".safetensors": "safetensors", ".ckpt": "ckpt"}.get(ending, "diffusers")
    return kind, "save_model_as" if said else ""


def _number(value: Any) -> float | None:
    """`value` as a number of 0 or more; None for anything else."""
    try:
        number = float(str(value).strip())
    except ValueError:
        return None
    return number if 0 <= number < float("inf") and not isinstance(value, bool) else None
