"""Writes a trained tagger in the format of the WD taggers: `model.onnx` and `selected_tags.csv`."""

import csv
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from onnx import NodeProto, TensorProto, helper, numpy_helper, save
from torch import nn

from demo.recipe_tagger import SIDE, STRIDES, Tagger
from demo.tagged import MASCOT_TAG, RATING_TAG, SIGNS, TAGS, signs_of

OPSET, IR = 13, 8  # old ones, which every program reads
CATEGORIES = {RATING_TAG: 9, MASCOT_TAG: 4}  # as Danbooru numbers them; the others are general ones
NOTE = "Knows the pictures of Crucible's demo and nothing else. CC0 1.0."


def save_tagger(tagger: Tagger, counts: Mapping[str, int], folder: Path) -> None:
    """Write both files into `folder`; `counts` says on how many pictures of each tag it was trained."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "selected_tags.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(("tag_id", "name", "category", "count"))
        rows.writerows((number, tag, CATEGORIES.get(tag, 0), counts.get(tag, 0)) for number, tag in enumerate(TAGS, 1))
    save(_model(tagger), folder / "model.onnx")


class _Graph:
    """Nodes one after the other, and their weights in half precision, which are read as single."""

    def __init__(self, first: str) -> None:
        self.nodes: list[NodeProto] = []
        self.weights: list[TensorProto] = []
        self.last = first

    def add(self, kind: str, *others: str, **settings: object) -> str:
        """A node that takes the last one's output and `others`."""
        output = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, [self.last, *others], [output], **settings))
        self.last = output
        return output

    def weight(self, values: torch.Tensor) -> str:
        """The name of `values`, once they are cast."""
        name = f"weight_{len(self.weights)}"
        half = values.detach().numpy().astype(np.float16)
        self.weights.append(numpy_helper.from_array(half, name))
        self.nodes.append(helper.make_node("Cast", [name], [f"{name}_single"], to=TensorProto.FLOAT))
        return f"{name}_single"

    def places_of_signs(self) -> str:
        """The name of where each tag's signs are, all of which it needs: (tags, most signs), the last one repeated."""
        signs = [[SIGNS.index(sign) for sign in signs_of(tag)] for tag in TAGS]
        most = max(map(len, signs))
        filled = [its + its[-1:] * (most - len(its)) for its in signs]
        self.weights.append(numpy_helper.from_array(np.array(filled, np.int64), "signs"))
        return "signs"


def _model(tagger: Tagger) -> object:
    graph = _Graph("input")
    graph.add("Transpose", perm=[0, 3, 1, 2])
    graph.add("Div", graph.weight(torch.tensor(127.5)))
    graph.add("Sub", graph.weight(torch.tensor(1.0)))
    for convolution, norm, stride in zip(tagger.convolutions, tagger.norms, STRIDES, strict=True):
        weight, bias = _folded(convolution, norm)
        graph.add("Conv", graph.weight(weight), graph.weight(bias), pads=[1, 1, 1, 1], strides=[stride, stride])
        found = graph.add("Relu")
    graph.add("GlobalAveragePool")
    average, graph.last = graph.last, found
    highest = graph.add("GlobalMaxPool")
    graph.last = average
    graph.add("Concat", highest, axis=1)
    graph.add("Flatten")
    graph.add("Gemm", graph.weight(tagger.reading.weight), graph.weight(tagger.reading.bias), transB=1)
    graph.add("Sigmoid")
    graph.add("Gather", graph.places_of_signs(), axis=1)
    graph.nodes.append(helper.make_node("ReduceMin", [graph.last], ["output"], axes=[2], keepdims=0))
    described = helper.make_graph(
        graph.nodes, "demo_tagger",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, ["batch", SIDE, SIDE, 3])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["batch", len(TAGS)])], graph.weights,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", OPSET)]
    return helper.make_model(described, opset_imports=opsets, ir_version=IR, producer_name="Crucible", doc_string=NOTE)


def _folded(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight and bias of a convolution that does what the trained one and its norm do together."""
    factor = norm.weight / (norm.running_var + norm.eps).sqrt()
    return convolution.weight * factor[:, None, None, None], norm.bias - norm.running_mean * factor
