"""The networks and embeddings of pictures: loaded once, and on the model for as long as a picture takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.facts.prompts.network_tags import NetworkTag
from train_core.facts.prompts.to_draw import strength_of
from train_core.models.family import Family
from train_core.models.files.embeddings import read_embedding
from train_core.networks.algorithms.lora import LoraLayer
from train_core.networks.attach import Adapter
from train_core.networks.files.hypernetwork import load_networks
from train_core.networks.hypernetwork import context_widths, hypernetwork_on, networks_for, require_known
from train_core.networks.in_weights import in_weights
from train_core.networks.starting import finished_adapter


class Networks:
    """Networks for `family`, whose modules are on `device`; they calculate in `dtype`, as its U-Net does."""

    def __init__(self, family: Family, device: torch.device, dtype: torch.dtype) -> None:
        self._family = family
        self._device = device
        self._dtype = dtype
        self._loaded: dict[tuple[Path, int | None], Adapter[Any]] = {}
        self._words: dict[Path, Tensor] = {}

    @contextmanager
    def on_model(self, networks: Sequence[tuple[NetworkTag, Path]]) -> Iterator[Callable[[int, int], None]]:
        """The model with `networks`, each as strong as its tag says; afterwards it is as it was, to the bit.

        What is given is to be called before each step of a picture with its number, from 1, and that of all: it lets
        those networks act on the U-Net whose tags say so. Text encoders have them throughout, as they have in A1111,
        since texts are read before the first step.

        Of one file that is named twice the last tag counts. Raises UserError for a file that does not suit the model.
        """
        attached: list[Adapter[Any]] = []
        changing: list[tuple[NetworkTag, Adapter[Any]]] = []

        def at_step(step: int, steps: int) -> None:
            for tag, adapter in changing:
                adapter.switch(self._family.denoiser, tag.acts(step, steps))

        try:
            for tag, path in {path: (tag, path) for tag, path in networks}.values():
                adapter = self._adapter(tag, path)
                attached.append(adapter)
                adapter.attach(self._strength(tag, adapter))
                changing += [(tag, adapter)] if tag.changes else []
            yield at_step
        finally:
            for adapter in attached:
                adapter.detach()

    @contextmanager
    def in_weights(self, tag: NetworkTag, path: Path) -> Iterator[frozenset[str]]:
        """The model with the adapter at `path` in its weights, see `in_weights`; gives the parts that it changes."""
        adapter = self._adapter(tag, path)
        strength = self._strength(tag, adapter)
        with in_weights(adapter, strength):
            yield frozenset(part for key, part in adapter.parts.items() if strength(key))

    def words(self, files: Mapping[str, Path]) -> dict[str, Tensor]:
        """The vectors (n, width) of embeddings. Raises UserError for a file that does not suit the model."""
        widths = [table.shape[1] for table in self._family.token_tables()]
        for path in files.values():
            if path not in self._words:
                self._words[path] = read_embedding(path, widths).to(self._device)
        return {word: self._words[path] for word, path in files.items()}

    def _adapter(self, tag: NetworkTag, path: Path) -> Adapter[Any]:
        key = path, tag.rank
        if key not in self._loaded:
            made = self._hypernetwork(path) if tag.kind == "hypernet" else finished_adapter(path, self._family)
            if tag.rank is not None:
                for layer in made.layers.values():
                    if isinstance(layer, LoraLayer):
                        layer.keep_ranks(tag.rank)
            self._loaded[key] = made.to(self._device, self._dtype).eval().requires_grad_(False)
        return self._loaded[key]

    def _hypernetwork(self, path: Path) -> Adapter[Any]:
        found, targets = read_hypernetwork(path), self._family.targets()
        require_known(found.widths, context_widths(targets), str(path))
        networks = networks_for(found.widths, found.structure, seed=0)
        load_networks(networks, found)
        networks.to(self._device, self._dtype).eval().requires_grad_(False)  # no parts of the layers
        return hypernetwork_on(targets, networks)

    def _strength(self, tag: NetworkTag, adapter: Adapter[Any]) -> Any:
        """Strength by a layer's key."""
        blocks, denoiser = strength_of(tag, self._family.kind.name), self._family.denoiser

        def strength(key: str) -> float:
            return blocks.at(key) * (tag.unet if adapter.parts[key] == denoiser else tag.text_encoder)

        return strength
