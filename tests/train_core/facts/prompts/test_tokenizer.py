"""The tokenizer is CLIP's with the cleaning before it, number for number, and needs no file but its merges."""

from __future__ import annotations

import functools
import gzip
import hashlib
import itertools
import re
import subprocess
import sys
import unicodedata

import ftfy
import pytest
import regex
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from train_core.facts.prompts.tokenizer import BOS, EOS, MERGES, clip_ids, clip_tokenizer

KNOWN = "a medieval astronomer using a telescope with a cosmic starry sky in the background.sketch"
KNOWN_IDS = [320, 10789, 40036, 1996, 320, 19037, 593, 320, 18304, 30963, 2390, 530, 518, 5994, 269, 5269]
MERGES_SHA256 = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02"
ODD = "aB 'stré\u0301\u030c中\n1_!<|endoftext>😀\t,’“”，１Ａﬁ&amp;#ÃƒÂ©\ufeff\u3000\u200b\u2028İΣ\x1b\x85Ĳ…"
# What the tokenizer of sd-scripts gives (transformers 4.54 with ftfy 6.1.1), without begin and end.
PUBLISHED = {
    "dog’s “fur”": [1929, 568, 257, 9686, 257],
    "1girl，solo，long hair": [272, 1611, 267, 5797, 267, 1538, 2225],
    "ＬＯＵＤ　１２３": [7464, 272, 273, 274],
    "ﬁne ﬂow": [3797, 5608],
    "cats &amp;amp; dogs": [3989, 261, 3255],
    "<b> &amp; fish &amp chips": [283, 321, 285, 261, 6259, 282, 2759, 261, 6259, 8855],
    "schÃ¶n": [844, 7255, 333],
    "\ufeffa\ufeffb": [3937],
    "J\u030c e\u0301 Σ": [329, 136, 490, 4166, 139, 481],
    "<|endoftext|> &amp;": [49407, 261],
}


@pytest.fixture(scope="module")
def ours():
    return clip_tokenizer()


@pytest.fixture(scope="module")
def theirs(ours):
    lines = gzip.decompress(MERGES.read_bytes()).decode("utf-8").splitlines()
    return CLIPTokenizer(vocab=ours.get_vocab(), merges=[tuple(line.split(" ")) for line in lines])


def test_the_merges_are_the_published_ones():
    assert hashlib.sha256(gzip.decompress(MERGES.read_bytes())).hexdigest() == MERGES_SHA256


def test_the_known_case(ours):
    assert ours.encode(KNOWN).ids == KNOWN_IDS


@pytest.mark.parametrize("text", PUBLISHED)
def test_texts_are_cleaned_before_they_are_read(ours: Tokenizer, text: str) -> None:
    assert clip_ids(ours, text) == PUBLISHED[text]


@given(text=st.lists(st.sampled_from([*PUBLISHED, *ODD, "<|endoftext|>"]), max_size=12).map("".join))
def test_any_text_gets_the_numbers_that_published_code_gives_it(ours: Tokenizer, text: str) -> None:
    assert clip_ids(ours, text) == ids_by_the_published_code(ours.get_vocab(), text)


def ids_by_the_published_code(vocabulary: dict[str, int], text: str) -> list[int]:
    """CLIP's byte-pair encoding as its paper's code has it, after ftfy; special words are cut out beforehand."""
    word = regex.compile(r"'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+")
    ids = []
    for part in re.split(r"(<\|endoftext\|>)", text):
        if part == "<|endoftext|>":
            ids.append(EOS)
            continue
        cleaned = re.sub(r"\s+", " ", ftfy.fix_text(part)).strip().lower()
        ids += [vocabulary[symbol] for found in word.findall(cleaned) for symbol in merged(found)]
    return ids


@functools.cache
def merge_ranks() -> dict[tuple[str, ...], int]:
    lines = gzip.decompress(MERGES.read_bytes()).decode("utf-8").splitlines()
    return {tuple(line.split(" ")): rank for rank, line in enumerate(lines)}


def merged(word: str) -> list[str]:
    """The symbols of a word, of which the two that are merged first are joined until none can be."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    spare = iter(range(256, 512))
    names = {byte: chr(byte) if byte in kept else chr(next(spare)) for byte in range(256)}
    symbols = [names[byte] for byte in word.encode()]
    symbols[-1] += "</w>"
    ranks = merge_ranks()
    while pairs := [pair for pair in itertools.pairwise(symbols) if pair in ranks]:
        first = min(pairs, key=ranks.__getitem__)
        joined, at = [], 0
        while at < len(symbols):
            fits = tuple(symbols[at : at + 2]) == first
            joined.append("".join(first) if fits else symbols[at])
            at += 1 + fits
        symbols = joined
    return symbols


def test_ftfy_is_read_when_the_first_text_is(ours: Tokenizer) -> None:
    said = "import sys, train_core.models.text.clip_text; print('ftfy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", said], capture_output=True, check=True).stdout.strip() == b"False"


def test_the_vocabulary_ends_with_begin_and_end(ours):
    assert ours.get_vocab_size() == 49408
    assert (ours.token_to_id("<|startoftext|>"), ours.token_to_id("<|endoftext|>")) == (BOS, EOS)


@given(text=st.one_of(st.text(), st.text("aB 'stré\u0301中\n1_!<|endoftext>😀\t,", max_size=40)))
def test_any_text_gets_the_numbers_that_transformers_gives_it(ours, theirs, text):
    text = unicodedata.normalize("NFC", text)  # without ftfy it cleans no more than this
    assert [BOS, *ours.encode(text).ids, EOS] == theirs(text)["input_ids"]
