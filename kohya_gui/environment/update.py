"""Brings this copy of the program up to date, by git or from a zip; settings, presets and runs stay as they are."""
from __future__ import annotations

import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from pathlib import Path

from kohya_gui.environment.ensure import Wishes
from kohya_gui.environment.folder import APP
from kohya_gui.environment.pip import SetupError, clean_environ, explain, say

# A copy says where newer ones are by this variable; a git clone knows by itself.
ADDRESS_VARIABLE = "CRUCIBLE_UPDATE_URL"
MARKS_OF_THE_PROGRAM = ("gui.py", "requirements.txt", "kohya_gui/cli.py", "train_core/__init__.py")
CODE = ("kohya_gui", "train_core", "tests", "bench")


def update(wishes: Wishes) -> int:
    """Replace the program with its newest version, then update the environment; return the exit code.

    Raises SetupError with what to do where the newest version cannot be had.
    """
    if not (APP / "gui.py").is_file():
        raise SetupError("This copy was installed as a package: update it with pip install --upgrade.")
    if (APP / ".git").exists():
        pull(APP)
    else:
        address = os.environ.get(ADDRESS_VARIABLE, "")
        if not address:
            raise SetupError(f"This copy came from a zip and does not know where newer ones are. Set the variable "
                             f"{ADDRESS_VARIABLE} to the newest source zip (https://… or file://…) and start again, or "
                             f"unpack it over {APP}: your settings, presets and runs are kept elsewhere.")
        replace_from_zip(APP, address)
    # The new version's own code decides what its environment needs.
    command = [sys.executable, "-m", "kohya_gui.environment", "--torch-index-url", wishes.torch_index_url,
               "--wheels", wishes.wheels]
    code = subprocess.run(command, cwd=APP, env=clean_environ(), check=False).returncode
    if code == 0:
        say("Crucible is up to date.")
    return code


def is_newer() -> bool:
    """Return whether there is a newer version than this copy; nothing of the program is changed.

    Raises SetupError with the reason where that cannot be found out.
    """
    if not (APP / "gui.py").is_file():
        raise SetupError("This copy was installed as a package: pip list --outdated tells.")
    if (APP / ".git").exists():
        return commits_behind(APP) > 0
    address = os.environ.get(ADDRESS_VARIABLE, "")
    if not address:
        raise SetupError(f"This copy came from a zip and does not know where newer ones are: the variable "
                         f"{ADDRESS_VARIABLE} is not set.")
    return zip_differs(APP, address)


def check() -> int:
    """Say whether there is a newer version; return the exit code. Raises SetupError."""
    say("There is a newer version: start again with update." if is_newer() else "This copy is the newest.")
    return 0


def commits_behind(app: Path) -> int:
    """Return how many commits a git clone lacks that its branch's origin has. Raises SetupError."""
    if shutil.which("git") is None:
        raise SetupError(f"{app} is a git clone, but git is not installed. Get it from https://git-scm.com/downloads")
    environ = dict(os.environ, GIT_TERMINAL_PROMPT="0")
    for arguments in (["fetch", "--quiet"], ["rev-list", "--count", "HEAD..@{upstream}"]):
        try:
            done = subprocess.run(["git", "-C", str(app), *arguments], stdin=subprocess.DEVNULL, env=environ,
                                  capture_output=True, timeout=120, check=False)
        except subprocess.TimeoutExpired as error:
            raise SetupError("git got no answer from where this clone came from.") from error
        if done.returncode:
            raise SetupError("git says: " + done.stderr.decode("utf-8", "replace").strip())
    return int(done.stdout)


def zip_differs(app: Path, address: str) -> bool:
    """Return whether the program's files in `app` differ from those of the zip at `address`. Raises SetupError."""
    with tempfile.TemporaryDirectory() as place:
        newest = unpack(fetch(checked(address), Path(place, "new.zip")), Path(place, "new"))
        return not all(same(entry, app / entry.name) for entry in newest.iterdir())


def checked(address: str) -> str:
    """Return an address that may be fetched. Raises SetupError for another one."""
    if not address.startswith(("https://", "file://")):
        raise SetupError(f"{address} is not an address to update from: it must begin with https:// or file://")
    return address


