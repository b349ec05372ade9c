"""The training job, like a table of contents: settings in, calls into the rooms above, events out."""

from __future__ import annotations

import platform
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator

from train_core.config.checks import learning_rates
from train_core.config.checks_loss import prediction_contradictions
from train_core.config.data import DataSettings
from train_core.config.problems import raise_if_any
from train_core.config.train import TrainConfig
from train_core.data.dataset import TrainingData, open_training_data
from train_core.data.encoder import Encoder
from train_core.data.order import BatchPlan
from train_core.diffusion.ddpm import DDPM
from train_core.diffusion.loss_aware import timestep_sampler
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.diffusion.schedule import zero_terminal
from train_core.events import Emit
from train_core.facts.outputs import free_name
from train_core.facts.prompts import PromptDefaults, parse_prompts
from train_core.facts.schedules import curve_of
from train_core.facts.steps import StepCount, count_steps, workload_of
from train_core.jobs.devices import DTYPES, make_accelerator, precision_problems, share
from train_core.jobs.metadata import MetadataWriter
from train_core.methods.adapter import AdapterMethod
from train_core.models.family import Family
from train_core.models.load import load_family
from train_core.optim.schedule import Schedule
from train_core.optim.stepper import Stepper
from train_core.optim.table import build_optimizer, description
from train_core.run.control import Control
from train_core.run.loop import train
from train_core.run.metrics import Metrics
from train_core.run.predictor import Predictor
from train_core.run.samples import SampleDrawer
from train_core.run.saving import Saver
from train_core.run.training import Training

SECONDS_BETWEEN_REPORTS = 0.5


def train_adapter(config: TrainConfig, run_dir: Path, emit: Emit) -> None:
    """Train an adapter as `config` says. Raises `UserError` for what the user can mend."""
    accelerator = make_accelerator(config.launch)
    raise_if_any(precision_problems(config.training.mixed_precision, accelerator.device))
    torch.manual_seed(config.training.seed)

    emit("stage", name="loading")
    family = load_family(config.model, DTYPES[config.training.mixed_precision], accelerator.device)
    raise_if_any(prediction_contradictions(config.loss, family.prediction_type))
    data = prepare_data(config, family, accelerator, emit)
    length = steps_of(config, data, accelerator.num_processes)

    run = assemble(config, run_dir, accelerator, family, data, length, emit)
    emit("started", **facts_of(config, run))
    with run.control.catching_interrupts():
        if config.samples.sample_at_first:
            run.samples.draw(0, None)
        emit("stage", name="training")
        train(run)
    finish(run, emit)


def prepare_data(config: TrainConfig, family: Family, accelerator: Accelerator, emit: Emit) -> TrainingData:
    """The images, with latents cached where the settings ask for it; afterwards the VAE gives its memory back."""
    plan = BatchPlan(
        config.training.seed, config.training.train_batch_size, accelerator.num_processes, accelerator.process_index
    )
    encoder = None
    if config.dataset.cache_latents:
        encoder = Encoder(
            family.vae_fingerprint(), lambda pixels: family.encode_images(pixels.to(accelerator.device))
        )
    data = open_training_data(DataSettings.of(config), plan, encoder, _Counter("caching", emit))
    working = {"unet", "text_encoder"} if config.dataset.cache_latents else {"unet", "text_encoder", "vae"}
    family.place(working, accelerator.device)
    return data


def steps_of(config: TrainConfig, data: TrainingData, processes: int) -> StepCount:
    """How many steps the run has."""
    images = tuple((entry.fit.bucket, entry.repeats) for entry in data.library.entries)
    return count_steps(workload_of(images, config.training, processes))


