"""Older and foreign names of settings and choices, translated into the present ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from train_core.config.interop.full_dimension import lokr_in_full
from train_core.config.interop.lora_types import with_our_lora_type
from train_core.config.interop.sampler_words import sampler_in
from train_core.config.interop.sd_scripts_networks import network_in_our_words
from train_core.config.interop.sd_scripts_schedules import schedule_in_our_words
from train_core.config.interop.unused_options import without_unused
from train_core.config.problems import Problem, problem
from train_core.config.syntax.coerce import FALSE_WORDS, TRUE_WORDS, is_zero

Values = dict[str, Any]
SourceOf = Callable[[str], str]

RANK_OF = {"network_alpha": "network_dim", "conv_alpha": "conv_dim"}


def in_our_words(values: Mapping[str, Any], source_of: SourceOf) -> tuple[Values, tuple[Problem, ...]]:
    """`values` of whatever source by the names that settings have here, and warnings about what is not followed.

    `source_of` says where a value stands. Raises `UserError` for what cannot be done here.
    """
    ours = with_our_lora_type(dict(values))
    _new_words(ours)
    _samplers(ours)
    warnings = _file_kind(ours, source_of)
    _flags(ours)
    ours = schedule_in_our_words(ours, source_of)
    ours = network_in_our_words(ours, source_of)
    ours, unused = without_unused(ours, source_of)
    return ours, (*warnings, *unused)


def with_plain_ranks(values: Mapping[str, Any], source_of: SourceOf) -> tuple[Values, tuple[Problem, ...]]:
    """`values` with ranks and alphas that mean something else in other programs, 0 and "all", as they are said here.

    Raises `UserError` as `lokr_in_full` does.
    """
    ours = dict(values)
    for alpha, rank in RANK_OF.items():
        if alpha in ours and is_zero(ours[alpha]):
            del ours[alpha]
            if ours.get(rank) and not is_zero(ours[rank]):
                ours[alpha] = ours[rank]  # no alpha is as much as the rank
    return ours, tuple(lokr_in_full(ours, source_of))


def is_on(value: Any) -> bool:
    """Whether `value` of a flag, from a file or typed, says yes."""
    return str(value).strip().lower() in TRUE_WORDS


def _file_kind(ours: Values, source_of: SourceOf) -> list[Problem]:
    """Adapters are always of one kind: takes the wish for it out, and warns where it is for another.

    Of other methods it stays, in our words.
    """
    ours.pop("use_safetensors", None)
    method = ours.get("training_method") or "LoRA"
    if method not in ("LoRA", "hypernetwork"):
        if ours.get("save_model_as"):
            kind = str(ours["save_model_as"]).strip().lower().lstrip(".")
            ours["save_model_as"] = "diffusers" if kind == "diffusers_safetensors" else kind
        return []
    kind = str(ours.pop("save_model_as", None) or "safetensors").strip()
    if kind.lower().lstrip(".") == "safetensors":
        return []
    return [
        problem(
            "always_safetensors",
            "save_model_as = {value} in {source} is not followed: adapters are always .safetensors files, which load "
            "without running code.",
            value=repr(kind), source=source_of("save_model_as"),
        )
    ]


def _flags(ours: Values) -> None:
    """Flags of other programs as choices of ours."""
    if "caption_extention" in ours:
        extension = ours.pop("caption_extention")
        ours.setdefault("caption_extension", extension)
    for flag, name in (("use_8bit_adam", "AdamW8bit"), ("use_lion_optimizer", "Lion")):
        if is_on(ours.pop(flag, False)):
            ours["optimizer_type"] = ours.get("optimizer_type") or name
    if str(ours.get("v_parameterization")).strip().lower() in TRUE_WORDS | FALSE_WORDS:
        # Off is what people leave it at: a model that says it is one of velocity is trained as such all the same.
        ours["v_parameterization"] = "v" if is_on(ours["v_parameterization"]) else "auto"
    if is_on(ours.pop("no_metadata", False)):
        ours.setdefault("metadata_depth", "minimal")
    if is_on(ours.pop("fp8_base_unet", False)):
        ours |= {"base_precision": "fp8", "base_precision_parts": "unet"}
        ours.pop("fp8_base", None)
    if is_on(ours.pop("fp8_base", False)):
        ours |= {"base_precision": "fp8", "base_precision_parts": "all"}
    for precision in ("fp16", "bf16"):
        if is_on(ours.pop(f"full_{precision}", False)):
            ours |= {"full_half": True, "mixed_precision": precision}  # anything else is an error there
    if is_on(ours.pop("torch_compile", False)):
        ours.setdefault("dynamo_backend", "inductor")


def _new_words(ours: Values) -> None:
    """Textual inversion's options; whoever names a new word wants to train it."""
    for flag, template in (("use_object_template", "object"), ("use_style_template", "style")):
        if is_on(ours.pop(flag, False)):
            ours.setdefault("caption_template", template)
    file = ours.pop("weights", None)
    if str(file or "").strip():
        ours.setdefault("embedding_weights", [file])
    if str(ours.get("token_string") or "").strip():
        ours.setdefault("training_method", "textual inversion")


def _samplers(ours: Values) -> None:
    """Samplers by the names of other programs, in which the spacing may stand at the end."""
    for setting in ("sample_sampler", "class_sampler"):
        sampler, spacing = sampler_in(str(ours.get(setting) or ""))
        if not sampler or (spacing and setting == "class_sampler"):  # which has no spacing to choose
            continue
        ours[setting] = sampler
        if spacing and not ours.get("sample_spacing"):
            ours["sample_spacing"] = spacing
