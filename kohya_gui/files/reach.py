"""Which folders of this machine's disks the page may show: one rule, for completing paths, picking them and uploads."""

from __future__ import annotations

import ntpath
import os
import posixpath
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from kohya_gui.options import PageOptions
from train_core.config.clean_paths import clean_path
from train_core.config.file_names import refused_path
from train_core.config.paths import absolute_path
from train_core.config.places import app_dir, home
from train_core.config.problems import UserError, problem

LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Reach:
    """The folders below which the page may look; `roots` None: everywhere, as for someone who sits at this machine."""

    roots: tuple[Path, ...] | None = None

    def find(self, text: str) -> Path | None:
        """The absolute path that is meant by `text`, or None for one that the page may not look at.

        What lies outside is refused by its text alone, before the disk is asked: to look at a share of another machine
        is to log in there. Then links are followed, and where they lead has to lie within too.
        """
        if "\0" in text or not clean_path(text):
            return None
        path = absolute_path(text, Path.cwd())
        if self.roots is None:
            return path
        written = plain(str(path))
        if written is None or not _within(written, map(str, self.roots)):
            return None
        real = os.path.realpath(written)
        return Path(written) if _within(real, map(os.path.realpath, self.roots)) else None

    def must_find(self, text: str) -> Path:
        """As `find`, but raises `UserError` with what to do about it."""
        path = self.find(text)
        if path is None:
            raise UserError(
                problem(
                    "outside_of_roots",
                    "{path} is outside of the folders that this page may show. Whoever starts Crucible can add it with "
                    "--roots.",
                    path=clean_path(text)[:300],
                )
            )
        return path


EVERYWHERE = Reach()


def reach_of(options: PageOptions) -> Reach:
    """What a page with these `options` may show.

    Roots that were named hold always. Without any, a page for this machine alone shows everything, and one that others
    may reach the user's own folder, Crucible's and the program's.
    """
    if options.roots:
        return Reach((*options.roots, home(), app_dir()))
    if options.listen in LOOPBACK and not (options.share or options.allow_host or options.root_path):
        return EVERYWHERE
    return Reach((Path.home(), home(), app_dir()))


def plain(path: str, windows: bool = os.name == "nt") -> str | None:
    """An absolute `path` without `.` and `..`; None for a relative one, a device, or a name that cannot be."""
    system = _system(windows)
    if "\0" in path or not system.isabs(path):
        return None
    if windows and path.replace("/", "\\").startswith(("\\\\?\\", "\\\\.\\", "\\??\\")):
        return None
    normal: str = system.normpath(path)
    return None if windows and refused_path(normal, long_paths=True) else normal


def _within(path: str, roots: Iterable[str], windows: bool = os.name == "nt") -> bool:
    """Whether `path`, which has no `..`, is one of `roots` or lies below it."""
    system = _system(windows)
    found = system.normcase(path)
    folders = [system.normcase(system.normpath(root)).rstrip(system.sep) for root in roots]
    return any(found == folder or found.startswith(folder + system.sep) for folder in folders)


def _system(windows: bool) -> ModuleType:
    return ntpath if windows else posixpath
