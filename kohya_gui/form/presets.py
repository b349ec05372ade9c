"""Presets: the program's own, which are read-only, and the user's. Both are JSON files of setting names and values."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from kohya_gui.form.reading import read_leniently
from kohya_gui.preferences import own_presets_dir, usual_output_dir
from train_core.config.checks.strength import rank_alone
from train_core.config.existing import exists
from train_core.config.file_names import refused_name
from train_core.config.files import NOTHING_KEPT, read_values, write_preset
from train_core.config.interop.kept import Kept, kept_in
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import program_presets_dir
from train_core.config.problems import Problem, UserError, cause_of, problem, raise_if_any
from train_core.config.tables import read_tables
from train_core.facts.run.writable import not_written, unwritable

PROGRAM, USER = "program:", "user:"
DEMO = PROGRAM + "lora/demo"


def list_presets() -> list[str]:
    """The keys of all presets: the program's in their order, then the user's."""
    return [*_keys(PROGRAM), *_keys(USER)]


def _keys(kind: str) -> list[str]:
    folder = _folder(kind)
    found = (path.relative_to(folder) for path in folder.rglob("*.json"))
    names = [path.with_suffix("").as_posix() for path in found if not any(part.startswith(".") for part in path.parts)]
    return sorted((kind + name for name in names), key=lambda key: ("/" in key, key))


def _folder(kind: str) -> Path:
    return program_presets_dir() if kind == PROGRAM else own_presets_dir()


def path_of(key: str) -> Path:
    """The file of the preset `key`. Raises `UserError` for a key that `list_presets` does not offer."""
    kind = PROGRAM if key.startswith(PROGRAM) else USER
    if key not in _keys(kind):
        raise UserError(
            problem("no_such_preset", "The preset {name} no longer exists. Choose another one.", name=name_of(key))
        )
    return _folder(kind) / (key.removeprefix(kind) + ".json")


def chosen(key: str | None) -> str:
    """The key of the preset that is chosen in the list. Raises `UserError` where none is."""
    if not key:
        raise UserError(
            problem(
                "no_preset_chosen",
                "No preset is chosen. Choose one from the list, or keep these settings as a new one with Save as.",
            )
        )
    return key


def name_of(key: str) -> str:
    """The preset's name as people read it."""
    return full_name(key).rpartition("/")[2]


def group_of(key: str) -> str:
    """The group that the preset belongs to, which is its folder; "" for none."""
    return full_name(key).rpartition("/")[0]


def full_name(key: str) -> str:
    """The preset's name with its group, such as `faces/Ann`."""
    return key.partition(":")[2]


def key_of(path: Path) -> str:
    """The key of the user's preset in the file `path`."""
    return USER + path.relative_to(own_presets_dir()).with_suffix("").as_posix()


def about_key(key: str | None) -> str:
    """The name by which the locales tell of the program's preset `key`; "" for the user's own, and for none."""
    return name_of(key) if key and is_program_preset(key) else ""


def is_program_preset(key: str) -> bool:
    """Whether the preset came with the program and so cannot be saved over."""
    return key.startswith(PROGRAM)


class Preset(NamedTuple):
    """The settings in the file `path`: `values` over the defaults, `remarks` on what is odd in it, and what it `named`.
    """

    values: dict[str, Any]
    remarks: tuple[Problem, ...]
    named: dict[str, Any]
    path: Path

    @property
    def kept(self) -> Kept:
        """What it keeps of another program's file that it was made from."""
        return _kept_at(self.path)


def load_preset(key: str) -> Preset:
    """The preset `key`. Raises `UserError` for one that cannot be read."""
    return read_settings(path_of(key))


def read_settings(path: Path) -> Preset:
    """The settings in the file `path`; values that are wrong or odd in it get their default. Raises `UserError`.

    A file that names no output folder gets one in the user's place, so that it can be started at once.
    """
    values, warnings = read_values(path)
    reading = read_leniently(TrainConfig, values, str(path))
    output = {} if reading.config.output.output_dir else {"output_dir": usual_output_dir()}
    unread = {found.params.get("name") for found in reading.errors}
    named = {name: value for name, value in values.items() if name not in unread}
    strength = rank_alone(reading.config, named, {}, dict.fromkeys(named, str(path)))
    remarks = (*reading.errors, *warnings, *strength, *reading.warnings)
    return Preset({**reading.config.flat(), **output}, remarks, named, path)


def defaults() -> dict[str, Any]:
    """Every setting's default by name."""
    return {s.name: s.default for s in TrainConfig.settings()}


def save_preset(key: str, config: TrainConfig, kept: Kept = NOTHING_KEPT) -> str:
    """Write `config` over the user's preset `key` and return the key. The program's own are refused.

    `kept` is what the file that it was made from says beside these settings; none leaves what the preset has.
    """
    if is_program_preset(key):
        raise UserError(
            problem(
                "preset_is_program",
                "This preset came with the program. Use Save as to keep yours under another name.",
            )
        )
    path = path_of(key)
    return _write(path, config, kept if kept.values else _kept_at(path))


def save_preset_as(name: str, config: TrainConfig, kept: Kept = NOTHING_KEPT) -> str:
    """Write `config` as a new preset of the user and return its key. An existing one is never written over."""
    return _write(checked_target(name), config, kept)


def checked_target(name: str) -> Path:
    """The file for a new preset of the user called `name`, which may begin with groups, as in `faces/Ann`.

    Raises `UserError` for what cannot be a file's name, and for the name of a preset that there is.
    """
    name = name.strip().removesuffix(".json").rstrip(" .")
    parts = [part.strip() for part in name.split("/")]
    if any(not part.strip(".") or part.startswith(".") or refused_name(part) or len(part) > 100 for part in parts):
        raise UserError(
            problem(
                "bad_preset_name",
                "{name} cannot be a file name. Use up to 100 letters, digits, spaces and dashes.", name=repr(name),
            )
        )
    path = own_presets_dir().joinpath(*parts[:-1], f"{parts[-1]}.json")
    if exists(path):
        raise UserError(
            problem(
                "preset_exists",
                "You already have a preset {name}. Select it and press Save, or choose another name.", name=name,
            )
        )
    return path


def _kept_at(path: Path) -> Kept:
    """What the preset at `path` keeps of another program's file; nothing if it cannot be read."""
    try:
        return kept_in(read_tables(path))
    except UserError:  # it is written over by what can be read
        return NOTHING_KEPT


def _write(path: Path, config: TrainConfig, kept: Kept) -> str:
    """Write a preset of the user and return its key. Raises `UserError` where its drive takes no such file."""
    found = unwritable(path)
    raise_if_any([found] if found else [])
    try:
        write_preset(path, config.applicable(), config.settings(), kept)
    except OSError as error:
        raise UserError(not_written(path, cause_of(error))) from error
    return key_of(path)
