"""What a person has chosen of their own, which a preset that says nothing of it leaves in the form.

A preset says *how* is trained. *What* is trained, from which files and to where, is the person's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.config.setting import Setting

Values = Mapping[str, Any]
HOW = ("layers", "yaml")  # paths to files that say how
WORDS = (
    "output_name", "caption_extension", "class_folders", "dataset_repeats", "class_prompt", "class_negative_prompt",
    "v_parameterization", "training_comment", "token_string",
)  # fmt: skip


def says_what(declared: Setting) -> bool:
    """Whether the setting says what is trained, and not how."""
    path, name = declared.traits.path, declared.name
    about = name.startswith("metadata_") and name != "metadata_depth"
    return (path is not None and path not in HOW) or name in WORDS or about


WHAT = tuple(s.name for s in TrainConfig.settings() if says_what(s))


def unsaid(named: Values) -> tuple[str, ...]:
    """The settings that say what is trained and that a file with the values `named` leaves open."""
    return tuple(name for name in WHAT if named.get(name) in (None, "", []))


def kept_over(named: Values, shown: Values, brought: Values) -> dict[str, Any]:
    """The values of the form, which shows `shown`, that a preset with the values `named` leaves as they are.

    `brought` is what presets of the program have brought into the form before, by name: what is still as it came from
    there nobody has chosen.
    """
    return {
        name: shown[name] for name in unsaid(named)
        if name in shown and (name not in brought or shown[name] != brought[name])
    }  # fmt: skip
