"""The page's routes to the table of image folders: what it shows, what an epoch sees of it, and writing it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.form.controller import FormController
from kohya_gui.form.reading import read_leniently
from kohya_gui.i18n.messages import say, text
from kohya_gui.server.answering import answer
from kohya_gui.views.markup import joined, message
from kohya_gui.views.row_parts import note
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import home
from train_core.config.problems import UserError
from train_core.facts.datasets.table import Row, Table, counted, table_of_file, table_of_folders, write_table

MOST_ROWS = 500


def table_routes(
    forms: Mapping[str, FormController], visitor: Callable[[Request], str], language: str
) -> list[BaseRoute]:
    """The routes; `visitor` says who asks, and so whose form it is about; `language` is that of every page or ""."""
    return [Route("/files/table", Answers(forms, visitor, language).table, methods=["POST"])]


class Answers:
    """Handlers of the routes."""

    def __init__(
        self, forms: Mapping[str, FormController], visitor: Callable[[Request], str], language: str
    ) -> None:
        self._forms = forms
        self._visitor = visitor
        self._language = language

    async def table(self, request: Request) -> Response:
        """The table of the form's images for `open`, its figures for `count`, and for `write` where its file is."""
        form = self._forms.get("train")
        if form is None:
            return PlainTextResponse("There is no such form.\n", status_code=404)
        session = form.session_of(request, self._visitor(request))

        def of(asked: Mapping[str, Any], language: str) -> dict[str, Any]:
            config = read_leniently(TrainConfig, form.complete(form.drafted(session))).config
            what = asked.get("what")
            if what == "open":
                return _opened(form, config, language)
            rows = _rows(asked.get("rows"))
            if what == "write":
                for row in rows:
                    form.reach.must_find(row.folder or "/")
                path = write_table(home() / "datasets", config.output.output_name, rows, DataSettings.of(config))
                return {"path": str(path)}
            return _figures(form, config, rows, language)

        return await answer(request, self._language, of)


def _opened(form: FormController, config: TrainConfig, language: str) -> dict[str, Any]:
    """The rows of the form's dataset file, else of its folder of image folders; what is wrong or left out is told."""
    data = DataSettings.of(config)
    table, told = Table(()), []
    try:
        if config.dataset.dataset_config.strip():
            table = table_of_file(form.reach.must_find(config.dataset.dataset_config), data)
        elif config.dataset.train_data_dir.strip():
            form.reach.must_find(config.dataset.train_data_dir)
            table = table_of_folders(data)
    except UserError as error:
        told = [note("error", message(one, language)) for one in error.problems]
    if table.left:
        things = ", ".join(str(say(one, language)) for one in table.left)
        told.append(note("warning", text("ui.table.left", language, things=things)))
    rows = [[row.folder, row.repeats, row.words, row.is_reg, row.resolution] for row in table.rows]
    return {"rows": rows, "told": joined(told), **_figures(form, config, table.rows, language)}


def _figures(form: FormController, config: TrainConfig, rows: Sequence[Row], language: str) -> dict[str, Any]:
    """For each row its images and the steps that they make in an epoch, and both together."""
    shown = [row if form.reach.find(row.folder) is not None else Row("") for row in rows]
    found = counted(shown, DataSettings.of(config))
    batch = max(1, config.training.train_batch_size)
    figures = [[one.images, math.ceil(one.samples / batch)] for one in found]
    total = math.ceil(sum(one.samples for one in found) / batch)
    images = sum(one.images for one in found)
    return {"figures": figures, "total": text("ui.table.total", language, images=images, steps=total)}


def _rows(given: Any) -> list[Row]:
    """The rows that a browser sends, which may be anything."""
    lists = given[:MOST_ROWS] if isinstance(given, list) else []
    return [_row(one) for one in lists if isinstance(one, list) and len(one) == 5]


def _row(one: Sequence[Any]) -> Row:
    folder, repeats, words, is_reg, size = one
    return Row(
        folder if isinstance(folder, str) and "\0" not in folder else "",
        repeats if type(repeats) is int else 0, words if isinstance(words, str) else "", is_reg is True,
        size if isinstance(size, str) else "",
    )  # fmt: skip
