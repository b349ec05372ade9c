"""A command as one line for a shell, so that the shell hands on exactly these arguments."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence

# At its prompt cmd expands %NAME% inside of quotes too; behind carets it sees neither quotes nor names.
CMD_MARKS = re.compile(r'([()%!^"<>&|])')
POWERSHELL_QUOTES = re.compile("(['\u2018\u2019\u201a\u201b])")  # all of these end a text in single quotes


def for_sh(folder: str, command: Sequence[str]) -> str:
    """`command`, done in `folder`, for sh, bash and zsh."""
    return f"cd {shlex.quote(folder)} && {shlex.join(command)}"


def for_cmd(folder: str, command: Sequence[str]) -> str:
    """`command`, done in `folder`, for the prompt of Windows' cmd; in a batch file every % would have to be doubled."""
    return f"cd /d {_cmd_word(folder)} && {' '.join(_cmd_word(word) for word in command)}"


def for_powershell(folder: str, command: Sequence[str]) -> str:
    """`command`, done in `folder`, for Windows PowerShell and PowerShell 7."""
    return f"Set-Location -LiteralPath {_ps_word(folder)}; & {' '.join(_ps_word(word) for word in command)}"


def shells(windows: bool) -> dict[str, Callable[[str, Sequence[str]], str]]:
    """The shells that people use on this system, by name."""
    return {"cmd": for_cmd, "PowerShell": for_powershell} if windows else {"bash": for_sh}


def _cmd_word(word: str) -> str:
    """A word as the program's own rules quote it, with cmd's marks escaped where it has any but the outer quotes."""
    quoted = subprocess.list2cmdline([word])
    if re.search(r"[\s,;=]", word) and not quoted.startswith('"'):
        ends = re.search(r"\\*$", word)
        quoted = f'"{quoted}{ends[0] if ends else ""}"'  # a program takes a backslash before a quote as part of it
    return CMD_MARKS.sub(r"^\1", quoted) if CMD_MARKS.search(word) else quoted


def _ps_word(word: str) -> str:
    return "'" + POWERSHELL_QUOTES.sub(r"\1\1", word) + "'"
