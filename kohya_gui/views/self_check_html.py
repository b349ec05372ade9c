"""The self-check: what is in the way, the machine, the packages and the folders, each as a card."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.runs.self_check import Machine
from kohya_gui.views.markup import joined, message
from train_core.config.problems import Problem

Rows = Iterable[tuple[str, str]]


def self_check_html(
    machine: Machine, packages: Mapping[str, str], folders: Mapping[str, Path], caches: int,
    found: Iterable[Problem], language: str,
) -> Markup:  # fmt: skip
    """All cards in `language`; `caches` are the bytes of the caches."""
    cards = [
        _card("found", _notes(found, language), language),
        _card("machine", _table(_machine(machine, language)), language),
        _card("packages", _table((n, v or text("ui.check.missing", language)) for n, v in packages.items()), language),
        _card("folders", _table(_folders(folders, caches, language)), language),
    ]
    return Markup('<div class="self-check">{}</div>').format(joined(cards))


def _card(name: str, content: Markup, language: str) -> Markup:
    return Markup('<section class="card" id="check-{}"><h3>{}</h3>{}</section>').format(
        name, text(f"ui.check.{name}", language), content
    )


def _notes(found: Iterable[Problem], language: str) -> Markup:
    note = Markup('<div class="note warning"><span class="dot"></span><span>{}</span></div>')
    notes = joined(note.format(message(one, language)) for one in found)
    return notes or Markup('<p class="soft">{}</p>').format(text("ui.check.fine", language))


def _table(rows: Rows) -> Markup:
    return Markup("<table>{}</table>").format(
        joined(Markup("<tr><th>{}</th><td>{}</td></tr>").format(name, value) for name, value in rows)
    )


def _machine(machine: Machine, language: str) -> Rows:
    yield text("ui.check.system", language), machine.system
    names = ", ".join(f"{card.name} ({bytes_text(card.memory)})" for card in machine.cards)
    yield text("ui.check.card", language), names or text("ui.check.none", language)
    yield text("ui.check.device", language), machine.hardware.device
    for name, free, total in (
        ("memory", machine.free_memory, machine.memory), ("disk", machine.free_disk, machine.disk),
    ):  # fmt: skip
        said = text("ui.check.free", language, free=bytes_text(free), total=bytes_text(total))
        yield text(f"ui.check.{name}", language), said


def _folders(folders: Mapping[str, Path], caches: int, language: str) -> Rows:
    for name, path in folders.items():
        size = f" · {bytes_text(caches)}" if name == "caches" else ""
        yield text(f"ui.check.folder.{name}", language), f"{path}{size}"
