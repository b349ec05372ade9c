"""Training with masks: only what they leave is learnt, at the same pace."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import kinds, run, weights

Masks = Callable[[Callable[[tuple[int, int]], Image.Image]], Path]


@pytest.fixture
def masks(images: Path, tmp_path: Path) -> Masks:
    """A function that draws a mask for the size of each picture, and gives the masks' folder."""

    def draw(mask_of: Callable[[tuple[int, int]], Image.Image]) -> Path:
        for path in images.glob("*/*.png"):
            folder = tmp_path / "masks" / path.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            with Image.open(path) as image:
                mask_of(image.size).save(folder / path.name)
        return tmp_path / "masks"

    return draw


def white(size: tuple[int, int]) -> Image.Image:
    return Image.new("L", size, 255)


def left_half(size: tuple[int, int]) -> Image.Image:
    mask = Image.new("L", size)
    mask.paste(255, (0, 0, size[0] // 2, size[1]))
    return mask


def learnt(path: Path) -> dict[str, Tensor]:
    return dict(weights(run(path)))


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_a_mask_changes_what_is_learnt_and_a_white_one_does_not(prepare: Prepare, masks: Masks) -> None:
    plain = learnt(prepare("plain", max_train_epochs=1))
    folder = str(masks(left_half))
    masked = learnt(prepare("masked", max_train_epochs=1, masked_loss=True, conditioning_data_dir=folder))
    assert not same(plain, masked)
    folder = str(masks(white))
    whole = learnt(prepare("whole", max_train_epochs=1, masked_loss=True, conditioning_data_dir=folder))
    for name, value in plain.items():
        torch.testing.assert_close(whole[name], value, atol=1e-4, rtol=1e-2)


def test_masks_do_the_same_with_and_without_cached_latents(prepare: Prepare, masks: Masks) -> None:
    changes = {"max_train_epochs": 1, "masked_loss": True, "conditioning_data_dir": str(masks(left_half))}
    cached = learnt(prepare("cached", **changes, flip_aug=True))
    assert same(cached, learnt(prepare("online", **changes, flip_aug=True, cache_latents=False)))


def test_an_alpha_mask_is_learnt_like_a_mask_image(prepare: Prepare, images: Path, masks: Masks) -> None:
    changes = {"max_train_epochs": 1}
    folder = masks(left_half)
    for path in images.glob("*/*.png"):
        picture = Image.open(path).convert("RGBA")
        picture.putalpha(left_half(picture.size))
        picture.save(path)
    by_alpha = learnt(prepare("alpha", **changes, alpha_mask=True))
    by_image = learnt(prepare("image", **changes, masked_loss=True, conditioning_data_dir=str(folder)))
    assert same(by_alpha, by_image)


def test_an_empty_mask_stops_the_run_and_names_the_picture(prepare: Prepare, images: Path, masks: Masks) -> None:
    folder = masks(white)
    Image.new("L", (64, 64)).save(folder / "2_zuko dog" / "1.png")
    events = run(prepare("empty", masked_loss=True, conditioning_data_dir=str(folder)))
    (error,) = kinds(events, "error")
    assert error["code"] == "mask_empty"
    assert error["params"]["path"] == str(images / "2_zuko dog" / "1.png")
