"""What the Data tab's routes answer of where a dataset comes from: its folders, and captions in metadata files."""

from __future__ import annotations

from pathlib import Path

from kohya_gui.files.arrivals import ZIP
from kohya_gui.files.opened_zips import unfolded
from kohya_gui.files.reach import Reach
from kohya_gui.i18n.messages import text
from kohya_gui.runs.details.record import sample_named
from kohya_gui.runs.registry import find_job
from kohya_gui.server.studio.asked import MOST_PATH, Asked, Changed, Finds, Found, text_in
from kohya_gui.server.studio.opened_sets import Studios
from kohya_gui.views.studio.to_data import to_data_html
from train_core.config.existing import is_file
from train_core.config.problems import UserError, problem
from train_core.studio.arriving.added import add_sample, place_of, take_added, with_place
from train_core.studio.arriving.listed_captions import ENDINGS, folder_of
from train_core.studio.dataset import Dataset, datasets, find_dataset, with_source, without_source
from train_core.studio.listing import Listing

MOST_EXAMPLES, MOST_SHOWN, MOST_SETS = 3, 200, 12


class SourceAnswers:
    """What the routes answer; everything that comes in may be anything."""

    def __init__(
        self, studios: Studios, reach: Reach, listing: Finds, changed: Changed
    ) -> None:
        self._studios = studios
        self._reach = reach
        self._listing = listing
        self._changed = changed

    def add_source(self, asked: Asked, _language: str) -> Found:
        """Have one more folder, or zip file, in a dataset."""
        folder, file = opened(self._reach.must_find(text_in(asked, "path", MOST_PATH)))
        listing = self._listing(asked)
        self._studios.change_sources(listing, with_source, folder)
        listing.take_listed(file)
        return _sources(listing)

    def place(self, asked: Asked, _language: str) -> Found:
        """Where new pictures of a dataset are to be sent."""
        return {"folder": str(place_of(self._listing(asked).studio.dataset))}

    def added(self, asked: Asked, language: str) -> Found:
        """Have the pictures that were sent in the dataset, those with a prompt in them captioned by it."""
        listing = self._listing(asked)
        before = {*listing.studio.pictures}
        outcome = take_added(listing.studio)
        new = [id for id in listing.studio.pictures if id not in before]
        return {**self._changed(listing, outcome, language), **_sources(listing), "new": new}

    def to_data(self, asked: Asked, language: str) -> Found:
        """Copy a sample picture of a run into a dataset; without one, which there are, the one used last first."""
        chosen, last = asked.get("set"), asked.get("last")
        if not isinstance(chosen, str):
            sets = [one for one in datasets() if all(self._reach.find(str(path)) is not None for path in one.sources)]
            return {"html": to_data_html(sorted(sets, key=lambda one: one.id != last)[:MOST_SETS], language)}
        folder = find_job(str(asked.get("run")))
        sample = sample_named(folder, str(asked.get("name"))) if folder is not None else None
        if sample is None or not is_file(sample):
            raise UserError(problem("sample_gone", "This sample picture is no longer there."))
        dataset = self._within(find_dataset(chosen))
        copy = add_sample(dataset, sample)
        listing = self._studios.opened(chosen)
        if listing is not None:
            take_added(listing.studio)
        else:
            with_place(dataset)
        return {"told": text("ui.to_data.done", language, name=dataset.name, file=str(copy))}

    def remove_source(self, asked: Asked, _language: str) -> Found:
        """Have one of the folders that were added no longer; the pictures in it stay as they are."""
        listing = self._listing(asked)
        self._studios.change_sources(listing, without_source, Path(text_in(asked, "path", MOST_PATH)))
        return _sources(listing)

    def forget(self, asked: Asked, _language: str) -> Found:
        """Take a dataset from the list; its pictures and captions stay as they are."""
        dataset = self._within(find_dataset(str(asked.get("id"))))
        return {"folder": str(self._studios.forget(dataset.id))}

    def _within(self, dataset: Dataset) -> Dataset:
        """The dataset, if this page may show its folders."""
        for source in dataset.sources:
            self._reach.must_find(str(source))
        return dataset

    def take_listed(self, asked: Asked, language: str) -> Found:
        """Write the captions that only a metadata file has beside their pictures."""
        listing = self._listing(asked)
        unwritten = listing.unwritten()
        files = sorted({one.file.name for one in unwritten.values()})
        outcome = listing.studio.fill(
            {id: one.text for id, one in unwritten.items()}, {"do": "listed", "tag": ", ".join(files)}
        )
        return {**self._changed(listing, outcome, language), "count": len(outcome.captioned), "listed": listed(listing)}


def opened(path: Path) -> tuple[Path, Path | None]:
    """The folder that is meant by a path, and the metadata file if it is one. Raises UserError for one of no pictures.

    A zip file is unfolded.
    """
    if path.suffix.lower() == ZIP and is_file(path):
        return unfolded(path), None
    if path.suffix.lower() in ENDINGS and is_file(path):
        return folder_of(path), path
    return path, None


def listed(listing: Listing) -> Found:
    """How many captions stand only in metadata files, in which ones, and a few of them."""
    unwritten = listing.unwritten()
    pictures = listing.studio.pictures
    return {
        "count": len(unwritten), "files": sorted({one.file.name for one in unwritten.values()})[:MOST_EXAMPLES],
        "examples": [
            [pictures[id].path.name, one.text[:MOST_SHOWN]] for id, one in list(unwritten.items())[:MOST_EXAMPLES]
        ],
    }  # fmt: skip


def _sources(listing: Listing) -> Found:
    return {"sources": [str(path) for path in listing.studio.dataset.sources]}
