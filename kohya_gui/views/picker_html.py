"""The dialog in which a file or a folder is picked, as HTML; assets/picker.js shows it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from kohya_gui.files.browsing import Entry, Listing
from kohya_gui.i18n.messages import text
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.views.markup import joined

ICONS = {
    "folder": Markup('<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M2.5 5.5a1.5 1.5 0 0 1 1.5-1.5h3.6l1.8 2H16'
                     'a1.5 1.5 0 0 1 1.5 1.5v7A1.5 1.5 0 0 1 16 16H4a1.5 1.5 0 0 1-1.5-1.5z"/></svg>'),
    "file": Markup('<svg viewBox="0 0 20 20" aria-hidden="true"><path d="M5 2.5h6.5L15.5 6.5v11H5z M11.5 2.5v4h4"/>'
                   "</svg>"),
}  # fmt: skip


def dialog_html(title: str, native: bool, saves: bool, language: str) -> Markup:
    """The frame of the dialog, whose parts `parts` fills. `saves`: a name for a new file is asked for."""
    name = Markup('<input id="picker-name" type="text" spellcheck="false" placeholder="{0}" aria-label="{0}">').format(
        text("ui.picker.name", language)
    )
    return Markup(
        '<header><h3 id="picker-title">{title}</h3><button type="button" class="small icon" data-close '
        'aria-label="{close}">×</button></header>'
        '<nav id="picker-crumbs" aria-label="{path}"></nav>'
        '<div class="picker-body"><aside id="picker-places"></aside><div class="picker-main">'
        '<div class="picker-tools"><input id="picker-filter" type="search" autocomplete="off" spellcheck="false" '
        'placeholder="{filter}" aria-label="{filter}">'
        '<button type="button" class="small" data-new>{new}</button>{native}</div>'
        '<form id="picker-new" hidden>'
        '<input type="text" maxlength="200" aria-label="{new_name}" placeholder="{new_name}">'
        '<button type="submit" class="small primary">{make}</button></form>'
        '<div id="picker-error" role="alert"></div><ul id="picker-list"></ul></div></div>'
        '<footer>{name}<span id="picker-state"></span><button type="button" class="small" data-close>{cancel}</button>'
        '<button type="button" class="small primary" id="picker-choose">{choose}</button></footer>'
    ).format(
        title=title, close=text("ui.close", language), path=text("ui.picker.path", language),
        filter=text("ui.picker.filter", language), new=text("ui.picker.new", language),
        new_name=text("ui.picker.new_name", language), make=text("ui.picker.make", language),
        cancel=text("ui.picker.cancel", language), choose=text(f"ui.picker.{'save' if saves else 'choose'}", language),
        name=name if saves else "",
        native=Markup('<button type="button" class="small" data-native>{}</button>').format(
            text("ui.picker.native", language)
        ) if native else "",
    )  # fmt: skip


def crumbs_html(folder: Path, above: Sequence[Path]) -> Markup:
    """The way from the outermost folder that may be shown to `folder`, each a button."""
    way = [*reversed(above), folder]
    return joined(
        Markup('<button type="button" data-open="{}"{}>{}</button>').format(
            str(path), Markup(' aria-current="true"') if path == folder else "", path.name or str(path)
        )
        for path in way
    )


def list_html(found: Listing, language: str) -> Markup:
    """The entries of a folder."""
    rows = joined(_entry(entry, language) for entry in found.entries)
    if not found.entries:
        return Markup('<li class="picker-none">{}</li>').format(text("ui.picker.empty", language))
    more = Markup('<li class="picker-none">{}</li>').format(text("ui.picker.more", language, count=found.more))
    return rows + (more if found.more else "")


def _entry(entry: Entry, language: str) -> Markup:
    is_folder = entry.pictures is not None
    count = text("ui.picker.pictures", language, count=entry.pictures) if entry.pictures else ""
    return Markup(
        '<li><button type="button" class="{kind}" data-{act}="{path}">{icon}<span>{name}</span><small>{what}</small>'
        "</button></li>"
    ).format(
        kind="folder" if is_folder else "file", act="open" if is_folder else "pick", path=str(entry.path),
        icon=ICONS["folder" if is_folder else "file"], name=entry.path.name,
        what=count if is_folder else bytes_text(entry.size),
    )  # fmt: skip


def places_html(places: Sequence[Path], recent: Sequence[Path], language: str) -> Markup:
    """Folders to start from, and those that were used last."""
    groups = (("places", places), ("recent", recent))
    return joined(
        Markup("<h4>{}</h4>{}").format(
            text(f"ui.picker.{key}", language),
            joined(
                Markup('<button type="button" data-open="{0}" title="{0}">{1}</button>').format(
                    str(path), path.name or str(path)
                )
                for path in paths
            ),
        )
        for key, paths in groups
        if paths
    )


def state_html(found: Listing, numbered: int, language: str) -> Markup:
    """What the folder that is open holds: pictures, or `numbered` folders to train on."""
    if numbered:
        return Markup("{}").format(text("ui.picker.numbered", language, count=numbered))
    return Markup("{}").format(text("ui.picker.pictures", language, count=found.pictures) if found.pictures else "")
