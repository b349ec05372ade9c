"""What A1111's own pickles hold: the networks of a hypernetwork, and what it and embeddings say of themselves."""

from __future__ import annotations

import re
from typing import Any

from train_core.facts.models.pickles import PickledTensor

# Layers of a hypernetwork; the first ones of 2022 had `linear1` and `linear2`.
LAYER = re.compile(r"linear\d?(\.\d+)?\.(weight|bias)")
EMBEDDING = "string_to_param"
# What such files say beside their weights, as far as it tells people something.
SAID = (
    "name", "step", "sd_checkpoint_name", "sd_checkpoint", "layer_structure", "activation_func",
    "weight_initialization", "is_layer_norm", "activate_output", "use_dropout", "dropout_structure",
    "last_layer_dropout", "optional_info",
)  # fmt: skip
METADATA = "__metadata__"  # under which this program keeps what training says, as in a safetensors file
LONGEST = 300  # characters of a value


def hypernetwork_in(root: Any) -> dict[str, PickledTensor]:
    """The tensors of the hypernetwork that `root` is, named like `768.0.linear.0.weight`; {} where it is none.

    For each width that attention has, two networks stand before its keys and its values.
    """
    if not isinstance(root, dict):
        return {}
    pairs = {width: pair for width, pair in root.items() if type(width) is int and _are_networks(pair)}
    return {
        f"{width}.{side}.{name}": tensor
        for width, pair in pairs.items() for side, network in enumerate(pair) for name, tensor in network.items()
        if isinstance(tensor, PickledTensor)
    }  # fmt: skip


def _are_networks(pair: Any) -> bool:
    """Whether these are two state dicts whose tensors are layers of a hypernetwork."""
    if not isinstance(pair, tuple | list) or len(pair) != 2 or not all(isinstance(one, dict) for one in pair):
        return False
    names = [name for one in pair for name, value in one.items() if isinstance(value, PickledTensor)]
    return bool(names) and all(isinstance(name, str) and LAYER.fullmatch(name) for name in names)


def said_in(root: Any) -> dict[str, str]:
    """What a pickle's `root` says of itself, as text: what this program writes into all kinds, and A1111 of the
    hypernetwork or embedding that it is."""
    if not isinstance(root, dict):
        return {}
    own = root.get(METADATA)
    pairs = own.items() if isinstance(own, dict) else ()
    texts = {name: text for name, text in pairs if isinstance(name, str) and isinstance(text, str)}
    if not (EMBEDDING in root or hypernetwork_in(root)):
        return texts
    return texts | {name: text for name in SAID if (text := _text(root.get(name)))}


def _text(value: Any) -> str:
    if isinstance(value, list | tuple) and all(isinstance(one, int | float) for one in value):
        return ", ".join(f"{one:g}" for one in value)[:LONGEST]
    return str(value)[:LONGEST] if isinstance(value, str | int | float) else ""
