"""The page's route to the base models on this machine: those of known WebUIs, and those beside models used before."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.files.reach import Reach
from kohya_gui.i18n.language import language_of
from kohya_gui.preferring import known_webuis
from kohya_gui.runs.history.differences import settings_of
from kohya_gui.runs.index import list_runs
from kohya_gui.server.answering import HEADERS
from kohya_gui.views.models_html import models_html
from train_core.config.problems import UserError

MODEL = "pretrained_model_name_or_path"
ENDINGS = (".safetensors", ".ckpt")
MOST_RUNS, MOST_MODELS = 30, 200


def model_routes(reach: Reach, forced_language: str) -> list[BaseRoute]:
    """The route; `reach` is what the page may show of the disk, `forced_language` that of every page or ""."""

    def found(request: Request) -> Response:
        language = language_of(request, forced_language)
        return HTMLResponse(str(models_html(MODEL, models_found(reach), language)), headers=HEADERS)

    return [Route("/form/train/models", found)]


def models_found(reach: Reach) -> dict[str, list[tuple[Path, int]]]:
    """Base models that the page may show, with their bytes, by the folder that they were found through.

    At most `MOST_MODELS`; none of them twice.
    """
    found: dict[str, list[tuple[Path, int]]] = {}
    seen = set[Path]()
    for place, path in _offered():
        if len(seen) == MOST_MODELS:
            break
        if path not in seen and path.suffix.lower() in ENDINGS and reach.find(str(path)) is not None:
            with suppress(OSError):  # removed meanwhile
                found.setdefault(str(place), []).append((path, path.stat().st_size))
                seen.add(path)
    return found


def _offered() -> Iterator[tuple[Path, Path]]:
    """Where a model was found, and the model: in WebUIs by name, then in the folders of models used last."""
    for webui in known_webuis():
        yield from ((webui.root, path) for path in webui.models("base"))
    for folder in dict.fromkeys(path.parent for path in _used()):
        with suppress(OSError):  # the drive may be away
            yield from ((folder, path) for path in sorted(folder.iterdir()) if path.is_file())


def _used() -> Iterator[Path]:
    """The base models of the newest runs, those that are files here."""
    for run in list_runs()[:MOST_RUNS]:
        with suppress(UserError):  # its settings are damaged; the Runs tab says so
            path = Path(str(settings_of(run.folder).get(MODEL) or ""))
            if path.is_absolute() and path.suffix.lower() in ENDINGS:
                yield path
