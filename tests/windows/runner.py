"""Runs on Windows' own Python: starts a program as a file says, in a console of its own, and prints how it ended.

The file (JSON) has `words`, `folder`, `variables`, `log` and `code_page`. A command line that passes through another
system's shell could not carry all letters. Standard library only.
"""

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path

CONSOLE = "console"  # as a second argument: this process has the new console, whose code page it sets


def main() -> int:
    """Start the program, or first this file once more in a console without a window; return the program's exit code."""
    wanted = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    if CONSOLE not in sys.argv:
        return subprocess.run([sys.executable, __file__, sys.argv[1], CONSOLE], check=False,
                              creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0)).returncode
    if wanted["code_page"]:
        ctypes.windll.kernel32.SetConsoleCP(wanted["code_page"])  # type: ignore[attr-defined]
        ctypes.windll.kernel32.SetConsoleOutputCP(wanted["code_page"])  # type: ignore[attr-defined]
    variables = {**os.environ, **wanted["variables"]}
    with Path(wanted["log"]).open("wb") as log:
        process = subprocess.Popen(wanted["words"], cwd=wanted["folder"], env=variables, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=subprocess.STDOUT)
        Path(wanted["log"] + ".pid").write_text(str(process.pid), encoding="ascii")
        code = process.wait()
    Path(wanted["log"] + ".code").write_text(str(code), encoding="ascii")
    return code


if __name__ == "__main__":
    sys.exit(main())
