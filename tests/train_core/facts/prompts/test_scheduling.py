"""Prompts that change while a picture is drawn: A1111's rules with prompts of ours, and that no text breaks them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.prompts.scheduling import schedule, unread


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("fox", [(20, "fox")]),
        ("", [(20, "")]),
        ("red [hat:4]", [(4, "red "), (20, "red hat")]),
        ("red [hat: 4 ]", [(4, "red "), (20, "red hat")]),
        ("[fox:owl:4]", [(4, "fox"), (20, "owl")]),
        ("[fox::4]y", [(4, "foxy"), (20, "y")]),
        ("[:owl:4]", [(4, ""), (20, "owl")]),
        ("[fox:owl:.25]", [(5, "fox"), (20, "owl")]),
        ("[fox:owl:0.99]", [(19, "fox"), (20, "owl")]),
        ("[fox:owl:1.0]", [(20, "fox")]),
        ("[fox:owl:1]", [(1, "fox"), (20, "owl")]),
        ("[fox:owl:0]", [(20, "owl")]),
        ("[fox:owl:0.01]", [(20, "owl")]),
        ("[fox:owl:99]", [(20, "fox")]),
        ("[fox:owl:-3]", [(20, "owl")]),
        ("see [ fox : owl : 2] run", [(2, "see  fox  run"), (20, "see  owl  run")]),
        ("x[fox:[owl:cat:7]:3]y", [(3, "xfoxy"), (7, "xowly"), (20, "xcaty")]),
        ("[[[fox]]:6]", [(6, ""), (20, "[[fox]]")]),
        ("[(fox:1.3):6]", [(6, ""), (20, "(fox:1.3)")]),
        ("(red [hat:.5]:1.3)", [(10, "(red :1.3)"), (20, "(red hat:1.3)")]),
        ("[fox:owl:4][cat:dog:8]", [(4, "foxcat"), (8, "owlcat"), (20, "owldog")]),
        ("（红［猫：狗：０.５］：１.２）", [(10, "（红猫：１.２）"), (20, "（红狗：１.２）")]),
        ("[smile, :d, hat:4]", [(4, ""), (20, "smile, :d, hat")]),
    ],
)
def test_a_prompt_changes_when_it_says(prompt, expected):
    assert schedule(prompt, 20) == expected
    assert not unread(prompt)


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("[wo|]man", ["woman", "man", "woman", "man", "woman"]),
        ("[wo|||]man", ["woman", "man", "man", "man", "woman"]),
        ("[fox|(owl:1.1)|cat]", ["fox", "(owl:1.1)", "cat", "fox", "(owl:1.1)"]),
        ("[fox|[owl:cat:3]]", ["fox", "owl", "fox", "cat", "fox"]),
        ("[[fox|owl]:3]", ["", "", "", "owl", "fox"]),
        ("［狐｜猫］", ["狐", "猫", "狐", "猫", "狐"]),
    ],
)
def test_texts_take_turns_and_the_first_one_lasts_two_calls(prompt, expected):
    said = schedule(prompt, 5)
    assert [next(text for last, text in said if call <= last) for call in range(1, 6)] == expected
    assert next(text for last, text in said if last >= 0) == expected[0]


@pytest.mark.parametrize(
    "text",
    [
        "red [hat", "red] hat", "((red][:hat", "12:30, 3:4", "a|b", "[red]", "((red:1.2))", r"\[fox:owl:5\]", "(a|b)",
        "[(fox:owl:5]", ":-), ;d, :d, ^^, >:(, (:", "[fox:owl]", "[fox:owl:cat:5]", "[fox:owl:five]", "[fox:1|owl]",
    ],
)  # fmt: skip
def test_what_does_not_parse_stays_as_it_is(text):
    assert schedule(text, 20) == [(20, text)]


def test_a_part_that_does_not_parse_leaves_the_others_alone():
    assert schedule("[fox:owl] and [cat:4", 20) == [(20, "[fox:owl] and [cat:4")]
    assert schedule("((red][:hat:blue [cat:4]", 20) == [(4, "((red][:hat:blue "), (20, "((red][:hat:blue cat")]
    assert unread("[fox:owl] and [cat:4] and [a:1|b] and [red]") == ["[fox:owl]", "[a:1|b]"]


def test_a_long_prompt_of_a_tutorial():
    """The five states that its author names, with the blank that its text lacks before the last bracket missing."""
    prompt = (
        "fantasy landscape with a [mountain:lake:0.25] and [an oak:a christmas tree:0.75][ in foreground::0.6]"
        "[ in background:0.25][shoddy:masterful:0.5]"
    )
    assert schedule(prompt, 100) == [
        (25, "fantasy landscape with a mountain and an oak in foregroundshoddy"),
        (50, "fantasy landscape with a lake and an oak in foreground in backgroundshoddy"),
        (60, "fantasy landscape with a lake and an oak in foreground in backgroundmasterful"),
        (75, "fantasy landscape with a lake and an oak in backgroundmasterful"),
        (100, "fantasy landscape with a lake and a christmas tree in backgroundmasterful"),
    ]


def test_a_second_pass_counts_on_from_the_first():
    assert schedule("red [hat:.5]", 10, earlier=20) == [(10, "red hat")]
    assert schedule("red [hat:1.5]", 10, earlier=20) == [(5, "red "), (10, "red hat")]
    assert schedule("red [hat:24]", 10, earlier=20) == [(4, "red "), (10, "red hat")]
    assert schedule("red [hat:12]", 10, earlier=20) == [(10, "red hat")]


@given(st.text(alphabet=st.sampled_from("ab:1.5 ,\\()[]|［］：｜\n"), max_size=60), st.integers(1, 30))
def test_any_mix_of_signs_is_read_to_the_last_call(text, calls):
    said = schedule(text, calls)
    ends = [last for last, _ in said]
    assert ends == sorted(set(ends)) and ends[-1] == calls
    assert not re.search("[^ab:1.5 ,\\\\()\\[\\]|［］：｜\n]", "".join(words for _, words in said))


@given(st.text())
def test_text_without_brackets_is_never_changed(text):
    plain = re.sub(r"[\[\]［］]", "", text)
    assert schedule(plain, 7) == [(7, plain)]


def test_thousands_of_brackets_are_read():
    assert schedule("[" * 5000 + "fox" + ":2]" * 5000, 4)[-1][0] == 4
    assert schedule("[a:b:2]" * 2000, 4) == [(2, "a" * 2000), (4, "b" * 2000)]
