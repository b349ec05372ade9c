"""A file's schedule: PyTorch's classes that are schedules here, and arguments that are settings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import OFF
from train_core.config.interop.sd_scripts_schedules import schedule_in_our_words
from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import UserError
from train_core.config.syntax.arguments import parse_arguments, words_in

NO_CLASS = phrase(
    "import_schedule_class", "a schedule given as a class can be neither plotted nor resumed exactly"
)
NEAREST = phrase("import_nearest_schedule", "the same curve under its name here")
LENGTHS = ("T_max", "T_0", "first_cycle_steps", "total_iters")
# PyTorch's schedules and LoRA Easy Training Scripts' own by the ends of their names.
CLASSES = {
    "cosineannealinglr": "cosine", "cosineannealingwarmrestarts": "cosine_with_restarts",
    "cosineannealingwarmuprestarts": "cosine_with_restarts", "constantlr": "constant", "linearlr": "linear",
    "polynomiallr": "polynomial",
}  # fmt: skip


def translate_schedule(ledger: Ledger) -> None:
    """Put what the file says of its schedule into our settings."""
    kind = ledger.words.pop("lr_scheduler_type", None)
    if kind is not None and not is_empty(kind.value):
        _of_class(ledger, kind.key, kind.value)
        return
    if kind is not None and kind.key:
        ledger.leave(kind.key, OFF)
    schedule, given = ledger.words.get("lr_scheduler"), ledger.words.get("lr_scheduler_args")
    values: dict[str, Any] = {}
    if schedule is not None:
        values["lr_scheduler"] = schedule.value
    if given is not None:
        values["lr_scheduler_args"] = given.value
    try:
        ours = schedule_in_our_words(values, lambda _: ledger.program)
    except UserError as error:
        if given is not None:
            del ledger.words["lr_scheduler_args"]
            ledger.puzzle(given.key, given.value, Phrase(str(error)))
        return
    for name, value in ours.items():
        if name == "lr_scheduler" and schedule is not None:
            schedule.value = value
        elif given is not None and value != values.get(name):
            ledger.say(given.key, name, value)
    if given is not None and not ours.get("lr_scheduler_args"):
        ledger.words.pop("lr_scheduler_args", None)


def _of_class(ledger: Ledger, key: str, value: Any) -> None:
    """Translate a schedule that is given as a class, which goes before one given by name."""
    ours = CLASSES.get(str(value).rpartition(".")[2].strip().lower())
    arguments = ledger.words.pop("lr_scheduler_args", None)
    said = _arguments(arguments.value) if arguments is not None else {}
    if ours is None:
        ledger.leave(key, NO_CLASS)
        if arguments is not None:
            ledger.leave(arguments.key, NO_CLASS)
        return
    ledger.say(key, "lr_scheduler", ours, _reason(said))
    if arguments is not None and arguments.key:
        _lowest_rate(ledger, arguments.key, said)


def _reason(said: Mapping[str, Any]) -> Phrase:
    """Why the schedule is another one: of a cycle's length only the shape is left."""
    steps = next((said[name] for name in LENGTHS if name in said), None)
    if steps is None:
        return NEAREST
    return phrase(
        "import_schedule_whole", "the same shape, over the whole training instead of {steps} steps", steps=str(steps)
    )


def _lowest_rate(ledger: Ledger, key: str, said: dict[str, Any]) -> None:
    """The rate at which a cosine ends; its length is that of the run."""
    lowest = number_of(said.get("eta_min", said.get("min_lr")))
    rate = number_of(ledger.words["learning_rate"].value) if "learning_rate" in ledger.words else None
    if lowest and rate and lowest < rate and ledger.words["lr_scheduler"].value == "cosine":
        ledger.words["lr_scheduler"].value = "cosine_with_min_lr"
        ledger.say(key, "lr_scheduler_min_lr_ratio", lowest / rate, NEAREST)
    elif not any(word.key == key for word in ledger.words.values()):
        ledger.leave(key, phrase("import_schedule_length", "the schedule always runs over the whole training"))


def _arguments(value: Any) -> dict[str, Any]:
    try:
        return parse_arguments(words_in(value), "lr_scheduler_args")
    except (ValueError, UserError):
        return {}
