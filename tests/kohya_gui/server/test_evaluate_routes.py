"""The routes of the Evaluate tab: the evaluations there are, cells and marks, pictures, and what nobody may ask for."""

from __future__ import annotations

import io
import json
import re
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.server.evaluate import export
from kohya_gui.server.evaluate.routes import evaluate_routes
from tests.grids import draw, grid_folder
from tests.train_core.facts.scores.test_verdict import TRIAL, scores
from tests.trained import trained_run
from train_core.config.places import evaluations_dir
from train_core.facts.grids.folder import GRID_FILE, OriginalFacts
from train_core.facts.grids.marks import read_marks
from train_core.facts.grids.sheet import write_sheets
from train_core.facts.images.image_files import content_hashes
from train_core.facts.scores.scores import Scores, write_scores

AXES = {"file": ("1", "2", "3"), "weight": ("0.5", "1"), "seed": ("7", "8")}
HOSTILE = "</dd><script>alert(1)</script>"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


@pytest.fixture
def client() -> TestClient:
    return TestClient(Starlette(routes=evaluate_routes("en")))


def ask(client: TestClient, name: str, **asked: Any) -> dict[str, Any]:
    answer = client.post(f"/evaluate/{name}", json=asked)
    assert answer.status_code == 200
    return answer.json()


def test_evaluations_are_listed_the_newest_first_and_a_broken_one_says_why(client: TestClient) -> None:
    assert ask(client, "list") == {"evaluations": []}
    grid_folder(evaluations_dir() / "fox", AXES, missing=(4, 5))
    broken = evaluations_dir() / "broken" / GRID_FILE
    broken.parent.mkdir()
    broken.write_text("{}", encoding="utf-8")
    (evaluations_dir() / "no grid").mkdir()
    other, fox = ask(client, "list")["evaluations"]
    assert other["name"] == "broken"
    assert "cannot be read" in other["refused"]
    assert (fox["id"], fox["cells"], fox["drawn"]) == ("fox", 12, 10)
    assert fox["axes"] == [["Epoch", 3], ["Weight", 2], ["Seed", 2]]
    assert len(fox["shown"]) == 4


def test_cells_stand_by_their_axes_and_appear_while_they_are_drawn(client: TestClient) -> None:
    folder = grid_folder(evaluations_dir() / "fox", AXES, missing=(4,))
    facts = folder.facts()
    assert facts is not None
    opened = ask(client, "open", id="fox")
    names = opened["names"]
    assert [names[place] for place in opened["cells"]] == list(facts.cells)
    assert [names[place] for place in opened["without"]] == list(facts.without)
    assert opened["ratio"] == 1.5
    assert [place for place, drawn in enumerate(opened["drawn"]) if drawn == "0"] == [opened["cells"][4]]
    assert ask(client, "pulse", id="fox", sum=opened["sum"]) == {"stamp": opened["stamp"]}
    draw(folder, facts.cells[4])
    later = ask(client, "pulse", id="fox", sum=opened["sum"])
    assert set(later["drawn"]) == {"1"}
    folder.write(facts.model_copy(update={"seeds": (7, 8)}))
    assert ask(client, "pulse", id="fox", sum=later["sum"])["stamp"] != opened["stamp"]


def test_marks_are_kept_and_rank_epochs_and_weights_but_no_seeds(client: TestClient) -> None:
    folder = grid_folder(evaluations_dir() / "fox", AXES)
    opened = ask(client, "open", id="fox")
    names, cells = opened["names"], opened["cells"]
    for place, mark in ((4, "good"), (5, "good"), (0, "good"), (1, "bad"), (6, "bad"), (6, "none")):
        found = ask(client, "mark", id="fox", picture=names[cells[place]], mark=mark)
    assert len(read_marks(folder.path)) == 4
    assert found["marks"].count("g") == 3
    assert found["marks"].count("b") == 1
    ranked = {one["axis"]: [(value, good, bad) for value, good, bad, *_ in one["values"]] for one in found["ranking"]}
    assert ranked == {0: [(1, 2, 0), (0, 1, 1), (2, 0, 0)], 1: [(0, 3, 1), (1, 0, 0)]}
    again = TestClient(Starlette(routes=evaluate_routes("en")))
    assert ask(again, "open", id="fox")["marks"] == found["marks"]


