"""What the Data tab's routes answer of an export: what it would start from, how far it is, and what it has done."""

from __future__ import annotations

from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any, get_args

from kohya_gui.files.reach import Reach
from kohya_gui.i18n.messages import text
from kohya_gui.server.studio.asked import MOST_PATH, Asked, Finds, Found, text_in, whole_in
from kohya_gui.views.studio.words import notes_html
from train_core.config.paths import clean_path
from train_core.config.places import home
from train_core.config.problems import UserError, problem
from train_core.studio.decisions import KEEP
from train_core.studio.exporting.export import Exported, export_kept, folders_of
from train_core.studio.exporting.plan import Form, Plan, proposed_repeats
from train_core.studio.exporting.wording import Wording, has_both
from train_core.studio.listing import Listing

EXPORTS = "exports"  # below the home
PATIENCE = 1.0  # seconds that an answer waits for the end


class Writing:
    """An export under way in a thread of its own."""

    def __init__(self, listing: Listing, plan: Plan) -> None:
        self.plan = plan
        self.done, self.total = 0, 0
        self._found: Exported | None = None
        self._error: BaseException | None = None
        self._stopped = False
        self._ended = Event()
        Thread(target=self._write, args=(listing,), name="export", daemon=True).start()

    def _write(self, listing: Listing) -> None:
        try:
            self._found = export_kept(listing, self.plan, self._progress)
        except BaseException as error:  # raised again where it is asked for
            self._error = error
        self._ended.set()

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        if self._stopped:
            raise _stopped()

    def stop(self) -> None:
        """Have it end after the picture that it is at."""
        self._stopped = True

    def result(self, patience: float) -> Exported | None:
        """What was exported, None if it takes longer than `patience` in seconds. Raises what the export has raised."""
        self._ended.wait(patience)
        if self._error is not None:
            raise self._error
        return self._found

    @property
    def ended(self) -> bool:
        return self._ended.is_set()


class ExportAnswers:
    """What the routes answer; everything that comes in may be anything. `listing` finds the dataset asked about."""

    def __init__(self, listing: Finds, reach: Reach) -> None:
        self._listing = listing
        self._reach = reach
        self._lock = Lock()
        self._writing: dict[str, Writing] = {}  # by dataset

    def plan(self, asked: Asked, _language: str) -> Found:
        """What an export would start from: how many pictures are kept, and what is proposed for it."""
        listing = self._listing(asked)
        dataset, kept = listing.studio.dataset, listing.counts()[KEEP]
        chosen = [facts for facts in list(listing.studio.facts.values()) if facts.mark == KEEP]
        boxes, both = sum(bool(facts.boxes) for facts in chosen), has_both(facts.caption for facts in chosen)
        writing = self._writing.get(dataset.id)
        return {
            "kept": kept, "boxed": boxes, "both": both,
            "folders": len({facts.folder for facts in chosen}), "name": dataset.name, "repeats": proposed_repeats(kept),
            "folder": str(home() / EXPORTS / dataset.name), "writes": writing is not None and not writing.ended,
        }  # fmt: skip

    def export(self, asked: Asked, language: str) -> Found:
        """Write the pictures that are kept, with their captions, as folders to train on; many take a while."""
        listing = self._listing(asked)
        plan = self._plan(asked)
        id = listing.studio.dataset.id
        with self._lock:  # so that two windows do not write at once
            writing = self._writing.get(id)
            if writing is None or writing.ended:
                writing = self._writing[id] = Writing(listing, plan)
        return self._state(writing, language)

    def _plan(self, asked: Asked) -> Plan:
        folder = self._reach.must_find(_whole_path(text_in(asked, "folder", MOST_PATH)))
        form: Form = next((one for one in get_args(Form) if one == asked.get("form")), "folders")
        return Plan(
            folder, text_in(asked, "name"), whole_in(asked, "repeats"), max(0, whole_in(asked, "held_out")),
            max(0, whole_in(asked, "seed")), asked.get("whole") is not False, asked.get("boxes") is True, form,
            asked.get("zip") is True,
            next((one for one in get_args(Wording) if one == asked.get("captions")), "whole"),
            asked.get("by_folder") is True, _repeats(asked.get("own_repeats")), asked.get("regular_half") is True,
        )  # fmt: skip

    def balance(self, asked: Asked, language: str) -> Found:
        """The folders that the export would write: what for, name, pictures, repeats, and what words say of them."""
        found = folders_of(self._listing(asked), self._plan(asked))
        return {
            "folders": [
                [one.use, one.name, one.pictures, one.repeats, text(f"ui.data.use_{one.use}", language)]
                for one in found
            ],
        }  # fmt: skip

    def exported(self, asked: Asked, language: str) -> Found:
        """How far the export is, or what it has done; with `stop` it ends."""
        writing = self._writing.get(self._listing(asked).studio.dataset.id)
        if writing is None:
            raise _stopped()
        if asked.get("stop") is True:
            writing.stop()
        return self._state(writing, language)

    def _state(self, writing: Writing, language: str) -> Found:
        done = writing.result(PATIENCE)
        if done is None:
            return {"writes": [writing.done, writing.total]}
        return _described(done, writing.plan, language)


def _described(done: Exported, plan: Plan, language: str) -> Found:
    key = "ui.studio.exported_held" if done.held_out else "ui.studio.exported"
    told = text(
        key, language, trained=done.trained, held=done.held_out, folder=str(plan.folder), written=done.written,
        unchanged=done.unchanged, removed=done.removed,
    )  # fmt: skip
    if done.regular:
        told += " " + text("ui.studio.exported_regular", language, count=f"{done.regular:,}")
    if done.archive is not None:
        told += " " + text("ui.studio.exported_zip", language, file=done.archive.name)
    return {
        "told": told, "left": notes_html(done.left, language), "trained": done.trained, "held_out": done.held_out,
        "train": str(done.train), "validation": str(done.validation or ""), "trains": plan.form != "imagefolder",
        "regularisation": str(done.regularisation or ""), "masks": str(done.masks or ""),
        "description": str(done.description or ""), "name": plan.name, "keep_tokens": done.keep_tokens,
        "picks_lines": done.picks_lines,
    }  # fmt: skip


def _whole_path(text: str) -> str:
    """The folder that was typed. Raises UserError for none, and for one that begins wherever Crucible was started."""
    if not text.strip():
        raise UserError(problem("export_no_folder", "Say in which folder to write: type it, or pick one."))
    if not Path(clean_path(text)).expanduser().is_absolute():
        raise UserError(
            problem(
                "export_relative",
                "{folder} says not where it begins. Write the whole path, for example {example}.",
                folder=text[:300], example=str(home() / EXPORTS / text.strip()[:100]),
            )
        )
    return text


def _stopped() -> UserError:
    return UserError(
        problem(
            "export_stopped", "The export was stopped. What is written stays; exporting again goes on from there."
        )
    )


def _repeats(given: Any) -> dict[str, int]:
    """Repeats by the names of folders."""
    pairs = given.items() if isinstance(given, dict) else ()
    return {name: count for name, count in pairs if type(count) is int}
