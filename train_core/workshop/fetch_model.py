"""A tagger or captioner fetched from Hugging Face, file by file; what was begun goes on where it was."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

from train_core.config.existing import is_file
from train_core.config.jobs.fetching import FetchModel
from train_core.config.places import home
from train_core.config.problems import UserError, cause_of, problem
from train_core.studio.captioning.model_folders import FOLDER as CAPTIONERS
from train_core.studio.captioning.model_folders import PROPOSED
from train_core.studio.tagging.wd_files import MODEL, REPOSITORY, TAGS
from train_core.workshop.common.report import Report

ENDPOINT = "https://huggingface.co"
TAGGERS = "taggers"  # below the home
BEGUN = ".part"
PIECE = 1 << 20
TIMEOUT = httpx.Timeout(60, connect=20)
# Of a captioner's repository: its settings, its words, its weights.
OF_CAPTIONERS = re.compile(r"[\w.-]+\.(?:json|txt|jinja|model)|model\.safetensors|pytorch_model\.bin")
WEIGHTS = ("model.safetensors", "pytorch_model.bin")  # the first that there is
SHA256 = re.compile(r'"?([0-9a-f]{64})"?')


@dataclass(frozen=True)
class Source:
    """Where a model is: its repository, and the folder below the home in which models of its kind are kept."""

    repository: str
    kept_in: str


SOURCES = {
    "wd-vit-tagger-v3": Source(REPOSITORY, TAGGERS),
    **{
        name: Source(one.repository, CAPTIONERS)
        for name, one in zip(("blip-large", "git-large-textcaps", "florence-2-base"), PROPOSED, strict=True)
    },
}


def run(config: FetchModel, report: Report) -> None:
    """Fetch the files of the chosen model that are not there yet."""
    settings = config.fetch_model
    source = SOURCES[settings.model_to_fetch]
    folder = Path(settings.fetch_to) if settings.fetch_to.strip() else home() / source.kept_in / settings.model_to_fetch
    address = (os.environ.get("HF_ENDPOINT") or ENDPOINT).rstrip("/")
    progress = report.stage("fetching")
    with httpx.Client(timeout=TIMEOUT, follow_redirects=True) as web:
        try:
            names = _wanted(source, _names(web, address, source.repository))
            folder.mkdir(parents=True, exist_ok=True)
            for number, name in enumerate(names):
                if is_file(folder / name):
                    continue
                for share in _fetch(web, f"{address}/{source.repository}/resolve/main/{name}", folder / name):
                    progress(100 * number + share, 100 * len(names))
        except httpx.HTTPError as error:
            raise _not_fetched(source.repository, address, folder, error) from error
        except OSError as error:
            raise _not_kept(folder, error) from error
    progress(100 * len(names), 100 * len(names))
    report.saved(folder)


def _names(web: httpx.Client, address: str, repository: str) -> list[str]:
    """The files of a repository."""
    answer = web.get(f"{address}/api/models/{repository}").raise_for_status()
    try:
        said = answer.json()
    except ValueError as error:
        raise httpx.DecodingError("the answer is no list of files", request=answer.request) from error
    rows = said.get("siblings") if isinstance(said, dict) else None
    names = [row.get("rfilename") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    return [name for name in names if isinstance(name, str)]


def _wanted(source: Source, names: list[str]) -> list[str]:
    """Those of the files that the model needs. Raises UserError if the repository has not what it should have."""
    if source.kept_in == TAGGERS:
        found, needed = [name for name in (TAGS, MODEL) if name in names], 2
    else:
        weights = next((name for name in WEIGHTS if name in names), "")
        found = [name for name in names if OF_CAPTIONERS.fullmatch(name) and (name not in WEIGHTS or name == weights)]
        needed = len(found) if weights and "config.json" in found else len(found) + 1
    if len(found) < needed:
        raise UserError(
            problem(
                "fetch_incomplete",
                "{repository} has not the files that such a model should have. It may have moved: look at its page, "
                "and download the files by hand.",
                repository=source.repository,
            )
        )
    return found


def _fetch(web: httpx.Client, address: str, path: Path) -> Iterator[int]:
    """Write the file at an address, and say how many percent of it are there. What was begun earlier goes on."""
    begun = path.with_name(path.name + BEGUN)
    there = begun.stat().st_size if is_file(begun) else 0
    with web.stream("GET", address, headers={"Range": f"bytes={there}-"} if there else {}) as answer:
        if there and answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            begun.unlink()
            raise httpx.ReadError("what was fetched earlier does not fit any more; begin again", request=answer.request)
        answer.raise_for_status()
        goes_on = answer.status_code == httpx.codes.PARTIAL_CONTENT
        there = there if goes_on else 0
        total = there + int(answer.headers.get("Content-Length") or 0)
        with begun.open("ab" if goes_on else "wb") as file:
            for piece in answer.iter_bytes(PIECE):
                file.write(piece)
                there += len(piece)
                yield min(99, 100 * there // total) if total else 0
        wanted = next((found[1] for one in (*answer.history, answer) if (found := _digest(one))), "")
    if there < total or (wanted and _sum(begun) != wanted):
        begun.unlink()
        raise httpx.ReadError("the file arrived damaged; begin again", request=answer.request)
    begun.replace(path)
    yield 100


def _digest(answer: httpx.Response) -> re.Match[str] | None:
    """The SHA-256 that the hub says a large file has."""
    return SHA256.fullmatch(answer.headers.get("X-Linked-Etag", ""))


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _not_fetched(repository: str, address: str, folder: Path, error: httpx.HTTPError) -> UserError:
    return UserError(
        problem(
            "fetch_failed",
            "{repository} cannot be fetched from {address} ({reason}). Try again: what is there is not fetched again. "
            "Where that address cannot be reached, set HF_ENDPOINT to a mirror before Crucible is started, or download "
            "the files elsewhere and put them into {folder}.",
            repository=repository, address=address, folder=str(folder), reason=str(error) or type(error).__name__,
        )
    )


def _not_kept(folder: Path, error: OSError) -> UserError:
    return UserError(
        problem(
            "fetch_not_kept",
            "Nothing can be written to {folder} ({reason}). Free some space, or choose another folder.",
            folder=str(folder), reason=cause_of(error),
        )
    )
