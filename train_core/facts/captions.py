"""Caption files: reading them, and what one draw of an image makes of its caption."""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from pathlib import Path
from random import Random

from train_core.config.problems import UserError, problem
from train_core.config.sections.captions import CaptionSettings

_UNICODE_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)


@dataclass(frozen=True)
class CaptionRules:
    """The settings that decide what a draw does with a caption."""

    shuffle: bool = False
    keep_tokens: int = 0
    separator: str = ","
    dropout_rate: float = 0.0
    dropout_every_n_epochs: int = 0


def caption_rules(captions: CaptionSettings) -> CaptionRules:
    """The caption rules that `captions` asks for."""
    return CaptionRules(
        shuffle=captions.shuffle_caption,
        keep_tokens=captions.keep_tokens,
        separator=captions.caption_separator,
        dropout_rate=captions.caption_dropout_rate,
        dropout_every_n_epochs=captions.caption_dropout_every_n_epochs,
    )


def read_caption(path: Path) -> str:
    r"""The first line of `path` that is not blank, with `\(` and `\)` read as plain brackets; "" for an empty file.

    Raises UserError, naming the encoding that the file seems to have, when it is not UTF-8.
    """
    lines = caption_lines(path)
    return lines[0].replace(r"\(", "(").replace(r"\)", ")") if lines else ""


def caption_lines(path: Path) -> list[str]:
    """The lines of `path` that are not blank, trimmed. Raises UserError as `read_caption` does."""
    data = path.read_bytes()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(path, data) from error
    if "\0" in text:
        raise _not_utf8(path, data)
    return [line.strip() for line in text.splitlines() if line.strip()]


def draw_caption(caption: str, rules: CaptionRules, rng: Random, epoch: int) -> str:
    """The caption as one draw of its image uses it: left out, shuffled, or as it is.

    `epoch` counts from 0; every n-th epoch of the run (the n-th, the 2n-th, …) goes without captions. Shuffled tags are
    joined by a comma and a space whatever separated them, as kohya's trainer does.
    """
    every = rules.dropout_every_n_epochs
    if rng.random() < rules.dropout_rate or (every and (epoch + 1) % every == 0):
        return ""
    if not rules.shuffle:
        return caption
    tags = [tag.strip() for tag in caption.split(rules.separator)]
    fixed, free = tags[: rules.keep_tokens], tags[rules.keep_tokens :]
    rng.shuffle(free)
    return ", ".join(tag for tag in fixed + free if tag)


def likely_encoding(data: bytes) -> str:
    """The encoding that bytes which are not UTF-8 most likely have, by a name people know."""
    for mark, name in _UNICODE_MARKS:
        if data.startswith(mark):
            return name
    if b"\0" in data:
        return "UTF-16"
    for codec, name, fits, share in _CODECS:
        foreign = [char for char in _decoded(data, codec) if ord(char) > 127]
        if foreign and sum(map(fits, foreign)) >= share * len(foreign):
            return name
    return "Windows-1252"


def _decoded(data: bytes, codec: str) -> str:
    try:
        return data.decode(codec)
    except UnicodeDecodeError:
        return ""


def _is_kana(char: str) -> bool:
    return "\u3040" <= char <= "\u30ff"


def _is_han(char: str) -> bool:
    return "\u4e00" <= char <= "\u9fff"


def _is_hangul(char: str) -> bool:
    return "\uac00" <= char <= "\ud7a3"


# Chinese read as EUC-KR gives Hangul in part, Korean read as GBK gives Chinese: so Korean comes first and must be pure.
_CODECS = (
    ("shift_jis", "Shift-JIS", _is_kana, 0.5),
    ("cp949", "EUC-KR", _is_hangul, 1.0),
    ("gb18030", "GBK", _is_han, 0.5),
)


def _not_utf8(path: Path, data: bytes) -> UserError:
    return UserError(
        problem(
            "caption_not_utf8",
            "The caption {path} is not UTF-8; it looks like {encoding}. "
            "Open it in a text editor and save it with the encoding UTF-8.",
            path=str(path),
            encoding=likely_encoding(data),
        )
    )
