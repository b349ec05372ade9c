"""What the Data tab's routes answer: datasets, lists of pictures, what is decided about them, and their likeness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from kohya_gui.files.reach import Reach
from kohya_gui.i18n.messages import words_of
from kohya_gui.server.studio.asked import MOST_PATH, Asked, Found, meaningless, pictures_in, text_in, whole_in
from kohya_gui.server.studio.box_answers import kinds
from kohya_gui.server.studio.opened_sets import Studios
from kohya_gui.server.studio.site_tags import SiteTags
from kohya_gui.server.studio.source_answers import listed, opened
from kohya_gui.server.studio.updated import Program
from kohya_gui.server.studio.word_answers import WordAnswers
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import note
from kohya_gui.views.studio.frame import GROUP, shell_html
from kohya_gui.views.studio.words import facet_text, notes_html, step_text
from train_core.config.existing import is_file
from train_core.config.places import app_dir
from train_core.config.problems import UserError, problem
from train_core.studio.dataset import Shot, changed, datasets, must_be_there
from train_core.studio.decisions import MARKS, RATINGS
from train_core.studio.listing import Listing
from train_core.studio.looking import Watch, names_of
from train_core.studio.opened import Outcome
from train_core.studio.tagging.wd_files import demo_tagger
from train_core.studio.vision import found as vision


class Answers:
    """What the routes answer; everything that comes in may be anything."""

    def __init__(self, studios: Studios, reach: Reach, site: SiteTags) -> None:
        self._studios = studios
        self._reach = reach
        self._program = Program()
        self.words = WordAnswers(self.listing, site)

    def shell(self, _asked: Asked, language: str) -> Found:
        """The tab's frame, and the words that its scripts say. Raises UserError if these are of another program."""
        self._program.must_be_as_started()
        return {"html": shell_html(language), "words": words_of(GROUP, language)}

    def sets(self, _asked: Asked, _language: str) -> Found:
        """The datasets that there are; of those that are open, how many pictures are kept."""
        found = []
        for one in datasets():
            if any(self._reach.find(str(path)) is None for path in one.sources):
                continue
            listing = self._studios.opened(one.id)
            counts = listing.counts() if listing else None
            found.append({
                "id": one.id, "name": one.name, "sources": [str(path) for path in one.sources],
                "changed": f"{changed(one):%Y-%m-%d %H:%M}",
                "count": sum(counts.values()) if counts else None, "kept": counts["k"] if counts else None,
            })  # fmt: skip
        return {"sets": found}

    def open(self, asked: Asked, language: str) -> Found:
        """Open a folder, or a dataset that is there already, and look at its files again."""
        with self._studios.watched(text_in(asked, "token")) as watch:
            return self._opened(asked, language, watch)

    def opening(self, asked: Asked, _language: str) -> Found:
        """How many files were looked at by `open` with the same token; with `stop` it ends."""
        watch = self._studios.watch(text_in(asked, "token"))
        watch.stopped = watch.stopped or asked.get("stop") is True
        return {"looked": watch.looked}

    def _opened(self, asked: Asked, language: str, watch: Watch) -> Found:
        path = text_in(asked, "path", MOST_PATH)
        file = None
        if path:
            folder, file = opened(self._reach.must_find(path))
            listing = self._within(self._studios.open_folder(self._reach.must_find(str(folder)), watch))
        else:
            was_open = self._studios.opened(text_in(asked, "id")) is not None
            listing = self._within(self._studios.find(text_in(asked, "id"), watch))
            for source in listing.studio.dataset.sources:
                must_be_there(source)
            if was_open:  # else this has just been done
                listing.studio.look(watch)
        listing.take_listed(file, watch)
        finished, listing.studio.finished = listing.studio.finished, None
        return {**self._described(listing), "finished": step_text(finished, language)}

    def _described(self, listing: Listing) -> Found:
        studio = listing.studio
        return {
            "id": studio.dataset.id, "name": studio.dataset.name, "count": len(studio.pictures),
            "sources": [str(path) for path in studio.dataset.sources], "skipped": len(studio.unreadable),
            "skipped_names": names_of(studio.unreadable),
            "shots": [{"name": shot.name, "target": shot.target} for shot in studio.dataset.shots],
            "kinds": kinds(listing), "listed": listed(listing),
            "tagger": str(demo_tagger()) if _is_of_the_demo(studio.dataset.sources) else "",
        }  # fmt: skip

    def list(self, asked: Asked, language: str) -> Found:
        """Which pictures a filter shows, in which order; and all that is shown of pictures if that is not known yet."""
        listing = self.listing(asked)
        listing.studio.follow()
        bad = ""
        if text_in(asked, "filter") or asked.get("sort") == "faces":
            listing.take_found()
        with listing.studio.lock:  # so that order, revision and columns are of one state
            try:
                order = listing.order(text_in(asked, "filter"), text_in(asked, "sort"), asked.get("down") is True)
            except UserError as error:
                order, bad = [], joined(note("error", message(one, language)) for one in error.problems)
            revision = listing.studio.revision
            return {
                "order": order, "bad": bad, "revision": revision, "last": listing.studio.entries,
                "pictures": None if asked.get("revision") == revision else _columns(listing),
            }  # fmt: skip

    def pulse(self, asked: Asked, _language: str) -> Found:
        """Whether anybody has decided or changed something: another number than before."""
        studio = self.listing(asked).studio
        studio.follow()
        return {"last": studio.entries}

    def side(self, asked: Asked, language: str) -> Found:
        """Counts, tags and filters for the pictures that a filter shows."""
        listing = self.listing(asked)
        self._studios.measure(listing)
        done = listing.take_measures()
        complete = done >= len(listing.studio.pictures)
        if complete:
            listing.alike()
        listing.take_found()
        try:
            shown = listing.order(text_in(asked, "filter"))
        except UserError:
            shown = []
        categories = self.words.categories_of_all()
        return {
            **self.state(listing, language),
            "tags": [[tag, count, categories.of(tag)] for tag, count in listing.tags(shown)],
            "facets": [
                {"key": key, "words": facet_text(key, language), "count": count}
                for key, count in listing.facets(shown)
            ],
            "measured": [done, len(listing.studio.pictures)],
            "looked": [max(listing.looked.values(), default=0), len(listing.studio.pictures)],
        }  # fmt: skip

    def found(self, asked: Asked, _language: str) -> Found:
        """What is on a picture, in pixels of it upright; with `look`, faces and people are looked for unless known.

        `looked` says for what somebody has looked at all.
        """
        listing = self.listing(asked)
        picture = listing.studio.pictures.get(whole_in(asked, "picture"))
        if picture is None:
            raise meaningless()
        seen = vision.look(picture.path) if asked.get("look") is True else None
        seen = vision.found(picture.path) or seen or vision.Found()
        return {
            "width": picture.header.width, "height": picture.header.height, "looked": sorted(seen.looked),
            "faces": [astuple(box) for box in seen.faces], "text": [astuple(box) for box in seen.text],
            "person": astuple(seen.person) if seen.person is not None else None,
        }  # fmt: skip

    def mark(self, asked: Asked, language: str) -> Found:
        """Mark pictures, rate them, or say what kind of shot they are."""
        listing = self.listing(asked)
        studio, ids = listing.studio, pictures_in(asked, listing)
        if "mark" in asked:
            if asked["mark"] not in MARKS:
                raise meaningless()
            return self.changed(listing, studio.mark(ids, asked["mark"]), language)
        if "rating" in asked:
            rating = asked["rating"]
            if type(rating) is not int or not 0 <= rating <= len(RATINGS):
                raise meaningless()
            return self.changed(listing, studio.rate(ids, rating), language)
        shot, shots = asked.get("shot"), studio.dataset.shots
        if type(shot) is not int or not -1 <= shot < len(shots):
            raise meaningless()
        return self.changed(listing, studio.shoot(ids, shots[shot].name if shot >= 0 else ""), language)

    def undo(self, asked: Asked, language: str) -> Found:
        """Take the last change back."""
        listing = self.listing(asked)
        _same_step(asked, step_text(listing.studio.last_step, language))
        return self.changed(listing, listing.studio.undo(), language)

    def redo(self, asked: Asked, language: str) -> Found:
        """Do again what was taken back last."""
        listing = self.listing(asked)
        _same_step(asked, step_text(listing.studio.next_step, language))
        return self.changed(listing, listing.studio.redo(), language)

    def shots(self, asked: Asked, language: str) -> Found:
        """Have other kinds of shots."""
        listing = self.listing(asked)
        given = asked.get("shots")
        rows = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
        listing.studio.set_shots([
            Shot(str(row.get("name") or "").strip(), target if type(target := row.get("target")) is int else 0)
            for row in rows
        ])  # fmt: skip
        return self._described(listing)

    def groups(self, asked: Asked, language: str) -> Found:
        """Near-duplicates among the pictures that a filter shows, as far as they are measured; the best ones first."""
        listing = self.listing(asked)
        self._studios.measure(listing)
        done = listing.take_measures()
        return {
            "groups": [
                {"kind": kind, "pictures": pictures} for kind, pictures in listing.copies(text_in(asked, "filter"))
            ],
            "measured": [done, len(listing.studio.pictures)], "revision": listing.studio.revision,
        }  # fmt: skip

    def listing(self, asked: Asked) -> Listing:
        """The dataset that is asked about. Raises UserError if there is none, or this page may not show it."""
        return self._within(self._studios.find(text_in(asked, "id")))

    def picture(self, set: str, id: int) -> Path | None:
        """The file of a picture of a dataset, if there is one within the page's reach."""
        try:
            found = self._within(self._studios.find(set)).studio.pictures.get(id)
        except UserError:
            return None
        return found.path if found is not None and is_file(found.path) else None

    def _within(self, listing: Listing) -> Listing:
        """The dataset, if this page may show its folders; one that was opened by another page may lie elsewhere."""
        for source in listing.studio.dataset.sources:
            self._reach.must_find(str(source))
        return listing

    def state(self, listing: Listing, language: str) -> Found:
        """What is decided in a dataset as a whole, and what could be undone."""
        studio = listing.studio
        return {
            "revision": studio.revision, "last": studio.entries, "counts": listing.counts(), "shots": listing.shots(),
            "undo": step_text(studio.last_step, language), "redo": step_text(studio.next_step, language),
        }  # fmt: skip

    def changed(self, listing: Listing, outcome: Outcome, language: str) -> Found:
        """What a change has done."""
        facts, shots = listing.studio.facts, _shot_places(listing)
        return {
            **self.state(listing, language),
            "changed": [
                [id, one.mark, shots.get(one.shot, -1), one.rating]
                for id in outcome.decided if (one := facts.get(id)) is not None
            ],
            "captions": sorted(outcome.captioned), "told": step_text(outcome.step, language),
            "left": notes_html(outcome.left, language),
        }  # fmt: skip


