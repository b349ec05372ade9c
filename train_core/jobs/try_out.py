"""The job that tries a training: ten steps and one picture on the user's own data, to know what the whole takes."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import wait
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import torch

from train_core.config.jobs.train import TrainConfig
from train_core.config.jobs.try_out import STEPS, shortened
from train_core.config.problems import UserError
from train_core.data.batch import Batch
from train_core.data.library import Library
from train_core.data.order import BatchPlan, global_batches
from train_core.data.prefetch import batches_on
from train_core.data.processes import UnreadableDataError
from train_core.events.event import Event
from train_core.events.kinds import Finished, SampleDrawn, Stage, Tried
from train_core.events.log import Emit
from train_core.facts.preflight import Findings
from train_core.facts.run.costs import times_drawn, work_digest
from train_core.facts.run.steps import Counted, StepCount, count_steps, workload_of
from train_core.jobs.devices import make_accelerator
from train_core.jobs.failing import explained, ran_out_of_memory
from train_core.jobs.rescuing import told
from train_core.jobs.train import facts_of, open_run
from train_core.run.batch_search import Bounds, Largest, Trial, largest_batch
from train_core.run.loop import train
from train_core.run.memory import MemoryWatch, card_name, finished_at
from train_core.run.training import Training

RESULTS = "tried"  # folder in the run's, for what a training writes
FIRST_STEPS = 2  # take longer than the others, and do not count
ROOM = 0.95  # of the free memory, that a batch may take
NEARLY_FULL = 0.9
MOST_SAMPLES = 64  # in a batch
SECONDS_FOR_BATCHES = 20
BATCHES_LOOKED_AT = 4


def try_out(config: TrainConfig, run_dir: Path, emit: Emit, findings: Findings) -> None:
    """Try the training that `config` describes, and emit `tried`. Raises `UserError` for what the user can fix.

    What the steps write goes to a folder within `run_dir` that is removed afterwards.
    """
    began = time.monotonic()
    images, telling, accelerator = FewImages(config), Telling(emit), make_accelerator(config.launch)
    with _emptied(run_dir / RESULTS, accelerator.is_main_process) as folder, MemoryWatch(accelerator.device) as memory:
        few = shortened(config, folder)
        with closing(open_run(few, run_dir, telling, findings.base, images.chosen)) as run:
            wait([run.upkeep.states.contents] if run.upkeep.states.contents else [])  # its thread slows down steps
            emit(facts_of(few, run))
            with run.upkeep.control.catching_interrupts():
                attempt = Attempt(config, run, memory, images, telling.rest(images), began)
                tried = attempt.tried(run_dir)
            if run.metrics:
                run.metrics.close()
            stopped = run.upkeep.stopped
    if not stopped:
        emit(tried)
    emit(Finished(status="stopped" if stopped else "completed", path=None, step=run.step))


@contextmanager
def _emptied(folder: Path, is_main: bool) -> Iterator[Path]:
    """`folder`, which the main process removes afterwards with all that is in it."""
    try:
        yield folder
    finally:
        if is_main:
            shutil.rmtree(folder, ignore_errors=True)


class FewImages:
    """Chooses the images of the first steps, so that no others need to be encoded; `whole` are all of them."""

    def __init__(self, config: TrainConfig) -> None:
        self._training, self._processes = config.training, config.launch.num_processes
        self.whole = self.few = Library(())

    def chosen(self, libraries: tuple[Library, Library | None]) -> tuple[Library, None]:
        """The images of the first steps' batches, and none to validate on."""
        self.whole, _ = libraries
        plan = BatchPlan(self._training.seed, self._training.train_batch_size, self._processes)
        batches = global_batches(self.whole.groups, plan, 0)[: STEPS * self._training.gradient_accumulation_steps]
        taken = sorted({self.whole.samples[sample] for batch in batches for sample in batch})
        self.few = replace(self.whole, entries=tuple(self.whole.entries[index] for index in taken))
        return self.few, None

    def length(self) -> StepCount:
        """The length of the whole training."""
        images = tuple(Counted(entry.group, entry.registered) for entry in self.whole.entries)
        return count_steps(workload_of(images, self._training, self._processes))

    def most_together(self) -> int:
        """The number of samples in the largest bucket: more than these never come together in a batch."""
        return max(Counter(self.whole.groups).values(), default=1)


@dataclass
class Telling:
    """Passes events on, without pictures that will be gone, and notes how caching goes."""

    emit: Emit
    phases: list[list[tuple[float, int]]] = field(default_factory=list)  # of caching: times, and how many were done

    def __call__(self, event: Event) -> None:
        if isinstance(event, Stage) and event.name == "caching" and event.done is not None:
            if not self.phases or event.done < self.phases[-1][-1][1]:
                self.phases.append([])
            self.phases[-1].append((time.monotonic(), event.done))
        if not isinstance(event, SampleDrawn):
            self.emit(event)

    def rest(self, images: FewImages) -> float:
        """The seconds that caching all other images would take, at the pace seen."""
        ends = [(phase[0], phase[-1]) for phase in self.phases]
        each = sum((last[0] - first[0]) / (last[1] - first[1]) for first, last in ends if last[1] > first[1])
        return (len(images.whole.entries) - len(images.few.entries)) * each


