"""What a model is: as a line under the field that it is chosen in, and of a file that is dropped on the page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from markupsafe import Markup

from kohya_gui.i18n.messages import say, text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.views.markup import joined
from train_core.facts.models.about import About
from train_core.facts.models.webuis import usual_folders


def model_html(model: About | None, address: Callable[[Path], str], language: str) -> Markup:
    """Picture, kind, number format, size and hash of `model`; `address` gives that of a picture."""
    if model is None:
        return Markup("")
    picture = Markup('<img src="{}" alt="">').format(address(model.picture)) if model.picture else Markup("")
    return Markup('<div class="model-about">{}{}</div>').format(picture, _said(model, language))


def named_html(
    name: str, model: About, folders: Sequence[tuple[str, Path]], trained: bool, language: str
) -> Markup:
    """What the dropped file called `name` is, and in which of a WebUI's folders it belongs.

    `folders` are those of the user's own WebUIs, each with its program; `trained` says that settings follow.
    """
    note = "" if trained else text("ui.model.no_settings", language)
    return Markup(
        '<section class="import" id="model-named"><h3>{name}</h3><div class="model-about">{said}</div>{belongs}{note}'
        "</section>"
    ).format(
        name=name, said=_said(model, language), belongs=_belongs(model, folders, language),
        note=Markup('<p class="import-note">{}</p>').format(note) if note else "",
    )  # fmt: skip


def _said(model: About, language: str) -> Markup:
    """Everything that is known of `model` itself."""
    sort = {"base": "ui.model.checkpoint", "unet": "ui.model.alone"}.get(model.place or "")
    said = [
        text(sort, language) if sort else "", say(model.kind, language) or text("ui.model.unknown", language),
        model.base, text("ui.model.velocity", language) if model.prediction == "v_prediction" else "",
        model.format, bytes_text(model.bytes) if model.bytes else "", model.hash,
    ]  # fmt: skip
    return joined(Markup("<span>{}</span>").format(one) for one in said if one)


def _belongs(model: About, folders: Sequence[tuple[str, Path]], language: str) -> Markup:
    """Where `model` belongs: in the user's own WebUIs, else as each program has it."""
    if model.place is None:
        return Markup("<p>{}</p>").format(text("ui.model.no_place", language))
    rows: Iterable[tuple[str, object]] = folders or usual_folders(model.place).items()
    hint = "" if folders else Markup("<small>{}</small>").format(text("ui.model.name_webui", language))
    return Markup('<p>{}</p><dl class="model-place">{}</dl>{}').format(
        text("ui.model.belongs", language),
        joined(Markup("<dt>{}</dt><dd><code>{}</code></dd>").format(program, folder) for program, folder in rows), hint,
    )  # fmt: skip
