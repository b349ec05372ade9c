"""Adapter files: whole or not at all, hashed as other software hashes them, and refused in words."""

from __future__ import annotations

import hashlib

import pytest
import safetensors.torch
import torch

from train_core.config.problems import UserError
from train_core.models.files import writing
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.reading import read_adapter

TENSORS = {
    "lora_unet_x.lora_down.weight": torch.randn(400, 900, generator=torch.Generator().manual_seed(0)),
    "lora_unet_x.lora_up.weight": torch.zeros(5, 400, dtype=torch.float16),
    "lora_unet_x.alpha": torch.tensor(2.0),
}
METADATA = {"ss_network_dim": "400", "modelspec.title": '数字 \\ "quoted"'}


def tensor_area(path) -> bytes:
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]


def test_tensors_and_metadata_come_back(tmp_path):
    path = tmp_path / "new folder" / "名前.safetensors"
    save_adapter(path, TENSORS, METADATA)
    tensors, metadata = safetensors.torch.load_file(path), read_adapter(path).metadata
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], TENSORS[name]) for name in TENSORS)
    assert all(tensors[name].dtype == TENSORS[name].dtype for name in TENSORS)
    assert metadata.items() >= METADATA.items()
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_model_hash_is_that_of_the_tensors_whatever_the_metadata(tmp_path):
    hashes = set()
    for number, metadata in enumerate(({}, METADATA, {"ss_a": "b" * 5000})):
        path = tmp_path / f"{number}.safetensors"
        save_adapter(path, TENSORS, metadata)
        found = read_adapter(path).metadata["sshs_model_hash"]
        assert found == hashlib.sha256(tensor_area(path)).hexdigest()
        hashes.add(found)
    assert len(hashes) == 1


def test_legacy_hash_is_over_64_kib_at_1_mib_with_the_ss_metadata_alone(tmp_path):
    path = tmp_path / "a.safetensors"
    save_adapter(path, TENSORS, METADATA)
    alone = safetensors.torch.save(TENSORS, {"ss_network_dim": "400"})
    expected = hashlib.sha256(alone[0x100000:0x110000]).hexdigest()[:8]
    assert read_adapter(path).metadata["sshs_legacy_hash"] == expected


def test_a_failed_save_leaves_the_earlier_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "a.safetensors"
    save_adapter(path, TENSORS, METADATA)
    before = path.read_bytes()

    bytes_of = writing.bytes_of

    def disk_full(stored):
        if stored.shape == TENSORS["lora_unet_x.lora_up.weight"].shape:
            raise OSError(28, "No space left on device")
        return bytes_of(stored)

    monkeypatch.setattr(writing, "bytes_of", disk_full)
    with pytest.raises(UserError) as caught:
        save_adapter(path, TENSORS, METADATA)
    assert caught.value.problems[0].code == "file_not_written"
    assert "No space left" in str(caught.value)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def write_truncated(path):
    save_adapter(path, TENSORS, METADATA)
    path.write_bytes(path.read_bytes()[:-100])


def write_other_model(path):
    safetensors.torch.save_file({"model.diffusion_model.x": torch.zeros(2)}, path)


@pytest.mark.parametrize("write", [lambda path: None, write_truncated, write_other_model])
def test_what_is_no_adapter_is_refused_naming_the_file(tmp_path, write):
    path = tmp_path / "a.safetensors"
    write(path)
    with pytest.raises(UserError, match=r"a\.safetensors"):
        read_adapter(path)
