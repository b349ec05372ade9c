"""Samplers as people write them: their names here and in other programs, with a spacing behind them or without."""

from __future__ import annotations

import re
from typing import get_args

from train_core.config.sections.samples import Sampler, SampleSpacing
from train_core.config.syntax.signs import plain_signs

# By our name, that in A1111; the names with k_ are the same samplers.
LABELS = {
    "ddim": "DDIM", "pndm": "PLMS", "lms": "LMS", "euler": "Euler", "euler_a": "Euler a", "heun": "Heun",
    "dpm_2": "DPM2", "dpm_2_a": "DPM2 a", "dpmsolver": "DPM 2M", "dpmsolver++": "DPM++ 2M", "dpmsingle": "DPM++ 2S",
    "dpmpp_2s_a": "DPM++ 2S a", "dpmpp_sde": "DPM++ SDE", "dpmpp_2m_sde": "DPM++ 2M SDE",
    "dpmpp_3m_sde": "DPM++ 3M SDE", "unipc": "UniPC", "lcm": "LCM",
}  # fmt: skip
SPACINGS: tuple[str, ...] = get_args(SampleSpacing)


def label_of(sampler: str) -> str:
    """A1111's name of our `sampler`."""
    return LABELS[sampler.removeprefix("k_")]


def sampler_in(text: str) -> tuple[str, str]:
    """Our names of the sampler and of the spacing that `text` means; "" for what it does not say, or is not known.

    Case, blanks, underscores and hyphens do not matter: "DPM++ 2M Karras", "dpmpp_2m_sde", "k-euler ancestral".
    """
    said = _letters(text)
    spacing = next((name for name in SPACINGS if said.endswith(name)), "")
    said = said.removesuffix(spacing)
    return KNOWN.get(said) or KNOWN.get(said.removeprefix("k"), ""), spacing


def _letters(text: str) -> str:
    """What of a sampler's name matters, so that dpmpp is DPM++ and ancestral is a."""
    plain = re.sub(r"[\s_-]+", "", plain_signs(text).lower())
    return plain.replace("++", "pp").replace("ancestral", "a")


KNOWN = {_letters(word): name for name, label in LABELS.items() for word in (label, name)}
KNOWN |= {_letters(name): name for name in get_args(Sampler)}
