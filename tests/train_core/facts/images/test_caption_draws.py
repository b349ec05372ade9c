"""The caption of a draw."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.sections.captions import CaptionSettings
from train_core.facts.images.caption_draws import CaptionRules, Moment, caption_rules, draw_caption, tags_in

words = st.text("abcdefg (:)1", min_size=1).map(str.strip).filter(bool)
tags = st.lists(words, min_size=1, max_size=12)
seeds = st.integers()
START = Moment()


def draw(caption: str, seed: int = 0, moment: Moment = START, **rules: object) -> str:
    return draw_caption(caption, CaptionRules(**rules), Random(seed), moment)


@given(tags, st.integers(0, 14), seeds)
def test_shuffling_loses_and_doubles_no_tag_and_keeps_the_first(names: list[str], keep: int, seed: int) -> None:
    drawn = draw(", ".join(names), seed, shuffle=True, keep_tokens=keep).split(", ")
    assert sorted(drawn) == sorted(names)
    assert drawn[:keep] == names[:keep]


@given(tags, tags, tags, seeds)
def test_a_marked_head_and_tail_stay_in_place(head: list[str], free: list[str], tail: list[str], seed: int) -> None:
    caption = "|||".join(", ".join(part) for part in (head, free, tail))
    drawn = draw(caption, seed, shuffle=True, keep_tokens=1, keep_separator="|||").split(", ")
    assert drawn[: len(head)] == head
    assert drawn[-len(tail) :] == tail
    assert sorted(drawn[len(head) : -len(tail)]) == sorted(free)


@given(tags, st.floats(0, 1), st.integers(0, 14), seeds)
def test_tag_dropout_keeps_the_order_and_the_kept_tags(names: list[str], rate: float, keep: int, seed: int) -> None:
    numbered = [f"{number} {name}" for number, name in enumerate(names)]
    drawn = [tag for tag in draw(", ".join(numbered), seed, tag_dropout_rate=rate, keep_tokens=keep).split(", ") if tag]
    assert drawn[: len(numbered[:keep])] == numbered[:keep]
    assert [tag for tag in numbered if tag in drawn] == drawn


@given(st.text().filter(lambda text: "\n" not in text and "\\" not in text), seeds)
def test_a_caption_is_left_alone_unless_something_is_asked_for(caption: str, seed: int) -> None:
    assert draw(caption, seed) == caption


@given(st.text("abc ,.()[]:|\\", max_size=30).filter(lambda text: "\\(" not in text and "\\)" not in text), seeds)
def test_text_without_braces_is_left_alone_by_wildcards(caption: str, seed: int) -> None:
    assert draw(caption, seed, wildcards=True) == caption


@given(st.text("ab|{},\n ", max_size=40), seeds)
def test_any_text_with_braces_and_marks_can_be_drawn(caption: str, seed: int) -> None:
    drawn = draw(
        caption, seed, wildcards=True, shuffle=True, keep_separator="|", secondary_separator="b", warmup_step=3.0,
    )
    assert "|" not in drawn
    assert "b" not in drawn


def test_shuffling_gives_every_order() -> None:
    assert len({draw("a, b, c, d", seed, shuffle=True) for seed in range(200)}) == 24


def test_the_same_seed_gives_the_same_caption_whatever_was_drawn_before() -> None:
    rules = {"shuffle": True, "wildcards": True, "tag_dropout_rate": 0.3, "dropout_rate": 0.1}
    caption = "{red|blue|green} cat, a, b, c, d\nanother, line"
    backwards = {seed: draw(caption, seed, **rules) for seed in reversed(range(20))}
    assert [backwards[seed] for seed in range(20)] == [draw(caption, seed, **rules) for seed in range(20)]


def test_separator_text_never_stays_in_the_caption() -> None:
    caption = "1girl, miku ||| hat, hair ||| best quality"
    assert draw(caption, keep_separator="|||") == "1girl, miku, hat, hair, best quality"
    assert draw("a ||| b ||| c ||| d", keep_separator="|||", shuffle=True) == "a, b, c, d"
    assert draw("a ||| b", keep_separator="|||", tag_dropout_rate=1.0) == "a"
    assert draw("red hair;;;red eyes, hat", secondary_separator=";;;") == "red hair, red eyes, hat"


def test_a_separator_that_does_not_occur_leaves_the_counted_tags() -> None:
    drawn = {draw("a, b, c", seed, keep_separator="|||", keep_tokens=1, shuffle=True) for seed in range(20)}
    assert drawn == {"a, b, c", "a, c, b"}


def test_tags_held_together_move_together() -> None:
    drawn = {draw("red hair;;;red eyes, hat", seed, shuffle=True, secondary_separator=";;;") for seed in range(20)}
    assert drawn == {"red hair, red eyes, hat", "hat, red hair, red eyes"}


def test_another_caption_separator_stays_the_captions_own() -> None:
    assert draw("a, b; c", keep_tokens=2, separator=";", shuffle=True) == "a, b; c"
    assert draw("one two", keep_tokens=2, separator=" ", shuffle=True) == "one two"


def test_empty_tags_count_for_nothing() -> None:
    drawn = {draw(", a, , b, c,", seed, keep_tokens=1, shuffle=True) for seed in range(20)}
    assert drawn == {"a, b, c", "a, c, b"}


def test_wildcards_choose_one_of_the_words_and_doubled_braces_are_braces() -> None:
    drawn = {draw("a {red|blue} {{x|y}} {single} cat{|s}", seed, wildcards=True) for seed in range(60)}
    assert drawn == {f"a {colour} {{x|y}} single {cat}" for colour in ("red", "blue") for cat in ("cat", "cats")}


def test_of_nested_wildcards_the_inner_one_is_chosen() -> None:
    assert {draw("{a|{b|c} }", seed, wildcards=True) for seed in range(20)} == {"{a|b }", "{a|c }"}


def test_without_wildcards_braces_are_text_and_the_first_line_counts() -> None:
    assert draw("a {red|blue} cat\nsecond") == "a {red|blue} cat"


def test_wildcards_choose_among_lines_and_each_has_prefix_and_suffix() -> None:
    rules = {"wildcards": True, "prefix": "zuko, {my|a}", "suffix": "(photo)"}
    drawn = {draw("dog\ncat", seed, **rules) for seed in range(40)}
    assert drawn == {f"zuko, {word} {animal} (photo)" for word in ("my", "a") for animal in ("dog", "cat")}


def test_an_empty_caption_is_prefix_and_suffix_alone() -> None:
    assert draw("", prefix="zuko") == "zuko"
    assert draw("", prefix="zuko", suffix="dog") == "zuko dog"
    assert draw("") == ""


def test_a_dropped_caption_drops_its_prefix_too() -> None:
    assert draw("a", prefix="zuko", dropout_rate=1.0) == ""


def test_prefix_tags_are_the_first_of_the_kept_ones() -> None:
    drawn = {draw("a, b", seed, prefix="zuko,", keep_tokens=1, shuffle=True) for seed in range(20)}
    assert drawn == {"zuko, a, b", "zuko, b, a"}


def test_the_dropout_rate_is_the_share_of_empty_captions() -> None:
    drawn = [draw("a", seed, dropout_rate=0.3) for seed in range(4000)]
    assert 0.27 < drawn.count("") / len(drawn) < 0.33


def test_the_tag_dropout_rate_is_the_share_of_tags_left_out() -> None:
    kept = sum(len(draw("a, b, c, d", seed, tag_dropout_rate=0.25, keep_tokens=1).split(", ")) for seed in range(2000))
    assert (kept / 2000 - 1) / 3 == pytest.approx(0.75, abs=0.03)


def test_every_nth_epoch_has_no_captions() -> None:
    drawn = [draw("a", moment=Moment(epoch), dropout_every_n_epochs=3) for epoch in range(6)]
    assert drawn == ["a", "a", "", "a", "a", ""]


def test_the_warm_up_shows_more_tags_from_step_to_step() -> None:
    """floor(step · (5 − 1) / 8) + 1 of five free tags, by hand."""
    def shown(step: int, share: float) -> int:
        caption = draw("k, a, b, c, d, e", moment=Moment(0, step, 16), keep_tokens=1, warmup_step=share)
        assert "k, a, b, c, d, e".startswith(caption)
        return len(caption.split(", ")) - 1

    expected = [1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 5]
    assert [shown(step, 8) for step in range(11)] == expected
    assert [shown(step, 0.5) for step in range(11)] == expected


def test_the_warm_up_starts_with_its_minimum_and_shows_the_first_tags_before_it_shuffles() -> None:
    rules = {"warmup_step": 10.0, "warmup_min": 2, "shuffle": True}
    assert {draw("a, b, c, d", seed, **rules) for seed in range(20)} == {"a, b", "b, a"}
    assert draw("a, b", **rules | {"warmup_min": 4, "shuffle": False}) == "a, b"


def test_escaped_brackets_are_plain_ones_unless_weights_are_read() -> None:
    caption = r"saber \(fate\), (red:1.2)"
    assert draw(caption) == "saber (fate), (red:1.2)"
    assert draw(caption, weighted=True) == caption


def test_every_caption_setting_reaches_the_rules() -> None:
    settings = CaptionSettings(
        shuffle_caption=True, keep_tokens=2, keep_tokens_separator="|||", caption_prefix="p", caption_suffix="s",
        caption_dropout_rate=0.1, caption_dropout_every_n_epochs=3, caption_tag_dropout_rate=0.2, enable_wildcard=True,
        token_warmup_step=0.5, token_warmup_min=4, caption_separator=";", secondary_separator="+",
        weighted_captions=True,
    )  # fmt: skip
    assert caption_rules(settings) == CaptionRules(
        prefix="p", suffix="s", dropout_rate=0.1, dropout_every_n_epochs=3, wildcards=True, keep_tokens=2,
        keep_separator="|||", warmup_min=4, warmup_step=0.5, shuffle=True, tag_dropout_rate=0.2, separator=";",
        secondary_separator="+", weighted=True,
    )  # fmt: skip


def test_tags_within_the_brackets_of_a_weight_stay_together() -> None:
    """Cut apart, the bracket would stay open and its weight reach to the caption's end."""
    caption = r"(red hair, blue eyes:1.3), hat, [sun, (sea)], \(x, y"
    tags = ["(red hair, blue eyes:1.3)", "hat", "[sun, (sea)]", r"\(x", "y"]
    for seed in range(20):
        drawn = draw(caption, seed, shuffle=True, weighted=True)
        assert len(drawn) == len(caption)
        assert all(tag in drawn for tag in tags)


