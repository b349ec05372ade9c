"""The frame of the dataset studio as HTML, and the words that its scripts say (assets/studio/)."""

from __future__ import annotations

from typing import get_args

from markupsafe import Markup

from kohya_gui.i18n.messages import text
from kohya_gui.views.markup import joined
from kohya_gui.views.picker_html import ICONS
from kohya_gui.views.studio.categories import categories_html
from kohya_gui.views.studio.crops import crops_html
from train_core.studio.exporting.plan import Form
from train_core.studio.exporting.wording import Wording

GROUP = "data"
SORTS = ("name", "size", "sharpness", "brightness", "aspect", "mark", "changed", "alike", "faces", "rating")
GROUPS = ("", "mark", "shot", "stars", "folder", "side", "caption", "alike")
# Acts with a button under the grid, in the viewer and on a phone.
MARKS = ("keep", "reject", "skip", "undecided")
# What the filter understands, each with the words that explain it: put into the filter when it is pressed.
FILTERS = (
    ('tag:"blue eyes"', "tag"), ("missing:solo", "missing"), ("mark:keep", "mark"), ("shot:portrait", "shot"),
    ("side>=768", "side"), ("aspect>1.2", "aspect"), ("sharp>40", "sharp"), ("dark", "light"), ("alike", "alike"),
    ("caption:smile", "caption"), ("uncaptioned", "none"), ("folder:beach", "folder"), ("faces:1", "faces"),
    ("text", "text"), ("box:face", "box"), ("rating>=4", "rating"),
)  # fmt: skip
BULK = ("add", "remove", "rename", "front", "replace", "bind", "sort")


def shell_html(language: str) -> Markup:
    """The frame: how to begin, the work itself, the large picture, and the keys. Scripts fill in what is the user's."""
    parts = (_start, _work, _viewer, _keys, _export, categories_html)
    return joined(part(language) for part in parts)


def _said(name: str, language: str) -> str:
    return text(f"ui.{GROUP}.{name}", language)


def _start(language: str) -> Markup:
    """What is shown until a dataset is open: three steps, a path, and the datasets there are."""
    steps = joined(
        Markup('<li><b>{}</b><span data-step="{}"></span></li>').format(_said(f"step_{step}", language), step)
        for step in ("open", "cull", "captions")
    )
    return Markup(
        '<p id="studio-wait" role="status" hidden><span>{opening}</span> '
        '<button type="button" class="small">{stop}</button></p>'
        '<section id="studio-start" hidden><div class="card">'
        '<h2>{title}</h2><p class="lead">{lead}</p><ol class="steps">{steps}</ol>'
        '<form id="studio-open"><label for="studio-path">{label}</label><div class="path">'
        '<span class="in"><input id="studio-path" type="text" autocomplete="off" spellcheck="false" '
        'placeholder="{example}"><button type="button" id="studio-pick" title="{pick}" aria-label="{pick}">{icon}'
        '</button></span><button type="submit" class="small primary">{open}</button></div>'
        '<div class="told-here" id="studio-refused" role="alert"></div></form>'
        '<p class="soft" id="studio-video">{video} <button type="button" class="quiet" data-tool="video_frames" '
        'data-setting="video" data-path="" data-tab="{tools}">{frames}</button></p></div>'
        '<div id="studio-known" hidden><h3>{known}</h3><div class="sets"></div></div></section>'
    ).format(
        opening=_said("opening", language), stop=text("ui.stop", language),
        title=_said("title", language), lead=_said("lead", language), steps=steps,
        label=_said("path", language), example=_said("path_example", language), pick=_said("pick", language),
        icon=ICONS["folder"], open=_said("open", language), known=_said("known", language),
        video=_said("from_video", language), tools=text("ui.tab.tools", language),
        frames=text("job.video_frames.title", language),
    )  # fmt: skip


