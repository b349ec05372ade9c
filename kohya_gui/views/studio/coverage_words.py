"""What a dataset shows in sentences: statements about its pictures, in the reader's language."""

from __future__ import annotations

from kohya_gui.i18n.messages import dictionary, text
from train_core.studio.words.coverage import Statement


def statement_text(one: Statement, language: str) -> str:
    """A statement as a sentence."""
    counts = {"count": f"{len(one.pictures):,}", "all": f"{one.all:,}"}
    if one.kind in ("none", "few", "most"):
        return text(f"ui.studio.there.{one.kind}.{one.what}", language, **counts)
    what = part_text(one, one.what, language) if one.kind in ("shot", "folder") else one.what
    return text(f"ui.studio.there.{one.kind}", language, what=what, **counts)


def part_text(one: Statement, name: str, language: str) -> str:
    """What a part of a statement is called: a kind of shot, a folder, a tag."""
    if one.kind == "shot":
        return dictionary(language).get(f"ui.data.kind_{name}", name)
    return text("ui.studio.there.top_folder", language) if one.kind == "folder" and not name else name
