"""Presets as HTML: for whom one is, the list of all, and one beside the form or beside another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import dictionary, text
from kohya_gui.views.markup import joined
from kohya_gui.views.row_parts import option
from kohya_gui.views.run_dialogs import label_of, value_text

ABOUT = ("for", "card", "source")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A preset in the list: its key, name, group ("" without), whether it is the user's, and that to start with."""

    key: str
    name: str
    group: str
    own: bool
    starts: bool


@dataclass(frozen=True, kw_only=True)
class Row:
    """A setting that differs: its value on the left and on the right, and what the form would get from the left."""

    setting: str
    left: Any
    right: Any
    put: Any


def about(name: str, language: str) -> dict[str, str]:
    """For whom the program's preset called `name` is, the card it needs, and where its numbers come from."""
    keys = {what: f"preset.{name}.{what}" for what in ABOUT}
    return {what: text(key, language) for what, key in keys.items() if key in dictionary("en")}


def about_html(name: str, language: str) -> Markup:
    """The line about the program's preset that is loaded."""
    return joined(
        Markup("<span><b>{}</b> {}</span>").format(text(f"ui.preset.{what}", language), words)
        for what, words in about(name, language).items()
    )


def list_html(presets: Sequence[Listed], language: str) -> Markup:
    """All presets by group, each with what can be done with it; the user's own first."""
    own = [one for one in presets if one.own]
    groups = [(own_title(group, language), [one for one in own if one.group == group])
              for group in dict.fromkeys(one.group for one in own)]  # fmt: skip
    shipped = [one for one in presets if not one.own]
    if not own:
        groups.append((text("ui.presets.own", language), []))
    return joined(
        Markup("<section><h4>{}</h4>{}</section>").format(
            title, joined(_row(one, language) for one in rows)
            or Markup('<p class="soft">{}</p>').format(text("ui.presets.none", language)),
        )
        for title, rows in [*groups, (text("ui.presets.shipped", language), shipped)]
    )  # fmt: skip


def own_title(group: str, language: str) -> str:
    """The heading over the user's presets of a group."""
    return group or text("ui.presets.own", language)


def _row(one: Listed, language: str) -> Markup:
    words = {} if one.own else about(one.name, language)
    told = " · ".join(words[what] for what in ("for", "card") if what in words)
    acts = ["choose", "compare", *(["rename", "delete"] if one.own else [])]
    buttons = joined(
        Markup('<button type="button" class="small" data-preset-act="{}">{}</button>').format(
            act, text(f"ui.presets.{act}", language)
        )
        for act in acts
    )
    star = Markup(
        '<button type="button" class="small star" data-preset-act="start" aria-pressed="{}" title="{}" aria-label="{}">'
        "{}</button>"
    ).format("true" if one.starts else "false", *[text("ui.presets.start", language)] * 2, "★" if one.starts else "☆")
    shown = f"{one.group}/{one.name}" if one.own and one.group else one.name
    return Markup(
        '<div class="preset-row" data-key="{}" data-name="{}">{}<div class="preset-name"><b>{}</b><span class="soft">{}'
        '</span></div><div class="preset-acts">{}</div></div>'
    ).format(one.key, shown, star, one.name, told, buttons)


def rename_html(name: str, language: str) -> Markup:
    """The field for another name, in place of the row's buttons."""
    return Markup(
        '<label class="preset-ask"><span class="soft">{}</span><input value="{}" maxlength="210"></label>'
        '<button type="button" class="small primary" data-preset-act="renamed">{}</button>'
        '<button type="button" class="small" data-preset-act="list">{}</button>'
    ).format(
        text("ui.presets.rename.help", language), name, text("ui.presets.rename", language),
        text("ui.cancel", language),
    )  # fmt: skip


def delete_html(name: str, language: str) -> Markup:
    """Whether the preset shall go, in place of the row's buttons."""
    return Markup(
        '<span class="preset-ask">{}</span><button type="button" class="small danger" data-preset-act="deleted">{}'
        '</button><button type="button" class="small" data-preset-act="list">{}</button>'
    ).format(
        text("ui.presets.delete.ask", language, name=name), text("ui.presets.delete", language),
        text("ui.cancel", language),
    )  # fmt: skip


def comparison_html(
    presets: Sequence[Listed], first: str, second: str, rows: Sequence[Row], language: str
) -> Markup:
    """The settings that differ between the presets with the keys `first` and `second`, which is "" for the form."""
    table = Markup(
        '<table class="differences"><thead><tr><th></th><th scope="col">{}</th><th scope="col">{}</th><th></th></tr>'
        "</thead><tbody>{}</tbody></table>"
    ).format(
        _named(presets, first, language), _named(presets, second, language),
        joined(_difference(row, language) for row in rows),
    )  # fmt: skip
    nothing = Markup("<p>{}</p>").format(text("ui.dialog.differences.none", language))
    return Markup(
        '<div class="preset-sides"><button type="button" class="small" data-preset-act="list">←</button>{}'
        '<span class="soft">{}</span>{}</div>{}'
    ).format(
        _side("first", presets, first, False, language), text("ui.opened.compare_with", language),
        _side("second", presets, second, True, language), table if rows else nothing,
    )  # fmt: skip


def _side(which: str, presets: Sequence[Listed], chosen: str, form: bool, language: str) -> Markup:
    form_too = [("", text("ui.presets.form", language))] if form else []
    choices = [*form_too, *((one.key, _name(one)) for one in presets)]
    return Markup('<select data-side="{}" aria-label="{}">{}</select>').format(
        which, text("ui.presets.compare", language), joined(option(key, name, key == chosen) for key, name in choices)
    )


def _name(one: Listed) -> str:
    return f"{one.group} / {one.name}" if one.own and one.group else one.name


def _named(presets: Sequence[Listed], key: str, language: str) -> str:
    return next((_name(one) for one in presets if one.key == key), text("ui.presets.form", language))


def _difference(row: Row, language: str) -> Markup:
    button = Markup('<button type="button" class="small take" data-take="{}">{}</button>').format(
        json.dumps({row.setting: row.put}, ensure_ascii=False), text("ui.presets.take", language)
    ) if row.put is not None else Markup("")  # fmt: skip
    return Markup(
        '<tr><th scope="row" title="{}">{}</th><td>{}</td><td>{}</td><td>{}</td></tr>'
    ).format(
        row.setting, label_of(row.setting, language), value_text(row.left, language), value_text(row.right, language),
        button,
    )  # fmt: skip
