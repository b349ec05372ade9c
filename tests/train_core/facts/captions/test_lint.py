"""The lint of captions, finding by finding, and what holds for all captions."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.train_core.facts.captions.captioned import captions, found
from train_core.facts.advice import Cure
from train_core.facts.captions.lint import lint, look, opening
from train_core.facts.captions.one_sided import is_one_sided
from train_core.facts.images.caption_draws import CaptionRules, Moment, draw_caption

LONG = ", ".join(f"word{n}" for n in range(60))


def names(advice) -> list[str]:
    return [path.name for path in advice.files]


def test_ordinary_captions_have_nothing_odd():
    assert found(captions("zuko, red hair, smile", "zuko, standing")) == {}


def test_images_without_a_caption_are_named_but_not_those_of_regularisation():
    advice = found(captions("a", None, None), captions(None, is_reg=True))["lint_missing"]
    assert names(advice) == ["1.png", "2.png"]
    assert (advice.found.params["count"], advice.found.params["total"]) == (2, 3)


@pytest.mark.parametrize("text", ["zuko，red hair", "zuko、red hair"])
def test_full_width_commas_are_found(text):
    assert names(found(captions("a, b", text))["lint_full_width_commas"]) == ["1.txt"]


def test_brackets_are_found_unless_they_are_escaped_or_faces():
    odd = found(captions("saber (fate)", r"saber \(fate\)", ":), smile", "a, 【b】", "plain"))["lint_brackets"]
    assert names(odd) == ["0.txt", "3.txt"]
    assert odd.found.params["example"] == "saber (fate)"
    assert "lint_brackets" not in found(captions("saber (fate)", weighted=True))


def test_weights_that_are_not_read_are_cured_by_reading_them():
    odd = found(captions("zuko, (red hair:1.3)"))
    assert odd["lint_weights_unread"].cure == Cure("weighted_captions", True)
    assert "lint_brackets" not in odd
    assert found(captions("zuko, (red hair:1.3)", weighted=True)) == {}


def test_choices_that_are_not_made_are_cured_by_wildcards():
    odd = found(captions("{red|blue} hair"))
    assert odd["lint_wildcards_unread"].cure == Cure("enable_wildcard", True)
    assert found(captions("{red|blue} hair", wildcards=True)) == {}


def test_underscores_are_odd_beside_spaces_alone():
    odd = found(captions("long_hair, smile", "blue eyes"))["lint_underscores"]
    assert (names(odd), odd.found.params["example"]) == (["0.txt"], "long_hair")
    assert found(captions("long_hair", "blue_eyes")) == {}
    assert found(captions("^_^, o_o, >_<, score_9_up", "blue eyes")) == {}


def test_what_falls_off_a_long_caption_is_said_with_the_length_that_would_do():
    odd = found(captions("short", LONG))["lint_longer_than_set"]
    params = odd.found.params
    assert (params["limit"], params["count"], names(odd)) == (75, 1, ["1.txt"])
    assert LONG.endswith(params["lost"])
    assert params["lost"].startswith("word")
    assert odd.cure == Cure("max_token_length", params["better"])
    assert params["better"] == (150 if params["most"] <= 150 else 225)
    assert "lint_longer_than_set" not in found(captions(LONG), limit=225)


def test_a_caption_longer_than_any_limit_has_to_be_shortened():
    odd = found(captions(LONG * 5), limit=225)["lint_too_long"]
    assert odd.cure is None
    assert odd.found.params["most"] > 225


def test_what_a_draw_adds_counts_too():
    assert found(captions("cat", prefix=LONG)).keys() == {"lint_longer_than_set"}
    assert found(captions("short\n" + LONG)) == {}
    assert found(captions("short\n" + LONG, wildcards=True)).keys() == {"lint_longer_than_set"}


def test_the_tags_that_open_every_caption_are_proposed_to_stay():
    odd = found(captions("zuko, solo, smile", "Zuko, solo, red hair", shuffle=True))["lint_same_start"]
    assert odd.cure == Cure("keep_tokens", 2)
    assert odd.found.params["tags"] == "zuko, solo"


@pytest.mark.parametrize(
    "one",
    [
        captions("zuko, a", "zuko, b"), captions("zuko, a", "zuko, b", shuffle=True, keep_tokens=1),
        captions("zuko, a", "b, zuko", shuffle=True), captions("zuko, a", "zuko, a", shuffle=True),
        captions("zuko ||| a", "zuko ||| b", shuffle=True, keep_separator="|||"), captions("zuko, a", shuffle=True),
    ],
)  # fmt: skip
def test_nothing_is_proposed_where_nothing_moves_or_nothing_is_shared(one):
    assert "lint_same_start" not in found(one)


def test_each_folder_may_open_with_its_own_tag():
    zuko = captions("zuko, solo, a", "zuko, solo, b", shuffle=True)
    iroh = captions("iroh, c", "iroh, d", folder="5_iroh", shuffle=True)
    odd = found(zuko, iroh)["lint_same_start"]
    assert odd.cure == Cure("keep_tokens", 1)
    assert odd.found.params["tags"] == 'zuko" / "iroh'


def test_a_prefix_is_the_first_tag():
    one = captions("smile", "red hair", prefix="zuko,", shuffle=True)
    assert found(one)["lint_same_start"].cure == Cure("keep_tokens", 1)


def test_one_sided_tags_speak_against_mirroring():
    odd = found(captions("zuko, eyepatch", "zuko, smile", flipped=True))["lint_flipped"]
    assert (odd.cure, names(odd)) == (Cure("flip_aug", False), ["0.txt"])
    assert found(captions("zuko, eyepatch")) == {}


def test_a_dataset_files_own_settings_are_not_cured_in_the_form():
    odd = found(captions("zuko, eyepatch, a", "zuko, eyepatch, b", flipped=True, shuffle=True, in_form=False))
    assert {advice.cure for advice in odd.values()} == {None}


@pytest.mark.parametrize(
    "tag", ["heterochromia", "eyepatch", "medical_eyepatch", "text", "English Text", "asymmetrical hair",
            "hair over one eye", "mole under eye", "single braid", "left-handed", "watermark"],
)  # fmt: skip
def test_what_has_a_side_is_known(tag):
    assert is_one_sided(tag)


@pytest.mark.parametrize("tag", ["smile", "red hair", "texture", "context menu", "bright", "closed eyes", ""])
def test_what_has_none_is_left_alone(tag):
    assert not is_one_sided(tag)


texts = st.text(st.sampled_from("ab_ ,，()[]{}|:1.\\\n é中🙂"), max_size=40)
rules = st.builds(
    CaptionRules, prefix=texts, wildcards=st.booleans(), shuffle=st.booleans(), weighted=st.booleans(),
    keep_tokens=st.integers(0, 3), keep_separator=st.sampled_from(["", "|||"]), separator=st.sampled_from([",", ";"]),
)  # fmt: skip


@given(st.lists(st.none() | texts, max_size=5), rules, st.booleans())
def test_any_captions_can_be_checked_and_every_finding_names_files_of_the_set(given_texts, its_rules, flipped):
    one = captions(*given_texts, flipped=flipped, **vars(its_rules))
    known = {each.path for each in one.captions} | {each.image for each in one.captions}
    for advice in lint([one]):
        assert advice.found.text
        assert set(advice.files) <= known
        assert advice.files or advice.code == "lint_same_start"


@given(st.lists(st.lists(st.sampled_from(["a", "b", "c", "d"]), min_size=1, max_size=5, unique=True), min_size=1))
def test_the_shared_opening_is_as_long_as_it_can_be(tags):
    shared = opening(tags)
    if shared is None:
        assert len({tuple(each) for each in tags}) == 1
        return
    assert len({tuple(each[:shared]) for each in tags}) == 1
    assert any(len(each) == shared for each in tags) or len({each[shared] for each in tags}) > 1


@given(st.lists(st.sampled_from(["zuko", "solo", "smile", "red hair"]), min_size=1, max_size=4, unique=True),
       st.integers(0, 99))  # fmt: skip
def test_kept_as_proposed_the_opening_stays_in_front_of_every_draw(rest, seed):
    one = captions("zuko 1, " + ", ".join(rest), "zuko 1, other", shuffle=True)
    cure = found(one)["lint_same_start"].cure
    kept = CaptionRules(shuffle=True, keep_tokens=int(cure.value))
    for caption in one.captions:
        assert draw_caption(caption.text, kept, Random(seed), Moment()).startswith("zuko 1")


@given(texts, st.integers(1, 20))
def test_what_is_lost_is_the_end_and_only_of_what_is_too_long(text, limit):
    fit = look(text, CaptionRules(), limit).fit
    assert (fit.count > limit) or fit.lost == ""
