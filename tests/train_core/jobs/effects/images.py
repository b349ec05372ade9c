"""Effects of settings of images: sizes, crops, and what becomes of their pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from tests.train_core.jobs.effects.comparing import all_pixels, assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.outcome import Outcome

IMAGES = Effects()
BUCKETS = {"bucket_no_upscale": False, "bucket_reso_steps": 32, "min_bucket_reso": 32}


def sizes(outcome: Outcome) -> set[tuple[int, int]]:
    """Widths and heights that were trained at."""
    return {one.size for one in outcome.passes}


def sides(outcome: Outcome) -> set[int]:
    return {side for size in sizes(outcome) for side in size}


@IMAGES.of("resolution", "128,64", enable_bucket=False)
def images_are_trained_at_that_width_and_height(before: Outcome, after: Outcome) -> None:
    assert (sizes(before), sizes(after)) == ({(64, 64)}, {(128, 64)})


@IMAGES.of("enable_bucket", False, **BUCKETS)
def all_images_are_cut_to_one_shape(before: Outcome, after: Outcome) -> None:
    assert len({width / height for width, height in sizes(before)}) == 2
    assert sizes(after) == {(64, 64)}


@IMAGES.of("bucket_no_upscale", True, **BUCKETS, resolution="128")
def no_image_is_enlarged(before: Outcome, after: Outcome) -> None:
    assert all(width * height > 64 * 128 for width, height in sizes(before))
    assert sizes(after) == {(64, 64), (64, 128)}  # as they are


@IMAGES.of("min_bucket_reso", 64, **BUCKETS)
def no_side_is_shorter(before: Outcome, after: Outcome) -> None:
    assert min(sides(before)) < 64 <= min(sides(after))


@IMAGES.of("max_bucket_reso", 64, **BUCKETS)
def no_side_is_longer(before: Outcome, after: Outcome) -> None:
    assert max(sides(before)) > 64 >= max(sides(after))


@IMAGES.of("bucket_reso_steps", 64, **BUCKETS)
def sides_are_multiples_of_it(before: Outcome, after: Outcome) -> None:
    assert any(side % 64 for side in sides(before))
    assert not any(side % 64 for side in sides(after))


@IMAGES.of("resize_interpolation", "nearest", enable_bucket=False, resolution="128,64")
def enlarging_repeats_pixels_instead_of_mixing_them(before: Outcome, after: Outcome) -> None:
    assert sizes(before) == sizes(after) == {(128, 64)}

    def repeats(pixels: Tensor) -> bool:
        return torch.equal(pixels[..., ::2], pixels[..., 1::2])

    assert all(map(repeats, after.record.encoded))
    assert not any(map(repeats, before.record.encoded))


@IMAGES.of("random_crop", True, enable_bucket=False, cache_latents=False)
def images_are_cut_out_at_random_places(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "captions", "timesteps")
    tall = [as_pixels(path) for path in sorted(after.images.glob("*tall*/*.png"))]

    def tops(outcome: Outcome) -> set[int]:
        """Tops of the crops of tall images, which must be those that the model is told."""
        found = {
            (int(crop[1]), next(top for top in range(65) for whole in tall if found_in(whole, top, pixels)))
            for one in outcome.passes
            for pixels, crop, original in zip(
                one.pixels, one.extras["crops"], one.extras["original_sizes"], strict=True
            ) if int(original[1]) == 128
        }  # fmt: skip
        assert all(said == seen for said, seen in found)
        return {seen for _, seen in found}

    assert tops(before) == {32}
    assert len(tops(after)) > 1


def as_pixels(path: Path) -> Tensor:
    """A picture as models see it, (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(Image.open(path))).permute(2, 0, 1) / 127.5 - 1


def found_in(whole: Tensor, top: int, crop: Tensor) -> bool:
    return torch.allclose(whole[:, top : top + crop.shape[1]], crop, atol=1e-3)


@IMAGES.of("color_aug", True, cache_latents=False)
def colours_shift_a_little_in_every_draw(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "captions", "timesteps")
    shifts = set()
    for old, new in zip(all_pixels(before), all_pixels(after), strict=True):
        assert 0 < (new - old).abs().mean() < 0.1
        order = old[0].flatten().argsort(stable=True)
        assert (new[0].flatten()[order].diff() >= 0).all()  # of two greys the brighter one stays the brighter one
        shifts.add(round((new - old).mean().item(), 6))
    assert len(shifts) == len(all_pixels(after))


@IMAGES.of("flip_aug", True, cache_latents=False)
def some_images_are_mirrored(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "captions", "timesteps")
    mirrored = []
    for old, new in zip(all_pixels(before), all_pixels(after), strict=True):
        assert torch.equal(new, old) or torch.equal(new, old.flip(-1))
        mirrored.append(torch.equal(new, old.flip(-1)))
    assert set(mirrored) == {True, False}


@IMAGES.of("no_half_vae", False, mixed_precision="bf16")
def the_vae_calculates_in_half_precision(before: Outcome, after: Outcome) -> None:
    assert (before.record.vae_dtypes, after.record.vae_dtypes) == ({torch.float32}, {torch.bfloat16})
