"""The cards' state as HTML: a line for each of them, with what is known of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.views.markup import joined
from train_core.facts.machine.card_state import CardState


def cards_html(cards: Sequence[CardState], language: str) -> Markup:
    """All cards, "" without any."""
    return joined(
        Markup('<div class="card-state"><b>{}</b>{}</div>').format(
            card.name,
            joined(Markup("<span>{} <i>{}</i></span>").format(text(f"ui.card.{name}", language), value)
                   for name, value in _figures(card)),
        )
        for card in cards
    )  # fmt: skip


def _figures(card: CardState) -> Iterator[tuple[str, str]]:
    """Name and value of what is known."""
    if card.use is not None:
        yield "use", f"{card.use} %"
    if card.temperature is not None:
        yield "temperature", f"{card.temperature} °C"
    if card.power is not None:
        yield "power", f"{card.power} W"
    if card.used is not None:
        total = "" if card.memory is None else f" / {bytes_text(card.memory)}"
        yield "memory", f"{bytes_text(card.used)}{total}"