def test_pictures_come_whole_and_small_and_are_kept_by_browsers(client: TestClient) -> None:
    folder = grid_folder(evaluations_dir() / "fox", AXES, missing=(0,))
    facts = folder.facts()
    assert facts is not None
    drawn, missing = facts.cells[1], facts.cells[0]
    Image.new("RGB", (700, 350), "navy").save(folder.picture(drawn))
    whole, small = (client.get(f"/evaluate/fox/{kind}/{drawn}") for kind in ("full", "small"))
    assert whole.content == folder.picture(drawn).read_bytes()
    assert Image.open(io.BytesIO(small.content)).size == (320, 160)
    assert all("immutable" in answer.headers["cache-control"] for answer in (whole, small))
    assert client.get(f"/evaluate/fox/full/{missing}").status_code == 404


@pytest.mark.parametrize("id", ["", ".", "..", "../fox", "..\\fox", "fox/../fox", "none", "fo\0x"])
def test_what_is_no_evaluation_is_refused_in_words(client: TestClient, id: str) -> None:
    grid_folder(evaluations_dir() / "fox", AXES)
    for name in ("open", "pulse", "mark", "facts"):
        assert "no longer there" in ask(client, name, id=id)["error"]


def test_nothing_but_pictures_of_the_grid_is_given_or_marked(client: TestClient) -> None:
    folder = grid_folder(evaluations_dir() / "fox", AXES)
    Image.new("RGB", (8, 8)).save(folder.picture("another"))
    for address in ("fox/full/another", "fox/full/..%2F..%2Fgrid.json", "..%2Fevaluations%2Ffox/full/another",
                    "fox/small/another", "assets/..%2F..%2Fpage.py"):  # fmt: skip
        assert client.get(f"/evaluate/{address}").status_code == 404
    for asked in ({"picture": "another", "mark": "good"}, {"picture": ["x"], "mark": "good"}, {"mark": []}):
        assert "error" in ask(client, "mark", id="fox", **asked)
    assert read_marks(folder.path) == {}


def test_a_hostile_prompt_is_shown_as_text(client: TestClient) -> None:
    folder = grid_folder(evaluations_dir() / "fox", AXES, prompt=HOSTILE)
    facts = folder.facts()
    assert facts is not None
    html = ask(client, "facts", id="fox", picture=facts.cells[0])["html"]
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "Euler a" in html


