"""Masks: cut out like their images, at the latents' size, cached or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.pictures import FakeVae, ignore_progress, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError
from train_core.config.tables import dump_tables
from train_core.data.batch import Batch
from train_core.data.dataset import TrainingData, open_training_data
from train_core.data.library import open_library
from train_core.data.masks import Masks, at_latent_size
from train_core.data.order import BatchPlan
from train_core.facts.images.buckets import BucketFit
from train_core.jobs.start import end_process

SIZE = (128, 128)
Open = Callable[..., TrainingData]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images with masks beside them: the first one's left quarter, the second one's upper half, both white."""
    for name, box in (("0", (0, 0, 32, 128)), ("1", (0, 0, 128, 64))):
        save(noise_image(SIZE, int(name)), tmp_path / "images" / "1_x" / f"{name}.png")
        mask = Image.new("L", SIZE)
        mask.paste(255, box)
        save(mask, tmp_path / "masks" / f"{name}.png")
    return tmp_path


@pytest.fixture
def open_data(folder: Path) -> Open:
    """Opens the folder's images with masks, one image to a batch."""

    def open_it(plan: BatchPlan = BatchPlan(0), **changes: object) -> TrainingData:  # noqa: B008
        values = {
            "train_data_dir": str(folder / "images"), "resolution": "128", "cache_latents": False, "masked_loss": True,
            "conditioning_data_dir": str(folder / "masks"), **changes,
        }
        settings = DataSettings.of(TrainConfig.from_flat(values))
        return open_training_data(settings, plan, FakeVae().encoder, ignore_progress)

    return open_it


