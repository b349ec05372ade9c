"""Two photographs in the public domain, out of packages that the tests need, with what can be seen on them."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from train_core.studio.vision.box import Box


def astronaut() -> Path:
    """A woman in a space suit between a flag and a model of a shuttle (NASA), 512 x 512."""
    return _in_package("skimage", "data/astronaut.png")


def hopper() -> Path:
    """A woman in uniform with cap and glasses before a flag (US Navy), 512 x 600."""
    return _in_package("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


def coffee() -> Path:
    """A cup, a spoon and a wooden table; nobody, and no text. 600 x 400."""
    return _in_package("skimage", "data/coffee.png")


# The faces from hairline or cap to chin, and between the ears, measured by eye before any model had seen them.
ASTRONAUTS_FACE = Box(178, 75, 272, 187)
HOPPERS_FACE = Box(172, 133, 365, 335)


def pixels(path: Path) -> NDArray[np.uint8]:
    """The picture as RGB, (height, width, 3)."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def _in_package(package: str, name: str) -> Path:
    found = find_spec(package)
    assert found is not None and found.submodule_search_locations is not None
    return Path(found.submodule_search_locations[0]) / name
