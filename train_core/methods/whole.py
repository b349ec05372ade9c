"""The method that trains the model's own weights: DreamBooth and fine-tuning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from train_core.config.checks.consistency import learning_rates
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problem
from train_core.config.syntax.block_rates import block_factors
from train_core.facts.run.folder_results import write_notes
from train_core.facts.run.schedules import steps_in
from train_core.facts.run.written import remove_written
from train_core.methods.method import Method
from train_core.methods.weights import Weight, chosen, weights_of
from train_core.models.family import Family
from train_core.models.files.pickling import write_pickled_state
from train_core.models.files.stored import Stored
from train_core.models.files.writing import write_result, write_safetensors
from train_core.models.folder_writing import fill_folder, plain_names
from train_core.models.kinds.stable_diffusion import single_file
from train_core.models.original import STABILITY, Original
from train_core.models.sharding import Shares

SINGLE_FILES = {".safetensors": write_safetensors, ".ckpt": write_pickled_state}


class WholeModel(Method):
    """Holds the weights that learn. They stay in the family's modules, which calculate with them as ever.

    Where the model calculates in half precision they are in fp32, read from the file once more, and autocast rounds
    them for each use; unless they are to be `in_half` themselves. `factors` are those on the rate of each block of the
    denoiser. From step `text_until` on, counted from 0, the text encoders stay as they are.
    """

    trainable: nn.ParameterDict

    def __init__(
        self, family: Family, original: Original, weights: Sequence[Weight], factors: Sequence[float],
        in_half: bool = False, text_until: int | None = None,
    ) -> None:
        self.family, self.original, self.text_until = family, original, text_until
        self._factors, self._text_ended = factors, False
        self.weights = [one for one in weights if self._factor(one) > 0]
        for one in self.weights:
            one.parameter.requires_grad_(True)
        if not in_half:
            self._widen()
        self.trainable = nn.ParameterDict({one.key: one.parameter for one in self.weights})

    def take_shares(self) -> None:
        """Train the share of each weight that this process holds, and leave the weights themselves to the modules."""
        self.shares = Shares(self.family)
        self.weights = [
            replace(one, parameter=self.family.modules[one.part].get_parameter(one.name)) for one in self.weights
        ]
        self.trainable = nn.ParameterDict({one.key: self.shares.of(one.parameter) for one in self.weights})

    @classmethod
    def of(cls, config: TrainConfig, family: Family, total_steps: int) -> Self:
        values = config.applicable()
        until = values.get("stop_text_encoder_training", "").strip()
        rates = learning_rates(config, family.denoiser, family.text_parts)
        assert family.files is not None
        original = Original(family.files, family.prediction_type)
        learning = [part for part, rate in rates.items() if rate > 0]
        weights = chosen(list(weights_of(family, original, learning)), config.whole_model)
        method = cls(
            family, original, weights, block_factors(config.rates, family.block_layout),
            bool(values.get("full_half")), steps_in(until, total_steps) if until else None,
        )
        if not method.weights:
            raise UserError(
                problem(
                    "every_block_at_zero",
                    "down_lr_weight, mid_lr_weight and up_lr_weight leave no block of the U-Net to train. Give at "
                    "least one block a factor above 0.",
                )
            )
        return method

    def _factor(self, weight: Weight) -> float:
        return 1.0 if weight.block is None else self._factors[weight.block]

    def _widen(self) -> None:
        """Have what learns in fp32, with no rounding since the file, in parts that calculate in fewer bits.

        So are the vectors of such a part that do not learn, as norms take no mixture of formats.
        """
        for part in self.parts:
            dtype = next(one.parameter.dtype for one in self.weights if one.part == part)
            if dtype == torch.float32:
                continue
            learning = {one.name for one in self.weights if one.part == part}
            for name, parameter in self.family.modules[part].named_parameters():
                if name in learning or parameter.ndim == 1:
                    stored = self.original.opened.stored[part][name]
                    parameter.data = stored.read().to(parameter.device, torch.float32)
            self.family.autocast[part] = dtype

    @property
    def parts(self) -> set[str]:
        """The parts of the model in which something learns: `unet`, `text_encoder`."""
        return {one.part for one in self.weights}

    @property
    def own_parts(self) -> set[str]:
        return self.parts

    def keep_in(self, dtype: torch.dtype) -> None:
        """Nothing: `in_half`, weights are in the format that the model calculates in, as they are from the start."""

    def parameter_groups(self, rates: Mapping[str, float]) -> list[dict[str, Any]]:
        """The optimizer's groups: `params`, `lr` and a `name`, which is the part's, or `unet_block3` and the like."""
        by_block = any(factor != 1 for factor in self._factors)
        groups: dict[str, dict[str, Any]] = {}
        for one in self.weights:
            rate = rates[one.part] * self._factor(one)
            one.parameter.requires_grad_(rate > 0)
            name = one.part if one.block is None or not by_block else f"{one.part}_block{one.block}"
            if rate > 0:
                group = groups.setdefault(name, {"params": [], "lr": rate, "name": name})
                group["params"].append(self.trainable[one.key])
        return list(groups.values())

    def ends(self) -> dict[str, int]:
        if self.text_until is None:
            return {}
        return dict.fromkeys(self.parts - {self.family.denoiser}, self.text_until)

    def begin_step(self, step: int) -> None:
        """Turn off the gradients of text encoders that no longer learn."""
        if self._text_ended or self.text_until is None or step < self.text_until:
            return
        for one in self.weights:
            if one.part != self.family.denoiser:
                one.parameter.requires_grad_(False)
        self._text_ended = True

    @property
    def trains_every_step(self) -> bool:
        """Layers behind the text states that are read get no gradient, and none of the text encoders' at the end."""
        return self.parts == {self.family.denoiser} or (self.family.uses_every_layer and self.text_until is None)

    @contextmanager
    def disabled(self) -> Iterator[None]:
        """The model as it was: its weights are read from the file again, and take the place of those that learn.

        Meanwhile both are in memory. Raises `UserError` where the file cannot be read any more.
        """
        learnt: list[tuple[nn.Parameter, Tensor]] = []
        try:
            for one in self.weights:
                held = self.trainable[one.key]
                values = self.original.opened.stored[one.part][one.name].read()
                learnt.append((held, self._exchange(held, values if self.shares is None else self.shares.cut(values))))
            yield
        finally:
            for held, values in learnt:
                self._exchange(held, values)

    def _exchange(self, held: nn.Parameter, values: Tensor) -> Tensor:
        """Give `held` other `values`; those that it had. A share stays where it is, in the weight's own memory."""
        if self.shares is None:
            before, held.data = held.data, values.to(held.device, held.dtype)
            return before
        before = held.detach().clone()
        held.data.copy_(values)
        return before

    def save(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        """Write the whole model as it is now, what learns in `dtype`, all else as the base model's files have it.

        The ending of `path` says how: `.safetensors`, `.ckpt`, and none for a diffusers folder. If those files are not
        what they were any more, all is written as it is in memory, and `remarks` say so.
        """
        self.remarks = ()
        metadata = {"format": "pt", **metadata, "modelspec.implementation": STABILITY}
        if self.original.unchanged:
            try:
                self._write(path, dtype, metadata)
            except (OSError, UserError):
                if self.original.unchanged:
                    raise
            if self.original.unchanged:
                return
        self._write_from_memory(path, dtype, metadata)
        self.remarks = (_base_changed(self.original.files.model.path, path),)

    def _write(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        trained = self._trained()
        if path.suffix in SINGLE_FILES:
            SINGLE_FILES[path.suffix](path, self.original.single_file(trained, dtype), metadata)
        else:
            self.original.write_folder(path, trained, dtype, metadata)

    def _write_from_memory(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        family = self.family
        stored = {
            part: {name: replace(self._now(part, name, one), dtype=dtype) for name, one in module.state_dict().items()}
            for part, module in family.modules.items()
        }
        if path.suffix in SINGLE_FILES:
            tensors = single_file(self.original.parts, stored, family.spare, dtype)
            SINGLE_FILES[path.suffix](path, tensors, metadata)
            return
        with write_result(path, clear=remove_written) as temporary:
            plain = {part: plain_names(part, its) for part, its in stored.items()}
            fill_folder(temporary, path, self.original.opened, plain)
            write_notes(temporary, metadata)

    def _trained(self) -> dict[str, dict[str, Stored]]:
        trained: dict[str, dict[str, Stored]] = {}
        for one in self.weights:
            trained.setdefault(one.part, {})[one.name] = self._now(one.part, one.name, one.parameter)
        return trained

    def _now(self, part: str, name: str, tensor: Tensor) -> Stored:
        """A tensor of the model as it is now; what is shared out is put together when it is read."""
        shared = self.shares is not None and part in self.family.shared_out
        read = partial(self.shares.whole, part, name) if self.shares and shared else partial(_read, tensor)
        return Stored(tuple(tensor.shape), read, tensor.dtype)


def _read(tensor: Tensor) -> Tensor:
    return tensor.detach().cpu()


def _base_changed(base: Path, path: Path) -> Problem:
    return problem(
        "base_changed_meanwhile",
        "{base} has changed or is gone since the training began. {file} has therefore been written from memory: it is "
        "complete, but what was not trained is rounded to the same number format, and tensors that no part of the "
        "model uses are missing.",
        base=str(base), file=str(path),
    )
