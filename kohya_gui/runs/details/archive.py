"""A zip file sent while it is made: nothing is copied to the drive, so it may be larger than what is free there."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

PIECE = 2**20  # bytes read at a time


def zip_stream(files: Mapping[str, Path]) -> Iterator[bytes]:
    """The zip of `files`, by their names in it, piece by piece. They are stored as they are: weights do not shrink.

    A file that has gone meanwhile, such as an epoch that the run keeps no longer, is left out.
    """
    pipe = _Pipe()
    with ZipFile(pipe, "w", ZIP_STORED) as archive:
        for name, path in files.items():
            try:
                source = path.open("rb")
                info = ZipInfo.from_file(path, name, strict_timestamps=False)
            except OSError:
                continue
            with source, archive.open(info, "w", force_zip64=True) as entry:
                while piece := source.read(PIECE):
                    entry.write(piece)
                    yield pipe.taken()
            yield pipe.taken()
    yield pipe.taken()


class _Pipe(io.RawIOBase):
    """What is written waits until it is taken; nobody can seek in it."""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        piece = bytes(memoryview(data))  # type: ignore[arg-type]  # whatever zipfile writes is a buffer
        self._waiting.append(piece)
        return len(piece)

    def taken(self) -> bytes:
        """All that was written since the last time."""
        found = b"".join(self._waiting)
        self._waiting.clear()
        return found