@given(st.text("ab,()[] \\", max_size=40), seeds)
def test_shuffling_weighted_captions_loses_no_letter_and_no_bracket(caption: str, seed: int) -> None:
    drawn = draw(caption, seed, shuffle=True, weighted=True)
    assert sorted(drawn.replace(",", "").replace(" ", "")) == sorted(caption.replace(",", "").replace(" ", ""))


def test_full_width_commas_separate_tags_too() -> None:
    drawn = draw("红发，蓝眼、微笑, sky", shuffle=True, seed=3)
    assert sorted(drawn.split(", ")) == sorted(["红发", "蓝眼", "微笑", "sky"])
    assert draw("红发，蓝眼") == "红发，蓝眼"  # nothing is asked for


def test_another_separator_leaves_full_width_commas_alone() -> None:
    assert set(draw("红发，蓝眼; sky", shuffle=True, separator=";").split("; ")) == {"红发，蓝眼", "sky"}


def test_tags_are_without_the_marks_between_them() -> None:
    rules = CaptionRules(keep_separator="##", secondary_separator=";;;")
    tags = ["1boy", "standing", "red", "blue", "x", "y", "end"]
    assert tags_in("1boy##standing, red;;;blue ,, x，y##end", rules) == tags
    assert tags_in("a; b", CaptionRules(separator=";")) == ["a", "b"]
