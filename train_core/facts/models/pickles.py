"""Contents of a torch pickle, read from its opcodes so that nothing in it is ever executed."""

from __future__ import annotations

import pickletools
import re
from typing import IO, Any

HARMLESS_GLOBALS = {"collections.OrderedDict", "_codecs.encode", "torch.Size", "torch.device"}
TORCH_DTYPES = {"float16", "bfloat16", "float32", "float64", "int64", "int32", "int16", "int8", "uint8", "bool"}
# What stands between a tensor's name and its shape: the storage's kind, number and device.
STORAGE_WORDS = re.compile(r"storage|\d+|cpu|meta|mps|(cuda|xpu)(:\d+)?")
# Left in checkpoints by training frameworks; read as inert data, never imported.
INERT_PREFIXES = ("pytorch_lightning.", "lightning.", "numpy.", "omegaconf.")


def scan_pickle(stream: IO[bytes]) -> tuple[dict[str, tuple[int, ...]], set[str]]:
    """The shapes of the tensors that a torch pickle would build, and the globals in it that are not torch's own.

    Nothing is executed: the opcodes are only read. Raises ValueError where they are not a pickle.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    foreign: set[str] = set()
    strings = ["", ""]
    name = ""
    numbers: list[int] = []
    in_tensor = False
    for opcode, argument, _ in pickletools.genops(stream):
        value: Any = argument
        if opcode.name in ("BINUNICODE", "SHORT_BINUNICODE", "UNICODE"):
            strings = [strings[1], value]
            name = name if STORAGE_WORDS.fullmatch(value) else value
        elif opcode.name in ("GLOBAL", "STACK_GLOBAL", "INST"):
            called = ".".join(strings) if value is None else value.replace(" ", ".")
            if not _is_torch_data(called):
                foreign.add(called)
        elif opcode.name == "BINPERSID":
            in_tensor, numbers = True, []
        elif in_tensor and opcode.name in ("BININT", "BININT1", "BININT2", "INT", "LONG1"):
            numbers.append(value)
        elif in_tensor and "TUPLE" in opcode.name:
            shapes[name] = tuple(numbers[1:])  # the first number is the offset in the storage
            in_tensor = False
    return shapes, foreign


def _is_torch_data(name: str) -> bool:
    """Whether a pickle's global is one of those that rebuild tensors."""
    if name in HARMLESS_GLOBALS or name.startswith("torch._utils._rebuild_"):
        return True
    module, _, last = name.rpartition(".")
    return module in ("torch", "torch.storage") and (last.endswith("Storage") or last in TORCH_DTYPES)
