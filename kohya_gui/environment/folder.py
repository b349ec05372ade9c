"""The virtual environment's folder: where it is, whether it is complete, what was done to it. Parses on Python 3.7."""
from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from kohya_gui.environment.pip import clean_environ

APP = Path(__file__).resolve().parents[2]


class State(NamedTuple):
    """Record of an environment's set-up: the torch index asked for ("" is the usual), and each finished step's mark."""

    torch_index_url: str
    done: dict


class Environment(NamedTuple):
    """A virtual environment in `folder`, whether it has been made yet or not."""

    folder: Path

    @property
    def python(self) -> Path:
        """The interpreter inside the environment."""
        return self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")

    @property
    def state_file(self) -> Path:
        """Path of the file that notes finished steps."""
        return self.folder / "crucible-setup.json"

    def state(self) -> State:
        """Return the noted state; an empty one if nothing was noted or the note is damaged."""
        try:
            noted = json.loads(self.state_file.read_text(encoding="utf-8"))
            return State(str(noted["torch_index_url"]), dict(noted["done"]))
        except (OSError, ValueError, KeyError, TypeError):
            return State("", {})

    def note(self, state: State) -> None:
        """Write the state, completely or not at all."""
        unfinished = self.state_file.with_suffix(".tmp")
        unfinished.write_text(json.dumps(state._asdict(), indent=1), encoding="utf-8")
        unfinished.replace(self.state_file)

    def answer(self, statement: str) -> str:
        """Return what the environment's Python prints for a statement, or nothing if it does not run."""
        try:
            done = subprocess.run([str(self.python), "-c", "import sys; " + statement], stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, env=clean_environ(), check=False)
        except OSError:
            return ""
        return done.stdout.decode("utf-8", "replace").strip() if done.returncode == 0 else ""

    def is_running(self) -> bool:
        """Whether this very process runs in the environment."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def is_whole(self) -> bool:
        """Whether the environment's Python, and the Python that it was made from, are there; starts neither."""
        try:
            lines = (self.folder / "pyvenv.cfg").read_text(encoding="utf-8").splitlines()
        except OSError:
            return False
        settings = {line.partition("=")[0].strip(): line.partition("=")[2].strip() for line in lines}
        return self.python.exists() and Path(settings.get("home", "")).is_dir()


def find() -> Environment:
    """Return the environment `.venv` beside the program, or one in Crucible's home if the program's is read-only."""
    beside = APP / ".venv"
    if beside.exists() or os.access(str(APP), os.W_OK):
        return Environment(beside)
    from train_core.config.places import home  # noqa: PLC0415  older Pythons could not read it

    # Two copies of the program must not share one environment: their requirements may differ.
    return Environment(home() / ("environment-" + hashlib.sha256(str(APP).encode("utf-8")).hexdigest()[:8]))