def test_what_is_shown_is_downloaded_as_a_picture_or_in_pieces(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    grid_folder(evaluations_dir() / "狐", AXES)
    address = "/evaluate/狐/sheet?across=0&down=1&at=0,0,1&base=column"
    whole = client.get(address)
    assert whole.headers["content-disposition"] == "attachment; filename*=UTF-8''%E7%8B%90.png"
    picture = Image.open(io.BytesIO(whole.content))
    assert picture.info["parameters"].endswith(
        'Script: X/Y/Z plot, X Type: LoRA, X Values: "1,2,3", Y Type: LoRA weight, Y Values: "0.5,1"'
    )
    monkeypatch.setattr(export, "write_sheets", partial(write_sheets, most=picture.width * picture.height - 1))
    with zipfile.ZipFile(io.BytesIO(client.get(address).content)) as pieces:
        assert len(pieces.namelist()) == 2


@pytest.mark.parametrize("asked", [
    "", "across=0&down=0&at=0,0,0", "across=3&at=0,0,0", "across=x&at=0,0,0", "across=0&down=1&at=0,0", "at=0,0,-1",
    "at=0,0,2", "across=-2&at=0,0,0",
])  # fmt: skip
def test_what_is_not_in_the_grid_is_not_downloaded(client: TestClient, asked: str) -> None:
    grid_folder(evaluations_dir() / "fox", AXES)
    for kind in ("sheet", "page"):
        assert client.get(f"/evaluate/fox/{kind}?{asked}").status_code == 404


def test_a_page_of_its_own_has_all_pictures_and_escapes_what_is_in_it(client: TestClient) -> None:
    folder = grid_folder(evaluations_dir() / "fox", {"file": (HOSTILE, "2")}, prompt=HOSTILE, missing=(1,))
    facts = folder.facts()
    assert facts is not None
    page = client.get("/evaluate/fox/page?across=0&at=0").text
    assert "alert(1)" in page
    assert "<script>alert" not in page
    assert page.count("<script") == page.count("</script>") == 3
    assert page.count("data:image/png;base64,") == 2
    assert "import {" not in page


def scored(folder: Path, held_out: Path | None = None) -> None:
    """Scores of the files fox-000002, 4, 8 and 12 as they were on the demo; `held_out` are pictures `0.png`, …"""
    folder.mkdir()
    text = scores(TRIAL).model_dump_json()
    found = Scores.model_validate_json(re.sub(r'"e(\d+)"', lambda e: f'"fox-{int(e[1]):06d}.safetensors"', text))
    if held_out is not None:
        pictures = tuple(
            one.model_copy(update={"name": f"{held_out.name}/{one.name}.png", "content": content})
            for one, content in zip(
                found.pictures["held_out"], content_hashes(sorted(held_out.iterdir())).values(), strict=True
            )
        )
        update = {"held_out": str(held_out), "pictures": {**found.pictures, "held_out": pictures}}
        found = found.model_copy(update=update)
    write_scores(found, folder)


def test_scores_of_the_same_files_say_which_to_use_and_marks_override_them(client: TestClient) -> None:
    files = ("fox-000004", "fox-000012")
    folder = grid_folder(evaluations_dir() / "fox", {"file": files, "weight": ("0.5", "1")})
    cells = folder.facts().cells  # type: ignore[union-attr]
    assert "No scores of these files yet" in ask(client, "verdict", id="fox")["html"]
    ask(client, "mark", id="fox", picture=cells[2], mark="good")
    assert "Use fox-000012 at 0.5" in ask(client, "verdict", id="fox")["html"]
    ask(client, "mark", id="fox", picture=cells[2], mark="none")
    scored(evaluations_dir() / "fox scores")
    said = ask(client, "verdict", id="fox")["html"]
    assert "Use fox-000004 at 1" in said
    assert said.count("<circle") == 5
    ask(client, "mark", id="fox", picture=cells[2], mark="good")
    said = ask(client, "verdict", id="fox")["html"]
    assert "Use fox-000012 at 0.5" in said
    assert "They override the numbers" in said


def test_the_pictures_that_differ_most_are_shown_as_long_as_they_are_the_same(
    client: TestClient, tmp_path: Path
) -> None:
    grid_folder(evaluations_dir() / "fox", {"file": ("fox-000004", "fox-000012")})
    held_out = tmp_path / "held out"
    held_out.mkdir()
    for place in range(8):
        Image.new("RGB", (40, 20), (place, 0, 0)).save(held_out / f"{place}.png")
    scored(evaluations_dir() / "fox scores", held_out)
    said = ask(client, "verdict", id="fox")["html"]
    addresses = re.findall(r'<img src="(evaluate/fox/held_out/\d)"', said)
    assert len(addresses) == 3
    assert re.search(r"<figcaption>\+\d+ % / \+\d+ %</figcaption>", said)
    assert Image.open(io.BytesIO(client.get(f"/{addresses[0]}").content)).size == (40, 20)
    Image.new("RGB", (40, 20), "white").save(held_out / f"{addresses[0][-1]}.png")
    assert client.get(f"/{addresses[0]}").status_code == 404
    assert client.get("/evaluate/fox/held_out/8").status_code == 404
    assert client.get("/evaluate/none/held_out/1").status_code == 404


def test_the_picture_whose_caption_a_prompt_is_stands_beside_it_as_long_as_it_is_the_same(
    client: TestClient, tmp_path: Path
) -> None:
    folder, picture = grid_folder(evaluations_dir() / "fox", {"file": ("1",), "prompt": ("a", "b")}), tmp_path / "b.png"
    Image.new("RGB", (40, 20), "red").save(picture)
    content = content_hashes([picture])[picture]
    facts = folder.facts()
    assert facts is not None
    folder.write(facts.model_copy(update={"originals": (None, OriginalFacts(path=str(picture), content=content))}))
    assert ask(client, "open", id="fox")["originals"] == ["", "evaluate/fox/original/1"]
    shown = client.get("/evaluate/fox/original/1")
    assert Image.open(io.BytesIO(shown.content)).size == (40, 20)
    page = client.get("/evaluate/fox/page?across=0&down=1&at=0,0").text
    assert page.count("data:image/webp;base64,") == 1
    assert client.get("/evaluate/fox/original/0").status_code == 404
    Image.new("RGB", (40, 20), "white").save(picture)
    assert client.get("/evaluate/fox/original/1").status_code == 404
    folder.write(facts.model_copy(update={"originals": (None,)}))
    assert "cannot be read" in ask(client, "open", id="fox")["error"]


def test_losses_of_the_training_stand_beside_the_labels_of_its_files(client: TestClient, tmp_path: Path) -> None:
    trained_run("20260101-000000-fox", tmp_path)
    files = ("fox-000002", "fox-000003", "another")
    grid_folder(evaluations_dir() / "fox", {"weight": ("0.5", "1"), "file": files})
    notes = ask(client, "notes", id="fox")["notes"]
    assert notes == {"1": [
        {"short": "0.2500 · 0.1250", "long": "Loss in training: 0.2500\nLoss on validation pictures: 0.1250"},
        {"short": "0.1667 · 0.0833", "long": "Loss in training: 0.1667\nLoss on validation pictures: 0.0833"},
        {"short": "", "long": ""},
    ]}  # fmt: skip
    grid_folder(evaluations_dir() / "owl", {"file": ("owl",)})
    assert ask(client, "notes", id="owl")["notes"] == {}


def test_the_weight_that_is_used_goes_into_the_card_that_is_there(client: TestClient, tmp_path: Path) -> None:
    trained_run("20260101-000000-fox", tmp_path)
    folder = grid_folder(evaluations_dir() / "fox", {"file": ("fox-000002",), "weight": ("0.5", "0.8")})
    file = tmp_path / "out" / "fox-000002.safetensors"
    file.with_suffix(".json").write_text('{"activation text": "zorro", "mine": [1]}', encoding="utf-8")
    answer = ask(client, "use", id="fox", file=file.name, weight=0.8)
    assert 'data-run="20260101-000000-fox"' in answer["html"]
    assert json.loads(file.with_suffix(".json").read_text("utf-8")) == {
        "activation text": "zorro", "mine": [1], "preferred weight": 0.8,
    }  # fmt: skip
    cell = folder.facts().cells[1]  # type: ignore[union-attr]
    assert file.with_suffix(".preview.png").read_bytes() == folder.picture(cell).read_bytes()
    file.with_suffix(".json").write_text("mine", encoding="utf-8")
    assert "no card" in ask(client, "use", id="fox", file=file.name, weight=0.8)["error"]
    assert file.with_suffix(".json").read_text("utf-8") == "mine"
    assert "no longer there" in ask(client, "use", id="fox", file="gone.safetensors", weight=1)["error"]
    for weight in ("0.8", True, None, [1]):
        assert "error" in ask(client, "use", id="fox", file=file.name, weight=weight)
