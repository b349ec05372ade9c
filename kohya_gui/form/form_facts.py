"""What stands around the form and follows every key: the step line, the problems, what is hidden, path suggestions."""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from kohya_gui.form.validate_form import Understood
from kohya_gui.form.widgets import Form
from kohya_gui.i18n.messages import dictionary, text, translate
from kohya_gui.views.sources_html import sources_html
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


def facts_html(form: Form, values: Mapping[str, Any], understood: Understood, language: str) -> str:
    """The step line and the problems, with a style sheet and path lists that the form itself uses."""
    return (
        f"{step_line_html(understood, language)}"
        f"{sources_html(understood.trained, understood.config.training.train_batch_size, language)}"
        f"{problems_html(understood, language)}"
        f"{fields_html(form, values, form.hidden(understood.config.flat()), understood.errors)}"
    )


def fields_html(form: Form, values: Mapping[str, Any], hidden: Iterable[str], errors: Iterable[Problem]) -> str:
    """What hides the fields `hidden` and marks those that are wrong, and the paths that fields offer."""
    lists = "".join(_path_list(s, values, form.prefix) for s in form.settings if _is_one_path(s))
    return f"{_style(hidden, errors, form.prefix)}{lists}"


def work_of(understood: Understood) -> Workload | None:
    """The workload of the form, or None while there are no images that can be counted."""
    if not understood.subsets:
        return None
    config = understood.config
    return workload(understood.trained, config.training, config.launch.num_processes)


def step_line_html(understood: Understood, language: str) -> str:
    """`N images × repeats × epochs ÷ batch = steps`, and where it differs the steps that will run, with the reasons."""
    work = work_of(understood)
    if work is None:
        return f'<div id="step-line" class="step-line empty">{_ui("ui.steps.no_images", language)}</div>'
    count = count_steps(work)
    reasons = "".join(f"<li>{html.escape(translate(p, language))}</li>" for p in count.reasons)
    real = _ui("ui.steps.really", language, steps=f"{count.total:,}") if count.reasons else ""
    return (
        f'<div id="step-line" class="step-line"><div>{_formula(work, count, language)}'
        f"{f' <strong>{real}</strong>' if real else ''}</div>{f'<ul>{reasons}</ul>' if reasons else ''}</div>"
    )


def _formula(work: Workload, count: StepCount, language: str) -> str:
    repeats = {image.registered.repeats for image in work.images if not image.registered.is_reg}
    if len(repeats) == 1:
        pictures = _ui("ui.steps.images", language, images=count.images, repeats=repeats.pop())
    else:
        pictures = _ui("ui.steps.samples", language, images=count.images, samples=count.samples)
    epochs = work.max_train_epochs or count.epochs
    rest = _ui("ui.steps.rest", language, epochs=epochs, batch=work.batch_size, steps=f"{count.plain:,}")
    return f"<span>{pictures} {rest}</span>"


def offers(understood: Understood, target: int, language: str) -> list[tuple[str, str]]:
    """Ways to reach `target` steps as (words, value) of a choice; the value is what `read_offer` reads."""
    work = work_of(understood)
    ways = [] if work is None else suggest(work, target)
    return [(_offer_text(way, language), _offer_value(way)) for way in ways if _can_be_done(way, understood)]


def _can_be_done(way: Suggestion, understood: Understood) -> bool:
    """Whether the repeats that it changes stand in the names of folders, which people can rename."""
    changed = {now for now, then in way.repeats if now != then}
    return all(
        one.folder.path.name.startswith(f"{one.folder.repeats}_")
        for one in understood.subsets
        if one.folder.repeats in changed and not one.is_reg
    )


def _offer_text(offer: Suggestion, language: str) -> str:
    changed = ", ".join(f"{now} → {then}" for now, then in offer.repeats if now != then)
    key = "ui.target.repeats" if changed else "ui.target.epochs"
    return text(key, language, epochs=offer.epochs, steps=f"{offer.total:,}", repeats=changed)


