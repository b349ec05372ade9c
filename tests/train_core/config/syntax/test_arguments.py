"""Arguments as people write them: one parser reads a text, a list and a table alike, quickly whatever it is given."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.config.syntax.arguments import parse_arguments, separate, words_in
from train_core.config.syntax.signs import full_width_signs, plain_signs


def read(raw: Any) -> dict[str, Any]:
    return parse_arguments(words_in(raw), "optimizer_args")


@pytest.mark.parametrize(
    ("raw", "meant"),
    [
        ("conv_dim=4 conv_alpha=1", {"conv_dim": 4, "conv_alpha": 1}),
        (["conv_dim=4 conv_alpha=1"], {"conv_dim": 4, "conv_alpha": 1}),
        ("conv_dim = 4 , conv_alpha =1;", {"conv_dim": 4, "conv_alpha": 1}),
        ("conv_dim=4,conv_alpha=1", {"conv_dim": 4, "conv_alpha": 1}),
        ("conv_dim=4\nconv_alpha=1", {"conv_dim": 4, "conv_alpha": 1}),
        ('"conv_dim=4" \'conv_alpha=1\'', {"conv_dim": 4, "conv_alpha": 1}),
        (["'weight_decay=0.01',"], {"weight_decay": 0.01}),
        (["weight_decay=0.01,"], {"weight_decay": 0.01}),
        ({"weight_decay": 0.01, "betas": [0.9, 0.99]}, {"weight_decay": 0.01, "betas": [0.9, 0.99]}),
        (["betas=0.9,0.99"], {"betas": (0.9, 0.99)}),
        ("betas=(0.9, 0.99) eps=1e-6", {"betas": (0.9, 0.99), "eps": 1e-6}),
        ("betas=0.9, 0.99, eps=1e-6", {"betas": (0.9, 0.99), "eps": 1e-6}),
        ("weight_decay＝0。01， eps＝1e—6", {"weight_decay": 0.01, "eps": 1e-6}),
        ("betas=０.９，０.９９", {"betas": (0.9, 0.99)}),
        (["preset=attn-mlp", "use_tucker=True", "amsgrad=false"],
         {"preset": "attn-mlp", "use_tucker": True, "amsgrad": False}),
        (["note=a=b c"], {"note": "a=b c"}), (["note==x"], {"note": "=x"}),
        (["note='two words x=1'"], {"note": "two words x=1"}),
        (["note=it's here"], {"note": "it's here"}),
        (["lr=1", "lr=1.0"], {"lr": 1}),
        ([""], {}), ("", {}), (None, {}), ([" ", ",", ""], {}), ([], {}),
    ],
)  # fmt: skip
def test_arguments_are_read_as_people_write_them(raw: Any, meant: dict[str, Any]) -> None:
    assert read(raw) == meant


@pytest.mark.parametrize("raw", [True, False, 3, [True], [["a=1"]], [{"a": 1}]])
def test_what_holds_no_text_is_refused(raw: Any) -> None:
    with pytest.raises(ValueError):
        words_in(raw)


@pytest.mark.parametrize("raw", ["fast", ["fast", "a=1"], "fast a=1", "=1", "a", ["1e-5"]])
def test_a_word_that_is_no_argument_is_one_problem(raw: Any) -> None:
    with pytest.raises(UserError) as error:
        read(raw)
    assert [found.code for found in error.value.problems] == ["argument_not_key_value"]


def test_one_argument_with_two_values_is_told_with_both() -> None:
    with pytest.raises(UserError) as error:
        read(["weight_decay=0.1", "weight_decay=0.2"])
    (found,) = error.value.problems
    assert found.code == "argument_twice"
    assert "0.1" in found.text and "0.2" in found.text


def test_what_is_written_on_is_one_word_an_argument() -> None:
    assert separate(["a=1 b=2,", "c = 0.9,0.99"]) == ["a=1", "b=2", "c=0.9,0.99"]


@pytest.mark.parametrize(
    "text",
    [" " * 50_000, "a" * 50_000, "a " * 25_000, "a=1 " * 10_000, "'" * 50_001, "(" * 50_000, "a" + " " * 50_000,
     "a=" + "[" * 20_000, "a=" + "-" * 20_000 + "1", "a=" + "9" * 20_000],
)  # fmt: skip
def test_long_texts_take_no_long_time(text: str) -> None:
    try:  # the runaway guard of the tests ends what takes long
        read(text)
    except UserError as error:
        assert {found.code for found in error.problems} == {"argument_not_key_value"}


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        read(text)
    except UserError as error:
        assert error.problems


@given(st.text())
def test_plain_signs_keep_their_places_and_leave_plain_text_alone(text: str) -> None:
    assert len(plain_signs(text)) == len(text)
    assert (plain_signs(text) == text) or full_width_signs(text) or any(sign.isspace() for sign in text)
    assert plain_signs(plain_signs(text)) == plain_signs(text)
