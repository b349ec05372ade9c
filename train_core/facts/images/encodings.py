"""The encoding of text that is not UTF-8, and whether its bytes leave a doubt about it.

Every encoding that decodes the bytes strictly gives a reading. One is plausible where all of its letters are of the
script that is written with it, most of them common ones, which the old standards have in ranges of their own. A text is
read only where one reading alone is plausible; where Hangul and hanzi both are, common syllables and characters decide.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass

from train_core.facts.images.common_letters import HANGUL, HANZI

_UNICODE_MARKS = (
    (codecs.BOM_UTF32_LE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF32_BE, "UTF-32", "utf-32"),
    (codecs.BOM_UTF16_LE, "UTF-16", "utf-16"),
    (codecs.BOM_UTF16_BE, "UTF-16", "utf-16"),
)
COMMON, RARE, ODD = "common", "rare", "odd"
FEWEST = 2  # letters, below which nothing is clear
FEWEST_HANZI = 3
COMMON_SHARE = 0.8  # share of common letters in a plausible reading
NUL_SHARE = 0.8  # of every second byte in UTF-16 without a mark
PIECES_OF_UTF8 = 0.6  # share of foreign bytes in whole UTF-8 sequences, from which a file is broken UTF-8
WIDE_STOPS = frozenset("、。，．！？（）「」『』【】《》：；…—～・“”‘’　")
LATIN = frozenset("äöüßÄÖÜéèêëàâáãåæçñíìîïóòôõøúùûœÉÈÀÁÂÅÆÇÑÓØÚ")
UTF8_SEQUENCE = re.compile(rb"[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")


@dataclass(frozen=True)
class Reading:
    """What bytes seem to say: the encoding, by a name that people know, and the text; None where that is doubtful."""

    encoding: str
    text: str | None


@dataclass(frozen=True)
class _Candidate:
    """An encoding: its name, its codec, and what it makes of one foreign letter and the bytes of that."""

    name: str
    codec: str
    kind: Callable[[str, bytes], str]


def reading(data: bytes) -> Reading:
    """What bytes which are not UTF-8, or hold zero bytes, seem to say."""
    for mark, name, codec in _UNICODE_MARKS:
        if data.startswith(mark):
            return Reading(name, _text(data, codec))
    if b"\0" in data:
        codec = _without_mark(data)
        return Reading("UTF-16", _text(data, codec)) if codec else Reading("Windows-1252", None)
    found = {one.name: text for one in _CANDIDATES if (text := _plausible(data, one)) is not None}
    latin = _latin(data)
    if latin is not None:
        found["Windows-1252"] = latin
    if _is_broken_utf8(data):
        return Reading("UTF-8", None)
    clear = _clear(found)
    name = clear or _first(found)
    return Reading(name, found[clear] if clear else None)


def likely_encoding(data: bytes) -> str:
    """The encoding that bytes which are not UTF-8 most likely have, by a name people know."""
    return reading(data).encoding


def _text(data: bytes, codec: str) -> str | None:
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return None if "\0" in text else text.removeprefix("\ufeff")


def _without_mark(data: bytes) -> str:
    """The codec of UTF-16 without a mark, by zeros in every second byte; "" for other bytes."""
    if len(data) % 2:
        return ""
    first, second = data[::2].count(0), data[1::2].count(0)
    if not first and second >= NUL_SHARE * len(data) / 2:
        return "utf-16-le"
    return "utf-16-be" if not second and first >= NUL_SHARE * len(data) / 2 else ""


def _is_broken_utf8(data: bytes) -> bool:
    foreign = sum(byte > 127 for byte in data)
    return foreign > 0 and sum(len(one) for one in UTF8_SEQUENCE.findall(data)) >= PIECES_OF_UTF8 * foreign


def _plausible(data: bytes, one: _Candidate) -> str | None:
    """The text in this encoding, None where it is not plausible."""
    text = _text(data, one.codec)
    foreign = [char for char in text or "" if ord(char) > 127 and not _is_stop(char)]
    kinds = [one.kind(char, char.encode(one.codec)) for char in foreign]
    if not kinds or ODD in kinds or kinds.count(COMMON) < COMMON_SHARE * len(kinds):
        return None
    if one.codec in ("cp932", "euc_jp") and not any(map(_is_kana, foreign)):
        return None
    return text


def _clear(found: dict[str, str]) -> str:
    """The name of the only plausible reading, or of that which common letters decide for; "" where there is a doubt."""
    names = list(found)
    if "EUC-KR" in found and set(names) <= {"EUC-KR", "GBK", "Big5"} and len(names) > 1:
        return _korean_or_chinese(found)
    if len(names) != 1:
        return ""
    fewest = {"Windows-1252": 1, "GBK": FEWEST_HANZI, "Big5": FEWEST_HANZI}.get(names[0], FEWEST)
    return names[0] if len(_letters(found[names[0]])) >= fewest else ""


def _korean_or_chinese(found: dict[str, str]) -> str:
    korean = _common(found["EUC-KR"], HANGUL)
    chinese = {name: _common(found[name], HANZI) for name in found if name != "EUC-KR"}
    most = max(chinese, key=lambda name: chinese[name])
    if korean[0] >= 0.5 and korean[1] >= 4 and all(one[0] <= korean[0] / 2 for one in chinese.values()):
        return "EUC-KR"
    others = [korean, *(one for name, one in chinese.items() if name != most)]
    clear = chinese[most][0] >= 0.7 and chinese[most][1] >= 5 and all(one[0] < 0.3 for one in others)
    return most if clear else ""


def _common(text: str, known: frozenset[str]) -> tuple[float, int]:
    """The share and the number of the different letters of `text` that are among those `known`."""
    letters = _letters(text)
    common = len(letters & known)
    return common / len(letters), common


def _letters(text: str) -> set[str]:
    return {char for char in text if ord(char) > 127 and not _is_stop(char)}


def _first(found: dict[str, str]) -> str:
    """The likeliest name where nothing is clear."""
    if "EUC-KR" in found and "GBK" in found:
        return "EUC-KR" if _common(found["EUC-KR"], HANGUL) >= _common(found["GBK"], HANZI) else "GBK"
    return next(iter(found), "Windows-1252")


def _latin(data: bytes) -> str | None:
    """The text in Windows-1252: words of plain letters in which single ones have accents; None for anything else."""
    text = _text(data, "cp1252")
    for place, char in enumerate(text or ""):
        if ord(char) < 128:
            continue
        before, after = (text or "")[max(0, place - 1) : place], (text or "")[place + 1 : place + 2]
        plain = [one.isascii() and one.isalpha() for one in (before, after)]
        alone = all(one == "" or one.isascii() for one in (before, after))
        if not (all(plain) if char == "’" else char in LATIN and alone and any(plain)):
            return None
    return text


def _is_stop(char: str) -> bool:
    return char in WIDE_STOPS or "\uff01" <= char <= "\uff5e"


def _is_kana(char: str) -> bool:
    return "\u3041" <= char <= "\u30fe"


def _shift_jis(char: str, code: bytes) -> str:
    if _is_kana(char) or char == "々" or (len(code) == 2 and b"\x88\x9f" <= code <= b"\x98\x72"):
        return COMMON
    return RARE if len(code) == 2 and b"\x98\x9f" <= code <= b"\xea\xa4" else ODD


def _euc_jp(char: str, code: bytes) -> str:
    if _is_kana(char) or char == "々" or (len(code) == 2 and 0xB0 <= code[0] <= 0xCF):
        return COMMON
    return RARE if len(code) == 2 and 0xD0 <= code[0] <= 0xF4 else ODD


def _euc_kr(_char: str, code: bytes) -> str:
    return COMMON if len(code) == 2 and 0xB0 <= code[0] <= 0xC8 and code[1] >= 0xA1 else ODD


def _gbk(_char: str, code: bytes) -> str:
    if len(code) != 2 or code[1] < 0xA1 or not 0xB0 <= code[0] <= 0xF7:
        return ODD
    return COMMON if code[0] <= 0xD7 else RARE


def _big5(_char: str, code: bytes) -> str:
    if 0xA440 <= (number := int.from_bytes(code)) <= 0xC67E:
        return COMMON
    return RARE if 0xC940 <= number <= 0xF9D5 else ODD


_CANDIDATES = (
    _Candidate("Shift-JIS", "cp932", _shift_jis),
    _Candidate("EUC-JP", "euc_jp", _euc_jp),
    _Candidate("EUC-KR", "cp949", _euc_kr),
    _Candidate("GBK", "gb18030", _gbk),
    _Candidate("Big5", "cp950", _big5),
)