def assemble(
    config: TrainConfig, run_dir: Path, accelerator: Accelerator, family: Family, data: TrainingData,
    length: StepCount, emit: Emit,
) -> Training:
    """All parts of the run, each made from its own settings."""
    dtype = DTYPES[config.training.mixed_precision]
    output_dir = Path(config.output.output_dir)
    name = free_name(output_dir, config.output.output_name)
    method = AdapterMethod(family, config.network, config.rates, config.training.seed)
    if config.training.gradient_checkpointing:
        family.enable_gradient_checkpointing()
    optimizer = build_optimizer(
        config.optimizer.optimizer_type, config.optimizer.optimizer_args,
        method.parameter_groups(learning_rates(config)), config.optimizer.fused_backward_pass,
    )
    # Layers of the text encoder behind the one that clip skip chooses take no part.
    model = share(accelerator, Predictor(family, method), all_used=config.model.clip_skip == 1)
    stepper = Stepper(
        accelerator, model, optimizer, Schedule(optimizer, curve_of(config.optimizer, length.total)),
        config.optimizer.max_grad_norm, config.training.mixed_precision == "fp16", config.optimizer.ema_decay,
    )
    method.inference = stepper.inference
    is_main = accelerator.is_main_process
    metadata = MetadataWriter(
        config, data.library, length, family.prediction_type, name,
        description(optimizer, config.optimizer.optimizer_args), accelerator.num_processes,
    )
    process = process_of(config, family).to(accelerator.device)
    metrics = Metrics(emit, run_dir / "logs", length.total, length.epochs, length.steps_per_epoch) if is_main else None
    defaults = PromptDefaults.at(config.dataset.resolution, config.samples.sample_sampler)
    return Training(
        settings=config.training, accelerator=accelerator, family=family, method=method, model=model, dtype=dtype,
        vae_batch_size=config.dataset.vae_batch_size,
        process=process, noise_recipe=NoiseRecipe(config.loss), loss_recipe=LossRecipe(config.loss, process),
        timestep_sampler=timestep_sampler(config.loss, accelerator.device),
        data=data, length=length, stepper=stepper, metrics=metrics, preserved=data.library.preserved,
        saver=Saver(config, method, name, metadata, emit, is_main),
        samples=SampleDrawer(
            config.samples, parse_prompts(config.samples.sample_prompts, defaults), family, accelerator,
            method.trainable, output_dir, name, Path(config.model.pretrained_model_name_or_path).stem,
            config.training.seed, emit, method.inference,
        ),
        control=Control(run_dir, accelerator, emit),
    )


def process_of(config: TrainConfig, family: Family) -> DDPM:
    """The noise process. The family keeps the schedule that is trained, for its samples are drawn with it too."""
    if config.loss.zero_terminal_snr:
        family.alphas_cumprod = zero_terminal(family.alphas_cumprod)
    return DDPM(family.alphas_cumprod, family.prediction_type)


def finish(run: Training, emit: Emit) -> None:
    """Save the result and say how the run ended."""
    emit("stage", name="saving")
    if run.stopped:
        run.saver.save_step(run.step, run.epoch)
    else:
        run.saver.save_final(run.step, run.epoch)
    if run.metrics:
        run.metrics.close()
    path = str(run.saver.last) if run.saver.last else None
    emit("finished", status="stopped" if run.stopped else "completed", path=path, step=run.step)


def facts_of(config: TrainConfig, run: Training) -> dict[str, Any]:
    """The `started` event's fields."""
    return {
        "job": "train", "output_name": run.saver.name, "output_dir": config.output.output_dir,
        "total_steps": run.length.total, "epochs": run.length.epochs, "steps_per_epoch": run.length.steps_per_epoch,
        "images": run.length.images, "seed": config.training.seed, "processes": run.accelerator.num_processes,
        "device": str(run.device),
        "versions": {name: version(name) for name in ("torch", "diffusers", "transformers", "accelerate")}
        | {"python": platform.python_version()},
    }


class _Counter:
    """A progress callback that reports a stage at most twice a second, and its end."""

    def __init__(self, stage: str, emit: Emit) -> None:
        self.stage = stage
        self.emit = emit
        self.reported = 0.0

    def __call__(self, done: int, total: int) -> None:
        if done == total or time.monotonic() - self.reported >= SECONDS_BETWEEN_REPORTS:
            self.reported = time.monotonic()
            self.emit("stage", name=self.stage, done=done, total=total)
