"""Pictures, captions and zip files that are uploaded: taken in pieces, checked, and put beside what is there.

Nothing that is there is overwritten, and what was sent in part leaves nothing behind.
"""

from __future__ import annotations

import filecmp
import os
import secrets
import shutil
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from kohya_gui.files.arrivals import ZIP, Unfit, check_name, place_of
from kohya_gui.files.zips import Arrived, Left, Limits, unpack
from train_core.config import whole_files
from train_core.config.phrases import phrase
from train_core.config.places import caches_dir, home
from train_core.config.problems import UserError, cause_of, problem
from train_core.facts.images.image_files import is_image

FORGOTTEN = 3600.0  # seconds after which an upload that has stopped is removed
LEFTOVER = 86400.0  # seconds after which one of a page that is gone is
RESERVE = 1 << 30  # bytes of the disk that stay free
MOST_REPEATS = 10000


@dataclass
class Upload:
    """An upload under way: what comes, and where it is to go. `names` are those that were asked for, by number."""

    folder: Path
    subset: str
    staging: Path
    sizes: dict[int, int]
    names: dict[int, str]
    left: list[Left]
    touched: float = field(default_factory=time.monotonic)


@dataclass(frozen=True)
class Report:
    """What has become of an upload: `folder` holds it all; `renamed` are new names by those that were sent."""

    folder: Path
    added: int
    same: int
    renamed: tuple[tuple[str, str], ...]
    left: tuple[Left, ...]


class Uploads:
    """All uploads under way on a page."""

    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self._open: dict[str, Upload] = {}
        self._lock = threading.Lock()

    def begin(
        self, name: str, repeats: int, into: Path | None, files: Sequence[tuple[str, int]]
    ) -> tuple[str, list[int], list[Left]]:
        """Prepare to take `files`, each with its name and size, as `<repeats>_<name>` in `into` or a new folder.

        Returns the upload's id, the numbers of the files to send, and those that are not taken. Raises `UserError`.
        """
        self._forget()
        subset = _subset(name, repeats)
        wanted: dict[int, int] = {}
        left: list[Left] = []
        for number, (file, size) in enumerate(files[: self.limits.files]):
            try:
                if self._takes(file, size, subset):
                    wanted[number] = size
            except Unfit as unfit:
                left.append(Left(file, unfit.reason))
        self._check_room(sum(wanted.values()))
        folder = into if into is not None else home() / "data" / name.strip()
        id = secrets.token_urlsafe(24)
        staging = staging_place() / id
        try:
            staging.mkdir(parents=True)
        except OSError as error:
            raise _not_kept(staging, error) from error
        names = {number: files[number][0] for number in wanted}
        with self._lock:
            self._open[id] = Upload(folder, subset, staging, wanted, names, left)
        return id, list(wanted), left

    def _takes(self, file: str, size: int, subset: str) -> bool:
        """Whether to take a file; raises `Unfit` if not, False is for what nobody misses."""
        is_zip = file.lower().endswith(ZIP)
        if not is_zip and place_of(file, subset) is None:
            return False
        most = self.limits.total if is_zip else self.limits.single
        if size > most:
            raise Unfit(phrase("upload_too_large", "it is larger than {most} MB", most=most >> 20))
        return True

    def _check_room(self, total: int) -> None:
        try:
            home().mkdir(parents=True, exist_ok=True)
            free = shutil.disk_usage(home()).free - RESERVE
        except OSError as error:
            raise _not_kept(home(), error) from error
        most = min(self.limits.total, free)
        if total > most:
            raise UserError(
                problem(
                    "upload_too_much", "This is {size} MB, and {most} MB can be taken at once. Send it in parts, or "
                    "free some of the disk.",
                    size=total >> 20, most=max(0, most >> 20),
                )
            )

    def write(self, id: str, number: int, at: int, content: bytes) -> None:
        """Add `content` to the file of that number at the byte `at`, which is its end so far. Raises `UserError`."""
        upload = self._find(id)
        size = upload.sizes.get(number)
        path = upload.staging / str(number)
        there = path.stat().st_size if path.exists() else 0
        if size is None or at != there or at + len(content) > size:
            raise _lost()
        try:
            with path.open("ab") as file:
                file.write(content)
        except OSError as error:
            self.drop(id)
            raise _not_kept(path, error) from error

    def finish(self, id: str) -> Report:
        """Put everything into its place. Raises `UserError`; whatever happens, nothing half-sent stays."""
        upload = self._find(id)
        with self._lock:
            self._open.pop(id, None)
        try:
            arrived, left = _arrived(upload, self.limits)
            if not arrived:
                return Report(upload.folder, 0, 0, (), tuple(left))
            return put_arrived(upload.folder, arrived, left)
        except OSError as error:
            raise _not_kept(upload.folder, error) from error
        finally:
            whole_files.remove(upload.staging)

    def drop(self, id: str) -> None:
        """Forget an upload, and remove what has come of it."""
        with self._lock:
            upload = self._open.pop(id, None)
        if upload is not None:
            whole_files.remove(upload.staging)

    def _find(self, id: str) -> Upload:
        with self._lock:
            upload = self._open.get(id)
        if upload is None:
            raise _lost()
        upload.touched = time.monotonic()
        return upload

    def _forget(self) -> None:
        """Remove uploads that have stopped, and what pages that are gone have left."""
        now = time.monotonic()
        with self._lock:
            stopped = [id for id, upload in self._open.items() if now - upload.touched > FORGOTTEN]
        for id in stopped:
            self.drop(id)
        for folder in staging_place().glob("*"):
            if folder.name not in self._open and time.time() - folder.stat().st_mtime > LEFTOVER:
                whole_files.remove(folder)


