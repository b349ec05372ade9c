"""Parts around the form that follow every key: step line, problems, ways to a number of steps, paths to offer."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from markupsafe import Markup

from kohya_gui.files.browsing import OFFERED, paths_below
from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.form.validate_form import CheckedForm
from kohya_gui.form.webui_models import WEBUI_MODELS
from kohya_gui.form.widgets import Form
from kohya_gui.i18n.messages import dictionary, text, translate
from kohya_gui.views.cure_html import cure_html
from kohya_gui.views.markup import joined, message
from train_core.config.problems import Problem
from train_core.facts.advice import cure_of
from train_core.facts.models.webuis import ModelKind
from train_core.facts.run.steps import StepCount, Suggestion, Workload, suggest
from train_core.studio.tagging.wd_files import demo_tagger

MOST_REPEATS = 100  # that are offered; so few images are learnt by heart, however often they come


def step_line_html(checked: CheckedForm, language: str) -> Markup:
    """The steps that will run, `N images × repeats × epochs ÷ batch = steps`, and the reasons if these differ."""
    work, count = checked.work, checked.count
    if work is None or count is None:
        return Markup('<span class="soft">{}</span>').format(_uncounted(checked, language))
    head = Markup('<b>{}</b> <span class="soft">{}</span>').format(
        text("ui.steps.count", language, steps=f"{count.total:,}"), _formula(work, count, language)
    )
    if not count.reasons:
        return head
    reasons = [translate(reason, language) for reason in count.reasons]
    return head + Markup(' <span class="reasons" tabindex="0">{}<span class="open">{}</span></span>').format(
        text("ui.steps.why", language), joined(Markup("<span>{}</span>").format(reason) for reason in reasons)
    )


def step_words(checked: CheckedForm, language: str) -> Markup:
    """The formula of the steps with the reasons in a list below it, where there is room for them."""
    work, count = checked.work, checked.count
    if work is None or count is None:
        return Markup("{}").format(_uncounted(checked, language))
    total = text("ui.steps.count", language, steps=f"{count.total:,}")
    sign = "=" if count.plain == count.total else "→"
    formula = Markup("<div>{} {} <strong>{}</strong></div>").format(_formula(work, count, language), sign, total)
    if not count.reasons:
        return formula
    return formula + Markup("<ul>{}</ul>").format(
        joined(Markup("<li>{}</li>").format(translate(reason, language)) for reason in count.reasons)
    )


def _uncounted(checked: CheckedForm, language: str) -> str:
    """Why no steps are counted."""
    return text("ui.steps.wrong" if checked.names_images else "ui.steps.no_images", language)


def _formula(work: Workload, count: StepCount, language: str) -> str:
    repeats = {image.registered.repeats for image in work.images if not image.registered.is_reg}
    if len(repeats) == 1:
        pictures = text("ui.steps.images", language, images=count.images, repeats=repeats.pop())
    else:
        pictures = text("ui.steps.samples", language, images=count.images, samples=count.samples)
    epochs = work.max_train_epochs or count.epochs
    rest = text("ui.steps.rest", language, epochs=epochs, batch=work.batch_size)
    plain = f" = {count.plain:,}" if count.plain != count.total else ""
    return f"{pictures} {rest}{plain}"


def offers_html(checked: CheckedForm, typed: str, language: str) -> Markup:
    """Ways to reach the `typed` number of steps, each a button that sets the epochs; "" where there are none."""
    target = int("".join(re.findall(r"\d", typed))[:9] or 0)
    work = checked.work
    ways = [] if work is None or not target else suggest(work, target)
    return joined(_offer(way, checked, language) for way in ways if _can_be_done(way, checked))


def _offer(way: Suggestion, checked: CheckedForm, language: str) -> Markup:
    changed = ", ".join(f"{now} → {then}" for now, then in way.repeats if now != then)
    words = text(f"ui.target.{'repeats' if changed else 'epochs'}", language, epochs=way.epochs,
                 steps=f"{way.total:,}", repeats=changed)  # fmt: skip
    renames = joined(
        Markup('<span class="hint">{}</span>').format(text("ui.target.rename", language, now=now, then=then))
        for now, then in renames_for(way, checked)
    )
    values = json.dumps({"max_train_epochs": way.epochs, "max_train_steps": 0})
    return Markup('<button class="cure" type="button" data-put="{}">{}</button>{}').format(values, words, renames)


def renames_for(way: Suggestion, checked: CheckedForm) -> list[tuple[str, str]]:
    """The folders that have to be renamed, as (name now, name then), since their names hold the repeats."""
    changes = {now: then for now, then in way.repeats if now != then}
    return [
        (one.folder.path.name, re.sub(r"^\d+", str(changes[one.folder.repeats]), one.folder.path.name))
        for one in checked.subsets
        if one.folder.repeats in changes and not one.is_reg
    ]


def _can_be_done(way: Suggestion, checked: CheckedForm) -> bool:
    """Whether the repeats that it changes are not absurd, and part of folder names, which people can rename."""
    changed = {now for now, then in way.repeats if now != then}
    return all(then <= MOST_REPEATS for now, then in way.repeats if now in changed) and all(
        one.folder.path.name.startswith(f"{one.folder.repeats}_")
        for one in checked.subsets
        if one.folder.repeats in changed and not one.is_reg
    )


def kinds_of(checked: CheckedForm) -> tuple[tuple[str, tuple[Problem, ...]], ...]:
    """What is wrong, odd, or good to know, by its kind."""
    return (("error", checked.errors), ("warning", checked.warnings), ("notice", checked.notices))


def counts_html(checked: CheckedForm, language: str) -> Markup:
    """How many problems and hints there are, each leading to the first one's field."""
    return joined(
        Markup('<a class="pill {}" href="#setting-{}">{}</a>').format(
            kind, next(iter(settings_in(problems)), ""), text(f"ui.count.{kind}", language, count=len(problems))
        )
        for kind, problems in kinds_of(checked)
        if problems and kind != "notice"
    )


