"""kohya_ss's JSON presets of any age and tab."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.interop.imports.command_line import flags_in, words_of
from train_core.config.interop.imports.kohya_fields import (
    BOXES,
    DEFAULTS,
    OF_KINDS,
    TYPES_OF_FAMILIES,
    WITHOUT_BOX,
    defaults_of,
    family_of_field,
    method_of,
)
from train_core.config.interop.imports.kohya_methods import FLAGS, flags_of_whole, say_method, trains_adapter
from train_core.config.interop.imports.kohya_network import NETWORK_FIELDS, say_network
from train_core.config.interop.imports.ledger import Ledger, is_empty, is_on
from train_core.config.interop.imports.methods import NO_EFFECT
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import EMPTY, OFF, Import, overruled
from train_core.config.interop.imports.sd_scripts import NO_TEXT_TRAINING
from train_core.config.interop.imports.translate import settled
from train_core.config.interop.sd_scripts_import import NEED_FRESH_PIXELS
from train_core.config.interop.sd_scripts_options import OPTIONS
from train_core.config.interop.unused_options import NAMES, UNNEEDED
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import phrase
from train_core.config.problems import problem

PROGRAM = "kohya_ss"
SETTINGS = frozenset(s.name for s in TrainConfig.settings())
# Older names of fields, which count where the present one is not there.
OLDER = {
    "lora_network_weights": "network_weights", "stop_text_encoder_training_pct": "stop_text_encoder_training",
    "conv_dims": "conv_block_dims", "conv_alphas": "conv_block_alphas", "cache_latent": "cache_latents",
    "caption_extention": "caption_extension", "sdxl_min_timestep": "min_timestep", "sdxl_max_timestep": "max_timestep",
    "cache_text_encoder_outputs": "sdxl_cache_text_encoder_outputs", "no_half_vae": "sdxl_no_half_vae",
    "resolution": "max_resolution", "optimizer_type": "optimizer", "use_cp": "use_tucker", "constraint": "constrain",
}  # fmt: skip
RENAMED = {
    "max_resolution": "resolution", "optimizer": "optimizer_type", "sdxl_no_half_vae": "no_half_vae",
    "sdxl_cache_text_encoder_outputs": "cache_text_encoder_outputs",
}  # fmt: skip
BY_OTHER_MEANS = {"lr_warmup": "lr_warmup_steps", "epoch": "max_train_epochs"}
OF_THE_PAGE = ("model_list", "save_as_bool", "save_as", "locon", "network_train", "convert_to_ckpt",
               "convert_to_safetensors", "folders")  # fmt: skip
LOGGING = ("use_wandb", "use_wandb_checkbox", "wandb_api_key_textbox")
PERCENT = phrase("import_percent", "it is a percentage")
PAGE = phrase("import_of_page", "it is about the other program's page")
NO_DROPPED_ZERO = phrase("import_zero_meant", "there, a 0 was replaced by 1; here it is used")
# Zeros that the program leaves out of what it gives to its trainer, so that 1 came of them.
ZEROS = ("max_grad_norm", "prior_loss_weight", "lr_scheduler_power")
KEEPING_ZEROS = ("Dreambooth", "Finetuning")


def names_before(name: str) -> list[str]:
    """The names under which people know the setting `name` from kohya_ss, in any of its versions."""
    names = [old for old, new in (RENAMED | BY_OTHER_MEANS).items() if new == name]
    return [*names, *(old for old, new in OLDER.items() if new in (name, *names))]


def from_kohya_ss(given: Mapping[str, Any], folder: Path | None = None) -> Import:
    """The settings that a preset of kohya_ss means; relative paths start at `folder`. Never raises."""
    usual = defaults_of(method_of(dict(given)))
    theirs = settled(_ledger({**usual, "max_train_steps": 0, **_deciding(given)})).values
    return settled(_ledger(given), theirs, folder)


def _deciding(given: Mapping[str, Any]) -> dict[str, Any]:
    """What decides over the meaning of other fields, and so of their defaults."""
    deciding = ("LoRA_type", "lr_scheduler", *BOXES, "optimizer", "loss_type", "max_train_epochs", "max_train_steps")
    return {name: given[name] for name in deciding if not is_empty(given.get(name))}


def _ledger(given: Mapping[str, Any]) -> Ledger:
    ledger = Ledger(PROGRAM, given)
    ledger.method = method_of(ledger.given)
    ledger.family = _family(ledger)
    say_method(ledger)
    _leave_other_families(ledger)
    _leave_empty(ledger)
    _say_length(ledger)
    _say_rates(ledger)
    _say_shares(ledger)
    _say_noise(ledger)
    _say_attention(ledger)
    _say_captions(ledger)
    if trains_adapter(ledger):
        say_network(ledger)
    _say_rest(ledger)
    _say_flags(ledger)
    if any(is_on(ledger.given.get(name)) for name in NEED_FRESH_PIXELS):
        ledger.imply("cache_latents", False)
    return ledger


def _family(ledger: Ledger) -> str:
    """The family of base models that the boxes choose; several are told."""
    ticked = [family for box, family in BOXES.items() if is_on(ledger.given.get(box))]
    by_type = TYPES_OF_FAMILIES.get(str(ledger.given.get("LoRA_type", "")).strip(), "")
    chosen = next(iter(ticked), by_type)
    if len({BOXES[box] for box in BOXES if box != "v2" and is_on(ledger.given.get(box))}) > 1:
        ledger.notes.append(
            problem(
                "import_several_families",
                "Several kinds of base model are chosen in this file: {families}. {chosen} is taken, as kohya_ss does.",
                families=", ".join(dict.fromkeys(ticked)), chosen=chosen,
            )
        )
    ledger.leave_all(BOXES, UNNEEDED["v2"])
    return chosen or (WITHOUT_BOX if ledger.given.keys() & BOXES.keys() else "")


def _leave_other_families(ledger: Ledger) -> None:
    for name, value in ledger.given.items():
        family = family_of_field(name)
        if family and name not in ledger.left_out:
            default = name in DEFAULTS and value == DEFAULTS[name]
            reason = phrase("import_of_family", "it is for {family} models", family=family)
            ledger.leave(name, EMPTY if is_empty(value) else OFF if default or value is False else reason)


def _leave_empty(ledger: Ledger) -> None:
    known = {*DEFAULTS, *SETTINGS, *OLDER, *OPTIONS, *NETWORK_FIELDS}
    for name in ledger.open():
        if is_empty(ledger.given[name]) and name in known and name != "caption_extension":
            ledger.leave(name, EMPTY)
    ledger.leave_all(OF_THE_PAGE, PAGE)
    for name in LOGGING:
        if name in ledger.given:
            ledger.leave(name, UNNEEDED["log_with"] if is_on(ledger.given[name]) else OFF)


def _say_length(ledger: Ledger) -> None:
    """Epochs go before steps, and steps before the old field for epochs, which only counts without both."""
    names = ("max_train_epochs", "max_train_steps", "epoch")
    numbers = {name: number_of(ledger.given.get(name)) for name in names if ledger.has(name)}
    chosen = next((name for name, number in numbers.items() if number is not None and number > 0), None)
    for name, number in numbers.items():
        if number is None or number < 0:
            reason = phrase("import_no_number", "it is no number that a length can have")
            ledger.puzzle(name, ledger.given[name], reason)
        elif name == chosen:
            ledger.say(name, "max_train_steps" if name == "max_train_steps" else "max_train_epochs", number)
        else:
            before = overruled(chosen or "")
            ledger.leave(name, before if number and chosen else OFF)
    if chosen == "max_train_steps":
        ledger.imply("max_train_epochs", 0)
    elif chosen:
        ledger.imply("max_train_steps", 0)


def _say_rates(ledger: Ledger) -> None:
    """A rate of 0 leaves its part untrained, as long as the other one has a rate."""
    if not trains_adapter(ledger):
        return
    unet = number_of(ledger.given.get("unet_lr")) if ledger.has("unet_lr") else None
    text = _first_rate(ledger.given.get("text_encoder_lr")) if ledger.has("text_encoder_lr") else None
    both_off = not unet and not text
    for name, rate, other, only in (
        ("unet_lr", unet, text, "network_train_text_encoder_only"),
        ("text_encoder_lr", text, unet, "network_train_unet_only"),
    ):
        if rate != 0 or name not in ledger.given:
            continue
        if both_off:
            ledger.leave(name, phrase("import_rate_of_all", "0 in both means the learning rate"))
        elif other and other > 0:
            ledger.say(name, only, True, phrase("import_rate_off", "a rate of 0 leaves this part as it is"))


def _first_rate(value: Any) -> float | None:
    numbers = [number_of(part) for part in re.split(r"[,\s]+", str(value).strip(" []()"))]
    return number_of(value) if len(numbers) < 2 else max((n for n in numbers if n is not None), default=None)


def _say_shares(ledger: Ledger) -> None:
    """Percents of the run: the warm-up, unless it is given in steps, and the end of the text encoder's training."""
    steps = number_of(ledger.given.get("lr_warmup_steps"))
    if ledger.has("lr_warmup"):
        percent = number_of(ledger.given["lr_warmup"])
        if percent is None or not 0 <= percent <= 100:
            ledger.puzzle("lr_warmup", ledger.given["lr_warmup"], phrase("import_no_percent", "it is no percentage"))
        elif steps:
            ledger.leave("lr_warmup", overruled("lr_warmup_steps"))
        else:
            ledger.say("lr_warmup", "lr_warmup_steps", _percent(percent), PERCENT)
    if ledger.has("lr_warmup_steps") and steps == 0:
        ledger.leave("lr_warmup_steps", OFF)
    for name in ("stop_text_encoder_training", "stop_text_encoder_training_pct"):
        if ledger.has(name) and name in ledger.open():
            _say_end_of_text(ledger, name)


