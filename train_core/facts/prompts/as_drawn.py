"""Settings that draw a picture as it was drawn, from the facts that it carries."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from train_core.config.interop.sampler_words import sampler_in
from train_core.config.jobs.drawing import DrawSettings, HiresUpscaler
from train_core.config.problems import UserError
from train_core.facts.prompts.parameters import Parameters
from train_core.facts.prompts.prompt_files import prompt_file, text_entries
from train_core.facts.prompts.prompt_lines import MAX_SIDE, MIN_SIDE

# Facts that name the files and programs of a picture, and change nothing once these are chosen.
ABOUT_FILES = frozenset({"Version", "Model hash", "VAE hash", "Lora hashes", "TI hashes", "Hashes", "Hypernet hash"})
# Samplers that have a spacing of their own here, where other programs leave nothing to choose.
OWN_SPACING = frozenset({"ddim", "pndm", "unipc", "lcm"})
# Those that A1111 spaces as Karras does where it says automatic, and this program does not.
AUTOMATIC_IS_KARRAS = frozenset({"dpmsolver++", "dpm_2", "dpm_2_a"})
SPACINGS = {"automatic": "automatic", "uniform": "uniform", "karras": "karras", "exponential": "exponential",
            "normal": "uniform"}  # fmt: skip
NO_VAE = ("", "automatic", "none")
SIZE = re.compile(r"(\d{1,5})\s*[x×]\s*(\d{1,5})")


@dataclass
class AsDrawn:
    """Settings of a drawing by name; the `model` and `vae` that the picture names, whose files are to be found; and the
    facts that are `left`, since no setting has them."""

    values: dict[str, Any] = field(default_factory=dict)
    model: str = ""
    vae: str = ""
    left: dict[str, str] = field(default_factory=dict)


def as_drawn(found: Parameters) -> AsDrawn:
    """The settings of the picture that `found` describes; what it does not mention is off, as it was."""
    facts = {name: value.strip() for name, value in found.facts.items()}
    drawn = AsDrawn({"draw_negative": _on_one_line(found.negative), "draw_clip_skip": 1, "draw_hires_scale": 1.0})
    _take_prompt(found.prompt, drawn)
    drawn.model = facts.pop("Model", "")
    vae = facts.pop("VAE", "")
    drawn.vae = "" if vae.lower() in NO_VAE else vae
    _take_hires(facts, drawn)
    _take_sampler(facts, drawn)
    for name, (setting, read) in READERS.items():
        if name in facts:
            _take(drawn, name, facts.pop(name), setting, read)
    drawn.left |= {name: value for name, value in facts.items() if name not in ABOUT_FILES}
    return drawn


def _on_one_line(text: str) -> str:
    """`text` with its lines behind each other, which reads the same to a model."""
    return " ".join(line for line in text.split("\n") if line)


def _take_prompt(prompt: str, drawn: AsDrawn) -> None:
    """The prompt, unless its line would be read as something else here, such as a flag."""
    line = _on_one_line(prompt)
    if not line:
        return
    try:
        is_prompt = prompt_file(line) is None
    except UserError:
        is_prompt = False
    entries = text_entries(line)
    if is_prompt and len(entries) == 1 and (entries[0].prompt, entries[0].flags) == (line, ()):
        drawn.values["draw_prompts"] = line
    else:
        drawn.left["Prompt"] = line


def _take(drawn: AsDrawn, name: str, value: str, setting: str, read: Callable[[str], Any]) -> None:
    """The fact as the value of a setting, or as what is left if it can hold no such value."""
    try:
        drawn.values[setting] = _allowed(setting, read(value))
    except ValueError:
        drawn.left[name] = value


def _allowed(setting: str, value: Any) -> Any:
    """`value` if the setting takes it; else ValueError."""
    try:
        return getattr(DrawSettings.model_validate({setting: value}), setting)
    except ValidationError as error:
        raise ValueError(setting) from error


def _take_sampler(facts: dict[str, str], drawn: AsDrawn) -> None:
    """Sampler and schedule type; older texts have the one behind the other, or are even in time where they say none."""
    said, kind = facts.pop("Sampler", ""), facts.pop("Schedule type", "")
    sampler, spacing = sampler_in(said)
    if said and not sampler:
        drawn.left["Sampler"] = said
    elif sampler:
        drawn.values["draw_sampler"] = sampler
    unsaid = "automatic" if sampler in OWN_SPACING else "uniform"
    meant = SPACINGS.get(kind.lower(), "") if kind else spacing or unsaid
    if kind and not meant:
        drawn.left["Schedule type"] = kind
        return
    if meant == "automatic" and sampler in AUTOMATIC_IS_KARRAS:
        meant = "karras"
    drawn.values["draw_spacing"] = meant


def _take_hires(facts: dict[str, str], drawn: AsDrawn) -> None:
    """The second pass, as far as it enlarges latents; a strength without one is that of another picture's change."""
    names = ("Hires upscale", "Hires resize", "Hires steps", "Hires upscaler", "Denoising strength")
    its = {name: facts.pop(name) for name in names if name in facts}
    scale = _scale(its, facts)
    upscaler = its.get("Hires upscaler", "Latent")
    if scale is None or upscaler not in get_args(HiresUpscaler):
        drawn.left |= its
        return
    drawn.values |= {"draw_hires_scale": scale, "draw_hires_upscaler": upscaler, "draw_hires_steps": 0}
    for name, setting, read in (
        ("Hires steps", "draw_hires_steps", int), ("Denoising strength", "draw_hires_denoise", float),
    ):  # fmt: skip
        if name in its:
            _take(drawn, name, its[name], setting, read)


def _scale(its: Mapping[str, str], facts: Mapping[str, str]) -> float | None:
    """How many times larger the second pass was, if it was so in both directions and may be here."""
    try:
        if "Hires upscale" in its:
            return float(_allowed("draw_hires_scale", float(its["Hires upscale"])))
        large, size = _size(its.get("Hires resize", "")), _size(facts.get("Size", ""))
        scales = [new / old for new, old in zip(large, size, strict=True) if new]
        if scales and math.isclose(min(scales), max(scales)):
            return float(_allowed("draw_hires_scale", scales[0]))
    except (ValueError, ZeroDivisionError):
        pass
    return None


def _size(text: str) -> tuple[int, int]:
    found = SIZE.fullmatch(text)
    if found is None:
        raise ValueError(text)
    return int(found[1]), int(found[2])


def _resolution(text: str) -> str:
    sides = _size(text)
    if not all(MIN_SIDE <= side <= MAX_SIDE for side in sides):
        raise ValueError(text)
    return f"{sides[0]},{sides[1]}"


READERS: dict[str, tuple[str, Callable[[str], Any]]] = {
    "Steps": ("draw_steps", int), "CFG scale": ("draw_scale", float), "Seed": ("draw_seed", int),
    "Size": ("draw_resolution", _resolution), "Clip skip": ("draw_clip_skip", int),
}  # fmt: skip
