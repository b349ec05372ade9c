"""A1111 attention weights: what the brackets mean, and that no text breaks the reading."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.prompts.attention_syntax import DEEPEST, ROUND, SQUARE, parse_weighted


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a cat", [("a cat", 1.0)]),
        ("", [("", 1.0)]),
        ("a (red) cat", [("a ", 1.0), ("red", 1.1), (" cat", 1.0)]),
        ("a [red] cat", [("a ", 1.0), ("red", 1 / 1.1), (" cat", 1.0)]),
        ("(red:1.3)", [("red", 1.3)]),
        ("（red：１．３）", [("red", 1.3)]),
        ("(red: .5 ) cat", [("red", 0.5), (" cat", 1.0)]),
        ("(red:-1)", [("red", -1.0)]),
        ("((red))", [("red", 1.1 * 1.1)]),
        ("(a (b:2) c:1.5)", [("a ", 1.5), ("b", 3.0), (" c", 1.5)]),
        (r"cat \(animal\)", [("cat (animal)", 1.0)]),
        (r"(cat \(animal\):1.2)", [("cat (animal)", 1.2)]),
        (r"a \\ b", [("a \\ b", 1.0)]),
        ("ratio 3:4", [("ratio 3:4", 1.0)]),
        ("time 12:30)", [("time 12:30)", 1.0)]),
        ("(unclosed", [("unclosed", 1.1)]),
        ("un]opened", [("un]opened", 1.0)]),
        ("(x:1.2.3)", [("x:1.2.3", 1.1)]),
    ],
)
def test_brackets_weigh_as_in_a1111(text, expected):
    pieces = parse_weighted(text)
    assert [piece for piece, _ in pieces] == [piece for piece, _ in expected]
    assert [weight for _, weight in pieces] == pytest.approx([weight for _, weight in expected])


def escape(text: str) -> str:
    return "".join("\\" + c if c in "\\()[]" else c for c in text)


@given(st.text())
def test_escaped_text_comes_back_whole_with_weight_one(text):
    assert parse_weighted(escape(text)) == [(text, 1.0)]


@given(st.text(), st.floats(-9, 9).map(lambda w: round(w, 3)))
def test_a_written_weight_is_the_weight_read(text, weight):
    expected = [(text, pytest.approx(weight))] if text else [("", 1.0)]
    assert parse_weighted(f"({escape(text)}:{weight:.3f})") == expected


@given(st.text(alphabet="ab:1.5 ,\\()[]"))
def test_any_mix_of_brackets_is_read_without_losing_words(text):
    words = [c for c in text if c in "ab"]
    pieces = parse_weighted(text)
    assert [c for piece, _ in pieces for c in piece if c in "ab"] == words
    assert all(first[1] != second[1] for first, second in pairwise(pieces))


@pytest.mark.parametrize("text", ["(红发：1.3)", "（红发：1.3）", "（红发:1.3)", "(红发： 1.3 ）"])
def test_a_weight_may_be_written_with_full_width_signs(text: str) -> None:
    assert parse_weighted(text) == [("红发", 1.3)]


@pytest.mark.parametrize("text", ["（红发）", "时间：12", "a：b", "（a：b）"])
def test_full_width_signs_without_a_weight_are_text(text: str) -> None:
    assert parse_weighted(text) == [(text, 1.0)]


@pytest.mark.parametrize(("bracket", "factor"), [("(", ROUND), ("[", SQUARE)])
@pytest.mark.parametrize("closed", [True, False])
def test_brackets_weigh_only_so_deep_and_any_number_of_them_is_read(bracket: str, factor: float, closed: bool) -> None:
    end = {"(": ")", "[": "]"}[bracket]
    text = f"{bracket}a" * 20_000 + end * 20_000 * closed + r" b\(" * 20_000
    pieces = parse_weighted(text)
    assert [weight for _, weight in pieces[:DEEPEST]] == pytest.approx([factor**n for n in range(1, DEEPEST + 1)])
    assert len(pieces) == DEEPEST + closed
    assert pieces[DEEPEST - 1][0].startswith("a" * (20_000 - DEEPEST + 1))
    assert "".join(piece for piece, _ in pieces) == "a" * 20_000 + " b(" * 20_000
