"""Bookkeeping while a file is translated: each of its keys is settled once, with what it became or why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import EMPTY, OFF, LeftOut, NotUnderstood, overruled
from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import Problem
from train_core.config.syntax.coerce import TRUE_WORDS

RENAMED = phrase("import_renamed", "has another name here")
# Keys whose values are nobody else's business: they are neither shown nor copied.
SECRETS = frozenset({"huggingface_token", "wandb_api_key", "wandb_api_key_textbox"})


@dataclass
class Word:
    """What a key says: a `name` of sd-scripts or ours and its value; `reason` where it is not just the same.

    `key` is empty for what the file implies without saying it.
    """

    key: str
    name: str
    value: Any
    reason: Phrase | None = None


class Ledger:
    """The keys of a file, and what has been said of them so far."""

    def __init__(self, program: str, given: Mapping[str, Any]) -> None:
        self.program = program
        self.method, self.family = "LoRA", ""
        self.given = {name: "…" if name in SECRETS and value else value for name, value in given.items()}
        self.words: dict[str, Word] = {}
        self.shares: dict[str, str] = {}  # keys that are a part of what another key says, with its name
        self.left_out: dict[str, LeftOut] = {}
        self.not_understood: dict[str, NotUnderstood] = {}
        self.notes: list[Problem] = []

    def open(self) -> list[str]:
        """The keys about which nothing has been said yet, in the file's order."""
        said = {word.key for word in self.words.values()} | self.shares.keys()
        return [name for name in self.given if name not in said | self.left_out.keys() | self.not_understood.keys()]

    def has(self, name: str) -> bool:
        """Whether the file says anything by the key `name`."""
        return not is_empty(self.given.get(name))

    def say(self, key: str, name: str, value: Any, reason: Phrase | None = None) -> None:
        """The `key` means that `name` is `value`; what another key said of it before no longer counts."""
        before = self.words.get(name)
        if reason is None and name != plain(key):
            reason = RENAMED
        self.words[name] = Word(key, name, value, reason)
        if before is not None and before.key not in ("", key):
            self._overruled(before, self.words[name])

    def share(self, key: str, name: str) -> None:
        """The `key` is a part of the value of `name`, which is said for another key."""
        self.shares[key] = name

    def imply(self, name: str, value: Any) -> None:
        """The file means that `name` is `value` without saying it, unless a key of it does."""
        self.words.setdefault(name, Word("", name, value))

    def leave(self, key: str, reason: Phrase) -> None:
        """The `key` has no counterpart here or no effect, for this reason."""
        self.left_out[key] = LeftOut(key, self.given.get(key), reason)

    def leave_all(self, keys: Iterable[str], reason: Phrase) -> None:
        """All of `keys` that are in the file have no counterpart here, for this reason."""
        for key in keys:
            if key in self.given:
                value = self.given[key]
                self.leave(key, EMPTY if is_empty(value) else OFF if is_off(value) else reason)

    def puzzle(self, name: str, value: Any, reason: Phrase) -> None:
        """`name`, a key or a part of one, means nothing here, for this reason."""
        self.not_understood[name] = NotUnderstood(name, value, reason)

    def _overruled(self, before: Word, after: Word) -> None:
        """Settle the key of `before` if nothing is left of it."""
        if any(word.key == before.key for word in self.words.values()):
            return
        goes_first = after.key or after.name
        self.leave(before.key, overruled(goes_first))


def plain(key: str) -> str:
    """The name in a key of a script's flag or of a file's metadata."""
    return key.removeprefix("--").removeprefix("ss_")


def is_on(value: Any) -> bool:
    """Whether a value of a file is a box that is ticked, however it was written."""
    return str(value).strip().lower() in TRUE_WORDS or (number_of(value) or 0) == 1


def is_off(value: Any) -> bool:
    """Whether a value of a file is a box that is not ticked."""
    return value is False or str(value).strip().lower() == "false"


def is_empty(value: Any) -> bool:
    """Whether a value of a file says nothing."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})
