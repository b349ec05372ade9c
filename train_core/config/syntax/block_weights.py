"""Strengths that differ by block: lists and presets as the LoRA Block Weight extension has them, and one's own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from train_core.config.phrases import joined
from train_core.config.places import home
from train_core.config.problems import UserError, problem
from train_core.config.syntax.signs import plain_signs
from train_core.kinds import KINDS, SD_BLOCK_LISTS, BlockLists

BASE = "BASE"


def _numbered(kind: str, *numbers: int) -> tuple[str, ...]:
    return tuple(f"{kind}{number:02d}" for number in numbers)


# What the values of a list stand for, by how many there are. The shorter ones leave out blocks without attention.
LABELS: dict[int, tuple[str, ...]] = {
    12: (BASE, *_numbered("IN", 4, 5, 7, 8), "M00", *_numbered("OUT", *range(6))),
    17: (BASE, *_numbered("IN", 1, 2, 4, 5, 7, 8), "M00", *_numbered("OUT", *range(3, 12))),
    20: (BASE, *_numbered("IN", *range(9)), "M00", *_numbered("OUT", *range(9))),
    26: (BASE, *_numbered("IN", *range(12)), "M00", *_numbered("OUT", *range(12))),
}
# Named presets: the blocks that they keep beside BASE, as the extension's own list for SD has them. IND and OUTD lie
# deep inside, INS and OUTS near the picture.
NAMED: dict[str, tuple[str, ...]] = {
    "NONE": (), "ALL": ("in", "mid", "out"), "INS": ("ins",), "IND": ("ind",), "INALL": ("in",),
    "MIDD": ("ind", "mid", "outd"), "OUTD": ("outd",), "OUTS": ("outs",), "OUTALL": ("out",),
}  # fmt: skip
HALF = "ALL0.5"  # the only one with other numbers than 0 and 1
EVERY = {"in": ("IN", range(12)), "mid": ("M", range(1)), "out": ("OUT", range(12))}
KEY = re.compile(r"lora_unet_(down|up)_blocks_(\d+)_(attentions|resnets|downsamplers|upsamplers)_(\d+)_")
ORIGINAL_KEY = re.compile(r"lora_unet_(input|output)_blocks_(\d+)_")
WORD = re.compile(r"[A-Za-z][\w.-]*")


@dataclass(frozen=True)
class Strength:
    """Strength of an adapter: a factor, and one for each block by its label. None: the same everywhere."""

    factor: float = 1.0
    by_block: Mapping[str, float] | None = None

    def at(self, key: str) -> float:
        """The strength of the layer with this key. Blocks that a list leaves out get nothing."""
        return self.factor * (1.0 if self.by_block is None else self.by_block.get(label_of(key), 0.0))


def label_of(key: str) -> str:
    """The block that the layer with this `key` in an adapter file is part of; BASE for what lies outside of blocks."""
    found = KEY.match(key)
    if found:
        level, place = int(found[2]), int(found[4])
        if found[1] == "down":
            return f"IN{3 * level + (3 if found[3] == 'downsamplers' else place + 1):02d}"
        return f"OUT{3 * level + (2 if found[3] == 'upsamplers' else place):02d}"
    original = ORIGINAL_KEY.match(key)
    if original:
        return f"{'IN' if original[1] == 'input' else 'OUT'}{int(original[2]):02d}"
    if key.startswith(("lora_unet_mid_block_", "lora_unet_middle_block_")):
        return "M00"
    return "IN00" if key == "lora_unet_conv_in" else BASE


def order_of(label: str) -> tuple[int, int]:
    """Sort key of labels in the order of the data flow: BASE, IN, M, OUT."""
    kind = label.rstrip("0123456789")
    return ("BASE", "IN", "M", "OUT").index(kind), int(label[len(kind):] or 0)


def parse_strength(text: str, kind: str, own: Mapping[str, str] | None = None) -> Strength:
    """Parse a strength as typed, for adapters of this `kind` of base model: a number, a list of 12, 17, 20 or
    26, a preset's name, or a number and one of these (`0.8 MIDD`, `0.8:1,0,0,…`).

    `own` are the user's own lines by name. Raises `UserError` for what is none of that, or is made for another kind.
    """
    text = plain_signs(text).strip() or "1"
    factor, _, rest = text.partition(":") if ":" in text else text.partition(" ")
    number = _number(factor)
    if number is not None and rest.strip():
        return Strength(number, _blocks(rest.strip(), kind, own or {}))
    number = _number(text)
    return Strength(number) if number is not None else Strength(1.0, _blocks(text, kind, own or {}))


def _blocks(text: str, kind: str, own: Mapping[str, str]) -> dict[str, float]:
    named = {name.upper(): line for name, line in own.items()}
    if text.upper() in named:
        text = named[text.upper()]
    if text.upper() in NAMED:
        return _of_preset(text.upper(), kind)
    if text.upper() == HALF:
        return {label: value / 2 for label, value in _of_preset("ALL", kind).items()}
    if WORD.fullmatch(text):
        known = [*NAMED, HALF, *own]
        raise UserError(
            problem(
                "block_preset_unknown",
                "{name} is not a preset of block weights. Known presets are {known}; the nearest is {nearest}. Add a "
                "preset of your own as a line NAME:v1,…,v17.",
                name=text, known=", ".join(known), nearest=get_close_matches(text.upper(), known, 1, cutoff=0.0)[0],
            )
        )
    values = [_number(word) for word in text.split(",")]
    if None in values or len(values) not in LABELS:
        raise UserError(
            problem(
                "block_weights_unreadable",
                "{text} is not a list of block weights. Write 17 or 26 numbers for SD, 12 or 20 for SDXL, separated by "
                "commas; there are {count}.",
                text=text, count=len(values),
            )
        )
    expected = _lists_of(kind).lengths
    if len(values) not in expected:
        raise UserError(
            problem(
                "block_weights_of_another_kind",
                "{count} block weights are for another kind of model. For {kind} write {expected} numbers.",
                count=len(values), kind=kind or "SD", expected=joined("or", expected),
            )
        )
    return dict(zip(LABELS[len(values)], (float(value or 0.0) for value in values), strict=True))


def _of_preset(name: str, kind: str) -> dict[str, float]:
    """The preset's value for every block."""
    lists = _lists_of(kind)
    meant = [(EVERY | dict(lists.depths))[word] for word in NAMED[name]]
    kept = {f"{letters}{number:02d}" for letters, numbers in meant for number in numbers}
    kept |= {BASE} if name != "NONE" else set()
    return {label: float(label in kept) for label in LABELS[lists.lengths[-1]]}


