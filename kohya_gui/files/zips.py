"""Zip files of images, unpacked without trusting what they say: names, sizes, links and how often they unfold."""

from __future__ import annotations

import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from lzma import LZMAError
from pathlib import Path

from kohya_gui.files.arrivals import Place, Unfit, place_of
from train_core.config.phrases import phrase

_PIECE = 1 << 20  # bytes
_UTF8 = 0x800  # the flag of a name in UTF-8
_BROKEN = (
    zipfile.BadZipFile, zlib.error, LZMAError, EOFError, OSError, NotImplementedError, RuntimeError, ValueError,
    OverflowError, IndexError,
)  # fmt: skip


@dataclass(frozen=True)
class Limits:
    """How much is taken at once: bytes in all, bytes of one file, and files."""

    total: int = 20 << 30
    single: int = 200 << 20
    files: int = 100_000


@dataclass(frozen=True)
class Arrived:
    """A file that lies at `source` until it gets its `place`; `name` is what it was called."""

    name: str
    source: Path
    place: Place


@dataclass(frozen=True)
class Left:
    """A file that was not taken, and why."""

    name: str
    reason: str


def unpack(archive: Path, into: Path, subset: str | None, limits: Limits) -> Iterator[Arrived | Left]:
    """Write the files of `archive` to numbered names in `into`, each with its place or the reason why it is left out.

    Sizes are counted as they unfold. Raises `Unfit` if the whole file is none, or unfolds to more than the limits.
    """
    into.mkdir(parents=True, exist_ok=True)
    room = limits.total
    try:
        with zipfile.ZipFile(archive) as opened:
            infos = [info for info in opened.infolist() if not info.is_dir()]
            if len(infos) > limits.files:
                raise _too_much()
            for number, info in enumerate(infos):
                name = _name(info)
                try:
                    place = _place(info, name, subset)
                    if place is None:
                        continue
                    source = into / str(number)
                    room -= _write(opened, info, source, min(limits.single, room))
                except Unfit as unfit:
                    yield Left(name, unfit.reason)
                    if room <= limits.single and isinstance(unfit, _Full):
                        raise _too_much() from None
                    continue
                yield Arrived(name, source, place)
    except Unfit:
        raise
    except _BROKEN as error:
        reason = str(error)[:200]
        raise Unfit(phrase("zip_broken", "it is no zip file that can be read ({reason})", reason=reason)) from error


class _Full(Unfit):
    """A file that is larger than there is room."""


def _place(info: zipfile.ZipInfo, name: str, subset: str | None) -> Place | None:
    if stat.S_ISLNK(info.external_attr >> 16):
        raise Unfit(phrase("zip_link", "it is a link to another file"))
    place = place_of(name, subset)
    if place is not None and info.flag_bits & 1:
        raise Unfit(phrase("zip_locked", "it is locked with a password"))
    return place


def _write(opened: zipfile.ZipFile, info: zipfile.ZipInfo, path: Path, most: int) -> int:
    """Unfold one file and return its bytes. Raises `_Full` beyond `most`, and `Unfit` for one that is broken."""
    written = 0
    try:
        with opened.open(info) as packed, path.open("wb") as file:
            while piece := packed.read(_PIECE):
                written += len(piece)
                if written > most:
                    raise _Full(phrase("upload_too_large", "it is larger than {most} MB", most=most >> 20))
                file.write(piece)
    except Unfit:
        path.unlink(missing_ok=True)
        raise
    except _BROKEN as error:
        path.unlink(missing_ok=True)
        reason = str(error)[:200]
        raise Unfit(phrase("zip_part_broken", "it is broken in the zip file ({reason})", reason=reason)) from error
    return written


def _name(info: zipfile.ZipInfo) -> str:
    """The name of a file; zip programs that do not say so mostly write UTF-8 nowadays."""
    if info.flag_bits & _UTF8:
        return info.filename
    try:
        return info.filename.encode("cp437").decode("utf-8")
    except UnicodeError:
        return info.filename


def _too_much() -> Unfit:
    return Unfit(phrase("zip_too_much", "it unfolds to more than is taken at once"))
