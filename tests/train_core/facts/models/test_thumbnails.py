"""A thumbnail is a small JPEG in a data URL, whatever picture it is made of."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image

from train_core.config.problems import UserError
from train_core.facts.models.thumbnails import thumbnail_url


def opened(url: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(url.removeprefix("data:image/jpeg;base64,"))))


@pytest.mark.parametrize(("size", "expected"), [((1024, 512), (512, 256)), ((100, 300), (100, 300))])
def test_large_pictures_are_scaled_down_and_small_ones_are_kept(
    tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    path = tmp_path / "thumb.png"
    Image.new("RGB", size, "red").save(path)
    assert opened(thumbnail_url(str(path))).size == expected


def test_what_is_transparent_becomes_white(tmp_path: Path) -> None:
    path = tmp_path / "thumb.webp"
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(path, lossless=True)
    assert opened(thumbnail_url(str(path))).getpixel((8, 8)) == (255, 255, 255)


def test_a_data_url_is_kept_as_it_is() -> None:
    assert thumbnail_url("data:image/png;base64,AAAA") == "data:image/png;base64,AAAA"


@pytest.mark.parametrize("text", ["data:text/html,<b>", "data:image/png;base64,<script>", "nowhere.png", ""])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(UserError) as refused:
        thumbnail_url(text)
    assert refused.value.problems[0].params["name"] == "metadata_thumbnail"
