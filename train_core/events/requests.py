"""The requests that a job takes: one file each in the `control` folder of its run."""

from __future__ import annotations

from pathlib import Path

from train_core.config.whole_files import write_text

REQUESTS = ("stop", "pause", "save", "sample", "next_stage", "learning_rate")
WITH_VALUE = ("learning_rate",)


def request(run_dir: Path, name: str, value: str = "") -> None:
    """Ask the job in `run_dir` for one of `REQUESTS`, `value` saying more; it answers with an `ack` event."""
    if name not in REQUESTS:
        raise ValueError(f"{name} is no request; known are {', '.join(REQUESTS)}")
    write_text(run_dir / "control" / name, value)


def is_requested(run_dir: Path, name: str) -> bool:
    """Whether the request `name` waits in `run_dir`; it is left there."""
    return any((run_dir / "control" / file).exists() for file in (name, f"{name}.txt"))


def take_requests(run_dir: Path) -> dict[str, str]:
    """The requests waiting in `run_dir` with their values, taken so that each is answered once.

    A file may also end in .txt, as editors have it. One that needs a value waits until it holds one.
    """
    try:
        waiting = {path.stem: path for path in (run_dir / "control").iterdir() if path.suffix in ("", ".txt")}
    except FileNotFoundError:
        return {}
    taken: dict[str, str] = {}
    for name in REQUESTS:
        if name in waiting:
            try:
                value = waiting[name].read_text(encoding="utf-8-sig", errors="replace").strip()
                if value or name not in WITH_VALUE:
                    waiting[name].unlink(missing_ok=True)
                    taken[name] = value
            except PermissionError:  # open elsewhere, on Windows: it is taken next time
                continue
    return taken
