"""Which program a file of settings is from, and its settings in our words."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.interop.foreign_files import program_of, refuse_foreign
from train_core.config.interop.imports.kohya_fields import DEFAULTS, METHODS
from train_core.config.interop.imports.kohya_ss import from_kohya_ss
from train_core.config.interop.imports.ledger import Ledger
from train_core.config.interop.imports.lora_easy import PROGRAM as LORA_EASY
from train_core.config.interop.imports.lora_easy import from_lora_easy
from train_core.config.interop.imports.lora_scripts import (
    from_lora_scripts,
    from_script,
    is_of_lora_scripts,
    refuse_empty_script,
)
from train_core.config.interop.imports.report import Import, Need, Taken
from train_core.config.interop.imports.sd_scripts import KNOWN, from_sd_scripts_file
from train_core.config.interop.imports.shell_scripts import ENDINGS, read_script
from train_core.config.interop.imports.translate import settled
from train_core.config.interop.kept import KEPT, Kept, kept_in
from train_core.config.migrations import CONFIG_VERSION, migrate
from train_core.config.problems import problem
from train_core.config.tables import flatten, parse_tables

OURS = "Crucible"
# Fields that only kohya_ss's presets have.
KOHYA_SS = frozenset({*DEFAULTS, *(name for names in METHODS.values() for name in names)}) - KNOWN


def import_text(text: str, path: Path, folder: Path | None) -> Import:
    """The settings in `text`, the content of a file named `path`; relative paths in it start at `folder`.

    Raises `UserError` for text that cannot be read, and for files of programs that are not read.
    """
    if path.suffix.lower() in ENDINGS or text.startswith("#!"):
        script = read_script(text)
        refuse_empty_script(script, path)
        return from_script(script, folder)
    as_json = path.suffix.lower() == ".json" or text.lstrip("\ufeff \t\r\n").startswith("{")
    return import_tables(parse_tables(text, path, as_json), path, folder, as_json)


def import_tables(tables: Mapping[str, Any], path: Path, folder: Path | None, as_json: bool) -> Import:
    """The settings in `tables`, the content of a file, as `import_text` reads them."""
    if "config_version" in tables:
        return _of_ours(tables, path, folder)
    if isinstance(tables.get("datasets"), list):
        return _dataset_file(tables, path, folder)
    if is_of_kohya_ss(tables, as_json):
        return from_kohya_ss(tables, folder)
    if program_of(tables) == LORA_EASY:
        return from_lora_easy(tables, folder)
    refuse_foreign(tables, path)
    values = flatten(tables, str(path))
    if is_of_lora_scripts(tables):
        return from_lora_scripts(values, folder)
    return _of_ours(tables, path, folder) if as_json else from_sd_scripts_file(values, folder)


def is_of_kohya_ss(tables: Mapping[str, Any], as_json: bool) -> bool:
    """Whether `tables` are a preset of kohya_ss."""
    if program_of(tables) not in (None, "kohya_ss"):
        return False
    return program_of(tables) == "kohya_ss" or (as_json and bool(KOHYA_SS & tables.keys()))


def reads_foreign(tables: Mapping[str, Any], as_json: bool) -> bool:
    """Whether `tables` are settings of another program that are read in its own words, unlike those of sd-scripts."""
    if "config_version" in tables or isinstance(tables.get("datasets"), list):
        return False
    return is_of_kohya_ss(tables, as_json) or program_of(tables) == LORA_EASY or is_of_lora_scripts(tables)


def _of_ours(tables: Mapping[str, Any], path: Path, folder: Path | None) -> Import:
    """A file of this program; what cannot be read in it is told, not refused."""
    version = tables.get("config_version", CONFIG_VERSION)
    own = {name: value for name, value in tables.items() if name not in ("config_version", "job", KEPT)}
    given = flatten(own, str(path))
    ledger = Ledger(OURS, given)
    for name, value in migrate(given, version if isinstance(version, int) else CONFIG_VERSION, str(path)).items():
        if name in KNOWN:
            ledger.say(name, name, value)
    return settled(ledger, None, folder).with_kept(kept_in(tables))


def _dataset_file(tables: Mapping[str, Any], path: Path, folder: Path | None) -> Import:
    """A file that describes images becomes the data set of a training."""
    kept = Kept("sd-scripts", dict(tables))
    if folder is not None:
        place = str(folder / path.name)
        taken = tuple(Taken(name, value) for name, value in tables.items())
        return Import("sd-scripts", "LoRA", values={"dataset_config": place}, taken=taken, kept=kept)
    question = problem(
        "import_dataset_file",
        "{path} describes images. Save it on this computer and choose it in dataset_config: its relative paths start "
        "at its folder.",
        path=str(path),
    )
    needs = tuple(Need(name, value, "dataset_config", question) for name, value in tables.items())
    return Import("sd-scripts", "LoRA", needs=needs, kept=kept)
