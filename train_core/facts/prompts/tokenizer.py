"""CLIP's tokenizer, built from the merges that ship here (Radford et al., 2021), and the cleaning of texts for it."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, normalizers, pre_tokenizers
from tokenizers.models import BPE

MERGES = Path(__file__).with_name("clip_bpe_merges.txt.gz")
BOS, EOS = 49406, 49407
WORDS = r"""<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"""
MARKS = re.compile(r"(<\|startoftext\|>|<\|endoftext\|>)")


def clip_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """CLIP's token numbers of any `text`, without begin, end and padding.

    They are those of transformers' CLIPTokenizer with ftfy, on which sd-scripts trains.
    """
    return tokenizer.encode(cleaned(text), add_special_tokens=False).ids


def cleaned(text: str) -> str:
    """`text` as the tokenizer reads it; the marks of begin and end in it stay."""
    return "".join(part if MARKS.fullmatch(part) else clean(part) for part in MARKS.split(text))


def clean(text: str) -> str:
    """`text` as CLIP was trained to read it: mended by ftfy, each run of blanks one blank, in small letters."""
    from ftfy import fix_text  # noqa: PLC0415

    return re.sub(r"\s+", " ", fix_text(text)).strip().lower()


def cleaning() -> str:
    """Name and version of what cleans texts: other versions may give other tokens."""
    return f"ftfy {version('ftfy')}"


def clip_tokenizer() -> Tokenizer:
    """A tokenizer whose `encode(text).ids` are CLIP's for a text that is clean."""
    lines = gzip.decompress(MERGES.read_bytes()).decode("utf-8").splitlines()
    merges = [(first, second) for first, _, second in (line.partition(" ") for line in lines)]
    symbols = list(_byte_symbols())
    words = [*symbols, *(symbol + "</w>" for symbol in symbols), *("".join(pair) for pair in merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {word: index for index, word in enumerate(words)}
    tokenizer = Tokenizer(
        BPE(vocabulary, merges, continuing_subword_prefix="", end_of_word_suffix="</w>", unk_token="<|endoftext|>")
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(WORDS), "removed", invert=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.add_special_tokens([AddedToken("<|startoftext|>"), AddedToken("<|endoftext|>")])
    return tokenizer


def _byte_symbols() -> Iterator[str]:
    """The 256 characters that stand for bytes, in the vocabulary's order: printable ones for themselves come first."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    yield from map(chr, printable)
    yield from (chr(256 + index) for index in range(256 - len(printable)))
