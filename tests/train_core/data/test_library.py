"""Images of every source side by side: each with its own settings, seen exactly as often as asked."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tests.pictures import FakeVae, ignore_progress, image_folder, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.training import TrainingSettings
from train_core.config.tables import dump_tables
from train_core.data.dataset import open_training_data
from train_core.data.library import Library, open_library
from train_core.data.order import BatchPlan, global_batches
from train_core.facts.run.steps import count_steps, workload

SIZES = [(128, 128), (128, 128), (192, 100), (130, 128), (100, 192)]


@pytest.fixture
def parent(tmp_path: Path) -> Path:
    """Five dogs and three cats with captions, and two pictures for regularisation without."""
    image_folder(tmp_path, "dogs", SIZES, "a dog")
    image_folder(tmp_path, "cats", SIZES[1:4], "a cat")
    for number in (0, 1):
        (tmp_path / "reg").mkdir(exist_ok=True)
        noise_image((128, 96), 50 + number).save(tmp_path / "reg" / f"{number}.png")
    return tmp_path


def settings(parent: Path, *datasets: dict[str, Any], **changes: Any) -> DataSettings:
    path = parent / "images.toml"
    path.write_text(dump_tables({"datasets": list(datasets)}), encoding="utf-8")
    return DataSettings(DatasetSettings(dataset_config=str(path), resolution="128", **changes))


def seen_per_image(library: Library, plan: BatchPlan, epoch: int) -> Counter[tuple[int, str]]:
    """How often an epoch sees each image of each dataset."""
    samples = [index for batch in global_batches(library.groups, plan, epoch) for index in batch]
    entries = [library.entries[library.samples[index]] for index in samples]
    return Counter((entry.dataset, f"{entry.folder.name}/{entry.path.name}") for entry in entries)


dataset_strategy = st.fixed_dictionaries(
    {"resolution": st.sampled_from([64, 128, 192]), "repeats": st.integers(1, 4)},
    optional={"batch_size": st.integers(1, 5), "reg": st.integers(1, 3)},
)


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(dataset_strategy, min_size=1, max_size=3), st.integers(1, 4), st.integers(1, 2), st.integers(0, 5))
def test_every_image_is_seen_exactly_its_repeats_in_each_dataset_whatever_the_batches(
    parent: Path, datasets: list[dict[str, Any]], batch_size: int, processes: int, epoch: int
) -> None:
    tables = []
    for one in datasets:
        subsets = [{"image_dir": "dogs", "num_repeats": one["repeats"]}, {"image_dir": "cats"}]
        if "reg" in one:
            subsets.append({"image_dir": "reg", "is_reg": True, "class_tokens": "dog", "num_repeats": one["reg"]})
        own = {key: one[key] for key in ("resolution", "batch_size") if key in one}
        tables.append({**own, "subsets": subsets})
    library = open_library(settings(parent, *tables))
    plan = BatchPlan(1, batch_size, processes)
    seen = seen_per_image(library, plan, epoch)
    for number, one in enumerate(datasets):
        own = {name: count for (dataset, name), count in seen.items() if dataset == number}
        assert {count for name, count in own.items() if name.startswith("dogs")} == {one["repeats"]}
        assert {count for name, count in own.items() if name.startswith("cats")} == {1}
        regular = sum(count for name, count in own.items() if name.startswith("reg"))
        assert regular == (5 * one["repeats"] + 3 if "reg" in one else 0)
    training = TrainingSettings(train_batch_size=batch_size, max_train_epochs=1)
    count = count_steps(workload(library.subsets, training, processes))
    assert count.total == len(global_batches(library.groups, plan, epoch))


def test_batches_keep_to_the_size_of_their_dataset_and_to_one_shape(parent: Path) -> None:
    library = open_library(
        settings(
            parent,
            {"resolution": 128, "batch_size": 2, "subsets": [{"image_dir": "dogs", "num_repeats": 4}]},
            {"resolution": 64, "subsets": [{"image_dir": "dogs"}, {"image_dir": "cats"}]},
        )
    )
    sizes: dict[int, int] = {}
    for batch in global_batches(library.groups, BatchPlan(1, 3), 0):
        entries = [library.entries[library.samples[index]] for index in batch]
        assert len({entry.fit.bucket for entry in entries}) == 1
        (dataset,) = {entry.dataset for entry in entries}
        sizes[dataset] = max(sizes.get(dataset, 0), len(batch))
    assert sizes == {0: 2, 1: 3}


def test_datasets_of_one_size_share_batches(parent: Path) -> None:
    one = {"resolution": 128, "subsets": [{"image_dir": "dogs"}]}
    library = open_library(settings(parent, one, {**one, "subsets": [{"image_dir": "cats"}]}))
    assert len(global_batches(library.groups, BatchPlan(1, 8), 0)) == len({group.bucket for group in library.groups})


def test_each_image_is_trained_with_the_settings_of_its_subset(parent: Path) -> None:
    drawings = {"image_dir": "cats", "caption_prefix": "drawing of", "caption_extension": ".no", "class_tokens": "cat"}
    dataset = {"caption_prefix": "photo of", "subsets": [{"image_dir": "dogs"}, drawings]}
    chosen = settings(parent, dataset, cache_latents=False)
    data = open_training_data(chosen, BatchPlan(1, 1), None, ignore_progress)
    captions = {caption.rpartition(",")[0] or caption for batch in data.epoch(0) for caption in batch.captions}
    assert captions == {"photo of a dog", "drawing of cat"}


def test_one_image_at_two_sizes_is_cached_at_both(parent: Path) -> None:
    vae = FakeVae()
    image_folder(parent, "squares", [(128, 128)] * 2, "a square")
    subset = {"image_dir": "squares"}
    data = open_training_data(
        settings(parent, {"resolution": 128, "subsets": [subset]}, {"resolution": 64, "subsets": [subset]}),
        BatchPlan(1, 1), vae.encoder, ignore_progress,
    )  # fmt: skip
    assert vae.images == 4
    shapes = Counter(tuple(batch.moments.mean.shape[2:]) for batch in data.epoch(0) if batch.moments)
    assert shapes == {(16, 16): 2, (8, 8): 2}


def test_regularisation_samples_weigh_prior_loss_weight(parent: Path) -> None:
    chosen = settings(
        parent,
        {"subsets": [{"image_dir": "dogs"}, {"image_dir": "reg", "is_reg": True, "class_tokens": "dog"}]},
        cache_latents=False,
    )
    data = open_training_data(chosen, BatchPlan(1, 2, prior_loss_weight=0.25), None, ignore_progress)
    weights = [
        (caption == "dog", weight * len(batch.captions))
        for batch in data.epoch(0)
        for caption, weight in zip(batch.captions, batch.weights.tolist(), strict=True)
    ]
    assert Counter(weights) == {(True, 0.25): 5, (False, 1.0): 5}


def test_a_metadata_files_captions_are_trained(parent: Path) -> None:
    path = parent / "meta.json"
    content = {f"0{number}.png": {"caption": f"number {number}", "tags": "fur"} for number in range(3)}
    path.write_text(json.dumps(content), encoding="utf-8")
    dataset = DatasetSettings(
        in_json=str(path), train_data_dir=str(parent / "cats"), dataset_repeats=2, resolution="128", cache_latents=False
    )
    data = open_training_data(DataSettings(dataset), BatchPlan(1, 1), None, ignore_progress)
    captions = Counter(caption for batch in data.epoch(0) for caption in batch.captions)
    assert captions == {"number 0,fur": 2, "number 1,fur": 2, "number 2,fur": 2}


def test_everything_wrong_is_raised_at_once(parent: Path) -> None:
    with pytest.raises(UserError) as error:
        open_library(settings(parent, {"subsets": [{"image_dir": "gone"}, {"image_dir": "dogs", "keep_tokens": -1}]}))
    assert {found.code for found in error.value.problems} == {"dataset_folder_missing", "out_of_bounds"}
