"""The job that makes missing class images: regularisation images drawn by the base model of a training."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from accelerate import Accelerator

from train_core.config.jobs.class_images import ClassImagesConfig
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.sections.loss import LossSettings
from train_core.data.processes import gather
from train_core.diffusion.processes import process_of
from train_core.events.kinds import Finished, NoticeEvent, SampleDrawn, Stage, Started, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.datasets.missing_class_images import ClassFolder, ClassImage, class_folders
from train_core.facts.preflight import Findings
from train_core.jobs.devices import compute_dtype, make_accelerator, precision_problems
from train_core.jobs.progress import Counter
from train_core.models.family import Family
from train_core.models.files.writing import telling
from train_core.models.fitting import choose_attention, compile_denoiser
from train_core.models.load import load_family
from train_core.networks.starting import merged_first
from train_core.run.control import Control
from train_core.sampling.draw import PictureDrawer
from train_core.sampling.png import parameters_text, save_png


def make_class_images(config: ClassImagesConfig, run_dir: Path, emit: Emit, findings: Findings) -> None:
    """Draw what is missing of every class, shared out over the processes. Raises `UserError` as `class_folders` does.

    Each picture is written as soon as it is drawn; a run that is stopped or killed goes on from there when started
    again.
    """
    accelerator = make_accelerator(config.launch)
    dtype = compute_dtype(config.training.mixed_precision, accelerator.device)
    raise_if_any(precision_problems(config.training.mixed_precision, accelerator.device))
    folders = class_folders(config)
    emit_problems(emit, NoticeEvent, [_plan(folder) for folder in folders])
    images = [image for folder in folders for image in folder.missing]
    where = config.class_images.class_data_dir
    emit(Started(job=type(config).job_name, output_name=Path(where).name, output_dir=where, images=len(images)))
    stopped = False
    if images:
        emit(Stage(name="loading"))
        merged = merged_first(config.algorithm)
        family = load_family(config.model, dtype, accelerator.device, config.memory, merged, findings.base)
        choose_attention(family, config.memory, dtype, accelerator.device)
        compile_denoiser(family, config.memory)
        name = Path(config.model.pretrained_model_name_or_path).stem
        stopped = _draw(images, family, name, accelerator, run_dir, emit)
    emit(Finished(status="stopped" if stopped else "completed", path=where, step=None))


def _draw(
    images: Sequence[ClassImage], family: Family, model_name: str, accelerator: Accelerator, run_dir: Path, emit: Emit
) -> bool:
    """Draw and write this process's share of `images`. Returns whether a stop was asked for."""
    number, rank = accelerator.num_processes, accelerator.process_index
    rounds = -(-len(images) // number)
    control, counter = Control(run_dir, accelerator, emit), Counter("drawing", emit)
    warnings: list[Problem] = []
    drawer = PictureDrawer(
        family=family, device=accelerator.device, interrupted=control.sees_stop,
        process=process_of(family, LossSettings()),  # the model's own: nothing was trained yet
    )
    with control.catching_interrupts():
        for turn, start in enumerate(range(0, len(images), number), 1):
            for image in images[start : start + number][rank : rank + 1]:
                for picture in drawer.pictures([image.prompt], 0, warnings.append):
                    with telling(image.path):
                        save_png(picture.image, image.path, parameters_text(image.prompt, model_name))
                    emit(
                        SampleDrawn(
                            path=str(image.path), prompt=image.prompt.prompt, index=start, step=0, epoch=None,
                            seed=picture.seed,
                        )
                    )
            counter(min(start + number, len(images)), len(images))
            if "stop" in control.requests(turn):
                break
    for found in gather(warnings):
        emit_problems(emit, WarningEvent, found)
    return turn < rounds


def _plan(folder: ClassFolder) -> Problem:
    return problem(
        "class_images_planned",
        "Class \"{concept}\": {folder} has {there} images and {wanted} are wanted, so {count} will be made.",
        concept=folder.name, folder=str(folder.path), there=folder.there, wanted=folder.wanted,
        count=len(folder.missing),
    )
