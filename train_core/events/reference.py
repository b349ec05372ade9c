"""The table of events in docs/events.md, written from their classes: `python -m train_core.events.reference`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from train_core.config.places import app_dir
from train_core.config.whole_files import write_text
from train_core.events import kinds
from train_core.events.event import KINDS, Event, own_fields

HEAD = "| kind | fields | when |\n|---|---|---|\n"


def table() -> str:
    """A row for each kind of event, in Markdown."""
    ours = [cls for cls in KINDS.values() if cls.__module__ == kinds.__name__]  # not those that somebody has added
    return HEAD + "".join(f"| `{cls.kind}` | {_fields(cls)} | {_when(cls)} |\n" for cls in ours)


def _fields(cls: type[Event]) -> str:
    """The fields' names, each with its note."""
    hints = get_type_hints(cls, include_extras=True)
    return ", ".join(f"`{one.name}`{_note(hints[one.name])}" for one in own_fields(cls))


def _note(hint: Any) -> str:
    note = get_args(hint)[1] if get_origin(hint) is Annotated else ""
    return f" ({note})" if note else ""


def _when(cls: type[Event]) -> str:
    return " ".join((cls.__doc__ or "").split())


def page_with_table(page: str) -> str:
    """`page` with the table in the place of the one that it has."""
    before, _, rest = page.partition(HEAD)
    lines = rest.splitlines(keepends=True)
    after = next(number for number, line in enumerate(lines) if not line.startswith("|"))
    return before + table() + "".join(lines[after:])


def main(path: Path | None = None) -> None:
    """Write the table into the page at `path`, which is docs/events.md unless given."""
    path = path or app_dir() / "docs" / "events.md"
    write_text(path, page_with_table(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
