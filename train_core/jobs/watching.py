"""The watchers of a run: validation on images that are not trained on, and the guard against diverging losses."""

from __future__ import annotations

from pathlib import Path

from train_core.config.jobs.train import TrainConfig
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData
from train_core.data.texts import TextCache
from train_core.events.kinds import Conclusion
from train_core.events.log import Emit
from train_core.facts.datasets.holdout import validation_seed
from train_core.facts.run.failure_advice import stability_advice
from train_core.optim.stepper import Stepper
from train_core.run.divergence import Divergence
from train_core.run.divergence_guard import Guard
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import FixedObjective
from train_core.run.training import Training
from train_core.run.upkeep import Upkeep
from train_core.run.validation import Validation, Validator


def guard_of(
    config: TrainConfig, stepper: Stepper, data: TrainingData, texts: TextCache | None, total_steps: int, emit: Emit
) -> Guard:
    """The guard of a run on the images of `data`, whose captions are encoded in `texts` if they are cached."""

    def broken_files(batch: Batch) -> set[Path]:
        return data.broken_files(batch) | (texts.broken_files(batch.captions) if texts else set())

    return Guard(
        stepper.accelerator, stepper, data.library, emit, stability_advice(config), config.validation.on_divergence,
        Divergence.over(total_steps), broken_files=broken_files,
    )


def validate_on(data: TrainingData, config: TrainConfig, run: Training, emit: Emit) -> None:
    """Have `run` measured on the images of `data`, and keep the measurements in its states."""
    trained = run.objective.inputs
    objective = FixedObjective(ModelInputs(trained.family, trained.process, trained.dtype), validation_seed(config))
    model = run.accelerator.unwrap_model(run.model)
    validator = Validator(run.accelerator, model, objective, data, run.stepper.inference)
    run.upkeep.validation = Validation(config.validation, validator, run.metrics, emit)
    run.upkeep.states.parts["validation"] = run.upkeep.validation


def conclusion(upkeep: Upkeep) -> Conclusion | None:
    """Conclusion of the validation; None for a run without."""
    if upkeep.validation is None:
        return None
    return upkeep.validation.conclusion(upkeep.saver.manifest.results())
