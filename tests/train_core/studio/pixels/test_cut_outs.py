"""Models for cut-outs: recognised by their input, given pictures as their authors do, found where others keep them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper, save

from train_core.config.problems import UserError
from train_core.studio.pixels.cut_out_model import CutOutModel
from train_core.studio.pixels.cut_outs import mask_by, model_here
from train_core.studio.vision.box import Box
from train_core.studio.vision.found import Found


def write_model(path: Path, side: int) -> Path:
    """A model whose output is the red channel of what it is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    red = numpy_helper.from_array(np.array([0], np.int64), "red")
    graph = helper.make_graph(
        [helper.make_node("Gather", ["input", "red"], ["mask"], axis=1)], "red",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 1, side, side])], [red],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def half_red() -> np.ndarray:
    picture = np.zeros((50, 80, 3), np.uint8)
    picture[:, 40:] = (250, 10, 10)
    return picture


@pytest.mark.parametrize(("side", "kind"), [(320, "U2-Net"), (1024, "IS-Net")])
def test_the_side_of_its_input_says_what_a_model_is(tmp_path: Path, side: int, kind: str):
    model = CutOutModel(write_model(tmp_path / "any.onnx", side))
    mask = model.mask(half_red())
    assert (model.kind, mask.shape) == (kind, (50, 80))
    assert mask[25, 70] > 0.95 and mask[25, 10] < 0.05


def test_other_files_are_refused(tmp_path: Path):
    (tmp_path / "broken.onnx").write_bytes(b"nothing")
    for path in (write_model(tmp_path / "other.onnx", 64), tmp_path / "broken.onnx"):
        with pytest.raises(UserError) as refused:
            CutOutModel(path)
        assert [one.code for one in refused.value.problems] == ["cut_out_model"]


def test_a_model_of_the_users_is_found_where_rembg_keeps_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))
    with pytest.raises(UserError) as refused:
        mask_by("model")
    assert [one.code for one in refused.value.problems] == ["cut_out_no_model"]
    write_model(tmp_path / "u2netp.onnx", 320)
    better = write_model(tmp_path / "u2net.onnx", 320)
    assert model_here() == better
    mask = mask_by("model")
    assert mask is not None
    seen = mask(half_red(), Found())
    assert seen is not None and seen[25, 70] > 0.95


def test_without_a_person_nobody_is_cut_out():
    for by in ("person", "box"):
        mask = mask_by(by)
        assert mask is not None and mask(half_red(), Found()) is None
    box = mask_by("box")
    assert box is not None and box(half_red(), Found(person=Box(30, 5, 80, 45))) is not None
