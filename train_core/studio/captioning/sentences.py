"""Sentences that captioners say: kept in the dataset as lines of `captions.jsonl`, cleaned, and put into captions."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from train_core.studio.captioning.model_folders import CaptionModel
from train_core.studio.captions import tags_of
from train_core.studio.kept_lines import Kept, Line
from train_core.studio.tagging.choosing import Existing, combined

FILE = "captions.jsonl"
LONGEST = 4000  # letters of one sentence that are taken
NOT_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]+")
BRACKETS = re.compile(r"(?<!\\)([()])")


@dataclass(frozen=True)
class Asking:
    """What decides what a captioner says of a picture, besides the model."""

    prompt: str
    beams: int
    least: int  # new tokens
    most: int

    @property
    def digest(self) -> str:
        return hashlib.blake2b(json.dumps(asdict(self)).encode(), digest_size=20).hexdigest()


class KeptSentences(Kept[str]):
    """What one captioner said, asked in one way, of pictures of a dataset."""

    def __init__(self, folder: Path, model: CaptionModel, asking: Asking) -> None:
        """Read what is there. Raises UserError for a file that cannot be read."""
        about = {"captioner": model.name, "prompt": asking.prompt}
        super().__init__(folder / FILE, {"model": model.digest, "settings": asking.digest}, about)

    def read(self, line: Line) -> str | None:
        """The sentence in a line."""
        return sentence_in(line)

    def written(self, said: str) -> Line:
        """The sentence."""
        return {"text": said}


def sentence_in(line: Line) -> str | None:
    """The sentence in a line of the file, None if it has none."""
    text = line.get("text")
    return cleaned(text) if isinstance(text, str) else None


def cleaned(text: str) -> str:
    """What a model said as one line of text; may be empty."""
    return " ".join(NOT_TEXT.sub(" ", text[:LONGEST]).split())


def escaped(text: str) -> str:
    """A sentence with its brackets as prompts write them."""
    return BRACKETS.sub(r"\\\1", text)


def with_sentence(
    text: str, sentence: str, existing: Existing, trigger: Sequence[str] = (), behind: str = ""
) -> str:
    """The caption that a picture gets which has the caption `text` now, as `combined` does it with tags.

    A sentence that is there already is not doubled. `behind` are tags that follow the sentence; its full stop goes
    where something follows it.
    """
    if not sentence:
        return text
    added = tags_of(behind)
    followed = added or (existing == "prepend" and text.strip())
    body = ", ".join([sentence.rstrip(". ") if followed else sentence, *added])
    if not {*trigger}.isdisjoint(tags_of(body)):  # the trigger stands in front and not within
        body = ", ".join(part for part in tags_of(body) if part not in trigger)
    if not text.strip() or existing == "replace":
        return combined(text, [body] if body else [], existing, trigger)
    return "\n".join(
        combined(line, [] if _holds(line, body) else [body], existing, trigger) if line.strip() else line
        for line in text.split("\n")
    )


def _holds(line: str, body: str) -> bool:
    """Whether the parts of `body` stand one after the other in a line, whatever full stops they end in."""
    parts, wanted = ([part.rstrip(". ") for part in tags_of(text)] for text in (line, body))
    return any(parts[start : start + len(wanted)] == wanted for start in range(len(parts) - len(wanted) + 1))
