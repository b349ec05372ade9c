"""The training job, like a table of contents: settings in, calls into the rooms above, events out."""

from __future__ import annotations

import platform
from collections.abc import Callable
from contextlib import closing
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch
from accelerate import Accelerator

from train_core.config.checks.loss import prediction_contradictions
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.syntax.arguments import parse_numbers
from train_core.data.dataset import Pace, TrainingData, training_data_of
from train_core.data.encoder import Encoder
from train_core.data.encoding import rescued_remark
from train_core.data.heldout import measured_on, open_libraries
from train_core.data.library import Library
from train_core.data.order import BatchPlan
from train_core.data.texts import TextCache
from train_core.events.kinds import EndStatus, Finished, Measured, NoticeEvent, Stage, Started, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.captions.wording import wording_of
from train_core.facts.datasets.holdout import validation_seed
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.preflight import Findings
from train_core.facts.run.costs import work_digest
from train_core.facts.run.steps import Counted, StepCount, count_steps, too_long, workload_of
from train_core.jobs.assembly import assemble
from train_core.jobs.contents import contents_in_background
from train_core.jobs.devices import (
    compute_dtype,
    make_accelerator,
    precision_problems,
    precision_remarks,
)
from train_core.jobs.progress import Counter
from train_core.jobs.rescuing import rescuing
from train_core.jobs.resuming import Place, place_of, require_same, resume
from train_core.jobs.texts import cached_texts
from train_core.jobs.watching import conclusion, validate_on
from train_core.models.family import Family
from train_core.models.files.finite import NotFiniteError
from train_core.models.fitting import choose_attention
from train_core.models.load import load_family
from train_core.networks.starting import merged_first, remarks_on
from train_core.optim.optimizers import try_optimizer
from train_core.run.loop import train
from train_core.run.memory import card_name, peak_so_far
from train_core.run.outputs.last_good import gone_wrong
from train_core.run.outputs.model_card import write_card
from train_core.run.training import Training

Choice = Callable[[tuple[Library, Library | None]], tuple[Library, Library | None]]


def run_training(config: TrainConfig, run_dir: Path, emit: Emit, findings: Findings) -> None:
    """Train as `config` says. Raises `UserError` for what the user can fix."""
    with closing(open_run(config, run_dir, emit, findings.base)) as run:
        emit(facts_of(config, run))
        try:
            with run.upkeep.control.catching_interrupts():
                if config.samples.sample_at_first and run.step == 0:
                    run.upkeep.before_first_step()
                if not run.upkeep.stopped:
                    emit(Stage(name="training"))
                    run.upkeep.tell_stage(run.step)
                    with rescuing(run, emit):
                        train(run)
            finish(run, emit)
        except NotFiniteError as error:
            raise gone_wrong(error, run.step, run.guard.advice, run.upkeep.saver.manifest) from error


def open_run(
    config: TrainConfig, run_dir: Path, emit: Emit, base: BaseFiles | None = None, chosen: Choice = lambda found: found
) -> Training:
    """A run that is ready to start, or to continue from its state, on the base model in `base` if that is known.

    Of the images to train and to validate on, `chosen` gives those to use. The caller has to close it. Raises
    `UserError` for what the user can fix.
    """
    accelerator = make_accelerator(config.launch)
    raise_if_any(precision_problems(config.training.mixed_precision, accelerator.device))
    try_optimizer(config.optimizer)
    place = place_of(config, run_dir, accelerator.is_main_process)
    try:
        return _open_at(place, config, accelerator, emit, base, chosen)
    except BaseException:
        place.release()
        raise


def _open_at(
    place: Place, config: TrainConfig, accelerator: Accelerator, emit: Emit, base: BaseFiles | None, chosen: Choice
) -> Training:
    """`open_run`, once its place is known."""
    torch.manual_seed(config.training.seed)
    emit(Stage(name="loading"))
    dtype = compute_dtype(config.training.mixed_precision, accelerator.device)
    emit_problems(emit, NoticeEvent, precision_remarks(config.training.mixed_precision, accelerator.device))
    files = base or base_files(config.model.pretrained_model_name_or_path, config.model.vae)
    libraries = chosen(open_libraries(DataSettings.of(config), config.validation, validation_seed(config)))
    contents = contents_in_background(config, files, *libraries)
    require_same(place, libraries[0], contents, emit)
    merged = merged_first(config.algorithm)
    family = load_family(config.model, dtype, accelerator.device, config.memory, merged, files)
    choose_attention(family, config.memory, dtype, accelerator.device)
    emit_problems(emit, WarningEvent, [*family.remarks, *remarks_on(config.algorithm), *unused_rates(config, family)])
    raise_if_any(prediction_contradictions(config.loss, family.prediction_type))
    data, validation, texts = prepare_data(config, family, accelerator, libraries, emit)
    length = steps_of(config, data, accelerator.num_processes)
    data.pace = Pace(config.training.gradient_accumulation_steps, length.total)

    run = assemble(config, place, accelerator, family, data, texts, length, emit)
    run.upkeep.states.contents = contents
    if validation is not None:
        validate_on(validation, config, run, emit)
    resume(run, config, place, emit)
    return run


