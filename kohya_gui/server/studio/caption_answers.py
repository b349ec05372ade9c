"""What the Data tab's routes answer of captions: that of a picture, changes of many, and what is odd in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from kohya_gui.i18n.messages import text
from kohya_gui.server.studio.asked import (
    MOST_LETTERS,
    MOST_TEXT,
    Asked,
    Changed,
    Finds,
    Found,
    picture_in,
    pictures_in,
    text_in,
)
from kohya_gui.server.studio.said import MOST_TAGS, merged, said_of
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import note
from kohya_gui.views.studio.words import finding_text, joined_names, notes_html
from train_core.config.existing import is_file
from train_core.config.problems import UserError
from train_core.facts.captions.lint import LIMITS, lint
from train_core.facts.captions.sets import Captioned, CaptionSet
from train_core.facts.captions.token_count import fit_tokens
from train_core.facts.images.caption_draws import CaptionRules
from train_core.facts.images.encodings import Reading
from train_core.studio import captions
from train_core.studio.captions import all_tags
from train_core.studio.listing import Listing
from train_core.studio.looking import names_of
from train_core.studio.proofreading import Finding, proofread
from train_core.studio.tag_edits import edit_of
from train_core.studio.words.categories import Categories

MOST_EXAMPLES, MOST_FINDINGS = 5, 200
OF_CAPTIONS = ("caption", "write", "said", "merge", "tags", "convert", "proofread")  # its routes


class CaptionAnswers:
    """What the routes answer; everything that comes in may be anything.

    `state` is what is told of a dataset as a whole, `categories` are those of all tags.
    """

    def __init__(
        self, listing: Finds, changed: Changed, state: Callable[[Listing, str], Found],
        categories: Callable[[], Categories],
    ) -> None:  # fmt: skip
        self._listing = listing
        self._changed = changed
        self._state = state
        self._categories = categories

    def caption(self, asked: Asked, language: str) -> Found:
        """The caption of a picture, or the tags of several."""
        listing = self._listing(asked)
        ids = pictures_in(asked, listing)
        if len(ids) != 1:
            return {"tags": listing.tags(ids)}
        found = listing.studio.caption(ids[0])
        told = joined([note("error", message(found.problem, language))] if found.problem else [])
        return {**_caption(listing, ids[0], found.shown, language), "conflict": told}

    def write(self, asked: Asked, language: str) -> Found:
        """Write a caption, unless its file says something else than what was edited; then that is told."""
        listing = self._listing(asked)
        id = picture_in(asked, listing)
        try:
            outcome = listing.studio.write(id, text_in(asked, "text", MOST_TEXT), text_in(asked, "seen", MOST_TEXT))
        except UserError as error:
            told = joined(note("error", message(one, language)) for one in error.problems)
            now = listing.studio.caption(id).shown
            return {**self._state(listing, language), **_caption(listing, id, now, language), "conflict": told}
        now = listing.studio.caption(id).shown
        return {
            **self._changed(listing, outcome, language), **_caption(listing, id, now, language),
            "conflict": notes_html(outcome.left, language),
        }  # fmt: skip

    def said(self, asked: Asked, _language: str) -> Found:
        """What taggers and captioners said of a picture."""
        listing = self._listing(asked)
        ids = pictures_in(asked, listing)
        return {"said": [*_listed_of(listing, ids[0]), *said_of(listing.studio, ids[0])] if len(ids) == 1 else []}

    def merge(self, asked: Asked, _language: str) -> Found:
        """A caption that is being edited with the tags, or the sentence, that it lacks."""
        given = asked.get("tags")
        tags = [str(one)[:MOST_LETTERS] for one in given[:MOST_TAGS]] if isinstance(given, list) else []
        return {"text": merged(text_in(asked, "text", MOST_TEXT), tags, text_in(asked, "sentence", MOST_TEXT))}

    def tags(self, asked: Asked, language: str) -> Found:
        """Change tags of many captions, or show what that would change."""
        listing = self._listing(asked)
        do, tag, into = (text_in(asked, name, MOST_TEXT) for name in ("do", "tag", "into"))
        edit = edit_of(do, tag, into, self._categories())
        ids = self._scope(asked, listing)
        if asked.get("preview") is True:
            found = listing.studio.preview(ids, edit)
            return _previewed(listing, ids, found)
        outcome = listing.studio.edit(ids, edit, {"do": do, "tag": tag, "into": into})
        told = notes_html(outcome.left, language)
        return {**self._changed(listing, outcome, language), "count": len(outcome.captioned), "left": told}

    def convert(self, asked: Asked, language: str) -> Found:
        """Write captions that are in other encodings as UTF-8."""
        listing = self._listing(asked)
        outcome = listing.studio.convert(pictures_in(asked, listing))
        return {**self._changed(listing, outcome, language), "count": len(outcome.captioned)}

    def _scope(self, asked: Asked, listing: Listing) -> Sequence[int]:
        scope = asked.get("scope")
        if scope == "pictures":
            return pictures_in(asked, listing)
        return listing.order(text_in(asked, "filter") if scope == "filter" else "")

    def proofread(self, asked: Asked, language: str) -> Found:
        """What is redundant, suspicious or missing among the tags of the pictures that a filter shows."""
        listing = self._listing(asked)
        ids, studio = listing.order(text_in(asked, "filter")), listing.studio
        tags = {id: all_tags(studio.facts[id].caption) for id in ids}
        listing.take_measures()
        foreign = studio.foreign(ids)
        found = [Finding("encoding", "", tuple(foreign))] if foreign else []
        found += proofread(tags, [one.pictures for one in listing.alike()])
        return {
            "findings": [
                {"kind": one.kind, "tag": one.tag, "pictures": one.pictures, "words": finding_text(one, language),
                 **(_readings(listing, foreign, language) if one.kind == "encoding" else {})}
                for one in found[:MOST_FINDINGS]
            ],
            "more": max(0, len(found) - MOST_FINDINGS),
        }  # fmt: skip


def _caption(listing: Listing, id: int, text: str, language: str) -> Found:
    """What is shown of a caption that is being edited."""
    path = listing.studio.pictures[id].path
    fit = max((fit_tokens(line, LIMITS[0]) for line in text.split("\n")), key=lambda one: one.count)
    one = CaptionSet(path.parent, CaptionRules(), (Captioned(path, text),))
    return {
        "text": text, "file": captions.caption_file(path).name, "beside": _beside(path),
        "tokens": fit.count, "limit": LIMITS[0], "over": fit.lost,
        "lint": joined(note("warning", message(found.found, language)) for found in lint([one])),
    }  # fmt: skip


def _beside(path: Path) -> list[str]:
    """The other caption file of a picture that has two, as old tools leave them, and its text in one line."""
    other = path.with_suffix(captions.ENDINGS[1])
    if captions.caption_file(path) == other or not is_file(other):
        return []
    said = " ".join(captions.read(other).shown.split())
    return [other.name, said] if said else []


def _previewed(listing: Listing, ids: Sequence[int], found: Sequence[tuple[int, str, str]]) -> Found:
    """What a change would do: how many captions change, the first few of them, and why the others do not."""
    studio = listing.studio
    files = {id: captions.caption_file(studio.pictures[id].path) for id in ids}
    change = {id for id, _, _ in found}
    unread = [path for id, path in files.items() if id not in change and captions.read(path).problem is not None]
    return {
        "count": len(found), "same": len(files) - len(change) - len(unread), "unread": len(unread),
        "unread_names": names_of(unread),
        "examples": [[before, after, files[id].name] for id, before, after in found[:MOST_EXAMPLES]],
    }  # fmt: skip


def _readings(listing: Listing, foreign: Mapping[int, Reading], language: str) -> Found:
    """The pictures whose captions can be read in other encodings, the first few of these texts, and what is left."""
    pictures = listing.studio.pictures
    by_file = {captions.caption_file(pictures[id].path): id for id in foreign}  # pictures of one stem share a file
    files = {id: path.name for path, id in by_file.items()}
    clear = [id for id in files if foreign[id].text is not None]
    doubtful = [file for id, file in files.items() if foreign[id].text is None]
    left = text(
        "ui.studio.finding.doubtful", language, count=len(doubtful), names=joined_names(doubtful, language)
    )  # fmt: skip
    return {
        "clear": clear, "doubtful": left if doubtful else "",
        "reads": [
            [files[id], foreign[id].encoding, (foreign[id].text or "")[:MOST_LETTERS]] for id in clear[:MOST_EXAMPLES]
        ],
    }  # fmt: skip


def _listed_of(listing: Listing, id: int) -> list[Found]:
    """What a metadata file says of a picture, as what models said."""
    one = listing.listed.get(id)
    return [] if one is None else [{"by": one.file.name, "prompt": "", "at": "", "tags": [], "text": one.text}]