def _percent(number: float) -> str:
    return f"{number:g}%" if number else "0"


def _say_end_of_text(ledger: Ledger, name: str) -> None:
    percent = number_of(ledger.given[name])
    if percent is None or percent > 100:
        ledger.puzzle(name, ledger.given[name], phrase("import_no_percent", "it is no percentage"))
    elif percent < 0:
        ledger.say(name, "network_train_unet_only", True, NO_TEXT_TRAINING)
    elif percent in (0, 100):
        ledger.leave(name, OFF)
    else:
        ledger.say(name, "stop_text_encoder_training", _percent(percent), PERCENT)


def _say_noise(ledger: Ledger) -> None:
    """Only one kind of noise is used there: where the file has both, the field for the kind decides."""
    kinds = {
        "original": ("noise_offset", "noise_offset_random_strength", "adaptive_noise_scale"),
        "multires": ("multires_noise_iterations", "multires_noise_discount"),
    }
    kind = str(ledger.given.get("noise_offset_type", "")).strip().lower()
    both = number_of(ledger.given.get("noise_offset")) and number_of(ledger.given.get("multires_noise_iterations"))
    if "noise_offset_type" in ledger.given:
        ledger.leave("noise_offset_type", phrase("import_noise_kind", "the noise settings say it themselves"))
    if both and kind in kinds:
        others = next(names for other, names in kinds.items() if other != kind)
        reason = phrase("import_other_noise", "noise_offset_type chooses the other kind of noise")
        ledger.leave_all([name for name in others if name in ledger.open()], reason)