@dataclass
class StepTimes:
    """Notes when the steps that count begin and end."""

    device: torch.device
    begun: tuple[int, float] = (0, 0.0)
    ended: tuple[int, float] = (0, 0.0)

    def start(self) -> None:
        self.begun = (0, finished_at(self.device))

    def __call__(self, step: int) -> None:
        if step == FIRST_STEPS:
            self.begun = (step, finished_at(self.device))
        elif step == STEPS:
            self.ended = (step, finished_at(self.device))

    @property
    def steps(self) -> int:
        return self.ended[0] - self.begun[0]

    @property
    def seconds_per_step(self) -> float:
        return (self.ended[1] - self.begun[1]) / self.steps


@dataclass
class Attempt:
    """An opened `run` of the first steps: they are done, a picture is drawn, and larger batches are tried.

    The whole training takes `caching` more seconds to cache its images; `began` is when the try did.
    """

    config: TrainConfig
    run: Training
    memory: MemoryWatch
    images: FewImages
    caching: float
    began: float

    def tried(self, run_dir: Path) -> Tried:
        """What was found. Raises `UserError` where not even a single image fits into memory."""
        holders = self.memory.holders()
        times = StepTimes(self.run.device)
        set_up = time.monotonic() - self.began
        problem = self._steps(times, run_dir)
        picture = None if problem or self.run.upkeep.stopped else self._picture()
        peak = self.memory.peak()
        largest = self._largest(problem)
        whole, length = None, self.images.length()
        drawn = times_drawn(self.config.samples, length) * len(self.run.upkeep.samples.prompts)
        if times.ended[0]:
            whole = set_up + self.caching + length.total * times.seconds_per_step + drawn * (picture or 0.0)
        return Tried(
            work=work_digest(self.config), device=self.run.device.type, card=card_name(self.run.device),
            steps=times.steps if times.ended[0] else 0, seconds_per_step=times.seconds_per_step if whole else None,
            peak_memory=peak, total_steps=length.total, pictures=drawn, seconds_per_picture=picture,
            seconds=whole, free_memory=self.memory.free, total_memory=self.memory.total, holders=holders,
            batch_size=self.config.training.train_batch_size, largest_batch=None if largest is None else largest.size,
            largest_was_done=bool(largest and largest.was_done), values=self._values(largest, peak, bool(problem)),
        )  # fmt: skip

    def _steps(self, times: StepTimes, run_dir: Path) -> UserError | None:
        """Do the steps; the error if memory did not suffice and a smaller batch might."""
        self.run.watch = times
        times.start()
        self.run.upkeep.control.emit(Stage(name="training"))
        try:
            train(self.run)
        except UnreadableDataError as error:
            raise told(error, self.run) from error
        except Exception as error:
            if not ran_out_of_memory(error) or not self._can_change_batch:
                raise
            problem = explained(error, self.config, run_dir)  # holds no frames, in which tensors would live on
        else:
            return None
        self.run.stepper.skip(self.run.step)
        return problem

    @property
    def _can_change_batch(self) -> bool:
        return self.run.accelerator.num_processes == 1

    def _picture(self) -> float | None:
        """Draw the first prompt; the seconds that it took, None without prompts."""
        samples = self.run.upkeep.samples
        if not samples.prompts:
            return None
        prompts, began = samples.prompts, finished_at(self.run.device)
        samples.prompts = prompts[:1]
        samples.draw(self.run.step, None)
        samples.prompts = prompts
        return finished_at(self.run.device) - began

    def _largest(self, problem: UserError | None) -> Largest | None:
        """The largest batch that fits. Raises `problem`, that the set one does not, if no smaller one does either."""
        size = self.config.training.train_batch_size
        if self.run.upkeep.stopped or not self._can_change_batch:
            return None
        if problem and size == 1:
            raise problem
        most = size // 2 if problem else min(MOST_SAMPLES, self.images.most_together())
        if most < size and not problem:
            return None
        batch = self._largest_picture()
        bounds = Bounds(
            most, round(self.memory.free * ROOM), SECONDS_FOR_BATCHES,
            careful=self.run.device.type != "cuda",
        )
        found = largest_batch(lambda count: self._trial(batch, count), min(size, most), bounds)
        if problem and found is not None and not found.size:
            raise problem
        return found

    def _largest_picture(self) -> Batch:
        """Of the first batches one with the largest pictures."""
        epoch = batches_on(self.run.device, self.run.data.epoch(0))
        return max(islice(epoch, BATCHES_LOOKED_AT), key=lambda batch: batch.bucket[0] * batch.bucket[1])

    def _trial(self, batch: Batch, count: int) -> Trial | None:
        """Forward and backward of `count` samples like those of `batch`; None if memory does not suffice."""
        run, began = self.run, finished_at(self.run.device)
        self.memory.restart()
        fits = True
        try:
            larger = batch.of_size(count)
            run.seed_dropouts(larger)
            with run.stepper.gathering(last=True):
                run.stepper.backward(run.objective.loss(larger, run.model))
        except Exception as error:
            if not ran_out_of_memory(error):
                raise
            fits = False
        run.stepper.skip(run.step)
        return Trial(count, self.memory.peak(), finished_at(run.device) - began) if fits else None

    def _values(self, largest: Largest | None, peak: int, too_large: bool) -> dict[str, object]:
        """The settings to offer: the largest batch, and what saves memory where little is left."""
        values: dict[str, object] = {}
        size = self.config.training.train_batch_size
        if largest is not None and largest.size and (too_large or largest.size > size):
            values["train_batch_size"] = largest.size
        if not too_large and peak > NEARLY_FULL * self.memory.free and not self.config.memory.gradient_checkpointing:
            values["gradient_checkpointing"] = True
        return values
