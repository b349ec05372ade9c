"""Whole runs on regularisation images, dataset files and metadata: what they learn, say and write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors import safe_open

from tests.event_lines import Event
from tests.pictures import image_folder, noise_image
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import difference, kinds, run, weights
from train_core.config.tables import dump_tables

ONE_EPOCH = {"max_train_epochs": 1}


@pytest.fixture
def reg(tmp_path: Path) -> Path:
    """A folder with three regularisation images of the class dog."""
    folder = image_folder(tmp_path / "reg", "2_dog", [])
    for number in range(3):
        noise_image((64, 64), 90 + number).save(folder / f"{number}.png")
    return tmp_path / "reg"


def metadata(events: list[Event]) -> dict[str, str]:
    with safe_open(events[-1]["path"], framework="pt") as file:
        return file.metadata()


def describe(tmp_path: Path, *datasets: dict[str, Any]) -> str:
    path = tmp_path / "images.toml"
    path.write_text(dump_tables({"datasets": list(datasets)}), encoding="utf-8")
    return str(path)


def test_regularisation_doubles_the_steps_and_what_it_protects_is_said(prepare: Prepare, reg: Path) -> None:
    plain, regular = run(prepare("plain", **ONE_EPOCH)), run(prepare("regular", reg_data_dir=str(reg), **ONE_EPOCH))
    steps = [kinds(events, "started")[0]["total_steps"] for events in (plain, regular)]
    assert steps[1] == 2 * steps[0]
    assert [event["code"] for event in kinds(regular, "notice")] == ["regularisation_protects"]
    said = metadata(regular)
    assert json.loads(said["ss_reg_dataset_dirs"]) == {"2_dog": {"n_repeats": 2, "img_count": 3}}
    assert said["ss_num_reg_images"] == "6"
    assert said["ss_num_train_images"] == metadata(plain)["ss_num_train_images"]
    assert said["ss_prior_loss_weight"] == "1.0"
    assert "ss_datasets" not in said


def test_the_prior_loss_weight_weighs_regularisation_images(prepare: Prepare, reg: Path) -> None:
    def learnt(name: str, weight: float) -> dict[str, Any]:
        return weights(run(prepare(name, reg_data_dir=str(reg), prior_loss_weight=weight, **ONE_EPOCH)))

    assert difference(learnt("one", 1.0), learnt("half", 0.5)) > 1e-6


def test_a_dataset_file_trains_several_sizes_and_is_described_in_the_result(
    prepare: Prepare, images: Path, reg: Path, tmp_path: Path
) -> None:
    folder = next(path for path in sorted(images.iterdir()) if path.is_dir())
    own = {"image_dir": str(folder), "num_repeats": 2}
    path = describe(
        tmp_path,
        {"resolution": 64, "batch_size": 1, "subsets": [own, {"image_dir": "reg/2_dog", "is_reg": True}]},
        {"resolution": 128, "subsets": [own]},
    )
    events = run(prepare("described", train_data_dir="", dataset_config=path, **ONE_EPOCH))
    said = metadata(events)
    first, second = json.loads(said["ss_datasets"])
    assert (first["resolution"], first["batch_size_per_device"], second["resolution"]) == ([64, 64], 1, [128, 128])
    assert second["batch_size_per_device"] == 2
    assert said["modelspec.resolution"] == "128x128"
    assert [subset["is_reg"] for subset in first["subsets"]] == [False, True]
    assert not {"ss_resolution", "ss_batch_size_per_device", "ss_bucket_info", "ss_reg_dataset_dirs"} & said.keys()
    images_in_it = len(list(folder.glob("*.png")))
    assert int(said["ss_num_train_images"]) == 2 * 2 * images_in_it
    assert int(said["ss_num_reg_images"]) == 3


def test_a_metadata_file_trains_alike_whichever_way_it_is_named(prepare: Prepare, images: Path, tmp_path: Path) -> None:
    folder = next(path for path in sorted(images.iterdir()) if path.is_dir())
    captions = {path.stem: path.read_text("utf-8").strip() for path in folder.glob("*.txt")}
    path = tmp_path / "meta.json"
    content = {image.name: {"caption": captions.get(image.stem, "a dog")} for image in sorted(folder.glob("*.png"))}
    path.write_text(json.dumps(content), encoding="utf-8")
    events = run(prepare("meta", in_json=str(path), train_data_dir=str(folder), dataset_repeats=3, **ONE_EPOCH))
    assert json.loads(metadata(events)["ss_dataset_dirs"]) == {
        "meta.json": {"n_repeats": 3, "img_count": len(content)},
    }  # fmt: skip
    subset = {"metadata_file": "meta.json", "image_dir": str(folder), "num_repeats": 3}
    described = describe(tmp_path, {"subsets": [subset]})
    same = run(prepare("same", train_data_dir="", dataset_config=described, **ONE_EPOCH))
    assert difference(weights(events), weights(same)) == 0