def _columns(listing: Listing) -> Found:
    """What is shown of all pictures, each kind of fact as a list."""
    shots, pictures = _shot_places(listing), listing.studio.pictures.values()
    names = sorted({facts.folder for facts in listing.studio.facts.values()})
    folders = {name: place for place, name in enumerate(names)}
    return {
        "id": [one.id for one in pictures], "stamp": [one.stamp for one in pictures],
        "name": listing.column(lambda one: one.name), "width": listing.column(lambda one: one.width),
        "height": listing.column(lambda one: one.height), "mark": "".join(listing.column(lambda one: one.mark)),
        "shot": listing.column(lambda one: shots.get(one.shot, -1)),
        "rating": "".join(listing.column(lambda one: str(one.rating))),
        "captioned": "".join(listing.column(lambda one: str(int(one.captioned)))),
        "folders": list(folders), "folder": listing.column(lambda one: folders[one.folder]),
    }  # fmt: skip


def _is_of_the_demo(sources: Sequence[Path]) -> bool:
    """Whether the pictures are those that come with the program."""
    return all(source.is_relative_to(app_dir() / "demo" / "images") for source in sources)


def _shot_places(listing: Listing) -> dict[str, int]:
    return {shot.name: place for place, shot in enumerate(listing.studio.dataset.shots)}


def _same_step(asked: Asked, step: str) -> None:
    """Raise UserError if what is to be taken back is not what the page has shown as that."""
    seen = asked.get("seen")
    if isinstance(seen, str) and seen and seen != step:
        raise UserError(
            problem(
                "studio_other_window",
                "Another window has changed something since, and nothing was taken back. What came last is: {step}. "
                "Press again to take that back.",
                step=step,
            )
        )
