"""A run resumes only with the images, masks, captions and models that its state was trained on, wherever they lie."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageOps
from safetensors.torch import load_file

from tests.event_lines import Event
from tests.tiny import tiny_file, tiny_folder
from tests.train_core.jobs.conftest import Prepare, write_job
from tests.train_core.jobs.test_resume import train
from train_core.facts.run.states import INFO, states_in

FIRST = {"max_train_epochs": 0, "max_train_steps": 2, "save_state_on_train_end": True}
LONGER = {"resume": "last", "max_train_steps": "4"}


def repaint(path: Path) -> None:
    """Other pixels in the same size, written at the same time as far as the file says."""
    status = path.stat()
    with Image.open(path) as image:
        ImageOps.invert(image.convert("RGB")).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def overwrite(path: Path, place: int = 1_000_000, count: int = 1_000_000) -> None:
    """Zeros over a part of a file, which keeps its size and its time of writing."""
    status = path.stat()
    with path.open("r+b") as file:
        file.seek(place)
        file.write(bytes(min(count, status.st_size - place)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def refusals(events: list[Event]) -> list[tuple[str, Any]]:
    """Code and named file of each error of the run that ended last."""
    start = max(number for number, event in enumerate(events) if event.get("name") == "checking")
    assert events[-1]["status"] == "failed"
    told = [event for event in events[start:] if event["kind"] == "error"]
    return [(event["code"], event["params"].get("files", event["params"].get("name"))) for event in told]


def assert_completes(events: list[Event]) -> None:
    last = events[-1]
    assert (last["kind"], last.get("status"), last.get("step")) == ("finished", "completed", 4), last


def test_repainted_pictures_are_refused_by_name_and_accepted_once_they_are_restored(
    prepare: Prepare, images: Path, tmp_path: Path
) -> None:
    config = prepare("zuko", **FIRST)
    train(config)
    shutil.copytree(images, tmp_path / "kept")
    repaint(images / "2_zuko dog" / "1.png")
    repaint(images / "1_tall cat" / "0.png")
    assert refusals(train(config, **LONGER)) == [("resume_images_differ", "1_tall cat/0.png, 2_zuko dog/1.png")]
    shutil.rmtree(images)
    shutil.copytree(tmp_path / "kept", images)
    assert_completes(train(config, **LONGER))


@pytest.mark.parametrize("cached", [True, False])
def test_a_million_other_bytes_in_the_base_model_are_refused(prepare: Prepare, tmp_path: Path, cached: bool) -> None:
    base = Path(shutil.copy(tiny_file(), tmp_path / "base.safetensors"))
    config = prepare("zuko", pretrained_model_name_or_path=str(base), cache_latents=cached, **FIRST)
    train(config)
    overwrite(base)
    assert refusals(train(config, **LONGER)) == [("resume_model_differs", "pretrained_model_name_or_path")]


def test_a_weight_file_of_a_diffusers_folder_counts_too(prepare: Prepare, tmp_path: Path) -> None:
    base = Path(shutil.copytree(tiny_folder(), tmp_path / "base"))
    config = prepare("zuko", pretrained_model_name_or_path=str(base), **FIRST)
    train(config)
    weights = next((base / "unet").glob("*.safetensors"))
    overwrite(weights, weights.stat().st_size // 2, 1000)
    assert refusals(train(config, **LONGER)) == [("resume_model_differs", "pretrained_model_name_or_path")]


def test_so_are_another_vae_other_adapters_masks_and_validation_images(prepare: Prepare, tmp_path: Path) -> None:
    first = Path(train(prepare("first", max_train_epochs=0, max_train_steps=1))[-1]["path"])
    vae = Path(shutil.copy(tiny_file(), tmp_path / "vae.safetensors"))
    start, merged = (Path(shutil.copy(first, tmp_path / f"{name}.safetensors")) for name in ("start", "merged"))
    masks, others = tmp_path / "masks", tmp_path / "others"
    for folder in sorted((tmp_path / "images").iterdir()):
        (masks / folder.name).mkdir(parents=True)
        for path in folder.glob("*.png"):
            with Image.open(path) as image:
                Image.new("L", image.size, 200).save(masks / folder.name / path.name)
    others.mkdir()
    Image.effect_noise((64, 64), 90).convert("RGB").save(others / "v.png")
    config = prepare(
        "zuko", vae=str(vae), network_weights=str(start), base_weights=[str(merged)], masked_loss=True,
        conditioning_data_dir=str(masks), validation_data_dir=str(others), **FIRST,
    )  # fmt: skip
    train(config)
    for path in (vae, start, merged):
        overwrite(path, path.stat().st_size - 64, 64)
    repaint(others / "v.png")
    Image.new("L", (64, 64), 100).save(masks / "2_zuko dog" / "0.png")
    assert refusals(train(config, **LONGER)) == [
        ("resume_images_differ", "2_zuko dog/0.png, others/v.png (validation)"),
        ("resume_model_differs", "base_weights 1"), ("resume_model_differs", "network_weights"),
        ("resume_model_differs", "vae"),
    ]  # fmt: skip


def test_images_and_models_that_were_moved_are_known_by_their_content(
    prepare: Prepare, images: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copy(tiny_file(), tmp_path / "base.safetensors"))
    train(prepare("zuko", pretrained_model_name_or_path=str(base), **FIRST))
    train(prepare("whole", pretrained_model_name_or_path=str(base), max_train_epochs=0, max_train_steps=4))
    images.rename(tmp_path / "moved")
    base.rename(tmp_path / "renamed.safetensors")
    settings = {"pretrained_model_name_or_path": str(tmp_path / "renamed.safetensors"), "output_name": "zuko", **FIRST}
    config = write_job(tmp_path / "zuko.toml", tmp_path / "moved", tmp_path / "out", **settings)
    events = train(config, **LONGER)
    assert_completes(events)
    found, wanted = load_file(events[-1]["path"]), load_file(tmp_path / "out" / "whole.safetensors")
    assert all(found[name].equal(wanted[name]) for name in wanted)


def test_a_dataset_file_whose_settings_have_changed_is_noticed(prepare: Prepare, images: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset.toml"
    text = f"[[datasets]]\nresolution = 64\n[[datasets.subsets]]\nimage_dir = {str(images / '2_zuko dog')!r}\n"
    dataset.write_text(text + "class_tokens = 'zuko'\n", encoding="utf-8")
    config = prepare("zuko", train_data_dir="", dataset_config=str(dataset), **FIRST)
    train(config)
    dataset.write_text(text + "class_tokens = 'zuko'\nflip_aug = true\n", encoding="utf-8")
    ((code, named),) = refusals(train(config, **LONGER))
    assert (code, named.count(".png")) == ("resume_images_differ", 3)
    dataset.write_text("# the same again\n" + text + "class_tokens = 'zuko'\n", encoding="utf-8")
    assert_completes(train(config, **LONGER))


def test_a_state_of_an_older_version_resumes_with_a_notice_and_its_successor_knows_the_contents(
    prepare: Prepare, images: Path, tmp_path: Path
) -> None:
    config = prepare("zuko", **FIRST)
    train(config)
    info = tmp_path / "out" / "zuko-state" / INFO
    said = json.loads(info.read_text(encoding="utf-8"))
    assert said.pop("contents")["models"].keys() == {"pretrained_model_name_or_path"}
    info.write_text(json.dumps(said), encoding="utf-8")
    repaint(images / "2_zuko dog" / "1.png")
    events = train(config, **LONGER)
    assert_completes(events)
    assert "resume_contents_unknown" in [event["code"] for event in events if event["kind"] == "notice"]
    repaint(images / "2_zuko dog" / "1.png")
    assert refusals(train(config, resume="last", max_train_steps="6")) == [("resume_images_differ", "2_zuko dog/1.png")]


def test_files_that_cannot_be_read_any_more_cost_no_state(
    prepare: Prepare, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise FileNotFoundError(2, "No such file or directory", "base.safetensors")

    monkeypatch.setattr("train_core.jobs.contents.contents_of", gone)
    events = train(prepare("zuko", save_state_every_n_steps=1, **FIRST))
    assert events[-1]["status"] == "completed"
    told = [event for event in events if event.get("code") == "state_without_contents"]
    assert len(told) == 1
    assert "base.safetensors" in told[0]["params"]["reason"]
    assert [state.step for state in states_in(tmp_path / "out")] == [1, 2, 2]
