"""Caption files and what a draw makes of them."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.facts.captions import CaptionRules, draw_caption, likely_encoding, read_caption

tags = st.lists(st.text("abcdefg (:)1", min_size=1).map(str.strip).filter(bool), min_size=1, max_size=12)


def caption_file(folder: Path, data: bytes) -> Path:
    path = folder / "01.txt"
    path.write_bytes(data)
    return path


def test_a_caption_is_the_first_line_that_is_not_blank(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, b"\r\n  zuko, dog \r\nsecond line\r\n")) == "zuko, dog"


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, b"\xef\xbb\xbf\xe7\x8c\xab")) == "猫"


def test_escaped_brackets_are_plain_ones(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, rb"saber \(fate\), (red:1.2)")) == "saber (fate), (red:1.2)"


def test_an_empty_file_is_an_empty_caption(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, b" \n")) == ""


@pytest.mark.parametrize(
    ("text", "codec", "name"),
    [
        ("a dog", "utf-16", "UTF-16"),
        ("a dog", "utf-16-le", "UTF-16"),
        ("a dog", "utf-32", "UTF-32"),
        ("いぬ、ねこ", "shift_jis", "Shift-JIS"),
        ("一只黑色的猫坐在沙发上", "gb18030", "GBK"),
        ("강아지 고양이", "cp949", "EUC-KR"),
        ("a café in Köln", "cp1252", "Windows-1252"),
    ],
)
def test_another_encoding_is_named_with_its_file(tmp_path: Path, text: str, codec: str, name: str) -> None:
    path = caption_file(tmp_path, text.encode(codec))
    with pytest.raises(UserError) as error:
        read_caption(path)
    (found,) = error.value.problems
    assert found.code == "caption_not_utf8"
    assert found.params == {"path": str(path), "encoding": name}


@given(st.binary())
def test_any_bytes_have_a_likely_encoding(data: bytes) -> None:
    assert likely_encoding(data)


@given(tags, st.integers(0, 14), st.integers())
def test_shuffling_keeps_all_tags_and_the_first_ones_in_place(words: list[str], keep: int, seed: int) -> None:
    words = [word.replace(",", "") for word in words]
    drawn = draw_caption(", ".join(words), CaptionRules(shuffle=True, keep_tokens=keep), Random(seed), 0).split(", ")
    assert sorted(drawn) == sorted(words)
    assert drawn[:keep] == words[:keep]


@given(st.text(), st.integers())
def test_a_caption_is_left_alone_unless_something_is_asked_for(caption: str, seed: int) -> None:
    assert draw_caption(caption, CaptionRules(), Random(seed), 0) == caption


def test_shuffling_gives_different_orders() -> None:
    rules = CaptionRules(shuffle=True)
    assert len({draw_caption("a, b, c, d", rules, Random(seed), 0) for seed in range(200)}) == 24


def test_another_separator_is_joined_by_commas() -> None:
    assert draw_caption("a; b", CaptionRules(shuffle=True, keep_tokens=2, separator=";"), Random(0), 0) == "a, b"


def test_the_dropout_rate_is_the_share_of_empty_captions() -> None:
    rng = Random(1)
    drawn = [draw_caption("a", CaptionRules(dropout_rate=0.3), rng, 0) for _ in range(4000)]
    assert 0.27 < drawn.count("") / len(drawn) < 0.33


def test_every_nth_epoch_has_no_captions() -> None:
    rules = CaptionRules(dropout_every_n_epochs=3)
    assert [draw_caption("a", rules, Random(0), epoch) for epoch in range(6)] == ["a", "a", "", "a", "a", ""]
