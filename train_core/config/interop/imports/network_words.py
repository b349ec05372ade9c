"""Arguments of LyCORIS's and sd-scripts' networks that a file gives one by one, or as a list of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.networks import KNOWN
from train_core.config.interop.imports.report import EMPTY, overruled
from train_core.config.interop.lora_types import ARGUMENTS
from train_core.config.phrases import Phrase, phrase
from train_core.config.syntax.arguments import separate, words_in

UNKNOWN = phrase("import_argument", "this argument of the network is not known here")


def say_arguments(ledger: Ledger, keys: Mapping[str, str]) -> None:
    """Say the arguments that `keys` of the file are, each by its name in the network; "" is a list of several.

    What stands in the file's own `network_args` too goes before them.
    """
    written = _written(ledger)
    for key, argument in keys.items():
        value = ledger.given[key]
        if is_empty(value):
            ledger.leave(key, EMPTY)
            continue
        for name, text in [(argument, value)] if argument else _pairs(ledger, key):
            if name in written:
                ledger.leave(key, _goes_before())
            elif name == "algo":
                _say_algo(ledger, key, text)
            elif name in KNOWN:
                ledger.say(key, ARGUMENTS.get(name, name), text)
            else:
                ledger.puzzle(f"{key}: {name}", text, UNKNOWN)


def _goes_before() -> Phrase:
    return overruled("network_args")


def _written(ledger: Ledger) -> dict[str, str]:
    """The arguments in the file's own list, by name."""
    return dict(_pairs(ledger, "network_args")) if ledger.has("network_args") else {}


def _pairs(ledger: Ledger, key: str) -> Iterator[tuple[str, str]]:
    try:
        words = separate(words_in(ledger.given[key]))
    except ValueError:
        ledger.puzzle(key, ledger.given[key], phrase("a_list_of_words", "a list of key=value pairs"))
        return
    for word in words:
        name, _, text = word.partition("=")
        yield name, text


def _say_algo(ledger: Ledger, key: str, algo: Any) -> None:
    """The algorithm is an argument that decides over the others, so it joins the list that is there."""
    if not ledger.has("network_args"):
        ledger.say(key, "network_args", [f"algo={algo}"])
        return
    try:
        words = words_in(ledger.given["network_args"])
    except ValueError:
        words = []
    ledger.say("network_args", "network_args", [*words, f"algo={algo}"])
    ledger.share(key, "LoRA_type")
