"""From the words of sd-scripts and older versions to settings: the last steps, the same for every program's files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from train_core.config.checks.paths import foreign_inputs, foreign_outputs
from train_core.config.interop.aliases import in_our_words, with_plain_ranks
from train_core.config.interop.imports.families import untrained
from train_core.config.interop.imports.ledger import RENAMED, SECRETS, Ledger, Word, is_empty
from train_core.config.interop.imports.ledger import plain as plain_name
from train_core.config.interop.imports.networks import translate_network
from train_core.config.interop.imports.repairs import repaired
from train_core.config.interop.imports.report import (
    EMPTY,
    OFF,
    Changed,
    Defaulted,
    Import,
    Need,
    NotUnderstood,
    Taken,
    overruled,
)
from train_core.config.interop.imports.schedules import translate_schedule
from train_core.config.interop.kept import Kept
from train_core.config.interop.unused_options import ANOTHER_METHOD, COMPANIONS, NOT_FOLLOWED, UNNEEDED
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import HUB_ID, absolute_paths, clean_value
from train_core.config.phrases import Phrase, phrase, setting_name
from train_core.config.problems import Problem, UserError, problem
from train_core.config.sections.method import FOR_FORMATS
from train_core.config.setting import Setting
from train_core.config.syntax.coerce import FALSE_WORDS, coerce, is_zero

Values = dict[str, Any]

FILE_KIND = phrase("import_file_kind", "adapters are always .safetensors files")
CHOICE = phrase("import_choice", "it is a choice here")
PART = phrase("import_part", "it is one of several parts of this setting here")
UNKNOWN = phrase("import_unknown", "no setting of this name is known")
# Flags that become other settings, see `aliases`; those of fp8 in the order in which they count.
FLAGS = (
    "caption_extention", "v_parameterization", "no_metadata", "full_fp16", "full_bf16", "fp8_base", "fp8_base_unet",
    "torch_compile",
)  # fmt: skip
OPTIMIZER_FLAGS = ("use_8bit_adam", "use_lion_optimizer")


def settled(
    ledger: Ledger, theirs: Mapping[str, Any] | None = None, folder: Path | None = None, asked: Iterable[Need] = ()
) -> Import:
    """What a file means whose keys `ledger` has put into words.

    `theirs` are the other program's defaults by our names, `folder` is where relative paths start, and `asked` are
    questions about keys that mean no setting by themselves. Never raises.
    """
    _leave_unused(ledger)
    _translate_flags(ledger)
    translate_schedule(ledger)
    translate_network(ledger)
    _plain_ranks(ledger)
    values = _placed(_typed(ledger), folder)
    said = set(values)
    values = _applicable(ledger, values)
    needs = [*_needs(ledger, values), *asked]
    note = untrained(ledger.family)
    ledger.notes += [note] if note else []
    return _report(ledger, values, needs, _defaulted(values, said, theirs or {}))


def _leave_unused(ledger: Ledger) -> None:
    """Settle the options that need no counterpart, are not followed, or shape something else than an adapter."""
    reasons: dict[str, Phrase] = {**UNNEEDED, **NOT_FOLLOWED}
    for name, word in list(ledger.words.items()):
        if name in ("use_safetensors", "save_model_as") and not _has_formats(ledger):
            _drop(ledger, word, FILE_KIND)
        elif name in reasons or name in COMPANIONS:
            _drop(ledger, word, OFF if _asks_nothing(word.value) else reasons.get(name, OFF))
        elif name in ANOTHER_METHOD:
            reason = phrase("import_of_method", "it is for {method}", method=ANOTHER_METHOD[name])
            _drop(ledger, word, OFF if _asks_nothing(word.value) else reason)


def _has_formats(ledger: Ledger) -> bool:
    """Whether results of what the file trains may be files of several formats."""
    method = ledger.words.get("training_method")
    return method is not None and FOR_FORMATS.holds({"training_method": method.value})


def _asks_nothing(value: Any) -> bool:
    return is_empty(value) or str(value).strip().lower() in FALSE_WORDS


def _drop(ledger: Ledger, word: Word, reason: Phrase) -> None:
    """Take `word` out; its key is left out for `reason` unless something else is left of it."""
    del ledger.words[word.name]
    if word.key and not any(other.key == word.key for other in ledger.words.values()):
        ledger.leave(word.key, reason)


def _translate_flags(ledger: Ledger) -> None:
    """Flags of other programs as choices of ours."""
    for name in OPTIMIZER_FLAGS:
        if name in ledger.words and "optimizer_type" in ledger.words:
            _drop(ledger, ledger.words[name], _goes_before("optimizer_type", ledger))
    for name in (*FLAGS, *OPTIMIZER_FLAGS):
        word = ledger.words.get(name)
        if word is None:
            continue
        became = in_our_words({name: word.value}, lambda _: ledger.program)[0]
        if name in became and name != "v_parameterization":
            continue
        if not became or (name == "torch_compile" and "dynamo_backend" in ledger.words):
            _drop(ledger, word, OFF)
            continue
        del ledger.words[name]
        for new, value in became.items():
            same = new == name and value == word.value
            ledger.say(word.key, new, value, word.reason or (None if same else CHOICE))


def _goes_before(name: str, ledger: Ledger) -> Phrase:
    return overruled(ledger.words[name].key or name)


def _plain_ranks(ledger: Ledger) -> None:
    """Ranks and alphas that mean something else in other programs, 0 and "all", as they are said here."""
    names = ("LoRA_type", "network_dim", "conv_dim", "network_alpha", "conv_alpha")
    said = {name: ledger.words[name].value for name in names if name in ledger.words}
    try:
        plain, told = with_plain_ranks(said, lambda _: ledger.program)
    except UserError as error:  # the full matrix in some layers only: the rank of the convolutions is what is odd
        word = ledger.words.pop("conv_dim", None) or ledger.words.pop("network_dim")
        ledger.puzzle(word.key or word.name, word.value, as_phrase(error.problems[0]))
        return
    reason = as_phrase(told[0]) if told else None
    for name, value in said.items():
        word = ledger.words[name]
        if name not in plain:
            _drop(ledger, word, OFF)
        elif plain[name] != value:
            because = reason or phrase("import_alpha_is_rank", "an alpha of 0 is as much as the rank")
            ledger.words[name] = Word(word.key, name, plain[name], because)
    if "full_matrix" in plain:
        key = next(ledger.words[name].key for name in ("network_dim", "conv_dim") if plain.get(name) != said.get(name))
        ledger.say(key, "full_matrix", True, reason)


def _typed(ledger: Ledger) -> Values:
    """The values of our types; what cannot be one is settled."""
    declared = {s.name: s for s in TrainConfig.settings()}
    values: Values = {}
    failed: dict[str, Problem] = {}
    for name, word in list(ledger.words.items()):
        if name not in declared:
            del ledger.words[name]
            ledger.puzzle(word.key or name, word.value, UNKNOWN)
            continue
        word.value, reason = repaired(name, word.value)
        word.reason = reason or word.reason
        if _means_default(declared[name], word.value):
            _drop(ledger, word, OFF if is_zero(word.value) else EMPTY)
            continue
        try:
            values[name] = coerce(declared[name], word.value, ledger.program)
        except UserError as error:
            failed[name] = error.problems[0]
    config = TrainConfig.from_flat(values).flat()
    for name, found in failed.items():
        _settle_unreadable(ledger, declared[name], found, config)
    return values


def _means_default(declared: Setting, value: Any) -> bool:
    return is_empty(value) or (declared.traits.zero_unset and is_zero(value))


def _settle_unreadable(ledger: Ledger, declared: Setting, found: Problem, held: Values) -> None:
    """A value that cannot be read is no fault where it has no effect, nor is a zero for what must not be zero."""
    word = ledger.words[declared.name]
    if not declared.applies_to.holds(held):
        _drop(ledger, word, OFF if is_zero(word.value) else _unmet(declared, held))
    elif is_zero(word.value) and ledger.program == "kohya_ss":
        _drop(ledger, word, phrase("import_zero_dropped", "there, 0 means the default too"))
    else:
        del ledger.words[declared.name]
        ledger.puzzle(word.key or word.name, word.value, as_phrase(found))


def _unmet(declared: Setting, held: Values) -> Phrase:
    condition = declared.applies_to.unmet(held).words
    return phrase("import_not_applicable", "it applies only when {condition}", condition=condition)


def _placed(values: Values, folder: Path | None) -> Values:
    """`values` with clean paths; relative ones start at `folder`, if there is one."""
    if folder is not None:
        return absolute_paths(values, folder, TrainConfig)
    kinds = {s.name: s.traits.path for s in TrainConfig.settings() if s.traits.path}
    return {name: clean_value(kinds[name], value) if name in kinds else value for name, value in values.items()}


def _applicable(ledger: Ledger, values: Values) -> Values:
    """`values` without those that have no effect beside the others."""
    held = TrainConfig.from_flat(values).flat()
    kept = dict(values)
    for s in TrainConfig.settings():
        if s.name in values and values[s.name] != s.default and not s.applies_to.holds(held):
            del kept[s.name]
            _drop(ledger, ledger.words[s.name], _unmet(s, held))
    return kept


def _needs(ledger: Ledger, values: Values) -> list[Need]:
    """A question for each path that is none here: a name on a hub, or a path of another system."""
    config = TrainConfig.from_flat(values)
    questions = {found.params["name"]: found for found in (*foreign_outputs(config), *foreign_inputs(config))}
    files = [s.name for s in TrainConfig.settings() if s.traits.path == "file"]
    questions |= {name: _hub_question(name, values[name]) for name in files if _is_hub_id(values.get(name, ""))}
    needs = []
    for name, question in questions.items():
        word = ledger.words[name]
        key = word.key or name
        if key in ledger.given:
            needs.append(Need(key, ledger.given[key], name, question))
    return needs


def _is_hub_id(text: str) -> bool:
    return HUB_ID.fullmatch(text.strip()) is not None and not Path(text.strip()).exists()


def _hub_question(name: str, hub_id: str) -> Problem:
    return problem(
        "import_hub_model",
        "{name} = {id} is the name of a model on a hub, and nothing is downloaded without your consent. Which file or "
        "folder on this computer is it? It is remembered for this name.",
        name=setting_name(name), id=hub_id.strip(),
    )


def _defaulted(values: Values, said: set[str], theirs: Mapping[str, Any]) -> tuple[list[Defaulted], int]:
    """The settings that the file does not say and whose defaults differ, and how many it does not say at all."""
    held = TrainConfig.from_flat(values).flat()
    silent = {s.name: s for s in TrainConfig.settings() if s.name in theirs.keys() - said and not s.traits.required}
    differing = [
        Defaulted(name, s.default, theirs[name]) for name, s in silent.items()
        if s.default != theirs[name] and s.applies_to.holds(held)
    ]
    return differing, len(silent)


def _report(ledger: Ledger, values: Values, needs: list[Need], defaults: tuple[list[Defaulted], int]) -> Import:
    """Everything in its list, each key of the file in one."""
    asked = {need.name for need in needs}
    taken: list[Taken] = []
    changed: list[Changed] = []
    became: dict[str, Values] = {}
    for word in ledger.words.values():
        became.setdefault(word.key, {})[word.name] = values[word.name]
    for key, value in ledger.given.items():
        if key in asked or key in ledger.not_understood:
            continue
        if key not in became and ledger.shares.get(key) in values:
            changed.append(Changed(key, value, {ledger.shares[key]: values[ledger.shares[key]]}, PART))
        elif key in became:
            reason = next((ledger.words[n].reason for n in became[key] if ledger.words[n].reason), None)
            same = reason is None and list(became[key]) == [plain_name(key)]
            taken += [Taken(key, value)] if same else []
            changed += [] if same else [Changed(key, value, became[key], reason or RENAMED)]
        elif key in ledger.shares and key not in ledger.left_out:
            ledger.leave(key, OFF)
        elif key not in ledger.left_out:
            ledger.puzzle(key, value, UNKNOWN)
    settled_keys = {*(one.name for one in taken), *(one.name for one in changed), *asked}
    return Import(
        ledger.program, ledger.method, ledger.family, values, tuple(taken), tuple(changed),
        tuple(left for name, left in ledger.left_out.items()
              if name in ledger.given and name not in settled_keys | ledger.not_understood.keys()),
        _in_order(ledger), tuple(needs), tuple(defaults[0]), defaults[1], tuple(ledger.notes),
        Kept(ledger.program, {name: "" if name in SECRETS else value for name, value in ledger.given.items()}),
    )  # fmt: skip


def _in_order(ledger: Ledger) -> tuple[NotUnderstood, ...]:
    return tuple(ledger.not_understood.values())


def as_phrase(found: Problem) -> Phrase:
    """The message of `found` as a part of another."""
    return Phrase(found.text, f"message.{found.code}", found.params)
