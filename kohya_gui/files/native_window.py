"""A dialog of the desktop for one file or folder: `python -m kohya_gui.files.native_window JSON` prints the path."""

from __future__ import annotations

import json
import sys
import tkinter
from tkinter import filedialog
from typing import Any


def main(question: dict[str, Any]) -> str:
    """What was chosen in a dialog for `question` (files/native.py); "" if nothing was."""
    window = tkinter.Tk()
    window.withdraw()
    window.attributes("-topmost", True)  # else it opens behind the browser
    start: dict[str, Any] = {"parent": window, "title": question["title"], "initialdir": question["folder"]}
    if question["wants_folder"]:
        return str(filedialog.askdirectory(**start) or "")
    kinds = [(" ".join(f"*{ending}" for ending in question["endings"]) or "*", question["endings"] or "*")]
    ask = filedialog.asksaveasfilename if question["save"] else filedialog.askopenfilename
    return str(ask(filetypes=kinds, **start) or "")


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")  # type: ignore[union-attr]
    print(main(json.loads(sys.argv[1])))
