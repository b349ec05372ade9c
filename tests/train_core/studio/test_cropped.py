"""Cropped copies are found, also mirrored, as JPEG and in another size; other pictures are not taken for them."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import skimage.data
from PIL import Image, ImageOps

from train_core.studio.cropped import cropped
from train_core.studio.measures import measure

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "colorwheel", "camera")


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    return [Image.fromarray(getattr(skimage.data, name)()).convert("RGB") for name in PHOTOGRAPHS]


def part(picture: Image.Image, draw: random.Random) -> Image.Image:
    """A random part with 70 to 95 % of each side."""
    share, (width, height) = draw.uniform(0.7, 0.95), picture.size
    across, down = round(share * width), round(share * height)
    left, top = draw.randint(0, width - across), draw.randint(0, height - down)
    return picture.crop((left, top, left + across, top + down))


def test_most_parts_are_found_and_nothing_else_is(photographs: list[Image.Image], tmp_path: Path):
    draw = random.Random(3)
    pictures = list(photographs)
    wholes = {}
    for number, picture in enumerate(photographs):
        for copy in range(4):
            one = part(picture, draw)
            pictures.append(ImageOps.mirror(one) if copy % 2 else one.resize((one.width * 3 // 4, one.height * 3 // 4)))
            wholes[len(pictures) - 1] = number
    paths = []
    for number, picture in enumerate(pictures):
        paths.append(tmp_path / f"{number}.jpg")
        picture.save(paths[-1], quality=80)
    found = cropped([measure(path) for path in paths], [picture.size for picture in pictures])
    right = [(whole, one) for whole, one in found if whole < len(photographs) and wholes.get(one) == whole]
    wrong = [pair for pair in found if wholes.get(pair[0], pair[0]) != wholes.get(pair[1], pair[1])]
    assert len(right) >= 0.75 * len(wholes) and wrong == []


def test_few_and_very_many_pictures_have_no_parts(photographs: list[Image.Image], tmp_path: Path):
    photographs[0].save(tmp_path / "one.png")
    one = measure(tmp_path / "one.png")
    assert cropped([one], [(10, 10)]) == []
    assert cropped([one] * 10_001, [(10, 10)] * 10_001) == []
