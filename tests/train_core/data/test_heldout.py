"""Held-out images: from every kind of source, calm, and each training image still seen in every epoch."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import FakeVae, ignore_progress, image_folder, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.validation import ValidationSettings
from train_core.data.dataset import training_data_of
from train_core.data.heldout import capped, measured_on, open_libraries
from train_core.data.library import Library
from train_core.data.order import BatchPlan


def settings(**values: Any) -> DataSettings:
    return DataSettings.of(TrainConfig.from_flat({"resolution": "64", "cache_latents": False, **values}))


def folders(tmp_path: Path) -> dict[str, Any]:
    image_folder(tmp_path / "images", "2_dog", [(64, 64)] * 16, caption="a dog")
    image_folder(tmp_path / "images", "1_cat", [(64, 80)] * 4)
    return {"train_data_dir": str(tmp_path / "images")}


def metadata(tmp_path: Path) -> dict[str, Any]:
    folder = image_folder(tmp_path, "loose", [(64, 64)] * 20)
    listed = {str(path): {"caption": f"number {path.stem}"} for path in sorted(folder.iterdir())}
    (tmp_path / "all.json").write_text(json.dumps(listed), encoding="utf-8")
    return {"in_json": str(tmp_path / "all.json")}


def dataset_file(tmp_path: Path) -> dict[str, Any]:
    """One folder at two sizes at once: each picture stands in the library twice."""
    folder = image_folder(tmp_path, "loose", [(64, 64)] * 20)
    datasets = "".join(
        f"[[datasets]]\nresolution = {side}\nbatch_size = 2\n[[datasets.subsets]]\nimage_dir = '{folder}'\n"
        f"num_repeats = 1\nclass_tokens = 'dog'\n"
        for side in (64, 128)
    )
    (tmp_path / "datasets.toml").write_text(datasets, encoding="utf-8")
    return {"dataset_config": str(tmp_path / "datasets.toml")}


def contents(library: Library) -> set[bytes]:
    return {entry.path.read_bytes() for entry in library.entries}


@pytest.mark.parametrize("source", [folders, metadata, dataset_file])
def test_images_of_every_source_are_held_out_and_not_validated_on_while_training(source: Any, tmp_path: Path) -> None:
    # sd-scripts validates metadata datasets on the complete training data.
    given = settings(**source(tmp_path))
    whole, nothing = open_libraries(given, ValidationSettings(), 1)
    training, measured = open_libraries(given, ValidationSettings(validation_split=0.2), 1)
    assert nothing is None
    assert measured is not None
    assert not contents(training) & contents(measured)
    assert contents(training) | contents(measured) == contents(whole)
    assert len(contents(measured)) == 4
    assert training.held_out == len(measured.entries)


def test_an_epoch_visits_every_training_image_with_eight_workers(tmp_path: Path) -> None:
    # sd-scripts' loader shuffles anew after each worker's first fetch: of 40 images 32 to 34 were seen in an epoch.
    image_folder(tmp_path / "images", "1_dog", [(64, 64)] * 50)
    given = settings(train_data_dir=str(tmp_path / "images"), max_data_loader_n_workers=8)
    library, measured = open_libraries(given, ValidationSettings(validation_split=0.2), 1)
    assert measured is not None
    for images, plan in ((library, BatchPlan(3, batch_size=4)), (measured, BatchPlan(3))):
        data = training_data_of(images, given.dataset, plan, None, ignore_progress)
        seen = Counter(index for batch in data.epoch(0) for index in batch.indices.tolist())
        assert seen == Counter(range(len(images.entries)))


def test_held_out_images_are_seen_as_they_are_whatever_varies_in_training(tmp_path: Path) -> None:
    given = settings(
        **folders(tmp_path), flip_aug=True, random_crop=True, color_aug=True, shuffle_caption=True,
        caption_dropout_rate=1.0, caption_tag_dropout_rate=0.9, caption_prefix="zuko,", resize_interpolation="nearest",
    )  # fmt: skip
    _, measured = open_libraries(given, ValidationSettings(validation_split=0.5), 1)
    assert measured is not None
    assert {entry.repeats for entry in measured.entries} == {1}
    assert {entry.settings.augmentation.resize_interpolation for entry in measured.entries} == {"nearest"}
    first, second = (
        [
            (batch.captions, batch.pixels.tolist())
            for batch in training_data_of(measured, given.dataset, BatchPlan(seed), None, ignore_progress).epoch(epoch)
        ]
        for seed, epoch in ((1, 0), (2, 5))
    )
    assert sorted(first) == sorted(second)
    assert all(captions[0].startswith("zuko, a dog, number") for captions, _ in first if "dog" in captions[0])


def test_latents_of_held_out_images_are_cached_plain_only(tmp_path: Path) -> None:
    given = settings(**folders(tmp_path), cache_latents=True, flip_aug=True)
    training, measured = open_libraries(given, ValidationSettings(validation_split=0.2), 1)
    assert measured is not None
    counts = []
    for images in (training, measured):
        vae = FakeVae()
        training_data_of(images, given.dataset, BatchPlan(1), vae.encoder, ignore_progress)
        counts.append(vae.images)
    assert counts == [2 * 16, 4]


def test_a_limit_takes_the_same_images_each_time(tmp_path: Path) -> None:
    given = settings(**folders(tmp_path))
    few = ValidationSettings(validation_split=0.5, max_validation_steps=3)
    first, second = open_libraries(given, few, 1)[1], open_libraries(given, few, 1)[1]
    assert first is not None
    assert first == second
    assert len(first.entries) == 3
    assert measured_on(first).params["count"] == 3
    assert capped(first, 0, 1) is first


def test_a_validation_folder_may_be_plain_and_takes_over_no_other_source(tmp_path: Path) -> None:
    (tmp_path / "other" / "foxes").mkdir(parents=True)
    noise_image((64, 64), 99).save(tmp_path / "other" / "foxes" / "fox.png")
    given = settings(**metadata(tmp_path))
    training, measured = open_libraries(given, ValidationSettings(validation_data_dir=str(tmp_path / "other")), 1)
    assert measured is not None
    assert [entry.path.name for entry in measured.entries] == ["fox.png"]
    assert len(training.entries) == 20
