"""Captions for tests, without files."""

from __future__ import annotations

from pathlib import Path

from train_core.facts.advice import Advice
from train_core.facts.captions.lint import lint
from train_core.facts.captions.sets import Captioned, CaptionSet
from train_core.facts.images.caption_draws import CaptionRules


def captions(
    *texts: str | None, folder: str = "10_zuko", flipped: bool = False, is_reg: bool = False, in_form: bool = True,
    **rules: object,
) -> CaptionSet:
    """A folder with these captions, 0.txt and on; None is an image without one."""
    each = tuple(
        Captioned(Path(folder, f"{n}.png"), text, None if text is None else Path(folder, f"{n}.txt"))
        for n, text in enumerate(texts)
    )
    return CaptionSet(Path(folder), CaptionRules(**rules), each, flipped, in_form, is_reg)  # type: ignore[arg-type]


def found(*sets: CaptionSet, limit: int = 75) -> dict[str, Advice]:
    """The findings by code."""
    return {advice.code: advice for advice in lint(sets, limit)}