def _offer_value(offer: Suggestion) -> str:
    return f"{offer.epochs};" + ",".join(f"{now}>{then}" for now, then in offer.repeats if now != then)


def read_offer(value: str, understood: Understood) -> tuple[int, list[tuple[str, str]]]:
    """The epochs of an offer, and the folders to rename for its repeats as (name now, name then)."""
    epochs, _, pairs = value.partition(";")
    changes = dict(pair.split(">") for pair in pairs.split(",") if pair)
    renames = [
        (one.folder.path.name, re.sub(r"^\d+", changes[str(one.folder.repeats)], one.folder.path.name))
        for one in understood.subsets
        if str(one.folder.repeats) in changes and not one.is_reg
    ]
    return int(epochs), renames


def problems_html(understood: Understood, language: str) -> str:
    """What keeps a run from starting, then what is odd, then what is good to know; each beside its setting."""
    errors, warnings, notices = understood.errors, understood.warnings, understood.notices
    if not (errors or warnings or notices):
        return '<div id="problems"></div>'
    heading = f"<b>{_ui('ui.problems.errors', language, count=len(errors))}</b>" if errors else ""
    return (
        f'<div id="problems" class="problems">{heading}'
        f"<ul>{_items(errors, 'error', language)}{_items(warnings, 'warning', language)}"
        f"{_items(notices, 'notice', language)}</ul></div>"
    )


def _items(problems: Iterable[Problem], kind: str, language: str) -> str:
    return "".join(f'<li class="{kind}">{problem_html(p, language)}</li>' for p in problems)


def problem_html(found: Problem, language: str) -> str:
    """The message, led by the label of the setting it names, which takes one to its field."""
    words = html.escape(translate(found, language)).replace("\n", "<br>")
    name = found.params.get("name")
    label = text(f"setting.{name}.label", language) if is_setting(name) else ""
    return f'<a href="#setting-{name}">{html.escape(label)}</a> {words}' if label else words


def is_setting(name: Any) -> bool:
    """Whether `name`, a parameter of a message, names a setting."""
    return f"setting.{name}.label" in dictionary("en")


def _style(hidden: Iterable[str], errors: Iterable[Problem], prefix: str) -> str:
    """Hides what does not apply and marks what is wrong: one element instead of seventy updates."""
    away = ",".join(f"#{prefix}setting-{name}" for name in hidden)
    wrong = ",".join(f"#{prefix}setting-{name} :is(input,textarea)" for name in settings_in(errors))
    rules = (f"{away}{{display:none!important}}" if away else "") + (
        f"{wrong}{{border-color:var(--crucible-error)!important}}" if wrong else ""
    )
    return f"<style>{rules}</style>"


def settings_in(problems: Iterable[Problem]) -> list[str]:
    """The names of the settings that `problems` are about."""
    return [p.params["name"] for p in problems if is_setting(p.params.get("name"))]


def _is_one_path(s: Setting) -> bool:
    return s.traits.path is not None and s.traits.lines == 1


def _path_list(s: Setting, values: Mapping[str, Any], prefix: str) -> str:
    paths = paths_below(str(values.get(s.name) or ""), OFFERED.get(s.traits.path, ()))
    options = "".join(f'<option value="{html.escape(path, quote=True)}">' for path in paths)
    return f'<datalist id="paths-{prefix}setting-{s.name}">{options}</datalist>'


def paths_below(typed: str, endings: Collection[str]) -> list[str]:
    """What the folder that is being typed holds: its folders, and files with one of `endings`."""
    typed = typed.strip()
    if not typed:
        return [str(Path.home())]
    folder = Path(typed).expanduser() if typed.endswith(("/", "\\")) else Path(typed).expanduser().parent
    try:
        entries = sorted(folder.iterdir(), key=lambda path: path.name.lower())
        shown = [p for p in entries if not p.name.startswith(".") and (p.is_dir() or p.suffix.lower() in endings)]
    except OSError:
        return []
    return [str(path) for path in shown[:MAX_PATHS]]


def _ui(key: str, language: str, **params: object) -> str:
    return html.escape(text(key, language, **params))
