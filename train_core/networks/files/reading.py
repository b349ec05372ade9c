"""Adapter files of any program, with the names of kohya, LyCORIS, diffusers, PEFT, ComfyUI or older versions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.phrases import joined
from train_core.config.problems import Problem, UserError, problem
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file
from train_core.kinds import KINDS
from train_core.models.files.stored import Stored, reshaped, stored_tensors
from train_core.networks.algorithms.lokr import LokrLayer
from train_core.networks.algorithms.names import IN_WORDS, algorithm_of
from train_core.networks.files.base_kind import Base, base_of, key_for, key_in
from train_core.networks.files.module import Module, module_of
from train_core.networks.files.peft_settings import PeftSettings, peft_settings
from train_core.networks.files.tensor_names import Place, place_of
from train_core.networks.kernels import as_in_files

BUNDLED = "bundle_emb."  # embeddings within an adapter, which A1111 reads


@dataclass(frozen=True)
class AdapterFile:
    """An adapter file as this program names things: modules by their key, such as lora_unet_…_to_q.

    `kind` is the base model's, "" where nothing tells it. `others` are tensors that change no module, such as bundled
    embeddings. `remarks` are what the user should know of how the file was read.
    """

    path: Path
    kind: str
    modules: Mapping[str, Module]
    metadata: Mapping[str, str]
    others: Mapping[str, Stored] = field(default_factory=dict)
    remarks: tuple[Problem, ...] = ()

    @property
    def algorithms(self) -> list[str]:
        """The names of the algorithms in it."""
        return sorted({IN_WORDS[module.algorithm] for module in self.modules.values()})

    def for_kind(self, kind: str) -> AdapterFile:
        """The same with the keys of a base model of this `kind`, where the file itself does not tell its own."""
        if self.kind or kind not in KINDS:
            return self
        names = {key: key_for(KINDS[kind], key, module) for key, module in self.modules.items()}
        return replace(self, modules=_renamed(self.path, self.modules, names))


def read_adapter(path: Path) -> AdapterFile:
    """The adapter in the file at `path`, its tensors not read yet.

    Raises `UserError` if it is missing, damaged or not an adapter, and if tensors lack their partners.
    """
    return adapter_in(read_tensor_file(path))


def adapter_in(file: TensorFile) -> AdapterFile:
    """The same of a file whose header has been read."""
    path, stored = file.path, stored_tensors(file)
    plain: dict[str, dict[str, Stored]] = {}
    places: dict[str, Place] = {}
    others: dict[str, Stored] = {}
    for name, tensor in stored.items():
        place = place_of(name)
        if place is None or place.tensor in plain.get(place.key, {}):
            others[name] = tensor
        else:
            plain.setdefault(place.key, {})[place.tensor] = tensor
            places[place.key] = place
    foreign = sorted(name for name in others if not name.startswith(BUNDLED))
    if not plain or foreign:
        more = peft_settings(file, places).more_than_layers()
        raise UserError(more or _not_an_adapter(path, len(stored), foreign))
    said = peft_settings(file, places)
    modules = {key: module_of(path, key, _with_strength(its, places[key], said)) for key, its in plain.items()}
    base = base_of(modules, file.metadata)
    names = {key: key_in(base, key, module) for key, module in modules.items()}
    remarks = (_denied(path, base),) if base.denied else ()
    modules = {key: _in_shape(key, its, base.kind) for key, its in _renamed(path, modules, names).items()}
    return AdapterFile(path, base.kind, modules, file.metadata, others, remarks)


def _in_shape(key: str, module: Module, kind: str) -> Module:
    """The same with the shapes that files of this `kind` have, of which other programs write matrices or kernels."""
    shapes = as_in_files(key, {name: tensor.shape for name, tensor in module.tensors.items()}, kind)
    return replace(module, tensors={name: reshaped(module.tensors[name], shape) for name, shape in shapes.items()})


def _with_strength(tensors: Mapping[str, Stored], place: Place, said: PeftSettings) -> dict[str, Stored]:
    """A module's tensors with the alpha that PEFT's description gives it; their own comes first.

    Where no rank is seen the strength is multiplied into the first map, since an alpha means nothing there.
    """
    algorithm, found = algorithm_of(tensors), dict(tensors)
    if algorithm is None or "alpha" in tensors or not algorithm.has_alpha:
        return found
    both_whole = algorithm is LokrLayer and {"lokr_w1", "lokr_w2"} <= tensors.keys()
    looks = {name: torch.empty(tensor.shape, device="meta") for name, tensor in tensors.items()}
    try:
        rank = 0 if both_whole else algorithm.rank_in(looks)
    except KeyError:  # a partner is missing, which is told later
        return found
    strength = said.strength(place, rank)
    if strength is None or strength == 1:
        return found
    if both_whole:
        first = tensors["lokr_w1"]
        found["lokr_w1"] = Stored(first.shape, partial(_times, first, strength))
    else:
        found["alpha"] = Stored((), partial(torch.tensor, strength * rank))
    return found


def _times(tensor: Stored, factor: float) -> Tensor:
    return tensor.read().float() * factor


def _renamed(path: Path, modules: Mapping[str, Module], names: Mapping[str, str]) -> dict[str, Module]:
    """`modules` by other keys. Raises `UserError` where two become one."""
    found: dict[str, Module] = {}
    for key, module in modules.items():
        if names[key] in found:
            raise UserError(
                problem(
                    "adapter_layer_twice",
                    "{file} holds the layer {name} twice, under two names. Use another copy of the adapter.",
                    file=str(path), name=names[key],
                )
            )
        found[names[key]] = module
    return found


def _denied(path: Path, base: Base) -> Problem:
    return problem(
        "adapter_metadata_denied",
        "{file} states that it is for {stated}, but its layers are those of {found}. It is taken for what the layers "
        "say.",
        file=str(path), stated=base.denied, found=joined("comma", base.fitting),
    )


def _not_an_adapter(path: Path, count: int, foreign: list[str]) -> Problem:
    return problem(
        "adapter_not_recognised",
        "{file} is not an adapter that Crucible knows: {unknown} of its {count} tensors belong to none, for example "
        "{example}. Choose the file of a LoRA or a similar adapter.",
        file=str(path), count=count, unknown=len(foreign) or count, example=foreign[0] if foreign else "–",
    )
