"""Long captions are cut into pieces of 75 tokens, and their hidden states joined without the inner begins and ends."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.prompts.tokenizer import BOS, EOS, clip_tokenizer
from train_core.models.text.clip_text import join, pieces_needed, tokenise, wrap

TOKENIZER = clip_tokenizer()


@given(ids=st.lists(st.integers(0, 49405), max_size=260), pieces=st.integers(1, 3))
def test_wrapped_pieces_hold_the_caption_in_order_and_pad_with_the_end_token(ids, pieces):
    rows = wrap(ids, pieces)
    assert [len(row) for row in rows] == [77] * pieces
    assert all(row[0] == BOS and row[-1] == EOS for row in rows)
    inner = [number for row in rows for number in row[1:-1]]
    kept = ids[: 75 * pieces]
    assert inner == kept + [EOS] * (75 * pieces - len(kept))


@given(length=st.integers(0, 400))
def test_as_many_pieces_as_the_caption_fills(length):
    pieces = pieces_needed(length)
    assert pieces >= 1
    assert 75 * (pieces - 1) < max(length, 1) <= 75 * pieces


def test_joined_states_are_the_first_begin_all_inner_ones_and_the_last_end():
    hidden = torch.arange(2 * 3 * 77, dtype=torch.float32).reshape(2, 3, 77, 1)
    joined = join(hidden)
    assert joined.shape == (2, 227, 1)
    assert joined[0, 0, 0] == 0
    assert joined[0, 1:-1, 0].tolist() == [*range(1, 76), *range(78, 153), *range(155, 230)]
    assert joined[1, -1, 0] == 2 * 3 * 77 - 1


def test_one_piece_stays_as_it_is():
    hidden = torch.randn(2, 1, 77, 4)
    assert torch.equal(join(hidden), hidden[:, 0])


def test_every_token_carries_the_weight_of_its_text():
    tokens = tokenise(TOKENIZER, [("a dog", 1.0), ("astronomer telescope", 1.5)])
    assert tokens.ids == TOKENIZER.encode("a dog").ids + TOKENIZER.encode("astronomer telescope").ids
    assert tokens.weights == [1.0, 1.0, 1.5, 1.5]


def test_extra_words_become_their_numbers_only_where_they_stand_alone():
    extra = {"zk": [50000], "zk-two": [50001, 50002]}
    plain = TOKENIZER.encode("zkx").ids
    assert tokenise(TOKENIZER, [("zk", 1.0)], extra).ids == [50000]
    assert tokenise(TOKENIZER, [("zk-two zk", 1.0)], extra).ids == [50001, 50002, 50000]
    assert tokenise(TOKENIZER, [("zkx", 1.0)], extra).ids == plain
