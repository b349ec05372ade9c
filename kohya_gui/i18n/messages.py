"""Every text of the page in every language, found by its key: settings, sections, buttons and coded messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from string import Formatter
from typing import Any

from kohya_gui.i18n.languages import ENGLISH, languages, texts_in
from train_core.config.job import Job
from train_core.config.jobs import table
from train_core.config.phrases import Phrase
from train_core.config.problems import Problem
from train_core.config.setting import Setting
from train_core.config.syntax.coerce import bounds, expected, help_of
from train_core.events.stages import STAGES

JOBS: tuple[type[Job], ...] = tuple(table.job_of(row.name) for row in table.OURS)
OF_MESSAGES = ("message.", "phrase.", "joint.", "preset.")  # said by the server alone


@cache
def dictionary(language: str) -> dict[str, str]:
    """All texts of `language` by key, English where it lacks one. English texts of settings are their declarations'."""
    return {**_declared(), **texts_in(ENGLISH), **texts_in(language)}


def _declared() -> dict[str, str]:
    texts = {f"ui.stage.{name}": title for name, title in STAGES.items()}
    for job in JOBS:
        texts[f"job.{job.job_name}.title"] = job.title
        texts |= {f"section.{key}.title": section.title for key, section in job.sections().items()}
        for s in job.settings():
            texts[f"setting.{s.name}.label"] = s.label
            texts[f"setting.{s.name}.help"] = s.help
    return texts


class _Filler(Formatter):
    """Fills in templates as `str.format` does; `{count:plural}` is the s of a plural, nothing where `count` is 1."""

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "plural":
            return "" if str(value) == "1" else "s"
        return str(super().format_field(value, format_spec))


def text(key: str, language: str, **params: Any) -> str:
    """The text of `key` with `params` filled in."""
    template = dictionary(language)[key]
    return _Filler().vformat(template, (), params) if params else template


def words_of(group: str, language: str) -> dict[str, str]:
    """The texts that a tab's scripts say themselves, by their names without `ui.GROUP.`, with {placeholders}."""
    beginning = f"ui.{group}."
    return {
        key.removeprefix(beginning): said for key, said in dictionary(language).items() if key.startswith(beginning)
    }


def translate(found: Problem, language: str) -> str:
    """The message of `found` in `language`; its own English text where that language has none."""
    template = dictionary(language).get(f"message.{found.code}")
    return found.text if template is None else _filled(template, _of_today(found.params), language, found.text)


def say(value: Any, language: str) -> Any:
    """A message's parameter in `language`: a phrase by its code, anything else as it is."""
    if not isinstance(value, Phrase):
        return value
    texts, items = dictionary(language), value.params.get("items")
    joint = texts.get(f"joint.{value.code}")
    if joint is not None and isinstance(items, list):
        return joint.join(str(say(item, language)) for item in items)
    if value.code.startswith("message."):
        return translate(Problem(value.code.removeprefix("message."), str(value), value.params), language)
    if "." in value.code:
        return texts.get(value.code, str(value))
    template = texts.get(f"phrase.{value.code}")
    return str(value) if template is None else _filled(template, value.params, language, str(value))


def _filled(template: str, params: Mapping[str, Any], language: str, english: str) -> str:
    """`template` with `params`, or `english` where they do not fit, as may be in an event of another version."""
    try:
        return template.format(**{name: say(value, language) for name, value in params.items()})
    except (LookupError, ValueError, AttributeError):
        return english


def _of_today(params: Mapping[str, Any]) -> dict[str, Any]:
    """`params` with phrases where events of older versions hold plain English about the setting `name`."""
    declared = _settings().get(str(params.get("name")))
    if declared is None:
        return dict(params)
    phrases: dict[str, Callable[[], Phrase]] = {
        "help": lambda: help_of(declared), "expected": lambda: expected(declared),
        "condition": lambda: declared.applies_to.words, "bounds": lambda: bounds(declared),
    }  # fmt: skip
    return {
        name: phrases[name]() if name in phrases and not isinstance(value, Phrase) else value
        for name, value in params.items()
    }


@cache
def _settings() -> dict[str, Setting]:
    return {s.name: s for job in JOBS for s in job.settings()}


def page_translations() -> dict[str, dict[str, str]]:
    """The texts that the browser itself fills in, by language."""
    return {
        language: {key: value for key, value in dictionary(language).items() if not key.startswith(OF_MESSAGES)}
        for language in languages()
    }
