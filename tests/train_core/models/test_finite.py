"""Values that are not numbers are neither written nor read, whatever the number format, and named with their place."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from tests.tiny import original_state_dict
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.models.files.finite import NotFiniteError, all_finite
from train_core.models.files.stored import Stored, in_memory, open_weights
from train_core.models.files.writing import write_safetensors
from train_core.models.load import load_family

FORMATS = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.float8_e5m2]
NAN, INFINITY = float("nan"), float("inf")


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_one_value_among_many_is_found_in_every_format(dtype: torch.dtype, value: float, size: int) -> None:
    tensor = torch.randn(size)
    assert all_finite(tensor.to(dtype))
    tensor[size // 2] = value
    assert not all_finite(tensor.to(dtype))


def test_the_largest_numbers_empty_tensors_and_integers_are_numbers() -> None:
    for dtype in (torch.float32, torch.float16, torch.bfloat16):
        assert all_finite(torch.full((100,), torch.finfo(dtype).max, dtype=dtype))
    assert all_finite(torch.zeros(0))
    assert all_finite(torch.zeros((), dtype=torch.int64))


def broken(code: str, *parts: str, error: UserError) -> None:
    (told,) = error.problems
    assert told.code == code
    assert all(part in told.text for part in parts)


def test_what_is_not_a_number_is_not_written_and_the_file_that_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.ones(2)}, path)
    before = path.read_bytes()
    with pytest.raises(NotFiniteError) as found:
        write_safetensors(path, in_memory({"a": torch.ones(2), "z": torch.tensor([1.0, NAN])}), {})
    broken("result_not_finite", "x.safetensors", "z", error=found.value)
    too_large = {"a": Stored((1,), lambda: torch.tensor([1e6]), torch.float16)}
    with pytest.raises(NotFiniteError) as found:
        write_safetensors(path, too_large, {})
    broken("result_too_large", "fp16", error=found.value)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", ["safetensors", "ckpt"])
def test_a_base_model_with_such_a_weight_is_refused_by_file_and_name(tmp_path: Path, ending: str) -> None:
    state = {name: tensor.clone() for name, tensor in original_state_dict().items()}
    name = "model.diffusion_model.input_blocks.1.0.in_layers.2.weight"
    state[name].view(-1)[5] = INFINITY
    path = tmp_path / f"model.{ending}"
    if ending == "ckpt":
        torch.save({"state_dict": state}, path)
    else:
        save_file(state, path)
    with pytest.raises(NotFiniteError) as found:
        load_family(ModelSettings(pretrained_model_name_or_path=str(path)), torch.float32)
    broken("file_not_finite", str(path), name, error=found.value)
    assert open_weights(path)["model.diffusion_model.out.2.weight"].read().shape  # others can be read
