"""Numbers that follow from a name alone, and what is made of them: tiny base models, and the probe of a processor.

No library's initialisation or random generator has a part in them, so none can change them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

Shape = tuple[int, ...]


def numbers(name: str, *shape: int) -> np.ndarray:
    """fp32 numbers in [-1, 1) of this shape, all of them exact: multiples of 1/32768."""
    stream = hashlib.shake_256(name.encode()).digest(2 * math.prod(shape))
    return ((np.frombuffer(stream, "<u2").astype(np.float32) - 32768) / 32768).reshape(shape)


def read_listing(path: Path) -> dict[str, Shape]:
    """The shapes of a model's tensors by their names, a line each."""
    lines = (line.split() for line in path.read_text(encoding="utf-8").splitlines())
    return {name: tuple(map(int, shape)) for name, *shape in lines}


def write_base(listing: Path, path: Path) -> None:
    """Write the fp32 base model of a listing as safetensors, with the same bytes everywhere."""
    shapes = read_listing(listing)
    ends = np.cumsum([0, *(4 * math.prod(shape) for shape in shapes.values())]).tolist()
    header = {
        name: {"dtype": "F32", "shape": shape, "data_offsets": offsets}
        for (name, shape), offsets in zip(shapes.items(), pairwise(ends), strict=True)
    }
    head = json.dumps(header).encode()
    head += b" " * (-len(head) % 8)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(len(head).to_bytes(8, "little") + head)
        for name, shape in shapes.items():
            file.write(_weight(name, shape).astype("<f4").tobytes())


