"""Checkpoints in another layout or number format."""

from __future__ import annotations

from pathlib import Path

from train_core.config.jobs.tools import ConvertModel
from train_core.config.problems import Problem, problem
from train_core.facts.models.model_files import base_files
from train_core.models.load import Opened, open_model
from train_core.workshop.common.checkpoints import (
    tell_of_no_vae,
    write_checkpoint,
    write_folder,
    write_pickled_checkpoint,
)
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, require_free, result_path

ENDINGS = {"safetensors": ".safetensors", "ckpt": ".ckpt"}


def run(config: ConvertModel, report: Report) -> None:
    """Write the model, without what no part of it needs, such as EMA weights and a trainer's state."""
    settings, result = config.convert_model, config.result
    if settings.model_format == "diffusers":
        path = Path(result.save_to)
        require_free(path, result.overwrite)
        write = write_folder
    else:
        path = result_path(result, ENDINGS[settings.model_format])
        write = write_checkpoint if settings.model_format == "safetensors" else write_pickled_checkpoint
    files = base_files(settings.model_file, settings.model_vae, to_train=False)
    opened = open_model(files, needs_vae=settings.model_format == "diffusers")
    tell_of_no_vae(opened, opened.stored, report)
    if settings.model_format == "diffusers" and opened.found.predicts("auto") is None:
        report.warning(_prediction_unknown(opened))
    write(path, opened, opened.stored, dtype_of(result), report)


def _prediction_unknown(opened: Opened) -> Problem:
    return problem(
        "folder_prediction_unknown",
        "{file} does not say whether it predicts noise or velocity, and the folder's scheduler now says noise. If the "
        "model predicts velocity, set prediction_type to v_prediction in scheduler_config.json.",
        file=str(opened.found.path),
    )
