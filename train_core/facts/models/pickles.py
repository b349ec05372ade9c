"""Contents of a torch pickle, built of stand-ins: no class is imported and no function called, whatever it names."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, Any, ClassVar

from train_core.facts.models.pickled_code import full_name, is_dangerous, may_call

MOST_BYTES = 16 << 20  # of opcodes; those of a checkpoint with its optimizer are a few MB
MOST_READS = 2_000_000  # of them and their arguments; such a checkpoint takes about 400,000
MOST_OBJECTS = 2_000_000
MOST_WAITING = 500_000  # objects that are read and have no place yet; picklers put theirs away a thousand at a time
DEEPEST = 10_000  # beginnings of tuples and the like within each other
# Number formats by the kinds of storages and by torch's own names.
FORMATS = {
    "Float": "F32", "Half": "F16", "BFloat16": "BF16", "Double": "F64", "Long": "I64", "Int": "I32", "Short": "I16",
    "Char": "I8", "Byte": "U8", "Bool": "BOOL", "Untyped": "U8",
    "float32": "F32", "float16": "F16", "bfloat16": "BF16", "float64": "F64", "int64": "I64", "int32": "I32",
    "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL", "float8_e4m3fn": "F8_E4M3", "float8_e5m2": "F8_E5M2",
}  # fmt: skip
# Where the weights are, when several collections hold as many: averages and the like come after.
FIRST_ASKED = ("state_dict", "model_state_dict", "model", "module", "params", "weights")


@dataclass(frozen=True)
class Storage:
    """Numbers that tensors share: the name under which the file has them, their format, how many, and where a part
    of a larger storage begins."""

    key: str
    dtype: str
    count: int
    begin: int = 0


@dataclass(frozen=True)
class PickledTensor:
    """A tensor: `offset` and `stride` count numbers within its storage."""

    storage: Storage
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]


class Thing(dict[Any, Any]):
    """Stands in for any object: takes items, values and states, and does nothing. `origin` is what it was made by."""

    def __init__(self, origin: str, parts: Iterable[Any] = ()) -> None:
        super().__init__()
        self.origin, self.parts = origin, list(parts)

    def __hash__(self) -> int:  # type: ignore[override]
        return id(self)

    def __setstate__(self, state: Any) -> None:
        self.parts.append(state)

    def append(self, value: Any) -> None:
        self.parts.append(value)

    def extend(self, values: Iterable[Any]) -> None:
        self.parts.extend(values)

    add = append


@dataclass(frozen=True)
class Global:
    """A class or function that a pickle names."""

    name: str


@dataclass(frozen=True)
class PickleContents:
    """What a pickle holds, the storages that its tensors use, and `code`, the names of what would run as program code
    where it is loaded in the usual way."""

    root: Any
    code: tuple[str, ...]
    storages: tuple[Storage, ...] = ()


class _Walker(pickle._Unpickler):
    """Python's own reader of opcodes, in which everything that is imported or called is replaced by stand-ins."""

    dispatch: ClassVar[dict[int, Any]] = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]
    stack: list[Any]
    metastack: list[list[Any]]

    def __init__(self, stream: IO[bytes]) -> None:
        super().__init__(_Limited(stream, self))
        self.code: set[str] = set()
        self.storages: list[Storage] = []

    def find_class(self, module: str, name: str) -> Any:
        found = Global(full_name(module, name))
        if is_dangerous(found.name):
            self.code.add(found.name)
        return found

    def get_extension(self, code: int) -> None:
        self.code.add(f"copyreg extension {code}")
        self.stack.append(Thing("copyreg"))

    def persistent_load(self, pid: Any) -> Storage:
        _, kind, key, _, count, *views = pid
        name = kind.name if isinstance(kind, Global) else str(kind)
        view = views[0] if views else None
        begin = int(view[1]) if view else 0
        dtype = _format_of(name.rpartition(".")[2].removesuffix("Storage"))
        self.storages.append(Storage(str(key), dtype, int(count), begin))
        return self.storages[-1]

    def _called(self, function: Any, arguments: Any) -> Any:
        name = function.name if isinstance(function, Global) else getattr(function, "origin", type(function).__name__)
        arguments = list(arguments) if isinstance(arguments, tuple | list | Thing) else [arguments]
        names = [one.name if isinstance(one, Global) else one for one in arguments]
        if not isinstance(function, Global) or not may_call(name, names):
            self.code.add(name)
            return Thing(name, arguments)
        if name.startswith(("torch._utils._rebuild_", "torch._tensor._rebuild_")):
            return _rebuilt(name.rpartition(".")[2], arguments)
        made = Thing(name, arguments)
        pairs = arguments[-1] if arguments and name.startswith(("collections.", "builtins.dict")) else None
        if isinstance(pairs, list) and all(isinstance(pair, tuple | list) and len(pair) == 2 for pair in pairs):
            made.update(dict(pairs))
        return made

    def load_reduce(self) -> None:
        arguments = self.stack.pop()
        self.stack[-1] = self._called(self.stack[-1], arguments)

    def load_newobj(self) -> None:
        arguments, cls = self.stack.pop(), self.stack.pop()
        self.stack.append(self._instance(cls, arguments))

    def load_newobj_ex(self) -> None:
        named, arguments, cls = self.stack.pop(), self.stack.pop(), self.stack.pop()
        self.stack.append(self._instance(cls, [arguments, named]))

    def _instance(self, cls: Any, arguments: Any) -> Thing:
        """An instance whose class is told nothing: that calls no function of the class but `__new__`."""
        if not isinstance(cls, Global):
            self.code.add(getattr(cls, "origin", type(cls).__name__))
        return Thing(cls.name if isinstance(cls, Global) else "", [arguments])

    def _old_instance(self, cls: Any, arguments: list[Any]) -> None:
        self.stack.append(self._called(cls, arguments) if arguments else self._instance(cls, arguments))

    def load_inst(self) -> None:
        module, name = (self.readline()[:-1].decode("ascii") for _ in range(2))  # type: ignore[attr-defined]
        arguments = self.pop_mark()  # type: ignore[attr-defined]
        self._old_instance(self.find_class(module, name), arguments)

    def load_obj(self) -> None:
        cls, *arguments = self.pop_mark()  # type: ignore[attr-defined]
        self._old_instance(cls, arguments)

    def load_build(self) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Thing):
            self.stack[-1].__setstate__(state)

    def load_bytearray8(self) -> None:
        size = int.from_bytes(self.read(8), "little")  # type: ignore[attr-defined]
        self.stack.append(bytearray(self.read(size)))  # type: ignore[attr-defined]

    for _opcode, _load in (
        (pickle.REDUCE, load_reduce), (pickle.NEWOBJ, load_newobj), (pickle.NEWOBJ_EX, load_newobj_ex),
        (pickle.INST, load_inst), (pickle.OBJ, load_obj), (pickle.BUILD, load_build),
        (pickle.BYTEARRAY8, load_bytearray8),
    ):  # fmt: skip
        dispatch[_opcode[0]] = _load


