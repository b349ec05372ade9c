"""The new words that textual inversion finds: their names, their size, what they start from, and their sentences."""

from __future__ import annotations

from typing import Any, Literal

from train_core.config.conditions import all_of, when
from train_core.config.sections.method import FOR_WORDS
from train_core.config.setting import Section, setting

CaptionTemplate = Literal["captions", "object", "style", "file"]
COUNTS = r"^\s*\d+(\s*,\s*\d+)*\s*$"


def vectors_per_word() -> Any:
    """The setting of how many vectors each new word has."""
    return setting(
        "4", "How many of the 75 tokens of a prompt the word takes. 1 or 2 hold an outline, 3 to 5 a clear likeness; 6 "
        "and more draw it by itself, and leave less to the rest of the prompt. 6 to 25 is the useful range, beyond 60 "
        "nothing is gained. For several words, one number for all or one for each, between commas.",
        label="Vectors per word", pattern=COUNTS,
    )


def start_of_word() -> Any:
    """The setting of the known words that new ones start from."""
    return setting(
        "", "What the word starts as: known words that come close, such as fox. Empty starts from noise that is like "
        "the words the model knows. For several words, one start for each, between commas.", label="Start from",
    )


def new_word(**declared: Any) -> Any:
    """The setting of the names of new words."""
    return setting(
        "", "The new word, as it will stand in prompts; choose one that means nothing yet, such as zuko-fox. Several "
        "words between commas are trained together, each into a file of its own.", label="New word", **declared,
    )


class EmbeddingSettings(Section, title="New words", applies_to=FOR_WORDS):
    token_string: str = new_word()
    num_vectors_per_token: str = vectors_per_word()
    init_word: str = start_of_word()
    embedding_weights: list[str] = setting(
        [], "Embedding files to continue, one per line in the order of the words; words without a file are new.",
        label="Continue embeddings", lines=2, path="embeddings",
    )
    caption_template: CaptionTemplate = setting(
        "captions", "What stands with each image: its caption, with the word put in front where it is missing; or a "
        "sentence for an object or for a style, another one each time; or the lines of a text file.",
        label="Sentences",
    )
    template_file: str = setting(
        "", "A text file with one sentence per line. [name] or {} stands for the word, [filewords] for the caption.",
        label="File of sentences", path="data",
        applies_to=all_of(FOR_WORDS, when("caption_template", "file")),
    )
    preserve_embedding_norm: bool = setting(
        False, "Keep the vectors as long as those of the words the model knows: the word mixes better with others, and "
        "learns more slowly.", label="Keep the vectors' length",
    )
    metadata_is_negative_embedding: bool = setting(
        False, "Note in the file that the word belongs into negative prompts.", label="For negative prompts",
        advanced=True,
    )
