"""Checkpoints as they are written: one file, streamed, or a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import torch

from train_core.config.problems import problem
from train_core.models.files.pickling import write_pickled_state
from train_core.models.files.stored import Stored
from train_core.models.files.writing import write_result, write_safetensors
from train_core.models.folder_writing import fill_folder, plain_names
from train_core.models.kinds.stable_diffusion import single_file
from train_core.models.load import Opened
from train_core.models.noise_kinds import IN_METADATA, with_signs
from train_core.models.original import STABILITY
from train_core.workshop.common.report import Report

Parts = Mapping[str, Mapping[str, Stored]]


def write_checkpoint(
    path: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report,
    merged_from: Sequence[Path] = (),
) -> None:
    """Write the parts `stored` of a model as one file in Stability's layout, with what the source says of itself.

    A model that is `merged_from` files also says so. `dtype` None keeps each tensor's number format. Only one tensor is
    in memory at a time.
    """
    tensors = single_file(opened.family.parts, stored, opened.spare, dtype)
    _tell_what_is_left(opened, report)
    said = said_of(opened) | (_modelspec(path, opened, merged_from) if merged_from else {})
    write_safetensors(path, with_signs(opened, tensors), said, report.stage("saving"))
    report.saved(path)


def write_pickled_checkpoint(
    path: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report
) -> None:
    """The same as a pickled checkpoint."""
    tensors = single_file(opened.family.parts, stored, opened.spare, dtype)
    _tell_what_is_left(opened, report)
    # There are no metadata that could tell.
    write_pickled_state(path, with_signs(opened, tensors, all_kinds=True), {}, report.stage("saving"))
    report.saved(path)


def write_folder(path: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report) -> None:
    """The same as a diffusers folder, tokenizers and scheduler included; whole or not at all."""
    _tell_what_is_left(opened, report)
    converted = {
        part: {name: replace(one, dtype=dtype or one.dtype) for name, one in plain_names(part, its).items()}
        for part, its in stored.items()
    }
    with write_result(path) as temporary:
        fill_folder(temporary, path, opened, converted, lambda: report.stage("saving"))
    report.saved(path)


def said_of(opened: Opened) -> dict[str, str]:
    """The metadata of the file that the model comes from, without hashes that are no longer true."""
    said = opened.found.header.metadata if opened.found.header else {}
    kept = {name: value for name, value in said.items() if "hash" not in name}
    predicts = IN_METADATA.get(opened.found.other_noise, opened.found.prediction_type or "").removesuffix("_prediction")
    if predicts:
        kept["modelspec.prediction_type"] = predicts
    return {"format": "pt", **kept}


def _modelspec(path: Path, opened: Opened, sources: Sequence[Path]) -> dict[str, str]:
    """Stability's model specification of a merged model; what else the first source says of itself stays."""
    names = opened.row.names_for(opened.found.prediction_type or "epsilon")
    said = {
        "sai_model_spec": "1.0.1", "architecture": names.architecture, "implementation": STABILITY, "title": path.stem,
        "resolution": said_of(opened).get("modelspec.resolution", f"{names.resolution}x{names.resolution}"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "merged_from": ", ".join(source.stem for source in sources),
    }  # fmt: skip
    return {f"modelspec.{name}": value for name, value in said.items()}


def tell_of_no_vae(opened: Opened, stored: Parts, report: Report) -> None:
    """Say where the result has no VAE because the source has none."""
    if not stored["vae"]:
        report.notice(
            problem(
                "result_without_vae", "{file} has no VAE, so the result has none either: choose a VAE when you use it.",
                file=str(opened.found.path),
            )
        )


def _tell_what_is_left(opened: Opened, report: Report) -> None:
    """Name the tensors of the source that are not in the result."""
    if opened.left:
        groups = Counter(name.partition(".")[0] for name in opened.left)
        report.notice(
            problem(
                "tensors_left_behind",
                "{file}: {count} tensors belong to no part of the model and stay behind: {names}.",
                file=str(opened.found.path), count=len(opened.left),
                names=", ".join(f"{name} ({count})" if count > 1 else name for name, count in groups.most_common(6)),
            )
        )
