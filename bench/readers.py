"""The slowest and the hungriest case of every reader of outside text and files, among the fuzz tests' hostile contents.

    python bench/readers.py [--cases 300]

Aim: 2 s and 300 MB for any case; the tests stop at ten times that. Large files that only claim to be models are tried
too: a header of very many tensors, and archives that unpack to far more than they are.
"""

from __future__ import annotations

import argparse
import random
import struct
import sys
import tempfile
import time
import tracemalloc
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from tests.fuzz.changes import BOMBS, PIECES
from tests.fuzz.readers import READERS, archive


def cases(seeds: tuple[bytes, ...], count: int) -> Iterator[bytes]:
    """All bombs, then seeds with pieces put in at random places."""
    yield from BOMBS
    draws = random.Random(0)
    for _ in range(count):
        content = draws.choice(seeds)
        for _ in range(draws.randint(1, 6)):
            place = draws.randint(0, len(content))
            content = content[:place] + draws.choice(PIECES) * draws.choice((1, 1, 1, 2000)) + content[place:]
        yield content


def large_files() -> Iterator[tuple[str, str, bytes]]:
    """(title, reader, content) of files that are large, or unpack to what is."""
    entry = b'"%d":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'
    header = b"{" + b",".join(entry % number for number in range(900_000)) + b"}"
    yield "900,000 tensors", "model.safetensors", struct.pack("<Q", len(header)) + header + bytes(4)
    for title, pickled in (("marks", b"("), ("lists", b"]"), ("numbers", b"K\x01"), ("memo", b"q\x00")):
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file, file.open("archive/data.pkl", "w") as part:
            part.write(b"\x80\x02]")
            for _ in range(100):
                part.write(pickled * (1 << 20))
        yield f"an archive of 100 MB of {title}", "model.ckpt", packed.getvalue()
    yield "a pickle of 20 MB", "model.ckpt", archive(b"\x80\x02" + b"]" * (20 << 20))


def measured(name: str, folder: Path, content: bytes) -> tuple[float, float]:
    """Processor seconds, and MB at most, that reading takes. The seconds are without the tracing of memory."""
    started = time.process_time()
    READERS[name](folder, content)
    seconds = time.process_time() - started
    tracemalloc.start()
    READERS[name](folder, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return seconds, peak / 1e6


def main() -> None:
    """Print a line for each reader, and one for each large file."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for reader, known in READERS.items():
            found = [measured(reader, folder, content) for content in cases(known.seeds, args.cases)]
            seconds, megabytes = (max(values) for values in zip(*found, strict=True))
            print(f"{reader:<24} {seconds:6.2f} s  {megabytes:7.1f} MB  ({len(found)} cases)", flush=True)
        for title, reader, content in large_files():
            seconds, megabytes = measured(reader, folder, content)
            print(f"{title:<40} {seconds:6.2f} s  {megabytes:7.1f} MB", flush=True)


if __name__ == "__main__":
    main()
