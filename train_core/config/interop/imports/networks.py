"""A file's network: modules and arguments of sd-scripts and LyCORIS, of which the known ones become settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_core.config.interop.imports.families import family_of
from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.report import OFF, overruled
from train_core.config.interop.lora_types import ARGUMENTS, LYCORIS, OF_ALGO, OF_MODULES, with_our_lora_type
from train_core.config.interop.sd_scripts_networks import ARGUMENT_NAMES, RATES, network_in_our_words
from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import UserError
from train_core.config.syntax.arguments import separate, words_in

KNOWN = {*ARGUMENTS, *ARGUMENT_NAMES, *RATES, "algo", "network_dropout"}
MODULE = phrase("import_of_module", "the network's module trains these layers")
# What the module says, and the arguments that say it.
OF_MODULE = {"LoRA_type": "algo", "LyCORIS_preset": "preset"}


def translate_network(ledger: Ledger) -> None:
    """Put what the file says by `network_module`, `network_args` and foreign names of types into our settings."""
    _translate_type(ledger)
    module, given = ledger.words.pop("network_module", None), ledger.words.pop("network_args", None)
    said: dict[str, Any] = {}
    if module is not None and not is_empty(module.value):
        said |= _module(ledger, module.key, str(module.value).strip())
    elif module is not None and module.key:
        ledger.leave(module.key, OFF)
    if given is not None:
        said |= _given(ledger, given.key, given.value)
    if not said:
        return
    try:
        ours = network_in_our_words(said, lambda _: ledger.program)
    except UserError as error:
        ledger.puzzle("network_args", said.get("network_args"), Phrase(str(error)))
        return
    named, argued = (word.key if word is not None else "" for word in (module, given))
    for name, value in ours.items():
        key = named if name in OF_MODULE and not _argued(said, name) else argued
        if key:
            ledger.say(key, name, value, MODULE if key == named and name != "LoRA_type" else None)
        else:
            ledger.imply(name, value)
    if named and not any(word.key == named for word in ledger.words.values()):
        ledger.leave(named, overruled(argued))


def _translate_type(ledger: Ledger) -> None:
    """kohya_ss's names of types, and what they imply."""
    kind = ledger.words.get("LoRA_type")
    if kind is None or not isinstance(kind.value, str):
        return
    for name, value in with_our_lora_type({"LoRA_type": kind.value}).items():
        if name == "LoRA_type":
            kind.value = value
        else:
            ledger.imply(name, value)


def _argued(said: Mapping[str, Any], name: str) -> bool:
    """Whether an argument says what the module says else."""
    return any(word.startswith(f"{OF_MODULE[name]}=") for word in said.get("network_args", ()))


def _module(ledger: Ledger, key: str, module: str) -> dict[str, Any]:
    if module in OF_MODULES or module == LYCORIS:
        return {"network_module": module}
    ledger.family = family_of(module) or ledger.family
    known = joined("comma", [*OF_MODULES, LYCORIS])
    reason = phrase("import_module", "this network is not known; the known ones are {known}", known=known)
    ledger.puzzle(key or "network_module", module, reason)
    return {}


def _given(ledger: Ledger, key: str, value: Any) -> dict[str, Any]:
    """The known arguments of the network; the others are told one by one."""
    try:
        words = separate(words_in(value))
    except ValueError:
        ledger.puzzle(key or "network_args", value, phrase("a_list_of_words", "a list of key=value pairs"))
        return {}
    known = []
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or name not in KNOWN or (name == "algo" and text.lower() not in OF_ALGO):
            reason = phrase("import_argument", "this argument of the network is not known here")
            ledger.puzzle(f"network_args: {name}", text, reason)
        elif text.strip() not in ("", "None", '""'):
            known.append(word)
    if not known and key:
        ledger.leave(key, OFF)
    return {"network_args": list(dict.fromkeys(known))} if known else {}
