"""Adapters into a checkpoint, tensor by tensor, or several into one."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from train_core.config.jobs.tools import MergeLora, MergeLoraSettings
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.block_weights import Strength, label_of, order_of, parse_strength, read_own_lines
from train_core.facts.models.model_files import base_files
from train_core.models.files.stored import Stored
from train_core.models.load import open_model
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.files.merging import Weighed, left_out, merged, require_fitting
from train_core.networks.files.module import Module
from train_core.networks.files.reading import AdapterFile
from train_core.workshop.common.adapters import open_adapter
from train_core.workshop.common.algebra import Factors, side_by_side
from train_core.workshop.common.changes import (
    PLAIN,
    Change,
    change_of,
    dense,
    is_wide,
    lora_tensors,
    require_free_of_base,
    shape_of,
)
from train_core.workshop.common.checkpoints import tell_of_no_vae, write_checkpoint
from train_core.workshop.common.predictions import unlike_adapters, unlike_model
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, metadata_of, result_path, stored_dtype, write_adapter
from train_core.workshop.resize_lora import resized_to

Weighted = tuple[AdapterFile, Strength]


def run(config: MergeLora, report: Report) -> None:
    """Write the merged checkpoint or adapter."""
    settings, result = config.merge_lora, config.result
    path = result_path(result)
    files = [open_adapter(adapter, report) for adapter in settings.adapters]
    if settings.merge_model:
        opened = open_model(base_files(settings.merge_model, to_train=False), needs_vae=False)
        files = [file.for_kind(opened.kind) for file in files]
        weighed = [Weighed(file, strength) for file, strength in _with_strengths(files, settings, opened.kind)]
        targets = opened.family.all_targets()
        require_fitting(weighed, targets, opened.kind)
        for file in files:
            for found in (*left_out(file, opened.stored, targets), *unlike_model(file, opened)):
                report.warning(found)
        tell_of_no_vae(opened, opened.stored, report)
        sources = [opened.found.path, *(file.path for file in files)]
        write_checkpoint(path, opened, merged(opened.stored, targets, weighed), dtype_of(result), report, sources)
        return
    kind = _common_kind(files)
    adapters = _with_strengths(files, settings, kind)
    for file in files:
        require_free_of_base(file)
    for found in unlike_adapters(files):
        report.warning(found)
    modules = _merged_modules(adapters, settings, report)
    ranks = {len(its["lora_down.weight"]) for its in modules.values() if "lora_down.weight" in its}
    metadata = metadata_of(files, kind, ranks.pop() if len(ranks) == 1 else None, path.stem)
    write_adapter(path, modules, dtype_of(result) or stored_dtype(files), metadata, report, _others(files, report))


def _others(files: Sequence[AdapterFile], report: Report) -> dict[str, Stored]:
    """What the adapters hold besides changes of layers, such as embeddings; of one name the first file's."""
    found: dict[str, Stored] = {}
    for file in files:
        twice = sorted(
            name for name, one in file.others.items()
            if name in found and not (found[name].shape == one.shape and torch.equal(found[name].read(), one.read()))
        )
        if twice:
            report.warning(
                problem(
                    "adapter_embeddings_twice",
                    "{file}: {names} is in an earlier adapter too, with other values. The earlier one is kept.",
                    file=str(file.path), names=", ".join(twice),
                )
            )
        found = {**file.others, **found}
    return found


def _with_strengths(files: Sequence[AdapterFile], settings: MergeLoraSettings, kind: str) -> list[Weighted]:
    if len(settings.strengths) > len(files):
        raise UserError(
            problem(
                "more_strengths_than_adapters",
                "There are {strengths} strengths for {files} adapters. Write one for each adapter, one per line.",
                strengths=len(settings.strengths), files=len(files),
            )
        )
    own = read_own_lines()
    texts = [*settings.strengths, *[""] * (len(files) - len(settings.strengths))]
    return [(file, parse_strength(text, kind, own)) for file, text in zip(files, texts, strict=True)]


def _common_kind(files: Sequence[AdapterFile]) -> str:
    """The kind of base model that all are for. Raises `UserError` where they differ."""
    kinds = {file.kind: file for file in files if file.kind}
    if len(kinds) > 1:
        (one, first), (other, second) = list(kinds.items())[:2]
        raise UserError(
            problem(
                "adapters_of_different_bases",
                "{file} is an adapter for {one}, but {other_file} is one for {other}. They cannot become one adapter.",
                file=str(first.path), one=one, other_file=str(second.path), other=other,
            )
        )
    return next(iter(kinds), "")


def _merged_modules(
    adapters: Sequence[Weighted], settings: MergeLoraSettings, report: Report
) -> dict[str, dict[str, Tensor]]:
    keys = sorted({key for file, _ in adapters for key in file.modules}, key=lambda key: (order_of(label_of(key)), key))
    progress, modules = report.stage("merging"), {}
    for done, key in enumerate(keys, 1):
        tensors = _merged_module(key, adapters, settings)
        if tensors:
            modules[key] = tensors
        progress(done, len(keys))
    return modules


def _merged_module(key: str, adapters: Sequence[Weighted], settings: MergeLoraSettings) -> dict[str, Tensor]:
    """The sum of what the adapters do to one layer; empty where all strengths are zero."""
    taking_part = [(file.modules[key], s.at(key), file) for file, s in adapters if key in file.modules and s.at(key)]
    if not taking_part:
        return {}
    sizes = {(shape_of(key, module)[0], shape_of(key, module).numel()): file for module, _, file in taking_part}
    if len(sizes) > 1:
        raise UserError(_shapes_differ(key, list(sizes.values())))
    plain = _added(taking_part, PLAIN)
    if any(module.algorithm is NormLayer for module, _, _ in taking_part):
        return plain
    changes = [_times(change_of(module), strength) for module, strength, _ in taking_part]
    shape = max((shape_of(key, module) for module, _, _ in taking_part), key=len)
    total = _sum(changes)
    if settings.merge_method == "svd":
        rank = settings.tool_conv_rank if is_wide(key) and settings.tool_conv_rank else settings.tool_rank
        return lora_tensors(resized_to(total, rank).factors, shape) | plain
    if isinstance(total, Factors):
        return lora_tensors(total, shape) | plain
    return {"diff": total.view(shape), **plain}


def _added(taking_part: Sequence[tuple[Module, float, AdapterFile]], names: Sequence[str]) -> dict[str, Tensor]:
    """The sums of the tensors with these names, which add up as they are."""
    sums: dict[str, Tensor] = {}
    for module, strength, _ in taking_part:
        values = {name: module.tensors[name].read().float() * strength for name in names if name in module.tensors}
        sums |= {name: value + sums[name] if name in sums else value for name, value in values.items()}
    return sums


def _times(change: Change, strength: float) -> Change:
    return change.times(strength) if isinstance(change, Factors) else change * strength


def _sum(changes: Sequence[Change]) -> Change:
    """The whole sum: side by side while that is smaller than the matrix itself."""
    factors = [change for change in changes if isinstance(change, Factors)]
    if len(factors) == len(changes):
        together = side_by_side(factors)
        if together.rank < min(len(together.up), together.down.shape[1]):
            return together
    return torch.stack([dense(change) for change in changes]).sum(0)


def _shapes_differ(key: str, files: Sequence[AdapterFile]) -> Problem:
    return problem(
        "adapter_shapes_differ",
        "{file} and {other_file} do not agree on the shape of {name}. They were made for different models and cannot "
        "become one adapter.",
        file=str(files[0].path), other_file=str(files[1].path), name=key,
    )
