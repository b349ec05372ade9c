"""What was found on a picture is kept until its file changes, in pixels of the upright picture; no network is used."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest
from PIL import Image

from tests.photographs import ASTRONAUTS_FACE, HOPPERS_FACE, astronaut, hopper
from train_core.config.places import app_dir
from train_core.config.problems import UserError
from train_core.studio.vision.box import Box, overlap
from train_core.studio.vision.found import FACES, PERSON, TEXT, WHAT, found, known, look, looked


@pytest.fixture(autouse=True)
def _own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def test_nothing_is_known_until_somebody_looks(tmp_path):
    path = shutil.copy(hopper(), tmp_path / "a.jpg")
    assert found(path) is None and known([path]) == {}
    seen = look(path)
    assert seen.looked == {FACES, PERSON} and len(seen.faces) == 1 and seen.person is not None
    assert found(path) == seen and known([path]) == {path: seen}
    look(path, [TEXT])
    assert found(path).looked == set(WHAT) and found(path).faces == seen.faces


def test_a_picture_that_changes_is_looked_at_again(tmp_path):
    path = shutil.copy(hopper(), tmp_path / "a.png")
    assert overlap(look(path).faces[0], HOPPERS_FACE) > 0.5
    shutil.copyfile(astronaut(), path)
    assert found(path) is None
    assert overlap(look(path).faces[0], ASTRONAUTS_FACE) > 0.5


@pytest.mark.parametrize("orientation", [3, 6])
def test_boxes_are_those_of_the_upright_picture_in_its_own_size(tmp_path, orientation):
    turn = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90}[orientation]
    with Image.open(hopper()) as image:
        lying = image.resize((2048, 2400)).transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    lying.save(tmp_path / "lying.jpg", exif=exif)
    seen = look(tmp_path / "lying.jpg")
    assert overlap(seen.faces[0], HOPPERS_FACE.scaled(4, 4)) > 0.5
    assert seen.person is not None and 2390 <= seen.person.bottom <= 2400 and seen.person.right <= 2048


def test_a_file_that_is_no_picture_is_left_out_and_named(tmp_path):
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(50))
    assert looked([broken], WHAT) == {} and found(broken) is None and known([broken]) == {}
    with pytest.raises(UserError, match=r"broken\.png"):
        look(broken)


def test_looking_opens_no_connection_and_loads_nothing_of_rapidocr(tmp_path):
    code = (
        "import socket, sys\n"
        "def refused(*_, **__): raise AssertionError('a connection was opened')\n"
        "socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused\n"
        "from pathlib import Path\n"
        "from train_core.studio.vision.found import WHAT, found, look\n"
        "found(Path(sys.argv[1]))\n"
        "assert not {'cv2', 'onnxruntime'} & set(sys.modules)\n"
        "look(Path(sys.argv[1]), WHAT)\n"
        "assert not {'rapidocr', 'requests', 'torch'} & set(sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(hopper())], cwd=app_dir(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_boxes_overlap_by_the_pixels_that_they_share():
    assert overlap(Box(0, 0, 10, 10), Box(5, 0, 15, 10)) == pytest.approx(1 / 3)
    assert overlap(Box(0, 0, 10, 10), Box(10, 0, 20, 10)) == 0 == overlap(Box(0, 0, 0, 0), Box(0, 0, 0, 0))
