"""What is asked about a run before something is done with it, as HTML: the contents of the page's one dialog."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import dictionary, text
from kohya_gui.i18n.value_kinds import bytes_text, number_text
from kohya_gui.runs.details.files import RunFile
from kohya_gui.runs.history.deleting import Belongings
from kohya_gui.runs.history.differences import Difference
from kohya_gui.runs.history.notes import Notes
from kohya_gui.views.markup import joined
from kohya_gui.views.row_parts import option
from train_core.facts.models.webuis import WebUI

MOST_LISTED = 200  # files


def note_dialog(run: str, name: str, notes: Notes, language: str) -> Markup:
    """Words and tags for a run."""
    return _dialog(
        text("ui.dialog.note", language, name=name),
        Markup(
            '<label>{}<textarea name="note" rows="6" maxlength="20000" autofocus>\n{}</textarea></label>'
            '<label>{}<input name="tags" value="{}" maxlength="1000"></label>'
        ).format(text("ui.dialog.words", language), notes.note, text("ui.dialog.tags", language),
                 ", ".join(notes.tags)),
        [_do("note", run, text("ui.save", language), "primary")], language,
    )  # fmt: skip


def at_dialog(run: str, name: str, typed: str, language: str) -> Markup:
    """The earliest start of a waiting run; `typed` is the one there is."""
    return _dialog(
        text("ui.dialog.at", language, name=name),
        Markup('<label>{}<input name="time" value="{}" placeholder="23:00" autofocus></label>').format(
            text("ui.dialog.at.help", language), typed
        ),
        [_do("at", run, text("ui.save", language), "primary")], language,
    )


def edit_dialog(run: str, name: str, settings: str, language: str) -> Markup:
    """All settings of a waiting run, as the text of its file."""
    return _dialog(
        text("ui.dialog.edit", language, name=name),
        Markup('<label>{}<textarea name="settings" rows="18" spellcheck="false" class="code" autofocus>\n{}</textarea>'
               "</label>").format(text("ui.dialog.edit.help", language), settings),
        [_do("edit", run, text("ui.save", language), "primary")], language,
    )  # fmt: skip


def tools_dialog(name: str, path: Path, tools: Mapping[str, str], language: str) -> Markup:
    """Which of `tools`, each with its setting for a file, shall get the file; assets/to_tool.js opens it."""
    button = Markup('<button type="button" class="small" data-tool="{}" data-setting="{}" data-path="{}" '
                    'data-tab="{}">{}</button>')
    buttons = joined(
        button.format(tool, setting, path, text("ui.tab.tools", language), text(f"job.{tool}.title", language))
        for tool, setting in tools.items()
    )
    content = Markup('<p class="soft">{}</p><div class="tool-choices">{}</div>')
    return _dialog(
        text("ui.dialog.tools", language, name=name), content.format(text("ui.dialog.tools.help", language), buttons),
        [], language,
    )


def evaluate_dialog(
    name: str, grids: Mapping[str, Mapping[str, Any]], measures: Mapping[str, Mapping[str, Any]], language: str
) -> Markup:
    """With which of `grids`, settings by the template's name, the run's files shall be looked at, or by which tool of
    `measures` be measured. assets/to_tool.js puts the settings into the tool's form.
    """
    button = Markup('<button type="button" data-fill="{}" data-tab="{}" data-name="{}" data-values="{}">'
                    "<b>{}</b><span>{}</span></button>")
    choices = [(tool, tool, values) for tool, values in measures.items()]
    choices += [("draw_grid", template, values) for template, values in grids.items()]
    buttons = joined(
        button.format(
            tool, text("ui.tab.evaluate", language), text(f"job.{tool}.title", language), json.dumps(dict(values)),
            text(f"ui.evaluate.template_{template}", language), text(f"ui.evaluate.template_{template}_help", language),
        )
        for tool, template, values in choices
    )
    content = Markup('<p class="soft">{}</p><div class="templates">{}</div>')
    return _dialog(
        text("ui.dialog.evaluate", language, name=name),
        content.format(text("ui.dialog.evaluate.help", language), buttons), [], language,
    )


def evaluate_later_dialog(run: str, name: str, templates: Sequence[str], chosen: str, language: str) -> Markup:
    """Which grid is to be drawn once the run has ended; `chosen` is the template that was asked for."""
    choices = joined(
        option(template, text(f"ui.evaluate.template_{template}", language), template == chosen)
        for template in templates
    )
    return _dialog(
        text("ui.dialog.evaluate", language, name=name),
        Markup('<p class="soft">{}</p><label>{}<select name="template"><option value="">{}</option>{}</select></label>')
        .format(
            text("ui.dialog.evaluate_later.help", language), text("ui.dialog.evaluate_later", language),
            text("ui.dialog.evaluate_later.none", language), choices,
        ),
        [_do("evaluate_after", run, text("ui.save", language), "primary")], language,
    )  # fmt: skip


def send_dialog(
    run: str, name: str, files: Sequence[RunFile], chosen: str, words: str, webuis: Sequence[WebUI], language: str
) -> Markup:
    """Which of the run's `files` shall go to which WebUI; the one that is `chosen` is ticked. `words` trigger them."""
    boxes = joined(
        Markup('<label class="choice"><input type="checkbox" name="file {0}"{1}>{0} <small>{2}</small></label>').format(
            file.name, Markup(" checked") if file.name == chosen else "", bytes_text(file.bytes)
        )
        for file in reversed(files[-MOST_LISTED:])
    )
    known = Markup('<label>{}<select name="to">{}</select></label>').format(
        text("ui.dialog.send.to", language),
        joined(option(str(one.root), f"{one.program.name} · {one.root}", False) for one in webuis),
    )
    other = Markup('<label>{}<input name="other" placeholder="…/stable-diffusion-webui" spellcheck="false"{}></label>')
    asks = text("ui.dialog.send.other" if webuis else "ui.dialog.send.ask", language)
    triggers = text("ui.dialog.send.words" if words else "ui.dialog.send.no_words", language, words=words)
    return _dialog(
        text("ui.dialog.send", language, name=name),
        Markup('<div class="choices">{}</div>{}{}<p>{}</p><p class="soft">{}</p>').format(
            boxes, known if webuis else "", other.format(asks, "" if webuis else Markup(" autofocus")),
            triggers, text("ui.dialog.send.help", language),
        ),
        [_do("send", run, text("ui.act.send", language), "primary")], language,
    )  # fmt: skip


