"""The outcome of reading another program's file: the job's values, and what became of each key of the file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from train_core.config.interop.kept import Kept
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import Phrase, phrase, setting_name
from train_core.config.problems import Problem

# Why something is left out without a loss.
EMPTY = phrase("import_empty", "empty, so the default applies")
OFF = phrase("import_off", "off or not used")
QUIET = frozenset({EMPTY, OFF})
SETTINGS = frozenset(s.name for s in TrainConfig.settings())


def overruled(name: str) -> Phrase:
    """The reason of a key that counts for nothing beside the key or setting `name`."""
    named = setting_name(name) if name in SETTINGS else name
    return phrase("import_overruled", "{name} goes before it", name=named)


@dataclass(frozen=True)
class Taken:
    """A key that means the same here under the same name."""

    name: str
    value: Any


@dataclass(frozen=True)
class Changed:
    """A key that is said differently here: its name and value there, what they became, and why if there is a reason."""

    name: str
    value: Any
    became: Mapping[str, Any]
    reason: Phrase


@dataclass(frozen=True)
class LeftOut:
    """A key that is understood and has no counterpart here, or no effect beside the others."""

    name: str
    value: Any
    reason: Phrase


@dataclass(frozen=True)
class NotUnderstood:
    """A key, or a part of one, that means nothing here; the file's own value is in `Import.kept`."""

    name: str
    value: Any
    reason: Phrase


@dataclass(frozen=True)
class Need:
    """A question for the user: the `setting` has `value` (from the key `name`) for now, and `question` says why."""

    name: str
    value: Any
    setting: str
    question: Problem


@dataclass(frozen=True)
class Defaulted:
    """A setting that the file does not have, and whose default differs between the two programs."""

    setting: str
    ours: Any
    theirs: Any


@dataclass(frozen=True)
class Import:
    """Settings from a file of any program. Every key of the file is in one of the lists from `taken` to `needs`.

    `values` are of our types, by our names, and only what the file says and has an effect. `defaulted` names the
    differing ones of `defaulted_count` settings that the file might have said. `notes` are about the file as a whole.
    `kept` is the file as it was, without secrets, to be written back. `dataset` holds the tables of a dataset file
    where the file describes images that no folder setting can; `with_dataset` names the file that they are written to.
    """

    program: str
    method: str = ""
    family: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    taken: tuple[Taken, ...] = ()
    changed: tuple[Changed, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    not_understood: tuple[NotUnderstood, ...] = ()
    needs: tuple[Need, ...] = ()
    defaulted: tuple[Defaulted, ...] = ()
    defaulted_count: int = 0
    notes: tuple[Problem, ...] = ()
    kept: Kept = field(default_factory=Kept)
    dataset: Mapping[str, Any] = field(default_factory=dict)

    def config(self) -> TrainConfig:
        """The settings of a training, with our defaults for what the file does not say."""
        return TrainConfig.from_flat(dict(self.values))

    def with_dataset(self, path: str) -> Import:
        """The same, with the dataset file that was written to `path`."""
        return replace(self, values={**self.values, "dataset_config": path}, dataset={})

    def with_kept(self, kept: Kept) -> Import:
        """The same, with another file to be written back."""
        return replace(self, kept=kept)
