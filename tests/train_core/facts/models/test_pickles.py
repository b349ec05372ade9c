"""Pickled checkpoints of every trainer give their tensors; what would run as code is refused by its name, never run."""

from __future__ import annotations

import argparse
import collections
import datetime
import enum
import functools
import io
import os
import pathlib
import pickle
import re
import runpy
import subprocess
import sys
import types
import typing
import uuid
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.facts.models.pickles import DEEPEST, MOST_BYTES, MOST_WAITING, walk_pickle
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.models.files.stored import open_weights

WEIGHTS = {
    "a.weight": torch.randn(3, 4, generator=torch.Generator().manual_seed(1)), "a.bias": torch.arange(3.0).half(),
    "b.scale": torch.tensor(2.5, dtype=torch.bfloat16), "b.count": torch.tensor([7, 8]),
}  # fmt: skip
FORMS: dict[str, dict[str, Any]] = {
    "archive": {}, "protocol 4": {"pickle_protocol": 4}, "protocol 5": {"pickle_protocol": 5},
    "before 2020": {"_use_new_zipfile_serialization": False},
    "before 2020, protocol 4": {"_use_new_zipfile_serialization": False, "pickle_protocol": 4},
}  # fmt: skip


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Makes a class of a module that is not installed, there while the pickle is written and gone afterwards."""
    with monkeypatch.context() as present:

        def make(module: str, name: str, base: type = object) -> Any:
            steps = module.split(".")
            for count in range(1, len(steps) + 1):
                whole = ".".join(steps[:count])
                if whole not in sys.modules:
                    present.setitem(sys.modules, whole, types.ModuleType(whole))
            members = {"A": "a"} if issubclass(base, enum.Enum) else {"__module__": module}
            made = base(name, members) if issubclass(base, enum.Enum) else type(name, (base,), members)
            made.__module__ = module
            setattr(sys.modules[module], name, made)
            return made

        yield make


def assert_read(path: Path) -> None:
    found = open_weights(path)
    assert found.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert (found[name].shape, found[name].dtype) == (tuple(value.shape), value.dtype)
        assert torch.equal(found[name].read(), value)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "held",
    [
        WEIGHTS, collections.OrderedDict(WEIGHTS), {"state_dict": WEIGHTS}, {"model": WEIGHTS}, {"module": WEIGHTS},
        {"model": {"state_dict": WEIGHTS}, "epoch": 3}, {"params": [WEIGHTS]},
        {"ema": {name: value + 1 for name, value in WEIGHTS.items()}, "model": WEIGHTS},
        {"optimizer": {"state": {0: {"exp_avg": torch.ones(9), "step": torch.tensor(1)}}}, "module": WEIGHTS},
        {name: torch.nn.Parameter(value, value.is_floating_point()) for name, value in WEIGHTS.items()},
    ],
    ids=lambda held: type(held).__name__ + " " + " ".join(map(str, held))[:20],
)
def test_weights_are_found_wherever_trainers_put_them(form: str, held: Any, tmp_path: Path) -> None:
    torch.save(held, tmp_path / "m.ckpt", **FORMS[form])
    assert_read(tmp_path / "m.ckpt")


BESIDE = {
    "typing": typing.Any, "optional": typing.Optional[dict], "alias": dict[str, int], "none": type(None),  # noqa: UP045
    "set": {1, 2}, "frozen": frozenset({"a"}), "default": collections.defaultdict(list, {"a": [1]}),
    "counter": collections.Counter("aab"), "deque": collections.deque([1, 2]), "classes": [dict, list, int, object],
    "scalar": np.float64(0.1), "array": np.zeros(3), "type": np.dtype("float32"), "random": np.random.RandomState(1),
    "generator": np.random.default_rng(1), "path": pathlib.PurePosixPath("/a"), "windows": pathlib.PureWindowsPath("a"),
    "date": datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC), "span": datetime.timedelta(1),
    "args": argparse.Namespace(lr=1), "simple": types.SimpleNamespace(a=1), "id": uuid.UUID(int=1), "big": 2**80,
    "complex": 1j, "slice": slice(1), "range": range(3), "pattern": re.compile("a+"), "bytes": b"ab",
    "array of bytes": bytearray(b"ab"), "partial": functools.partial(dict, a=1), "size": torch.Size([1]),
    "device": torch.device("cpu"), "dtype": torch.float16, "sparse": torch.eye(2).to_sparse(),
    "rebuilt by a name": torch.nn.ParameterDict({"p": torch.zeros(1)}),
}  # fmt: skip


@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.parametrize("name", BESIDE)
def test_plain_values_beside_the_weights_do_no_harm(name: str, protocol: int, tmp_path: Path) -> None:
    held = {"state_dict": WEIGHTS, "beside": BESIDE[name], "twice": [BESIDE[name]]}
    torch.save(held, tmp_path / "m.ckpt", pickle_protocol=protocol)
    assert_read(tmp_path / "m.ckpt")


@pytest.mark.parametrize("protocol", [2, 4])
def test_classes_of_trainers_are_read_without_the_trainer(protocol: int, stand_in: Any, tmp_path: Path) -> None:
    callback = stand_in("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint")
    config, metadata = stand_in("omegaconf.dictconfig", "DictConfig"), stand_in("omegaconf.base", "ContainerMetadata")
    attributes = stand_in("pytorch_lightning.utilities.parsing", "AttributeDict", dict)
    own, state = stand_in("some_trainer.settings", "Settings"), stand_in("pytorch_lightning.states", "State", enum.Enum)
    nested, about = config(), metadata()
    about.key_type, about.element_type, about.ref_type = typing.Any, typing.Any, dict
    nested._metadata, nested._content = about, collections.defaultdict(list, {"a": own()})
    held = {"state_dict": WEIGHTS, "callbacks": {callback: {"best": torch.tensor(1.0)}}, "hyper_parameters": nested,
            "more": attributes(a=own()), "state": state.A}  # fmt: skip
    torch.save(held, tmp_path / "m.ckpt", pickle_protocol=protocol)
    for name in [name for name in sys.modules if name.startswith(("pytorch_lightning", "omegaconf", "some_trainer"))]:
        del sys.modules[name]
    assert_read(tmp_path / "m.ckpt")


class Calls:
    """Pickles to a call."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.made = (function, arguments)

    def __reduce__(self) -> Any:
        return self.made


