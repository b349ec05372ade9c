"""The names of results, and which of them are still free."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from train_core.config.existing import exists, is_dir
from train_core.config.file_names import FORBIDDEN
from train_core.config.jobs.train import TrainConfig
from train_core.config.locks import FileLock, is_locked, take_lock
from train_core.config.problems import Problem, UserError, cause_of, problem

ENDINGS = (".safetensors", ".ckpt", ".pt", ".png")  # of files; a folder has none


def ending_of(config: TrainConfig) -> str:
    """The ending of a run's results, which says their format; empty for folders."""
    if config.method.training_method == "hypernetwork":
        return ".pt"
    kind = config.output.save_model_as
    return "" if kind == "diffusers" else f".{kind}"


def after_epoch(name: str, epoch: int) -> str:
    """The name, without an ending, of what is saved after `epoch`, counted from 1."""
    return f"{name}-{epoch:06d}"


def epoch_in(stem: str) -> int | None:
    """The epoch in the name of a result, given without its ending; None for others, such as the last one's."""
    found = re.search(r"-(\d{6})$", stem)
    return int(found[1]) if found else None


def is_result_of(stem: str, name: str) -> bool:
    """Whether a run called `name` may have written the result `stem`, without its ending; case does not matter."""
    return re.fullmatch(rf"{re.escape(name)}(-\d{{6}}|-step\d{{8}})?", stem, re.IGNORECASE) is not None


def by_age(path: Path) -> tuple[int, int, str]:
    """A key that sorts the results of one run from the earliest to the last: epochs, then steps, then the final one."""
    epoch, step = epoch_in(path.stem), re.search(r"-step(\d{8})$", path.stem)
    if epoch is not None:
        return 0, epoch, path.name
    return (1, int(step[1]), path.name) if step else (2, 0, path.name)


def after_step(name: str, step: int) -> str:
    """The name, without an ending, of what is saved after optimizer step `step`, counted from 1."""
    return f"{name}-step{step:08d}"


def state_folder(name: str) -> str:
    """The folder of the state that goes with the result that is called `name` without its ending."""
    return f"{name}-state"


def beside_the_first(path: Path, word: str) -> Path:
    """The file of another new `word` of the save that writes `path`; signs that no file may have in its name are _."""
    return path.with_name(f"{path.stem}-{FORBIDDEN.sub('_', word)}{path.suffix}")


def sample_file(name: str, mark: str, index: int, when: str, seed: int, copy: int = 1) -> str:
    """The sample picture of prompt `index`; `mark` says after which epoch or step, `copy` numbers equal names."""
    return f"{name}_{mark}_{index:02d}_{when}_{seed}{f'_{copy}' if copy > 1 else ''}.png"


def sample_files(name: str) -> re.Pattern[str]:
    """The names of all sample pictures of results named `name`, as `sample_file` gives them."""
    return re.compile(rf"{re.escape(name)}_e?\d{{6,}}_\d{{2,}}_\d{{14}}_\d+(_\d+)?\.png")


def longest_names(name: str, with_samples: bool) -> list[str]:
    """The longest names that a run may write: a result after a step, and a sample picture."""
    picture = sample_file(name, "e000001", 0, "20260101000000", 2**32 - 1)
    return [after_step(name, 1) + ENDINGS[0], *([picture] if with_samples else [])]


def free_name(output_dir: Path, wanted: str) -> str:
    """`wanted`, or `wanted-2`, `wanted-3`, … : the first under which no run has saved or saves in `output_dir`."""
    return next(
        name for name in _candidates(wanted)
        if not _is_taken(output_dir, name) and not is_locked(_reservation(output_dir, name))
    )  # fmt: skip


@dataclass(frozen=True)
class Reserved:
    """A name for results that no other running job can take until it is released."""

    name: str
    lock: FileLock

    def release(self) -> None:
        """Make the name available to others."""
        with suppress(OSError):  # the folder may be gone or read-only by now; a leftover file is not locked
            self.lock.release(remove=True)


def reserve_free_name(output_dir: Path, wanted: str) -> Reserved:
    """Reserve the name that `free_name` returns, so that no two runs get the same name. Raises UserError."""
    for name in _candidates(wanted):
        reserved = _reserved(output_dir, name)
        if reserved is not None and not _is_taken(output_dir, name):
            return reserved
        if reserved is not None:
            reserved.release()
    raise AssertionError("there are always more numbers")


def reserve_name(output_dir: Path, name: str) -> Reserved:
    """Reserve the name that a resumed run had. Raises UserError while another run uses it."""
    reserved = _reserved(output_dir, name)
    if reserved is None:
        raise UserError(
            problem(
                "name_in_use",
                "Another run is saving results named {name} in {folder}. Wait until it ends, or stop it first.",
                name=name, folder=str(output_dir),
            )
        )
    return reserved


def _reserved(output_dir: Path, name: str) -> Reserved | None:
    """Reserve `name`, creating the folder; None while another run uses it."""
    try:
        output_dir.mkdir(parents=True, exist_ok=True)
        lock = take_lock(_reservation(output_dir, name))
    except (OSError, ValueError) as error:  # ValueError for a path that contains NUL
        raise UserError(not_writable(output_dir, cause_of(error))) from error
    return Reserved(name, lock) if lock else None


def _reservation(output_dir: Path, name: str) -> Path:
    """The hidden file that the run with this name locks, and deletes when it ends."""
    return output_dir / f".{name}.lock"


def not_writable(folder: Path, reason: str) -> Problem:
    """The problem if nothing can be written to the output folder."""
    return problem(
        "output_not_writable",
        "Nothing can be written to the output folder {folder}: {reason}. Choose another folder.",
        folder=str(folder), reason=reason,
    )


def _candidates(wanted: str) -> Iterator[str]:
    return (wanted if number == 1 else f"{wanted}-{number}" for number in count(1))


def _is_taken(output_dir: Path, name: str) -> bool:
    """Whether a final, epoch or step file or folder, a state, or a copy of the settings has `name`."""
    pattern = re.compile(
        re.escape(name) + r"(-\d{6}|-step\d{8})?(\.(safetensors|ckpt|pt|png|toml|(preset\.)?json)|-state)?"
    )
    return is_dir(output_dir) and any(pattern.fullmatch(path.name) for path in output_dir.iterdir())


def numbered(path: Path, files: Callable[[Path], list[Path]] = lambda path: [path]) -> Path:
    """`path`, or the first of `path-2`, `path-3`, … that does not exist; the number comes before the ending.

    None of the `files` that are written for it may exist.
    """
    ending = "-state" if path.name.endswith("-state") else path.suffix
    number, found = 1, path
    while any(exists(one) for one in files(found)):
        number += 1
        found = path.with_name(f"{path.name.removesuffix(ending)}-{number}{ending}")
    return found