def _work(language: str) -> Markup:
    """The bar, the grid with what lies under it, and the panel beside it."""
    return Markup(
        '<section id="studio-work" hidden>{bar}<div id="studio-listed" class="card" role="status" hidden><span></span>'
        '<details><summary>{listed_show}</summary><dl></dl></details>'
        '<button type="button" class="small primary">{listed_take}</button>'
        '<button type="button" class="icon" title="{close}" aria-label="{close}">×</button></div><div class="columns">'
        '<div class="pictures card"><div id="studio-groups" hidden></div>'
        '<div id="studio-grid" role="listbox" aria-multiselectable="true" tabindex="0" aria-label="{pictures}">'
        '<div class="space" role="presentation"></div></div><p id="studio-none" hidden></p>{foot}</div>'
        '<aside id="studio-side">{crops}{captions}{cull}</aside></div></section>'
    ).format(
        bar=_bar(language), pictures=_said("pictures", language), foot=_foot(language), captions=_captions(language),
        crops=crops_html(language), cull=_cull(language), listed_show=_said("listed_show", language),
        listed_take=_said("listed_take", language), close=_said("close", language),
    )  # fmt: skip


def _bar(language: str) -> Markup:
    sorts = joined(
        Markup('<option value="{}">{}</option>').format(sort, _said(f"sort_{sort}", language)) for sort in SORTS
    )
    groups = joined(
        Markup('<option value="{}">{}</option>').format(group, _said(f"grouped_{group or 'none'}", language))
        for group in GROUPS
    )
    modes = joined(
        Markup('<button type="button" data-mode="{}">{}</button>').format(mode, _said(f"mode_{mode}", language))
        for mode in ("cull", "crops", "captions", "proofread")
    )
    filters = joined(
        Markup('<button type="button" data-word="{}"><code>{}</code><span>{}</span></button>').format(
            word, word, _said(f"filter_{name}", language)
        )
        for word, name in FILTERS
    )
    return Markup(
        '<div class="tools"><button type="button" class="small" id="studio-name" title="{other}"></button>'
        '<span class="modes" role="group" aria-label="{mode}">{modes}</span>'
        '<span class="filter"><input id="studio-filter" type="search" autocomplete="off" spellcheck="false" '
        'placeholder="{example}" aria-label="{filter}"><button type="button" id="studio-filter-clear" '
        'title="{clear}" aria-label="{clear}" hidden>×</button><button type="button" id="studio-filter-help" '
        'title="{help}" aria-label="{help}" aria-expanded="false">?</button>'
        '<div id="studio-filter-ways" hidden><p>{lead}</p>{filters}</div>'
        '<span class="told-here" id="studio-filter-bad" role="alert"></span></span>'
        '<button type="button" class="small icon" id="studio-again" title="{again}" aria-label="{again}" disabled>↻'
        '</button><span class="pill" id="studio-count" role="status"></span>'
        '<span class="order"><select id="studio-group" aria-label="{group}" title="{group}">{groups}</select>'
        '<select id="studio-sort" aria-label="{sort}" title="{sort}">{sorts}</select>'
        '<button type="button" class="small icon" id="studio-down" title="{down}" aria-label="{down}" '
        'aria-pressed="false">↑</button></span>'
        '<input id="studio-size" type="range" min="110" max="380" step="10" title="{cell}" aria-label="{cell}">'
        '<button type="button" class="small primary" id="studio-export-open" title="{export_lead}">{export}</button>'
        "</div>"
    ).format(
        other=_said("other", language), mode=_said("mode", language), modes=modes,
        example=_said("filter_example", language), filter=_said("filter", language),
        clear=_said("filter_clear", language), help=_said("filter_help", language),
        lead=_said("filter_lead", language), filters=filters, again=_said("again", language),
        sort=_said("sort", language), sorts=sorts, groups=groups, group=_said("group", language),
        down=_said("sort_down", language), cell=_said("cell", language),
        export=_said("export", language), export_lead=_said("export_lead", language),
    )  # fmt: skip


def _act(act: str, language: str, words: str = "") -> Markup:
    """A button that does what a key does, which the script writes on it."""
    said = words or _said(act, language)
    return Markup(
        '<button type="button" data-do="{}" title="{}"><kbd></kbd><span>{}</span></button>'
    ).format(act, _said(f"key_{act}", language), said)  # fmt: skip


