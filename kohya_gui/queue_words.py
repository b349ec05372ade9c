"""The command `queue` of the command line: its actions and flags."""

from __future__ import annotations

import argparse

ACTIONS = {
    "list": "show the queue (the default)",
    "add FILE…": "let runs with these settings wait; --name value changes settings, RUN --resume last resumes a run",
    "edit RUN": "change settings of a run that waits: --name value",
    "remove RUN…": "take runs out of the queue",
    "move RUN PLACE": "to up, down, first, last or a number",
    "retry RUN…": "let runs wait again that could not be started",
    "at TIME [RUN…]": "not to start before 23:00, 2030-01-31 23:00 or +2h30m; now takes that back; no run means all",
    "pause": "start nothing more; what runs goes on",
    "resume": "go on",
    "at-once N": "how many runs may use the same device at once",
    "when-empty WHAT": "nothing, notify, power-off, or command PROGRAM ARGUMENTS…",
    "stay-on": "cancel the switching off of the machine",
    "run": "run the queue here until it is empty; an open page does that, too",
}
NAMES = [action.split()[0] for action in ACTIONS]


def queue_flags(parser: argparse.ArgumentParser) -> None:
    """Add the actions and flags of the queue."""
    parser.add_argument("action", nargs="?", choices=NAMES, default="list", metavar="ACTION", help="see below")
    parser.add_argument("words", nargs="*", metavar="WORD", help="what the action needs; runs by number or name")
    parser.add_argument("--at", metavar="TIME", default="", help="with add: not to start before this time")
    described = "\n".join(f"  {action:<16}{meaning}" for action, meaning in ACTIONS.items())
    parser.epilog = f"actions:\n{described}"


def needed(action: str) -> str:
    """Return the words that `action` cannot do without, or ""."""
    words = next(known for known in ACTIONS if known.split()[0] == action).split()[1:]
    return " ".join(word for word in words if not word.startswith("["))


def takes_settings(arguments: list[str]) -> bool:
    """Whether flags among `arguments` are names of settings."""
    return arguments[:1] in (["add"], ["edit"])


def arranged(arguments: list[str]) -> list[str]:
    """`arguments` as argparse understands them: our flag first, and flags of a command for an empty queue kept."""
    if arguments[:2] == ["when-empty", "command"] and "--" not in arguments:
        return [*arguments[:2], "--", *arguments[2:]]
    if "--at" in arguments[:-1]:  # between the words it would part them
        place = arguments.index("--at")
        return [*arguments[place : place + 2], *arguments[:place], *arguments[place + 2 :]]
    return arguments
