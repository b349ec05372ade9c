"""A zip file of pictures on this machine's disk, unfolded into a folder that can be opened as a dataset."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

from kohya_gui.files.arrivals import Unfit
from kohya_gui.files.uploads import put_arrived, staging_place
from kohya_gui.files.zips import Arrived, Limits, unpack
from train_core.config import whole_files
from train_core.config.places import home
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.whole_files import write_whole

LONGEST_NAME = 60  # letters of the zip's name that the folder's has


def unfolded(archive: Path, limits: Limits | None = None) -> Path:
    """The folder with the pictures and captions of `archive`, below the home; unfolded unless it was before.

    Another content of the zip file gives another folder. Raises UserError for one that cannot be unfolded.
    """
    try:
        state = archive.stat()
        said = f"{archive}\n{state.st_size}\n{state.st_mtime_ns}".encode(errors="surrogatepass")
        name = "".join(letter if letter.isalnum() or letter in " -_." else "_" for letter in archive.stem)
        folder = home() / "data" / f"{name.strip(' .')[:LONGEST_NAME] or 'zip'}-{hashlib.blake2b(said).hexdigest()[:8]}"
        if not folder.is_dir():
            _unfold(archive, folder, limits or Limits())
        return folder
    except Unfit as unfit:
        raise _not_opened(archive, unfit.reason) from None
    except OSError as error:
        raise _not_opened(archive, cause_of(error)) from error


def _unfold(archive: Path, folder: Path, limits: Limits) -> None:
    staging = staging_place() / secrets.token_hex(8)
    try:
        arrived = [one for one in unpack(archive, staging, None, limits) if isinstance(one, Arrived)]
        with write_whole(folder) as temporary:
            temporary.mkdir(parents=True)
            put_arrived(temporary, arrived, [])
    finally:
        whole_files.remove(staging)


def _not_opened(archive: Path, reason: str) -> UserError:
    return UserError(
        problem(
            "zip_not_opened", "{path} cannot be opened: {reason}. Unpack it yourself, and open the folder.",
            path=str(archive), reason=reason,
        )
    )  # fmt: skip
