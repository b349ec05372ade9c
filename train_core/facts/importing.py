"""Settings from any file that a user has: of every program that is known, and of trained adapters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from train_core.config.existing import is_dir
from train_core.config.interop.imports.recognise import import_text
from train_core.config.interop.imports.report import Import, Taken
from train_core.config.interop.imports.trained_files import from_metadata
from train_core.config.interop.kept import Kept
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import real_path
from train_core.config.tables import dump_tables, read_text
from train_core.config.whole_files import write_text
from train_core.facts.models.hub import is_hub_id, local_file_for
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.run.folder_results import NOTES, notes_in, read_notes

WEIGHTS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")


@dataclass(frozen=True)
class Imported:
    """A file that was opened: its `settings`, the `report` on each of its keys, and what is `kept` to write it back."""

    settings: TrainConfig
    report: Import
    kept: Kept


def open_foreign(path: Path, data: bytes | None = None) -> Imported:
    """The settings in the file at `path`, or in `data`, the content of a file of that name that lies elsewhere.

    Read are files of this program, kohya_ss, sd-scripts, lora-scripts and LoRA Easy Training Scripts, and the metadata
    of what was trained, a folder's too. Raises `UserError` for a file that cannot be read, or whose program is known
    and not read.
    """
    if path.suffix.lower() in WEIGHTS and data is None:
        found = from_metadata(read_tensor_file(path).metadata, path)
    elif path.name == NOTES or is_dir(path):
        found = from_metadata(_noted(path, data), path)
    else:
        found = import_text(read_text(path, data), path, real_path(path).parent if data is None else None)
    return _imported(_answered(found))


def _noted(path: Path, data: bytes | None) -> Mapping[str, str]:
    """The metadata in the notes at `path`, or of the folder there; none where there are no such notes."""
    if path.name != NOTES:
        return read_notes(path).metadata
    try:
        return notes_in(read_text(path, data)).metadata
    except ValueError:
        return {}


def open_metadata(metadata: Mapping[str, str], path: Path) -> Imported:
    """The settings of a training by the `metadata` of the adapter at `path`, which is not read. Raises `UserError`."""
    return _imported(_answered(from_metadata(metadata, path)))


def with_dataset_file(opened: Imported, folder: Path, name: str) -> Imported:
    """The same after the images that the file describes itself were written to a dataset file in `folder`.

    It is called after `name`, and numbered where there is one already; nothing is written where there are no such
    images.
    """
    if not opened.report.dataset:
        return opened
    names = (f"{name}-dataset{number}.toml" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    path = next(folder / name for name in names if not (folder / name).exists())
    write_text(path, dump_tables(opened.report.dataset))
    return _imported(opened.report.with_dataset(str(path)))


def _imported(found: Import) -> Imported:
    return Imported(found.config(), found, found.kept)


def _answered(found: Import) -> Import:
    """`found` without the questions for models on a hub that the user has answered before."""
    open_needs = tuple(
        need for need in found.needs if not (is_hub_id(str(need.value)) and local_file_for(str(need.value)))
    )
    answered = [need for need in found.needs if need not in open_needs]
    return replace(found, needs=open_needs, taken=(*found.taken, *(Taken(n.name, n.value) for n in answered)))
