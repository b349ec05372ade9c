"""Sizes of the base model that the settings name, read from its header."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.facts.adapters.layers import Measures, measures_of, usual_measures
from train_core.facts.models import hub
from train_core.facts.models.headers import recognise


def measures_of_chosen(model: ModelSettings) -> Measures | None:
    """The sizes of the chosen base model; None where there is none or its header tells no kind that can be trained."""
    try:
        path = hub.resolve(model.pretrained_model_name_or_path)
        changed = path.stat().st_mtime_ns
    except (UserError, OSError):
        return None
    return _measures(path, changed)


@lru_cache(maxsize=16)
def _measures(path: Path, changed: int) -> Measures | None:
    try:
        found = recognise(path)
    except UserError:
        return None  # checks say what is wrong with it
    return usual_measures(found.family) if found.header is None else measures_of(found.family, found.header.tensors)
