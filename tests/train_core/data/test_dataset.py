"""Epochs: every image as often as asked, with the same draws however they are loaded."""

from __future__ import annotations

import pickle
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from tests.pictures import FakeVae, ignore_progress, image_folder, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.data.batch import Batch
from train_core.data.dataset import Pace, TrainingData, open_training_data
from train_core.data.library import open_library
from train_core.data.moments import Moments
from train_core.data.order import BatchPlan

SIZES = [(128, 128), (128, 128), (192, 100), (130, 128), (100, 192)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five images seen twice and two seen three times, in three buckets."""
    image_folder(tmp_path / "images", "2_zuko dog", SIZES, "a, b, c, d")
    image_folder(tmp_path / "images", "3_cat", SIZES[1:3])
    return tmp_path / "images"


def settings(folder: Path, **changes: object) -> DataSettings:
    values = {
        "train_data_dir": str(folder),
        "resolution": "128",
        "shuffle_caption": True,
        "caption_dropout_rate": 0.2,
        "flip_aug": True,
        "cache_latents": False,
    }
    return DataSettings.of(TrainConfig.from_flat({**values, **changes}))


def training_data(folder: Path, plan: BatchPlan, **changes: object) -> TrainingData:
    return open_training_data(settings(folder, **changes), plan, FakeVae().encoder, ignore_progress)


def seen(batches: list[Batch]) -> dict[tuple[int, int], tuple[str, torch.Tensor]]:
    """Inputs of the model for each (epoch, sample): its caption and its pixels or latents."""
    found = {}
    for batch in batches:
        what = batch.pixels if batch.moments is None else batch.moments.mean
        assert what is not None
        for position, index in enumerate(batch.indices.tolist()):
            if batch.weights[position] > 0:
                assert (batch.epoch, index) not in found
                found[batch.epoch, index] = (batch.captions[position], what[position])
    return found


def two_epochs(data: TrainingData) -> list[Batch]:
    return [batch for epoch in (0, 1) for batch in data.epoch(epoch)]


def assert_same(one: list[Batch], other: list[Batch]) -> None:
    first, second = seen(one), seen(other)
    assert first.keys() == second.keys()
    for sample, (caption, pixels) in first.items():
        assert second[sample][0] == caption
        assert torch.equal(second[sample][1], pixels)


def test_every_image_is_seen_repeats_times_per_epoch(folder: Path) -> None:
    data = training_data(folder, BatchPlan(1, 2))
    for epoch in range(3):
        indices = [index for batch in data.epoch(epoch) for index in batch.indices.tolist()]
        paths = Counter(data.library.entries[data.library.samples[index]].path for index in indices)
        assert sorted(paths.values()) == [2] * 5 + [3] * 2


def test_a_batch_holds_what_it_says(folder: Path) -> None:
    data = training_data(folder, BatchPlan(1, 2))
    batches = list(data.epoch(0))
    assert len(batches) == data.batches_per_epoch
    for batch in batches:
        count = len(batch.indices)
        assert batch.pixels is not None
        assert batch.pixels.shape == (count, 3, batch.bucket[1], batch.bucket[0])
        assert -1 <= batch.pixels.min() < batch.pixels.max() <= 1
        assert batch.moments is None
        assert len(batch.captions) == count
        assert batch.weights.tolist() == [1 / count] * count
        assert batch.original_sizes.shape == batch.crops.shape == (count, 2)


def test_images_without_captions_have_class_tokens(folder: Path) -> None:
    captions = {entry.folder.name: entry.caption for entry in open_library(settings(folder)).entries}
    assert captions["3_cat"] == "cat"
    assert captions["2_zuko dog"].startswith("a, b, c, d, number")


def test_flips_captions_and_order_differ_between_epochs(folder: Path) -> None:
    data = training_data(folder, BatchPlan(1, 1), caption_dropout_rate=0)
    first, second = seen(list(data.epoch(0))), seen(list(data.epoch(1)))
    tagged = [index for _, index in first if "number" in first[0, index][0]]
    assert any(first[0, index][0] != second[1, index][0] for index in tagged)
    mirrored = [torch.equal(first[0, index][1], second[1, index][1].flip(-1)) for _, index in first]
    same = [torch.equal(first[0, index][1], second[1, index][1]) for _, index in first]
    assert any(mirrored)
    assert any(same)
    assert all(a or b for a, b in zip(mirrored, same, strict=True))


@pytest.mark.parametrize("to_disk", [False, True])
def test_workers_change_nothing(folder: Path, to_disk: bool) -> None:
    changes = {"cache_latents": to_disk, "cache_latents_to_disk": to_disk}
    alone = training_data(folder, BatchPlan(5, 2), **changes)
    helped = training_data(folder, BatchPlan(5, 2), max_data_loader_n_workers=4, **changes)
    assert_same(two_epochs(alone), two_epochs(helped))


def test_two_processes_see_together_what_one_sees(folder: Path) -> None:
    one = two_epochs(training_data(folder, BatchPlan(5, 4)))
    ranks = [two_epochs(training_data(folder, BatchPlan(5, 2, 2, rank))) for rank in (0, 1)]
    assert len(ranks[0]) == len(ranks[1]) == len(one)
    assert_same(one, ranks[0] + ranks[1])
    for whole, first, second in zip(one, *ranks, strict=True):
        assert first.bucket == second.bucket == whole.bucket
        assert first.weights.sum() + second.weights.sum() == pytest.approx(2 * whole.weights.sum())


@pytest.mark.parametrize("to_disk", [False, True])
def test_caching_changes_only_last_bits(folder: Path, to_disk: bool) -> None:
    plain = two_epochs(training_data(folder, BatchPlan(5, 2)))
    cached = two_epochs(training_data(folder, BatchPlan(5, 2), cache_latents=True, cache_latents_to_disk=to_disk))
    for one, other in zip(plain, cached, strict=True):
        assert one.indices.tolist() == other.indices.tolist()
        assert one.captions == other.captions
        assert one.pixels is not None
        assert other.moments is not None
        assert isinstance(other.moments, Moments)
        expected = FakeVae().encode(one.pixels)
        torch.testing.assert_close(other.moments.mean, expected.mean, atol=1e-5, rtol=0)
        torch.testing.assert_close(other.moments.logvar, expected.logvar, atol=1e-5, rtol=0)


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_resumes_at_any_batch(folder: Path, workers: int) -> None:
    data = training_data(folder, BatchPlan(5, 2), max_data_loader_n_workers=workers)
    whole = list(data.epoch(1))
    for first in (0, 3, len(whole)):
        rest = list(data.epoch(1, first))
        assert [batch.indices.tolist() for batch in rest] == [batch.indices.tolist() for batch in whole[first:]]
        assert_same(rest, whole[first:])


@pytest.mark.parametrize("workers", [0, 2])
def test_an_epoch_left_early_does_not_disturb_the_next(folder: Path, workers: int) -> None:
    data = training_data(folder, BatchPlan(5, 2), max_data_loader_n_workers=workers)
    expected = list(data.epoch(1))
    next(data.epoch(0))
    assert_same(list(data.epoch(1)), expected)


def test_loading_draws_nothing_from_torch_s_global_generator(folder: Path) -> None:
    data = training_data(folder, BatchPlan(5, 2))
    before = torch.random.get_rng_state()
    two_epochs(data)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_images_can_be_loaded_by_freshly_started_processes(folder: Path) -> None:
    """Windows and macOS start workers without a copy of this process's memory."""
    data = training_data(folder, BatchPlan(5, 2))
    expected = list(data.epoch(0))
    images = pickle.loads(pickle.dumps(data.loader.dataset))
    spawned = DataLoader(
        images, batch_sampler=data.order, collate_fn=data.loader.collate_fn, num_workers=1,
        multiprocessing_context="spawn",
    )  # fmt: skip
    for batch, loaded in zip(expected, spawned, strict=True):
        assert batch.pixels is not None
        torch.testing.assert_close(torch.stack([item.image for item in loaded]) / 127.5 - 1.0, batch.pixels)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_image_broken_during_the_run_is_named(folder: Path, workers: int) -> None:
    data = training_data(folder, BatchPlan(5, 1), max_data_loader_n_workers=workers)
    broken = folder / "3_cat" / "00.png"
    broken.write_bytes(b"")
    with pytest.raises(UserError) as error:
        list(data.epoch(0))
    (found,) = error.value.problems
    assert (found.code, found.params["path"]) == ("image_unreadable", str(broken))


def test_all_captions_in_a_wrong_encoding_are_named_at_once(folder: Path) -> None:
    for number in (0, 3):
        (folder / "2_zuko dog" / f"0{number}.txt").write_bytes("ä".encode("cp1252"))
    with pytest.raises(UserError) as error:
        open_library(settings(folder))
    assert [problem.code for problem in error.value.problems] == ["caption_not_utf8"] * 2


def test_caching_without_an_encoder_is_a_mistake_of_the_caller(folder: Path) -> None:
    with pytest.raises(ValueError, match="encoder"):
        open_training_data(settings(folder, cache_latents=True), BatchPlan(0), None, ignore_progress)


VARIED = {"random_crop": True, "color_aug": True, "flip_aug": True, "enable_wildcard": True, "token_warmup_step": 0.5}


def test_augmented_draws_are_the_same_with_workers_and_other_processes(folder: Path) -> None:
    one = two_epochs(training_data(folder, BatchPlan(5, 4), **VARIED))
    helped = two_epochs(training_data(folder, BatchPlan(5, 4), **VARIED, max_data_loader_n_workers=2))
    ranks = [two_epochs(training_data(folder, BatchPlan(5, 2, 2, rank), **VARIED)) for rank in (0, 1)]
    assert_same(one, helped)
    assert_same(one, ranks[0] + ranks[1])


def test_crops_of_the_batch_are_where_its_pixels_were_cut_out(tmp_path: Path) -> None:
    noise_image((160, 64)).save(image_folder(tmp_path / "images", "1_x", []) / "00.png")
    data = training_data(
        tmp_path / "images", BatchPlan(1), resolution="64", enable_bucket=False, random_crop=True, shuffle_caption=False
    )
    whole = torch.from_numpy(np.array(noise_image((160, 64)))).permute(2, 0, 1) / 127.5 - 1.0
    lefts = set()
    for epoch in range(12):
        (batch,) = data.epoch(epoch)
        left, top = batch.crops[0].tolist()
        lefts.add(left)
        assert top == 0
        assert batch.pixels is not None
        cut = [image[:, :, left : left + 64] for image in (whole, whole.flip(-1))]
        assert any(torch.equal(batch.pixels[0], one) for one in cut)
    assert len(lefts) > 3


@pytest.mark.parametrize("setting", ["random_crop", "color_aug", "face_crop_aug_range"])
def test_varied_pixels_and_cached_latents_are_refused_naming_both(folder: Path, setting: str) -> None:
    value = "1.5,3" if setting == "face_crop_aug_range" else True
    with pytest.raises(UserError) as error:
        training_data(folder, BatchPlan(1), cache_latents=True, **{setting: value})
    (found,) = error.value.problems
    assert found.code == "augmentation_with_cached_latents"
    assert setting in found.text
    assert "cache_latents" in found.text


def test_colours_change_from_draw_to_draw_and_stay_near(folder: Path) -> None:
    plain = seen(list(training_data(folder, BatchPlan(5, 2)).epoch(0)))
    data = training_data(folder, BatchPlan(5, 2), color_aug=True)
    first, second = seen(list(data.epoch(0))), seen(list(data.epoch(1)))
    for (_, index), (_, pixels) in first.items():
        assert not torch.equal(pixels, plain[0, index][1])
        assert (pixels - plain[0, index][1]).abs().mean() < 0.2
        assert not torch.equal(pixels, second[1, index][1])


def test_interpolation_changes_pixels_and_cached_latents(folder: Path) -> None:
    def latents(name: str) -> torch.Tensor:
        kept = {"cache_latents": True, "cache_latents_to_disk": True}
        shown = seen(list(training_data(folder, BatchPlan(5, 2), resize_interpolation=name, **kept).epoch(0)))
        return torch.cat([value[1].flatten() for _, value in sorted(shown.items())])

    assert torch.equal(latents("auto"), latents("auto"))
    assert not torch.equal(latents("auto"), latents("nearest"))
    assert torch.equal(latents("cubic"), latents("bicubic"))


def test_warm_up_follows_the_optimizer_step_and_not_the_worker(folder: Path) -> None:
    """Two batches a step: captions of a step have the number of tags of that step."""
    changes = {"token_warmup_step": 1.0, "caption_dropout_rate": 0, "shuffle_caption": False}
    data = training_data(folder, BatchPlan(5, 1), **changes | {"token_warmup_step": 8.0}, max_data_loader_n_workers=2)
    data.pace = Pace(batches_per_step=2, total_steps=100)
    steps = -(-data.batches_per_epoch // 2)
    for epoch in (0, 1):
        for number, batch in enumerate(data.epoch(epoch)):
            step = epoch * steps + number // 2
            (caption,) = batch.captions
            if caption != "cat":
                assert len(caption.split(", ")) == min(5, 1 + step * 4 // 8)


def test_a_resumed_epoch_warms_up_where_it_was(folder: Path) -> None:
    changes = {"token_warmup_step": 0.9, "caption_dropout_rate": 0}
    data = training_data(folder, BatchPlan(5, 2), **changes)
    data.pace = Pace(total_steps=20)
    whole = [batch.captions for batch in data.epoch(1)]
    assert [batch.captions for batch in data.epoch(1, 3)] == whole[3:]


def test_captions_with_several_lines_give_a_line_per_draw_with_wildcards(folder: Path) -> None:
    for path in (folder / "2_zuko dog").glob("*.txt"):
        path.write_text("first, one\nsecond {a|b}\n", encoding="utf-8")
    changes = {"shuffle_caption": False, "caption_dropout_rate": 0}

    def drawn(**wildcards: bool) -> set[str]:
        data = training_data(folder, BatchPlan(5, 2), **changes, **wildcards)
        return {caption for epoch in range(5) for batch in data.epoch(epoch) for caption in batch.captions}

    assert drawn() == {"first, one", "cat"}
    assert drawn(enable_wildcard=True) == {"first, one", "second a", "second b", "cat"}


def test_a_face_fills_the_crop_as_asked_with_and_without_buckets(tmp_path: Path) -> None:
    """A white face of 20 pixels on black, two faces wide: a quarter of the bucket's area is white, in its middle."""
    picture = Image.new("RGB", (400, 300))
    picture.paste((255, 255, 255), (90, 190, 110, 210))
    picture.save(image_folder(tmp_path / "images", "1_x", []) / "a_100_200_20_20.png")
    changes = {"shuffle_caption": False, "flip_aug": False, "bucket_reso_steps": 8, "face_crop_aug_range": "2,2"}
    for enable_bucket in (False, True):
        data = training_data(tmp_path / "images", BatchPlan(1), resolution="40", enable_bucket=enable_bucket, **changes)
        (batch,) = data.epoch(0)
        assert batch.pixels is not None
        width, height = batch.bucket
        side = min(width, height)
        face = batch.pixels[0, 0, (height - side) // 2 :, (width - side) // 2 :][:side, :side]
        assert (face > 0).float().mean().item() == pytest.approx(0.25, abs=0.06)
        assert face[side // 2, side // 2] == 1
