"""What a file trains, and the options of sd-scripts that only some methods have, in a ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.report import EMPTY, OFF
from train_core.config.interop.sd_scripts_methods import (
    AS_FACTORS,
    AS_SOURCE,
    OPTIONS,
    Meaning,
    asks,
    blocks_in_our_words,
    file_kind,
    method_of,
    of_whole_model,
)
from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import UserError
from train_core.config.sections.method import WHOLE

NO_EFFECT = phrase("import_no_effect", "it has no effect there")
FORMAT = phrase("import_type", "this is its name here")
# Of no effect in the scripts for SD 1.x and 2.x, see the fact book on sd-scripts.
ONLY_SDXL = ("full_bf16", "fused_backward_pass")
TEMPLATES = {"use_object_template": "object", "use_style_template": "style"}
PLAIN_SCRIPTS = ("train_db", "fine_tune")


def say_method(
    ledger: Ledger, options: Mapping[str, Any], keys: Mapping[str, str], script: str = ""
) -> Mapping[str, Any]:
    """Say the method that `options` of sd-scripts' `script` are for, and what only it has; the options that are left.

    `keys` name the key of the file for options that have another name there.
    """
    method = method_of(options, script)
    if method == "LoRA":
        return options
    ledger.method = method
    left = {**options, "training_method": method}
    if method in WHOLE:
        say_whole(ledger, options, keys, of_whole_model(options, method))
        if script in PLAIN_SCRIPTS:
            leave_without_effect(ledger, keys)
            left = {name: value for name, value in left.items() if name not in ONLY_SDXL}
        left = {name: value for name, value in left.items() if name not in OPTIONS}
    else:
        _say_words(ledger, options, keys)
        left = {name: value for name, value in left.items() if name not in (*TEMPLATES, "weights")}
    say_format(ledger, options, keys, method)
    return {name: value for name, value in left.items() if name not in ("save_model_as", "use_safetensors")}


def _say_words(ledger: Ledger, options: Mapping[str, Any], keys: Mapping[str, str]) -> None:
    """Say which sentences the new words stand in, and the file that they go on from."""
    for name in (*TEMPLATES, "weights"):
        key = keys.get(name, name)
        if name not in options or key not in ledger.given:
            continue
        if not asks(options[name]):
            ledger.leave(key, EMPTY if is_empty(options[name]) else OFF)
        elif name == "weights":
            ledger.say(key, "embedding_weights", [options[name]])
        else:
            ledger.say(key, "caption_template", TEMPLATES[name])


def leave_without_effect(ledger: Ledger, keys: Mapping[str, str]) -> None:
    """Leave out what the scripts for SD 1.x and 2.x do not look at."""
    ledger.leave_all([keys.get(name, name) for name in ONLY_SDXL], NO_EFFECT)


def say_whole(ledger: Ledger, options: Mapping[str, Any], keys: Mapping[str, str], meaning: Meaning) -> None:
    """Say what whole models' `options` mean; rates of blocks that mean nothing here are not understood."""
    for name in OPTIONS & options.keys():
        key = keys.get(name, name)
        if name == "block_lr" and asks(options[name]):
            _say_blocks(ledger, key, str(options[name]))
        elif key not in ledger.given:
            for new, value in meaning.by.get(name, {}).items():
                ledger.imply(new, value)
        elif name in meaning.share:
            ledger.share(key, meaning.share[name])
        elif said := meaning.by.get(name, {}):
            for new, value in said.items():
                ledger.say(key, new, value, meaning.reasons.get(name))
        else:
            ledger.leave(key, EMPTY if is_empty(options[name]) else OFF if not asks(options[name]) else NO_EFFECT)
    for name, value in meaning.implied.items():
        ledger.imply(name, value)


def _say_blocks(ledger: Ledger, key: str, text: str) -> None:
    try:
        said = blocks_in_our_words(text, ledger.program)
    except UserError as error:
        found = error.problems[0]
        ledger.puzzle(key, text, Phrase(found.text, f"message.{found.code}", found.params))
        return
    for name, value in said.items():
        ledger.say(key, name, value, AS_FACTORS)


def say_format(ledger: Ledger, options: Mapping[str, Any], keys: Mapping[str, str], method: str) -> None:
    """Say the format of the results, which is that of the base model where nothing else is said."""
    kind, option = file_kind(options, method)
    for name in ("save_model_as", "use_safetensors"):
        key = keys.get(name, name)
        if key not in ledger.given:
            continue
        if name != option:
            ledger.leave(key, EMPTY if is_empty(options[name]) else OFF)
        elif options[name] == kind:
            ledger.say(key, "save_model_as", kind)
        else:
            source = "source" in str(options[name]).lower()
            ledger.say(key, "save_model_as", kind, AS_SOURCE if source else FORMAT)
    ledger.imply("save_model_as", kind)
