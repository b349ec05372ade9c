"""The new words that settings ask for: each with its number of vectors, what it starts as, and its file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TypeVar

from train_core.config.problems import UserError, problem
from train_core.config.sections.embedding import EmbeddingSettings

T = TypeVar("T")
# Signs that mean something in prompts or captions.
SIGNS = re.compile(r"[\s()\[\]{}:|\\]")
MOST_VECTORS = 75  # as many tokens as a text encoder reads at once


@dataclass(frozen=True)
class NewWord:
    """A word with `vectors` vectors, which start as those of the text `start`, or as noise, or as in `file`."""

    word: str
    vectors: int
    start: str = ""
    file: str = ""


def new_words(settings: EmbeddingSettings) -> tuple[NewWord, ...]:
    """The words in their order. Raises `UserError` where there are none, and where numbers or starts do not match."""
    words = _parts(settings.token_string)
    if not words:
        raise UserError(
            problem(
                "no_new_word",
                "token_string is empty. Enter the new word that is to be trained, such as zuko-fox.",
                name="token_string",
            )
        )
    for word in words:
        _require_word(word, words)
    counts = _one_for_each([int(part) for part in settings.num_vectors_per_token.split(",")], words)
    starts = _one_for_each(_parts(settings.init_word) or [""], words)
    if counts is None or starts is None:
        name = "num_vectors_per_token" if counts is None else "init_word"
        raise UserError(
            problem(
                "new_words_differ",
                "{name} = {value} does not match the {count} words of token_string. Give one for all of them, or one "
                "for each, between commas.",
                name=name, value=getattr(settings, name), count=len(words),
            )
        )
    files = [path.strip() for path in settings.embedding_weights if path.strip()]
    if len(files) > len(words):
        raise UserError(
            problem(
                "more_embeddings_than_words",
                "embedding_weights lists {files} files, but token_string has {count} words. Add the missing words, or "
                "remove files.",
                files=len(files), count=len(words),
            )
        )
    _require_counts(counts)
    files += [""] * (len(words) - len(files))
    return tuple(map(NewWord, words, counts, starts, files))


def _require_word(word: str, words: list[str]) -> None:
    sign = SIGNS.search(word)
    if sign:
        raise UserError(
            problem(
                "new_word_sign",
                "token_string: {word} contains {sign}, which has a meaning of its own in prompts. Use letters, digits, "
                "- and _.",
                word=repr(word), sign=repr(sign.group()),
            )
        )
    if [other.lower() for other in words].count(word.lower()) > 1:
        raise UserError(
            problem("new_word_twice", "token_string names {word} twice. Each new word needs its own name.", word=word)
        )


def _require_counts(counts: list[int]) -> None:
    for count in counts:
        if not 1 <= count <= MOST_VECTORS:
            raise UserError(
                problem(
                    "vectors_out_of_bounds",
                    "num_vectors_per_token = {count}: a word has 1 to {most} vectors, since a text encoder reads "
                    "{most} tokens at once. 3 to 5 are usual.",
                    count=count, most=MOST_VECTORS,
                )
            )


def _parts(text: str) -> list[str]:
    return [part for part in map(str.strip, re.split("[,，、]", text)) if part]


def _one_for_each(given: list[T], words: list[str]) -> list[T] | None:
    """`given` with one item for each word; a single one is for all. None where their numbers differ."""
    return given * len(words) if len(given) == 1 else given if len(given) == len(words) else None
