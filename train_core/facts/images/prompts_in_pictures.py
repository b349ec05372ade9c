"""Prompts that programs which generate pictures have left in them: AUTOMATIC1111's `parameters`, ComfyUI's `prompt`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from PIL import Image

from train_core.config.untrusted import json_of

CHUNKS = ("parameters", "prompt")  # of a PNG, by which it is known as generated
NEGATIVE = re.compile(r"^Negative prompt:", re.MULTILINE)
FACTS = re.compile(r"^Steps: \d+, ", re.MULTILINE)  # the last part, of one line
NETWORKS = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>", re.IGNORECASE)  # what is loaded
LONGEST = 1 << 20  # letters of a chunk
WORDS = ("text", "text_g", "text_l", "string", "value", "prompt", "wildcard_text")  # inputs of nodes that hold words


def prompt_of(path: Path) -> str:
    """The prompt that a PNG was generated from; "" for one that holds none or cannot be read."""
    try:
        with Image.open(path) as image:
            said = {name: text for name in CHUNKS if isinstance(text := image.info.get(name), str)}
    except Exception:  # Pillow's decoders raise whatever they like on broken files, which are told of elsewhere
        return ""
    if "parameters" in said:
        return of_parameters(said["parameters"][:LONGEST])
    return of_nodes(said.get("prompt", "")[:LONGEST])


def quoted(value: object) -> str:
    """`value` as text; as a JSON string where it would be read as less, such as up to its comma."""
    text = str(value)
    is_plain = text == text.strip() and not any(sign in text for sign in ',:\n"')
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def of_parameters(text: str) -> str:
    """The prompt of AUTOMATIC1111's text, in which the negative one and a line of facts follow."""
    ends = [found.start() for pattern in (NEGATIVE, FACTS) if (found := pattern.search(text)) is not None]
    return _plain(text[: min(ends, default=len(text))])


def of_nodes(text: str) -> str:
    """The positive prompt of ComfyUI's nodes: the words that lead to a sampler; "" where none is found."""
    try:
        nodes = json_of(text)
    except ValueError:
        return ""
    if not isinstance(nodes, dict):
        return ""
    for node in nodes.values():
        said = _words(nodes, _inputs(node).get("positive"))
        if said:
            return _plain(said)
    return ""


def _words(nodes: Mapping[str, Any], link: Any) -> str:
    """The words of the node that `link`, [its name, number of the output], leads to, or of those before it."""
    waiting, seen = [link], set()
    while waiting:
        link = waiting.pop()
        if not isinstance(link, list) or not link or not isinstance(link[0], str | int) or str(link[0]) in seen:
            continue
        seen.add(str(link[0]))
        inputs = _inputs(nodes.get(str(link[0])))
        own = [said for name in WORDS if isinstance(said := inputs.get(name), str) and said.strip()]
        if own:
            return max(own, key=len)
        waiting += [given for name, given in [*inputs.items()][::-1] if "negative" not in name]
    return ""


def _inputs(node: Any) -> Mapping[str, Any]:
    found = node.get("inputs") if isinstance(node, dict) else None
    return found if isinstance(found, dict) else {}


def _plain(text: str) -> str:
    """A prompt as a caption: on one line, without what loads networks, without what no text file can hold."""
    lines = [NETWORKS.sub("", line).strip(" ,\t\r") for line in text.replace("\0", "").split("\n")]
    joined = ", ".join(line for line in lines if line)
    return re.sub(r"\s*,(?:\s*,)+\s*", ", ", joined).encode("utf-8", "replace").decode()
