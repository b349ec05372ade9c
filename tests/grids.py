"""Grids of pictures as the job leaves them, drawn in plain colours."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b
from itertools import product
from pathlib import Path

from PIL import Image, PngImagePlugin

from train_core.facts.grids.folder import AxisFacts, GridFacts, GridFolder, NetworkFacts, PictureFacts

Axes = Mapping[str, Collection[str]]


def grid_folder(path: Path, axes: Axes, *, prompt: str = "a red fox", missing: Collection[int] = ()) -> GridFolder:
    """The folder of a grid with these axes, by kind; cells with the places `missing` are not drawn.

    Without the adapter, pictures differ by what is neither a file nor a weight.
    """
    pictures: dict[str, PictureFacts] = {}
    folder = GridFolder(path)
    (path / "pictures").mkdir(parents=True)
    cells, without = [], []
    for place, values in enumerate(product(*axes.values())):
        shared = [value for kind, value in zip(axes, values, strict=True) if kind not in ("file", "weight")]
        for names, said, adapted in ((cells, values, True), (without, shared, False)):
            name = blake2b(repr((said, adapted)).encode(), digest_size=16).hexdigest()
            names.append(name)
            shown = dict(zip(axes, values, strict=True))
            weight = float(shown.get("weight", 0.8))
            lora = NetworkFacts(kind="lora", name=shown.get("file", "fox"), text_encoder=weight, unet=weight)
            pictures[name] = PictureFacts(
                prompt=f"{prompt}, {', '.join(said)}", negative_prompt="blurry", width=64, height=96, seed=7, steps=20,
                scale=7.5, sampler="euler_a", model="base", networks=(lora,) if adapted else (),
                compared=lora if adapted else None,
            )  # fmt: skip
            if not (adapted and place in missing):
                draw(folder, name)
    labels = tuple(AxisFacts(kind=kind, labels=tuple(said)) for kind, said in axes.items())
    folder.write(GridFacts(axes=labels, cells=tuple(cells), without=tuple(without), pictures=pictures))
    return folder


def draw(folder: GridFolder, name: str) -> None:
    """Draw a picture in a colour of its own."""
    colour = tuple(bytes.fromhex(name[:6]))
    info = PngImagePlugin.PngInfo()
    info.add_text("parameters", "a red fox\nSteps: 20, Sampler: Euler a, CFG scale: 7.5, Seed: 7, Size: 64x96")
    Image.new("RGB", (64, 96), colour).save(folder.picture(name), pnginfo=info)
