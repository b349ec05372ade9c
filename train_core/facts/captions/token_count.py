"""How many of a caption's tokens the text encoder reads, and the words that fall off."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from tokenizers import Tokenizer

from train_core.facts.prompts.attention_syntax import parse_weighted
from train_core.facts.prompts.tokenizer import cleaned, clip_ids, clip_tokenizer

FURTHEST = 60  # letters back to the comma before the first word that falls off


@dataclass(frozen=True)
class TokenFit:
    """The number of a caption's tokens, and `lost`, what of the caption lies beyond the limit, "" if it all fits."""

    count: int
    lost: str = ""


@cache
def _tokenizer() -> Tokenizer:
    return clip_tokenizer()


def tokens_of(text: str) -> list[int]:
    """The numbers of the tokens of `text`."""
    return clip_ids(_tokenizer(), text)


def fit_tokens(text: str, limit: int, weighted: bool = False) -> TokenFit:
    """How `text` fits into `limit` tokens. `weighted` texts have A1111's weights, whose brackets and numbers are none.

    A tag that is cut through is lost as a whole.
    """
    pieces = [cleaned(piece) for piece, _ in parse_weighted(text)] if weighted else [cleaned(text)]
    found = [_tokenizer().encode(piece, add_special_tokens=False) for piece in pieces]
    count = sum(len(one.ids) for one in found)
    if count <= limit:
        return TokenFit(count)
    before = 0
    for place, one in enumerate(found):
        if before + len(one.ids) > limit:
            start = _start_of_tag(pieces[place], one.offsets[limit - before][0])
            lost = " ".join(filter(None, [pieces[place][start:], *pieces[place + 1 :]]))
            return TokenFit(count, lost.strip(" ,"))
        before += len(one.ids)
    raise AssertionError("the tokens of all pieces are more than the limit")  # by `count`


def _start_of_tag(text: str, place: int) -> int:
    """The start of the tag that the letter at `place` belongs to; in long sentences that of the word."""
    comma = text.rfind(",", 0, place)
    if comma >= 0 and place - comma <= FURTHEST:
        return comma + 1
    return text.rfind(" ", 0, place) + 1
