"""The weights of a diffusers folder's part: one file or several with an index, in any variant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from train_core.config.problems import UserError, problem
from train_core.facts.models.headers import read_config
from train_core.models.files.stored import Stored, open_weights

STEMS = ("diffusion_pytorch_model", "model", "pytorch_model")
ENDINGS = ("safetensors", "bin")
VARIANTS = ("", "fp16", "bf16", "ema", "non_ema")  # the best first, before any others
SHARD = re.compile(r"(?P<stem>.+?)(?P<before>\.[\w-]+?)?-(?P<number>\d{5})-of-(?P<count>\d{5})(?P<after>\.\w+)?")


def weights_in_folder(folder: Path) -> dict[str, Stored]:
    """The tensors of a part's `folder` by their names.

    A whole file comes before shards, safetensors before pickles, full weights before variants. Raises UserError where
    there are none, or shards are missing.
    """
    found: dict[str, Stored] = {}
    for path in _files(folder):
        found |= open_weights(path)
    return found


def _files(folder: Path) -> list[Path]:
    """The files that together hold the best weights there."""
    names = {path.name for path in folder.iterdir()}
    variants = [*VARIANTS, *sorted(_variants(names) - set(VARIANTS))]
    for ending in ENDINGS:
        for variant in variants:
            for stem in STEMS:
                whole = ".".join(filter(None, (stem, variant, ending)))
                if whole in names:
                    return [folder / whole]
                index = ".".join(filter(None, (stem, ending, "index", variant, "json")))
                shards = _listed(folder / index) if index in names else _numbered(names, stem, variant, ending)
                if shards:
                    return [_present(folder / shard, names) for shard in shards]
    raise UserError(
        problem(
            "model_folder_without_weights",
            "{folder} contains no weights: expected diffusion_pytorch_model.safetensors or model.safetensors. Download "
            "the model folder again.",
            folder=str(folder),
        )
    )


def _variants(names: set[str]) -> set[str]:
    """The variants that names of whole files and of indexes speak of."""
    found = set()
    for name in names:
        parts = name.removesuffix(".json").split(".")
        if parts[0] in STEMS and len(parts) == 3 and parts[2] in ENDINGS:
            found.add(parts[1])
        elif parts[0] in STEMS and len(parts) == 4 and parts[1] in ENDINGS and parts[2] == "index":
            found.add(parts[3])
    return found


def _listed(index: Path) -> list[str]:
    """The shards that an index names; none where it names nothing. Names of files alone: no paths to elsewhere."""
    places = read_config(index).get("weight_map")
    shards = places.values() if isinstance(places, Mapping) else ()
    return sorted({Path(shard).name for shard in shards if isinstance(shard, str)})


def _numbered(names: set[str], stem: str, variant: str, ending: str) -> list[str]:
    """The shards that a folder without an index should have, by the numbers in their names."""
    for name in sorted(names):
        found = SHARD.fullmatch(name.removesuffix(f".{ending}")) if name.endswith(f".{ending}") else None
        if found and found["stem"] == stem and (found["before"] or found["after"] or "").removeprefix(".") == variant:
            before, after, count = found["before"] or "", found["after"] or "", int(found["count"])
            return [f"{stem}{before}-{n:05d}-of-{count:05d}{after}.{ending}" for n in range(1, count + 1)]
    return []


def _present(shard: Path, names: set[str]) -> Path:
    """`shard`, if it is there. Raises UserError that names it."""
    if shard.name in names:
        return shard
    raise UserError(
        problem(
            "model_shard_missing",
            "{folder} is incomplete: its weights are in several files, and {name} is missing. Download the model "
            "folder again.",
            folder=str(shard.parent), name=shard.name,
        )
    )
