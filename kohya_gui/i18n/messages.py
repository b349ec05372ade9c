"""Every text of the page in every language, found by its key: settings, sections, buttons and coded messages."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from kohya_gui.form.kinds import kind_word
from kohya_gui.i18n.languages import ENGLISH, languages, texts_in
from train_core.config.job import Job
from train_core.config.jobs.tools import TOOLS
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem
from train_core.config.setting import Setting

JOBS: tuple[type[Job], ...] = (*TOOLS.values(), TrainConfig)


@cache
def dictionary(language: str) -> dict[str, str]:
    """All texts of `language` by key. English texts of settings come from their declarations."""
    texts = texts_in(language)
    return {**_declared(), **texts} if language == ENGLISH else texts


def _declared() -> dict[str, str]:
    texts: dict[str, str] = {}
    for job in JOBS:
        texts |= {f"section.{key}.title": section.title for key, section in job.sections().items()}
        for s in job.settings():
            texts[f"setting.{s.name}.label"] = s.label
            texts[f"setting.{s.name}.help"] = s.help
    return texts


def text(key: str, language: str, **params: Any) -> str:
    """The text of `key` with `params` filled in."""
    return dictionary(language)[key].format(**params) if params else dictionary(language)[key]


def translate(found: Problem, language: str) -> str:
    """The message of `found` in `language`; its own English text where that language has none."""
    template = dictionary(language).get(f"message.{found.code}")
    return found.text if template is None else template.format(**_localised(found.params, language))


def _localised(params: Mapping[str, Any], language: str) -> dict[str, Any]:
    """`params`, where what the declaration of the setting `name` says stands in `language` too."""
    declared = _settings().get(str(params.get("name")))
    if declared is None or language == ENGLISH:
        return dict(params)
    words = {
        "help": lambda: text(f"setting.{declared.name}.help", language),
        "expected": lambda: text(f"word.{kind_word(declared)}", language),
        "condition": lambda: _condition(declared, language),
        "bounds": lambda: _bounds(declared, language),
    }
    return {name: words[name]() if name in words else value for name, value in params.items()}


@cache
def _settings() -> dict[str, Setting]:
    return {s.name: s for job in JOBS for s in job.settings()}


def _condition(s: Setting, language: str) -> str:
    """When `s` applies, from the declaration's words: `NAME is set`, or `NAME is A or B`."""
    name, _, values = s.traits.applies_to.words.partition(" is ")
    if values == "set":
        return text("word.is_set", language, name=text("word.or", language).join(name.split(" or ")))
    known = {"on": text("word.on", language), "off": text("word.off", language)}
    joined = text("word.or", language).join(known.get(value, value) for value in values.split(" or "))
    return text("word.is", language, name=name, value=joined)


def _bounds(s: Setting, language: str) -> str:
    signs = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}", "multiple_of": text("word.multiple_of", language)}
    limits = [sign.format(f"{s.bound(name):g}") for name, sign in signs.items() if s.bound(name) is not None]
    return text("word.and", language).join(limits)


def page_translations() -> dict[str, dict[str, str]]:
    """The texts that the browser itself fills in, by language."""
    return {
        language: {key: value for key, value in dictionary(language).items() if not key.startswith("message.")}
        for language in languages()
    }