def pull(app: Path) -> None:
    """Move a git clone forward to its branch's newest commit, never touching changes made here."""
    if shutil.which("git") is None:
        raise SetupError(f"{app} is a git clone, but git is not installed. Get it from https://git-scm.com/downloads")
    done = subprocess.run(["git", "-C", str(app), "pull", "--ff-only"], stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise SetupError("git could not update it and says why above; nothing was changed. Changes to the program's "
                         f"own files are the usual reason: git -C \"{app}\" status lists them.")


def replace_from_zip(app: Path, address: str) -> None:
    """Replace the program's files in `app` by those of the zip at `address`; a failure leaves everything as it was."""
    checked(address)
    staging = Path(tempfile.mkdtemp(prefix=".update-", dir=app))
    try:
        say(f"Fetching {address}")
        archive = fetch(address, staging / "new.zip")
        newest = unpack(archive, staging / "new")
        changed = [entry for entry in sorted(newest.iterdir()) if not same(entry, app / entry.name)]
        if not changed:
            say("This copy is already the newest.")
            return
        replaced = app / time.strftime(".previous-%Y%m%d-%H%M%S")
        for entry in changed:
            keep_what_is_not_ours(app / entry.name, entry)
        swap(changed, app, replaced)
        names = ", ".join(entry.name for entry in changed)
        say(f"Updated {names}. The old files are in {replaced.name}, which can be deleted.")
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def fetch(address: str, target: Path) -> Path:
    """Download to `target` and return it; proxies are taken from the environment. Raises SetupError."""
    try:
        with urllib.request.urlopen(address, timeout=60) as response, target.open("wb") as file:
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, OSError) as error:
        raise SetupError(f"The new version could not be fetched from {address}: {error}. {explain(str(error))} "
                         "Nothing was changed.") from error
    return target


def unpack(archive: Path, target: Path) -> Path:
    """Unpack the zip and return the folder of the program in it. Raises SetupError if it is something else."""
    try:
        with zipfile.ZipFile(archive) as packed:
            for entry in packed.infolist():
                # extract() itself keeps every name inside the target, and forgets which files can be run.
                path = Path(packed.extract(entry, target))
                if path.is_file() and (entry.external_attr >> 16) & 0o111:
                    path.chmod(path.stat().st_mode | 0o111)
    except (zipfile.BadZipFile, EOFError) as error:
        raise SetupError(f"The download is not a zip file, or is damaged ({error}). Nothing was changed.") from error
    for folder in (target, *sorted(target.iterdir())):
        if all((folder / mark).is_file() for mark in MARKS_OF_THE_PROGRAM):
            return folder
    raise SetupError("The download is not Crucible: gui.py and its packages are missing. Nothing was changed.")


def same(new: Path, old: Path) -> bool:
    """Whether the old entry has every file of the new one, with the same content."""
    if new.is_dir():
        return old.is_dir() and all(same(entry, old / entry.name) for entry in new.iterdir())
    return old.is_file() and filecmp.cmp(new, old, shallow=False)


def keep_what_is_not_ours(old: Path, new: Path) -> None:
    """Copy into the new folder every file that only the old one has, except code that was removed."""
    if not old.is_dir() or not new.is_dir():
        return
    for path in sorted(old.rglob("*")):
        target = new / path.relative_to(old)
        gone_code = old.name in CODE and path.suffix in (".py", ".pyc")
        if path.is_file() and not target.exists() and not gone_code:
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, target)


def swap(changed: list[Path], app: Path, replaced: Path) -> None:
    """Move each new entry to its place and the old one to `replaced`; where one cannot be moved, move all back."""
    replaced.mkdir()
    done: list[Path] = []
    try:
        for new in changed:
            old = app / new.name
            if old.exists():
                old.rename(replaced / new.name)
            done.append(old)
            new.rename(old)
    except OSError as error:
        for old in reversed(done):
            if old.exists():
                old.rename(changed[0].parent / old.name)
            if (replaced / old.name).exists():
                (replaced / old.name).rename(old)
        replaced.rmdir()
        raise SetupError(f"A program file is in use ({error}). Nothing was changed: close every running "
                         "Crucible and start the update again.") from error
