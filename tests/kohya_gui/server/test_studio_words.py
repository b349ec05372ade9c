"""The Data tab's routes for words: completing, from a list in the home or beside a WebUI, and categories of tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.files.reach import EVERYWHERE
from kohya_gui.preferring import name_webui
from kohya_gui.server.studio.routes import studio_routes
from kohya_gui.server.studio.site_tags import SiteTags
from tests.kohya_gui.server.test_studio_routes import Page, Unmeasured
from tests.pictures import noise_image


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def opened(tmp_path: Path, site: SiteTags, captions: dict[str, str]) -> Page:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, (name, caption) in enumerate(captions.items()):
        noise_image((40, 30), number).save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(caption, encoding="utf-8")
    return Page(TestClient(Starlette(routes=studio_routes("en", EVERYWHERE, Unmeasured(), site))), folder)


def a_webui(folder: Path) -> Path:
    """The folder for lists of tags in a new WebUI."""
    (folder / "models" / "Stable-diffusion").mkdir(parents=True)
    (folder / "webui.py").write_text("")
    tags = folder / "extensions" / "a1111-sd-webui-tagcomplete" / "tags"
    tags.mkdir(parents=True)
    name_webui(str(folder))
    return tags


def test_the_list_beside_a_webui_completes_and_knows_categories(tmp_path: Path):
    tags = a_webui(tmp_path / "webui")
    (tags / "extra-quality-tags.csv").write_text("masterpiece,5,9,\n" * 50)
    (tags / "danbooru.csv").write_text('qwertz_zuko,4,70,"fire_prince"\n')
    site = SiteTags()
    page = opened(tmp_path, site, {"a": "1girl, firework"})
    assert site.wait() is not None
    assert page.ask("complete", letters="fire")["offers"] == [
        ["firework", 1, 0, "", "object"], ["qwertz zuko", 0, 70, "fire prince", "character"],
    ]  # fmt: skip
    (tags / "danbooru.csv").write_text("fireball,0,5,\n")
    site.wait()
    assert "fireball" in [one[0] for one in page.ask("complete", letters="fireb")["offers"]]


@pytest.mark.parametrize("letters", [None, 3, [], {}, "", " ", "\0", "x" * 10_000])
def test_letters_that_are_none_offer_nothing(tmp_path: Path, letters: Any):
    assert opened(tmp_path, SiteTags(), {"a": "1girl"}).ask("complete", letters=letters) == {"offers": []}


def test_a_file_that_is_no_list_offers_nothing_and_harms_nothing(tmp_path: Path, home: Path):
    (home / "tags").mkdir(parents=True)
    (home / "tags" / "danbooru.csv").write_bytes(b"\xff\x00\xd8" * 99)
    site = SiteTags()
    page = opened(tmp_path, site, {"a": "1girl"})
    assert site.wait() is None
    assert page.ask("complete", letters="1g")["offers"][0][0] == "1girl"


def test_sorting_goes_by_the_chosen_order_and_the_tags_table_shows_categories(tmp_path: Path):
    page = opened(tmp_path, SiteTags(), {"a": "long hair, kite, 1girl, masterpiece"})
    assert {tag: kind for tag, _, kind in page.ask("side")["tags"]} == {
        "long hair": "hair", "kite": "object", "1girl": "character", "masterpiece": "quality",
    }  # fmt: skip
    kept = page.ask("put_categories", order=page.ask("categories")["orders"]["quality"], tags={"kite": "action"})
    assert kept["order"][0] == "quality" and kept["tags"] == {"kite": "action"}
    page.ask("tags", scope="all", do="sort", tag="", into="")
    assert (tmp_path / "pictures" / "a.txt").read_text() == "masterpiece, 1girl, long hair, kite"
    assert page.ask("put_categories", order=7, tags="x")["order"][0] == "character"


def test_what_is_there_is_told_with_pictures(tmp_path: Path):
    captions = {f"{number}": "zuko, smile, <b>background" for number in range(8)} | {"8": "zuko", "9": ""}
    page = opened(tmp_path, SiteTags(), captions)
    ids = page.ids()
    page.ask("mark", pictures=[ids["0.png"]], mark="r")
    found = {one["words"]: one for one in page.ask("coverage")["statements"]}
    smiling = found["7 of 8 smile, so the smile may be learnt as part of the subject."]
    assert smiling["pictures"] == [ids[f"{number}.png"] for number in range(1, 8)]
    assert smiling["others"] == [ids["8.png"], ids["9.png"]]
    assert found["No picture from behind."]["pictures"] == []
    assert found["Without a caption: 1 of 9."]["pictures"] == [ids["9.png"]]
    assert page.ask("list", filter="folder:beach")["order"] == []
    assert "error" in page.ask("coverage", filter="side>=x")
