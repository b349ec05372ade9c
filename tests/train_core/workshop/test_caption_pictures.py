"""Captioning a folder in sentences: what is kept and undone, stops, kills, models that are missing, odd answers."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from kohya_gui.views.studio.words import step_text
from tests.captioners import captioner, changed_copy
from tests.event_lines import Event
from tests.pictures import noise_image
from tests.train_core.workshop.conftest import RunTool, errors, kill_halfway, table
from train_core.captioning.captioner import Captioner
from train_core.studio.dataset import dataset_of
from train_core.studio.studio import Studio

COUNT = 10
CAPTIONS = {1: "1girl, hat", 3: "first\nsecond"}  # files, by the numbers of pictures


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Ten pictures; the seventh lies on its side by EXIF, and the eighth is transparent."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(COUNT):
        noise_image((24, 16), number).save(folder / f"{number}.png")
        if number in CAPTIONS:
            (folder / f"{number}.txt").write_text(CAPTIONS[number], encoding="utf-8")
    sideways = Image.Exif()
    sideways[0x0112] = 6
    noise_image((24, 16), 7).save(folder / "7.png", exif=sideways)
    Image.new("RGBA", (24, 16), (0, 0, 0, 0)).save(folder / "8.png")
    return folder


def texts(source: Path) -> dict[int, str]:
    return {int(path.stem): path.read_text("utf-8") for path in source.glob("*.txt")}


def remembered(source: Path) -> list[dict[str, Any]]:
    lines = (dataset_of(source).folder / "captions.jsonl").read_bytes().splitlines()
    return [json.loads(line) for line in lines if line.endswith(b"}")]


Say = Callable[..., list[Image.Image]]


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch) -> Say:
    """Has captioners say the `answers` in turn, or "picture 1" and on; gives the list of pictures they are shown."""

    def begin(*answers: str, stop_at: int = 10**6) -> list[Image.Image]:
        shown: list[Image.Image] = []

        def captions(self: Captioner, pictures: Sequence[Image.Image], asking: object) -> list[str]:
            if len(shown) >= stop_at:
                raise KeyboardInterrupt
            start = len(shown)
            shown.extend(pictures)
            return [
                answers[number % len(answers)] if answers else f"picture {number + 1}"
                for number in range(start, len(shown))
            ]

        monkeypatch.setattr(Captioner, "captions", captions)
        return shown

    return begin


@pytest.mark.parametrize("kind", ["blip", "git", "florence2"])
def test_pictures_get_sentences_and_captions_that_are_there_stay(run_tool: RunTool, source: Path, kind: str) -> None:
    pictures = {path: path.read_bytes() for path in source.glob("*.png")}
    settings = {"pictures": source, "captioner": captioner(kind), "caption_most_tokens": 8}
    events = run_tool("caption_pictures", **settings, caption_batch_size=3, caption_beams=2)
    after = texts(source)
    assert {number: after[number] for number in CAPTIONS} == CAPTIONS
    assert len(after) == COUNT and all(after.values())
    assert [row[1] for row in table(events, "captions")] == [after[n] for n in range(COUNT) if n not in CAPTIONS]
    lines = remembered(source)
    assert len({line["digest"] for line in lines}) == len(lines) == COUNT - len(CAPTIONS)
    assert {line["captioner"] for line in lines} == {f"tiny-{kind}"}
    assert all(re.fullmatch(r"[0-9a-f]{40}", line[name]) for line in lines for name in ("model", "settings"))
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}", line["at"]) for line in lines)
    studio = Studio(dataset_of(source))
    assert step_text(studio.last_step, "en") == f"Captions by tiny-{kind} (captions: {COUNT - len(CAPTIONS)})"
    studio.undo()
    assert texts(source) == CAPTIONS
    assert {path: path.read_bytes() for path in source.glob("*.png")} == pictures


@pytest.mark.parametrize(("existing", "first", "third"), [
    ("append", "n, 1girl, hat, A fox.", "n, first, A fox.\nn, second, A fox."),
    ("prepend", "n, A fox, 1girl, hat", "n, A fox, first\nn, A fox, second"),
    ("replace", "n, A fox.", "n, A fox."),
])  # fmt: skip
def test_sentences_come_into_captions_once(
    run_tool: RunTool, source: Path, say: Say, existing: str, first: str, third: str
) -> None:
    say("A fox.")
    settings = {"pictures": source, "captioner": captioner("blip"), "existing_captions": existing, "tag_trigger": "n"}
    run_tool("caption_pictures", **settings)
    assert (texts(source)[1], texts(source)[3], texts(source)[0]) == (first, third, "n, A fox.")
    run_tool("caption_pictures", **settings)
    assert (texts(source)[1], texts(source)[3], texts(source)[0]) == (first, third, texts(source)[0])


def test_words_behind_and_brackets(run_tool: RunTool, source: Path, say: Say) -> None:
    say("A fox (red).")
    run_tool("caption_pictures", pictures=source, captioner=captioner("blip"), sentence_suffix="oil painting, best")
    assert texts(source)[0] == "A fox (red), oil painting, best"
    Studio(dataset_of(source)).undo()
    run_tool("caption_pictures", pictures=source, captioner=captioner("blip"), escape_brackets=True)
    assert texts(source)[0] == r"A fox \(red\)."


def test_pictures_are_shown_upright_and_on_white_and_rejected_ones_not(
    run_tool: RunTool, source: Path, say: Say
) -> None:
    studio = Studio(dataset_of(source))
    studio.mark([id for id, one in studio.pictures.items() if one.path.stem in ("2", "4")], "r")
    (source / "no.webp").write_bytes(b"no picture")
    shown = say()
    events = run_tool("caption_pictures", pictures=source, captioner=captioner("blip"), caption_batch_size=3)
    assert [event["code"] for event in events if event["kind"] == "warning"] == ["studio_unreadable"]
    assert len(shown) == COUNT - len(CAPTIONS) - 2
    sideways, clear = shown[3], shown[4]
    assert sideways.size == (16, 24)
    assert set(clear.getdata()) == {(255, 255, 255)}
    assert {2, 4}.isdisjoint(texts(source))


def test_another_prompt_is_asked_anew_and_the_same_one_is_not(run_tool: RunTool, source: Path, say: Say) -> None:
    shown = say()
    settings = {"pictures": source, "captioner": captioner("blip")}
    run_tool("caption_pictures", **settings)
    once = len(shown)
    Studio(dataset_of(source)).undo()
    run_tool("caption_pictures", **settings, caption_batch_size=4, caption_precision="bf16")
    assert len(shown) == once
    Studio(dataset_of(source)).undo()
    run_tool("caption_pictures", **settings, caption_prompt="a photo of")
    assert len(shown) == 2 * once
    assert {line["prompt"] for line in remembered(source)} == {"", "a photo of"}


@pytest.mark.parametrize(("answer", "expected"), [
    ("<script>hacked=1</script>\x00\x1b[31m\n\r\u2028two", "<script>hacked=1</script> [31m two"),
    ("a \ud800 half", "a half"), ("x" * 10_000, "x" * 4_000), ("  \n ", None), ("", None), ("狐狸，雪", "狐狸，雪"),
])  # fmt: skip
def test_odd_answers_become_one_line_of_text(
    run_tool: RunTool, source: Path, say: Say, answer: str, expected: str | None
) -> None:
    say(answer)
    run_tool("caption_pictures", pictures=source, captioner=captioner("blip"))
    assert texts(source).get(0) == expected
    assert texts(source)[1] == CAPTIONS[1]


def test_a_stopped_tool_goes_on_without_looking_twice(run_tool: RunTool, source: Path, say: Say) -> None:
    settings = {"pictures": source, "captioner": captioner("git"), "caption_batch_size": 2}
    say(stop_at=4)
    events = run_tool("caption_pictures", **settings)
    assert events[-1]["status"] == "stopped"
    assert len(remembered(source)) == 4
    with (dataset_of(source).folder / "captions.jsonl").open("ab") as file:
        file.write(b'{"digest": "cut sho')
    shown = say()
    run_tool("caption_pictures", **settings)
    assert len(shown) == COUNT - len(CAPTIONS) - 4
    assert len({line["digest"] for line in remembered(source)}) == len(remembered(source)) == COUNT - len(CAPTIONS)


def refusals(run_tool: RunTool, **settings: Any) -> list[Event]:
    events = run_tool("caption_pictures", **settings)
    errors(events)
    return [event for event in events if event["kind"] == "error"]


def test_a_missing_model_is_described_before_anything_is_loaded(
    run_tool: RunTool, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "train_core.workshop.caption_pictures", None)  # importing it would fail
    (tmp_path / "empty").mkdir()
    for path, code in (("", "captioner_not_chosen"), ("none", "captioner_missing"), ("empty", "captioner_missing")):
        (told,) = refusals(run_tool, pictures=source, captioner=path and tmp_path / path)
        assert told["code"] == code
        for needed in (
            "Salesforce/blip-image-captioning-large", "microsoft/git-large-textcaps",
            "florence-community/Florence-2-base", "model.safetensors", "1.9 GB", "Nothing is downloaded",
            str(tmp_path / "home" / "captioners" / "git-large-textcaps"),
        ):  # fmt: skip
            assert needed in told["text"]
    assert texts(source) == CAPTIONS


def test_what_cannot_be_used_is_told(run_tool: RunTool, source: Path, tmp_path: Path) -> None:
    moondream = changed_copy("blip", tmp_path / "m", model_type="moondream1", auto_map={"AutoModel": "m.Model"})
    assert refusals(run_tool, pictures=source, captioner=moondream)[0]["code"] == "captioner_foreign_code"
    settings = {"pictures": source, "captioner": captioner("blip")}
    if not torch.cuda.is_available():
        told = refusals(run_tool, **settings, caption_precision="fp16")
        assert told[0]["code"] == "captioner_fp16"
    told = refusals(run_tool, pictures=tmp_path / "none", captioner=captioner("blip"))
    assert told[0]["code"] == "studio_no_folder"
    assert texts(source) == CAPTIONS


KILLED = """
import sys
from train_core.__main__ import main
from train_core.captioning.captioner import Captioner
seen, real = [], Captioner.captions
def captions(self, pictures, asking):
    if len(seen) >= 4:
        print("half", flush=True)
        sys.stdin.read()
    seen.extend(pictures)
    return real(self, pictures, asking)
Captioner.captions = captions
sys.exit(main(sys.argv[1:]))
"""


def test_a_killed_tool_goes_on_without_looking_twice(
    run_tool: RunTool, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "pictures": source, "captioner": captioner("florence2"), "caption_batch_size": 2, "caption_most_tokens": 8,
    }  # fmt: skip
    kill_halfway(KILLED, "caption_pictures", settings)
    done = remembered(source)
    assert len(done) == 4
    shown, real = [], Captioner.captions

    def counted(self: Captioner, pictures: Sequence[Image.Image], asking: Any) -> list[str]:
        shown.extend(pictures)
        return real(self, pictures, asking)

    monkeypatch.setattr(Captioner, "captions", counted)
    run_tool("caption_pictures", **settings)
    assert len(shown) == COUNT - len(CAPTIONS) - 4
    assert remembered(source)[:4] == done
    assert len({line["digest"] for line in remembered(source)}) == COUNT - len(CAPTIONS)
    assert len(texts(source)) == COUNT
