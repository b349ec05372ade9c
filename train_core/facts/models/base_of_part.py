"""The kind of base model that an adapter, ControlNet, embedding or hypernetwork is for, as far as its header tells.

`networks/files/base_kind.py` asks every layer of an adapter; this looks at a few names and sizes, without torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from train_core.facts.models.tensor_files import TensorFile
from train_core.kinds import KINDS, NOT_TRAINED, stated_kind

# Names that only one kind has, asked in this order.
NAMED = [
    (kind, re.compile(signs.for_it))
    for kind, signs in (*NOT_TRAINED.items(), *((row.name, row.signs) for row in KINDS.values())) if signs.for_it
]
# Maps of the text that attention reads, and within a text encoder, whose second side is the width of a text.
READS_TEXT = re.compile(
    r"(attn2[._](processor[._])?to_[kv]|(_te|text_encoder)[._].*[qkv]_proj)"
    r"(_lora|\.lora)?(\.weight|[._](lora_)?(down|A)(\.\w+)?\.weight|\.hada_w[12]_b|\.diff)$"
)
EMBEDDING = re.compile(r"(\*|em[bp]_params|clip_l)(_out)?")
HYPERNETWORK = re.compile(r"(\d+)\.[01]\.linear")
TEXT_WIDTHS = {row.text_width: row.name for row in KINDS.values()}


def base_of_part(file: TensorFile) -> str:
    """The name of that kind; "" where neither sizes nor metadata tell one."""
    found = next((kind for kind, pattern in NAMED if any(map(pattern.search, file.tensors))), "")
    widths = (TEXT_WIDTHS.get(width, "") for width in _text_widths(file))
    return found or next(filter(None, widths), "") or stated_kind(file.metadata)


def _text_widths(file: TensorFile) -> Iterator[int]:
    """The widths of texts that its tensors show."""
    for name, info in file.tensors.items():
        hyper = HYPERNETWORK.match(name)
        if hyper:
            yield int(hyper[1][:6])
        elif EMBEDDING.fullmatch(name) or (len(file.tensors) == 1 and len(info.shape) in (1, 2)):
            yield from info.shape[-1:]
        elif READS_TEXT.search(name) and len(info.shape) > 1:
            yield info.shape[1]