def _foot(language: str) -> Markup:
    """What the picture is, and the keys that work on it, which are buttons as well."""
    return Markup(
        '<div class="foot"><span id="studio-about" role="status"></span><span class="acts" id="studio-acts">{}{}{}{}{}'
        "</span></div>"
    ).format(
        joined(_act(mark, language) for mark in MARKS),
        Markup('<span class="shots"><kbd data-first></kbd>–<kbd data-last></kbd><span>{}</span></span>').format(
            _said("shot", language)
        ),
        _act("alike", language, _said("alike", language)), _act("undo", language, _said("key_undo", language)),
        _act("help", language, _said("keys", language)),
    )  # fmt: skip


def _cull(language: str) -> Markup:
    """The panel for choosing: how far it is, shots, what to find, tags."""
    return Markup(
        '<div class="card" data-for="cull"><h3>{counts}</h3><div id="studio-counts"></div></div>'
        '<div class="card" data-for="cull" id="studio-rating"><h3>{rating}<span class="stars" role="group" '
        'aria-label="{rating}">{stars}</span></h3></div>'
        '<div class="card" data-for="cull"><h3>{shots}<button type="button" class="quiet" id="studio-shots-edit">{edit}'
        '</button></h3><div id="studio-shots"></div></div>'
        '<div class="card" data-for="cull" id="studio-facets-card"><h3>{facets}'
        '<button type="button" class="quiet" data-do="alike">{alike}</button></h3><div id="studio-facets"></div>'
        '<p class="line"><button type="button" class="quiet" id="studio-finder" data-tool="find_faces" '
        'data-setting="pictures" data-tab="{tools}">{finder}</button><span class="soft" id="studio-looked"></span></p>'
        '<div id="studio-measured" hidden></div></div>'
        '<div class="card" data-for="proofread"><h3>{there}</h3><p class="soft">{there_lead}</p>'
        '<div id="studio-coverage"></div></div>'
        '<div class="card" data-for="proofread"><h3>{findings}</h3><p class="soft">{findings_lead}</p>'
        '<div id="studio-findings"></div></div>'
        '<div class="card tags" data-for="cull captions proofread"><h3>{tags}'
        '<select id="studio-tags-kind" aria-label="{category}" title="{category}"></select><button type="button" '
        'class="quiet" data-categories title="{order_title}">{order}</button>'
        '<input id="studio-tags-search" type="search" autocomplete="off" '
        'spellcheck="false" placeholder="{search}" aria-label="{search}"></h3><div id="studio-tags"></div></div>'
    ).format(
        counts=_said("counts", language), rating=_said("rating", language), stars=_stars(language),
        shots=_said("shots", language), edit=_said("shots_edit", language),
        facets=_said("facets", language), alike=_said("alike", language), tags=_said("tags", language),
        search=_said("tags_search", language), findings=_said("findings", language),
        findings_lead=_said("findings_lead", language), tools=text("ui.tab.tools", language),
        finder=text("job.find_faces.title", language), category=_said("category", language),
        there=_said("coverage", language), there_lead=_said("coverage_lead", language),
        order=_said("order", language), order_title=_said("categories", language),
    )  # fmt: skip


def _stars(language: str) -> Markup:
    """A button for each number of stars."""
    return joined(
        Markup('<button type="button" data-stars="{}" aria-label="{}" title="{}">★</button>').format(
            count, f"{_said('rating', language)}: {count}", _said("rating_how", language)
        )
        for count in range(1, 6)
    )


