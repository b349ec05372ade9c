"""Keeps the virtual environment up to date: does what is missing, step by step, and continues if it was interrupted.

Standard library only, and parsed by Python 3.7, so that a Python that is too old gets a one-line message.
Run as `python -m kohya_gui.environment` it brings the environment up to date and does nothing else.
"""
from __future__ import annotations

import argparse
import hashlib
import os
import platform
import struct
import sys
from pathlib import Path
from typing import Callable, NamedTuple

from kohya_gui.environment import folder as environment_folder
from kohya_gui.environment.folder import APP, Environment, State
from kohya_gui.environment.lock import locked
from kohya_gui.environment.pip import SetupError, explain, say
from kohya_gui.environment.steps import Builder, torch_requirement

OLDEST, NEWEST = (3, 11), (3, 14)


class Wishes(NamedTuple):
    """Command-line wishes for the environment. `tests`: with what the tests and checks need."""

    torch_index_url: str = ""
    wheels: str = ""
    tests: bool = False


class Step(NamedTuple):
    """One step of the set-up; it is done if the state has this mark under this name."""

    name: str
    mark: str
    run: Callable[[], None]


def python_problem(version: tuple, executable: str) -> str:
    """Return one line saying why this version of Python cannot run Crucible, or nothing."""
    if OLDEST <= tuple(version[:2]) <= NEWEST:
        return ""
    found = ".".join(str(number) for number in version)
    age = "old" if tuple(version[:2]) < OLDEST else "new"
    return (f"Crucible needs Python 3.{OLDEST[1]} to 3.{NEWEST[1]}; {executable} is Python {found}, which is too {age}."
            " Install one from https://www.python.org/downloads/ (or your system's packages) and start again, or set "
            "the variable CRUCIBLE_PYTHON to one you have.")


def machine_problem(system: str, machine: str, pointer_bytes: int) -> str:
    """Return one line saying why there is no PyTorch for this machine, or nothing."""
    if pointer_bytes < 8:
        return "This Python is 32-bit, but PyTorch needs 64-bit: install the 64-bit Python from python.org."
    if system == "Darwin" and machine == "x86_64":
        return ("PyTorch is no longer made for Intel Macs. If this Mac has an Apple chip, this Python is an Intel "
                "build: install the universal2 Python from python.org and set the variable CRUCIBLE_PYTHON to it.")
    return ""


def ensure(wishes: Wishes) -> Environment:
    """Return the environment with everything that `wishes` asks for; a few file reads if nothing has changed.

    Raises SetupError with what to do where it cannot be made.
    """
    environment = environment_folder.find()
    if not pending_steps(environment, wishes):
        return environment
    problem = machine_problem(platform.system(), platform.machine(), struct.calcsize("P"))
    if problem:
        raise SetupError(problem)
    try:
        environment.folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(environment.folder.with_name(environment.folder.name + ".lock")):
            # Another start may have finished the work while this one waited.
            steps = pending_steps(environment, wishes)
            if steps:
                run_steps(environment, wishes, steps)
    except OSError as error:
        raise SetupError(f"{environment.folder} could not be set up: {error}. {explain(str(error))}".strip()) from error
    return environment


def pending_steps(environment: Environment, wishes: Wishes) -> list:
    """Return the steps to do, in order; each mark includes the one before, so a change repeats the later steps."""
    state = environment.state()
    remembered = os.environ.get("CRUCIBLE_TORCH_INDEX", "") or state.torch_index_url
    builder = Builder(environment, wishes.torch_index_url, remembered, wishes.wheels)
    python_mark = wanted_python(environment, state.done.get("python", ""))
    torch_mark = f"{torch_requirement()} from {wishes.torch_index_url or remembered}, Python {python_mark}"
    packages_mark = fingerprint(APP / "requirements.txt", torch_mark)
    steps = [Step("python", python_mark, builder.create), Step("torch", torch_mark, builder.install_torch),
             Step("packages", packages_mark, builder.install_packages)]
    if wishes.tests:
        tests_mark = fingerprint(APP / "tests" / "requirements.txt", packages_mark)
        steps.append(Step("tests", tests_mark, builder.install_test_tools))
    whole = environment.is_whole()
    return [step for step in steps if not whole or state.done.get(step.name) != step.mark]


def wanted_python(environment: Environment, noted: str) -> str:
    """Return the Python version ("3.12") that the environment should have.

    One that was made by another supported Python and still runs is kept, unless CRUCIBLE_PYTHON asks otherwise.
    """
    current = "{}.{}".format(*sys.version_info[:2])
    if noted in ("", current) or os.environ.get("CRUCIBLE_PYTHON") or environment.is_running():
        return current
    return noted if environment.answer("print('%d.%d' % sys.version_info[:2])") == noted else current


def fingerprint(requirements: Path, before: str) -> str:
    """Return a hash of a requirements file and of what was installed before it."""
    return hashlib.sha256(requirements.read_bytes() + before.encode("utf-8")).hexdigest()


def run_steps(environment: Environment, wishes: Wishes, steps: list) -> None:
    """Run the steps, noting each when it is done, so that an interrupted set-up continues after the last one."""
    say(f"Setting up Crucible in {environment.folder}. This happens once; if interrupted, it resumes where it stopped.")
    before = environment.state()
    index = wishes.torch_index_url or os.environ.get("CRUCIBLE_TORCH_INDEX", "") or before.torch_index_url
    done = {} if steps[0].name == "python" else dict(before.done)
    for number, step in enumerate(steps, 1):
        say(f"[{number}/{len(steps)}] ", end="")
        step.run()
        done[step.name] = step.mark
        environment.note(State(index, done))
    say("Set-up is complete.")


def main() -> int:
    """Bring the environment up to date; return 0, or 1 with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m kohya_gui.environment", description=main.__doc__)
    parser.add_argument("--torch-index-url", metavar="URL", default="")
    parser.add_argument("--wheels", metavar="DIR", default="")
    options = parser.parse_args()
    try:
        ensure(Wishes(options.torch_index_url, options.wheels))
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    return 0

