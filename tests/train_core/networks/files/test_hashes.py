"""Hashes of model files: the ecosystem's two, and read once for as long as the file stays the same."""

from __future__ import annotations

import hashlib
import os

import pytest
import torch
from safetensors.torch import save_file

from train_core.facts.models.tensor_files import read_tensor_file
from train_core.models.files.writing import header_bytes
from train_core.networks.files import hashes
from train_core.networks.files.hashes import (
    FileHashes,
    adapter_hashes,
    file_hashes,
    hashes_in_background,
    remembered_hashes,
    tensor_hashes,
)

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


def test_a_file_that_has_vanished_has_empty_hashes_in_the_background(tmp_path):
    missing = tmp_path / "missing.safetensors"
    assert hashes_in_background(missing, tmp_path / "files.sqlite").result(60) == FileHashes("", "")
    with pytest.raises(FileNotFoundError):
        file_hashes(missing)


TENSORS = {
    "b.wide": torch.randn(700, 500), "a.half": torch.randn(300, 7).half(), "c.alpha": torch.tensor(2.0),
    "a.whole": torch.arange(5), "none": torch.zeros(0), "d.bf16": torch.randn(9).bfloat16(),
}  # fmt: skip


@pytest.mark.parametrize("said", [{}, {"ss_output_name": "狗\n", "modelspec.title": "x"}], ids=["nothing", "something"])
def test_the_hashes_of_a_files_tensors_are_those_that_its_header_should_have(tmp_path, said):
    save_file(TENSORS, tmp_path / "m.safetensors", {**said, "other": "y" * 100})
    found, expected = tensor_hashes(read_tensor_file(tmp_path / "m.safetensors")), adapter_hashes(TENSORS, said)
    assert found.in_file == found.in_order == expected["sshs_model_hash"]
    assert found.legacy == expected["sshs_legacy_hash"]
    assert found.match(expected["sshs_model_hash"])
    assert found.match("0x" + expected["sshs_model_hash"].upper())
    assert not found.match("0" * 64)


def test_tensors_in_another_order_have_the_same_hash_in_a_header(tmp_path):
    header, content = {}, b""
    for name, tensor in TENSORS.items():
        data = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        kind = {torch.float32: "F32", torch.float16: "F16", torch.int64: "I64", torch.bfloat16: "BF16"}[tensor.dtype]
        offsets = [len(content), len(content) + len(data)]
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": offsets}
        content += data
    (tmp_path / "m.safetensors").write_bytes(header_bytes(header) + content)
    found = tensor_hashes(read_tensor_file(tmp_path / "m.safetensors"))
    assert found.in_order == adapter_hashes(TENSORS, {})["sshs_model_hash"]
    assert found.in_file == hashlib.sha256(content).hexdigest() != found.in_order
    assert found.match(found.in_order)
