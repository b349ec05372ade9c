"""Drawing the sample prompts during a run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from accelerate import Accelerator

from train_core.config.problems import Problem, UserError
from train_core.config.sections.samples import SampleSettings
from train_core.data.processes import gather
from train_core.diffusion.process import Process
from train_core.events.kinds import SampleDrawn, Stage, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.prompts.to_draw import ToDraw
from train_core.methods.method import Method
from train_core.models.family import Family
from train_core.models.files.writing import telling
from train_core.run.likeness import Likeness
from train_core.run.outputs.places import Places
from train_core.sampling.draw import Picture, PictureDrawer
from train_core.sampling.networks import Networks
from train_core.sampling.png import epoch_mark, parameters_text, sample_path, save_png, step_mark


@dataclass
class SampleDrawer:
    """Draws `prompts`, shared out over the processes, and reports each picture and the progress on the main one.

    What prompts name is loaded beside what is trained, from its files, while their pictures are drawn.

    Within `inference` the trained parameters are those to show.
    """

    settings: SampleSettings
    prompts: list[ToDraw]
    family: Family
    process: Process
    accelerator: Accelerator
    method: Method
    places: Places
    name: str
    model_name: str
    seed: int
    emit: Emit
    inference: Callable[[], AbstractContextManager[None]] = nullcontext
    interrupted: Callable[[], bool] = lambda: False  # the pictures that are left are not wanted any more
    newest: Path | None = None  # the newest picture of the first prompt
    likeness: Likeness = field(default_factory=Likeness)

    def is_due_after_step(self, step: int) -> bool:
        every = self.settings.sample_every_n_steps
        return bool(self.prompts) and every > 0 and step % every == 0

    def is_due_after_epoch(self, epoch: int) -> bool:
        every = self.settings.sample_every_n_epochs
        return bool(self.prompts) and every > 0 and epoch % every == 0

    def draw(self, step: int, epoch: int | None) -> None:
        """Draw every prompt after `step`; `epoch`, from 1, when it is drawn for the end of that epoch."""
        warnings: list[Problem] = []
        self.emit(Stage(name="sampling", done=0, total=len(self.prompts)))
        with self.inference():
            told = [self._tell(drawn) for drawn in self._drawn(step, epoch, warnings)]
        for rank, (their_pictures, their_warnings) in enumerate(gather((told, warnings))):
            if rank > 0:  # of the main process everything but the warnings has been told already
                for drawn in their_pictures:
                    self._tell(drawn)
            emit_problems(self.emit, WarningEvent, their_warnings)
        self.likeness.end_drawing()

    def _drawn(self, step: int, epoch: int | None, warnings: list[Problem]) -> Iterator[SampleDrawn]:
        """The event of each picture that this process has drawn and written."""
        mark = step_mark(step) if epoch is None else epoch_mark(epoch)
        # Where the model is shared out, all draw the same pictures side by side.
        together, is_main = bool(self.family.shared_out), self.accelerator.is_main_process
        processes = (1, 0) if together else (self.accelerator.num_processes, self.accelerator.process_index)
        for picture in self._pictures(processes, warnings):
            if together and not is_main:
                continue
            try:
                self.places.require_output(f"sample/{self.name}_{mark}_{picture.index:02d}")
                path = sample_path(self.places.output, self.name, mark, picture.index, picture.seed)
                with telling(path):
                    save_png(picture.image, path, parameters_text(picture.prompt, self.model_name))
            except UserError as error:  # go on with the others, on which several processes may work together
                warnings += error.problems
                continue
            yield SampleDrawn(
                path=str(path), prompt=picture.prompt.prompt, index=picture.index, step=step, epoch=epoch,
                seed=picture.seed,
            )
            done = min(picture.index + processes[0], len(self.prompts))  # the other processes are about as far
            self.emit(Stage(name="sampling", done=done, total=len(self.prompts)))

    def _pictures(self, processes: tuple[int, int], warnings: list[Problem]) -> Iterator[Picture]:
        """The pictures of this process's share of the prompts; files that can no longer be read are warned of."""
        own_words = self.method.extra_tokens()
        drawer = PictureDrawer(
            family=self.family, process=self.process, device=self.accelerator.device, trained=self.method.trainable,
            extra_tokens=own_words, interrupted=self.interrupted,
        )
        if not any(one.networks or one.words for one in self.prompts):
            prompts = [one.prompt for one in self.prompts]
            yield from drawer.pictures(prompts, self.seed, warnings.append, processes)
            return
        number, rank = processes
        networks = Networks(self.family, self.accelerator.device, torch.float32)
        for index, one in list(enumerate(self.prompts))[rank::number]:
            if self.interrupted():
                return
            try:
                with networks.on_model(one.networks) as at_step:
                    words = {**networks.words(one.words), **(own_words or {})}
                    drawing = replace(drawer, extra_tokens=words, at_step=at_step)
                    yield from drawing.pictures([one.prompt], self.seed, warnings.append, first=index)
            except UserError as error:
                warnings += error.problems

    def _tell(self, drawn: SampleDrawn) -> SampleDrawn:
        self.emit(drawn)
        self.likeness.note(drawn)
        if drawn.index == 0:
            self.newest = self.method.newest_picture = Path(drawn.path)
        return drawn