def _captions(language: str) -> Markup:
    """The panel for captions: that of the chosen picture, and changes to many."""
    acts = joined(
        Markup('<option value="{}">{}</option>').format(act, _said(f"do_{act}", language)) for act in BULK
    )
    return Markup(
        '<div class="card" data-for="captions" id="studio-caption"><h3>{caption}<span id="studio-caption-file"></span>'
        '</h3><div id="studio-caption-one"><button type="button" id="studio-preview" data-do="view" '
        'title="{view}"><img alt="" draggable="false"></button><textarea id="studio-text" rows="7" spellcheck="false" '
        'data-complete="line" aria-autocomplete="list" '
        'aria-label="{caption}" placeholder="{write}"></textarea>'
        '<div id="studio-apart"><label><input id="studio-apart-on" type="checkbox">{apart}</label>'
        '<button type="button" class="quiet" id="studio-beside" hidden></button></div>'
        '<textarea id="studio-sentence" rows="4" spellcheck="false" aria-label="{sentence}" '
        'placeholder="{sentence_write}" hidden></textarea><div class="told-here" id="studio-conflict" '
        'role="alert"></div><div class="line"><span id="studio-tokens"></span><span id="studio-saved" role="status">'
        '</span><button type="button" class="small" id="studio-save" disabled>{save} <kbd>Ctrl ↵</kbd></button></div>'
        '<p id="studio-over" hidden></p><div class="told-here" id="studio-lint"></div>'
        '<details id="studio-said" hidden><summary>{said} <b></b></summary><div></div></details></div>'
        '<div id="studio-caption-many" hidden></div><p id="studio-caption-none" hidden>{none}</p></div>'
        '<form class="card" data-for="captions" id="studio-bulk"><h3>{bulk}<span>'
        '<button type="button" class="quiet" id="studio-tagger" data-tool="tag_pictures" data-setting="pictures" '
        'data-tab="{tools}">{tagger}</button>'
        '<button type="button" class="quiet" id="studio-captioner" data-tool="caption_pictures" '
        'data-setting="pictures" data-tab="{tools}">{captioner}</button>'
        '<button type="button" class="quiet" data-tool="fetch_model" data-setting="fetch_to" data-path="" '
        'data-tab="{tools}">{fetching}</button></span></h3>'
        '<div class="choices">'
        '<label>{do}<select name="do">{acts}</select></label>'
        '<label>{scope}<select name="scope"></select></label>'
        '<label data-field="tag"><span></span><input name="tag" type="text" autocomplete="off" spellcheck="false" '
        'data-complete="tag" aria-autocomplete="list"></label>'
        '<label data-field="into"><span>{into}</span><input name="into" type="text" autocomplete="off" '
        'spellcheck="false" data-complete="tag" aria-autocomplete="list"></label></div>'
        '<div class="told-here" id="studio-bulk-refused" role="alert"></div>'
        '<div id="studio-examples" aria-live="polite"></div>'
        '<div class="line"><button type="submit" class="small">{preview}</button>'
        '<button type="button" class="small primary" id="studio-bulk-go" hidden></button></div></form>'
    ).format(
        caption=_said("caption", language), view=_said("key_view", language), write=_said("caption_write", language),
        apart=_said("apart", language), sentence=_said("sentence", language),
        sentence_write=_said("sentence_write", language),
        save=_said("caption_save", language), said=_said("said", language), none=_said("caption_none", language),
        bulk=_said("bulk", language),
        do=_said("bulk_do", language), acts=acts, scope=_said("bulk_scope", language),
        tools=text("ui.tab.tools", language), tagger=text("job.tag_pictures.title", language),
        captioner=text("job.caption_pictures.title", language), fetching=text("job.fetch_model.title", language),
        into=_said("bulk_into", language), preview=_said("bulk_preview", language),
    )  # fmt: skip


def _viewer(language: str) -> Markup:
    """The large picture, or two of them, over everything."""
    return Markup(
        '<div id="studio-viewer" role="dialog" aria-modal="true" aria-label="{viewer}" tabindex="-1" hidden>'
        '<div class="top"><span id="studio-viewer-about"></span><span class="pill" id="studio-viewer-place"></span>'
        '<button type="button" data-do="zoom" title="{zoom}"><kbd></kbd><span id="studio-viewer-zoom"></span></button>'
        '<button type="button" class="icon" data-shut title="{close}" aria-label="{close}">×</button></div>'
        '<div class="stages"></div>'
        '<button type="button" class="turn before" data-turn="-1" title="{older}" aria-label="{older}">‹</button>'
        '<button type="button" class="turn after" data-turn="1" title="{newer}" aria-label="{newer}">›</button>'
        '<div class="bottom acts kinds"></div><div class="bottom acts">{marks}</div></div>'
    ).format(
        viewer=_said("viewer", language), zoom=_said("key_zoom", language), close=_said("close", language),
        older=_said("older", language), newer=_said("newer", language),
        marks=joined(_act(mark, language) for mark in MARKS) + _act("undo", language, _said("key_undo", language)),
    )  # fmt: skip


