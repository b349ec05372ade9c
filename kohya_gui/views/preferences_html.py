"""What can be chosen for Crucible as a whole, as cards; assets/preferences.js does what their controls say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from kohya_gui.i18n.language import COOKIE
from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.views.markup import joined
from kohya_gui.views.row_parts import option

THEMES = ("system", "light", "dark")


@dataclass(frozen=True)
class Shown:
    """What is chosen now; `caches` are bytes by name, `languages` those that can be chosen, none if one is forced."""

    home: str
    output_dir: str
    presets_folder: str
    hosts: Sequence[str]
    webuis: Sequence[tuple[str, str]]  # folder and program, "" where it is not there now
    caches: Mapping[str, int]
    version: str
    languages: Mapping[str, str]


def preferences_html(shown: Shown, language: str) -> Markup:
    """All cards in `language`."""
    cards = {
        "look": _look(shown, language), "folders": _folders(shown, language), "webuis": _webuis(shown, language),
        "hosts": _hosts(shown, language),
        "caches": _caches(shown, language), "version": _version(shown, language),
    }  # fmt: skip
    return joined(
        Markup('<section class="card" id="prefer-{}"><h3>{}</h3>{}<p class="prefer-said" role="status"></p></section>')
        .format(name, text(f"ui.prefer.{name}", language), content)
        for name, content in cards.items()
    )  # fmt: skip


def _look(shown: Shown, language: str) -> Markup:
    themes = joined(
        Markup('<label><input type="radio" name="theme" value="{}">{}</label>').format(
            "" if name == "system" else name, text(f"ui.prefer.theme.{name}", language)
        )
        for name in THEMES
    )
    chosen = Markup('<select id="prefer-language" data-cookie="{}">{}{}</select>').format(
        COOKIE, option("", text("ui.prefer.language.browser", language), False),
        joined(option(code, name, False) for code, name in shown.languages.items()),
    )  # fmt: skip
    forced = Markup('<span class="soft">{}</span>').format(text("ui.prefer.language.forced", language))
    return _row(text("ui.prefer.theme", language), Markup('<span class="segments">{}</span>').format(themes)) + _row(
        text("ui.prefer.language", language), chosen if shown.languages else forced
    ) + _row(text("ui.prefer.notify", language), Markup(
        '<button type="button" class="small" data-notify aria-pressed="false">{}</button>'
    ).format(text("ui.prefer.notify.switch", language)))  # fmt: skip


def _folders(shown: Shown, language: str) -> Markup:
    typed = _typed("output_dir", shown.output_dir, language) + _typed("presets_folder", shown.presets_folder, language)
    return typed + _row(
        text("ui.prefer.home", language), Markup("<code>{}</code>").format(shown.home)
    ) + _help("home", language)  # fmt: skip


def _webuis(shown: Shown, language: str) -> Markup:
    rows = joined(
        Markup('<tr><th>{}</th><td><code>{}</code></td><td class="prefer-clear"><button type="button" class="small" '
               'data-prefer="webui_forget" data-value="{}">{}</button></td></tr>').format(
            program or text("ui.prefer.webui.gone", language), folder, folder, text("ui.prefer.webui.forget", language)
        )
        for folder, program in shown.webuis
    )  # fmt: skip
    table = Markup("<table>{}</table>").format(rows) if rows else Markup("")
    return table + _typed("webui", "", language)


def _hosts(shown: Shown, language: str) -> Markup:
    return _typed("allow_host", ", ".join(shown.hosts), language)


def _typed(name: str, value: str, language: str) -> Markup:
    """A field with its button and what it is for."""
    return Markup(
        '<label class="prefer-row"><span>{}</span><input id="prefer-{}" value="{}" spellcheck="false"></label>{}'
        '<div class="prefer-buttons"><button type="button" class="small" data-prefer="{}">{}</button></div>'
    ).format(
        text(f"ui.prefer.{name}", language), name, value, _help(name, language), name, text("ui.save", language)
    )


def _caches(shown: Shown, language: str) -> Markup:
    rows = joined(_cache(name, size, language) for name, size in shown.caches.items())
    return Markup("{}<table>{}</table>").format(_help("caches", language), rows)


def _cache(name: str, size: int, language: str) -> Markup:
    words = {
        key: text(f"ui.prefer.{key}", language, size=bytes_text(size)) for key in ("clear", "clear_now", "clear_not")
    }
    return Markup(
        '<tr><th>{}</th><td>{}</td><td class="prefer-clear"><button type="button" class="small" data-clear="{}"{}>{}'
        '</button><span hidden><button type="button" class="small danger" data-clear-now="{}">{}</button> '
        '<button type="button" class="small" data-clear-not>{}</button></span></td></tr>'
    ).format(
        text(f"ui.prefer.cache.{name}", language), bytes_text(size), name, "" if size else Markup(" disabled"),
        words["clear"], name, words["clear_now"], words["clear_not"],
    )  # fmt: skip


def _version(shown: Shown, language: str) -> Markup:
    return Markup("<p>{}</p>{}<div class=\"prefer-buttons\"><button type=\"button\" class=\"small\" "
                  "data-prefer=\"update\">{}</button></div>").format(
        shown.version, _help("version", language), text("ui.prefer.update", language)
    )  # fmt: skip


def _row(name: str, content: Markup) -> Markup:
    return Markup('<div class="prefer-row"><span>{}</span>{}</div>').format(name, content)


def _help(name: str, language: str) -> Markup:
    return Markup('<p class="soft">{}</p>').format(text(f"ui.prefer.{name}.help", language))
