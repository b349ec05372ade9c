"""One module's part of an adapter file, by the names of kohya and LyCORIS."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.problems import Problem, UserError, problem
from train_core.models.files.stored import Stored
from train_core.networks.algorithms.names import algorithm_of
from train_core.networks.weight_change import WeightChange

# What any module may have besides its algorithm's own tensors: numbers of the weight that were left over when the rest
# was extracted (LyCORIS), as a sparse matrix, are added to the change.
SPARSE = ("bias_indices", "bias_values", "bias_size")
PLACES = frozenset({"bias_indices", "bias_size"})  # whole numbers, which half precision would round
ANY = frozenset({"alpha", "dora_scale", "diff_b", *SPARSE})
# What PEFT writes in another form: AdaLoRA's singular values, a bias of the second map, DoRA's magnitudes.
PEFT_FORMS = ("lora_E", "lora_B.bias", "magnitude")
OLD_GLORA = (("a1.weight", "a2.weight"), ("b1.weight", "b2.weight"))


@dataclass(frozen=True)
class Module:
    """One module's part of an adapter: its tensors by the names of kohya and LyCORIS."""

    algorithm: type[WeightChange]
    tensors: Mapping[str, Stored]

    def looks(self) -> dict[str, Tensor]:
        """The tensors without their numbers, for what follows from shapes alone; flags and the like are read."""
        return {
            name: tensor.read().float() if tensor.shape in ((), (1,)) else torch.empty(tensor.shape, device="meta")
            for name, tensor in self.tensors.items()
        }

    def read(self, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """The tensors in `dtype`, on the CPU; the places of sparse numbers as whole numbers."""
        return {
            name: _whole(tensor.read()) if name in PLACES else tensor.read().to(dtype)
            for name, tensor in self.tensors.items()
        }

    def without_sparse(self) -> Module:
        """The same without its sparse numbers."""
        return Module(self.algorithm, {name: one for name, one in self.tensors.items() if name not in SPARSE})

    def suits(self, shape: torch.Size) -> bool:
        """Whether it can change a weight of this shape."""
        if not self.algorithm.suits(self.looks(), shape):
            return False
        scale = self.tensors.get("dora_scale")
        return scale is None or scale.shape[:2] in ((shape[0], 1), (1, shape[1]))


def _whole(places: Tensor) -> Tensor:
    """Whole numbers as such; programs that save everything in one format have floats for them."""
    return places.round().int() if places.is_floating_point() else places


def module_of(path: Path, key: str, tensors: Mapping[str, Stored]) -> Module:
    """The module with this `key` of the file at `path`. Raises `UserError` where its tensors make no sense together."""
    algorithm = algorithm_of(tensors)
    if algorithm is None:
        raise UserError(_incomplete(path, key, tensors))
    unknown = sorted(tensors.keys() - {*algorithm.names, *ANY, *PEFT_FORMS})
    if unknown:
        raise UserError(_incomplete(path, key, {name: tensors[name] for name in unknown}))
    try:
        module = Module(algorithm, _in_our_form(dict(tensors)))
        _check_complete(module)
    except (KeyError, RuntimeError, IndexError, ValueError, ZeroDivisionError) as error:
        raise UserError(_incomplete(path, key, tensors, str(error).splitlines()[0])) from error
    return module


def _in_our_form(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """The same changes in the form that this program writes."""
    if "a1.weight" in tensors:
        tensors = _glora_in_order(tensors)
    if "lora_E" in tensors:
        tensors["lora_down.weight"] = _with_singular_values(tensors["lora_down.weight"], tensors.pop("lora_E"))
    if "lora_B.bias" in tensors:
        tensors["diff_b"] = _at_strength(tensors.pop("lora_B.bias"), tensors)
    flat = "dora_scale" if "dora_scale" in tensors and len(tensors["dora_scale"].shape) == 1 else "magnitude"
    if flat in tensors:
        tensors["dora_scale"] = _by_output(tensors.pop(flat))
    return tensors


def _glora_in_order(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """Older files have the inner map first in each pair: told by which side of a1 is the rank's."""
    first = tensors["a1.weight"].shape
    if first[0] >= first[1]:
        return tensors
    swapped = dict(tensors)
    for one, other in OLD_GLORA:
        swapped[one], swapped[other] = tensors[other], tensors[one]
    return swapped


def _with_singular_values(down: Stored, values: Stored) -> Stored:
    """AdaLoRA's first map (rank, in) with the `values` (rank, 1) that stand between the two."""
    return Stored(down.shape, lambda: down.read().float() * values.read().float().view(-1, 1))


def _at_strength(bias: Stored, tensors: Mapping[str, Stored]) -> Stored:
    """The change of the layer's bias that the `bias` of a LoRA's second map is, at the LoRA's strength."""
    rank, alpha = tensors["lora_down.weight"].shape[0], tensors.get("alpha")
    return Stored(bias.shape, lambda: bias.read().float() * (float(alpha.read()) / rank if alpha else 1.0))


def _by_output(magnitudes: Stored) -> Stored:
    """DoRA's magnitudes as (out, 1): PEFT has (out,) for linear layers and (1, out, 1, 1) for convolutions."""
    shape = (math.prod(magnitudes.shape), 1)
    return Stored(shape, lambda: magnitudes.read().reshape(shape), magnitudes.dtype)


def _check_complete(module: Module) -> None:
    """Raise what torch raises where partners are missing or do not fit each other; no number is read."""
    shapes = {name: look for name, look in module.looks().items() if name not in ANY}
    shape = module.algorithm.shape_in(shapes)
    if not module.algorithm.needs_weight:
        module.algorithm.change_of(shapes, shape, 1.0, None)
    scale = module.tensors.get("dora_scale")
    if scale is not None and (len(scale.shape) < 2 or 1 not in scale.shape[:2]):
        raise ValueError(f"dora_scale {tuple(scale.shape)}")
    missing = [name for name in SPARSE if name not in module.tensors]
    if 0 < len(missing) < len(SPARSE):
        raise KeyError(missing[0])


def _incomplete(path: Path, key: str, tensors: Mapping[str, Stored], reason: str = "") -> Problem:
    return problem(
        "adapter_incomplete",
        "{file}: the tensors of {module} ({tensors}) do not form an adapter: some are missing or do not match. The "
        "file is damaged; use another copy. {reason}",
        file=str(path), module=key, tensors=", ".join(sorted(tensors)), reason=reason,
    )