# What a pickle calls, the arguments, and how the refusal names it. Each would leave a folder behind, were it run.
CODE = {
    "mkdir": (os.mkdir, ["{}"]), "system": (os.system, ["mkdir {}"]), "print": (print, ["x"]),
    "builtins.eval": (eval, ["__import__('os').mkdir('{}')"]), "builtins.exec": (exec, ["import os; os.mkdir('{}')"]),
    "subprocess.Popen": (subprocess.Popen, ["mkdir {}"]), "check_output": (subprocess.check_output, ["mkdir {}"]),
    "run_path": (runpy.run_path, ["{}"]), "builtins.getattr": (getattr, ["a", "upper"]),
    "loads": (pickle.loads, [b"N."]),
    "load": (torch.load, ["{}"]), "numpy": (np.savetxt, ["{}", [1]]), "torch": (torch.set_num_threads, [1]),
    "typing": (typing.get_type_hints, [dict]), "reduce": (functools.reduce, [print, [1, 2]]),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", CODE)
def test_code_is_refused_by_its_name_and_not_run(name: str, form: str, tmp_path: Path) -> None:
    function, arguments = CODE[name]
    trace, path = tmp_path / "trace", tmp_path / "m.ckpt"
    filled = [one.format(trace) if isinstance(one, str) else one for one in arguments]
    torch.save({"state_dict": WEIGHTS, "extra": [Calls(function, *filled)]}, path, **FORMS[form])
    with pytest.raises(UserError) as refused:
        read_tensor_file(path)
    (only,) = refused.value.problems
    assert only.code == "model_file_pickled_code"
    assert name in only.text
    assert str(path) in only.text
    assert not trace.exists()


@pytest.mark.parametrize(
    ("opcodes", "code"),
    [
        (b"cfunctools\npartial\n(cbuiltins\nlist\ntR(tR.", "functools.partial"),  # calls what a call has given
        (b"(S'x'\nios\nsystem\n.", "os.system"), (b"(cos\nsystem\nS'x'\no.", "os.system"),
        (b"(S'x'\nisome_module\nrun\n.", "some_module.run"), (b"\x8c\x02os\x8c\x06system\x93.", "os.system"),
        (b"c__builtin__\neval\n.", "builtins.eval"), (b"csubprocess\nPopen\n(S'x'\nt\x81.", "subprocess.Popen"),
        (b"\x82\x01.", "copyreg extension 1"), (b"cbuiltins\ngetattr\n(cos\npath\nS'x'\ntR.", "builtins.getattr"),
        (b"csome_module\nClass.load\n(S'x'\ntR.", "some_module.Class.load"),
        (b"cpytorch_lightning\nTrainer.load\n(S'x'\ntR.", "pytorch_lightning.Trainer.load"),
        (b"cnumpy.testing._private.utils\nrunstring\n(S'x'\n}tR.", "numpy.testing._private.utils.runstring"),
    ],
)  # fmt: skip
def test_every_way_to_call_something_is_seen(opcodes: bytes, code: str) -> None:
    assert code in walk_pickle(io.BytesIO(opcodes)).code


@pytest.mark.parametrize("form", FORMS)
def test_tensors_in_another_order_and_parts_of_others_are_read_as_torch_reads_them(form: str, tmp_path: Path) -> None:
    whole = torch.arange(60.0).view(3, 4, 5)
    views = {
        "whole": whole, "turned": whole.permute(2, 0, 1), "part": whole[1:, ::2], "row": whole[2, 3], "none": whole[:0],
        "one": whole[:1, :, 2:3], "expanded": torch.tensor([1.0, 2.0]).expand(3, 2), "number": whole[0, 0, 1],
    }  # fmt: skip
    torch.save(views, tmp_path / "m.pt", **FORMS[form])
    found, expected = open_weights(tmp_path / "m.pt"), torch.load(tmp_path / "m.pt", weights_only=False)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name].read(), value), name
        assert found[name].read().is_contiguous()


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as refused:
        read_tensor_file(path)
    (only,) = refused.value.problems
    return f"{only.code}: {only.text}"


