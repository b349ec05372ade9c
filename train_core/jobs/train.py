"""The training job, like a table of contents: settings in, calls into the rooms above, events out."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import torch
from accelerate import Accelerator

from train_core.config.checks.consistency import learning_rates
from train_core.config.checks.loss import prediction_contradictions
from train_core.config.files import to_toml
from train_core.config.image_settings import DataSettings
from train_core.config.interop.accelerate_file import read_sharding
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.syntax.arguments import parse_numbers
from train_core.data.dataset import Pace, TrainingData, training_data_of
from train_core.data.encoder import Encoder
from train_core.data.encoding import rescued_remark
from train_core.data.heldout import measured_on, open_libraries
from train_core.data.order import BatchPlan
from train_core.data.texts import TextCache
from train_core.diffusion.loss_aware import timestep_sampler
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.diffusion.processes import process_of
from train_core.events.kinds import EndStatus, Finished, NoticeEvent, Stage, Started, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.datasets.holdout import validation_seed
from train_core.facts.prompts.prompt_lines import PromptDefaults, parse_prompts
from train_core.facts.run.schedules import curve_of
from train_core.facts.run.steps import Counted, StepCount, count_steps, workload_of
from train_core.jobs.devices import (
    DTYPES,
    compute_dtype,
    make_accelerator,
    precision_problems,
    precision_remarks,
    share,
)
from train_core.jobs.metadata import MetadataWriter
from train_core.jobs.progress import Counter
from train_core.jobs.resuming import Place, go_on, metrics_for, place_of, states_for
from train_core.jobs.texts import cached_texts
from train_core.jobs.watching import conclusion, guard_of, validate_on
from train_core.methods.choose import method_of
from train_core.models.family import Family
from train_core.models.fitting import choose_attention, compile_denoiser
from train_core.models.load import load_family
from train_core.models.sharding import share_out
from train_core.networks.starting import merged_first
from train_core.optim.optimizers import build_optimizer, description
from train_core.optim.schedule import Schedule
from train_core.optim.stepper import Stepper
from train_core.run.control import Control
from train_core.run.loop import train
from train_core.run.model_card import write_card
from train_core.run.predictor import Predictor
from train_core.run.rates import RateChanges
from train_core.run.samples import SampleDrawer
from train_core.run.saving import Saver
from train_core.run.state import Parts, TorchDraws
from train_core.run.training import Training


def train_adapter(config: TrainConfig, run_dir: Path, emit: Emit) -> None:
    """Train an adapter as `config` says. Raises `UserError` for what the user can mend."""
    run = open_run(config, run_dir, emit)
    emit(facts_of(config, run))
    with run.control.catching_interrupts():
        if config.samples.sample_at_first and run.step == 0:
            run.samples.draw(0, None)
        emit(Stage(name="training"))
        train(run)
    finish(run, emit)


def open_run(config: TrainConfig, run_dir: Path, emit: Emit) -> Training:
    """A run that is ready to start, or to go on from its state. Raises `UserError` for what the user can mend."""
    accelerator = make_accelerator(config.launch)
    raise_if_any(precision_problems(config.training.mixed_precision, accelerator.device))
    torch.manual_seed(config.training.seed)

    emit(Stage(name="loading"))
    dtype = compute_dtype(config.training.mixed_precision, accelerator.device)
    emit_problems(emit, NoticeEvent, precision_remarks(config.training.mixed_precision, accelerator.device))
    merged = merged_first(config.algorithm)
    family = load_family(config.model, dtype, accelerator.device, config.memory, merged)
    choose_attention(family, config.memory, dtype, accelerator.device)
    emit_problems(emit, WarningEvent, [*family.remarks, *unused_rates(config, family)])
    raise_if_any(prediction_contradictions(config.loss, family.prediction_type))
    data, measured, texts = prepare_data(config, family, accelerator, emit)
    length = steps_of(config, data, accelerator.num_processes)
    data.pace = Pace(config.training.gradient_accumulation_steps, length.total)

    place = place_of(config, run_dir)
    run = assemble(config, place, accelerator, family, data, texts, length, emit)
    if measured is not None:
        validate_on(measured, config, run, emit)
    go_on(run, config, place, emit)
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
    config: TrainConfig, family: Family, accelerator: Accelerator, emit: Emit
) -> tuple[TrainingData, TrainingData | None, TextCache | None]:
    """The images to train and, if asked for, to validate on, and their captions, cached where the settings ask for it.

    Afterwards what encodes nothing any more gives its memory back.
    """
    processes = (accelerator.num_processes, accelerator.process_index)
    settings, seed = DataSettings.of(config), validation_seed(config)
    library, measured = open_libraries(settings, config.validation, seed)
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
        plan = BatchPlan(seed, 1, *processes)
        validation = training_data_of(measured, config.dataset, plan, encoder, Counter("caching", emit))
    rescued = data.rescued | (validation.rescued if validation else set())
    emit_problems(emit, NoticeEvent, [rescued_remark(rescued)] if rescued else [])
    libraries = [library] if measured is None else [library, measured]
    texts = cached_texts(config, family, libraries, Counter("caching", emit))
    idle = {"vae"} if config.dataset.cache_latents else set()
    if texts is not None:
        idle |= set(family.text_parts)
    family.place(set(family.modules) - idle, accelerator.device)
    return data, validation, texts


def steps_of(config: TrainConfig, data: TrainingData, processes: int) -> StepCount:
    """How many steps the run has."""
    images = tuple(Counted(entry.group, entry.registered) for entry in data.library.entries)
    return count_steps(workload_of(images, config.training, processes))


def assemble(
    config: TrainConfig, place: Place, accelerator: Accelerator, family: Family, data: TrainingData,
    texts: TextCache | None, length: StepCount, emit: Emit,
) -> Training:
    """All parts of the run, each made from its own settings."""
    precision = config.training.mixed_precision
    dtype = compute_dtype(precision, accelerator.device)
    method = method_of(config, family, length.total)
    if config.applicable().get("full_half"):
        method.trainable.to(DTYPES[precision])
    if config.memory.gradient_checkpointing:
        family.enable_gradient_checkpointing(config.memory.cpu_offload_checkpointing)
    compile_denoiser(family, config.memory)
    if config.applicable().get("accelerate_config"):
        share_out(family, read_sharding(Path(config.launch.accelerate_config))[0], accelerator.device)
    optimizer = build_optimizer(
        config.optimizer.optimizer_type, config.optimizer.optimizer_args,
        method.parameter_groups(learning_rates(config, family.denoiser, family.text_parts)),
        config.optimizer.fused_backward_pass,
    )
    predictor = Predictor(family, method, config.captions.weighted_captions, texts)
    model = share(accelerator, predictor, all_used=method.trains_every_step)
    stepper = Stepper(
        accelerator, model, optimizer, Schedule(optimizer, curve_of(config.optimizer, length.total), method.ends()),
        config.optimizer.max_grad_norm, precision == "fp16", config.optimizer.ema_decay,
    )
    is_main = accelerator.is_main_process
    metadata = MetadataWriter(
        config, method, data.library, length, family, place.name,
        description(optimizer, config.optimizer.optimizer_args), accelerator.num_processes,
    )
    process = process_of(family, config.loss).to(accelerator.device)
    metrics = metrics_for(place, length, emit) if is_main else None
    if metrics and place.state is None:
        metrics.describe(to_toml(config))
    defaults = PromptDefaults.at(config.dataset.resolution, config.samples.sample_sampler)
    timesteps = timestep_sampler(config.loss, accelerator.device)
    guard = guard_of(config, stepper, data, length.total, emit)
    parts: Parts = {
        # Of every method: states were written under this name when there were but adapters.
        "adapter": method.trainable, "stepper": stepper, "timesteps": timesteps, "metadata": metadata,
        "torch": TorchDraws(), "guard": guard, **({"metrics": metrics} if metrics else {}),
    }
    return Training(
        settings=config.training, accelerator=accelerator, family=family, method=method, model=model, dtype=dtype,
        vae_batch_size=config.dataset.vae_batch_size,
        process=process, noise_recipe=NoiseRecipe(config.loss), loss_recipe=LossRecipe(config.loss, process),
        timestep_sampler=timesteps,
        data=data, length=length, stepper=stepper, metrics=metrics, preserved=data.library.preserved,
        saver=Saver(config, method, place.name, metadata, length, place.manifest, emit, is_main, stepper.inference),
        samples=SampleDrawer(
            config.samples, parse_prompts(config.samples.sample_prompts, defaults), family, process,
            accelerator, method, place.output_dir, place.name,
            Path(config.model.pretrained_model_name_or_path).stem, config.training.seed, emit, stepper.inference,
        ),
        states=states_for(place, config, data.library, length.total, parts, emit if is_main else None),
        control=Control(place.run_dir, accelerator, emit), rates=RateChanges(stepper.schedule), guard=guard,
    )


def finish(run: Training, emit: Emit) -> None:
    """Save the result and say how the run ended."""
    emit(Stage(name="saving"))
    keeps_state = run.states.settings.save_state or run.states.settings.save_state_on_train_end
    status: EndStatus = "paused" if run.paused else "stopped" if run.stopped and not run.gave_up else "completed"
    if run.validation is not None and status == "completed":
        run.validation.measure(run.step, run.epoch)
    if status == "stopped":
        run.saver.save_step(run.step, run.epoch)
        if keeps_state:
            run.states.write_step(run.step, run.epoch)
    elif status == "completed":
        run.saver.save_final(run.step, run.epoch)
        if run.saver.last and run.accelerator.is_main_process and run.saver.output.save_card:
            write_card(run.saver.last, run.samples.newest, run.saver.output, run.family, run.saver.manifest)
        if keeps_state:
            run.states.write_final(run.step, run.epoch)
    if run.metrics:
        run.metrics.close()
    path = run.states.last if run.paused else run.saver.last
    emit(Finished(status=status, path=str(path) if path else None, step=run.step, validation=conclusion(run)))


def facts_of(config: TrainConfig, run: Training) -> Started:
    """The run as it starts, in figures."""
    return Started(
        job=type(config).job_name, output_name=run.saver.name, output_dir=config.output.output_dir,
        total_steps=run.length.total, epochs=run.length.epochs, steps_per_epoch=run.length.steps_per_epoch,
        images=run.length.images, seed=config.training.seed, processes=run.accelerator.num_processes,
        device=str(run.device),
        versions={name: version(name) for name in ("torch", "diffusers", "transformers", "accelerate")}
        | {"python": platform.python_version()},
    )
