"""Choices that a picture's seed makes in its prompt."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.wildcards import Wildcards


def resolved(prompt: str, seed: int = 0, wildcards: Wildcards | None = None, negative: str = "") -> str:
    given = SamplePrompt(prompt, negative, 64, 64, seed, 4, 7.0, "euler")
    found = (wildcards or Wildcards()).resolved(given)
    return f"{found.prompt}|{found.negative_prompt}" if negative else found.prompt


def every(prompt: str, wildcards: Wildcards | None = None) -> Counter[str]:
    return Counter(resolved(prompt, seed, wildcards) for seed in range(400))


@pytest.fixture
def wildcards(tmp_path: Path) -> Wildcards:
    (tmp_path / "deep").mkdir()
    (tmp_path / "Animal.txt").write_text("# beasts\n\n fox \n3::{red|grey} owl\n", encoding="utf-8")
    (tmp_path / "deep" / "hair_colour.txt").write_text("blue\n__self__", encoding="utf-8")
    (tmp_path / "self.txt").write_text("__self__", encoding="utf-8")
    (tmp_path / "empty.txt").write_text("# nothing", encoding="utf-8")
    (tmp_path / "bad.txt").write_bytes(b"\xff\xfe\xff")
    return Wildcards.within([str(tmp_path), ""])


def test_a_seed_always_chooses_the_same_and_seeds_choose_all_alike():
    assert resolved("a {fox|owl} {a|b}", 5) == resolved("a {fox|owl} {a|b}", 5)
    found = every("a {fox|owl|}, {x|y}")
    assert set(found) == {f"a {one}, {two}" for one in ("fox", "owl", "") for two in "xy"}
    assert min(found.values()) > 40
    assert {resolved("{a|b}", seed, negative="{a|b}") for seed in range(40)} == {"a|a", "a|b", "b|a", "b|b"}


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("{a|{b|c}}", {"a", "b", "c"}),
        ("{[a|b]|(c:1.2)}", {"[a|b]", "(c:1.2)"}),
        ("{<lora:x:1>|} a", {"<lora:x:1> a", " a"}),
        ("{2$$a|b|c}", {"a, b", "a, c", "b, a", "b, c", "c, a", "c, b"}),
        ("{1-2$$ and $$a|b}", {"a", "b", "a and b", "b and a"}),
        ("{5$$a|b}", {"a, b", "b, a"}),
        ("{1$$a}", {"a"}),
        ("{0::a|b}", {"b"}),
        ("｛狐｜猫｝", {"狐", "猫"}),
    ],
)  # fmt: skip
def test_what_braces_may_become(prompt, expected):
    assert set(every(prompt)) == expected


@pytest.mark.parametrize(
    "prompt", ["{{masterpiece}}, {a}", r"\{a|b\}", "{a|b", "a|b}", "[a|b]", "__nothing__", "a __ b", "{}", "snake_case"]
)
def test_what_is_no_choice_stays(prompt):
    assert set(every(prompt)) == {prompt}


def test_weights_make_choices_likelier():
    found = every("{3::a|b}")
    assert 250 < found["a"] < 350


def test_lines_of_files_are_chosen_and_may_choose_on(wildcards: Wildcards):
    found = every("a __animal__", wildcards)
    assert set(found) == {"a fox", "a red owl", "a grey owl"} and 60 < found["a fox"] < 140
    assert set(every("{__deep/hair_colour__|x}", wildcards)) == {"blue", "x", "__self__"}
    assert resolved("__empty__ __hair_colour__", 0, wildcards) == "__empty__ __hair_colour__"
    assert list(wildcards.possible("a __Animal__")) == ["a __Animal__", "3::{red|grey} owl", "fox"]
    assert "__self__" in list(wildcards.possible("__deep/hair_colour__"))


def test_a_file_that_cannot_be_read_is_named(wildcards: Wildcards):
    with pytest.raises(UserError) as refused:
        resolved("__bad__", 0, wildcards)
    assert [found.code for found in refused.value.problems] == ["wildcards_unreadable"]


@given(st.text(st.sampled_from("ab{}|[]$1:.\\_ ｛"), max_size=60), st.integers(0, 2**63 - 1))
def test_any_text_is_resolved_and_what_was_chosen_stays(text, seed):
    once = resolved(text, seed)
    assert len(once) <= len(text) * 3
    if "{" not in text and "｛" not in text:
        assert once == text
