"""Every text of the page in every language, found by its key: settings, sections, buttons and coded messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem
from train_core.config.train import TrainConfig

LANGUAGES = {"en": "English", "zh-CN": "简体中文"}
LOCALES = Path(__file__).parent / "locales"


@cache
def dictionary(language: str) -> dict[str, str]:
    """All texts of `language` by key. English texts of settings come from their declarations."""
    texts: dict[str, str] = json.loads((LOCALES / f"{language}.json").read_text(encoding="utf-8"))
    return {**_declared(), **texts} if language == "en" else texts


def _declared() -> dict[str, str]:
    texts = {f"section.{key}.title": section.title for key, section in TrainConfig.sections().items()}
    for s in TrainConfig.settings():
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


def translate_event(event: Mapping[str, Any], language: str) -> str:
    """The message of a `warning` or `error` event in `language`."""
    return translate(Problem(event.get("code", ""), event.get("text", ""), event.get("params") or {}), language)


def _localised(params: Mapping[str, Any], language: str) -> dict[str, Any]:
    """`params`, where the help of a setting stands in `language` too."""
    help_key = f"setting.{params.get('name')}.help"
    known = dictionary(language).get(help_key) if "help" in params else None
    return {**params, "help": known} if known else dict(params)


def page_translations() -> dict[str, dict[str, str]]:
    """The texts that the browser itself fills in, by language."""
    return {
        language: {key: value for key, value in dictionary(language).items() if not key.startswith("message.")}
        for language in LANGUAGES
    }