def staging_place() -> Path:
    return caches_dir() / "uploads"


def _subset(name: str, repeats: int) -> str:
    """The name of the folder that can be trained on. Raises `UserError`."""
    try:
        check_name(name.strip())
    except Unfit as unfit:
        raise UserError(
            problem("upload_name", "The images cannot be called {name}: {reason}.", name=name[:80], reason=unfit.reason)
        ) from None
    if not 1 <= repeats <= MOST_REPEATS:
        raise UserError(problem("upload_repeats", "Repeats are a number from 1 to {most}.", most=MOST_REPEATS))
    return f"{repeats}_{name.strip()}"


def _arrived(upload: Upload, limits: Limits) -> tuple[list[Arrived], list[Left]]:
    """What has come in full, zip files unpacked, and what has not."""
    arrived: list[Arrived] = []
    left = list(upload.left)
    for number, size in upload.sizes.items():
        name, source = upload.names[number], upload.staging / str(number)
        if size == 0:
            source.touch()
        if not source.exists() or source.stat().st_size != size:
            left.append(Left(name, phrase("upload_cut_off", "it has not arrived whole")))
            continue
        try:
            if name.lower().endswith(ZIP):
                found = list(unpack(source, upload.staging / f"{number}.files", upload.subset, limits))
                unfolded = sum(one.source.stat().st_size for one in found if isinstance(one, Arrived))
                limits = replace(limits, total=limits.total - unfolded)
                arrived += [one for one in found if isinstance(one, Arrived)]
                left += [one for one in found if isinstance(one, Left)]
            else:
                place = place_of(name, upload.subset)
                assert place is not None  # `begin` has asked
                arrived.append(Arrived(name, source, place))
        except Unfit as unfit:
            left.append(Left(name, unfit.reason))
    return arrived, left


def put_arrived(folder: Path, arrived: Sequence[Arrived], left: list[Left]) -> Report:
    """Move what has arrived into `folder`, kin under one name: an image that is another than the one there gets a
    number, and its caption and mask the same; what is there already is left alone."""
    kin: dict[tuple[str, ...], list[Arrived]] = {}
    for one in arrived:
        kin.setdefault(one.place.kin, []).append(one)
    added, same = 0, 0
    renamed: list[tuple[str, str]] = []
    for group in kin.values():
        number = _free_number(folder, group)
        for one in group:
            path = folder / _numbered(one.place.path, number)
            if not _is_within(path.parent, folder):
                left.append(Left(one.name, phrase("upload_leads_out", "its name leads out of the folder")))
            elif not os.path.lexists(path):
                _move(one.source, path)
                added += 1
                renamed += [(one.name, path.name)] if number > 1 else []
            elif _fits(one.source, path):
                same += 1
            else:
                reason = phrase("upload_other_there", "there is another one of that name, which stays")
                left.append(Left(one.name, reason))
    return Report(folder, added, same, tuple(renamed), tuple(left))


def _free_number(folder: Path, group: Sequence[Arrived]) -> int:
    """1 if the images of `group` can have their names, else the first number with which all of it can."""
    number = 1
    while not all(
        _fits(one.source, folder / _numbered(one.place.path, number))
        for one in group
        if number > 1 or is_image(Path(one.place.path.name))
    ):
        number += 1
    return number


def _fits(source: Path, path: Path) -> bool:
    return not os.path.lexists(path) or (path.is_file() and filecmp.cmp(source, path, shallow=False))


def _is_within(path: Path, folder: Path) -> bool:
    """Whether `path`, with its links followed, lies in `folder`."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def _numbered(path: PurePosixPath, number: int) -> PurePosixPath:
    return path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")


def _move(source: Path, path: Path) -> None:
    """Give `source` the name `path`, which nothing has; one that appears in the meantime stays. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        with whole_files.write_whole(path) as temporary:
            shutil.move(source, temporary)
    except OSError:
        path.unlink(missing_ok=True)
        raise


def _lost() -> UserError:
    return UserError(
        problem("upload_lost", "The upload has been interrupted, and nothing of it was kept. Drop it again.")
    )


def _not_kept(path: Path, error: OSError) -> UserError:
    return UserError(
        problem(
            "upload_not_kept", "{path} cannot be written ({reason}). Free the disk or choose another place, and drop "
            "the files again.",
            path=str(path), reason=cause_of(error),
        )
    )