def _lists_of(kind: str) -> BlockLists:
    """The lists of a kind of base model; those of SD if the kind is unknown."""
    return KINDS[kind].block_lists if kind in KINDS else SD_BLOCK_LISTS


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def own_lines_file() -> Path:
    """Path of the user's own lines, one `NAME:v1,…` a line."""
    return home() / "block_weights.txt"


def read_own_lines() -> dict[str, str]:
    """The user's own lines by name; none if the file does not exist."""
    path = own_lines_file()
    return parse_own_lines(path.read_text(encoding="utf-8-sig")) if path.is_file() else {}


def parse_own_lines(text: str) -> dict[str, str]:
    """Lines `NAME:v1,…,v17` by name. Raises `UserError` for an invalid line, or a list of unknown length."""
    lines: dict[str, str] = {}
    for number, line in enumerate(plain_signs(text).splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, colon, values = line.partition(":")
        words = [word for word in values.split(",") if word.strip()]
        good = colon and WORD.fullmatch(name.strip()) and len(words) in LABELS and None not in map(_number, words)
        if not good:
            raise UserError(
                problem(
                    "own_block_line",
                    "Line {number} is not written as NAME:v1,…,v17 with 12, 17, 20 or 26 numbers: {line}",
                    number=number, line=line.strip(),
                )
            )
        lines[name.strip()] = ",".join(word.strip() for word in words)
    return lines
