"""Hashes of model files: the ecosystem's two, and read once for as long as the file stays the same."""

from __future__ import annotations

import hashlib
import os

import pytest

from train_core.networks.files import hashes
from train_core.networks.files.hashes import FileHashes, file_hashes, hashes_in_background, remembered_hashes

CONTENT = bytes(range(256)) * 5000  # 1.28 MB


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(CONTENT)
    return path


def test_legacy_hash_is_over_64_kib_at_1_mib_and_the_other_over_all(model):
    legacy = hashlib.sha256(CONTENT[0x100000:0x110000]).hexdigest()[:8]
    assert file_hashes(model) == FileHashes(legacy, hashlib.sha256(CONTENT).hexdigest())


def test_a_folder_has_the_placeholder(tmp_path):
    assert remembered_hashes(tmp_path, tmp_path / "files.sqlite") == FileHashes("IsADirectory", "IsADirectory")


def test_an_unchanged_file_is_read_once_and_a_changed_one_again(model, tmp_path, monkeypatch):
    read = []
    monkeypatch.setattr(hashes, "file_hashes", lambda path: (read.append(path), file_hashes(path))[1])
    memory = tmp_path / "caches" / "files.sqlite"
    first = remembered_hashes(model, memory)
    assert remembered_hashes(model, memory) == first
    assert len(read) == 1
    model.write_bytes(CONTENT[::-1])
    os.utime(model, ns=(1, 1))
    assert remembered_hashes(model, memory) == file_hashes(model) != first
    assert len(read) == 2


def test_a_damaged_memory_is_made_anew(model, tmp_path):
    memory = tmp_path / "files.sqlite"
    memory.write_text('{"cut sho', encoding="utf-8")
    assert remembered_hashes(model, memory) == file_hashes(model)
    assert remembered_hashes(model, memory) == file_hashes(model)


def test_background_gives_the_same(model, tmp_path):
    assert hashes_in_background(model, tmp_path / "files.sqlite").result(60) == file_hashes(model)


def test_background_hands_on_what_went_wrong(tmp_path):
    with pytest.raises(FileNotFoundError):
        hashes_in_background(tmp_path / "missing.safetensors", tmp_path / "files.sqlite").result(60)
