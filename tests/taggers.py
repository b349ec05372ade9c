"""Tiny taggers in WD's format whose scores are the pixels they are shown: ONNX files and their lists of tags."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

GENERAL, CHARACTER, RATING = 0, 4, 9
BLUE, GREEN, RED = range(3)  # the channels of what a tagger takes


@dataclass(frozen=True)
class Tag:
    """A tag whose score is one value of the input: row, column and channel of a pixel, divided by 255."""

    name: str
    row: int = 0
    column: int = 0
    channel: int = BLUE
    category: int = GENERAL


def write_tagger(
    folder: Path, tags: Sequence[Tag], side: int = 8, batch: int | str = "batch", channels_last: bool = True,
    logits: bool = False, half: bool = False, columns: Sequence[str] = ("tag_id", "name", "category", "count"),
    declared: tuple[int | str, int | str] | None = None,
) -> Path:
    """A tagger of `tags` in `folder`. With `logits` it gives 8 (score - 0.5) instead of scores. It says that pictures
    have the sides `declared`."""
    folder.mkdir(parents=True, exist_ok=True)
    write_tags(folder, tags, columns)
    places = np.array([(tag.row * side + tag.column) * 3 + tag.channel for tag in tags], np.int64)
    factor, offset = (8 / 255, -4.0) if logits else (1 / 255, 0.0)
    number = TensorProto.FLOAT16 if half else TensorProto.FLOAT
    constants = {
        "shape": np.array([-1, side * side * 3], np.int64), "places": places,
        "factor": np.array(factor, np.float32), "offset": np.array(offset, np.float32),
    }  # fmt: skip
    nodes = [
        helper.make_node("Cast", ["input"], ["numbers"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["numbers"], ["last"], perm=[0, 1, 2, 3] if channels_last else [0, 2, 3, 1]),
        helper.make_node("Reshape", ["last", "shape"], ["flat"]),
        helper.make_node("Gather", ["flat", "places"], ["found"], axis=1),
        helper.make_node("Mul", ["found", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["output"]),
    ]
    sides = declared or (side, side)
    sizes = [batch, *sides, 3] if channels_last else [batch, 3, *sides]
    graph = helper.make_graph(
        nodes, "tagger", [helper.make_tensor_value_info("input", number, sizes)],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [batch, len(tags)])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), folder / "model.onnx")
    return folder


def write_tags(folder: Path, tags: Sequence[Tag], columns: Sequence[str]) -> None:
    """The list of tags, with the columns in this order."""
    with (folder / "selected_tags.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, columns, extrasaction="ignore")
        rows.writeheader()
        for number, tag in enumerate(tags):
            rows.writerow({"tag_id": 1000 + number, "name": tag.name, "category": tag.category, "count": 7})
