"""What the docs point to is there: tests by their names, and other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kohya_gui.i18n.messages import dictionary

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = [ROOT / "docs" / "zh-CN" / "guide.md"]  # in folders named by their languages
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


def test_every_test_that_the_docs_name_is_there() -> None:
    there = {
        name for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
    }  # fmt: skip
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")))
    assert len(named) > 20
    assert named - there == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_page_that_a_page_links_to_is_there(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.parent.name)
def test_every_text_that_a_guide_quotes_stands_on_the_page_in_its_language(guide: Path) -> None:
    """「…」 is a whole text of the page, and 『…』 a part of one, such as of a message with names in it."""
    written, texts = guide.read_text(encoding="utf-8"), set(dictionary(guide.parent.name).values())
    whole, parts = quoted("「」", written), quoted("『』", written)
    assert len(whole) > 30
    assert len(parts) > 10
    assert whole - texts == set()
    assert {part for part in parts if not any(part in text for text in texts)} == set()


@pytest.mark.parametrize("guide", GUIDES, ids=lambda guide: guide.parent.name)
def test_every_preset_that_a_guide_names_comes_with_the_program(guide: Path) -> None:
    there = {path.stem for path in (ROOT / "presets").rglob("*.json")}
    named = set(re.findall(r"`((?:sd15|sdxl|illustrious)-[\w-]+)`", guide.read_text(encoding="utf-8")))
    assert len(named) > 5
    assert named - there == set()


def quoted(marks: str, written: str) -> set[str]:
    """The texts in `written` that stand between the two letters of `marks`."""
    opening, closing = marks
    return {found[1] for found in re.finditer(f"{opening}([^{marks}\n]+){closing}", written)}
