"""What stands with an image while new words are learnt: its caption with the words in it, or a sentence about them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from train_core.config.problems import UserError, cause_of, problem
from train_core.config.sections.embedding import EmbeddingSettings
from train_core.config.syntax.new_words import new_words

NAME, CAPTION = "[name]", "[filewords]"
OBJECT = tuple(
    f"{before}{NAME}{after}" for before, after in (
        ("a photo of ", ""), ("a picture of ", ""), ("a close-up of ", ""), ("a sharp photo of ", ""),
        ("a blurry photo of ", ""), ("a bright picture of ", ""), ("a dim picture of ", ""), ("one ", ", nothing else"),
        ("", " seen from the front"), ("", " seen from the side"), ("", " in the middle of the picture"),
        ("", " in daylight"), ("", " at night"), ("a small picture of ", ""), ("a large picture of ", ""),
        ("an image that shows ", ""), ("a well lit photo of ", ""), ("a drawing of ", ""), ("a snapshot of ", ""),
        ("a detailed picture of ", ""), ("a plain view of ", ""), ("somebody's photo of ", ""), ("this is ", ""),
        ("here you see ", ""),
    )
)  # fmt: skip
STYLE = tuple(
    f"{before}{NAME}{after}" for before, after in (
        ("a painting in the manner of ", ""), ("a picture in the style of ", ""), ("artwork by ", ""),
        ("a drawing in the style of ", ""), ("an illustration that looks like ", ""), ("a scene, ", " style"),
        ("a landscape in the style of ", ""), ("a portrait in the style of ", ""), ("a still life, ", " style"),
        ("a detailed picture, drawn like ", ""), ("a simple picture, drawn like ", ""), ("colours and lines of ", ""),
        ("a dark picture in the style of ", ""), ("a bright picture in the style of ", ""), ("", ", artwork"),
        ("the look of ", ""), ("a study in the manner of ", ""), ("a crop of a picture in the style of ", ""),
        ("something made by ", ""), ("a large painting in the style of ", ""),
    )
)  # fmt: skip
LARGEST = 1 << 20  # bytes of a file of sentences


@dataclass(frozen=True)
class Wording:
    """Puts `words` into captions, or captions into `sentences`.

    A caption that names some of the words is about those; one that names none is about all of them.
    """

    words: tuple[str, ...]
    sentences: tuple[str, ...] = ()

    def __call__(self, caption: str, rng: Random) -> str:
        """The text that is trained for a drawn `caption`; a caption that was dropped leaves the words alone."""
        named = [word for word in self.words if is_named(word, caption)]
        name = " ".join(named or self.words)
        if self.sentences:
            sentence = rng.choice(self.sentences)
            return sentence.replace(CAPTION, caption).replace(NAME, name).strip(" ,")
        if named:
            return caption
        return f"{name}, {caption}" if caption.strip() else name


def is_named(word: str, text: str) -> bool:
    """Whether `word` stands in `text` for itself, in whatever letters, as the text encoder finds it."""
    return re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text, re.IGNORECASE) is not None


def wording_of(settings: EmbeddingSettings) -> Wording:
    """The wording that the settings ask for. Raises `UserError` for words or a file that cannot be used."""
    words = tuple(one.word for one in new_words(settings))
    return Wording(words, _sentences(settings))


def _sentences(settings: EmbeddingSettings) -> tuple[str, ...]:
    if settings.caption_template == "file":
        return read_sentences(settings.template_file)
    return {"captions": (), "object": OBJECT, "style": STYLE}[settings.caption_template]


def read_sentences(file: str) -> tuple[str, ...]:
    """The sentences in a text file; lines without text and those that begin with # are none.

    Raises `UserError` where there is no such file, or a sentence does not say where the word goes.
    """
    if not file.strip():
        raise UserError(
            problem("no_template_file", "template_file is empty. Choose a text file with one sentence per line.")
        )
    path = Path(file.strip())
    lines = [line.strip() for line in _text_of(path).splitlines()]
    sentences = tuple(
        line.replace("{filewords}", CAPTION).replace("{}", NAME).replace("{name}", NAME)
        for line in lines if line and not line.startswith("#")
    )  # fmt: skip
    _require_names(sentences, path)
    return sentences


def _text_of(path: Path) -> str:
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
        if len(raw) > LARGEST:
            raise ValueError("more than 1 MB")
        return raw.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise UserError(
            problem(
                "template_file_unreadable",
                "template_file = {file} cannot be read as UTF-8 text ({reason}). Choose a text file with one sentence "
                "per line.",
                file=str(path), reason=cause_of(error) if isinstance(error, OSError) else str(error),
            )
        ) from error


def _require_names(sentences: Sequence[str], path: Path) -> None:
    nameless = next((sentence for sentence in sentences if NAME not in sentence), None)
    if sentences and nameless is None:
        return
    raise UserError(
        problem(
            "template_without_name",
            "template_file = {file}: {sentence} does not say where the new word goes. Put [name] into every line.",
            file=str(path), sentence=repr(nameless or ""),
        )
    )
