"""sd-scripts' TOML files, and whatever else says the same in its words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.methods import say_method
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import EMPTY, OFF, Import
from train_core.config.interop.imports.translate import settled
from train_core.config.interop.sd_scripts_import import DIFFERENT_DEFAULTS, odd_blocks, with_what_is_left_out
from train_core.config.interop.sd_scripts_options import OPTIONS
from train_core.config.interop.unused_options import NAMES, UNNEEDED
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import phrase
from train_core.config.syntax.coerce import TRUE_WORDS
from train_core.kinds import KINDS

NO_KEYS: Mapping[str, str] = {}
SETTINGS = frozenset(s.name for s in TrainConfig.settings())
KNOWN = SETTINGS | NAMES | frozenset(OPTIONS)
NO_TEXT_TRAINING = phrase("import_no_text_training", "below 0 leaves the text encoder as it is")
BOXES = frozenset(box for kind in KINDS.values() for box in kind.boxes)
IMPLIED = phrase("import_implied", "as the program itself does it")


def from_sd_scripts_file(given: Mapping[str, Any], folder: Path | None = None, program: str = "sd-scripts") -> Import:
    """The settings that sd-scripts' options in `given` mean. Never raises."""
    ledger = Ledger(program, given)
    say_options(ledger, ledger.given)
    return settled(ledger, theirs(), folder)


def theirs() -> dict[str, Any]:
    """What sd-scripts does where a file is silent, as far as that differs from here."""
    return {**DIFFERENT_DEFAULTS, "max_train_epochs": 0}


def say_options(
    ledger: Ledger, options: Mapping[str, Any], keys: Mapping[str, str] = NO_KEYS, script: str = ""
) -> None:
    """Say the `options` of sd-scripts' `script`, each for the key of the file that `keys` names, else for its own name.

    An option without such a key is implied.
    """
    options = say_method(ledger, options, keys, script)
    for kind in KINDS.values():
        if any(str(options.get(box)).strip().lower() in TRUE_WORDS for box in kind.boxes):
            ledger.family = ledger.family or kind.name
    meant = with_what_is_left_out({name: _plain(name, value) for name, value in options.items()})
    for name, value in options.items():
        key = keys.get(name, name)
        if key not in ledger.given:
            if name in meant:
                ledger.imply(name, meant[name])
        elif is_empty(value):
            if key in ledger.open():
                ledger.leave(key, EMPTY)
        elif name in BOXES:
            ledger.leave(key, UNNEEDED["v2"])
        elif name == "stop_text_encoder_training" and (number_of(value) or 0) < 0:
            ledger.say(key, "network_train_unet_only", True, NO_TEXT_TRAINING)
        elif name not in meant:
            ledger.leave(key, OFF)
        elif name in KNOWN:
            ledger.say(key, name, meant[name], None if meant[name] == _plain(name, value) else IMPLIED)
    for name in meant.keys() - options.keys():
        ledger.imply(name, meant[name])
    ledger.notes += odd_blocks({name: word.value for name, word in ledger.words.items()}, ledger.program)


def _plain(name: str, value: Any) -> Any:
    """Whole numbers as such where text says them and the number decides over other options."""
    if name in ("stop_text_encoder_training", "max_train_steps", "max_train_epochs"):
        number = number_of(value)
        return int(number) if number is not None and number == int(number) else value
    return value