def test_what_is_no_plain_checkpoint_is_told_what_it_is(tmp_path: Path) -> None:
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "script.pt")
    assert "TorchScript" in refusal(tmp_path / "script.pt")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "object.pt")
    assert "torch.nn.modules.linear.Linear" in refusal(tmp_path / "object.pt")
    with zipfile.ZipFile(tmp_path / "zipped.ckpt", "w") as archive:
        archive.writestr("model.safetensors", b"x")
    assert refusal(tmp_path / "zipped.ckpt").startswith("model_file_zipped")
    torch.save({"state_dict": WEIGHTS}, tmp_path / "m.ckpt")
    with zipfile.ZipFile(tmp_path / "m.ckpt") as old, zipfile.ZipFile(tmp_path / "small.ckpt", "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name), zipfile.ZIP_DEFLATED)
    assert "compressed" in refusal(tmp_path / "small.ckpt")
    content = (tmp_path / "m.ckpt").read_bytes()
    locked = re.sub(rb"PK\x01\x02.....", lambda found: found[0][:8] + b"\x01", content, flags=re.DOTALL)
    (tmp_path / "locked.ckpt").write_bytes(locked)
    assert "encrypted" in refusal(tmp_path / "locked.ckpt")
    for name in ("script.pt", "object.pt", "zipped.ckpt", "small.ckpt", "locked.ckpt"):
        assert "damaged" not in refusal(tmp_path / name)
        assert "weights_only" not in refusal(tmp_path / name)


@pytest.mark.parametrize("form", FORMS)
def test_a_checkpoint_that_is_cut_short_is_called_damaged(form: str, tmp_path: Path) -> None:
    torch.save({"state_dict": WEIGHTS}, tmp_path / "m.ckpt", **FORMS[form])
    content = (tmp_path / "m.ckpt").read_bytes()
    for share in (0.3, 0.6, 0.99):
        (tmp_path / "m.ckpt").write_bytes(content[: int(len(content) * share)])
        assert refusal(tmp_path / "m.ckpt").startswith("model_file_broken")


@pytest.mark.parametrize(("opcode", "most"), [(b"(", DEEPEST), (b"]", MOST_WAITING), (b"K\x01", MOST_WAITING)])
def test_a_pickle_that_puts_nothing_in_its_place_is_given_up_early(opcode: bytes, most: int) -> None:
    stream = io.BytesIO(b"\x80\x02" + opcode * (most * 3))
    with pytest.raises(ValueError):
        walk_pickle(stream)
    assert stream.tell() < len(opcode) * (most + 10)


def test_long_tuples_and_lists_are_read_by_every_protocol() -> None:
    for protocol in range(6):
        held = {"tuple": tuple(range(100_000)), "list": list(range(100_000))}
        assert walk_pickle(io.BytesIO(pickle.dumps(held, protocol))).root == held


def test_a_pickle_without_end_is_given_up() -> None:
    with pytest.raises(ValueError, match=""):
        walk_pickle(io.BytesIO(b"\x80\x02" + b"]0" * MOST_BYTES))
    with pytest.raises(ValueError, match=""):
        walk_pickle(io.BytesIO(b"\x80\x05\x96" + (1 << 60).to_bytes(8, "little") + b"x"))


@given(where=st.integers(0, 700), change=st.binary(min_size=1, max_size=8), old=st.booleans())
def test_no_damage_to_a_pickle_raises_anything_but_a_user_error(
    tmp_path_factory: pytest.TempPathFactory, where: int, change: bytes, old: bool
) -> None:
    path = tmp_path_factory.mktemp("damaged") / "m.ckpt"
    torch.save({"state_dict": WEIGHTS, "x": {1, 2}}, path, _use_new_zipfile_serialization=not old)
    content = path.read_bytes()
    path.write_bytes(content[:where] + change + content[where + len(change) :])
    try:
        for stored in open_weights(path).values():
            stored.read()
    except UserError:
        pass
