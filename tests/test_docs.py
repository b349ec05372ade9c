"""What the docs point to is there: tests by their names, and other pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kohya_gui.i18n.languages import ENGLISH, languages
from kohya_gui.i18n.messages import dictionary
from kohya_gui.tabs.about import guides
from tests.kohya_gui.i18n.test_messages import calls

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
GUIDES = {tag: path.read_text(encoding="utf-8") for tag, path in guides().items()}
# The marks around whole texts of the page, and around parts of them.
QUOTES = {ENGLISH: ("**", '""')}
OTHER_QUOTES = ("「」", "『』")
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


def test_there_is_a_guide_in_every_language_and_the_readme_names_it() -> None:
    assert list(GUIDES) == list(languages())
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path for path in guides().values() if f"({path.relative_to(ROOT).as_posix()})" not in readme] == []


@pytest.mark.parametrize("language", GUIDES)
def test_every_text_that_a_guide_quotes_stands_on_the_page_in_its_language(language: str) -> None:
    texts = texts_of(language)
    whole, parts = (quoted(marks, GUIDES[language]) for marks in QUOTES.get(language, OTHER_QUOTES))
    assert len(whole) > 60
    assert len(parts) > 12
    assert whole - texts == set()
    assert {part for part in parts if not any(part in text for text in texts)} == set()


@pytest.mark.parametrize("language", GUIDES)
def test_every_preset_that_a_guide_names_comes_with_the_program(language: str) -> None:
    there = {path.stem for path in (ROOT / "presets").rglob("*.json")}
    named = set(re.findall(r"`((?:sd15|sdxl|illustrious)-[\w-]+)`", GUIDES[language]))
    assert len(named) > 5
    assert named - there == set()


@pytest.mark.parametrize("language", GUIDES)
def test_the_contents_of_a_guide_are_its_chapters(language: str) -> None:
    """Each by the anchor that GitHub makes of its heading."""
    listed = re.findall(r"^- \[(.+)\]\(#(.+)\)$", GUIDES[language], re.MULTILINE)
    chapters = re.findall(r"^## (.+)$", GUIDES[language], re.MULTILINE)
    assert len(chapters) > 5
    assert listed == [(one, re.sub(r"[^\w -]", "", one.lower()).replace(" ", "-")) for one in chapters]


@pytest.mark.parametrize("language", GUIDES)
def test_the_guides_say_the_same_at_the_same_places(language: str) -> None:
    """So that a guide in which something was forgotten is noticed."""
    assert shape(GUIDES[language]) == shape(GUIDES[ENGLISH])


def texts_of(language: str) -> set[str]:
    """All texts of the page, with English messages, which only the code has."""
    messages = {template for _, _, template in calls("problem")} if language == ENGLISH else set()
    return {*dictionary(language).values(), *messages}


def quoted(marks: str, written: str) -> set[str]:
    """The texts in `written` that stand between the two letters of `marks`; a line may end in them."""
    opening, closing = map(re.escape, marks)
    flowing = re.sub(r"(?<!\n)\n *(?=[^\s|#`-])", " ", written)
    return {found[1] for found in re.finditer(f"{opening}([^{opening}{closing}\n]+){closing}", flowing)}


def shape(written: str) -> list[str]:
    """How its lines begin: headings, items of lists, rows of tables and blocks of code, and the addresses in it."""
    return re.findall(r"^(?:#+ |- |\d\. |\||```)|https://[^)\s`]+\.org/\S*?(?=\))", written, re.MULTILINE)
