"""Pictures that are dropped on a form of drawing: the settings that they were drawn with, and which of their models are
here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from kohya_gui.files.reach import Reach
from kohya_gui.form.opening import Dropped, Opened
from kohya_gui.form.webui_models import WEBUI_MODELS
from kohya_gui.views.import_html import picture_html
from train_core.config.existing import is_dir
from train_core.config.problems import UserError, problem
from train_core.facts.models.webuis import ENDINGS, ModelKind
from train_core.facts.prompts.as_drawn import as_drawn
from train_core.facts.prompts.parameters import parameters_in, read_parameters

PROMPTS = "draw_prompts"  # the forms that have it draw


def open_picture(dropped: Dropped, shown: Mapping[str, Any], language: str, reach: Reach) -> Opened:
    """The settings that a picture says it was drawn with, for a form that shows `shown`.

    Models are looked for beside the one in the form, and in the user's WebUIs, as far as the page may show these.
    Raises `UserError` for a picture that says nothing.
    """
    said = parameters_in(dropped.content)
    if not said.strip():
        raise UserError(
            problem(
                "picture_says_nothing",
                "{name} does not say how it was drawn: it holds no text of A1111's. Choose a picture as the WebUI "
                "saved it; sending one in a chat often removes the text.",
                name=dropped.path.name,
            )
        )
    drawn = as_drawn(read_parameters(said))
    missing: list[str] = []
    named: tuple[tuple[str, ModelKind, str], ...] = (
        ("draw_model", "base", drawn.model), ("draw_vae", "vae", drawn.vae),
    )  # fmt: skip
    for setting, kind, name in named:
        found = _model(name, kind, str(shown.get(setting) or ""), reach) if name else ""
        if found is None:
            missing.append(name)
        elif found or setting == "draw_vae":
            drawn.values[setting] = found
    report = picture_html(dropped.path.name, len(drawn.values), missing, drawn.left, language)
    return Opened(drawn.values, str(report), {})


def _model(name: str, kind: ModelKind, chosen: str, reach: Reach) -> str | None:
    """The path of the model of this `kind` that is called `name`, with or without its ending: `chosen`, if it is that
    one. None where there is none."""
    wanted = name.lower()
    offered: Iterable[Path] = [*_beside(chosen, reach), *WEBUI_MODELS.offered(kind, reach)]
    return next((str(path) for path in offered if wanted in (path.name.lower(), path.stem.lower())), None)


def _beside(chosen: str, reach: Reach) -> list[Path]:
    """The model that is `chosen` and those in its folder."""
    path = reach.find(chosen)
    if path is None or not is_dir(path.parent):
        return []
    return [path, *sorted(one for one in path.parent.iterdir() if one.suffix.lower() in ENDINGS)]
