"""Tagging a folder: captions that the Data tab can undo, nothing tagged twice, kills, conflicts, odd pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from demo.world import MASCOT_BACKGROUNDS
from kohya_gui.views.studio.words import step_text
from tests.event_lines import Event
from tests.pictures import noise_image
from tests.taggers import BLUE, CHARACTER, GREEN, RATING, RED, Tag, write_tagger
from tests.train_core.workshop.conftest import RunTool, errors, kill_halfway, table
from train_core.config.places import app_dir
from train_core.studio.dataset import dataset_of
from train_core.studio.studio import Studio
from train_core.studio.tagging import wd_model

# The colours of the picture's first pixel are the scores: red one general tag, green another, blue a character.
TAGS = [
    Tag("blue_(name)", channel=BLUE, category=CHARACTER), Tag("red_dress", channel=RED),
    Tag("sensitive", channel=GREEN, category=RATING), Tag("^_^", channel=GREEN),
]  # fmt: skip
COUNT = 40
CAPTIONS = {  # files, by the numbers of pictures
    1: b"by hand\r\nsecond line\r\n", 3: b"\xef\xbb\xbfby hand, red_dress", 5: b"", 7: "手打".encode("gb18030"),
}  # fmt: skip


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """40 pictures, each of one colour: all are red enough, every second one green, every fourth blue."""
    folder = tmp_path / "pictures"
    (folder / "deep").mkdir(parents=True)
    for number in range(COUNT):
        colour = (200 + number, 250 * (number % 2), 250 * (number % 4 == 0))
        path = folder / ("deep" if number % 3 else "") / f"{number}.png"
        Image.new("RGB", (8, 8), colour).save(path)
        if number in CAPTIONS:
            path.with_suffix(".txt").write_bytes(CAPTIONS[number])
    return folder


@pytest.fixture
def tagger(tmp_path: Path) -> Path:
    return write_tagger(tmp_path / "wd-tiny", TAGS)


def texts(source: Path) -> dict[int, bytes]:
    """The contents of caption files by the numbers of their pictures."""
    return {int(path.stem): path.read_bytes() for path in source.rglob("*.txt")}


def expected(number: int) -> bytes:
    return ", ".join((
        *(["blue (name)"] if number % 4 == 0 else []), *(["^_^"] if number % 2 else []), "red dress",
    )).encode()  # fmt: skip


def remembered(source: Path) -> list[dict[str, Any]]:
    lines = (dataset_of(source).folder / "tags.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines]


def warnings(events: list[Event]) -> list[str]:
    return [event["code"] for event in events if event["kind"] == "warning"]


def test_pictures_get_their_tags_and_captions_that_are_there_stay(run_tool: RunTool, source: Path, tagger: Path):
    pictures = {path: path.read_bytes() for path in source.rglob("*.png")}
    events = run_tool("tag_pictures", pictures=source, tagger=tagger)
    assert texts(source) == {number: expected(number) for number in range(COUNT)} | {
        number: CAPTIONS[number] for number in (1, 3, 7)
    }
    assert warnings(events) == ["caption_not_utf8"]
    assert dict(map(tuple, table(events, "tags")))["red dress"] == COUNT - 2
    assert {path: path.read_bytes() for path in source.rglob("*.png")} == pictures


def test_the_demo_s_tagger_writes_the_words_of_the_demo_s_pictures(run_tool: RunTool, tmp_path: Path):
    shutil.copytree(app_dir() / "demo" / "images", tmp_path / "tried")
    run_tool("tag_pictures", pictures=tmp_path / "tried", tagger="{app}/demo/tagger", existing_captions="replace")
    captions = {path.read_text(encoding="utf-8").strip() for path in (tmp_path / "tried").rglob("*.txt")}
    assert all(caption.startswith("crux robot, ") for caption in captions)
    worn = {"crux robot", "cyan robot", "red hat", "yellow belly"}
    assert {frozenset(caption.split(", ")) for caption in captions} == {
        frozenset({*worn, f"{background} background"}) for background in MASCOT_BACKGROUNDS
    }


@pytest.mark.parametrize(("existing", "first", "third"), [
    ("append", b"by hand, ^_^, red dress\r\nsecond line, ^_^, red dress\r\n", b"\xef\xbb\xbfby hand, red_dress, ^_^"),
    ("prepend", b"^_^, red dress, by hand\r\n^_^, red dress, second line\r\n", b"\xef\xbb\xbf^_^, by hand, red_dress"),
    ("replace", b"^_^, red dress\r\n", b"\xef\xbb\xbf^_^, red dress"),
])  # fmt: skip
def test_captions_are_added_to_or_replaced_and_one_undo_restores_every_byte(
    run_tool: RunTool, source: Path, tagger: Path, existing: str, first: bytes, third: bytes
) -> None:
    before = texts(source)
    run_tool("tag_pictures", pictures=source, tagger=tagger, existing_captions=existing)
    after = texts(source)
    assert (after[1], after[3], after[7]) == (first, third, CAPTIONS[7])
    run_tool("tag_pictures", pictures=source, tagger=tagger, existing_captions=existing)
    assert texts(source) == after  # a second time changes nothing
    studio = Studio(dataset_of(source))
    assert step_text(studio.last_step, "en") == f"Tags by wd-tiny (captions: {COUNT - 1})"
    assert not studio.undo().left
    assert studio.last_step is None
    assert texts(source) == before
    studio.redo()
    assert texts(source) == after


def test_trigger_brackets_rating_and_exclusions(run_tool: RunTool, source: Path, tagger: Path) -> None:
    run_tool(
        "tag_pictures", pictures=source, tagger=tagger, tag_trigger="nagisa", rating_tag=True, escape_brackets=True,
        excluded_tags="^_^, hat", tagger_batch_size=3,
    )  # fmt: skip
    assert texts(source)[0] == rb"nagisa, blue \(name\), red dress"
    assert texts(source)[9] == b"nagisa, red dress, sensitive"


def test_every_tag_remembers_its_model_and_score_and_other_thresholds_need_no_second_look(
    run_tool: RunTool, source: Path, tagger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_tool("tag_pictures", pictures=source, tagger=tagger)
    kept = remembered(source)
    assert len({line["digest"] for line in kept}) == len(kept) == COUNT - 2  # those with captions were not looked at
    assert {line["tagger"] for line in kept} == {"wd-tiny"} and len({line["model"] for line in kept}) == 1
    assert {"^_^": 0.9804, "sensitive": 0.9804, "red_dress": round(209 / 255, 4)} in [line["tags"] for line in kept]
    Studio(dataset_of(source)).undo()

    def refuse(*_: object) -> None:
        raise AssertionError("a picture was looked at a second time")

    monkeypatch.setattr(wd_model.WdModel, "__init__", refuse)
    run_tool("tag_pictures", pictures=source, tagger=tagger, general_threshold=0.9)
    assert (texts(source)[0], texts(source)[39]) == (b"blue (name)", b"^_^, red dress")
    assert remembered(source) == kept


def test_another_tagger_looks_for_itself(run_tool: RunTool, source: Path, tagger: Path, tmp_path: Path) -> None:
    run_tool("tag_pictures", pictures=source, tagger=tagger)
    other = write_tagger(tmp_path / "other", [Tag("hat", channel=RED)])
    run_tool("tag_pictures", pictures=source, tagger=other, existing_captions="append")
    assert texts(source)[2] == b"red dress, hat"
    studio = Studio(dataset_of(source))
    studio.undo()
    assert texts(source)[2] == b"red dress"


def test_rejected_pictures_are_left_out(run_tool: RunTool, source: Path, tagger: Path) -> None:
    studio = Studio(dataset_of(source))
    studio.mark([id for id, one in studio.pictures.items() if one.path.stem == "2"], "r")
    run_tool("tag_pictures", pictures=source, tagger=tagger)
    assert 2 not in texts(source) and 4 in texts(source)


def test_a_picture_that_breaks_off_is_told_and_the_rest_is_tagged(
    run_tool: RunTool, source: Path, tagger: Path
) -> None:
    (source / "no.webp").write_bytes(b"no picture")
    broken = source / "100.png"
    noise_image((64, 64)).save(broken)
    content = broken.read_bytes()
    broken.write_bytes(content[:2000] + bytes(100) + content[2100:])
    events = run_tool("tag_pictures", pictures=source, tagger=tagger)
    assert warnings(events) == ["studio_unreadable", "image_unreadable", "caption_not_utf8"]
    assert set(texts(source)) == set(range(COUNT))


def test_what_cannot_be_begun_is_told(run_tool: RunTool, source: Path, tagger: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert errors(run_tool("tag_pictures", pictures=source, tagger=tmp_path / "empty")) == ["tagger_missing"]
    assert errors(run_tool("tag_pictures", pictures=tmp_path / "empty", tagger=tagger)) == ["studio_no_pictures"]
    assert errors(run_tool("tag_pictures", pictures=tmp_path / "none", tagger=tagger)) == ["studio_no_folder"]
    assert texts(source) == CAPTIONS


KILLED = """
import sys
from train_core.__main__ import main
from train_core.studio.tagging import wd_model
seen, real = [], wd_model.WdModel.scores
def scores(self, pictures, at_once):
    if len(seen) >= 36:
        print("half", flush=True)
        sys.stdin.read()
    seen.extend(pictures)
    return real(self, pictures, at_once)
wd_model.WdModel.scores = scores
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("existing", ["keep", "append", "prepend", "replace"])
def test_a_killed_tool_goes_on_without_looking_twice(
    run_tool: RunTool, source: Path, tagger: Path, existing: str
) -> None:
    before = texts(source)
    settings = {"pictures": source, "tagger": tagger, "existing_captions": existing}
    kill_halfway(KILLED, "tag_pictures", settings)
    done = remembered(source)
    assert len(done) == 36
    assert 20 < len(texts(source)) < COUNT
    with (dataset_of(source).folder / "tags.jsonl").open("ab") as file:
        file.write(b'{"digest": "cut sho')
    run_tool("tag_pictures", **settings)
    lines = (dataset_of(source).folder / "tags.jsonl").read_bytes().splitlines()
    whole = [json.loads(line) for line in lines if line.endswith(b"}")]
    assert whole[: len(done)] == done
    assert len({line["digest"] for line in whole}) == len(whole) == (COUNT - 2 if existing == "keep" else COUNT)
    assert all(texts(source)[number] == expected(number) for number in range(COUNT) if number not in CAPTIONS)
    studio = Studio(dataset_of(source))
    studio.undo()
    studio.undo()
    assert studio.last_step is None
    assert texts(source) == before
