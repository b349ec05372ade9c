"""The frame of the Evaluate tab as HTML; its scripts (assets/evaluate/) fill in what is the user's."""

from __future__ import annotations

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined

GROUP = "evaluate"
STEPS = ("draw", "look", "mark")
# What keys do, in the order in which they are listed.
KEYS = ("moves", "open", "back", "without", "wipe", "pin", "good", "bad", "none", "blind", "help")
FOOT = ("good", "bad", "none", "open", "without", "help")
LARGE = ("good", "bad", "none", "without", "wipe", "pin")


def shell_html(language: str) -> Markup:
    """The frame: which evaluations there are, the grid with what lies beside it, the large picture, and the keys."""
    return joined(part(language) for part in (_start, _work, _large, _keys))


def _said(name: str, language: str, **params: str) -> str:
    return text(f"ui.{GROUP}.{name}", language, **params)


def _start(language: str) -> Markup:
    """What is shown until an evaluation is open: how it goes, in three steps, or those there are."""
    steps = joined(
        Markup("<li><b>{}</b><span>{}</span></li>").format(
            _said(f"step_{step}", language), _said(f"step_{step}_help", language)
        )
        for step in STEPS
    )
    return Markup(
        '<section id="evaluate-start" hidden><div class="card" id="evaluate-how"><h2>{title}</h2>'
        '<p class="lead">{lead}</p><ol class="steps">{steps}</ol>'
        '<button type="button" class="small primary" id="evaluate-draw">{draw}</button></div>'
        '<div id="evaluate-known" hidden><h3>{known}</h3><div class="list"></div></div></section>'
    ).format(
        title=_said("title", language), lead=_said("lead", language), steps=steps, known=_said("known", language),
        draw=_said("step_draw", language),
    )  # fmt: skip


def _work(language: str) -> Markup:
    """The bar, the axes that are not shown, the grid with what lies under it, and the column beside it."""
    return Markup(
        '<section id="evaluate-work" hidden>{bar}<div class="columns"><div class="pictures card">'
        '<div id="evaluate-axes" hidden></div>'
        '<div id="evaluate-grid" role="grid" tabindex="0" aria-label="{pictures}"><div class="corner"></div>'
        '<div class="heads" role="presentation"></div><div class="sides" role="presentation"></div>'
        '<div class="space" role="presentation"></div></div>{foot}</div>'
        '<aside id="evaluate-side"><div id="evaluate-verdict-place"></div>'
        '<div class="card" id="evaluate-blind-card" hidden><h3>{blind}</h3>'
        '<p id="evaluate-blind-count"></p><p>{blind_lead}</p>'
        '<button type="button" class="small" id="evaluate-reveal">{reveal}</button></div>'
        '<div class="card" id="evaluate-marks"><h3>{ranking}</h3>'
        '<p class="soft" id="evaluate-marks-none">{none}</p><div id="evaluate-ranking"></div></div></aside></div>'
        "</section>"
    ).format(
        bar=_bar(language), pictures=_said("pictures", language), foot=_foot(language),
        blind=_said("blind_title", language), blind_lead=_said("blind_lead", language),
        reveal=_said("reveal", language), ranking=_said("ranking", language), none=_said("ranking_none", language),
    )  # fmt: skip


