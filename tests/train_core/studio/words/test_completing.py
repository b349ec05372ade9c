"""Completing tags: what is offered, from the dataset, a site's list and our own words; and somebody's categories."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.words.categories import CATEGORIES, ORDERS
from train_core.studio.words.completing import Offer, offers
from train_core.studio.words.own_categories import OwnCategories, keep, of, own_categories
from train_core.studio.words.tag_list import Match, TagList, read

LIST = (
    "name,type,count,aliases\n"
    '1girl,0,6000000,"1girls,sole_female"\n'
    "blue_eyes,0,1900000,\n"
    'hatsune_miku,4,120000,"miku,初音ミク"\n'
    "hat,0,1300000,\n"
    'saber_(fate),4,50000,\n'
    "hatter_(artist),1,40,\n"
    "^_^,0,90000,\n"
    "torn,0,not a number,\n"
)


@pytest.fixture
def site(tmp_path: Path) -> TagList:
    (tmp_path / "danbooru.csv").write_text(LIST, encoding="utf-8")
    return read(tmp_path / "danbooru.csv")


def test_the_most_frequent_tags_come_first_and_aliases_lead_to_theirs(site: TagList):
    assert len(site) == 7
    assert [one.tag for one in site.matches("hat", 9)] == ["hat", "hatsune miku", "hatter (artist)"]
    assert site.matches("Hat", 1) == [Match("hat", 1300000, 0)]
    assert site.matches("初", 9) == [Match("hatsune miku", 120000, 4, "初音ミク")]
    assert site.matches("ey", 9) == [Match("blue eyes", 1900000, 0)]
    assert site.matches("", 9) == []
    assert site.matches("^_^", 9)[0].tag == "^_^"
    assert (site.type_of("saber \\(fate\\)"), site.type_of("hat"), site.type_of("zzz")) == (4, 0, None)


def test_tags_of_the_dataset_are_offered_before_those_of_the_site(site: TagList):
    here = {"red hat": 3, "Hat": 9, "smile": 30}
    found = offers("hat", here, site)
    assert found[:4] == [
        Offer("Hat", 9, 1300000), Offer("red hat", 3, 0), Offer("hatsune miku", 0, 120000),
        Offer("hatter (artist)", 0, 40),
    ]  # fmt: skip
    assert offers("miku", {}, site)[0] == Offer("hatsune miku", 0, 120000, "miku")
    assert offers("saber", {"a \\(b\\)": 1}, site)[0].tag == "saber \\(fate\\)"
    assert "cowboy shot" in [one.tag for one in offers("cowb", {}, None)]
    assert offers("", here, site) == [] and len(offers("s", here, site, most=5)) == 5


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=400))
def test_any_text_is_a_list_whose_tags_are_found_again(tmp_path_factory: pytest.TempPathFactory, text: str):
    path = tmp_path_factory.mktemp("list") / "x.csv"
    path.write_text(text + "\nkite,0,5,dragon\n", encoding="utf-8")
    try:
        found = read(path)
    except ValueError:  # such as a field that is too long
        return
    assert all(found.type_of(one.tag) == one.type for one in found.matches("k", 50))


def test_somebodys_order_and_tags_are_kept_and_sort_captions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, site: TagList
):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    assert own_categories() == OwnCategories()
    keep(of({"order": ["quality", "nonsense", "hair"], "tags": {"Kite_String": "action", "x": "nothing"}}))
    own = own_categories()
    assert own.order[:3] == ("quality", "hair", "character") and sorted(own.order) == sorted(CATEGORIES)
    assert own.tags == {"kite string": "action"}
    (tmp_path / "home" / "tag_categories.json").write_text("{")
    assert own_categories() == OwnCategories()
    categories = own.categories(site.type_of)
    assert [categories.of(tag) for tag in ("kite string", "saber (fate)", "hatter (artist)", "hat", "qwertz")] == [
        "action", "character", "artist", "clothes", "object",
    ]  # fmt: skip
    assert categories.sort(["hat", "long hair", "masterpiece", "zuko"], ["zuko"]) == [
        "zuko", "masterpiece", "long hair", "hat",
    ]  # fmt: skip


def test_ready_orders_have_all_categories_and_the_second_begins_with_quality():
    assert all(sorted(order) == sorted(CATEGORIES) for order in ORDERS.values())
    categories = OwnCategories(ORDERS["quality"]).categories()
    tags = ["long hair", "artist:wlop", "watercolor (medium)", "1girl", "masterpiece"]
    assert categories.sort(tags) == ["masterpiece", "1girl", "watercolor (medium)", "artist:wlop", "long hair"]


@given(st.recursive(st.none() | st.text(max_size=5) | st.integers(), lambda one: st.lists(one) | st.dictionaries(
    st.sampled_from(["order", "tags", "a"]), one)))  # fmt: skip
def test_anything_gives_categories(given: object):
    assert sorted(of(given).order) == sorted(CATEGORIES)
