"""Commands for developers: the tests, and the check of style, types, spelling and tests."""
from __future__ import annotations

import os
import subprocess
import sys

from kohya_gui.environment.folder import APP
from kohya_gui.environment.pip import SetupError

STYLE = ("ruff", "check", ".")
TYPES = ("mypy",)
SPELLING = (
    "codespell_lib", "--skip", ".git,.venv,build,dist,*.json,*.gz,*.safetensors,*.log,*.min.js,.*_cache,.hypothesis",
    "--ignore-words-list", "te,trian",  # the text encoder, and a mistyped word of a test
)  # fmt: skip


TIERS = ("fast", "jobs", "browser", "slow")  # tests/tiers.py says which test is in which


def test(arguments: list[str]) -> int:
    """Run pytest over all tests but slow ones, or over the tier that comes first; return its exit code.

    Raises SetupError in a copy without tests.
    """
    if not (APP / "tests").is_dir():
        raise SetupError("This copy has no tests: they come with the source, not with an installed package.")
    if arguments and arguments[0] in TIERS:
        arguments = ["-m", *arguments]
    return run_module("pytest", *arguments)


def check(arguments: list[str]) -> int:
    """Run every check even where one fails; return 0 when all pass, else 1, naming those that failed."""
    failed = [tool for tool, *rest in (STYLE, TYPES, SPELLING) if run_module(tool, *rest)]
    if test(arguments):
        failed.append("pytest")
    names = ", ".join(failed).replace("_lib", "")
    print(f"check: {names} found something, see above" if failed else "check: everything passes", flush=True)
    return 1 if failed else 0


def run_module(module: str, *arguments: str) -> int:
    """Run a module of this Python in the program's folder, never asking a hub for anything; return its exit code."""
    environ = {**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1"}
    return subprocess.run([sys.executable, "-m", module, *arguments], cwd=APP, env=environ, check=False).returncode
