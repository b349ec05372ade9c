"""Readings of text encoders by base models: which layer's states, and of some a summary of the whole text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from train_core.facts.prompts.tokenizer import EOS
from train_core.models.text.clip_text import join, wrap


@dataclass(frozen=True)
class TextReading:
    """Reading of the text encoder `part`.

    `pad` fills a row up behind the end token. States come from the layer `layer` counted from the last, or an earlier
    one where clip skip asks for it, and pass the encoder's last norm if `final_norm`. `pooled` adds the projected state
    of the first end token.
    """

    part: str
    pad: int = EOS
    layer: int = 1
    final_norm: bool = True
    pooled: bool = False

    def layer_for(self, clip_skip: int) -> int:
        """The layer that is read, counted from the last; `clip_skip` goes deeper than the model's own, never back."""
        return max(self.layer, clip_skip)


@dataclass(frozen=True)
class TextStates:
    """`hidden` (B, 75 * pieces + 2, width), and `pooled` (B, projection) where the encoder gives one."""

    hidden: Tensor
    pooled: Tensor | None = None


def read_text(
    module: Any,
    reading: TextReading,
    rows: Sequence[Sequence[int]],
    pieces: int,
    clip_skip: int,
    extra_vectors: Sequence[Tensor] = (),
) -> TextStates:
    """The states of token `rows`, each in `pieces` of 75. Numbers beyond the vocabulary stand for `extra_vectors`.

    The summary is the first piece's, as a text's beginning says what it is about.
    """
    core = inner_encoder(module)
    table = core.get_input_embeddings().weight
    numbers = torch.tensor([wrap(row, pieces, reading.pad) for row in rows]).flatten(0, 1)
    read, overrides = numbers, {}
    if extra_vectors:
        read, overrides["embeddings.token_embedding.weight"] = _small_table(numbers, table, extra_vectors)
    ids, read = numbers.to(table.device), read.to(table.device)
    layer = reading.layer_for(clip_skip)
    inner = layer > 1 or not reading.final_norm
    out = torch.func.functional_call(core, overrides, (read,), {"output_hidden_states": inner})
    hidden = out.last_hidden_state
    if inner:
        hidden = out.hidden_states[-layer]
        hidden = core.final_layer_norm(hidden) if reading.final_norm else hidden
    hidden = join(hidden.unflatten(0, (len(rows), pieces)))
    if not reading.pooled:
        return TextStates(hidden)
    first = ids[::pieces]
    ends = (first == EOS).int().argmax(dim=1)  # the first of equal maxima
    summaries = out.last_hidden_state[::pieces][torch.arange(len(rows), device=ids.device), ends]
    return TextStates(hidden, module.text_projection(summaries))


def _small_table(numbers: Tensor, table: Tensor, extra_vectors: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """`numbers` (B, T) as places in a table of their vectors, and that table, which is small.

    So the gradient is one of these vectors, not one as large as all that the encoder knows.
    """
    used, places = numbers.unique(return_inverse=True)
    known = used[used < len(table)]
    extra = torch.cat([vectors.to(table) for vectors in extra_vectors])
    new = extra[(used[len(known) :] - len(table)).to(table.device)]
    return places, torch.cat([table[known.to(table.device)], new])


def inner_encoder(module: Any) -> Any:
    """The encoder itself, where `module` adds a projection to it."""
    return getattr(module, "text_model", module)


def weighted(hidden: Tensor, weights: Sequence[Sequence[float]]) -> Tensor:
    """States (B, T, width) times their tokens' `weights`, scaled so that each prompt keeps its mean, as A1111 does."""
    factors = torch.ones(hidden.shape[:2])
    for line, row in zip(factors, weights, strict=True):
        count = min(len(row), len(line) - 1)
        line[1 : 1 + count] = torch.tensor(row[:count])
    plain = hidden.float()
    return _with_mean_of(plain, plain * factors.to(hidden.device)[..., None]).to(hidden.dtype)


def _with_mean_of(plain: Tensor, weighted: Tensor) -> Tensor:
    """`weighted` (B, T, width) scaled so that each prompt's mean is that of `plain`.

    Means that are nothing beside the spread are left alone: their quotient would be chance.
    """
    old, new = plain.mean((1, 2), keepdim=True), weighted.mean((1, 2), keepdim=True)
    tells = torch.minimum(old.abs(), new.abs()) > 1e-4 * plain.std((1, 2), keepdim=True)
    return weighted * torch.where(tells, old / new, torch.ones_like(old))
