"""Checkpoints into a new one, tensor by tensor."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from train_core.config.jobs.tools import MergeModels, MergeModelsSettings
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.block_weights import Strength, parse_strength, read_own_lines
from train_core.facts.models.model_files import base_files
from train_core.models.files.stored import Stored
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.load import Files, Opened, open_model
from train_core.workshop.common.checkpoints import write_checkpoint
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, result_path

Mix = Callable[[Tensor, Tensor, Tensor | None, float], Tensor]


def run(config: MergeModels, report: Report) -> None:
    """Write A · (1 − α) + B · α, or A + (B − C) · α."""
    settings, result = config.merge_models, config.result
    path = result_path(result)
    vae = settings.merged_vae_file if settings.merged_vae == "file" else ""
    first = open_model(base_files(settings.model_a, vae))
    others = [open_model(base_files(name)) for name in (settings.model_b, settings.model_c) if name.strip()]
    for other in others:
        require_alike(first, other)
    strength = parse_strength(settings.merge_alpha, first.kind, read_own_lines())
    write_checkpoint(path, first, _merged(first, others, settings, strength), dtype_of(result), report)


def require_alike(first: Opened, other: Opened) -> None:
    """Raise `UserError` where two models are of different families, or not laid out alike."""
    if first.found.kind != other.found.kind:
        raise UserError(
            problem(
                "models_of_different_kinds",
                "{file} is an {one} model, but {other_file} is an {other} model. Only models of the same kind can be "
                "merged.",
                file=str(first.found.path), one=first.found.kind, other_file=str(other.found.path),
                other=other.found.kind,
            )
        )
    for part in first.stored:
        if part == "vae":
            continue
        ours, theirs = ({name: one.shape for name, one in its.stored[part].items()} for its in (first, other))
        if ours != theirs:
            raise UserError(_layout_differs(first.found.path, other.found.path))


def _layout_differs(one: Path, other: Path) -> Problem:
    return problem(
        "models_laid_out_differently",
        "{file} and {other_file} have layers of different shapes, so they cannot be merged. Choose another model.",
        file=str(one), other_file=str(other),
    )


def _merged(first: Opened, others: list[Opened], settings: MergeModelsSettings, strength: Strength) -> Files:
    """The parts of the result: `others` are B, and C where there is one."""
    keys: dict[tuple[str, str], str] = {
        (target.part, path): target.file_key for target in first.family.targets() for path in target.paths
    }
    parts: Files = {}
    for part, tensors in first.stored.items():
        source = _source(part, first.family, settings)
        if source == "A":
            parts[part] = tensors
        elif source == "B":
            parts[part] = others[0].stored[part]
        else:
            parts[part] = {
                name: _mixed([one, *(other.stored[part][name] for other in others)],
                             strength.at(keys.get((part, name.rpartition(".")[0]), _outside(part, name))))
                for name, one in tensors.items()
            }  # fmt: skip
    return parts


def _outside(part: str, name: str) -> str:
    """A key for tensors that no adapter is attached to, from which their block is derived."""
    return f"lora_{part}_{name.rpartition('.')[0].replace('.', '_')}"


def _source(part: str, family: StableDiffusion, settings: MergeModelsSettings) -> str:
    if part == "vae":
        return "A" if settings.merged_vae == "file" else settings.merged_vae
    return settings.merged_text_encoder if part in family.text_parts else "merged"


def _mixed(tensors: list[Stored], share: float) -> Stored:
    """A and B, and C where it is given, mixed when they are read, in fp32; untouched where the share is 0."""
    first = tensors[0]
    if not share:
        return first

    def read() -> Tensor:
        one, other, *base = (stored.read().float() for stored in tensors)
        return one + (other - base[0]) * share if base else one * (1 - share) + other * share

    return Stored(first.shape, read, first.dtype)