def field_messages(checked: CheckedForm, language: str) -> dict[str, str]:
    """HTML of what is wrong or odd, by the setting under whose field it stands."""
    found: dict[str, Markup] = {}
    values = checked.config.flat()
    for kind, problems in kinds_of(checked):
        for one in problems:
            name = one.params.get("name")
            if is_setting(name):
                cure = cure_html(cure_of(one, values), language)
                words = Markup('<div class="{}">{} {}</div>').format(kind, message(one, language), cure)
                found[str(name)] = found.get(str(name), Markup("")) + words
    return {name: str(html) for name, html in found.items()}


def problem_html(found: Problem, language: str) -> Markup:
    """The message, led by the label of the setting it names, which takes one to its field."""
    name, words = found.params.get("name"), message(found, language)
    if not is_setting(name):
        return words
    label = text(f"setting.{name}.label", language)
    return Markup('<a href="#setting-{}">{}</a> {}').format(name, label, words)


def is_setting(name: Any) -> bool:
    """Whether `name`, a parameter of a message, names a setting."""
    return f"setting.{name}.label" in dictionary("en")


def settings_in(problems: Iterable[Problem]) -> list[str]:
    """The names of the settings that `problems` are about."""
    return [p.params["name"] for p in problems if is_setting(p.params.get("name"))]


KINDS_OF_MODELS: Mapping[str, ModelKind] = {
    "pretrained_model_name_or_path": "base", "vae": "vae", "network_weights": "adapter",
    "hypernetwork_weights": "hypernetwork",
}  # fmt: skip
MOST_MODELS = 200


def offered_paths(form: Form, name: str, typed: str, reach: Reach = EVERYWHERE) -> list[str] | None:
    """Paths to offer in the field of the setting `name` for what is typed; None where it takes no single path."""
    declared = next((s for s in form.settings if s.name == name), None)
    if declared is None or declared.traits.path is None or declared.traits.lines > 1:
        return None
    own = [*_in_webuis(name, typed, reach), *_of_the_demo(name, typed, reach)]
    return [*own, *paths_below(typed, OFFERED.get(declared.traits.path, ()), reach)]


def _of_the_demo(name: str, typed: str, reach: Reach) -> list[str]:
    """The demo's tagger in the field for one, while nothing else is typed than the beginning of its name."""
    tagger, words = str(demo_tagger()), typed.strip().lower()
    is_meant = name == "tagger" and any(word.startswith(words) for word in ("demo tagger", "demo/tagger", "tagger"))
    return [tagger] if is_meant and reach.find(tagger) is not None else []


def _in_webuis(name: str, typed: str, reach: Reach) -> list[str]:
    """The models of known WebUIs that belong into the field `name` and have what is typed in their file's name."""
    kind = KINDS_OF_MODELS.get(name)
    words = typed.strip().lower()
    if kind is None or "/" in words or "\\" in words:
        return []
    found = (str(path) for path in WEBUI_MODELS.offered(kind, reach) if words in path.name.lower())
    return list(islice(found, MOST_MODELS))
