"""New words and the captions around them, seen by the tokenizer: words that are none, and captions that are cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random

from train_core.config.problems import Problem, problem
from train_core.config.syntax.new_words import NewWord
from train_core.facts.captions.token_count import fit_tokens, tokens_of
from train_core.facts.captions.wording import Wording


def word_problems(words: Sequence[NewWord]) -> list[Problem]:
    """Why these cannot be new words, and what they cannot start from."""
    return [found for word in words for found in (*_unusable(word), *_no_start(word))]


def start_oddities(words: Sequence[NewWord]) -> list[Problem]:
    """Warnings for starts that have more tokens than their word has vectors."""
    return [
        problem(
            "init_word_longer",
            "init_word = {start} has {tokens} tokens, but {word} has {count} vectors; only the first ones are used. "
            "Give it more vectors, or shorten the start.",
            start=word.start, tokens=tokens, word=word.word, count=word.vectors,
        )
        for word in words
        if not word.file and word.start and (tokens := len(tokens_of(word.start))) > word.vectors
    ]


def cut_captions(captions: Iterable[str], words: Sequence[NewWord], wording: Wording, limit: int) -> list[Problem]:
    """A warning where some of `captions`, with the words in them, have more tokens than are read."""
    longest, count = 0, 0
    for caption in captions:
        size = trained_size(wording(caption, Random(0)), words)
        longest, count = max(longest, size), count + (size > limit)
    if not count:
        return []
    return [
        problem(
            "captions_cut_by_words",
            "{count} captions are longer than the {limit} tokens that are read, up to {longest} tokens with the new "
            "word's vectors; what is beyond is lost. Shorten them, use fewer vectors, or raise max_token_length.",
            count=count, limit=limit, longest=longest,
        )
    ]


def trained_size(text: str, words: Sequence[NewWord]) -> int:
    """How many tokens `text` takes, each new word counting as many as it has vectors."""
    size = 0
    for word in sorted(words, key=lambda one: len(one.word), reverse=True):
        parts = re.split(rf"(?<!\w){re.escape(word.word)}(?!\w)", text, flags=re.IGNORECASE)
        size += word.vectors * (len(parts) - 1)
        text = " ".join(parts)
    return size + fit_tokens(text, 1 << 30).count


def _unusable(word: NewWord) -> list[Problem]:
    tokens = tokens_of(word.word)
    if not tokens:
        return [
            problem(
                "new_word_of_nothing",
                "token_string: {word} is nothing to the text encoder. Use letters, digits, - and _.",
                word=repr(word.word),
            )
        ]
    if len(tokens) > 1:
        return []
    return [
        problem(
            "new_word_known",
            "token_string: the model knows the word {word} already, so captions and prompts that mean the known one "
            "would mean the new one, and diffusers refuses it. Choose one that it does not know, such as {other}.",
            word=word.word, other=f"{word.word}-1",
        )
    ]


def _no_start(word: NewWord) -> list[Problem]:
    if not word.start or tokens_of(word.start):
        return []
    return [
        problem(
            "init_word_of_nothing",
            "init_word = {start} is nothing to the text encoder. Write a known word, or leave it empty.",
            start=repr(word.start),
        )
    ]
