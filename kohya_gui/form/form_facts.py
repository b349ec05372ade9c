"""Parts around the form that follow every key: step line, problems, hidden fields, path suggestions."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kohya_gui.form.validate_form import CheckedForm
from kohya_gui.form.widgets import Form
from kohya_gui.i18n.messages import dictionary, text, translate
from kohya_gui.views.markup import joined, message
from kohya_gui.views.sources_html import sources_html
from train_core.config.clean_paths import clean_path
from train_core.config.problems import Problem
from train_core.config.setting import Setting
from train_core.facts.run.steps import StepCount, Suggestion, Workload, count_steps, suggest, workload

MAX_PATHS = 200
# The files that are offered while the path of one is typed, by the kind of path.
OFFERED: dict[str | None, tuple[str, ...]] = {
    "file": (".safetensors", ".ckpt", ".pt"), "data": (".toml", ".json", ".jsonl"),
    "yaml": (".yaml", ".yml"), "image": (".png", ".jpg", ".jpeg", ".webp"),
    "adapter": (".safetensors", ".pt", ".ckpt"), "layers": (".toml",), "result": (".safetensors", ".ckpt"),
}


def facts_html(form: Form, values: Mapping[str, Any], checked: CheckedForm, language: str) -> Markup:
    """The step line and the problems, with a style sheet and path lists that the form itself uses."""
    hidden = form.hidden(checked.config.flat(), checked.facts)
    return joined([
        step_line_html(checked, language),
        sources_html(checked.trained, checked.config.training.train_batch_size, language),
        problems_html(checked, language),
        fields_html(form, values, hidden, checked.errors),
    ])  # fmt: skip


def fields_html(form: Form, values: Mapping[str, Any], hidden: Sequence[str], errors: Iterable[Problem]) -> Markup:
    """HTML that hides the fields `hidden`, marks those that are wrong, and offers paths."""
    lists = [_path_list(s, values, form.prefix) for s in form.settings if _is_one_path(s)]
    away = [f"setting-{name}" for name in hidden] + [f"section-{key}" for key in form.empty_sections(hidden)]
    return joined([_style(away, errors, form.prefix), *lists])


def work_of(checked: CheckedForm) -> Workload | None:
    """The workload of the form, or None while there are no images to count."""
    if not checked.subsets:
        return None
    config = checked.config
    return workload(checked.trained, config.training, config.launch.num_processes)


def step_line_html(checked: CheckedForm, language: str) -> Markup:
    """`N images × repeats × epochs ÷ batch = steps`, and, if they differ, the steps that will run, with the reasons."""
    kind = "step-line" if checked.subsets else "step-line empty"
    return Markup('<div id="step-line" class="{}">{}</div>').format(kind, step_words(checked, language))


def step_words(checked: CheckedForm, language: str) -> Markup:
    """What the step line says, without the line itself."""
    work = work_of(checked)
    if work is None:
        return Markup("{}").format(text("ui.steps.no_images", language))
    count = count_steps(work)
    formula = Markup("<span>{}</span>").format(_formula(work, count, language))
    if not count.reasons:
        return Markup("<div>{}</div>").format(formula)
    return Markup("<div>{formula} <strong>{steps}</strong></div><ul>{reasons}</ul>").format(
        formula=formula,
        steps=text("ui.steps.really", language, steps=f"{count.total:,}"),
        reasons=joined(Markup("<li>{}</li>").format(translate(reason, language)) for reason in count.reasons),
    )


def _formula(work: Workload, count: StepCount, language: str) -> str:
    repeats = {image.registered.repeats for image in work.images if not image.registered.is_reg}
    if len(repeats) == 1:
        pictures = text("ui.steps.images", language, images=count.images, repeats=repeats.pop())
    else:
        pictures = text("ui.steps.samples", language, images=count.images, samples=count.samples)
    epochs = work.max_train_epochs or count.epochs
    rest = text("ui.steps.rest", language, epochs=epochs, batch=work.batch_size, steps=f"{count.plain:,}")
    return f"{pictures} {rest}"


def offers(checked: CheckedForm, target: int, language: str) -> list[tuple[str, str]]:
    """Ways to reach `target` steps as (words, value) of a choice; the value is what `read_offer` reads."""
    work = work_of(checked)
    ways = [] if work is None else suggest(work, target)
    return [(_offer_text(way, language), _offer_value(way)) for way in ways if _can_be_done(way, checked)]


def _can_be_done(way: Suggestion, checked: CheckedForm) -> bool:
    """Whether the repeats that it changes are part of folder names, which people can rename."""
    changed = {now for now, then in way.repeats if now != then}
    return all(
        one.folder.path.name.startswith(f"{one.folder.repeats}_")
        for one in checked.subsets
        if one.folder.repeats in changed and not one.is_reg
    )


def _offer_text(offer: Suggestion, language: str) -> str:
    changed = ", ".join(f"{now} → {then}" for now, then in offer.repeats if now != then)
    key = "ui.target.repeats" if changed else "ui.target.epochs"
    return text(key, language, epochs=offer.epochs, steps=f"{offer.total:,}", repeats=changed)


def _offer_value(offer: Suggestion) -> str:
    return f"{offer.epochs};" + ",".join(f"{now}>{then}" for now, then in offer.repeats if now != then)


def read_offer(value: str, checked: CheckedForm) -> tuple[int, list[tuple[str, str]]]:
    """The epochs of an offer, and the folders to rename for its repeats as (name now, name then)."""
    epochs, _, pairs = value.partition(";")
    changes = dict(pair.split(">") for pair in pairs.split(",") if pair)
    renames = [
        (one.folder.path.name, re.sub(r"^\d+", changes[str(one.folder.repeats)], one.folder.path.name))
        for one in checked.subsets
        if str(one.folder.repeats) in changes and not one.is_reg
    ]
    return int(epochs), renames


def problems_html(checked: CheckedForm, language: str) -> Markup:
    """List of problems, then warnings, then notices; each with its setting."""
    errors, warnings, notices = checked.errors, checked.warnings, checked.notices
    if not (errors or warnings or notices):
        return Markup('<div id="problems"></div>')
    count = text("ui.problems.errors", language, count=len(errors))
    heading = Markup("<b>{}</b>").format(count) if errors else ""
    items = joined(
        Markup('<li class="{}">{}</li>').format(kind, problem_html(found, language))
        for kind, problems in (("error", errors), ("warning", warnings), ("notice", notices))
        for found in problems
    )
    return Markup('<div id="problems" class="problems">{}<ul>{}</ul></div>').format(heading, items)


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


def _style(hidden: Iterable[str], errors: Iterable[Problem], prefix: str) -> Markup:
    """Hides the elements `hidden` and marks what is wrong: one style sheet instead of seventy updates."""
    away = ",".join(f"#{prefix}{name}" for name in hidden)
    wrong = ",".join(f"#{prefix}setting-{name} :is(input,textarea)" for name in settings_in(errors))
    rules = (f"{away}{{display:none!important}}" if away else "") + (
        f"{wrong}{{border-color:var(--crucible-error)!important}}" if wrong else ""
    )
    return Markup("<style>{}</style>").format(rules)


def settings_in(problems: Iterable[Problem]) -> list[str]:
    """The names of the settings that `problems` are about."""
    return [p.params["name"] for p in problems if is_setting(p.params.get("name"))]


def _is_one_path(s: Setting) -> bool:
    return s.traits.path is not None and s.traits.lines == 1


def _path_list(s: Setting, values: Mapping[str, Any], prefix: str) -> Markup:
    paths = paths_below(str(values.get(s.name) or ""), OFFERED.get(s.traits.path, ()))
    options = joined(Markup('<option value="{}">').format(path) for path in paths)
    return Markup('<datalist id="paths-{}setting-{}">{}</datalist>').format(prefix, s.name, options)


def paths_below(typed: str, endings: Collection[str]) -> list[str]:
    """Contents of the folder that is being typed: its folders, and files with one of `endings`."""
    typed = clean_path(typed)
    if not typed:
        return [str(Path.home())]
    folder = Path(typed).expanduser() if typed.endswith(("/", "\\")) else Path(typed).expanduser().parent
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name.lower())
        shown = [p for p in entries if not p.name.startswith(".") and (p.is_dir() or p.suffix.lower() in endings)]
    except OSError:
        return []
    return [str(path) for path in shown[:MAX_PATHS]]
