"""What is trained besides adapters, in the words of sd-scripts' scripts for whole models and new words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError, problem
from train_core.config.sections.method import WHOLE
from train_core.config.syntax.arguments import parse_numbers
from train_core.config.syntax.block_rates import block_factors
from train_core.kinds import SDXL

Values = dict[str, Any]

BLOCKS = ("down_lr_weight", "mid_lr_weight", "up_lr_weight")
OF_PARTS = ("unet_lr", "text_encoder_lr", "network_train_unet_only", "network_train_text_encoder_only",
            "stop_text_encoder_training", *BLOCKS, "block_lr_zero_threshold")  # fmt: skip
OF_WORDS = ("token_string", "init_word", "num_vectors_per_token", "embedding_weights", "caption_template",
            "template_file")  # fmt: skip
TEMPLATES = {"object": "use_object_template", "style": "use_style_template"}


@dataclass(frozen=True)
class Theirs:
    """Options of `script` for what our settings `said` say; `lost` are those of them that it has nothing like."""

    script: str
    options: Values
    said: frozenset[str]
    lost: tuple[str, ...] = ()


def refuse_hypernetwork(config: TrainConfig) -> None:
    """Raise `UserError` for what no script of sd-scripts trains."""
    if config.method.training_method == "hypernetwork":
        raise UserError(
            problem(
                "export_no_hypernetwork",
                "Neither sd-scripts nor kohya_ss trains hypernetworks, so there are no settings to write for them. The "
                "result itself (.pt) is what A1111 reads.",
            )
        )


def in_their_words(config: TrainConfig, family: str) -> Theirs:
    """The part of `config` that only its method has, for a base model of `family`, "" where that is not known.

    Raises `UserError` for a hypernetwork.
    """
    refuse_hypernetwork(config)
    method = config.method.training_method
    if method in WHOLE:
        return _whole(config, family)
    return _words(config, family)


def _whole(config: TrainConfig, family: str) -> Theirs:
    """Options of train_db, fine_tune, and for SDXL sdxl_train."""
    optimizer, network, method = config.optimizer, config.network, config.method.training_method
    sdxl = family == SDXL.name
    script = "sdxl_train" if sdxl else "train_db" if method == "DreamBooth" else "fine_tune"
    main = optimizer.learning_rate if optimizer.unet_lr is None else optimizer.unet_lr
    texts = parse_numbers(optimizer.text_encoder_lr) or [optimizer.learning_rate]
    options: Values = {"learning_rate": 0.0 if network.network_train_text_encoder_only else main}
    if network.network_train_unet_only:
        options |= {"stop_text_encoder_training": -1} if script == "train_db" else {}
    else:
        options |= {} if script == "train_db" else {"train_text_encoder": True}
        options |= {"learning_rate_te1": texts[0], "learning_rate_te2": texts[-1]} if sdxl else {
            "learning_rate_te": texts[0]
        }
    lost = ["stop_text_encoder_training"] if config.applicable().get("stop_text_encoder_training") else []
    if any(getattr(config.rates, name).strip() for name in BLOCKS):
        if sdxl:
            factors = block_factors(config.rates, SDXL.block_layout)
            options["block_lr"] = ",".join(f"{factor * main:.10g}" for factor in factors)
        else:
            lost += [name for name in BLOCKS if getattr(config.rates, name).strip()]
    kind = config.output.save_model_as
    options["save_model_as"] = "diffusers_safetensors" if kind == "diffusers" else kind
    return Theirs(script, options, frozenset({*OF_PARTS, "save_model_as"}), tuple(lost))


def _words(config: TrainConfig, family: str) -> Theirs:
    """Options of the scripts for textual inversion: one new word, and of files neither pictures nor templates."""
    words, kind = config.embedding, config.output.save_model_as
    names, counts = words.token_string.split(","), words.num_vectors_per_token.split(",")
    options: Values = {
        "token_string": names[0].strip(), "init_word": words.init_word.split(",")[0].strip(),
        "num_vectors_per_token": int(counts[0]), "weights": next(iter(words.embedding_weights), ""),
        "save_model_as": "safetensors" if kind == "png" else kind,
    }
    if words.caption_template in TEMPLATES:
        options[TEMPLATES[words.caption_template]] = True
    lost = [name for name, is_lost in (
        ("token_string", len(names) > 1), ("caption_template", words.caption_template == "file"),
        ("save_model_as", kind == "png"),
    ) if is_lost]  # fmt: skip
    script = "sdxl_train_textual_inversion" if family == SDXL.name else "train_textual_inversion"
    said = frozenset({*OF_WORDS, "save_model_as"})
    return Theirs(script, {name: value for name, value in options.items() if value != ""}, said, tuple(lost))
