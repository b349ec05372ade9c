"""A part of a base model: its names in files, and its module made to measure and filled without an initialisation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from train_core.config.phrases import joined, phrase
from train_core.config.problems import UserError, problem
from train_core.models.files.stored import Stored

Shapes = Mapping[str, tuple[int, ...]]


def _nothing(stored: Mapping[str, Stored]) -> dict[str, Stored]:
    return {}


@dataclass(frozen=True)
class Part:
    """One network of a base model, called `title` in messages; `prefix` begins its names in a whole checkpoint.

    `read` gives stored tensors the names and shapes of the module, whichever software named them, and leaves out what
    the module lacks. `write` gives a module's tensors those of the original layout. `measure` finds the
    module's config by the tensors' shapes; `build` makes the module of a config. `spare` picks what the module lacks
    but a file should keep: it is written back as it was.
    """

    title: str
    prefix: str
    read: Callable[[Mapping[str, Stored]], dict[str, Stored]]
    write: Callable[[Mapping[str, Stored]], dict[str, Stored]]
    measure: Callable[[Shapes], dict[str, Any]]
    build: Callable[[Mapping[str, Any]], nn.Module]
    spare: Callable[[Mapping[str, Stored]], dict[str, Stored]] = _nothing

    @property
    def shortest_prefix(self) -> str:
        """`prefix` without the step `text_model`, which some files lack."""
        return self.prefix.removesuffix("text_model.")


def build_part(
    part: Part, stored: Mapping[str, Stored], source: Path, config: Mapping[str, Any] | None = None
) -> nn.Module:
    """The module of `part` on the meta device, measured by `stored`'s shapes or by its diffusers `config` where given.

    Raises UserError naming the missing, unknown and misshapen weights of `source`.
    """
    shapes = {name: tensor.shape for name, tensor in stored.items()}
    try:
        with torch.device("meta"):
            module = part.build(config or part.measure(shapes))
    except KeyError as error:
        raise _unfit(source, part, f"{error.args[0]} is missing") from error
    _require_same(shapes, {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}, source, part)
    return module


def fill(module: nn.Module, stored: Mapping[str, Stored], device: torch.device | str, dtype: torch.dtype) -> None:
    """Give a module from `build_part` its weights, frozen, on `device` in `dtype`."""
    state = {name: tensor.read().to(device, dtype) for name, tensor in stored.items()}
    module.load_state_dict(state, assign=True)
    for owner in module.modules():
        positions = dict(owner.named_buffers(recurse=False)).get("position_ids")
        if positions is not None:  # 0, 1, 2, ... needs no place in a file
            owner.position_ids = torch.arange(positions.shape[-1], device=device)[None]
    module.eval().requires_grad_(False)


def norm_groups(widths: Sequence[int]) -> int:
    """The groups of every group norm: Stable Diffusion's 32, fewer in narrow models so that each has four channels.

    A norm of single channels would take the flat colours out of a picture. Shapes do not tell the number of groups.
    """
    return min(32, min(widths) // 4)


def _require_same(found: Shapes, expected: Shapes, source: Path, part: Part) -> None:
    """Raise one UserError that counts and exemplifies what is missing, unknown or of another shape."""
    complaints = []
    if names := expected.keys() - found.keys():
        complaints.append(
            phrase("weights_missing", "{count} missing, for example {example}", count=len(names), example=min(names))
        )
    if names := found.keys() - expected.keys():
        complaints.append(
            phrase("weights_unknown", "{count} unknown, for example {example}", count=len(names), example=min(names))
        )
    if names := {name for name in expected.keys() & found.keys() if expected[name] != found[name]}:
        complaints.append(
            phrase(
                "weights_of_another_shape", "{count} of another shape, for example {example}",
                count=len(names), example=min(names),
            )
        )
    if complaints:
        raise _unfit(source, part, joined("semicolon", complaints))


def _unfit(source: Path, part: Part, found: str) -> UserError:
    return UserError(
        problem(
            "model_weights_unfit",
            "{file}: the {part}'s weights do not match a Stable Diffusion model ({found}). The file may be damaged or "
            "of another kind; use another copy of the model.",
            file=str(source),
            part=part.title,
            found=found,
        )
    )
