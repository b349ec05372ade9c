"""The state of a run: everything it needs to continue exactly, written completely or not at all."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import safetensors.torch
import torch
import torch.distributed as dist
from torch import Tensor

from train_core.config.problems import Problem, UserError, problem
from train_core.config.sections.resume import ResumeSettings
from train_core.config.whole_files import write_whole
from train_core.data.processes import gather, give, take
from train_core.events.kinds import StateWritten, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.run.contents import Contents
from train_core.facts.run.result_names import after_epoch, after_step, state_folder
from train_core.facts.run.states import FORMAT, INFO, PARTS, TENSORS, State
from train_core.facts.run.written import Kind, remove_written
from train_core.models.files.finite import NotFiniteError, all_finite
from train_core.models.files.stored import Stored
from train_core.models.files.writing import NotWrittenError, write_tensors
from train_core.run.outputs.manifest import Manifest
from train_core.run.outputs.packing import pack, unpack
from train_core.run.outputs.places import Places


class Stateful(Protocol):
    """Interface of a part of a run whose state is kept: plain values and tensors, nested as it likes."""

    def state_dict(self) -> dict[str, Any]: ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any: ...


Parts = dict[str, Stateful]


@dataclass
class States:
    """Writes the run's states on the main process, beside the results, under their `name`.

    `parts` are all that a resumed run must find as it was; whoever holds something of that kind adds it there.
    `facts` are the fields of `State` that stay the same: settings, digest of the images, run folder and the like.
    `contents` is what the run is made from.
    `keep_epochs` and `keep_steps` limit how many stay, 0 keeps all. Without `emit`, as on all processes but the main
    one, nothing is written.
    """

    settings: ResumeSettings
    places: Places
    name: str
    parts: Parts
    facts: dict[str, Any]
    manifest: Manifest
    emit: Emit | None
    keep_epochs: int = 0
    keep_steps: int = 0
    contents: Future[Contents] | None = None
    last: Path | None = None
    _last_step: int = field(default=-1)

    def is_due_after_step(self, step: int) -> bool:
        every = self.settings.save_state_every_n_steps
        return every > 0 and step % every == 0

    def write_step(self, step: int, epoch: int, asked: bool = False, last: bool = False) -> bool:
        """Write the state after `step`, named after it. Returns whether it exists now; if not, that was reported.

        `last` means that the run ends with it, as it does after one that was `asked` for.
        """
        kind: Kind = "asked state" if asked else "step state"
        return self._write(state_folder(after_step(self.name, step)), kind, step, epoch, last or asked)

    def write_epoch(self, step: int, epoch: int) -> bool:
        """Write the state after `epoch`, named after it."""
        return self._write(state_folder(after_epoch(self.name, epoch)), "epoch state", step, epoch)

    def write_final(self, step: int, epoch: int) -> bool:
        """Write the state at the end of a complete run, so that it can be made longer."""
        return self._write(state_folder(self.name), "final state", step, epoch, last=True)

    def _write(self, name: str, kind: Kind, step: int, epoch: int, last: bool = False) -> bool:
        parts = {name: part.state_dict() for name, part in self.parts.items()}  # which several processes may share
        if self.emit is None or (step == self._last_step and kind != "final state"):
            return True

        def write(wanted: Path) -> Path:
            try:
                path = self.manifest.claim(wanted, kind, step, epoch)
                fields = {
                    "format": FORMAT, "step": step, "epoch": epoch, "written": time.time(), "name": self.name,
                    "files": self.manifest.fields(), **self.facts,
                    "contents": self._contents_noted(),
                }
                write_state(path, fields, parts)
            except OSError as error:
                raise NotWrittenError(_not_written(wanted, error)) from error
            return path

        try:
            path = self.places.write(name, write, self.emit, last)
        except NotWrittenError as error:
            emit_problems(self.emit, WarningEvent, error.problems)
            return False
        self._last_step, self.last = step, path
        self.manifest.keep_newest("epoch state", self.keep_epochs, step)
        self.manifest.keep_newest("step state", self.keep_steps, step)
        self.emit(StateWritten(path=str(path), step=step, epoch=epoch))
        return True

    def _contents_noted(self) -> dict[str, Any]:
        """The contents of what the run is made from. A file that cannot be read is reported and costs no state."""
        if self.contents is None:
            return {}
        try:
            return self.contents.result().fields()
        except (OSError, UserError) as error:
            self.contents = None
            assert self.emit is not None
            emit_problems(self.emit, WarningEvent, [_contents_not_known(error)])
            return {}


def _contents_not_known(error: Exception) -> Problem:
    return problem(
        "state_without_contents",
        "Not all files of this run can still be read ({reason}), so its states do not note what they contain. When you "
        "resume, make sure yourself that images and models are still the same.",
        reason=str(error),
    )


def _not_written(path: Path, error: Exception) -> Problem:
    return problem(
        "state_not_written",
        "The state {folder} could not be written ({reason}). Earlier states are intact and training goes on. Free some "
        "space on the drive.",
        folder=str(path), reason=str(error),
    )


def write_state(path: Path, fields: Mapping[str, Any], parts: Mapping[str, Any]) -> None:
    """Write a state folder beside `path`, have the system put it on the drive, and only then give it its name.

    One tensor after the other goes there, so that no second copy of a whole model is in memory.
    Raises OSError, and `NotFiniteError` where a tensor holds values that are not numbers; then what
    stood at `path` is as it was.
    """
    with write_whole(path, durable=True, clear=remove_written) as temporary:
        temporary.mkdir()
        packed, tensors = pack(dict(parts))
        _require_numbers(tensors, parts, path)
        write_tensors(temporary / TENSORS, {name: _stored(tensor) for name, tensor in tensors.items()}, {})
        (temporary / PARTS).write_text(json.dumps(packed), encoding="utf-8", newline="\n")
        (temporary / INFO).write_text(json.dumps(fields, ensure_ascii=False), encoding="utf-8", newline="\n")


def _stored(tensor: Tensor) -> Stored:
    """`tensor`, wherever it is, as what is written of it to the bit."""
    return Stored(tuple(tensor.shape), lambda: tensor.detach().to("cpu").contiguous(), tensor.dtype, kept=True)


def _require_numbers(tensors: Mapping[str, Tensor], parts: Mapping[str, Any], path: Path) -> None:
    """Raise `NotFiniteError`, naming the part, if any of `tensors` holds values that are not numbers."""
    broken = _broken_part(tensors, parts)
    if broken:
        raise NotFiniteError(
            problem(
                "state_not_finite", "{file} was not saved: {name} contains invalid values (NaN or infinity).",
                file=str(path), name=broken,
            )
        )


def _broken_part(tensors: Mapping[str, Tensor], parts: Mapping[str, Any]) -> str:
    """The name of the first of `parts` in which one of their `tensors` holds values that are not numbers, or ""."""
    if all(all_finite(tensor) for tensor in tensors.values()):
        return ""
    return next(name for name, part in parts.items() if not all(map(all_finite, pack(part)[1].values())))


def read_parts(state: State) -> dict[str, Any]:
    """The state of each part by its name, tensors on the CPU. Raises UserError if a value in it is not a number."""
    tensors = safetensors.torch.load_file(state.path / TENSORS)
    parts = unpack(json.loads((state.path / PARTS).read_text(encoding="utf-8")), tensors)
    broken = _broken_part(tensors, parts)
    if broken:
        raise UserError(
            problem(
                "state_holds_not_finite",
                "The state {folder} contains invalid values (NaN or infinity) in {name}: the training had gone wrong "
                "by then. Resume from an earlier state, or start a new run without resume.",
                folder=str(state.path), name=broken,
            )
        )
    return parts


def restore(parts: Parts, saved: Mapping[str, Any]) -> None:
    """Put each of `parts` back as `saved` has it. Raises UserError, before anything is changed, when one is missing."""
    missing = sorted(parts.keys() - saved.keys())
    if missing:
        raise UserError(
            problem(
                "state_lacks_part",
                "The state lacks {names}: it was written by another version. Start a new run without resume.",
                names=", ".join(missing),
            )
        )
    for name, part in parts.items():
        part.load_state_dict(saved[name])


@dataclass
class OfEachProcess:
    """A part of which each process has a share of its own: the state is that of all, in the order of their ranks.

    Only the main process gets it, but every one has to ask for it. Another one's tensors come one at a time.
    """

    part: Stateful

    def state_dict(self) -> dict[str, Any]:
        own = self.part.state_dict()
        is_main = dist.get_rank() == 0
        packed, tensors = (None, {}) if is_main else pack(own)
        everyones = gather((packed, {name: (tensor.shape, tensor.dtype) for name, tensor in tensors.items()}))
        if not is_main:
            for tensor in tensors.values():
                give(tensor)
            return {}
        return {"processes": [own, *(_taken(rank, *told) for rank, told in enumerate(everyones) if rank > 0)]}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self.part.load_state_dict(state_dict["processes"][dist.get_rank()])


def _taken(rank: int, packed: Any, forms: Mapping[str, tuple[torch.Size, torch.dtype]]) -> Any:
    """The state that the process with this `rank` gives, of whose tensors these are the shapes and formats."""
    tensors = {name: torch.empty(shape, dtype=dtype) for name, (shape, dtype) in forms.items()}
    for tensor in tensors.values():
        take(tensor, rank)
    return unpack(packed, tensors)


class TorchDraws:
    """torch's own random generators: nothing of ours draws from them, but an optimizer from elsewhere may."""

    def state_dict(self) -> dict[str, Any]:
        cards = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
        return {"cpu": torch.get_rng_state(), "cuda": cards}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        torch.set_rng_state(state_dict["cpu"])
        if torch.cuda.is_available() and len(state_dict["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state_dict["cuda"])
