"""The places of a run and the state it resumes from: its list of files, its states, and the way back into one."""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from train_core.config.files import to_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, raise_if_any
from train_core.config.whole_files import remove_leftovers_like
from train_core.data.library import Library
from train_core.data.processes import gather
from train_core.events.kinds import NoticeEvent, Resumed
from train_core.events.log import Emit, emit_problems
from train_core.events.reading import read_events
from train_core.facts.run.contents import Contents, require_same_contents, unchecked
from train_core.facts.run.result_names import Reserved, reserve_free_name, reserve_name, sample_files
from train_core.facts.run.states import State, find_state, rates_differ
from train_core.facts.run.steps import StepCount
from train_core.jobs.older_states import as_read_for, read_otherwise, reading
from train_core.run.metrics import Metrics
from train_core.run.outputs.curves import forget_later
from train_core.run.outputs.manifest import Manifest
from train_core.run.outputs.places import Places
from train_core.run.outputs.state import Parts, States, read_parts, restore
from train_core.run.training import Training


@dataclass(frozen=True, kw_only=True)
class Place:
    """Places of a run: its folder, the results' folder and name, its list of files; `state` is what it resumes.

    `reserved` is the reserved name, in the main process.
    """

    run_dir: Path
    output_dir: Path
    name: str
    manifest: Manifest
    state: State | None
    reserved: Reserved | None = None

    @property
    def places(self) -> Places:
        """The folders that results are written to."""
        return Places(self.output_dir, self.run_dir)

    def release(self) -> None:
        """Make the name of the results available to other runs."""
        if self.reserved is not None:
            self.reserved.release()


def place_of(config: TrainConfig, run_dir: Path, is_main: bool = True) -> Place:
    """The place of the run; a resumed one keeps its name. Every process has to call it.

    Raises `UserError` if the state is not valid, another run uses the name, or the folder cannot be written to.
    """
    state, output_dir = find_state(config, run_dir), Path(config.output.output_dir)
    reserved: Reserved | None = None
    problems: tuple[Problem, ...] = ()
    if is_main:
        try:
            wanted = config.output.output_name
            reserved = reserve_name(output_dir, state.name) if state else reserve_free_name(output_dir, wanted)
        except UserError as error:
            problems = error.problems
    name, problems = gather((reserved.name if reserved else "", problems))[0]
    raise_if_any(problems)
    manifest = Manifest(run_dir, state.files, state.step) if state else Manifest(run_dir)
    return Place(
        run_dir=run_dir, output_dir=output_dir, name=name, manifest=manifest, state=state, reserved=reserved,
    )


def metrics_for(config: TrainConfig, place: Place, length: StepCount, emit: Emit) -> Metrics:
    """The run's curves, for the main process, together with its settings.

    Those of a resumed run are cut back to its state, and torn files are removed.
    """
    if place.state:
        whole, started = divmod(place.state.step, length.steps_per_epoch)
        # At the run's end an epoch that was cut short has its mean, which nothing would write once more.
        is_done = place.state.step >= length.total
        forget_later(place.run_dir / "logs", place.state.step, whole + bool(started and is_done))
        place.manifest.sweep()
        remove_leftovers_like(place.output_dir / "sample", sample_files(place.name))
    first_step = place.state.step if place.state else 0
    logs = place.run_dir / "logs"
    metrics = Metrics(emit, logs, length.total, length.epochs, length.steps_per_epoch, first_step)
    if place.state is None:
        metrics.describe(to_toml(config))
    return metrics


def states_for(
    place: Place, config: TrainConfig, library: Library, total_steps: int, parts: Parts, emit: Emit | None
) -> States:
    """The writer of the run's states, with everything that is the same in each of them."""
    resume, output = config.resume, config.output
    facts = {
        "output_name": output.output_name, "run_dir": str(place.run_dir), "settings": config.applicable(),
        "data": digest_of(library), "total_steps": total_steps, "reading": reading(),
    }  # fmt: skip
    return States(
        resume, place.places, place.name, parts, facts, place.manifest, emit,
        keep_epochs=resume.save_last_n_epochs_state or output.save_last_n_epochs,
        keep_steps=resume.save_last_n_steps_state or output.save_last_n_steps,
    )  # fmt: skip


def digest_of(library: Library) -> str:
    """Stands for everything that a place in the order of the images depends on, but not for where they lie."""
    images = [[e.folder.name, e.path.name, e.caption, e.repeats, e.fit.bucket, e.size] for e in library.entries]
    return hashlib.sha256(json.dumps(images).encode()).hexdigest()


def require_same(place: Place, library: Library, contents: Future[Contents], emit: Emit) -> None:
    """Raise `UserError` if the run resumes a state and images or models are not the ones that it was trained on."""
    if place.state is None:
        return
    require_same_contents(place.state, contents.result(), digest_of(as_read_for(place.state, library)))
    unknown = [] if place.state.contents else [unchecked(place.state)]
    emit_problems(emit, NoticeEvent, [*unknown, *read_otherwise(place.state, library)])


def resume(run: Training, config: TrainConfig, place: Place, emit: Emit) -> None:
    """Restore every part of `run` from the state. Raises `UserError` if the state is of other images."""
    if place.state is None:
        return
    restore(run.upkeep.states.parts, read_parts(place.state))
    run.step = place.state.step
    if rates_differ(config, place.state):
        run.stepper.schedule.factor = 1.0  # rates in the settings replace what was typed while the run went on
    else:
        run.upkeep.rates.take_over(read_events(place.run_dir / "events.jsonl"), place.state.step)
    emit(Resumed(step=run.step, epoch=run.epoch, path=str(place.state.path)))