def save(image: Image.Image, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def masks_of(data: TrainingData, epochs: int = 1) -> dict[tuple[int, int], Tensor | None]:
    """The mask (h, w) of each (epoch, sample)."""
    batches: list[Batch] = [batch for epoch in range(epochs) for batch in data.epoch(epoch)]
    return {
        (batch.epoch, index): None if batch.masks is None else batch.masks[position, 0]
        for batch in batches
        for position, index in enumerate(batch.indices.tolist())
    }


def rows(mask: Tensor | None) -> list[list[float]]:
    assert mask is not None
    return mask.tolist()


def test_masks_have_the_size_of_the_latents(open_data: Open) -> None:
    masks = masks_of(open_data())
    assert rows(masks[0, 0]) == [[1.0] * 4 + [0.0] * 12] * 16
    assert rows(masks[0, 1]) == [[1.0] * 16] * 8 + [[0.0] * 16] * 8


def test_each_latent_has_the_mean_of_its_pixels() -> None:
    values = np.arange(128, dtype=np.uint8).reshape(8, 16) * 2
    mask = at_latent_size(Image.fromarray(values), BucketFit((16, 8), (16, 8), (0, 0)))
    assert mask.flatten().tolist() == [round(values[:, :8].mean()), round(values[:, 8:].mean())]


def test_masks_are_scaled_and_cropped_like_their_images() -> None:
    mask = Image.new("L", (32, 64))
    mask.paste(255, (0, 0, 32, 32))
    found = at_latent_size(mask, BucketFit((16, 16), (16, 32), (0, 8)))
    assert found.tolist() == [[[255, 255], [0, 0]]]


@pytest.mark.parametrize("cached", [False, True])
def test_masks_are_mirrored_with_their_images(open_data: Open, cached: bool) -> None:
    data = open_data(flip_aug=True, cache_latents=cached)
    found = masks_of(data, epochs=8)
    left, right = [[1.0] * 4 + [0.0] * 12] * 16, [[0.0] * 12 + [1.0] * 4] * 16
    seen = [rows(found[epoch, 0]) for epoch in range(8)]
    assert left in seen
    assert right in seen
    assert all(mask in (left, right) for mask in seen)


def white_where_learnt(folder: Path) -> None:
    """Make each image its own mask."""
    for name in ("0", "1"):
        Image.open(folder / "masks" / f"{name}.png").convert("RGB").save(folder / "images" / "1_x" / f"{name}.png")


@pytest.mark.parametrize(
    "changes",
    [
        {"flip_aug": True},
        {"flip_aug": True, "cache_latents": True},
        {"flip_aug": True, "random_crop": True, "resolution": "128,64", "enable_bucket": False},
        {"flip_aug": True, "random_crop": True, "resolution": "64,128", "enable_bucket": False},
    ],
)
def test_a_mask_always_lies_where_its_image_does(open_data: Open, folder: Path, changes: dict[str, object]) -> None:
    white_where_learnt(folder)
    for epoch in range(6):
        for batch in open_data(**changes).epoch(epoch):
            shown = FakeVae().encode(batch.pixels).mean if batch.moments is None else batch.moments.mean
            assert batch.masks is not None
            torch.testing.assert_close((shown[:, :1] + 1) / 2, batch.masks, atol=0.01, rtol=0)


@pytest.mark.parametrize("cached", [False, True])
def test_an_alpha_mask_is_the_image_s_own_transparency(open_data: Open, folder: Path, cached: bool) -> None:
    image = noise_image(SIZE).convert("RGBA")
    image.putalpha(Image.open(folder / "masks" / "0.png"))
    save(image, folder / "images" / "1_x" / "0.png")
    masks = masks_of(open_data(masked_loss=False, alpha_mask=True, cache_latents=cached))
    assert rows(masks[0, 0]) == [[1.0] * 4 + [0.0] * 12] * 16
    assert masks[0, 1] is None or rows(masks[0, 1]) == [[1.0] * 16] * 16


def test_images_without_alpha_count_whole_beside_those_with(open_data: Open, folder: Path) -> None:
    image = noise_image(SIZE).convert("RGBA")
    image.putalpha(Image.open(folder / "masks" / "0.png"))
    save(image, folder / "images" / "1_x" / "0.png")
    (batch,) = open_data(BatchPlan(0, 2), masked_loss=False, alpha_mask=True).epoch(0)
    assert batch.masks is not None
    assert sorted(batch.masks.mean(dim=(1, 2, 3)).tolist()) == [0.25, 1.0]


def test_alpha_and_mask_image_together_leave_what_both_leave(open_data: Open, folder: Path) -> None:
    image = noise_image(SIZE).convert("RGBA")
    image.putalpha(Image.open(folder / "masks" / "1.png"))
    save(image, folder / "images" / "1_x" / "0.png")
    masks = masks_of(open_data(alpha_mask=True))
    assert rows(masks[0, 0]) == [[1.0] * 4 + [0.0] * 12] * 8 + [[0.0] * 16] * 8


def test_turning_the_option_off_turns_it_off_whatever_the_caches_hold(open_data: Open) -> None:
    on = {"cache_latents": True, "cache_latents_to_disk": True}
    assert all(mask is not None for mask in masks_of(open_data(**on)).values())
    assert set(masks_of(open_data(**on, masked_loss=False)).values()) == {None}


def test_a_mask_folder_given_as_a_plain_setting_works(open_data: Open) -> None:
    """sd-scripts takes conditioning_data_dir on the command line and trains without a mask and without a word."""
    assert all(mask is not None for mask in masks_of(open_data()).values())


def test_all_empty_masks_are_named_before_anything_is_trained(open_data: Open, folder: Path) -> None:
    for name in ("0", "1"):
        save(Image.new("L", SIZE), folder / "masks" / f"{name}.png")
    with pytest.raises(UserError) as error:
        open_data()
    paths = [found.params["path"] for found in error.value.problems if found.code == "mask_empty"]
    assert paths == [str(folder / "images" / "1_x" / f"{name}.png") for name in ("0", "1")]


def test_a_mask_is_white_only_where_it_is_opaque(open_data: Open, folder: Path) -> None:
    drawing = Image.new("RGBA", SIZE, (255, 255, 255, 0))
    drawing.paste((255, 255, 255, 255), (0, 0, 32, 128))
    save(drawing, folder / "masks" / "0.png")
    assert rows(masks_of(open_data())[0, 0]) == [[1.0] * 4 + [0.0] * 12] * 16


def test_missing_masks_stop_the_run(open_data: Open, folder: Path) -> None:
    (folder / "masks" / "1.png").unlink()
    with pytest.raises(UserError) as error:
        open_data()
    assert [found.code for found in error.value.problems] == ["masks_missing"]


def test_a_random_crop_may_show_nothing_of_the_mask(open_data: Open) -> None:
    masks = masks_of(open_data(random_crop=True, resolution="64,128", enable_bucket=False), epochs=20)
    shares = {float(mask.mean()) for (_, sample), mask in masks.items() if sample == 0 and mask is not None}
    assert len(shares) > 3


def test_subsets_of_a_dataset_file_may_have_masks_of_their_own(open_data: Open, folder: Path) -> None:
    images = folder / "images"
    save(noise_image(SIZE, 9), images / "other" / "9.png")
    save(Image.new("L", SIZE, 51), folder / "other masks" / "9.png")
    save(noise_image(SIZE, 8), images / "plain" / "8.png")
    subsets = [
        {"image_dir": str(images / "1_x"), "conditioning_data_dir": str(folder / "masks")},
        {"image_dir": str(images / "other"), "conditioning_data_dir": str(folder / "other masks")},
    ]
    tables = {"datasets": [{"subsets": subsets}, {"subsets": [{"image_dir": str(images / "plain")}]}]}
    (folder / "images.toml").write_text(dump_tables(tables), encoding="utf-8")
    changes = {"train_data_dir": "", "conditioning_data_dir": "", "dataset_config": str(folder / "images.toml")}
    masks = masks_of(open_data(**changes))
    means = [None if masks[0, sample] is None else float(masks[0, sample].mean()) for sample in range(4)]
    assert means == [0.25, 0.5, pytest.approx(0.2), None]


def test_regularisation_images_may_have_masks_and_need_none(open_data: Open, folder: Path) -> None:
    for name, seed in (("a", 20), ("b", 21)):
        save(noise_image(SIZE, seed), folder / "reg" / "1_dog" / f"{name}.png")
    save(Image.new("L", SIZE, 51), folder / "masks" / "1_dog" / "b.png")
    data = open_data(reg_data_dir=str(folder / "reg"))
    entries, samples = data.library.entries, data.library.samples
    by_name = {entries[samples[sample]].path.stem: mask for (_, sample), mask in masks_of(data).items()}
    assert by_name["a"] is None
    assert by_name["b"] is not None
    assert float(by_name["b"].mean()) == pytest.approx(0.2)


def as_one_of_two(rank: int, folder: Path) -> None:
    """Work of each of two processes: read its share of the masks, and write down all that it has."""
    rendezvous = (folder / "rendezvous").as_uri()
    torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    settings = DataSettings().with_values({
        "train_data_dir": str(folder / "images"), "masked_loss": True, "conditioning_data_dir": str(folder / "masks"),
    })  # fmt: skip
    counted: list[tuple[int, int]] = []
    masks = Masks(open_library(settings).entries, lambda *numbers: counted.append(numbers))
    torch.save((counted, masks.kept), folder / f"{rank}.pt")
    end_process(0)


def test_two_processes_share_the_reading_and_both_have_every_mask(folder: Path) -> None:
    torch.multiprocessing.spawn(as_one_of_two, (folder,), nprocs=2)
    for rank in (0, 1):
        counted, kept = torch.load(folder / f"{rank}.pt")
        assert counted == [(1, 1)]
        assert {index: float(mask.float().mean()) / 255 for index, mask in kept.items()} == {0: 0.25, 1: 0.5}
