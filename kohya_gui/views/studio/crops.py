"""The panel for crops as HTML: the picture to draw boxes and paint on, what each box is, and the kinds of boxes."""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined

TOOLS, PAINTS = ("box", "brush", "lasso"), ("fill", "inpaint", "mask")
SNAPS = ("64", "", "1:1", "2:3", "3:2", "3:4", "4:3", "9:16", "16:9")


def crops_html(language: str) -> Markup:
    """The frame of the panel; scripts fill in the picture and its boxes."""

    def said(name: str) -> str:
        return text(f"ui.data.{name}", language)

    named = {"64": said("snap_64"), "": said("snap_free")}
    snaps = joined(Markup('<option value="{}">{}</option>').format(snap, named.get(snap, snap)) for snap in SNAPS)
    def buttons(kind: str, names: tuple[str, ...]) -> Markup:
        one = Markup('<button type="button" data-{}="{}" title="{}" aria-pressed="false"><i></i>{}</button>')
        return joined(
            one.format(kind, name, said(f"paint_{name}_how"), said(f"paint_{name}")) for name in names
        )  # fmt: skip

    return Markup(
        '<div class="card" data-for="crops" id="studio-crops"><h3>{title}<span id="studio-crops-file"></span></h3>'
        '<div class="work"><div class="drawn"><div class="line draws">'
        '<span class="modes" role="group" aria-label="{tool}">{tools}</span>'
        '<label id="studio-paint-thick">{thick}<input id="studio-paint-size" type="range" min="6" max="160" step="2" '
        'value="36"></label><button type="button" class="small" id="studio-paint-clear" disabled>{clear}</button></div>'
        '<div class="line paints" hidden><span class="modes" role="group" aria-label="{becomes}">{paints}</span>'
        '<button type="button" class="small" id="studio-paint-result" title="{result_how}" aria-pressed="false" '
        'disabled>{result}</button></div>'
        '<div class="line boxes-line"><label>{kind}<input id="studio-crops-kind" type="text" '
        'list="studio-crops-kinds" maxlength="60" autocomplete="off" spellcheck="false"></label>'
        '<datalist id="studio-crops-kinds"></datalist>'
        '<label>{snap}<select id="studio-crops-snap">{snaps}</select></label>'
        '<button type="button" class="small" id="studio-crops-propose" title="{propose_how}">{propose}</button></div>'
        '<div class="stage" tabindex="-1"><div class="sheet"><img alt="" draggable="false"><div class="boxes"></div>'
        '</div></div><p class="soft" id="studio-crops-how">{how}</p>'
        '<p class="soft" id="studio-paint-how" hidden>{paint_how}</p><p class="line tool">'
        '<button type="button" class="quiet" id="studio-preprocessor" data-tool="preprocess_pictures" '
        'data-setting="pictures" data-tab="{tools_tab}">{preprocessor}</button></p></div>'
        '<div class="rows"><div id="studio-crops-rows"></div><p class="soft" id="studio-crops-none">{none}</p></div>'
        "</div></div>"
        '<form class="card" data-for="crops" id="studio-kinds"><h3>{kinds}</h3><p class="soft">{kinds_lead}</p>'
        '<div id="studio-kinds-rows"></div><div class="line">'
        '<button type="button" class="small" id="studio-kinds-add">{add}</button>'
        '<button type="submit" class="small primary" hidden>{save}</button></div></form>'
    ).format(
        title=said("crops"), kind=said("crops_kind"), snap=said("crops_snap"), snaps=snaps, how=said("crops_how"),
        none=said("crops_none"), kinds=said("kinds"), kinds_lead=said("kinds_lead"), add=said("kinds_add"),
        tools_tab=text("ui.tab.tools", language), preprocessor=text("job.preprocess_pictures.title", language),
        tool=said("paint_tool"), tools=buttons("draws", TOOLS), becomes=said("paint_becomes"),
        paints=buttons("paints", PAINTS), thick=said("paint_size"), clear=said("paint_clear"),
        result=said("paint_result"), result_how=said("paint_result_how"),
        paint_how=said("paint_how"), save=said("shots_save"),
        propose=said("crops_propose"), propose_how=said("crops_propose_how"),
    )  # fmt: skip
