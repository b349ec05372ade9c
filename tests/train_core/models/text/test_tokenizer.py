"""The tokenizer is CLIP's, number for number, without any file but the merges that ship here."""

from __future__ import annotations

import gzip
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers.models.clip.tokenization_clip import CLIPTokenizer

from train_core.models.text.tokenizer import BOS, EOS, MERGES, clip_tokenizer

KNOWN = "a medieval astronomer using a telescope with a cosmic starry sky in the background.sketch"
KNOWN_IDS = [320, 10789, 40036, 1996, 320, 19037, 593, 320, 18304, 30963, 2390, 530, 518, 5994, 269, 5269]
MERGES_SHA256 = "d308b7377a8ceaa9707a21614fe8c831b9196e197b7aeb69833359362907af02"


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


def test_the_vocabulary_ends_with_begin_and_end(ours):
    assert ours.get_vocab_size() == 49408
    assert (ours.token_to_id("<|startoftext|>"), ours.token_to_id("<|endoftext|>")) == (BOS, EOS)


@given(text=st.one_of(st.text(), st.text("aB 'stré\u0301中\n1_!<|endoftext>😀\t,", max_size=40)))
def test_any_text_gets_the_numbers_that_transformers_gives_it(ours, theirs, text):
    assert [BOS, *ours.encode(text).ids, EOS] == theirs(text)["input_ids"]
