"""Keeping the user's presets in order: renaming, taking away, and the one that the form starts with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from kohya_gui.form.presets import checked_target, is_program_preset, key_of, name_of, path_of
from kohya_gui.preferences import own_presets_dir, preferences
from kohya_gui.preferring import prefer
from train_core.config.problems import UserError, cause_of, problem
from train_core.facts.run.writable import not_written

DELETED = ".deleted"  # folder of the presets that were deleted; nothing of it is listed


def rename_preset(key: str, name: str) -> str:
    """Give the user's preset `key` the name `name`, which may begin with a group, and return its new key."""
    path, to = _own(key), checked_target(name)
    _move(path, to)
    if preferences().start_preset == key:
        prefer(replace(preferences(), start_preset=key_of(to)))
    return key_of(to)


def delete_preset(key: str) -> Path:
    """Move the user's preset `key` out of the list, and return where its file lies now: nothing of theirs is lost."""
    path, folder = _own(key), own_presets_dir() / DELETED
    names = (f"{path.stem}{number}.json" for number in ("", *(f" ({n})" for n in range(2, 10_000))))
    to = next(folder / name for name in names if not (folder / name).exists())
    _move(path, to)
    if preferences().start_preset == key:
        prefer(replace(preferences(), start_preset=""))
    return to


def start_with(key: str) -> None:
    """Let the form start with the preset `key` from now on; "" lets it start as it was left."""
    if key:
        path_of(key)
    prefer(replace(preferences(), start_preset=key))


def _own(key: str) -> Path:
    """The file of the user's preset `key`. Raises `UserError` for the program's own."""
    path = path_of(key)
    if is_program_preset(key):
        raise UserError(
            problem(
                "preset_not_yours", "The preset {name} came with the program and stays as it is. Use Save as to have "
                "one of your own.", name=name_of(key),
            )
        )  # fmt: skip
    return path


def _move(path: Path, to: Path) -> None:
    """Move the file, and remove the group that it leaves if that is empty now."""
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        path.rename(to)
    except OSError as error:
        raise UserError(not_written(to, cause_of(error))) from error
    left = path.parent
    if left != own_presets_dir() and not any(left.iterdir()):
        left.rmdir()
