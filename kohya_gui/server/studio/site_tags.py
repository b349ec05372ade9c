"""The list of a site's tags that this user has: in the home, or beside a WebUI; read once, in the background."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from threading import Lock, Thread

from kohya_gui.preferring import known_webuis
from train_core.config.places import home
from train_core.studio.words.tag_list import TagList, read

OWN = "tags"  # folder of the home
BESIDE = ("extensions/a1111-sd-webui-tagcomplete/tags", "custom_nodes/ComfyUI-Custom-Scripts/user")
FIRST = "danbooru"  # how the file begins that is taken of several


class SiteTags:
    """The list, once it is read; read again when another file is there. Safe for several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._file: tuple[Path, int] | None = None
        self._list: TagList | None = None
        self._reader: Thread | None = None

    def get(self) -> TagList | None:
        """The list, None where there is none, or it is being read."""
        found = newest(files())
        with self._lock:
            if self._reader is None and found != self._file:
                self._file, self._list = found, None
                if found is not None:
                    self._reader = Thread(target=self._read, args=(found[0],), daemon=True)
                    self._reader.start()
            return self._list

    def wait(self) -> TagList | None:
        """The list, once it is read."""
        self.get()
        reader = self._reader
        if reader is not None:
            reader.join()
        return self.get()

    def _read(self, path: Path) -> None:
        found = None
        with suppress(OSError, ValueError):  # a file that is no list of tags offers nothing
            found = read(path)
        with self._lock:
            self._list, self._reader = found, None


def files() -> list[Path]:
    """The lists of tags that there are, those of the home first."""
    folders = [home() / OWN, *(webui.root / place for webui in known_webuis() for place in BESIDE)]
    return [file for folder in folders for file in _lists(folder)]


def newest(found: list[Path]) -> tuple[Path, int] | None:
    """Of one folder's lists that of Danbooru, else the largest one, with the time of its last change."""
    here = [file for file in found if file.parent == found[0].parent]
    if not here:
        return None
    with suppress(OSError):
        file = max(here, key=lambda one: (one.name.lower().startswith(FIRST), one.stat().st_size))
        return file, file.stat().st_mtime_ns
    return None


def _lists(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.suffix.lower() == ".csv" and path.is_file())
    except OSError:
        return []
