"""Tokens of a caption, and the words beyond the limit."""

from __future__ import annotations

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from train_core.config.places import app_dir
from train_core.facts.captions.token_count import TokenFit, fit_tokens
from train_core.facts.prompts.tokenizer import clip_ids, clip_tokenizer

WORDS = st.lists(st.sampled_from(["red", "hair", "zuko", "，", "é", "🙂", "standing", ",", "1girl"]), max_size=30)


@given(WORDS, st.integers(1, 40))
def test_tokens_are_counted_as_the_text_encoder_gets_them(words, limit):
    text = " ".join(words)
    fit = fit_tokens(text, limit)
    assert fit.count == len(clip_ids(clip_tokenizer(), text))
    assert bool(fit.lost.strip(" ,")) <= (fit.count > limit)


def test_what_is_lost_begins_with_the_tag_that_is_cut_through():
    assert fit_tokens("red hair, blue eyes, a long coat", 4) == TokenFit(9, "blue eyes, a long coat")
    assert fit_tokens("red hair", 2) == TokenFit(2)


def test_in_a_long_sentence_it_begins_with_the_word():
    sentence = "it is a very long walk " * 6
    assert fit_tokens(f"start, {sentence}", 20).lost.startswith(("it ", "is ", "a ", "very ", "long ", "walk "))


def test_weights_are_no_tokens():
    plain = clip_ids(clip_tokenizer(), "red hair, smile")
    assert fit_tokens("(red hair:1.3), [smile]", 75, weighted=True).count == len(plain)
    assert fit_tokens("(a b:1.3) (c d:1.2) (e f:1.1)", 3, weighted=True).lost == "d e f"


def test_counting_needs_no_torch():
    code = (
        "import sys\nfrom train_core.facts.captions.token_count import fit_tokens\n"
        "fit_tokens('a, b', 75)\nsys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=app_dir(), check=False).returncode == 0
