"""Caption files."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.facts.images.caption_files import likely_encoding, read_caption


def caption_file(folder: Path, data: bytes) -> Path:
    path = folder / "01.txt"
    path.write_bytes(data)
    return path


def test_a_caption_is_all_lines_that_are_not_blank(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, b"\r\n  zuko, dog \r\n\r\nsecond line\r\n")) == "zuko, dog\nsecond line"


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, b"\xef\xbb\xbf\xe7\x8c\xab")) == "猫"


def test_escaped_brackets_are_left_to_the_draw(tmp_path: Path) -> None:
    assert read_caption(caption_file(tmp_path, rb"saber \(fate\), (red:1.2)")) == r"saber \(fate\), (red:1.2)"


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
