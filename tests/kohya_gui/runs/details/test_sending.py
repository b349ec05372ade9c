"""What a run has learnt goes to a WebUI: once, whole, with a picture and a card, and without replacing anything."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from kohya_gui.preferring import forget_webui, known_webuis, name_webui
from kohya_gui.runs.details.choosing import mark
from kohya_gui.runs.details.sending import prompt_of, send
from tests.trained import trained_run
from train_core.config.problems import UserError
from train_core.facts.models.webuis import WebUI

FOX = "20260101-000000-fox"
FILE = "fox-000002.safetensors"


@pytest.fixture
def webui(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WebUI:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    (tmp_path / "webui" / "models" / "Stable-diffusion").mkdir(parents=True)
    return name_webui(f'"{tmp_path / "webui"}"')


@pytest.fixture
def run(webui: WebUI, tmp_path: Path) -> Path:
    """A run whose second epoch is a real file."""
    folder = trained_run(FOX, tmp_path)
    save_file({"x.lora_down.weight": torch.zeros(2, 2)}, tmp_path / "out" / FILE, metadata={
        "ss_base_model_version": "sdxl_base_v1-0", "ss_dataset_dirs": json.dumps({"30_zuko dog": {"n_repeats": 30}}),
    })  # fmt: skip
    return folder


def test_a_file_is_sent_with_its_picture_and_card(run: Path, webui: WebUI, tmp_path: Path):
    sent = send(run, FILE, webui)
    assert sent.path == tmp_path / "webui" / "models" / "Lora" / FILE and not sent.already
    assert sent.path.read_bytes() == (tmp_path / "out" / FILE).read_bytes()
    card = json.loads(sent.path.with_suffix(".json").read_text("utf-8"))
    assert (card["activation text"], card["sd version"]) == ("zuko dog", "SDXL")
    with Image.open(sent.path.with_suffix(".preview.png")) as picture:
        assert picture.getpixel((0, 0)) == (0, 128, 0)  # as the samples of the second epoch are
    assert prompt_of(sent.path) == "<lora:fox-000002:1>, zuko dog"


@pytest.mark.parametrize(
    ("tensors", "place", "prompt"),
    [
        ({"emb_params": torch.zeros(2, 768)}, "embeddings", "fox-000002"),
        ({"clip_l": torch.zeros(2, 768), "clip_g": torch.zeros(2, 1280)}, "embeddings", "fox-000002"),
        ({"768.0.linear.0.weight": torch.zeros(2, 2)}, "models/hypernetworks", "<hypernet:fox-000002:1>"),
    ],
)
def test_other_results_go_where_their_kind_belongs(
    run: Path, webui: WebUI, tmp_path: Path, tensors: dict[str, torch.Tensor], place: str, prompt: str
):
    save_file(tensors, tmp_path / "out" / FILE)
    sent = send(run, FILE, webui)
    assert sent.path == tmp_path / "webui" / place / FILE
    assert prompt_of(sent.path) == prompt


def test_a_card_of_the_run_without_trigger_words_gets_those_that_are_known(run: Path, webui: WebUI, tmp_path: Path):
    own = {"activation text": "", "preferred weight": 0.8}
    (tmp_path / "out" / FILE).with_suffix(".json").write_text(json.dumps(own))
    card = send(run, FILE, webui).path.with_suffix(".json")
    assert json.loads(card.read_text("utf-8")) == {"activation text": "zuko dog", "preferred weight": 0.8}


def test_the_picture_that_was_marked_as_good_goes_with_the_file(run: Path, webui: WebUI, tmp_path: Path):
    good = next((tmp_path / "out" / "sample").glob("fox_e000002_01_*"))
    Image.new("RGB", (8, 8), "white").save(good)
    mark(run, good.name, "good")
    with Image.open(send(run, FILE, webui).path.with_suffix(".preview.png")) as picture:
        assert picture.getpixel((0, 0)) == (255, 255, 255)


def test_nothing_there_is_replaced_and_nothing_is_sent_twice(run: Path, webui: WebUI):
    first = send(run, FILE, webui)
    card = first.path.with_suffix(".json")
    card.write_text("mine")
    assert send(run, FILE, webui) == type(first)(first.path, already=True)
    first.path.write_bytes(b"another")
    second = send(run, FILE, webui)
    assert second.path.name == "fox-000002-2.safetensors" and not second.already
    assert first.path.read_bytes() == b"another" and card.read_text() == "mine"
    assert send(run, FILE, webui).already
    assert not [path for path in first.path.parent.iterdir() if path.suffix == ".tmp"]


def test_a_file_that_cannot_be_read_is_sent_as_it_is(run: Path, webui: WebUI):
    sent = send(run, "fox-000001.safetensors", webui)
    assert sent.path.read_bytes() == bytes([1]) * 100
    assert prompt_of(sent.path) == "<lora:fox-000001:1>"


def test_a_file_whose_picture_is_broken_is_sent_without_one(run: Path, webui: WebUI, tmp_path: Path):
    for picture in (tmp_path / "out" / "sample").iterdir():
        picture.write_bytes(b"no picture")
    sent = send(run, FILE, webui)
    assert sent.path.is_file() and not sent.path.with_suffix(".preview.png").exists()


def test_a_file_that_is_gone_and_a_folder_that_takes_none_are_told(run: Path, webui: WebUI, tmp_path: Path):
    with pytest.raises(UserError, match="no such file"):
        send(run, "other.safetensors", webui)
    (tmp_path / "webui" / "models" / "Lora").write_text("a file where the folder should be")
    with pytest.raises(UserError, match="Lora"):
        send(run, FILE, webui)


def test_webuis_are_named_once_and_forgotten_without_being_touched(webui: WebUI, tmp_path: Path):
    name_webui(str(tmp_path / "webui"))
    assert known_webuis() == [webui]
    (tmp_path / "webui").rename(tmp_path / "away")
    assert known_webuis() == []
    (tmp_path / "away").rename(tmp_path / "webui")
    assert known_webuis() == [webui]
    forget_webui(str(webui.root))
    assert known_webuis() == [] and (tmp_path / "webui" / "models").is_dir()
    with pytest.raises(UserError, match="Type the folder"):
        name_webui("")
