"""States on disk: their contents, which one to resume from, and whether these settings may continue from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from train_core.config.checks.consistency import learning_rates
from train_core.config.existing import is_dir
from train_core.config.jobs.train import TrainConfig
from train_core.config.paths import LAST_STATE
from train_core.config.problems import Problem, UserError, problem
from train_core.config.sections.method import WHOLE
from train_core.config.setting import Setting
from train_core.facts.models.tensor_files import read_tensor_file

FORMAT = 1
INFO, PARTS, TENSORS = "state.json", "parts.json", "tensors.safetensors"

# What may be changed when a run goes on. Everything else would make it another run.
RATES = frozenset({
    "learning_rate", "unet_lr", "text_encoder_lr", "lr_scheduler", "lr_warmup_steps", "lr_stages", "lr_decay_steps",
    "lr_scheduler_min_lr_ratio", "lr_scheduler_timescale", "lr_scheduler_num_cycles", "lr_scheduler_power",
    "lr_scheduler_args",
})  # fmt: skip
LENGTH = frozenset({"max_train_epochs", "max_train_steps"})
HANDLING = frozenset({
    "max_data_loader_n_workers", "cache_latents", "cache_latents_to_disk", "validate_every_n_epochs",
    "validate_every_n_steps", "early_stop_patience",
})  # fmt: skip
FREE_SECTIONS = frozenset({"output", "resume", "samples", "launch"})
SHARDING = "accelerate_config"
BOUND = frozenset({"num_processes", "num_machines"})


@dataclass(frozen=True)
class State:
    """A state folder. `step` counts from 1 and is done; `name` is that of the run's results, `run_dir` its folder.

    `settings` are all of the run's by name, `data` the digest of its images' order, `files` what it had written by
    then. `contents` are as `facts.run.contents` has them, `reading` says by which rules images and captions were read;
    states of older versions have neither.
    """

    path: Path
    step: int
    total_steps: int
    written: float
    output_name: str
    name: str
    run_dir: Path
    data: str
    settings: dict[str, Any]
    files: list[list[Any]]
    contents: dict[str, Any] = field(default_factory=dict)
    reading: dict[str, str] = field(default_factory=dict)


def read_state(path: Path) -> State:
    """The state in the folder `path`. Raises UserError if there is none, or if it is incomplete."""
    try:
        said = json.loads((path / INFO).read_text(encoding="utf-8"))
        version = int(said["format"])
        said = {"contents": {}, "reading": {}, **said}
        told = {one.name: said[one.name] for one in fields(State) if one.name not in ("path", "run_dir")}
        state = State(path=path, run_dir=Path(said["run_dir"]), **told)
        json.loads((path / PARTS).read_bytes())
        read_tensor_file(path / TENSORS)
    except (OSError, ValueError, KeyError, TypeError, RecursionError, UserError) as error:
        raise UserError(
            problem(
                "state_not_whole",
                "{folder} is not a complete state ({reason}). Choose a folder whose name ends in -state, or resume = "
                "\"last\" for the newest complete one.",
                folder=str(path), reason=str(error) or type(error).__name__,
            )
        ) from error
    if version > FORMAT:
        raise UserError(
            problem(
                "state_too_new",
                "The state {folder} was written by a newer Crucible. Update this one to resume from it.",
                folder=str(path),
            )
        )
    return state


def find_state(config: TrainConfig, run_dir: Path | None = None) -> State | None:
    """The state that `config` asks to resume from, None when it asks for none.

    "last" is the newest whole one of `run_dir`'s run, else of any run with this output name in the output folder. The
    last one may lie in the run's folder, where the output folder took nothing more. Raises UserError when there is
    none.
    """
    wanted = config.resume.resume.strip()
    if not wanted:
        return None
    if wanted.lower() != LAST_STATE:
        return read_state(Path(wanted))
    output = config.output
    found = [s for s in states_in(Path(output.output_dir)) if s.output_name == output.output_name]
    own = [] if run_dir is None else [s for s in [*found, *states_in(run_dir)] if s.run_dir == run_dir]
    newest = max(own or found, key=lambda s: (s.written, s.step), default=None)
    if newest is None:
        raise UserError(
            problem(
                "state_none",
                "resume = \"last\": {folder} has no complete state of {name}. Pause writes one; Stop and a killed run "
                "leave one only with save_state or save_state_every_n_steps. Start without resume.",
                folder=output.output_dir, name=output.output_name,
            )
        )
    return newest


def states_in(folder: Path) -> list[State]:
    """Every complete state in `folder`. A state that was being written when its run was killed has another name."""
    found = []
    for path in folder.glob("*-state") if is_dir(folder) else ():
        try:
            found.append(read_state(path))
        except UserError:  # not whole: passed over, as "newest whole" says
            continue
    return found


def resume_problems(config: TrainConfig, run_dir: Path | None = None) -> list[Problem]:
    """Reasons why these settings cannot resume from their state: every setting that differs and may not, at once."""
    try:
        state = find_state(config, run_dir)
    except UserError as error:
        return list(error.problems)
    return [] if state is None else [*differing(config, state)]


def differing(config: TrainConfig, state: State) -> list[Problem]:
    """One problem for each setting that differs from the state's and may not."""
    ours, theirs = config.applicable(), state.settings
    refused = [
        problem(
            "resume_differs",
            "{name} is {now}, but the state {folder} was trained with {then}. Change it back, or start a new run "
            "without resume. Only rates, length, saving and samples may differ.",
            name=s.name, now=_plain(ours, s), then=_plain(theirs, s), folder=str(state.path),
        )
        for s in config.settings()
        if (not may_differ(s) and _plain(ours, s) != _plain(theirs, s) and not _moved(s, ours, theirs, state))
        or (s.name == SHARDING and _learns_in_shares(ours) != _learns_in_shares(theirs))
    ]
    return [*refused, *_other_parts(config, state)]


