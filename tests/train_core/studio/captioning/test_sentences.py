"""Sentences of captioners: one line of text whatever a model says, and added once whatever stands there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.captioning.sentences import Asking, cleaned, escaped, with_sentence
from train_core.studio.captions import checked

WORDS = st.text(alphabet="ab ,.，\n()", max_size=12)


@given(st.text(max_size=50))
def test_what_a_model_says_becomes_one_line_that_a_file_can_hold(said: str) -> None:
    text = cleaned(said)
    assert text == cleaned(text) == checked(text)
    assert len(text.splitlines()) <= 1
    text.encode()


@given(WORDS, WORDS, st.sampled_from(["append", "prepend", "replace", "keep"]), st.sampled_from(["", "b", "a, n"]),
       st.sampled_from(["", "z", "b, z"]))  # fmt: skip
def test_a_sentence_comes_into_a_caption_once(text: str, said: str, existing: str, trigger: str, behind: str) -> None:
    sentence, words = cleaned(said), [word for word in trigger.split(", ") if word]
    once = with_sentence(text, sentence, existing, words, behind)  # type: ignore[arg-type]
    assert with_sentence(once, sentence, existing, words, behind) == once  # type: ignore[arg-type]
    assert len(once.split("\n")) == len(text.split("\n")) or existing == "replace" or not text.strip()


@pytest.mark.parametrize(("text", "expected"), [
    ("A foxglove", "A foxglove, A fox."), ("hat, A fox", "hat, A fox"), ("A fox., hat", "A fox., hat"), ("", "A fox."),
])  # fmt: skip
def test_a_sentence_is_known_again_as_a_whole(text: str, expected: str) -> None:
    assert with_sentence(text, "A fox.", "append") == expected


def test_brackets_are_escaped_once() -> None:
    assert escaped(r"a (b) \(c\)") == r"a \(b\) \(c\)"


def test_settings_that_matter_have_digests_of_their_own() -> None:
    askings = [Asking("", 1, 5, 75), Asking("a", 1, 5, 75), Asking("", 2, 5, 75), Asking("", 1, 6, 75)]
    assert len({one.digest for one in askings}) == len(askings)
    assert Asking("", 1, 5, 75).digest == askings[0].digest
