"""Preprocessing a folder: what the new pictures are, that the old ones stay, and that it goes on where it was."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from tests.photographs import astronaut, coffee, hopper
from tests.pictures import noise_image
from tests.taggers import BLUE, RED, Tag, write_tagger
from tests.train_core.workshop.conftest import RunTool, errors, stopping_after, table
from train_core.studio.pixels import treating
from train_core.studio.pixels.filling import inside
from train_core.studio.vision.box import Box
from train_core.workshop import preprocess_pictures
from train_core.workshop.common.report import Report


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    shutil.copy(astronaut(), folder / "astronaut.png")
    (folder / "astronaut.txt").write_text("1girl, looking left, eyepatch\n", encoding="utf-8")
    shutil.copy(hopper(), folder / "deep" / "hopper.jpg")
    shutil.copy(coffee(), folder / "coffee.png")
    return folder


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """Pictures of noise: a transparent one, two of one name, and one that is turned by its EXIF entry."""
    folder = tmp_path / "plain"
    folder.mkdir()
    clear = noise_image((90, 60), 1).convert("RGBA")
    clear.putalpha(Image.fromarray(np.repeat(np.uint8([[0, 255]]), 60, 0).repeat(45, 1)))
    clear.save(folder / "one.png")
    noise_image((90, 60), 2).save(folder / "one.webp", lossless=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    noise_image((90, 60), 3).save(folder / "turned.jpg", exif=exif)
    (folder / "one.caption").write_text("noise", encoding="utf-8")
    return folder


def state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def codes(events) -> list[str]:
    return [event["code"] for event in events if event["kind"] == "warning"]


def opened(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.array(image)


def test_people_are_cut_out_cropped_around_and_mirrored_with_their_captions(
    run_tool: RunTool, source: Path, tmp_path: Path
):
    before, out = state(source), tmp_path / "out"
    events = run_tool(
        "preprocess_pictures", pictures=source, preprocessed_to=out, target_width=256, target_height=384,
        cut_out_by="person", mirrored_copies=True,
    )  # fmt: skip
    assert state(source) == before
    names = {"astronaut", "astronaut_mirrored", "coffee", "coffee_mirrored", "deep/hopper", "deep/hopper_mirrored"}
    assert {f"{name}.png" for name in names} == {
        path.relative_to(out).as_posix() for path in out.rglob("*.png")
    }  # fmt: skip
    for name in names:
        assert Image.open(out / f"{name}.png").size == (256, 384)
    person = opened(out / "astronaut.png")
    assert (person[5, 250] == 255).all() and (person[120, 128] < 250).any()
    assert np.array_equal(opened(out / "astronaut_mirrored.png"), person[:, ::-1])
    assert (out / "astronaut.txt").read_text() == "1girl, looking left, eyepatch\n"
    assert (out / "astronaut_mirrored.txt").read_text() == "1girl, looking right, eyepatch\n"
    assert dict(table(events, "preprocessed")) == {
        "read": 3, "cropped": 3, "cut_out": 2, "mirrored": 3, "not_cut_out": 1,
    }  # fmt: skip
    assert codes(events) == ["preprocess_not_cut", "preprocess_one_sided"]
    row = json.loads((out / "preprocessed.json").read_text())["files"]["astronaut.png"]
    assert row["operations"] == ["cut_out", "cropped 256x384"] and row["source"].endswith("astronaut.png")


def erased(out: Path, name: str) -> np.ndarray:
    """Which pixels of a new picture the list of files calls erased."""
    files = json.loads((out / "preprocessed.json").read_text())["files"]
    places = [operation.split()[1].split(",") for operation in files[name]["operations"]]
    height, width = opened(out / name).shape[:2]
    return inside([Box(*map(int, place)) for place in places], (width, height))


@pytest.mark.parametrize(
    ("wish", "name", "original"),
    [
        ({"blank_faces": True}, "astronaut.png", "astronaut.png"),
        ({"erase_text": "inpaint"}, "deep/hopper.png", "deep/hopper.jpg"),
        ({"erase_text": "fill"}, "deep/hopper.png", "deep/hopper.jpg"),
    ],
)
def test_faces_and_text_are_erased_and_nothing_else_changes(
    run_tool: RunTool, source: Path, tmp_path: Path, wish: dict[str, object], name: str, original: str
):
    out = tmp_path / "out"
    run_tool("preprocess_pictures", pictures=source, preprocessed_to=out, **wish)
    changed, where = (opened(out / name) != opened(source / original)).any(axis=2), erased(out, name)
    assert not changed[~where].any() and changed[where].mean() > 0.9
    assert np.array_equal(opened(out / "coffee.png"), opened(source / "coffee.png"))


def test_pictures_are_upright_on_the_background_under_names_of_their_own(
    run_tool: RunTool, plain: Path, tmp_path: Path
):
    out = tmp_path / "out"
    run_tool("preprocess_pictures", pictures=plain, preprocessed_to=out, background_color="#102030")
    assert sorted(path.name for path in out.iterdir()) == [
        "one.png", "one.txt", "one_2.png", "one_2.txt", "preprocessed.json", "turned.png",
    ]  # fmt: skip
    with Image.open(plain / "one.png") as image:
        first = np.array(image.convert("RGB"))
    assert (opened(out / "one.png")[:, :45] == (0x10, 0x20, 0x30)).all()
    assert np.array_equal(opened(out / "one.png")[:, 45:], first[:, 45:])
    with Image.open(plain / "turned.jpg") as image:
        assert np.array_equal(opened(out / "turned.png"), np.array(ImageOps.exif_transpose(image)))


def test_nothing_is_done_twice_and_what_is_no_longer_wanted_goes(
    run_tool: RunTool, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    done: list[tuple[int, int]] = []
    treated = treating.treated
    monkeypatch.setattr(
        preprocess_pictures, "treated", lambda picture, *rest: done.append(picture.size) or treated(picture, *rest)
    )
    out = tmp_path / "out"
    wish = {"pictures": plain, "preprocessed_to": out, "target_width": 64, "target_height": 64}
    run_tool("preprocess_pictures", **wish, mirrored_copies=True, fit_around="middle")
    assert len(done) == 3
    (out / "one_2.png").write_bytes(b"another")
    (out / "own.txt").write_text("mine")
    (plain / "turned.jpg").unlink()
    events = run_tool("preprocess_pictures", **wish, mirrored_copies=True, fit_around="middle")
    assert len(done) == 4 and codes(events) == ["export_foreign"]
    assert {"own.txt", "one_2.png"} <= state(out).keys() and not list(out.glob("turned*"))
    assert dict(table(events, "written_files")) == {
        "files_written": 0, "files_unchanged": 7, "files_removed": 2, "files_left": 1,
    }  # fmt: skip
    run_tool("preprocess_pictures", **{**wish, "target_width": 32}, fit_around="middle")
    assert len(done) == 6 and not list(out.glob("*_mirrored*")) and Image.open(out / "one.png").size == (32, 64)


def test_a_stopped_tool_goes_on_where_it_was(
    run_tool: RunTool, plain: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    wish = {"pictures": plain, "preprocessed_to": tmp_path / "out"}
    with monkeypatch.context() as stopped:
        stopped.setattr(Report, "stage", stopping_after(2))
        assert run_tool("preprocess_pictures", **wish)[-1]["status"] == "stopped"
    assert sorted(path.name for path in (tmp_path / "out").glob("*.png")) == ["one.png", "one_2.png"]
    events = run_tool("preprocess_pictures", **wish)
    assert dict(table(events, "written_files"))["files_written"] == 1


def test_what_cannot_be_read_is_named_and_left_out(run_tool: RunTool, plain: Path, tmp_path: Path):
    (plain / "broken.png").write_bytes(b"nothing")
    events = run_tool("preprocess_pictures", pictures=plain, preprocessed_to=tmp_path / "out")
    assert codes(events) == ["image_unreadable"]
    assert dict(table(events, "preprocessed")) == {"read": 3, "unreadable": 1}


def test_folders_that_are_not_for_new_pictures_are_refused(run_tool: RunTool, plain: Path, tmp_path: Path):
    def refused(**settings) -> list[str]:
        return errors(run_tool("preprocess_pictures", **{"pictures": plain, **settings}))

    for folder in (plain, plain / "new", plain.parent):
        assert refused(preprocessed_to=folder) == ["preprocess_inside"]
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "own.txt").touch()
    assert refused(preprocessed_to=tmp_path / "others") == ["preprocess_not_empty"]
    assert refused(preprocessed_to=tmp_path / "out", background_color="nice") == ["preprocess_colour"]
    (tmp_path / "none").mkdir()
    assert refused(preprocessed_to=tmp_path / "out", pictures=tmp_path / "none") == ["studio_no_pictures"]
    assert not (tmp_path / "out").exists()


def test_a_tagger_captions_the_new_pictures_again_and_again(run_tool: RunTool, tmp_path: Path):
    folder, out = tmp_path / "red", tmp_path / "out"
    folder.mkdir()
    Image.new("RGB", (40, 40), (255, 0, 0)).save(folder / "a.png")
    Image.new("RGB", (40, 40), (255, 0, 0)).save(folder / "b.png")
    (folder / "a.txt").write_text("own", encoding="utf-8")
    tagger = write_tagger(tmp_path / "tagger", [Tag("red", channel=RED), Tag("blue", channel=BLUE)])
    wish = {"pictures": folder, "preprocessed_to": out, "tagger": tagger, "existing_captions": "append"}
    for _ in range(2):
        assert codes(run_tool("preprocess_pictures", **wish, tag_trigger="nagisa")) == []
        assert [(out / name).read_text() for name in ("a.txt", "b.txt")] == ["nagisa, own, red", "nagisa, red"]
    assert (folder / "a.txt").read_text() == "own" and not (folder / "b.txt").exists()


def test_a_picture_that_is_called_as_a_mirrored_copy_takes_nobodys_place(run_tool: RunTool, tmp_path: Path):
    source, out = tmp_path / "pictures", tmp_path / "out"
    source.mkdir()
    for number, name in enumerate(("a.png", "a_mirrored.png")):
        noise_image((70, 70), number).save(source / name)
    events = run_tool("preprocess_pictures", pictures=source, preprocessed_to=out, mirrored_copies=True)
    assert codes(events) == []
    pictures = {path.stem: opened(path) for path in out.glob("*.png")}
    assert len(pictures) == 4
    assert np.array_equal(pictures["a_mirrored"], pictures["a"][:, ::-1])
    assert np.array_equal(pictures["a_mirrored_2"], opened(source / "a_mirrored.png"))