def _export(language: str) -> Markup:
    """The dialog that writes what is kept as folders to train on."""
    forms = joined(
        Markup('<option value="{}">{}</option>').format(form, _said(f"form_{form.lower()}", language))
        for form in get_args(Form)
    )
    wordings = joined(
        Markup('<option value="{}">{}</option>').format(one, _said(f"wording_{one}", language))
        for one in get_args(Wording)
    )
    return Markup(
        '<dialog id="studio-export" class="card" aria-labelledby="studio-export-title"><header>'
        '<h3 id="studio-export-title">{title}</h3><button type="button" class="icon" data-shut aria-label="{close}">×'
        '</button></header><p class="lead">{lead} <b id="studio-export-kept"></b></p><form>'
        '<label>{name}<input name="name" type="text" autocomplete="off" spellcheck="false"></label>'
        '<label>{repeats}<input name="repeats" type="number" min="1" max="10000" step="1"></label>'
        '<label>{held_out}<input name="held_out" type="number" min="0" step="1"></label>'
        '<label class="wide">{folder}<span class="in"><input name="folder" type="text" autocomplete="off" '
        'spellcheck="false"><button type="button" id="studio-export-pick" title="{pick}" aria-label="{pick}">{icon}'
        '</button></span></label><span class="wide what"><label><input name="whole" type="checkbox" checked>{whole}'
        '</label><label><input name="boxes" type="checkbox">{boxes}</label></span>'
        '<label class="wide" hidden>{words}<select name="captions">{wordings}</select></label>'
        '<label class="wide">{form}<select name="form">{forms}</select></label>'
        '<span class="wide what"><label><input name="by_folder" type="checkbox">{by_folder}</label>'
        '<label><input name="regular_half" type="checkbox">{regular_half}</label>'
        '<label><input name="zip" type="checkbox">{zip}</label></span>'
        '<table id="studio-export-folders" class="wide" hidden></table>'
        '<p class="soft wide" id="studio-export-sum" role="status"></p>'
        '<div class="wide" id="studio-export-far" hidden><span></span><div class="meter"><i class="k"></i></div></div>'
        '<div class="told-here wide" id="studio-export-told" role="alert"></div>'
        '<div class="line wide"><button type="button" class="small" id="studio-export-stop" hidden>{stop}</button>'
        '<button type="submit" class="small" id="studio-export-go">{go}</button>'
        '<button type="button" class="small primary" id="studio-export-train" hidden>{train}</button></div></form>'
        "</dialog>"
    ).format(
        title=_said("export_title", language), close=_said("close", language), lead=_said("export_lead", language),
        name=_said("export_name", language), repeats=_said("export_repeats", language),
        held_out=_said("export_held_out", language), folder=_said("export_folder", language),
        pick=_said("pick", language), icon=ICONS["folder"], go=_said("export_go", language),
        train=_said("export_train", language), whole=_said("export_whole", language),
        boxes=_said("export_boxes", language), form=_said("export_form", language), forms=forms,
        words=_said("wording", language), by_folder=_said("export_by_folder", language),
        regular_half=_said("export_regular_half", language), wordings=wordings,
        zip=_said("export_zip", language), stop=_said("export_stop", language),
    )  # fmt: skip


def _keys(language: str) -> Markup:
    """All keys, each a button to change it."""
    return Markup(
        '<dialog id="studio-keys" class="card" aria-labelledby="studio-keys-title"><header>'
        '<h3 id="studio-keys-title">{keys}</h3><button type="button" class="icon" data-shut aria-label="{close}">×'
        '</button></header><p class="lead">{lead}</p><div class="told-here" id="studio-keys-refused" role="alert">'
        '</div><div id="studio-keys-list"></div><footer><button type="button" class="small" id="studio-keys-default">'
        "{usual}</button></footer></dialog>"
    ).format(
        keys=_said("keys", language), close=_said("close", language), lead=_said("keys_lead", language),
        usual=_said("keys_default", language),
    )  # fmt: skip
