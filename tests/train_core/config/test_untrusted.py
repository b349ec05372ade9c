"""Text of other programs within limits: what is refused, by which reason, and what is still read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_core.config.phrases import Phrase
from train_core.config.untrusted import DEEPEST, NotReadable, json_of, text_of, toml_of
from train_core.config.untrusted_yaml import yaml_of

DEEP = "[" * 50_000


@pytest.mark.parametrize(
    ("parse", "text", "code"),
    [
        (json_of, DEEP, "nested_too_deeply"), (toml_of, f"a = {DEEP}", "nested_too_deeply"),
        (json_of, "[" * (DEEPEST + 1) + "]" * (DEEPEST + 1), "nested_too_deeply"),
        (toml_of, "a." * 20_000 + "a = 1", "nested_too_deeply"),
        (toml_of, "x = {" + '"a". ' * 200 + "a = 1}", "nested_too_deeply"),
        (yaml_of, "[" * 5_000, "nested_too_deeply"), (json_of, "9" * 5_000, "number_too_long"),
        (toml_of, "a = " + "9" * 5_000, "number_too_long"), (yaml_of, "a: " + "9" * 5_000, "number_too_long"),
        (json_of, "[1e999]", "number_not_finite"), (json_of, "NaN", "number_not_finite"),
        (yaml_of, "a: &x [1]\nb: *x", "yaml_alias"), (yaml_of, "a" * 200_000, "file_too_large"),
    ],
)  # fmt: skip
def test_what_is_beyond_the_limits_is_refused_with_its_reason(parse: Any, text: str, code: str) -> None:
    with pytest.raises(NotReadable) as told:
        parse(text)
    assert isinstance(told.value.reason, Phrase) and told.value.reason.code == code


def test_a_file_beyond_its_size_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"a" * 2_000)
    assert len(text_of(path, 2_000)) == 2_000
    with pytest.raises(NotReadable):
        text_of(path, 1_999)


def test_halves_of_characters_are_replaced_and_whole_ones_kept() -> None:
    assert json_of(r'{"\ud800": ["\ud83d\ude00", "a\udc00"]}') == {"\ufffd": ["\U0001f600", "a\ufffd"]}


def test_ordinary_text_is_read() -> None:
    assert toml_of("a.b = 1.5\nc = [0.1, 0.2, 0.3]\n") == {"a": {"b": 1.5}, "c": [0.1, 0.2, 0.3]}
    assert toml_of(f'a = "{"x. " * 90}"\nb = [{"0.1, " * 500}]')["b"] == [0.1] * 500
    assert yaml_of("a: [1, b]\nc: 2020-01-01\n")["a"] == [1, "b"]
    assert json_of(b'{"a": [1, 2.5, null]}') == {"a": [1, 2.5, None]}
