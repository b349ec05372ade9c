"""The method that trains an adapter on a frozen base model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError, problem
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.rates import RateSettings
from train_core.config.syntax.block_rates import block_factors
from train_core.facts.run.schedules import steps_in
from train_core.methods.method import Method
from train_core.models.family import Family, Target
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.network_metadata import network_metadata
from train_core.networks.starting import adapter_of


class AdapterMethod(Method):
    """Holds the adapter while it sits on the family's modules.

    From step `text_until` on, counted from 0, the text encoders stay as they are.
    """

    modelspec_kind: ClassVar[str] = "lora"

    def __init__(
        self, family: Family, network: NetworkSettings, algorithm: AlgorithmSettings, rates: RateSettings, seed: int,
        text_until: int | None = None,
    ) -> None:
        factors, targets = block_factors(rates, family.block_layout), family.targets()
        self.family, self.rates = family, rates
        self._denoiser = family.denoiser
        self.max_norm = network.scale_weight_norms
        self.factors = {t.file_key: factors[t.block] if t.in_denoiser else 1.0 for t in targets}
        self.blocks = {target.file_key: target.block for target in targets}
        learning = _at_a_rate(targets, self.factors, network)
        self.trainable = self.adapter = adapter_of(learning, network, algorithm, family, seed)
        self.adapter.attach()
        self.text_until = text_until
        self._text_ended = False

    @classmethod
    def of(cls, config: TrainConfig, family: Family, total_steps: int) -> Self:
        until = config.applicable().get("stop_text_encoder_training", "").strip()
        return cls(
            family, config.network, config.algorithm, config.rates, config.training.seed,
            steps_in(until, total_steps) if until else None,
        )

    def disabled(self) -> AbstractContextManager[None]:
        return self.adapter.disabled()

    @property
    def parts(self) -> set[str]:
        """The parts of the model that the adapter sits on: `unet`, `text_encoder`."""
        return set(self.adapter.parameter_groups_by_part())

    def parameter_groups(self, rates: Mapping[str, float]) -> list[dict[str, Any]]:
        """The optimizer's groups: `params`, `lr` and a `name`, which is the part's, such as `unet` or `unet_block3`.

        What LoRA+ speeds up is in a group of its own, named with ` plus`. `rates` are those of the parts. At rate zero
        parameters are frozen: they are saved as they started.
        """
        groups: dict[str, dict[str, Any]] = {}
        for key, layer in self.adapter.layers.items():
            part = self.adapter.parts[key]
            rate = rates[part] * self.factors[key]
            for name, parameter in layer.named_parameters():
                if name in layer.fixed:
                    continue
                parameter.requires_grad_(rate > 0)
                ratio = self._plus_ratio(part) if name in layer.fast else None
                group = self._group_name(part, key) + (" plus" if ratio else "")
                empty = {"params": [], "lr": rate * (ratio or 1.0), "name": group}
                if rate > 0:
                    groups.setdefault(group, empty)["params"].append(parameter)
        return list(groups.values())

    def _plus_ratio(self, part: str) -> float | None:
        """LoRA+'s factor on the rate of a part's up layers; None or 0 for none."""
        own = self.rates.loraplus_unet_lr_ratio if part == self._denoiser else self.rates.loraplus_text_encoder_lr_ratio
        return own or self.rates.loraplus_lr_ratio

    def _group_name(self, part: str, key: str) -> str:
        by_block = part == self._denoiser and any(factor != 1 for factor in self.factors.values())
        return f"{part}_block{self.blocks[key]}" if by_block else part

    def ends(self) -> dict[str, int]:
        if self.text_until is None:
            return {}
        texts = self.parts - {self._denoiser}
        return {name + twin: self.text_until for name in texts for twin in ("", " plus")}

    def begin_step(self, step: int) -> None:
        """Turn off the gradients of parts that no longer learn."""
        if self._text_ended or self.text_until is None or step < self.text_until:
            return
        for key, layer in self.adapter.layers.items():
            if self.adapter.parts[key] != self._denoiser:
                layer.requires_grad_(False)
        self._text_ended = True

    def end_step(self) -> None:
        """Shorten each layer's change to the largest norm that the settings allow.

        `norms` then holds each layer's length (layers,) as it was before. Changes of the norms are left alone, and so
        are rotations, which have no length.
        """
        layers = [layer for layer in self.adapter.layers.values() if layer.factors]
        if not (self.max_norm and layers):
            return
        with torch.no_grad():
            self.norms = torch.stack([layer.norm() for layer in layers])
            for layer, ratio in zip(layers, (self.max_norm / self.norms).clamp(max=1.0), strict=True):
                layer.shorten(ratio)

    def reseed(self, step_seed: int, sample_seeds: Sequence[int]) -> None:
        self.adapter.reseed(step_seed, sample_seeds)

    def save(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        save_adapter(path, self.adapter.state_dict_for_file(dtype), metadata)

    def metadata(self, config: TrainConfig) -> dict[str, Any]:
        return network_metadata(config)

    @property
    def trains_every_step(self) -> bool:
        """Layers behind the text states that are read get no gradient, and none of the text encoders' at the end."""
        return self.parts == {self._denoiser} or (self.family.uses_every_layer and self.text_until is None)


def _at_a_rate(targets: list[Target], factors: dict[str, float], network: NetworkSettings) -> list[Target]:
    """Filter `targets` for those whose block learns. UserError when nothing is left."""
    kept = [target for target in targets if factors[target.file_key] > 0]
    if network.network_train_unet_only and not any(target.in_denoiser for target in kept):
        raise UserError(
            problem(
                "every_block_at_zero",
                "down_lr_weight, mid_lr_weight and up_lr_weight leave no block of the U-Net to train. Give at least "
                "one block a factor above 0.",
            )
        )
    return kept
