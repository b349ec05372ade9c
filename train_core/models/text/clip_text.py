"""Captions to CLIP's token numbers in pieces of 75, and the pieces' hidden states joined again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from tokenizers import Tokenizer
from torch import Tensor

from train_core.facts.prompts.tokenizer import BOS, EOS, clip_ids

PIECE = 75
FILL = -1  # stands where a piece ends before its 75 tokens


@dataclass(frozen=True)
class Tokens:
    """A caption's token numbers and their weights, without begin, end and padding."""

    ids: list[int]
    weights: list[float]


def tokenise(
    tokenizer: Tokenizer, pieces: Sequence[tuple[str, float]], extra: Mapping[str, Sequence[int]] | None = None
) -> Tokens:
    """The tokens of (text, weight) `pieces`, where each word that is a key of `extra` becomes those numbers."""
    ids: list[int] = []
    weights: list[float] = []
    for text, weight in pieces:
        found = _ids_of(tokenizer, text, extra or {})
        ids += found
        weights += [weight] * len(found)
    return Tokens(ids, weights)


def tokenise_sections(
    tokenizer: Tokenizer, sections: Sequence[Sequence[tuple[str, float]]], extra: Mapping[str, Sequence[int]]
) -> Tokens:
    """The tokens of `sections`, each of which begins a piece of its own; see `tokenise`."""
    found = [tokenise(tokenizer, section, extra) for section in sections]
    for tokens in found[:-1]:
        missing = pieces_needed(len(tokens.ids)) * PIECE - len(tokens.ids)
        tokens.ids.extend([FILL] * missing)
        tokens.weights.extend([1.0] * missing)
    return Tokens([id for tokens in found for id in tokens.ids], [one for tokens in found for one in tokens.weights])


def _ids_of(tokenizer: Tokenizer, text: str, extra: Mapping[str, Sequence[int]]) -> list[int]:
    if not extra:
        return clip_ids(tokenizer, text)
    longest_first = sorted(extra, key=len, reverse=True)
    either = "|".join(f"({re.escape(word)})" for word in longest_first)
    ids: list[int] = []
    end = 0
    for found in re.finditer(rf"(?<!\w)(?:{either})(?!\w)", text, re.IGNORECASE):  # as the tokenizer, in any letters
        ids += clip_ids(tokenizer, text[end : found.start()])
        ids += extra[longest_first[(found.lastindex or 1) - 1]]
        end = found.end()
    ids += clip_ids(tokenizer, text[end:])
    return ids


def pieces_needed(length: int) -> int:
    """Number of pieces that hold `length` tokens; at least one."""
    return max(1, -(-length // PIECE))


def wrap(ids: Sequence[int], pieces: int, pad: int = EOS) -> list[list[int]]:
    """`ids` cut or padded to `pieces` rows of 77: begin, up to 75 tokens, end, and `pad` for the rest.

    So every piece holds its own end, also one without text; where `pad` is the end token, as in SD 1.x, that shows not.
    """
    cut = [ids[start : start + PIECE] for start in range(0, pieces * PIECE, PIECE)]
    rows = [[id for id in piece if id != FILL] for piece in cut]
    return [[BOS, *row, EOS, *[pad] * (PIECE - len(row))] for row in rows]


def join(hidden: Tensor) -> Tensor:
    """(B, pieces, 77, width) -> (B, 75 * pieces + 2, width): the first begin, all inner states, the last end."""
    inner = hidden[:, :, 1:-1].flatten(1, 2)
    return torch.cat([hidden[:, 0, :1], inner, hidden[:, -1, -1:]], dim=1)
