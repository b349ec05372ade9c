"""The datasets that this server has open, and the processes that measure their pictures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import RLock
from time import monotonic

import psutil

from kohya_gui.runs.command import child_environment
from kohya_gui.runs.devices import World, usable_cores
from kohya_gui.runs.process import spawn
from train_core.config.problems import UserError
from train_core.studio.dataset import Dataset, find_dataset, forget, made, proposed
from train_core.studio.listing import Listing
from train_core.studio.looking import Watch
from train_core.studio.studio import Studio

MOST_OPEN = 4  # datasets, each with up to 100 MB for 20,000 pictures
LOG = "measuring.log"
BEHIND = 10  # niceness: what people do at the same time comes first


class Studios:
    """Datasets by their id, opened when they are first asked for; beyond a few, that which is longest unused is closed.
    """

    def __init__(self) -> None:
        self._lock = RLock()
        self._open: dict[str, Listing] = {}
        self._turns: dict[str, RLock] = {}  # to open each of them
        self._used: dict[str, float] = {}  # when each was asked for last
        self._measured: dict[str, int] = {}  # the look at a dataset's files that was measured last
        self._watches: dict[str, Watch] = {}  # of what is being opened, by what the page calls it
        self._at_work: dict[str, subprocess.Popen[bytes]] = {}

    @contextmanager
    def watched(self, token: str) -> Iterator[Watch]:
        """What somebody who waits can ask for with `token`."""
        watch = self._watches[token] = Watch()
        try:
            yield watch
        finally:
            self._watches.pop(token, None)

    def watch(self, token: str) -> Watch:
        """What is being opened with this token; nothing where that has ended."""
        return self._watches.get(token) or Watch()

    def opened(self, id: str) -> Listing | None:
        """The dataset with this id if it is open."""
        return self._open.get(id)

    def find(self, id: str, watch: Watch | None = None) -> Listing:
        """The dataset with this id, opened if it is not. Raises UserError if it is gone."""
        found = self._open.get(id)
        self._used[id] = monotonic()
        return found if found is not None else self._opening(find_dataset(id), watch)

    def open_folder(self, folder: Path, watch: Watch | None = None) -> Listing:
        """The dataset of a folder, its files looked at again. Raises UserError if there is no such folder.

        A new one is written once it is open; the one that another window has made of this folder meanwhile is taken.
        """
        dataset = proposed(folder)
        found = self._open.get(dataset.id)
        self._used[dataset.id] = monotonic()
        if found is None:
            return self._opening(dataset, watch)
        found.studio.look(watch)
        return found

    def _opening(self, dataset: Dataset, watch: Watch | None) -> Listing:
        with self._lock:
            turn = self._turns.setdefault(dataset.id, RLock())
        with turn:  # thousands of pictures take seconds, in which other datasets can be used
            found = self._open.get(dataset.id)
            if found is not None:
                return found
            found = Listing(Studio(dataset, watch))
            known = made(dataset)
            if known.id != dataset.id:
                return self._opening(known, watch)
            with self._lock:
                self._open[dataset.id] = found
                for id in sorted(self._open, key=lambda id: self._used.get(id, 0.0))[:-MOST_OPEN]:
                    del self._open[id]
                    self._measured.pop(id, None)  # whoever opens it again counts its looks anew
            return found

    def change_sources(self, listing: Listing, change: Callable[[Dataset, Path], Dataset], source: Path) -> None:
        """Have a dataset with one folder more or less. Raises UserError where that cannot be."""
        with listing.studio.lock:
            listing.studio.set_sources(change(listing.studio.dataset, source))

    def forget(self, id: str) -> Path:
        """Take a dataset from the list; where its decisions are from now on. Raises UserError if it is gone."""
        dataset = find_dataset(id)
        with self._lock:
            process = self._at_work.pop(id, None)
            if process is not None and process.poll() is None:
                process.terminate()
                process.wait()
            self._open.pop(id, None)
            return forget(dataset)

    def measure(self, listing: Listing) -> None:
        """Have the pictures measured by a process of its own, once for each look at the files."""
        dataset, looks = listing.studio.dataset, listing.studio.looks
        with self._lock:
            process = self._at_work.get(dataset.id)
            if process is not None and process.poll() is not None:
                del self._at_work[dataset.id]
                listing.compare_again()  # it has looked for cropped copies as well, once all were measured
            if self._measured.get(dataset.id) == looks or (process is not None and process.poll() is None):
                return
            self._measured[dataset.id] = looks
            with suppress(OSError, UserError):  # without measures the rest of the tab works as well
                self._at_work[dataset.id] = _start(dataset)


def _start(dataset: Dataset) -> subprocess.Popen[bytes]:
    world = World(device="cpu", processes=1, threads=usable_cores(), port=0, mixed_precision="no", gpu_ids="")
    words = ["train_core", "measure_pictures", "--set", "pictures", str(dataset.sources[0])]
    with (dataset.folder / LOG).open("wb") as console:
        process = spawn([sys.executable, "-m", *words], dataset.folder, child_environment(world), console)
    with suppress(psutil.Error):  # it may have ended already
        psutil.Process(process.pid).nice(BEHIND if sys.platform != "win32" else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    return process
