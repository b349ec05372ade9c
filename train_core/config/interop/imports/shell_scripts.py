"""Shell scripts that start sd-scripts' trainer: their variables and flags, read as text and never run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from train_core.config.interop.imports.command_line import flags_in, words_of

ENDINGS = (".sh", ".ps1", ".bat", ".cmd")
MOST_LINES = 5000
MOST_LETTERS = 100_000  # of a command, or of a value with its variables filled in; no shell takes as many
# name=value of sh, $name = value of PowerShell, set name=value of cmd.
_ASSIGNMENT = re.compile(
    r"\s*(?P<export>export\s+|\$[Ee]nv:|)(?:set\s+(?P<quote>\"?)|\$|)(?P<name>[A-Za-z_]\w*)\s?=\s?(?P<value>.*)"
)
_VARIABLE = re.compile(r"\$\{?([A-Za-z_]\w*)\}?|%([A-Za-z_]\w*)%")
_TRAINER = re.compile(r"(^|[\s\"'/\\])(\w*train\w*|fine_tune)\.py\b[\"']?")
_WORDS = {"$true": True, "$false": False}
_GOES_ON = ("\\", "`", "^")


@dataclass(frozen=True)
class Script:
    """What a script says: its `variables`, those that it gives to other programs, and the `flags` of its trainer.

    `used_by` maps a variable to the flag that it is the value of, and `within` names those that are part of a value.
    """

    variables: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, Any] = field(default_factory=dict)
    used_by: dict[str, str] = field(default_factory=dict)
    within: set[str] = field(default_factory=set)
    trainer: str = ""  # the script of sd-scripts that it starts, without its ending

    def given(self) -> dict[str, Any]:
        """All of it side by side, flags with their dashes."""
        return {**self.variables, **self.environment, **{f"--{name}": value for name, value in self.flags.items()}}


def read_script(text: str) -> Script:
    """The variables and flags in `text`. Never raises."""
    script = Script()
    for line in _lines(text):
        trainer = _TRAINER.search(line)
        assigned = _ASSIGNMENT.fullmatch(line)
        if assigned and not line.lstrip().startswith("-"):
            _assign(script, assigned)
        elif trainer:
            _take_flags(script, line[trainer.end():])
            script = replace(script, trainer=trainer[2])
    return script


def _lines(text: str) -> Iterator[str]:
    """The commands, without comments; those that go on in the next line as one."""
    whole = ""
    for line in text.splitlines()[:MOST_LINES]:
        plain = _without_comment(line).rstrip()
        goes_on = plain.endswith(_GOES_ON)
        whole = (whole + (plain[:-1] + " " if goes_on else plain))[:MOST_LETTERS]
        if not goes_on:
            yield whole
            whole = ""
    yield whole


def _without_comment(line: str) -> str:
    """`line` up to a # that begins a word outside of quotes; of cmd's comments nothing is left."""
    if re.match(r"\s*(rem\b|::)", line, re.IGNORECASE):
        return ""
    quote = ""
    for place, letter in enumerate(line):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter == "#" and (place == 0 or line[place - 1].isspace()):
            return line[:place]
    return line


def _assign(script: Script, found: re.Match[str]) -> None:
    """Take an assignment of one plain value; lists and calls are the script's own machinery."""
    value = found["value"].strip().rstrip(";").strip().removesuffix(found["quote"] or "")
    if value.startswith(("(", "[", "@", "$(", "`")):
        return
    words = words_of(value)
    text = words[0] if words else ""
    kept = script.environment if found["export"] else script.variables
    kept[found["name"]] = _WORDS.get(text.lower(), _filled(text, script))


def _filled(text: str, script: Script) -> str:
    """`text` with the values of variables that are known; others, and those that get too long, stay as they are."""
    left = MOST_LETTERS - len(text)

    def value_of(found: re.Match[str]) -> str:
        nonlocal left
        name = found[1] or found[2]
        value = str(script.variables.get(name, found[0]))
        left -= len(value)
        if left < 0:
            return found[0]
        script.within.update({name} & script.variables.keys())
        return value

    return _VARIABLE.sub(value_of, text)


def _take_flags(script: Script, rest: str) -> None:
    """The flags of the trainer: those that are one variable belong to it, lists of the script's own say nothing."""
    words = [word for word in words_of(rest) if "[@]" not in word and "[*]" not in word and not word.startswith("$ext")]
    flags, _ = flags_in(words)
    for name, value in flags.items():
        of_variable = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        variable = (of_variable[1] or of_variable[2]) if of_variable else ""
        if variable in script.variables:
            if name == variable or variable not in script.used_by:
                script.used_by[variable] = name
        elif isinstance(value, list):
            script.flags[name] = [_filled(item, script) for item in value]
        else:
            script.flags[name] = _filled(value, script) if isinstance(value, str) else value
