"""Proofreading: the tutorials' worked examples, and what is found in a set of captions."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.proofreading import Finding, proofread, redundant
from train_core.studio.tag_edits import bind, edit_of
from train_core.studio.words.categories import CATEGORIES, USUAL, rules


def tags(text: str) -> list[str]:
    return text.split(", ")


# The worked example of the tutorial that our users follow most.
RAW = tags(
    "1girl, antenna hair, bangs, blue skirt, blush, brown eyes, brown footwear, brown hair, full body, "
    "furukawa nagisa, hair ornament, hairclip, hikarizaka private high school uniform, jacket, kneehighs,"
    " loafers, long sleeves, looking at viewer, miniskirt, own hands together, pleated skirt, sailor "
    "collar, school uniform, shoes, short hair, simple background, skirt, socks, solo, standing, white "
    "background, white sailor collar, white socks"
)  # fmt: skip
SORTED = tags(
    "furukawa nagisa, solo, 1girl, full body, standing, looking at viewer, antenna hair, short hair, "
    "brown hair, hair ornament, hairclip, brown eyes, bangs, blush, own hands together, sailor collar, "
    "white sailor collar, jacket, school uniform, hikarizaka private high school uniform, long sleeves, "
    "skirt, miniskirt, pleated skirt, blue skirt, socks, white socks, kneehighs, shoes, loafers, brown "
    "footwear, white background, simple background"
)  # fmt: skip
PRUNED = tags(
    "furukawa nagisa, full body, standing, looking at viewer, antenna hair, short hair, brown hair, "
    "hairclip, brown eyes, bangs, blush, own hands together, white sailor collar, yellow jacket, "
    "hikarizaka private high school uniform, long sleeves, pleated skirt, blue skirt, white socks, "
    "kneehighs, brown footwear, loafers, white background, simple background"
)  # fmt: skip
TRIGGER = "furukawa nagisa"


def places(found: list[str]) -> list[int]:
    """The categories' numbers, view and shot as one, in the order of the tags behind the trigger."""
    names = ["view" if USUAL.of(tag) == "shot" else USUAL.of(tag) for tag in found if tag != TRIGGER]
    return [CATEGORIES.index(name) for name in names]


def test_the_tutorials_sorting_never_falls_in_our_categories():
    assert places(SORTED) == sorted(places(SORTED))
    completed = [*PRUNED[:2], "from side", *PRUNED[2:]]
    assert places(completed) == sorted(places(completed))


def test_sorting_is_a_permutation_that_never_falls():
    found = USUAL.sort(RAW, [TRIGGER])
    assert found[0] == TRIGGER and sorted(found) == sorted(SORTED)
    assert places(found) == sorted(places(found))
    assert USUAL.sort(found, [TRIGGER]) == found


def test_what_the_tutorial_prunes_is_proposed_and_nothing_else():
    found = redundant(SORTED)
    assert {tag for tag, (kind, _) in found.items() if kind == "part"} == {
        "sailor collar", "school uniform", "skirt", "socks",
    }  # fmt: skip
    assert {tag: because for tag, (kind, because) in found.items() if kind == "implied"} == {
        "hair ornament": ("hairclip",), "shoes": ("loafers",),
    }  # fmt: skip
    assert not set(found) & set(PRUNED)


def test_binding_takes_what_belongs_to_the_subject_into_its_name():
    before = tags(
        "1boy, cooking, frying pan, male focus, solo, gloves, apron, fire, brown footwear, black gloves, "
        "boots, stove, kitchen, holding, facial hair, bandana, blue shirt, shirt"
    )  # fmt: skip
    after = tags(
        "Smith, cooking, frying pan, male focus, solo, gloves, apron, fire, brown footwear, black gloves, "
        "boots, stove, kitchen, holding, bandana, blue shirt, shirt"
    )  # fmt: skip
    assert bind(before, ["Smith"], ["1boy", "facial hair"]) == after
    assert bind(after, ["Smith"], ["1boy", "facial hair"]) == after
    assert edit_of("bind", "Smith", "1boy, facial hair")(", ".join(before)) == ", ".join(after)
    assert edit_of("sort", TRIGGER, "")(", ".join(RAW)) == ", ".join(USUAL.sort(RAW, [TRIGGER]))


def test_splitting_renames_a_tag_in_the_chosen_pictures():
    captions = {1: "tree, leaf", 2: "leaf, sky", 3: "leaf"}
    for id, name in ((1, "maple leaves"), (2, "Banyan leaves"), (3, "Mint leaf")):
        captions[id] = edit_of("rename", "leaf", name)(captions[id])
    assert captions == {1: "tree, maple leaves", 2: "Banyan leaves, sky", 3: "Mint leaf"}


def test_twelve_boys_in_a_womans_pictures_are_found():
    captions = {id: ["1girl", "solo", "smile"] for id in range(40)}
    for id in range(12):
        captions[id] = ["1girl", "1boy", "solo"]
    (found,) = [one for one in proofread(captions) if one.kind == "contradiction"]
    assert found == Finding("contradiction", "1boy", tuple(range(12)), ("1girl", "solo"))


def test_rare_tags_of_a_large_set_are_named_and_none_of_a_small_one():
    captions = {id: ["1girl", "hat" if id == 5 else "smile"] for id in range(60)}
    assert [one.tag for one in proofread(captions) if one.kind == "rare"] == ["hat"]
    assert proofread({id: captions[id] for id in range(10)}) == []


def test_what_most_look_alikes_have_is_missing():
    captions = {1: ["1girl", "hat"], 2: ["1girl", "hat"], 3: ["1girl"], 4: ["solo"]}
    assert Finding("missing", "hat", (3,)) in proofread(captions, [(1, 2, 3)])
    assert not [one for one in proofread(captions, [(1, 3)]) if one.kind == "missing"]


def test_doubled_tags_are_named():
    assert redundant(["hat", "Hat", "solo"]) == {"hat": ("doubled", ("hat",))}


@pytest.mark.parametrize(
    ("tag", "category"),
    [
        ("closed eyes", "face"), ("long hair", "hair"), ("blue eyes", "face"), ("red skirt", "clothes"),
        ("sword", "object"), ("night", "time"), ("rain", "weather"), ("from behind", "view"), ("long_hair", "hair"),
        ("cowboy shot", "shot"),
        ("holding sword", "action"), ("cat ears", "body"), ("simple background", "scene"), ("^_^", "face"),
    ],
)  # fmt: skip
def test_tags_are_about_what_people_think(tag: str, category: str):
    assert USUAL.of(tag) == category


def test_there_are_enough_rules_and_each_has_its_category():
    known = rules()
    assert len(known.exact) + len(known.patterns) >= 600
    assert {*known.exact.values(), *(one[2] for one in known.patterns)} == set(CATEGORIES)


@given(st.lists(st.text(max_size=12), max_size=12), st.lists(st.text(max_size=12), max_size=3))
def test_sorting_loses_and_adds_nothing(found, trigger):
    assert sorted(USUAL.sort(found, trigger)) == sorted(
        [*dict.fromkeys(one for one in trigger if one in found), *(one for one in found if one not in trigger)]
    )
    proofread(dict(enumerate([found, trigger])), [(0, 1)])