def _bar(language: str) -> Markup:
    return Markup(
        '<div class="tools"><button type="button" class="small" id="evaluate-name" title="{other}"></button>'
        '<span class="pill" id="evaluate-count" role="status"></span>'
        '<span class="pair"><label>{across}<select id="evaluate-across"></select></label>'
        '<button type="button" class="small icon" id="evaluate-swap" title="{swap}" aria-label="{swap}">⇄</button>'
        '<label>{down}<select id="evaluate-down"></select></label></span><span class="room"></span>'
        '<input id="evaluate-size" type="range" min="80" max="420" step="10" title="{cell}" aria-label="{cell}">'
        '<button type="button" class="small" id="evaluate-blind" title="{blind_help}" aria-pressed="false">{blind}'
        '</button><button type="button" class="small" id="evaluate-again" title="{again_help}" data-fill="draw_grid" '
        'data-tab="{tab}" data-name="{form}" hidden>{again}</button>'
        '<details id="evaluate-export"><summary>{export}</summary><div>'
        '<a data-export="sheet" download>{sheet}<small>{sheet_help}</small></a>'
        '<a data-export="page" download>{page}<small>{page_help}</small></a></div></details></div>'
    ).format(
        other=_said("other", language), across=_said("across", language), down=_said("down", language),
        swap=_said("swap", language), cell=_said("cell", language),
        blind=_said("blind", language), blind_help=_said("blind_help", language),
        again=_said("again", language), again_help=_said("again_help", language), tab=text("ui.tab.evaluate", language),
        form=text("job.draw_grid.title", language),
        export=_said("export", language), sheet=_said("export_sheet", language),
        sheet_help=_said("export_sheet_help", language), page=_said("export_page", language),
        page_help=_said("export_page_help", language),
    )  # fmt: skip


def _act(act: str, language: str) -> Markup:
    """A button that does what a key does, which the script writes on it."""
    return Markup('<button type="button" data-do="{}" title="{}"><kbd></kbd><span>{}</span></button>').format(
        act, _said(f"key_{act}", language), _said(act, language)
    )


def _foot(language: str) -> Markup:
    """What the chosen picture is, and the keys that work on it, which are buttons as well."""
    return Markup(
        '<div class="foot"><span id="evaluate-about" role="status"></span><span class="acts">{}</span></div>'
    ).format(joined(_act(act, language) for act in FOOT))


def _large(language: str) -> Markup:
    """The large picture over everything, with its facts beside it."""
    return Markup(
        '<div id="evaluate-large" role="dialog" aria-modal="true" aria-label="{large}" tabindex="-1" hidden>'
        '<div class="top"><span id="evaluate-large-about"></span><button type="button" id="evaluate-large-zoom" '
        'title="{zoom}"></button><button type="button" id="evaluate-large-facts" aria-pressed="true">{facts}</button>'
        '<button type="button" class="icon" data-do="back" title="{back}" aria-label="{back}">×</button></div>'
        '<div class="middle"><div class="stage"><div class="layer one"><img alt="" draggable="false"></div>'
        '<div class="layer other"><img alt="" draggable="false"></div><div class="line" hidden></div>'
        '<span class="caption left"></span><span class="caption right"></span><p class="waits" hidden>{waits}</p>'
        '<button type="button" class="turn before" data-turn="-1" title="{before}" aria-label="{before}">‹</button>'
        '<button type="button" class="turn after" data-turn="1" title="{after}" aria-label="{after}">›</button></div>'
        '<dl id="evaluate-facts"></dl></div><div class="bottom acts">{acts}</div></div>'
    ).format(
        large=_said("large", language), zoom=_said("zoom", language), facts=_said("facts", language),
        back=_said("key_back", language), waits=_said("waits", language), before=_said("before", language),
        after=_said("after", language), acts=joined(_act(act, language) for act in LARGE),
    )  # fmt: skip


def _keys(language: str) -> Markup:
    """All keys."""
    rows = joined(
        Markup('<div class="key"><span>{}</span><kbd data-key="{}"></kbd></div>').format(
            _said(f"key_{act}", language), act
        )
        for act in KEYS
    )
    return Markup(
        '<dialog id="evaluate-keys" class="card" aria-labelledby="evaluate-keys-title"><header>'
        '<h3 id="evaluate-keys-title">{keys}</h3><button type="button" class="icon" data-shut aria-label="{close}">×'
        '</button></header><p class="lead">{lead}</p><div class="list">{rows}</div></dialog>'
    ).format(
        keys=_said("keys", language), close=_said("close", language), lead=_said("keys_lead", language), rows=rows
    )  # fmt: skip
