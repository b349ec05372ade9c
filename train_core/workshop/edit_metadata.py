"""Title, author and the like of an adapter; its tensors stay byte for byte as they are."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

from train_core.config.jobs.tools import EditMetadata
from train_core.config.problems import Problem, UserError, problem
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file
from train_core.facts.models.thumbnails import thumbnail_url
from train_core.models.files.finite import NotFiniteError
from train_core.models.files.stored import DTYPES, stored_tensors
from train_core.models.files.writing import header_bytes, write_result
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import require_free

FIELDS = ("title", "author", "description", "license", "tags", "trigger_phrase", "usage_hint", "thumbnail")
TAKE_AWAY = "-"


def run(config: EditMetadata, report: Report) -> None:
    """Rewrite the header of the file, or of a copy. Hashes of the tensors, by which others know it, stay the same."""
    settings = config.edit_metadata
    source = Path(settings.adapter)
    path = Path(settings.edited_copy) if settings.edited_copy.strip() else source
    if path != source:
        require_free(path, settings.overwrite)
    file = read_tensor_file(source)
    if file.layout != "safetensors":
        raise UserError(
            problem(
                "metadata_only_safetensors",
                "{file} is a pickle file, which cannot hold metadata. Convert it to .safetensors first.",
                file=str(source),
            )
        )
    said = dict(file.metadata)
    for field in FIELDS:
        wanted = getattr(settings, f"edit_{field}").strip()
        if wanted == TAKE_AWAY:
            said.pop(f"modelspec.{field}", None)
        elif wanted:
            said[f"modelspec.{field}"] = thumbnail_url(wanted) if field == "thumbnail" else wanted
    for found in _broken(file):
        report.warning(found)
    report.stage("saving")
    _with_header(source, path, said)
    report.saved(path)


def _broken(file: TensorFile) -> Iterator[Problem]:
    """The problem of each tensor whose values are not all numbers; it is copied like the others."""
    for name, stored in stored_tensors(file).items():
        if file.tensors[name].dtype not in DTYPES:
            continue  # it is copied without being read
        try:
            stored.read()
        except NotFiniteError as error:
            yield from error.problems


def _with_header(source: Path, path: Path, said: dict[str, str]) -> None:
    """Write `source` with other metadata to `path`, whole or not at all."""
    with write_result(path) as temporary, source.open("rb") as old, temporary.open("wb") as new:
        length = int.from_bytes(old.read(8), "little")
        header = json.loads(old.read(length))
        new.write(header_bytes(header | {"__metadata__": dict(sorted(said.items()))}))
        shutil.copyfileobj(old, new, 1 << 20)
