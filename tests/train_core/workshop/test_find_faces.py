"""Looking for faces in a folder: what the report says, what is kept, stops, and files that are no pictures."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.photographs import astronaut, coffee, hopper
from tests.pictures import noise_image
from tests.train_core.workshop.conftest import RunTool, errors, stopping_after, table
from train_core.studio.dataset import dataset_of
from train_core.studio.listing import Listing
from train_core.studio.studio import Studio
from train_core.studio.vision import found as vision
from train_core.studio.vision.found import Found, found
from train_core.studio.vision.looker import Looker
from train_core.workshop.common.report import Report


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(astronaut(), folder / "astronaut.png")
    shutil.copy(hopper(), folder / "deep" / "hopper.jpg")
    shutil.copy(coffee(), folder / "coffee.png")
    (folder / "broken.png").write_bytes(b"nothing")
    return folder


def test_the_report_counts_what_filters_then_find(run_tool: RunTool, source: Path):
    events = run_tool("find_faces", pictures=source)
    counts = dict(table(events, "found"))
    assert {name: counts[name] for name in ("faces:0", "faces:1", "faces>=2", "person")} == {
        "faces:0": 1, "faces:1": 2, "faces>=2": 0, "person": 2,
    }  # fmt: skip
    assert {row[0] for row in table(events, "on_pictures")} >= {"astronaut.png", str(Path("deep", "hopper.jpg"))}
    [warning] = [event for event in events if event["kind"] == "warning"]
    assert warning["code"] == "image_unreadable" and "broken.png" in warning["params"]["path"]
    listing = Listing(Studio(dataset_of(source)))
    assert listing.order("faces>=0") == [] and "person" not in dict(listing.facets(listing.order("")))
    listing.take_found()
    names = {name: [listing.studio.facts[id].name for id in listing.order(name)] for name in counts}
    assert {name: len(found) for name, found in names.items()} == counts == {
        name: count for name, count in listing.facets(listing.order("")) if name in counts
    }  # fmt: skip
    assert names["faces:0"] == ["coffee.png"]
    assert listing.studio.facts[listing.order("", "faces")[0]].name == "coffee.png"


def test_only_what_was_asked_for_is_looked_for_and_the_rest_stays_unknown(run_tool: RunTool, source: Path):
    events = run_tool("find_faces", pictures=source, look_for_faces=False, look_for_people=False)
    assert [row[0] for row in table(events, "found")] == ["text"]
    seen = found(source / "astronaut.png")
    assert seen is not None and seen.looked == {"text"}
    listing = Listing(Studio(dataset_of(source)))
    listing.take_found()
    assert listing.order("faces:0") == [] == listing.order("person") and len(listing.order("-person")) == 3
    assert {"text"} == {"text", "person", "faces:0"} & dict(listing.facets(listing.order(""))).keys()


def test_a_stopped_tool_goes_on_where_it_was(run_tool: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(3):
        noise_image((40, 40), number).save(folder / f"{number}.png")
    looked_at: list[str] = []

    class Quick(Looker):
        def __init__(self) -> None:
            self.finders = {"faces": lambda path: looked_at.append(path.name) or []}

    monkeypatch.setattr("train_core.studio.vision.looker.Looker", Quick)
    monkeypatch.setattr("train_core.workshop.find_faces.AT_ONCE", 1)
    only = {"look_for_people": False, "look_for_text": False}
    with monkeypatch.context() as stopped:
        stopped.setattr(Report, "stage", stopping_after(2))
        assert run_tool("find_faces", pictures=folder, **only)[-1]["status"] == "stopped"
    assert looked_at == ["0.png", "1.png"]
    assert run_tool("find_faces", pictures=folder, **only)[-1]["status"] == "completed"
    assert looked_at == ["0.png", "1.png", "2.png"]
    assert found(folder / "0.png") == Found(looked=frozenset({"faces"}))


def test_nothing_to_look_for_and_no_pictures_are_told(run_tool: RunTool, source: Path, tmp_path: Path):
    nothing = {"look_for_faces": False, "look_for_people": False, "look_for_text": False}
    assert errors(run_tool("find_faces", pictures=source, **nothing)) == ["find_nothing"]
    (tmp_path / "empty").mkdir()
    assert errors(run_tool("find_faces", pictures=tmp_path / "empty")) == ["studio_no_pictures"]


def test_a_listing_asks_again_only_after_somebody_has_looked(source: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    listing = Listing(Studio(dataset_of(source)))
    asked: list[int] = []
    known = vision.known
    monkeypatch.setattr(vision, "known", lambda paths: asked.append(len(paths)) or known(paths))
    listing.take_found()
    listing.take_found()
    vision.look(source / "coffee.png")
    listing.take_found()
    vision.look(source / "coffee.png")
    listing.take_found()
    assert asked == [3, 3] and len(listing.order("faces:0")) == 1
