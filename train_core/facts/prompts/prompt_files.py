"""Sources of sample prompts: lines of text, a TOML table with subsets, or a JSON list, as in sd-scripts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.clean_paths import clean_path
from train_core.config.existing import is_file
from train_core.config.problems import UserError, problem
from train_core.config.untrusted import json_of, reason_of, text_of, toml_of

ENDINGS = (".txt", ".toml", ".json")

# Word processors make one long dash of two; that begins a flag only where one of these letters follows it.
_FLAG = re.compile(
    r"(?:^|\s)(?:--|[—–―－]{1,2}(?=(?:n|w|h|d|l|s|ss|sc|g|cn|ctr|rcfg|fs|img)(?:\s|$)))", re.IGNORECASE
)
KEYS = {
    "negative_prompt": "--n", "width": "--w", "height": "--h", "seed": "--d", "scale": "--l",
    "sample_steps": "--s", "sample_sampler": "--ss", "sample_spacing": "--sc",
}  # fmt: skip


@dataclass(frozen=True)
class Entry:
    """One prompt as it was written: where, its words, and its flags with their values, all unchecked."""

    line: int
    prompt: str
    flags: tuple[tuple[str, str], ...]


def prompt_file(text_or_file: str, folder: Path | None = None) -> Path | None:
    """The file that `text_or_file` names, or None when it is the prompts themselves.

    One line that ends like a prompt file is a path; a relative one is looked up in `folder`.
    Raises `UserError` when there is no such file.
    """
    name = clean_path(text_or_file)
    if not names_file(name):
        return None
    path = (folder or Path()) / Path(name).expanduser()
    if not is_file(path):
        raise UserError(
            problem(
                "prompt_file_missing",
                "The sample prompts refer to the file {path}, which does not exist. Correct the path, or type the "
                "prompts themselves.",
                path=str(path),
            )
        )
    return path


def names_file(text_or_file: str) -> bool:
    """Whether that is the path of a prompt file, by its look alone."""
    name = clean_path(text_or_file)
    return re.search(r"[\r\n]| --", name) is None and name.lower().endswith(ENDINGS)


def text_entries(text: str) -> list[Entry]:
    """The lines of `text` that hold a prompt; empty lines and lines that begin with `#` are left out."""
    lines = ((number, line.strip()) for number, line in enumerate(re.split(r"\r\n|\r|\n", text), start=1))
    return [_line_entry(number, line) for number, line in lines if line and not line.startswith("#")]


def file_entries(path: Path) -> list[Entry]:
    """The entries of a prompt file; in .toml and .json files `line` counts the entries. Raises `UserError`."""
    try:
        text = text_of(path)
        if path.suffix.lower() == ".toml":
            return _objects(_toml_objects(toml_of(text)))
        if path.suffix.lower() == ".json":
            return _objects(json_of(text))
    except (OSError, ValueError, TypeError) as error:  # ValueError: not UTF-8, not TOML, not JSON
        raise UserError(
            problem(
                "prompt_file_unreadable",
                "The prompt file {path} cannot be read ({reason}). Save it as UTF-8 text with one prompt per line, or "
                "as valid TOML or JSON.",
                path=str(path),
                reason=reason_of(error),
            )
        ) from error
    return text_entries(text)


def _line_entry(number: int, line: str) -> Entry:
    """A line cut at every space with two dashes: the prompt, then the flags."""
    prompt, *parts = _FLAG.split(line)
    flags = []
    for part in parts:
        words = part.split(maxsplit=1)
        flags.append((f"--{words[0] if words else ''}", words[1].strip() if len(words) > 1 else ""))
    return Entry(number, prompt.strip(), tuple(flags))


def _toml_objects(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The `[[prompt.subset]]` tables, each over the defaults in `[prompt]`."""
    table = document.get("prompt")
    if not isinstance(table, dict) or not isinstance(table.get("subset"), list):
        raise TypeError("no [[prompt.subset]] tables")
    shared = {key: value for key, value in table.items() if key != "subset"}
    return [shared | subset for subset in table["subset"]]


def _objects(objects: Any) -> list[Entry]:
    if not isinstance(objects, list) or not all(isinstance(item, str | dict) for item in objects):
        raise TypeError("not a list of prompts")
    return [
        _line_entry(number, item) if isinstance(item, str) else _object_entry(number, item)
        for number, item in enumerate(objects, start=1)
    ]


def _object_entry(number: int, item: dict[str, Any]) -> Entry:
    given = {key: str(value).strip() for key, value in item.items() if value is not None}
    prompt = given.pop("prompt", "")
    return Entry(number, prompt, tuple((KEYS.get(key, key), value) for key, value in given.items()))