def kill_dialog(run: str, name: str, language: str) -> Markup:
    """Whether a run shall be ended without saving."""
    return _dialog(
        text("ui.dialog.kill", language, name=name),
        Markup("<p>{}</p>").format(text("ui.dialog.kill.help", language)),
        [_do("kill", run, text("ui.act.kill", language), "danger")], language,
    )


def remove_dialog(run: str, name: str, stays: bool, language: str) -> Markup:
    """Whether a run shall be taken out of the queue; its folder `stays` where it did run before."""
    return _dialog(
        text("ui.dialog.remove", language, name=name),
        Markup("<p>{}</p>").format(text(f"ui.dialog.remove.{'kept' if stays else 'help'}", language)),
        [_do("remove", run, text("ui.act.remove", language), "" if stays else "danger")], language,
    )


def delete_dialog(run: str, name: str, found: Belongings, language: str) -> Markup:
    """What deleting a run would remove, and whether to."""
    listed = [*found.files[:MOST_LISTED], *([Path("…")] if len(found.files) > MOST_LISTED else [])]
    files = Markup('<details{}><summary>{}</summary>{}</details>').format(
        Markup(" open") if len(found.files) <= 8 else "",
        text("ui.dialog.delete.files", language, count=len(found.files)), _paths(listed),
    ) if found.files else Markup("")
    kept = Markup("<p>{}</p>{}").format(text("ui.dialog.delete.kept", language), _paths(found.changed))
    return _dialog(
        text("ui.dialog.delete", language, name=name),
        Markup("<p>{}</p>{}{}").format(
            text("ui.dialog.delete.help", language, size=bytes_text(found.bytes)), files, kept if found.changed else ""
        ),
        [
            *([_do("delete", run, text("ui.dialog.delete.record", language), "")] if found.files else []),
            _do("delete_files", run, text("ui.dialog.delete.all", language), "danger"),
        ],
        language,
    )  # fmt: skip


def _paths(paths: Sequence[Path]) -> Markup:
    return Markup('<ul class="paths">{}</ul>').format(
        joined(Markup("<li>{}</li>").format(str(path)) for path in paths)
    )


def differences_dialog(names: tuple[str, str], found: Sequence[Difference], language: str) -> Markup:
    """The settings that differ between two runs, with the value in each."""
    if not found:
        body = Markup("<p>{}</p>").format(text("ui.dialog.differences.none", language))
    else:
        rows = joined(
            Markup('<tr><th scope="row" title="{}">{}</th><td>{}</td><td>{}</td></tr>').format(
                one.name, label_of(one.name, language), value_text(one.first, language),
                value_text(one.second, language),
            )
            for one in found
        )  # fmt: skip
        body = Markup(
            '<table class="differences"><thead><tr><th></th><th scope="col">{}</th><th scope="col">{}</th></tr></thead>'
            "<tbody>{}</tbody></table>"
        ).format(*names, rows)
    return _dialog(text("ui.dialog.differences", language, count=len(found)), body, [], language)


def label_of(setting: str, language: str) -> str:
    """The name of a setting as people know it; one that this version does not know keeps its own."""
    return dictionary(language).get(f"setting.{setting}.label", setting)


def value_text(value: Any, language: str) -> str:
    """A setting's value in words."""
    if isinstance(value, bool):
        return text(f"ui.value.{'yes' if value else 'no'}", language)
    if value is None or value in ("", []):
        return "–"
    if isinstance(value, float):
        return number_text(value)
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _dialog(title: str, body: Markup, buttons: Sequence[Markup], language: str) -> Markup:
    return Markup(
        '<h3>{}</h3>{}<div class="dialog-error" role="alert"></div><div class="dialog-buttons">'
        '<button type="button" class="small" data-close>{}</button>{}</div>'
    ).format(title, body, text("ui.dialog.close", language), joined(buttons))


def _do(act: str, run: str, words: str, kind: str) -> Markup:
    return Markup('<button type="button" class="small {}" data-act="{}" data-run="{}">{}</button>').format(
        kind, act, run, words
    )
