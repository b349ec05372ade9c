"""An adapter: its layers, by the keys of the frozen modules that they sit on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.facts.seeds import seed_for
from train_core.models.quantised import shape_of
from train_core.networks.choose import Chosen
from train_core.networks.dropout_masks import Draws
from train_core.networks.kernels import fitted
from train_core.networks.layer import Layer
from train_core.networks.stack import layers_on, put_on, take_off
from train_core.networks.weight_change import WeightChange

AnyLayer = TypeVar("AnyLayer", bound=Layer)
_ORDER = count()


class Adapter(nn.Module, Generic[AnyLayer]):
    """The module of everything that trains: one layer for each adapted module, by its key in a file.

    Attaching gives each frozen module the layer's forward as an attribute of its own, which hides the one of its class.
    No module is replaced or wrapped, so names in the model's state stay as they are, and detaching is to delete it.
    Several adapters may be attached at once; they may be detached in any order.
    """

    def __init__(self, layers: Mapping[str, AnyLayer], parts: Mapping[str, str]) -> None:
        super().__init__()
        self.layers: Mapping[str, AnyLayer] = nn.ModuleDict(layers)  # type: ignore[assignment]
        self.parts = dict(parts)
        self.draws = Draws()
        for key, layer in layers.items():
            layer.name, layer.draws = key, self.draws

    @property
    def attached(self) -> bool:
        """Whether the model now computes with this adapter."""
        return any(layer in layers_on(layer.base) for layer in self.layers.values())

    def attach(self, strength: float | Mapping[str, float] | Callable[[str], float] = 1.0) -> None:
        """Let the model compute with this adapter at `strength`: of all its parts, by part, or by a layer's key.

        At 0 a layer is left out. Attached again, it takes the new strength. RuntimeError if something that is no
        adapter has taken a module's forward.
        """
        self.detach()
        order = next(_ORDER)
        for key, layer in self.layers.items():
            layer.order = order
            match strength:
                case Mapping():
                    layer.strength = float(strength[self.parts[key]])
                case Callable():
                    layer.strength = float(strength(key))
                case _:
                    layer.strength = float(strength)
        self._put_on()

    def _put_on(self) -> None:
        """Attach each layer with the strength and at the place that it has."""
        for layer in self.layers.values():
            if layer.strength:
                put_on(layer)

    def detach(self) -> None:
        """Let the model compute as it did before `attach`, to the bit."""
        for layer in [layer for layer in self.layers.values() if layer in layers_on(layer.base)]:
            take_off(layer)

    def switch(self, part: str, on: bool) -> None:
        """Let the layers of a `part` count, or not, while the adapter is attached; strengths and places stay."""
        for key, layer in self.layers.items():
            if self.parts[key] == part and layer.strength and (layer in layers_on(layer.base)) != on:
                put_on(layer) if on else take_off(layer)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """The model without this adapter, for as long as the context lasts."""
        was_attached = self.attached
        self.detach()
        try:
            yield
        finally:
            if was_attached:
                self._put_on()

    def reseed(self, step: int, samples: Sequence[int] = ()) -> None:
        """Seed the dropouts of the coming forward passes: `step` for whole layers, `samples` for each sample's own."""
        self.draws.step, self.draws.samples = step, tuple(samples)

    def parameter_groups_by_part(self) -> dict[str, list[nn.Parameter]]:
        """Parameters under "unet" and "text_encoder", in file order; a part that is not trained is left out."""
        groups: dict[str, list[nn.Parameter]] = {}
        for key, layer in self.layers.items():
            groups.setdefault(self.parts[key], []).extend(layer.parameters())
        return groups

    def state_dict_for_file(self, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """All tensors by file key, alpha included, in `dtype` on the CPU: copies, so that training may go on."""
        return {
            f"{key}.{name}": tensor.to("cpu", dtype, copy=True).contiguous()
            for key, layer in self.layers.items()
            for name, tensor in layer.tensors().items()
        }

    def load_file_state(self, tensors: Mapping[str, Tensor]) -> None:
        """Take over the weights of a file. UserError, before anything is changed, if it is not of this shape."""
        tensors = self._fitted(tensors)
        raise_if_any(self._differences(tensors))
        for key, layer in self.layers.items():
            layer.load({name: tensors[f"{key}.{name}"] for name in layer.tensors() if f"{key}.{name}" in tensors})

    def _fitted(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """`tensors` of a file with the kernels that the layers' own weights have."""
        found = dict(tensors)
        for key, layer in self.layers.items():
            own = {name: tensors[full] for name in layer.tensors() if (full := f"{key}.{name}") in tensors}
            found |= {f"{key}.{name}": tensor for name, tensor in fitted(own, shape_of(layer.base)).items()}
        return found

    def _differences(self, tensors: Mapping[str, Tensor]) -> Iterator[Problem]:
        expected = {name: tuple(tensor.shape) for name, tensor in self.state_dict_for_file().items()}
        missing = sorted(name for name in expected if name not in tensors and not name.endswith(".alpha"))
        unknown = sorted(set(tensors) - set(expected))
        wrong = sorted(name for name in expected if name in tensors and tuple(tensors[name].shape) != expected[name])
        if missing:
            yield problem(
                "adapter_tensors_missing",
                "The adapter file lacks {count} tensors that these settings train, starting with {name}. Use the "
                "settings that the file was trained with.",
                count=len(missing), name=missing[0],
            )  # fmt: skip
        if unknown:
            yield problem(
                "adapter_tensors_unknown",
                "The adapter file has {count} tensors that these settings do not train, starting with {name}. Use the "
                "settings that the file was trained with.",
                count=len(unknown), name=unknown[0],
            )  # fmt: skip
        if wrong:
            yield problem(
                "adapter_shape_differs",
                "In the adapter file {name} has shape {found}, but with these settings it is {expected}. Set the "
                "network rank to the file's.",
                name=wrong[0], found=str(tuple(tensors[wrong[0]].shape)), expected=str(expected[wrong[0]]),
            )  # fmt: skip


def build_adapter(chosen: Sequence[Chosen], seed: int) -> Adapter[WeightChange]:
    """An adapter, not yet attached, with a layer for each of `chosen`, in their order.

    Each layer's start follows from `seed` and its own key, so adding or leaving out modules changes no other's.
    UserError when there is nothing to train.
    """
    if not chosen:
        raise UserError(
            problem(
                "nothing_to_train",
                "These settings train nothing: no layer gets an adapter. Check network_train_unet_only, "
                "network_train_text_encoder_only, LyCORIS_preset and the block ranks.",
            )
        )
    layers = {}
    for one in chosen:
        generator = torch.Generator().manual_seed(seed_for(seed, 0, 0, one.target.file_key))
        layers[one.target.file_key] = one.algorithm(one.target.module, one.options, generator)
    return Adapter(layers, {one.target.file_key: one.target.part for one in chosen})
