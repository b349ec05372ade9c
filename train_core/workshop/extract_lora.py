"""Extraction of a checkpoint's changes as an adapter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.jobs.tools import ExtractLora, ExtractLoraSettings
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.block_weights import label_of, order_of
from train_core.config.syntax.layer_presets import layer_preset
from train_core.facts.adapters.splits import split
from train_core.facts.models.model_files import base_files
from train_core.models.family import Target
from train_core.models.files.stored import Stored
from train_core.models.load import Opened, open_model
from train_core.workshop.common.algebra import Choice, Cut, at_rank, by_sum, cut_dense, cut_to_rank
from train_core.workshop.common.changes import lora_tensors
from train_core.workshop.common.predictions import of_model
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, metadata_of, result_path, write_adapter
from train_core.workshop.merge_models import require_alike

MOST_NAMES = 3


def run(config: ExtractLora, report: Report) -> None:
    """Write the difference of the two checkpoints, and report how much of it each block keeps."""
    settings, result = config.extract_lora, config.result
    path = result_path(result)
    base, tuned = (
        open_model(base_files(name, to_train=False), needs_vae=False)
        for name in (settings.base_model, settings.tuned_model)
    )
    require_alike(tuned, base)
    targets = [t for t in _targets(base, settings) if _weight(base, t).shape == _weight(tuned, t).shape]
    progress, modules = report.stage("extracting"), {}
    kept: dict[str, list[tuple[float, float, int]]] = {}
    for done, target in enumerate(targets, 1):
        change = _weight(tuned, target).read().float() - _weight(base, target).read().float()
        if float(change.abs().max()) > settings.min_difference:
            modules[target.file_key], found = _extracted(change, target, settings)
            norm = float(change.double().norm())
            kept.setdefault(label_of(target.file_key), []).append((norm, found.kept, found.factors.rank))
        progress(done, len(targets))
    if not modules:
        raise UserError(
            problem(
                "nothing_to_extract",
                "No layer differs by more than min_difference = {limit}, so there is nothing to extract. Check that "
                "tuned_model and base_model are two different files, or lower min_difference.",
                limit=settings.min_difference,
            )
        )
    fixed = settings.extract_method == "rank" and settings.tool_conv_rank in (None, settings.tool_rank)
    for warning in _unlike(tuned, base):
        report.warning(warning)
    for notice in _left_out(base, tuned, targets, settings, report):
        report.notice(notice)
    predicts = None if tuned.found.other_noise else tuned.found.predicts("auto")
    metadata = metadata_of([], base.kind, settings.tool_rank if fixed else None, path.stem, predicts=predicts)
    metadata["modelspec.merged_from"] = f"{Path(settings.tuned_model).stem} - {Path(settings.base_model).stem}"
    write_adapter(path, modules, dtype_of(result) or torch.float16, metadata, report)
    report.table(
        "extracted", ("block", "layers", "rank_after", "norm", "kept"),
        [_row(label, kept[label]) for label in sorted(kept, key=order_of)]
        + [_row("all", [one for its in kept.values() for one in its])],
    )


def _targets(base: Opened, settings: ExtractLoraSettings) -> list[Target]:
    """The layers that the adapter gets: those of a LoRA or of a LoCon, without norms."""
    preset = layer_preset("auto", with_convolutions=settings.extract_type != "LoRA")
    return [
        target for target in base.family.targets()
        if not target.is_norm and preset.takes(target.in_denoiser, target.paths, target.owners)
        and (preset.enable_conv or not target.is_wide_conv)
    ]


def _left_out(
    base: Opened, tuned: Opened, targets: Sequence[Target], settings: ExtractLoraSettings, report: Report
) -> Iterator[Problem]:
    """Name what was trained and is not in the adapter: norms, biases, embeddings, layers that its algorithm leaves."""
    taken = {(target.part, f"{path}.weight") for target in targets for path in target.paths}
    rest = [
        (part, name) for part, tensors in base.stored.items() for name in tensors
        if (part, name) not in taken and name in tuned.stored[part]
    ]
    progress, differing = report.stage("comparing"), []
    for done, (part, name) in enumerate(rest, 1):
        one, other = (its.stored[part][name] for its in (base, tuned))
        if one.shape != other.shape or float((one.read().float() - other.read().float()).abs().max()) > (
            settings.min_difference
        ):
            differing.append(f"{part}.{name}")
        progress(done, len(rest))
    if differing:
        yield problem(
            "differences_not_extracted",
            "{count} more tensors differ and are not in the adapter, for example {names}: {algorithm} has no place for "
            "them.",
            count=len(differing), names=", ".join(differing[:MOST_NAMES]), algorithm=settings.extract_type,
        )


def _unlike(tuned: Opened, base: Opened) -> Iterator[Problem]:
    after, before = of_model(tuned), of_model(base)
    if after and before and after != before:
        yield problem(
            "extracted_across_predictions",
            "{tuned} predicts {after}, but {base} predicts {before}: the adapter turns one into the other, and is "
            "marked as {after}. Use it on models that predict {before}, which then predict {after}.",
            tuned=str(tuned.found.path), after=after, base=str(base.found.path), before=before,
        )


def _weight(opened: Opened, target: Target) -> Stored:
    tensors = opened.stored[target.part]
    return next(tensors[f"{path}.weight"] for path in target.paths if f"{path}.weight" in tensors)


def _extracted(change: Tensor, target: Target, settings: ExtractLoraSettings) -> tuple[dict[str, Tensor], Cut]:
    if settings.extract_type == "LoKr":
        return _kronecker(change, settings.factor)
    rank = settings.tool_rank
    if target.is_wide_conv and settings.tool_conv_rank is not None:
        rank = settings.tool_conv_rank
    matrix = change.flatten(1)
    rank = min(rank, *matrix.shape)
    if settings.extract_method == "rank":
        found = cut_to_rank(matrix, rank)
    else:
        found = cut_dense(matrix, _choice(settings, rank))
    return lora_tensors(found.factors, change.shape), found


def _choice(settings: ExtractLoraSettings, limit: int) -> Choice:
    value = settings.extract_value
    if settings.extract_method == "quantile":
        return by_sum(value, limit)
    if settings.extract_method == "threshold":
        return lambda values: min(limit, max(1, int((values > value).sum())))
    return at_rank(limit)


def _kronecker(change: Tensor, factor: int) -> tuple[dict[str, Tensor], Cut]:
    """The nearest w1 ⊗ w2 (Van Loan and Pitsianis, 1993): a rank-1 cut of the change with its entries rearranged."""
    outputs, inputs, *kernel = change.shape
    (out1, out2), (in1, in2) = split(outputs, factor), split(inputs, factor)
    blocks = change.view(out1, out2, in1, in2, *kernel).transpose(1, 2)
    found = cut_dense(blocks.reshape(out1 * in1, -1), at_rank(1))
    w1, w2 = found.factors.up.view(out1, in1), found.factors.down.view(out2, in2, *kernel)
    return {"lokr_w1": w1, "lokr_w2": w2, "alpha": torch.tensor(1.0)}, found


def _row(label: str, layers: list[tuple[float, float, int]]) -> list[str | int | float]:
    total = sum(norm**2 for norm, _, _ in layers)
    share = (sum((norm * kept) ** 2 for norm, kept, _ in layers) / total) ** 0.5 if total else 1.0
    rank = sum(rank for _, _, rank in layers) / len(layers)
    return [label, len(layers), round(rank, 1), round(total**0.5, 4), round(share, 4)]