def _other_parts(config: TrainConfig, state: State) -> list[Problem]:
    """A rate of 0 leaves a part out of the optimizer, so no rate may become 0 or cease to be."""
    then = learning_rates(TrainConfig.from_flat(state.settings))
    return [
        problem(
            "resume_rate_zero",
            "The learning rate of {part} is {now}, but was {then} in the state {folder}: a part cannot start or stop "
            "training in the middle of a run. Choose a small rate instead of 0, or start a new run.",
            part=part, now=rate, then=then[part], folder=str(state.path),
        )
        for part, rate in learning_rates(config).items()
        if part in then and bool(rate) != bool(then[part])
    ]


def _learns_in_shares(values: Mapping[str, Any]) -> bool:
    """Whether each process trains a share of the weights: a state then holds what each of them knows."""
    return bool(values.get(SHARDING)) and values.get("training_method") in WHOLE


def _moved(setting: Setting, ours: Mapping[str, Any], theirs: Mapping[str, Any], state: State) -> bool:
    """Whether files are merely in another place now, where their content is known and will be compared."""
    both = ours.get(setting.name) and theirs.get(setting.name)
    return bool(state.contents and both) and names_a_place(setting)


def names_a_place(setting: Setting) -> bool:
    """Whether a setting says where images or models are, which is no matter as long as their content is the same."""
    return setting.traits.path in ("file", "adapter", "adapters", "data", "embeddings", "folder")


def may_differ(setting: Setting) -> bool:
    """Whether a run may continue with another value of this setting."""
    if setting.name in BOUND:
        return False
    return setting.section in FREE_SECTIONS or setting.name in RATES | LENGTH | HANDLING


def rates_differ(config: TrainConfig, state: State) -> bool:
    """Whether the settings ask for other learning rates than the state's run had."""
    ours = config.applicable()
    return any(
        _plain(ours, s) != _plain(state.settings, s)
        for s in config.settings()
        if s.name in RATES
    )


def _plain(values: Mapping[str, Any], setting: Setting) -> str:
    """A setting's value as it is compared and shown; one that does not apply, or is newer than a state, is the default.

    JSON knows no tuples, and a whole float is the integer.
    """
    value = values.get(setting.name, setting.default)
    return json.dumps(int(value) if isinstance(value, float) and value.is_integer() else value)
