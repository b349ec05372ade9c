"""The parts of a training run, each made from its own settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import nn

from train_core.config.checks.consistency import learning_rates
from train_core.config.interop.accelerate_file import read_sharding
from train_core.config.jobs.train import TrainConfig
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData
from train_core.data.encoding import rescued_remark
from train_core.data.texts import TextCache
from train_core.diffusion.loss_aware import timestep_sampler
from train_core.diffusion.loss_recipe import LossRecipe
from train_core.diffusion.noise_recipe import NoiseRecipe
from train_core.diffusion.processes import process_of
from train_core.events.kinds import NoticeEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.run.sample_files import samples_to_draw
from train_core.facts.run.schedules import curve_of
from train_core.facts.run.steps import StepCount
from train_core.jobs.devices import DTYPES, compute_dtype, share
from train_core.jobs.metadata import MetadataWriter
from train_core.jobs.resuming import Place, metrics_for, states_for
from train_core.jobs.watching import guard_of
from train_core.methods.choose import method_of
from train_core.methods.method import Method
from train_core.models.family import Family
from train_core.models.fitting import compile_denoiser
from train_core.models.sharding import share_out
from train_core.networks.dropout_masks import draw_outside_graphs
from train_core.optim.optimizers import build_optimizer, description
from train_core.optim.schedule import Schedule
from train_core.optim.stepper import Stepper
from train_core.run.control import Control
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import Objective
from train_core.run.outputs.saving import Saver
from train_core.run.outputs.state import OfEachProcess, Parts, TorchDraws
from train_core.run.predictor import Predictor
from train_core.run.preservation import Preservation
from train_core.run.rates import RateChanges
from train_core.run.samples import SampleDrawer
from train_core.run.training import Training
from train_core.run.upkeep import Upkeep


def assemble(
    config: TrainConfig, place: Place, accelerator: Accelerator, family: Family, data: TrainingData,
    texts: TextCache | None, length: StepCount, emit: Emit,
) -> Training:
    """A run of `length` on `data`, ready to start."""
    is_main = accelerator.is_main_process
    method = method_of(config, family, length.total)
    if config.applicable().get("full_half"):
        method.keep_in(DTYPES[config.training.mixed_precision])
    prepare_model(config, family, method, accelerator.device)
    predictor = Predictor(family, method, config.captions.weighted_captions, texts)
    model = predictor if method.shares else share(accelerator, predictor, all_used=method.trains_every_step)
    stepper = stepper_of(config, accelerator, family, model, method, length.total)
    objective = objective_of(config, accelerator.device, family, predictor, data, emit)
    guard = guard_of(config, stepper, data, texts, length.total, emit)
    metrics = metrics_for(config, place, length, emit) if is_main else None
    metadata = MetadataWriter(
        config, method, data.library, length, family, place.name,
        description(stepper.optimizer, config.optimizer.optimizer_args), accelerator.num_processes,
    )
    # The first one is of every method: states were written under this name when there were but adapters.
    trained: Parts = {"adapter": method.trainable, "stepper": stepper, "guard": guard}
    parts: Parts = {
        **({name: OfEachProcess(part) for name, part in trained.items()} if method.shares else trained),
        "timesteps": objective.timestep_sampler, "metadata": metadata, "torch": TorchDraws(),
        **({"metrics": metrics} if metrics else {}),
    }
    control = Control(place.run_dir, accelerator, emit)
    upkeep = Upkeep(
        length=length, control=control, rates=RateChanges(stepper.schedule),
        saver=Saver(
            config, method, place.places, place.name, metadata, length, place.manifest, emit, is_main,
            stepper.inference,
        ),
        samples=samples_of(config, place, accelerator, objective.inputs, method, stepper, control, emit),
        states=states_for(place, config, data.library, length.total, parts, emit if is_main else None),
        metrics=metrics,
    )
    return Training(
        settings=config.training, accelerator=accelerator, method=method, model=model, objective=objective,
        data=data, length=length, stepper=stepper, guard=guard, upkeep=upkeep, metrics=metrics, release=place.release,
    )


def prepare_model(config: TrainConfig, family: Family, method: Method, device: torch.device) -> None:
    """Have the model save memory or time as the settings ask for, with all that trains attached to it already."""
    if config.memory.gradient_checkpointing:
        family.enable_gradient_checkpointing(config.memory.cpu_offload_checkpointing)
    if config.memory.dynamo_backend != "no":
        draw_outside_graphs()
    compile_denoiser(family, config.memory)
    if config.applicable().get("accelerate_config"):
        sharding, _ = read_sharding(Path(config.launch.accelerate_config), learning=bool(method.own_parts))
        share_out(family, sharding, device, method.own_parts)
        if method.own_parts:
            method.take_shares()


def stepper_of(
    config: TrainConfig, accelerator: Accelerator, family: Family, model: nn.Module, method: Method,
    total_steps: int,
) -> Stepper:
    """The optimizer, its schedule, and everything between them and the loop."""
    settings = config.optimizer
    optimizer = build_optimizer(
        settings.optimizer_type, settings.optimizer_args,
        method.parameter_groups(learning_rates(config, family.denoiser, family.text_parts)),
        settings.fused_backward_pass,
    )
    return Stepper(
        accelerator, model, optimizer, Schedule(optimizer, curve_of(settings, total_steps), method.ends()),
        settings.max_grad_norm, config.training.mixed_precision == "fp16", settings.ema_decay, settings.max_grad_value,
        method.shares,
    )


def objective_of(
    config: TrainConfig, device: torch.device, family: Family, predictor: Predictor, data: TrainingData, emit: Emit
) -> Objective:
    """The loss that is trained, by the noise process of the model and of the settings."""
    process = process_of(family, config.loss).to(device)

    def tell_rescued(batch: Batch, rows: Sequence[int]) -> None:
        new = data.note_rescued(batch, rows)
        emit_problems(emit, NoticeEvent, [rescued_remark(new)] if new else [])

    dtype = compute_dtype(config.training.mixed_precision, device)
    preserved = data.library.preserved
    return Objective(
        inputs=ModelInputs(family, process, dtype, config.dataset.vae_batch_size, tell_rescued),
        noise_recipe=NoiseRecipe(config.loss), timestep_sampler=timestep_sampler(config.loss, device),
        loss_recipe=LossRecipe(config.loss, process), seed=config.training.seed,
        preservation=Preservation(preserved, predictor.untrained, bool(family.shared_out)) if preserved else None,
    )


def samples_of(
    config: TrainConfig, place: Place, accelerator: Accelerator, inputs: ModelInputs, method: Method,
    stepper: Stepper, control: Control, emit: Emit,
) -> SampleDrawer:
    """The drawer of sample prompts, with the model and the process that are trained."""

    def interrupted() -> bool:  # where the model is shared out, all have to leave a picture at the same step
        return control.agreed(control.sees_stop()) if inputs.family.shared_out else control.sees_stop()

    return SampleDrawer(
        config.samples, samples_to_draw(config, inputs.family.kind.name), inputs.family, inputs.process,
        accelerator, method, place.places, place.name, Path(config.model.pretrained_model_name_or_path).stem,
        config.training.seed, emit, stepper.inference, interrupted,
    )
