"""What is said of a chosen model: kind, number format, size, the hash that a run has found, and its picture."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.tiny import tiny_file
from train_core.config.places import caches_dir
from train_core.facts.models.about import about
from train_core.networks.files.hashes import remembered_hashes


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def test_a_model_tells_what_it_is_and_its_hash_once_a_run_has_read_it(tmp_path: Path):
    path = Path(shutil.copy(tiny_file(), tmp_path / "base.safetensors"))
    found = about(path)
    assert found is not None
    assert (found.kind, found.format, found.bytes) == ("SD 1.x", "fp32", path.stat().st_size)
    assert (found.hash, found.picture) == ("", None)
    remembered_hashes(path, caches_dir() / "files.sqlite")
    found = about(path)
    assert found is not None
    assert found.hash == hashlib.sha256(path.read_bytes()).hexdigest()[:10]


def test_the_picture_beside_a_model_is_the_one_that_webuis_show(tmp_path: Path):
    path = Path(shutil.copy(tiny_file(), tmp_path / "base.safetensors"))
    for ending in (".jpg", ".png", ".preview.png"):
        Image.new("RGB", (4, 4)).save(path.with_suffix(ending))
        found = about(path)
        assert found is not None
        assert found.picture == path.with_suffix(ending)


@pytest.mark.parametrize("content", [None, b"", b"\0" * 20, b"not a model"])
def test_nothing_is_said_of_what_is_no_model(tmp_path: Path, content: bytes | None):
    path = tmp_path / "a.safetensors"
    if content is not None:
        path.write_bytes(content)
    assert about(path) is None
    assert about(tmp_path / "a\0b") is None
