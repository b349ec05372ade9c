"""Settings files that are dropped on the page, from any program: their values for the form, and a report on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.preferences import usual_output_dir
from kohya_gui.views.import_html import report_html
from train_core.config.places import home
from train_core.config.problems import UserError, problem
from train_core.config.untrusted import NotReadable, json_of
from train_core.facts.importing import WEIGHTS, open_foreign, open_metadata, with_dataset_file


@dataclass(frozen=True)
class Opened:
    """A file that was dropped: the form's `values`, the `report` as HTML, and what is `kept` to save it back."""

    values: Mapping[str, Any]
    report: str
    kept: Mapping[str, Any]


def open_dropped(name: str, content: bytes, language: str) -> Opened:
    """Read the file called `name` with `content`; of weights, the browser sends the header's metadata alone, as JSON.

    Images that the file describes itself are written to a dataset file of the user's. Raises `UserError` for what
    cannot be read.
    """
    path = Path(PureWindowsPath(PurePosixPath(name).name).name or "settings")
    weights = path.suffix.lower() in WEIGHTS
    found = open_metadata(_metadata(content, path), path) if weights else open_foreign(path, content)
    if found.report.dataset:
        folder = home() / "datasets"
        folder.mkdir(parents=True, exist_ok=True)
        found = with_dataset_file(found, folder, path.stem)
    values = found.settings.flat()
    output = {} if values["output_dir"] else {"output_dir": usual_output_dir()}
    return Opened({**values, **output}, _closable(report_html(found.report, language), language), found.kept.table())


def _metadata(content: bytes, path: Path) -> dict[str, str]:
    try:
        found = json_of(content)
    except (NotReadable, ValueError):
        found = None
    if not isinstance(found, dict):
        raise UserError(
            problem("weights_not_read", "{file} has no header that can be read. Is it cut off?", file=path.name)
        )
    return {name: str(value) for name, value in found.items()}


def _closable(report: Markup, language: str) -> str:
    close = Markup('<button type="button" class="close" id="report-close" aria-label="{}">×</button>')
    return str(close.format(text("ui.close", language)) + report)
