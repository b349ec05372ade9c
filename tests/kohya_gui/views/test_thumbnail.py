"""Thumbnails: only of what the program itself has shown, and small."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from PIL import Image
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.testclient import TestClient

from kohya_gui.server.pictures import thumbnail
from kohya_gui.views.thumbnail import PREFIX, SIDE, thumbnail_address


@pytest.fixture(scope="module")
def client() -> TestClient:
    return TestClient(Starlette(routes=[Route(f"/{PREFIX}/{{signature}}/{{name}}", thumbnail)]))


def shown(client: TestClient, path: Path) -> Image.Image:
    answer = client.get(f"/{thumbnail_address(path)}")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    return Image.open(io.BytesIO(answer.content))


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P", "I;16"])
def test_a_picture_is_made_small_and_keeps_its_shape(client: TestClient, tmp_path: Path, mode: str):
    path = tmp_path / "家 ü's.png"
    Image.new(mode, (900, 450)).save(path)
    assert shown(client, path).size == (SIDE, SIDE // 2)


def test_what_is_transparent_is_white(client: TestClient, tmp_path: Path):
    Image.new("RGBA", (32, 32), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert shown(client, tmp_path / "a.png").getpixel((5, 5)) == (255, 255, 255)


def test_a_photograph_lies_as_its_camera_was_held(client: TestClient, tmp_path: Path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (400, 200)).save(tmp_path / "a.jpg", exif=exif)
    size = shown(client, tmp_path / "a.jpg").size
    assert size[1] == 2 * size[0]


def test_nobody_can_ask_for_a_picture_that_the_page_has_not_shown(client: TestClient, tmp_path: Path):
    for name in ("a", "b"):
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png")
    signature = thumbnail_address(tmp_path / "a.png").split("/")[1]
    other = base64.urlsafe_b64encode(str(tmp_path / "b.png").encode()).decode()
    for asked in (f"{signature}/{other}", f"{'0' * 64}/{other}", f"{signature}/!", f"{signature}/x"):
        assert client.get(f"/{PREFIX}/{asked}").status_code == 404


def test_what_is_no_picture_is_said_not_to_be(client: TestClient, tmp_path: Path):
    (tmp_path / "a.png").write_text("secret")
    for name in ("a.png", "gone.png"):
        answer = client.get(f"/{thumbnail_address(tmp_path / name)}")
        assert answer.status_code == 404
        assert "secret" not in answer.text
