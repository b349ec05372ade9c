"""The two files of a WD tagger: `model.onnx`, and `selected_tags.csv`, which names what the model's outputs mean."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from train_core.config.existing import is_file
from train_core.config.phrases import phrase
from train_core.config.places import app_dir
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.untrusted import NotReadable, reason_of, text_of
from train_core.facts.images.image_files import content_hashes

MODEL, TAGS = "model.onnx", "selected_tags.csv"
REPOSITORY = "SmilingWolf/wd-vit-tagger-v3"  # one of several; their files have the same names
GENERAL, CHARACTER, RATING = 0, 4, 9  # values of the column `category`; others are not used
NO_CATEGORY = -1
TAGS_BYTES = 64 << 20


@dataclass(frozen=True)
class Tagger:
    """A tagger on this machine. `tags` and `categories` have one entry for each output of the model, in its order;
    `digest` is another one when any of its files has another content; tags with a score of `threshold` are usual."""

    name: str
    model: Path
    digest: str
    tags: tuple[str, ...]
    categories: tuple[int, ...]
    threshold: float = 0.35


def demo_tagger() -> Path:
    """The folder of the program's own tagger, which knows what the demo's pictures show and nothing else."""
    return app_dir() / "demo" / "tagger"


def read_tagger(folder: Path) -> Tagger:
    """The tagger in `folder`, whose model is not loaded yet. Raises UserError if a file is missing or not readable."""
    model, listed = folder / MODEL, folder / TAGS
    missing = [path.name for path in (model, listed) if not is_file(path)]
    if missing:
        raise UserError(
            problem(
                "tagger_missing",
                "{folder} does not have {files}. Download model.onnx and selected_tags.csv, for example those of "
                "{repository} on Hugging Face, and put both into this folder, or choose a folder that has them; the "
                "tool fetch_model does it. A folder with DeepDanbooru's model-resnet_custom_v3.pt is read too. Nothing "
                "is downloaded by itself.",
                files=", ".join(missing), folder=str(folder), repository=REPOSITORY,
            )
        )
    tags, categories = read_tags(listed)
    hashes = content_hashes([model, listed])
    digest = hashlib.blake2b((hashes[model] + hashes[listed]).encode(), digest_size=20).hexdigest()
    return Tagger(folder.resolve().name, model, digest, tags, categories)


def read_tags(path: Path) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """The tags' names and categories, by the names of the columns. Raises UserError."""
    try:
        rows = list(csv.reader(io.StringIO(text_of(path, TAGS_BYTES), newline="")))
        columns = [name.strip().lower() for name in rows[0]] if rows else []
        if "name" not in columns or "category" not in columns:
            raise NotReadable(
                phrase(
                    "tags_without_columns", "its first line does not name the columns {columns}",
                    columns="name, category",
                )
            )
    except OSError as error:
        raise _unreadable(path, cause_of(error)) from error
    except UnicodeDecodeError as error:
        raise _unreadable(path, phrase("tags_not_utf8", "it is not {encoding} text", encoding="UTF-8")) from error
    except (NotReadable, csv.Error) as error:
        raise _unreadable(path, reason_of(error)) from error
    name, category = columns.index("name"), columns.index("category")
    rows = [row for row in rows[1:] if row]
    return tuple(_cell(row, name) for row in rows), tuple(_category(_cell(row, category)) for row in rows)


def _cell(row: Sequence[str], place: int) -> str:
    return row[place].strip() if place < len(row) else ""


def _category(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else NO_CATEGORY


def _unreadable(path: Path, reason: str) -> UserError:
    return UserError(
        problem(
            "tagger_tags_unreadable",
            "The tags in {path} cannot be read: {reason}. Download the file again from where the tagger came from.",
            path=str(path), reason=reason,
        )
    )


def broken(path: Path, error: Exception) -> UserError:
    """The error for a tagger's model that cannot be used."""
    reason = error.reason if isinstance(error, NotReadable) else (str(error) or type(error).__name__).splitlines()[0]
    return UserError(
        problem(
            "tagger_broken",
            "The tagger {model} cannot be used ({reason}). Download the file again, or use another tagger.",
            model=str(path), reason=reason,
        )
    )