def _weight(name: str, shape: Shape) -> np.ndarray:
    """A weight about as large as a fresh layer's. Factors are powers of two, so that nothing is rounded."""
    if "embedding" in name:
        return numbers(name, *shape) / 8
    if len(shape) > 1:
        return numbers(name, *shape) / 2 ** (math.prod(shape[1:]).bit_length() // 2)
    is_norm = name.endswith("weight")
    return 1 + numbers(name, *shape) / 4 if is_norm else numbers(name, *shape) / 16


@cache
def probe() -> dict[str, str]:
    """Results of fixed calculations on this processor with these libraries, as hashes by the kind of calculation.

    Processors with other instructions add numbers in another order, so that last bits differ. Where all hashes are
    equal, a training can be expected to end with the same bytes.
    """
    found = {name: _hash(calculation()) for name, calculation in CALCULATIONS.items()}
    _leaf.cache_clear()
    return found


def _hash(tensors: Iterator[Tensor]) -> str:
    whole = hashlib.sha256()
    for tensor in tensors:
        whole.update(tensor.detach().contiguous().numpy().tobytes())
    return whole.hexdigest()[:16]


@cache
def _leaf(name: str, *shape: int) -> Tensor:
    return torch.from_numpy(numbers(f"probe {name}", *shape).copy()).requires_grad_()


def _both_ways(result: Tensor, *leaves: Tensor) -> Iterator[Tensor]:
    """The result of a calculation, and the gradients of all that went into it."""
    yield result
    weights = _leaf("weights", *result.shape).detach()
    yield from torch.autograd.grad((result * weights).sum(), leaves)


def _convolution() -> Iterator[Tensor]:
    for places in ((128, 128), (129, 65), (33, 33)):
        x, w = _leaf("image", 1, 16, *places), _leaf("kernel", 16, 16, 3, 3)
        yield from _both_ways(functional.conv2d(x, w, stride=2), x, w)
    sides = ((2, 1), (2, 2), (4, 2), (4, 4), (8, 4), (8, 8), (16, 8), (16, 16))
    for batch, before, after, kernel in product((1, 2, 4), (2, 4, 32, 64, 96), (2, 32, 64), (1, 3)):
        w, b = _leaf("kernel", after, before, kernel, kernel), _leaf("shift", after)
        for side in sides:
            x = _leaf("image", batch, before, *side)
            yield from _both_ways(functional.conv2d(x, w, b, padding=kernel // 2), x, w, b)


def _product() -> Iterator[Tensor]:
    """Products of the shapes that occur, in every way in which their factors may lie in memory."""
    counts = (1, 2, 4, 8, 16, 32, 64, 77, 128, 154, 256, 512)
    for rows, inner, columns in product(counts, counts, counts):
        if rows * inner * columns > 512 * 64 * 256:
            continue
        left, right, added = (_leaf(f"factor {number}", 512 * 512).detach() for number in range(3))
        a, b = left[: rows * inner].view(rows, inner), right[: inner * columns].view(inner, columns)
        across_a, across_b = left[: rows * inner].view(inner, rows).T, right[: inner * columns].view(columns, inner).T
        yield from (a @ b, a @ across_b, across_a @ b, across_a @ across_b)
        yield torch.addmm(added[:columns], a, across_b)


def _attention() -> Iterator[Tensor]:
    for heads, width, places, others in product((1, 2, 4, 16), (4, 32, 64), (2, 8, 16, 32, 64, 77, 128, 256), (0, 77)):
        counts = (places, others or places, others or places)
        q, k, v = (_leaf("qkv"[place], heads, count, width) for place, count in enumerate(counts))
        scores = torch.softmax(torch.baddbmm(torch.zeros(()), q, k.mT, beta=0, alpha=width**-0.5), -1)
        yield from _both_ways(torch.bmm(scores, v), q, k, v)
    for heads, width, places in ((1, 32, 77), (1, 16, 256), (1, 16, 128), (1, 16, 64)):
        q, k, v = (_leaf(letter, 2, heads, places, width) for letter in "qkv")
        for causal in (False, True):
            yield from _both_ways(functional.scaled_dot_product_attention(q, k, v, is_causal=causal), q, k, v)


def _norms() -> Iterator[Tensor]:
    x, w, b = _leaf("image", 2, 32, 16, 16), _leaf("scale", 32), _leaf("shift", 32)
    yield from _both_ways(functional.group_norm(x, 8, w, b), x, w, b)
    tokens = _leaf("tokens", 2, 77, 32)
    yield from _both_ways(functional.layer_norm(tokens, (32,), w, b), tokens, w, b)
    yield torch.linalg.vector_norm(tokens, dim=-1)


def _curves() -> Iterator[Tensor]:
    x = _leaf("numbers", 4099)
    for curve in (functional.silu, functional.gelu, torch.sigmoid, torch.exp, torch.sin):
        yield from _both_ways(curve(4 * x), x)
    for curve in (torch.sqrt, torch.log):
        yield from _both_ways(curve(x * x + 0.1), x)
    yield x.double().cumsum(0)
    yield x.mean()[None]


def _draws() -> Iterator[Tensor]:
    for count in (5, 16, 4096):
        yield torch.randn(count, generator=torch.Generator().manual_seed(3))
    yield torch.rand(4096, generator=torch.Generator().manual_seed(3))


def _steps() -> Iterator[Tensor]:
    for fused in (False, True):
        weight = _leaf("weight", 4099).detach().clone().requires_grad_()
        optimizer = torch.optim.AdamW([weight], lr=1e-2, foreach=not fused, fused=fused)
        for number in range(3):
            weight.grad = _leaf(f"gradient {number}", 4099).detach()
            optimizer.step()
        yield weight


def _pictures() -> Iterator[Tensor]:
    picture = Image.fromarray(((numbers("probe picture", 75, 130, 3) + 1) * 127).astype(np.uint8))
    for way in (Image.Resampling.BOX, Image.Resampling.LANCZOS):
        yield torch.from_numpy(np.array(picture.resize((64, 111), way)))


CALCULATIONS: dict[str, Callable[[], Iterator[Tensor]]] = {
    "convolution": _convolution, "product": _product, "attention": _attention, "norms": _norms, "curves": _curves,
    "draws": _draws, "steps": _steps, "pictures": _pictures,
}  # fmt: skip
