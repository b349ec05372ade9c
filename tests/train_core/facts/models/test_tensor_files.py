"""Weight files are read by their header alone, and what is broken, disguised or dangerous gets one clear error."""

from __future__ import annotations

import os
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.tiny import tiny_ckpt, tiny_file
from train_core.config.problems import UserError
from train_core.facts.models.tensor_files import read_tensor_file


class RunsCode:
    """Pickles to a call that leaves a file behind when loaded."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


def code_of(path: Path) -> str:
    """The one message code with which reading `path` fails."""
    with pytest.raises(UserError) as refused:
        read_tensor_file(path)
    (only,) = refused.value.problems
    assert str(path) in only.text
    return only.code


def put(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_both_layouts_name_the_same_tensors_and_shapes():
    safe, pickled = read_tensor_file(tiny_file()), read_tensor_file(tiny_ckpt())
    shapes = {name: info.shape for name, info in safe.tensors.items()}
    assert {name: info.shape for name, info in pickled.tensors.items()} == shapes
    assert (safe.layout, pickled.layout) == ("safetensors", "ckpt")


def test_shapes_of_every_rank_are_read_from_a_pickle(tmp_path):
    shapes = {"a.s": (), "plain": (3,), "a.m": (2, 3), "a.t": (1, 2, 3), "a.k": (4, 3, 1, 1), "a.five": (1, 2, 1, 2, 1)}
    torch.save({name: torch.zeros(shape) for name, shape in shapes.items()}, tmp_path / "m.ckpt")
    read = read_tensor_file(tmp_path / "m.ckpt").tensors
    assert {name: info.shape for name, info in read.items()} == shapes


def test_tensors_that_share_a_storage_keep_their_own_shapes(tmp_path):
    base = torch.zeros(300, 4)
    torch.save({"x.whole": base, "x.part": base[7:9], "x.turned": base.T}, tmp_path / "m.pt")
    read = read_tensor_file(tmp_path / "m.pt").tensors
    assert [read[name].shape for name in ("x.whole", "x.part", "x.turned")] == [(300, 4), (2, 4), (4, 300)]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "model_file_empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "model_file_lfs_pointer"),
        (b"\n <!DOCTYPE html><html></html>", "model_file_web_page"),
        (b"<html lang='en'>", "model_file_web_page"),
        (b"abc", "model_file_broken"),
        (b"\x05\x00\x00\x00\x00\x00\x00\x00{nono", "model_file_broken"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00[]", "model_file_broken"),
        (b"\xff" * 64, "model_file_broken"),
        (b"\x00\x10\x00\x00\x00\x00\x00\x00{\"a\":", "model_file_truncated"),
    ],
)  # fmt: skip
def test_what_is_not_a_safetensors_file_is_said_to_be_what_it_is(tmp_path, data, code):
    assert code_of(put(tmp_path / "m.safetensors", data)) == code


def test_a_missing_file_and_an_unknown_ending_are_named(tmp_path):
    assert code_of(tmp_path / "none.safetensors") == "model_file_missing"
    assert code_of(put(tmp_path / "m.gguf", b"GGUF....")) == "model_file_ending"


def test_a_download_that_broke_off_states_both_sizes(tmp_path):
    whole = tiny_file().read_bytes()
    path = put(tmp_path / "m.safetensors", whole[: len(whole) // 2])
    with pytest.raises(UserError, match=f"{len(whole) // 2:,} of {len(whole):,} bytes"):
        read_tensor_file(path)
    assert code_of(put(tmp_path / "m.ckpt", tiny_ckpt().read_bytes()[:100_000])) == "model_file_broken"


@pytest.mark.parametrize("low", [0x0280, 0x0380, 0x0480, 0x0580])
@pytest.mark.parametrize("high", [0, 1, 3])
def test_a_header_as_long_as_a_pickle_begins_is_a_safetensors_header(low, high, tmp_path):
    """One valid file in 2,048 has a header whose length, in its first bytes, is also the start of a pickle."""
    path, length = tmp_path / "m.safetensors", low + (high << 16)
    save_file({"x.lora_down.weight": torch.ones(2, 3)}, path, {"n": ""})
    shortest = int.from_bytes(path.read_bytes()[:8], "little")
    save_file({"x.lora_down.weight": torch.ones(2, 3)}, path, {"n": "x" * (length - shortest)})
    assert int.from_bytes(path.read_bytes()[:8], "little") == length
    assert read_tensor_file(path).tensors["x.lora_down.weight"].shape == (2, 3)
    assert code_of(put(tmp_path / "m.ckpt", path.read_bytes())) == "model_file_renamed_safetensors"
    assert code_of(put(path, path.read_bytes()[:400])) == "model_file_truncated"


def test_files_renamed_to_another_ending_are_told_what_they_are(tmp_path):
    assert code_of(put(tmp_path / "m.safetensors", tiny_ckpt().read_bytes())) == "model_file_renamed_pickle"
    assert code_of(put(tmp_path / "m.ckpt", tiny_file().read_bytes())) == "model_file_renamed_safetensors"


def test_a_plain_pickle_is_neither_opened_nor_called_a_model(tmp_path):
    path = put(tmp_path / "m.ckpt", pickle.dumps({"a": RunsCode(tmp_path / "trace")}))
    assert code_of(path) == "model_file_old_pickle"
    assert not (tmp_path / "trace").exists()


def test_pickled_code_is_refused_by_name_and_never_run(tmp_path):
    torch.save({"state_dict": {"a.b": torch.zeros(2)}, "extra": RunsCode(tmp_path / "trace")}, tmp_path / "m.ckpt")
    assert code_of(tmp_path / "m.ckpt") == "model_file_pickled_code"
    with pytest.raises(UserError, match="mkdir"):
        read_tensor_file(tmp_path / "m.ckpt")
    assert not (tmp_path / "trace").exists()


def test_a_zip_that_is_no_checkpoint_is_broken(tmp_path):
    with zipfile.ZipFile(tmp_path / "m.ckpt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert code_of(tmp_path / "m.ckpt") == "model_file_broken"


@given(cut=st.integers(0, 4000), garbage=st.binary(max_size=40))
def test_no_damage_to_the_header_ever_raises_anything_but_a_user_error(tmp_path_factory, cut, garbage):
    path = tmp_path_factory.mktemp("damaged") / "m.safetensors"
    path.write_bytes(tiny_file().read_bytes()[:cut] + garbage)
    with pytest.raises(UserError):
        read_tensor_file(path)