def unused_rates(config: TrainConfig, family: Family) -> list[Problem]:
    """A remark on the second of two text encoder rates where the model has one text encoder."""
    if len(family.text_parts) > 1 or len(parse_numbers(config.optimizer.text_encoder_lr)) < 2:
        return []
    return [
        problem(
            "second_text_rate_unused",
            "text_encoder_lr = {rates}: this model has one text encoder, so only the first rate is used.",
            rates=config.optimizer.text_encoder_lr,
        )
    ]


def prepare_data(
    config: TrainConfig, family: Family, accelerator: Accelerator, libraries: tuple[Library, Library | None],
    emit: Emit,
) -> tuple[TrainingData, TrainingData | None, TextCache | None]:
    """The images of `libraries`, to train and if asked for to validate on, and their captions, cached as settings ask.

    Afterwards what encodes nothing any more gives its memory back.
    """
    processes = (accelerator.num_processes, accelerator.process_index)
    library, measured = libraries
    encoder = None
    if config.dataset.cache_latents:
        encoder = Encoder(
            family.vae_fingerprint(), lambda pixels: family.encode_images(pixels.to(accelerator.device))
        )
    plan = BatchPlan(
        config.training.seed, config.training.train_batch_size, *processes, config.loss.prior_loss_weight
    )
    data = training_data_of(library, config.dataset, plan, encoder, Counter("caching", emit))
    validation = None
    if measured is not None:
        emit_problems(emit, NoticeEvent, [measured_on(measured)])
        plan = BatchPlan(validation_seed(config), 1, *processes)
        validation = training_data_of(measured, config.dataset, plan, encoder, Counter("caching", emit))
    wording = wording_of(config.embedding) if config.method.training_method == "textual inversion" else None
    for opened in (data, validation):
        if opened is not None:
            opened.wording = wording
            emit_problems(emit, WarningEvent, opened.remarks)
    rescued = data.rescued | (validation.rescued if validation else set())
    emit_problems(emit, NoticeEvent, [rescued_remark(rescued)] if rescued else [])
    texts = cached_texts(config, family, filter(None, libraries), Counter("caching", emit))
    emit_problems(emit, WarningEvent, texts.store.remarks() if texts else ())
    idle = {"vae"} if config.dataset.cache_latents else set()
    if texts is not None:
        idle |= set(family.text_parts)
    family.place(set(family.modules) - idle, accelerator.device)
    return data, validation, texts


def steps_of(config: TrainConfig, data: TrainingData, processes: int) -> StepCount:
    """Count the run's steps. Raises `UserError` for more than any training takes."""
    images = tuple(Counted(entry.group, entry.registered) for entry in data.library.entries)
    work = workload_of(images, config.training, processes)
    length = count_steps(work)
    raise_if_any(too_long(work, length))
    return length


def finish(run: Training, emit: Emit) -> None:
    """Save the result and say how the run ended."""
    emit(Stage(name="saving"))
    upkeep, saver, states = run.upkeep, run.upkeep.saver, run.upkeep.states
    keeps_state = states.settings.save_state or states.settings.save_state_on_train_end
    stopped = upkeep.stopped and not upkeep.stopped_early
    status: EndStatus = "paused" if upkeep.paused else "stopped" if stopped else "completed"
    if upkeep.validation is not None and status == "completed":
        _go_on(partial(upkeep.validation.measure, run.step, run.epoch), emit)
    if status == "stopped" and run.step:
        saver.save_step(run.step, run.epoch, last=True)
        if keeps_state:
            states.write_step(run.step, run.epoch, last=True)
    elif status == "completed":
        saver.save_final(run.step, run.epoch)
        if saver.last and saver.is_main and saver.output.save_card:
            family, picture = run.objective.inputs.family, upkeep.samples.newest
            _go_on(partial(write_card, saver.last, picture, saver.output, family, saver.manifest), emit)
        if keeps_state:
            states.write_final(run.step, run.epoch)
    if run.metrics:
        run.metrics.close()
        if run.step:
            emit(measured(run, *run.metrics.speed()))
    path = states.last if upkeep.paused else saver.last
    emit(Finished(status=status, path=str(path) if path else None, step=run.step, validation=conclusion(upkeep)))


def measured(run: Training, steps: int, seconds: float) -> Measured:
    """What the steps done so far have taken: time and memory of this process."""
    return Measured(
        work=work_digest(run.upkeep.saver.config), device=run.device.type, card=card_name(run.device), steps=steps,
        seconds_per_step=seconds / steps if steps else None, peak_memory=peak_so_far(run.device),
    )


def _go_on(do: Callable[[], None], emit: Emit) -> None:
    """Do something that must not cost the result: if it fails, report that as a warning."""
    try:
        do()
    except UserError as error:
        emit_problems(emit, WarningEvent, error.problems)


def facts_of(config: TrainConfig, run: Training) -> Started:
    """The run as it starts, in figures."""
    return Started(
        job=type(config).job_name, output_name=run.upkeep.saver.name, output_dir=config.output.output_dir,
        total_steps=run.length.total, epochs=run.length.epochs, steps_per_epoch=run.length.steps_per_epoch,
        images=run.length.images, seed=config.training.seed, processes=run.accelerator.num_processes,
        device=str(run.device),
        versions={name: version(name) for name in ("torch", "diffusers", "transformers", "accelerate")}
        | {"python": platform.python_version()},
    )
