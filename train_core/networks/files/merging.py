"""Adapters as changes of a base model's weights, made tensor by tensor when these are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.syntax.block_weights import Strength
from train_core.models.family import Target
from train_core.models.files.stored import Stored
from train_core.models.quantised import shape_of
from train_core.models.targets import is_projection
from train_core.networks.algorithms.decompose import decomposed
from train_core.networks.files.module import SPARSE, Module
from train_core.networks.files.reading import AdapterFile
from train_core.networks.kernels import fitted

BIAS = "diff_b"
MOST_NAMES = 5
Files = Mapping[str, Mapping[str, Stored]]  # part -> a module's tensor -> what is stored


@dataclass(frozen=True)
class Weighed:
    """An adapter and how strongly each layer takes part."""

    file: AdapterFile
    strength: Strength


def change_by(module: Module, shape: torch.Size, weight: Tensor | None) -> Tensor:
    """The whole change (`shape`, fp32) that `module` makes of a weight, strength by its alpha included.

    `weight`, in fp32, is needed where the change depends on it, see `needs_weight`.
    """
    values = fitted(module.read(), shape)
    alpha = float(values.pop("alpha")) if "alpha" in values else None
    scale = values.pop("dora_scale", None)
    change = module.algorithm.change_of(values, shape, alpha, weight)
    if SPARSE[0] in values:
        strength = 1.0 if alpha is None else alpha / module.algorithm.rank_in(values)
        change = change + _sparse(values).view(shape) * strength
    if scale is None:
        return change
    assert weight is not None
    return decomposed(weight + change, scale) - weight


def _sparse(values: Mapping[str, Tensor]) -> Tensor:
    """The matrix that LyCORIS keeps by the places of its numbers."""
    indices, numbers, size = (values[name] for name in SPARSE)
    return torch.sparse_coo_tensor(indices.long(), numbers, tuple(size.long().tolist())).to_dense()


def needs_weight(module: Module) -> bool:
    """Whether the change that `module` makes depends on the weight that it changes."""
    return module.algorithm.needs_weight or "dora_scale" in module.tensors


def require_fitting(adapters: Sequence[Weighed], targets: Sequence[Target], kind: str) -> None:
    """Raise `UserError` for adapters of another kind of base model, and for layers that the model lacks or that differ.

    `kind` is the model's, such as SDXL.
    """
    known = {target.file_key: target for target in targets}
    raise_if_any([found for one in adapters for found in fit_problems(one.file, known, kind)])


def fit_problems(file: AdapterFile, known: Mapping[str, Target], kind: str) -> Iterator[Problem]:
    """The problems that keep the adapter off the layers `known`, by their keys, of a model of this `kind`."""
    if file.kind and file.kind != kind:
        yield problem(
            "adapter_of_another_base",
            "{file} is an adapter for {theirs}, but the base model is {ours}. Choose an adapter and a base model that "
            "match.",
            file=str(file.path), theirs=file.kind, ours=kind,
        )
        return
    missing = sorted(key for key in file.modules if key not in known and not is_projection(key))
    if missing:
        yield problem(
            "adapter_layers_missing",
            "{file} changes {count} layers that the base model does not have, for example {name}. It was made for "
            "another kind of model; choose a file that matches.",
            file=str(file.path), count=len(missing), name=missing[0],
        )
    wrong = sorted(
        key for key, module in file.modules.items() if key in known and not module.suits(shape_of(known[key].module))
    )
    if wrong:
        yield problem(
            "adapter_layers_differ",
            "{file} changes {count} layers that have a different shape in the base model, for example {name}. It was "
            "made for another model; choose a file that matches.",
            file=str(file.path), count=len(wrong), name=wrong[0],
        )


def left_out(file: AdapterFile, files: Files, targets: Sequence[Target]) -> Iterator[Problem]:
    """Name what of an adapter has no place in a model: embeddings, biases that layers lack, projections not used."""
    known = {target.file_key: target for target in targets}
    lost = sorted([*file.others, *(key for key in file.modules if key not in known)])
    for key, module in file.modules.items():
        if BIAS in module.tensors and key in known:
            tensors = files[known[key].part]
            if f"{_path_in(tensors, known[key])}.bias" not in tensors:
                lost.append(f"{key}.{BIAS}")
    if lost:
        yield problem(
            "adapter_parts_left_out",
            "{file}: {count} of its parts have no place in the checkpoint and are left out: {names}.",
            file=str(file.path), count=len(lost), names=", ".join(lost[:MOST_NAMES]),
        )


def merged(files: Files, targets: Sequence[Target], adapters: Sequence[Weighed]) -> dict[str, dict[str, Stored]]:
    """`files` of a model with the changes of `adapters` added to its tensors, in fp32, when they are read.

    Each change is that of the untouched weight, so their order does not matter. `require_fitting` is to be asked first.
    """
    result = {part: dict(tensors) for part, tensors in files.items()}
    for target in targets:
        changing = [
            (one.file.modules[target.file_key], one.strength.at(target.file_key))
            for one in adapters if target.file_key in one.file.modules
        ]
        changing = [(module, strength) for module, strength in changing if strength]
        if not changing:
            continue
        tensors, path = result[target.part], _path_in(result[target.part], target)
        tensors[f"{path}.weight"] = _with_changes(tensors[f"{path}.weight"], changing)
        biases = [(module, s) for module, s in changing if {BIAS, "b_norm"} & module.tensors.keys()]
        if biases and f"{path}.bias" in tensors:
            tensors[f"{path}.bias"] = _with_biases(tensors[f"{path}.bias"], biases)
    return result


def _path_in(tensors: Mapping[str, Stored], target: Target) -> str:
    """The name of the layer among a part's tensors."""
    return next(path for path in target.paths if f"{path}.weight" in tensors)


def _with_changes(stored: Stored, changing: Sequence[tuple[Module, float]]) -> Stored:
    def read() -> Tensor:
        weight = stored.read().float()
        total = weight.clone()
        for module, strength in changing:
            total += strength * change_by(module, weight.shape, weight if needs_weight(module) else None)
        return total

    return Stored(stored.shape, read, stored.dtype)


def _with_biases(stored: Stored, changing: Sequence[tuple[Module, float]]) -> Stored:
    def read() -> Tensor:
        total = stored.read().float()
        for module, strength in changing:
            change = module.algorithm.bias_change_of(module.read())
            total = total if change is None else total + strength * change
        return total

    return Stored(stored.shape, read, stored.dtype)
