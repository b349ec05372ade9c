"""A base model's own file as a pattern: what was trained takes its place in it, and all else stays to the bit."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import torch

from train_core.facts.models.base_names import plainly_named
from train_core.facts.models.headers import read_config
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file
from train_core.facts.run.folder_results import write_notes
from train_core.facts.run.written import remove_written
from train_core.kinds import PredictionType
from train_core.models.files.folders import weights_in_folder
from train_core.models.files.stored import Stored, kept_tensors, reshaped
from train_core.models.files.writing import write_result
from train_core.models.folder_writing import fill_folder, plain_names
from train_core.models.load import open_model, place_of
from train_core.models.noise_kinds import with_signs
from train_core.models.parts import Part
from train_core.models.ways_back import Way, ways_back

Trained = Mapping[str, Mapping[str, Stored]]  # part -> the module's tensor -> what it is now
Stamps = dict[Path, tuple[int, int]]
STABILITY = "https://github.com/Stability-AI/generative-models"  # whose layout a single file has
SETTINGS = (".json", ".txt", ".md", ".model")  # of a diffusers folder: what is not weights


class Original:
    """The files of a base model, as they were when this was made: where its weights are, and how they are written back.

    `prediction_type` is what it is trained to predict. Raises UserError where the files cannot be read.
    """

    def __init__(self, files: BaseFiles, prediction_type: PredictionType) -> None:
        self.files = files
        opened = open_model(files, needs_vae=False)
        self.opened = replace(opened, found=replace(opened.found, prediction_type=prediction_type))
        self.parts: Mapping[str, Part] = self.opened.family.parts
        self._stamps = _stamps(files)
        self._read = read_tensor_file(files.model.path) if files.model.header else None
        if self._read is not None:
            kept_tensors(self._read)  # refuses what could not be written at the end
            self._ways = _ways_of(self._read, self.parts)

    @property
    def unchanged(self) -> bool:
        """Whether the files are still there and have not been written to since."""
        return _stamps(self.files) == self._stamps

    def single_file(self, trained: Trained, dtype: torch.dtype) -> dict[str, Stored]:
        """All tensors of the model in one file, the `trained` ones in `dtype`.

        All others are in it as the original has them, by the names that they have there. A VAE of its own takes the
        place of the original's.
        """
        if self._read is None:
            return self._from_folder(trained, dtype)
        changed = {part: self._written(part, its, dtype) for part, its in trained.items()}
        tensors = kept_tensors(self._read)
        for name, (part, way) in self._ways.items():
            if part == "vae" and self.files.vae:
                del tensors[name]
            elif not way.made_of.isdisjoint(trained.get(part, {})):
                module, written = changed[part]
                tensors[name] = reshaped((module if way.of_module else written)[way.name], tensors[name].shape)
        if self.files.vae:
            tensors |= self._prefixed("vae", self.parts["vae"].write(self.opened.stored["vae"]))
        return tensors

    def write_folder(
        self, path: Path, trained: Trained, dtype: torch.dtype, metadata: Mapping[str, str]
    ) -> None:
        """Write the model as a diffusers folder to `path`, the `trained` tensors in `dtype`, all others as they are.

        `metadata` stand in a file beside its parts.

        Of a base model that is such a folder itself its settings, and what stands beside its parts, come along.
        """
        stored = {part: self._in_folder(part, trained.get(part, {}), dtype) for part in self.parts}
        with write_result(path, clear=remove_written) as temporary:
            fill_folder(temporary, path, self.opened, stored)
            if self._read is None:
                for source, place in self._beside():
                    (temporary / place).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(source, temporary / place)
            write_notes(temporary, metadata)

    def _in_folder(self, part: str, trained: Mapping[str, Stored], dtype: torch.dtype) -> dict[str, Stored]:
        """The tensors of `part` by the names in its folder, where the base model is one, else by plain ones."""
        own = self.opened.stored[part]
        changed = {name: replace(one, dtype=dtype) for name, one in trained.items()}
        if self._read is not None or (part == "vae" and self.files.vae):
            return plain_names(part, {**own, **changed})
        tensors = weights_in_folder(self.files.model.path / part)
        for name, way in ways_back(self.parts[part], tensors).items():
            if not way.made_of.isdisjoint(trained):
                (source,) = way.made_of
                tensors[name] = reshaped(changed[source], tensors[name].shape)
        return tensors

    def _beside(self) -> Iterator[tuple[Path, Path]]:
        """The files of the base model's folder besides the weights of its parts, and their places in a folder."""
        folder = self.files.model.path
        named = set(read_config(folder / "model_index.json"))
        for path in sorted(folder.rglob("*")):
            place = path.relative_to(folder)
            whole = len(place.parts) > 1 and place.parts[0] in named and place.parts[0] not in self.parts
            replaced = place.parts[0] == "vae" and self.files.vae is not None
            settings = path.suffix in SETTINGS and not path.name.endswith(".index.json")
            hidden = any(step.startswith(".") for step in place.parts)
            if path.is_file() and (whole or settings) and not replaced and not hidden:
                yield path, place

    def _from_folder(self, trained: Trained, dtype: torch.dtype) -> dict[str, Stored]:
        """The same of a diffusers folder, under the original Stability names."""
        tensors: dict[str, Stored] = {}
        for part, its in self.opened.stored.items():
            as_is = self.parts[part].write(its) | dict(self.opened.spare.get(part, {}))
            if part in trained:
                ways = ways_back(self.parts[part], as_is)
                _, written = self._written(part, trained[part], dtype)
                as_is |= {
                    name: written[name] for name in as_is.keys() & written.keys()
                    if name in ways and not ways[name].made_of.isdisjoint(trained[part])
                }
            tensors |= self._prefixed(part, as_is)
        return with_signs(self.opened, tensors)

    def _written(
        self, part: str, trained: Mapping[str, Stored], dtype: torch.dtype
    ) -> tuple[dict[str, Stored], dict[str, Stored]]:
        """The tensors of `part` with the `trained` ones in place: by the module's names, and by the file's."""
        module = {name: replace(one, dtype=dtype) for name, one in {**self.opened.stored[part], **trained}.items()}
        return module, self.parts[part].write(module)

    def _prefixed(self, part: str, tensors: Mapping[str, Stored]) -> dict[str, Stored]:
        return {self.parts[part].prefix + name: one for name, one in tensors.items()}


def _ways_of(read: TensorFile, parts: Mapping[str, Part]) -> dict[str, tuple[str, Way]]:
    """The part of each tensor of a file that a module has, and its way back, by its name in the file."""
    plain = {id(info): name for name, info in plainly_named(read).tensors.items()}
    stored = kept_tensors(read)
    places: dict[str, tuple[str, str]] = {}
    split: dict[str, dict[str, Stored]] = {}
    for name, info in read.tensors.items():
        part, rest = place_of(plain.get(id(info), name), parts)
        if part is not None:
            places[name] = part, rest
            split.setdefault(part, {})[rest] = stored[name]
    ways = {part: ways_back(parts[part], its) for part, its in split.items()}
    return {name: (part, ways[part][rest]) for name, (part, rest) in places.items() if rest in ways[part]}


def _stamps(files: BaseFiles) -> Stamps:
    """Size and time of every file that the model is read from; fewer where some are gone."""
    stamps: Stamps = {}
    for one in filter(None, (files.model, files.vae)):
        for path in sorted(one.path.rglob("*")) if one.layout == "diffusers" else [one.path]:
            if path.is_file():
                found = path.stat()
                stamps[path] = (found.st_size, found.st_mtime_ns)
    return stamps