class _Limited:
    """A stream of which only so much is read: a pickle that goes on and on is no checkpoint."""

    def __init__(self, stream: IO[bytes], reader: _Walker) -> None:
        self._stream, self._left, self._reads_left = stream, MOST_BYTES, MOST_READS
        self._reader = reader

    def read(self, size: int) -> bytes:
        return self._counted(self._stream.read(min(size, self._left + 1)), size)

    def readline(self) -> bytes:
        return self._counted(self._stream.readline(self._left + 1), 0)

    def _counted(self, data: bytes, wanted: int) -> bytes:
        self._left -= len(data)
        self._reads_left -= 1
        if self._left < 0 or self._reads_left < 0 or len(data) < wanted:
            raise EOFError
        if len(self._reader.stack) > MOST_WAITING or len(self._reader.metastack) > DEEPEST:
            raise EOFError
        return data


def walk_pickle(stream: IO[bytes]) -> PickleContents:
    """The contents of the pickle that begins in `stream`, which stands behind it afterwards.

    Nothing is executed. Raises ValueError where it is no pickle, is cut short, or contradicts itself.
    """
    walker = _Walker(stream)
    try:
        return PickleContents(walker.load(), tuple(sorted(walker.code)), tuple(walker.storages))
    except (
        pickle.UnpicklingError, EOFError, ArithmeticError, AttributeError, LookupError, MemoryError, NameError,
        RecursionError, TypeError, AssertionError, NotImplementedError,
    ) as error:  # fmt: skip
        raise ValueError(str(error)) from error


def tensors_in(root: Any) -> dict[str, PickledTensor]:
    """The tensors of a model in what a checkpoint holds: those of the collection that names most of them.

    Trainers put it under `state_dict`, `model`, `module` and the like, one within the other, beside an optimizer's
    tensors and averages. Of several as large the one that stands first counts, then the shallowest.
    """
    found: dict[str, PickledTensor] = {}
    for one in _collections(root):
        named = {name: value for name, value in one.items() if isinstance(name, str)}
        tensors = {name: value for name, value in named.items() if isinstance(value, PickledTensor)}
        if _weight(tensors) > _weight(found):
            found = tensors
    return found


def _weight(tensors: dict[str, PickledTensor]) -> tuple[int, int]:
    return len(tensors), sum(max(one.shape, default=0) for one in tensors.values())


def _collections(root: Any) -> Iterator[dict[Any, Any]]:
    """Every dictionary within `root`, level by level, the usual places of weights first."""
    level, seen, count = [root], set(), 0
    while level:
        following: list[Any] = []
        for one in level:
            count += 1
            if count > MOST_OBJECTS:
                raise ValueError("too many objects")
            if id(one) in seen or not isinstance(one, dict | list | tuple | set | frozenset):
                continue
            seen.add(id(one))
            if isinstance(one, dict):
                yield one
                preferred = [one[name] for name in FIRST_ASKED if name in one]
                following += [*preferred, *one.values(), *(one.parts if isinstance(one, Thing) else ())]
            else:
                following += one
        level = following


def _rebuilt(function: str, arguments: list[Any]) -> Any:
    """The tensor that torch's `function` of this name would make; a stand-in for what is no plain tensor."""
    if function in ("_rebuild_parameter", "_rebuild_parameter_with_state"):
        return arguments[0]
    if function in ("_rebuild_from_type", "_rebuild_from_type_v2"):
        rebuild, _, parts, *_ = arguments
        return _rebuilt(rebuild.name.rpartition(".")[2], list(parts)) if isinstance(rebuild, Global) else parts
    if function not in ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3"):
        return Thing(function, arguments)
    storage, offset, shape, stride = arguments[:4]
    if not isinstance(storage, Storage):
        return Thing(function, arguments)
    dtype = _format_of(arguments[6].name.rpartition(".")[2]) if function.endswith("v3") else storage.dtype
    numbers = (_plain(shape), _plain(stride))
    if len(numbers[0]) != len(numbers[1]) or min([*numbers[0], *numbers[1], offset], default=0) < 0:
        raise ValueError("a tensor contradicts itself")
    return PickledTensor(storage, dtype, int(offset), *numbers)


def _plain(sizes: Any) -> tuple[int, ...]:
    """Sizes, which torch.Size wraps."""
    inner = sizes.parts[0] if isinstance(sizes, Thing) and sizes.parts else sizes
    return tuple(int(size) for size in inner)


def _format_of(name: str) -> str:
    return FORMATS.get(name, name)
