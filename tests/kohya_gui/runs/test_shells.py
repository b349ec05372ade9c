"""Printed commands come through their shell unchanged, whatever letters stand in paths."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kohya_gui.runs.shells import for_cmd, for_powershell, for_sh

NASTY = [
    "C:\\a & b\\c.toml", "C:\\100%\\x", "%PATH%", "a%PATH%b c", "^", "a^b c", "R&D", "(x86) y", "!x!", "a'b", "狗 家",
    "a;b", "a,b", "a=b", "<in>", "x|y", "it\u2019s", "\u2018q\u2019", "a b\\", "$HOME `id` $(id)", "#x", "~", "*", "-x",
    ",\\", "a=&\\\\", "",
]  # fmt: skip
WINDOWS_WORD = st.text(st.characters(exclude_characters='"\r\n\0', exclude_categories=["Cs", "Cc"]), max_size=20)
SH_WORD = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=["Cs", "Cc"]), max_size=20)


def cmd_hands_on(line: str) -> list[str]:
    """The two commands of a line that cmd's prompt has read: names expanded, then quotes and carets, then `&&`."""
    line = re.sub("%PATH%", "expanded", line, flags=re.IGNORECASE)
    parts, quoted, at = [""], False, 0
    while at < len(line):
        letter = line[at]
        if letter == "^" and not quoted:
            at += 1
            parts[-1] += line[at]
        elif letter == "&" and not quoted:
            assert line[at : at + 2] == "&&"
            parts.append("")
            at += 1
        else:
            assert quoted or letter not in "|<>()"
            quoted ^= letter == '"'
            parts[-1] += letter
        at += 1
    return [part.strip(" ") for part in parts]


def windows_words(line: str) -> list[str]:
    """The words of a command line as a program of Microsoft's C library reads it."""
    words, at = [], 0
    while at < len(line):
        word, quoted = "", False
        while at < len(line) and (quoted or line[at] not in " \t"):
            slashes = len(line) - at - len(line[at:].lstrip("\\"))
            at += slashes
            if line[at : at + 1] == '"':
                word += "\\" * (slashes // 2)
                if slashes % 2:
                    word += '"'
                else:
                    quoted = not quoted
                at += 1
            elif slashes:
                word += "\\" * slashes
            else:
                word += line[at]
                at += 1
        words.append(word)
        at += len(line[at:]) - len(line[at:].lstrip(" \t"))
    return words


def with_examples(test):
    for word in NASTY:
        test = example(word=word)(test)
    return test


@with_examples
@given(word=WINDOWS_WORD)
def test_cmd_hands_on_the_words(word):
    go, run = cmd_hands_on(for_cmd("C:\\R&D 100%", ["C:\\my python\\python.exe", "-m", "train_core", word]))
    assert go == 'cd /d "C:\\R&D 100%"'
    assert windows_words(run) == ["C:\\my python\\python.exe", "-m", "train_core", word]


@with_examples
@given(word=WINDOWS_WORD)
def test_powershell_hands_on_the_words(word):
    line = for_powershell("C:\\it\u2019s 'here'", ["python.exe", word])
    quote = "['\u2018\u2019\u201a\u201b]"
    text = f"{quote}((?:[^'\u2018\u2019\u201a\u201b]|{quote}{quote})*){quote}"
    found = re.fullmatch(f"Set-Location -LiteralPath {text}; & {text} {text}", line)
    assert found
    plain = [re.sub(f"({quote}){quote}", r"\1", part) for part in found.groups()]
    assert plain == ["C:\\it\u2019s 'here'", "python.exe", word]


@pytest.mark.skipif(sys.platform == "win32", reason="has no sh")
@with_examples
@given(word=SH_WORD)
def test_sh_hands_on_the_words(word):
    code = "import sys; print(ascii(sys.argv[1:]))"
    line = for_sh("/", [sys.executable, "-S", "-c", code, word])
    said = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True, timeout=60).stdout
    assert ast.literal_eval(said) == [word]


@pytest.mark.skipif(sys.platform != "win32", reason="has no cmd")
@pytest.mark.parametrize("word", NASTY)
def test_cmd_itself_hands_on_the_words(word):
    code = "import sys; print(ascii(sys.argv[1:]))"
    line = for_cmd("C:\\", [sys.executable, "-c", code, word])
    prompt = subprocess.run(["cmd", "/d"], input=f"{line}\n", capture_output=True, text=True, check=True, timeout=60)
    assert ascii([word]) in prompt.stdout
