"""Texts in old encodings: read right or left as doubtful, never wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.images.encodings import reading


def letters(codec: str, leads: range, trails: range) -> list[str]:
    return [char for lead in leads for trail in trails if (char := bytes((lead, trail)).decode(codec, "ignore"))]


HIGH = range(0xA1, 0xFF)
KANA = [chr(code) for code in (*range(0x3041, 0x3094), *range(0x30A1, 0x30F7))]
HANGUL = letters("euc_kr", range(0xB0, 0xC9), HIGH)
SIMPLIFIED = letters("gb2312", range(0xB0, 0xD8), HIGH)
TRADITIONAL = letters("big5", range(0xA4, 0xC6), (*range(0x40, 0x7F), *HIGH))
KANJI = letters("shift_jis", range(0x89, 0x98), (*range(0x40, 0x7F), *range(0x80, 0xFD)))
LATIN = "äöüßéèêàâçñáíóúÉôûîïåø"
WORDS = st.lists(st.sampled_from(["1girl", "hat", "a", "blue eyes", "8k"]), max_size=2)


def texts(chars: list[str]) -> st.SearchStrategy[str]:
    words = st.lists(st.text(st.sampled_from(chars), min_size=1, max_size=12), min_size=1, max_size=4)
    return st.tuples(words, WORDS).map(lambda both: ", ".join([*both[1], *both[0]]))


def japanese() -> st.SearchStrategy[str]:
    return st.tuples(texts(KANA), texts(KANJI)).map("、".join)


def right_or_doubtful(text: str, codec: str) -> None:
    assert reading(text.encode(codec)).text in (text, None)


@given(st.one_of(texts(KANA), japanese()), st.sampled_from(["cp932", "euc_jp"]))
def test_japanese_is_never_read_wrong(text, codec):
    right_or_doubtful(text, codec)


@given(texts(HANGUL))
def test_korean_is_never_read_wrong(text):
    right_or_doubtful(text, "cp949")


@given(texts(SIMPLIFIED))
def test_simplified_chinese_is_never_read_wrong(text):
    right_or_doubtful(text, "gb18030")


@given(texts(TRADITIONAL))
def test_traditional_chinese_is_never_read_wrong(text):
    right_or_doubtful(text, "cp950")


@given(st.text(st.sampled_from("abcdeghilnorstu ,." + LATIN), min_size=1, max_size=40))
def test_latin_is_never_read_wrong(text):
    right_or_doubtful(text, "cp1252")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff"), max_size=30))
def test_utf_16_and_32_with_a_mark_are_always_read(text):
    assert reading(text.encode("utf-16")).text == reading(text.encode("utf-32")).text == text


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ("渚、女の子", "cp932", "Shift-JIS"),
        ("1girl, 女の子、ほほえみ", "cp932", "Shift-JIS"),
        ("女の子、青い目", "euc_jp", "EUC-JP"),
        ("강아지 고양이", "cp949", "EUC-KR"),
        ("1girl, 소녀, 파란 눈, 검은 머리, 교복", "cp949", "EUC-KR"),
        ("一只黑色的猫坐在沙发上", "gb18030", "GBK"),
        ("少女，微笑，蓝色的眼睛", "gb18030", "GBK"),
        ("一隻黑色的貓坐在沙發上", "cp950", "Big5"),
        ("少女，微笑，藍色的眼睛", "cp950", "Big5"),
        ("a café in Köln, it’s raining", "cp1252", "Windows-1252"),
        ("a dog", "utf-16", "UTF-16"),
        ("a dog", "utf-16-le", "UTF-16"),
        ("a dog", "utf-16-be", "UTF-16"),
    ],
)
def test_what_is_clear_is_read(text, codec, name):
    found = reading(text.encode(codec))
    assert (found.encoding, found.text) == (name, text)


@pytest.mark.parametrize("data", [b"a girl\0, hat", b"\0", "女の子".encode()[:-1], b"\xb0\xa1\xb0\xa1"])
def test_what_may_be_several_things_is_left(data):
    assert reading(data).text is None


@given(st.binary())
def test_any_bytes_have_an_encoding(data):
    assert reading(data).encoding
