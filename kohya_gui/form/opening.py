"""Files that are dropped on the page: settings of any program for the form, and what a model file is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from markupsafe import Markup

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.i18n.messages import text
from kohya_gui.preferences import usual_output_dir
from kohya_gui.preferring import known_webuis
from kohya_gui.views.import_html import report_html
from kohya_gui.views.model_html import named_html
from train_core.config.interop.imports.trained_files import says_training
from train_core.config.places import home
from train_core.facts.importing import WEIGHTS, Imported, open_foreign, open_metadata, with_dataset_file
from train_core.facts.models.about import about_file
from train_core.facts.models.headers import identify_file
from train_core.facts.models.tensor_files import read_beginning
from train_core.facts.models.webuis import ModelKind


@dataclass(frozen=True)
class Dropped:
    """A file that a browser has sent: its name, how many bytes it has, and its `content`, of weights the beginning."""

    name: str
    content: bytes
    size: int

    @property
    def path(self) -> Path:
        """Its name alone, whatever folders stand in it."""
        return Path(PureWindowsPath(PurePosixPath(self.name).name).name or "settings")


@dataclass(frozen=True)
class Opened:
    """What is in such a file: the form's `values`, None where it says none; the `report` as HTML; and what is `kept` to
    save it back."""

    values: Mapping[str, Any] | None
    report: str
    kept: Mapping[str, Any]


def open_dropped(dropped: Dropped, language: str, reach: Reach = EVERYWHERE) -> Opened:
    """Read a file of settings, or name a file of weights and read how they were trained, where it says so.

    Images that the file describes itself are written to a dataset file of the user's. `reach` is what the page may
    show of this machine's folders. Raises `UserError` for what cannot be read.
    """
    path = dropped.path
    if path.suffix.lower() not in WEIGHTS:
        return _filled(open_foreign(path, dropped.content), path, Markup(""), language)
    file = read_beginning(path, dropped.content, dropped.size)
    model, trained = about_file(identify_file(file, beside=False), dropped.size), says_training(file.metadata)
    folders = _folders(model.place, reach) if model.place else []
    named = named_html(path.name, model, folders, trained, language)
    if not trained:
        return Opened(None, _closable(named, language), {})
    return _filled(open_metadata(file.metadata, path), path, named, language)


def _filled(found: Imported, path: Path, named: Markup, language: str) -> Opened:
    """The settings that were `found`, with the report on them below what the file was `named`."""
    if found.report.dataset:
        folder = home() / "datasets"
        folder.mkdir(parents=True, exist_ok=True)
        found = with_dataset_file(found, folder, path.stem)
    values = found.settings.flat()
    output = {} if values["output_dir"] else {"output_dir": usual_output_dir()}
    report = named + report_html(found.report, language)
    return Opened({**values, **output}, _closable(report, language), found.kept.table())


def _folders(place: ModelKind, reach: Reach) -> list[tuple[str, Path]]:
    """Where models of this sort belong in each WebUI of the user's that the page may show, with its program."""
    found = [(webui.program.name, webui.folder(place)) for webui in known_webuis()]
    return [(program, folder) for program, folder in found if reach.find(str(folder)) is not None]


def _closable(report: Markup, language: str) -> str:
    close = Markup('<button type="button" class="close" id="report-close" aria-label="{}">×</button>')
    return str(close.format(text("ui.close", language)) + report)