def _say_attention(ledger: Ledger) -> None:
    for name in ("xformers", "sdpa"):
        if ledger.has(name):
            ledger.say(name, "attention", "auto", UNNEEDED["xformers"])
    ledger.leave_all(("mem_eff_attn", "diffusers_xformers"), UNNEEDED["mem_eff_attn"])
    ledger.leave_all(("lowvram", "highvram"), UNNEEDED["highvram"])
    ledger.leave_all(("multi_gpu",), phrase("import_several_cards", "num_processes says it"))


def _say_captions(ledger: Ledger) -> None:
    if "caption_extension" in ledger.given and is_empty(ledger.given["caption_extension"]):
        reason = phrase("import_no_extension", "no extension means .caption there")
        ledger.say("caption_extension", "caption_extension", ".caption", reason)


def _say_rest(ledger: Ledger) -> None:
    """Fields that mean what their names say, in older names too."""
    for key in ledger.open():
        value = ledger.given[key]
        name = OLDER.get(key, key)
        if name != key and (name in ledger.given and not is_empty(ledger.given[name])):
            ledger.leave(key, overruled(name))
        elif (kind := _kind_of_field(name)) not in ("", ledger.family):
            ledger.leave_all((key,), phrase("import_of_family", "it is for {family} models", family=kind))
        elif key in ("use_8bit_adam", "use_lion_optimizer"):
            _say_optimizer_flag(ledger, key)
        elif key in ZEROS and number_of(value) == 0 and ledger.method not in KEEPING_ZEROS:
            ledger.say(key, key, value, NO_DROPPED_ZERO)
        elif (ours := RENAMED.get(name, name)) in SETTINGS or ours in NAMES or ours in OPTIONS:
            ledger.say(key, ours, value)


def _kind_of_field(name: str) -> str:
    """The kind of model that alone has the field `name` there; empty for the fields of all."""
    return next((kind for start, kind in OF_KINDS.items() if name.startswith(start) and name in RENAMED), "")


def _say_optimizer_flag(ledger: Ledger, key: str) -> None:
    """A box from before there was a choice of optimizers; without it the plain one was used."""
    if ledger.has("optimizer"):
        ledger.leave(key, overruled("optimizer"))
    elif is_on(ledger.given[key]):
        ledger.say(key, "optimizer_type", "AdamW8bit" if "8bit" in key else "Lion")
    elif key == "use_8bit_adam" and not is_on(ledger.given.get("use_lion_optimizer")):
        ledger.say(key, "optimizer_type", "AdamW")
    else:
        ledger.leave(key, OFF)


def _say_flags(ledger: Ledger) -> None:
    """Flags that the user added to the command line; they go before the fields."""
    reason = phrase("import_flags", "these are settings of their own here")
    of_whole = flags_of_whole(ledger)
    for key in (FLAGS, "extra_accelerate_launch_args"):
        if not ledger.has(key):
            continue
        flags, loose = flags_in(words_of(str(ledger.given[key])))
        told = flags.keys() & of_whole.keys()
        flags = {name: value for name, value in flags.items() if name not in told}
        known = {name: value for name, value in flags.items() if name in SETTINGS or name in OPTIONS or name in NAMES}
        for name, value in known.items():
            ledger.say(key, name, value, reason)
        for name in flags.keys() - known.keys():
            _puzzle_flag(ledger, f"--{name}", flags[name])
        for word in loose:
            _puzzle_flag(ledger, word, word)
        if told and key in ledger.open():
            ledger.leave(key, NO_EFFECT)
        elif not known and not told:
            ledger.puzzle(key, ledger.given[key], phrase("import_no_flag", "none of its flags is known here"))


def _puzzle_flag(ledger: Ledger, name: str, value: Any) -> None:
    ledger.puzzle(name, value, phrase("import_unknown_flag", "no flag of this name is known"))


