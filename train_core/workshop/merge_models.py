"""Checkpoints into a new one, tensor by tensor."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from train_core.config.jobs.tools import MergeModels, MergeModelsSettings
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.block_weights import Strength, parse_strength, read_own_lines
from train_core.facts.models.model_files import base_files
from train_core.models.files.stored import Stored
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.load import Files, Opened, open_model
from train_core.workshop.common.checkpoints import tell_of_no_vae, write_checkpoint
from train_core.workshop.common.predictions import merged_prediction
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, result_path

INPUT = "conv_in.weight"


def run(config: MergeModels, report: Report) -> None:
    """Write A · (1 − α) + B · α, or A + (B − C) · α."""
    settings, result = config.merge_models, config.result
    path = result_path(result)
    vae = settings.merged_vae_file if settings.merged_vae == "file" else ""
    first = open_model(base_files(settings.model_a, vae, to_train=False), needs_vae=False)
    others = [
        open_model(base_files(name, to_train=False), needs_vae=False)
        for name in (settings.model_b, settings.model_c) if name.strip()
    ]
    for other in others:
        require_alike(first, other)
    _require_inputs(first, others)
    _require_vae(first, others, settings)
    strength = parse_strength(settings.merge_alpha, first.kind, read_own_lines())
    parts = _merged(first, others, settings, strength)
    marked, warnings, notices = merged_prediction([first, *others], _one_share(first, strength))
    for found in warnings:
        report.warning(found)
    for found in notices:
        report.notice(found)
    tell_of_no_vae(first, parts, report)
    sources = [one.found.path for one in (first, *others)]
    write_checkpoint(path, marked, parts, dtype_of(result), report, sources)


def require_alike(first: Opened, other: Opened) -> None:
    """Raise `UserError` if two models are of different families or laid out differently.

    One may inpaint and the other not: their U-Nets then differ in how much their first layer sees.
    """
    if first.kind != other.kind:
        raise UserError(
            problem(
                "models_of_different_kinds",
                "{file} is an {one} model, but {other_file} an {other} model. Only models of one kind can be merged.",
                file=str(first.found.path), one=first.found.kind, other_file=str(other.found.path),
                other=other.found.kind,
            )
        )
    for part in first.stored:
        if part == "vae":
            continue
        ours, theirs = (_shapes(its, part) for its in (first, other))
        if ours != theirs:
            raise UserError(_layout_differs(first.found.path, other.found.path))


def _shapes(opened: Opened, part: str) -> dict[str, tuple[int, ...]]:
    """The shapes of a part's tensors, whatever the first layer of the denoiser sees besides the latent."""
    shapes = {name: one.shape for name, one in opened.stored[part].items()}
    if part == opened.family.denoiser and INPUT in shapes:
        outputs, _, *kernel = shapes[INPUT]
        shapes[INPUT] = (outputs, *kernel)
    return shapes


def _require_inputs(first: Opened, others: list[Opened]) -> None:
    """Raise `UserError` if A lacks an input that the others have and that does not cancel out."""
    seen = [its.found.inpaints for its in others]
    if not first.found.inpaints and any(seen) and not (len(seen) == 2 and all(seen)):
        raise UserError(
            problem(
                "inpainting_has_to_be_first",
                "{file} inpaints, but model_a ({first}) does not. Choose the inpainting model as model_a: the result "
                "has the inputs of model_a.",
                file=str(others[seen.index(True)].found.path), first=str(first.found.path),
            )
        )


def _require_vae(first: Opened, others: list[Opened], settings: MergeModelsSettings) -> None:
    """Raise `UserError` if a VAE is asked of a model that has none."""
    asked = {"B": others[:1], "merged": [first, *others]}.get(settings.merged_vae, [])
    without = next((its for its in asked if not its.stored["vae"]), None)
    if without is not None:
        raise UserError(
            problem(
                "vae_to_merge_missing",
                "merged_vae = {choice}, but {file} has no VAE. Take the VAE of another model, or choose a VAE file.",
                choice=settings.merged_vae, file=str(without.found.path),
            )
        )


def _one_share(first: Opened, strength: Strength) -> float | None:
    """The share of the denoiser's layers, None where it differs."""
    shares = {strength.at(target.file_key) for target in first.family.targets() if target.in_denoiser}
    return shares.pop() if len(shares) == 1 else None


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
        values = [stored.read().float() for stored in tensors]
        if any(value.shape != values[0].shape for value in values):  # of inputs, what all have: those of the latent
            shared = min(value.shape[1] for value in values)
            one, other, *base = (value[:, :shared] for value in values)
            return torch.cat([mix(one, other, base), values[0][:, shared:]], dim=1)
        one, other, *base = values
        return mix(one, other, base)

    def mix(one: Tensor, other: Tensor, base: list[Tensor]) -> Tensor:
        return one + (other - base[0]) * share if base else one * (1 - share) + other * share

    return Stored(first.shape, read, first.dtype)
