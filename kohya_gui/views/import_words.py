"""The report on an imported file in words: its groups and rows, for the page and for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kohya_gui.i18n.messages import dictionary, say, text, translate
from kohya_gui.i18n.value_kinds import number_text
from train_core.config.interop.imports.report import QUIET, Import, LeftOut
from train_core.config.phrases import Phrase, setting_name

LONGEST = 80  # letters of a value


@dataclass(frozen=True)
class Row:
    """What became of `name`, a key of the file: its `value` there, the settings that it is here, and why.

    `asked` is the setting that waits for an answer.
    """

    name: str
    value: str = ""
    became: tuple[tuple[str, str], ...] = ()
    note: str = ""
    asked: str = ""


@dataclass(frozen=True)
class Group:
    """The rows of one kind, and how many keys they are; `quiet` keys lose nothing and are only counted."""

    kind: str
    title: str
    count: int
    rows: tuple[Row, ...]
    quiet: tuple[tuple[str, int], ...] = ()


def heading(found: Import, language: str) -> str:
    """Which program the file is from, what it trains, and for which models."""
    what = ", ".join(part for part in (found.method, found.family) if part)
    return text("ui.import.file", language, program=found.program, what=what)


def notes(found: Import, language: str) -> list[str]:
    """What is to be told of the file as a whole."""
    return [translate(note, language) for note in found.notes]


def groups_of(found: Import, language: str) -> list[Group]:
    """The groups that are not empty; what asks for an answer comes first, what loses nothing last."""
    taken = [Row(one.name, value_text(one.value)) for one in found.taken]
    changed = [
        Row(one.name, value_text(one.value), _pairs(one.became), say(one.reason, language)) for one in found.changed
    ]
    unknown = [Row(one.name, value_text(one.value), (), say(one.reason, language)) for one in found.not_understood]
    needs = [
        Row(one.name, value_text(one.value), (), translate(one.question, language), one.setting) for one in found.needs
    ]
    defaults = [
        Row(one.setting, "", ((one.setting, value_text(one.ours)),),
            text("ui.import.theirs", language, value=value_text(say(one.theirs, language))))
        for one in found.defaulted
    ]  # fmt: skip
    left, quiet = _left_out(found.left_out, language)
    rows = {
        "needs": (needs, len(needs)), "not_understood": (unknown, len(unknown)), "changed": (changed, len(changed)),
        "left_out": (left, len(found.left_out)), "defaulted": (defaults, found.defaulted_count),
        "taken": (taken, len(taken)),
    }  # fmt: skip
    return [
        Group(kind, text(f"ui.import.{kind}", language), count, tuple(listed), quiet if kind == "left_out" else ())
        for kind, (listed, count) in rows.items() if count
    ]


def _left_out(entries: Iterable[LeftOut], language: str) -> tuple[list[Row], tuple[tuple[str, int], ...]]:
    """A row for each key that is lost, those of one reason together; of the others how many there are by reason."""
    by_reason: dict[Phrase, list[LeftOut]] = {}
    for entry in entries:
        by_reason.setdefault(entry.reason, []).append(entry)
    rows = [
        Row(one.name, value_text(one.value), (), say(reason, language))
        for reason, its in by_reason.items() if reason not in QUIET for one in its
    ]  # fmt: skip
    return rows, tuple((say(reason, language), len(its)) for reason, its in by_reason.items() if reason in QUIET)


def report_lines(found: Import, language: str) -> Iterator[str]:
    """The whole report for a terminal."""
    yield heading(found, language)
    yield from notes(found, language)
    for group in groups_of(found, language):
        yield text("ui.import.group", language, title=group.title, count=group.count)
        yield from (f"  {line(row, language)}" for row in group.rows)
        yield from (f"  {text('ui.import.quiet', language, reason=why, count=count)}" for why, count in group.quiet)


def line(row: Row, language: str) -> str:
    """A row as one line of text."""
    became = ", ".join(f"{named(name, language)} = {value}" for name, value in row.became)
    own = f"{named(row.name, language)} = {row.value}" if row.value else ""
    told = " → ".join(part for part in (own, became) if part)
    return f"{told}  ({row.note})" if row.note else told


def named(name: str, language: str) -> str:
    """A setting with its label where the language shows it; a key of another program as it is."""
    return str(say(setting_name(name), language)) if label(name, language) else name


def label(name: str, language: str) -> str:
    """The label of the setting `name`; "" where there is none."""
    return dictionary(language).get(f"setting.{name}.label", "")


def _pairs(values: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value_text(value)) for name, value in values.items())


def value_text(value: Any) -> str:
    """A value as people write it, cut where it is long."""
    if isinstance(value, bool) or value is None:
        written = {True: "true", False: "false", None: "–"}[value]
    elif isinstance(value, int | float):
        written = number_text(value) if abs(value) < 1e300 else f"{str(value)[:LONGEST]}"
    elif isinstance(value, list | tuple):
        written = " ".join(value_text(item) for item in value) or "–"
    elif isinstance(value, Mapping):
        written = ", ".join(f"{name} = {value_text(item)}" for name, item in value.items()) or "–"
    else:
        written = " ".join(str(value).split()) or "–"
    return written if len(written) <= LONGEST else written[: LONGEST - 1] + "…"
