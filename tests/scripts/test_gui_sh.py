"""gui.sh finds a fitting Python, passes on every word unchanged, and says what to do where there is none."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

APP = Path(__file__).parents[2]
SHELL = shutil.which("sh")
pytestmark = pytest.mark.skipif(SHELL is None, reason="there is no POSIX shell here")
# Answers gui.sh's trial as a Python of this age would, and otherwise prints what it was called with.
STUB = """#!/bin/sh
if [ "$1" = -c ]; then
    case "$2" in *'(3, 11)'*) exit {fits} ;; *) exit {runs} ;; esac
fi
printf '%s\\n' {name} "$@"
exit {code}
"""


@pytest.fixture
def place(tmp_path):
    """A folder with a difficult name that holds gui.sh, and an empty folder `bin` beside it for Pythons."""
    folder = tmp_path / "my Crücible (画) $HOME 'x'"
    folder.mkdir()
    shutil.copy(APP / "gui.sh", folder)
    (tmp_path / "bin").mkdir()
    for name in ("dirname", "readlink"):
        (tmp_path / "bin" / name).symlink_to(shutil.which(name))
    return folder


def python(place, name, fits=True, runs=True, code=0):
    """Put a stub Python on PATH."""
    stub = place.parent / "bin" / name
    stub.write_text(STUB.format(name=name, fits=int(not fits), runs=int(not runs), code=code))
    stub.chmod(0o755)
    return stub


def start(place, *typed, **variables):
    """Type ./gui.sh with only the stubs on PATH, from another folder."""
    # /usr/local/bin is added by gui.sh itself; a Python there would answer for the missing ones.
    script = (place / "gui.sh").read_text(encoding="utf-8").replace("/usr/local/bin:/opt/homebrew/bin", "/nowhere")
    (place / "gui.sh").write_text(script, encoding="utf-8")
    environ = {"PATH": str(place.parent / "bin"), "HOME": os.environ.get("HOME", "/"), **variables}
    return subprocess.run([SHELL, str(place / "gui.sh"), *typed], env=environ, cwd=place.parent, encoding="utf-8",
                          capture_output=True, check=False)


def test_shellcheck_has_nothing_to_say():
    if shutil.which("shellcheck") is None:
        pytest.skip("shellcheck is not installed here")
    done = subprocess.run(["shellcheck", "gui.sh", ".ci/run"], cwd=APP, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_gui_sh_and_the_ci_script_can_be_run_as_they_are():
    assert all(os.access(APP / name, os.X_OK) for name in ("gui.sh", ".ci/run"))


def test_every_word_arrives_unchanged(place):
    python(place, "python3")
    words = ["train", "a b.toml", "--prompt", "a $HOME * \"quoted\" 画", ""]
    done = start(place, *words)
    assert done.stdout.split("\n")[:-1] == ["python3", str(place / "gui.py"), *words]


@pytest.mark.parametrize("absolute", [True, False])
def test_a_link_to_gui_sh_starts_the_program_that_it_points_to(place, absolute):
    python(place, "python3")
    script = place / "gui.sh"
    link = place.parent / "crucible"
    link.symlink_to(script if absolute else script.relative_to(link.parent))
    done = subprocess.run([SHELL, str(link), "demo"], env={"PATH": str(place.parent / "bin")}, encoding="utf-8",
                          capture_output=True, check=False)
    assert done.stdout.split("\n")[:-1] == ["python3", str(place / "gui.py"), "demo"]


def test_the_exit_code_comes_back(place):
    python(place, "python3", code=7)
    assert start(place).returncode == 7


def test_a_fitting_python3_goes_before_newer_ones(place):
    for name in ("python3.13", "python3"):
        python(place, name)
    assert start(place).stdout.startswith("python3\n")


def test_an_old_python3_is_passed_over_for_the_newest_fitting_one(place):
    python(place, "python3", fits=False)
    for name in ("python3.11", "python3.13", "python3.12"):
        python(place, name)
    assert start(place).stdout.startswith("python3.13\n")


def test_a_command_that_is_there_but_does_not_run_is_passed_over(place):
    python(place, "python3", fits=False, runs=False)
    python(place, "python3.12")
    assert start(place).stdout.startswith("python3.12\n")


def test_the_users_choice_goes_before_all(place):
    python(place, "python3")
    mine = python(place, "my python")
    mine.write_text(mine.read_text().replace("'%s\\n' my python", "'%s\\n' mine"))
    assert start(place, CRUCIBLE_PYTHON=str(mine)).stdout.startswith("mine\n")


def test_only_an_old_python_is_left_to_say_itself_that_it_is_too_old(place):
    python(place, "python3", fits=False, code=1)
    done = start(place)
    assert done.stdout.startswith("python3\n") and done.returncode == 1


def test_no_python_at_all_says_where_to_get_one(place):
    done = start(place)
    assert done.returncode == 1
    assert "Crucible needs Python 3.11 to 3.14" in done.stderr and "sudo apt install python3" in done.stderr
    assert done.stderr.count("\n") == 1 and not done.stdout


def test_the_real_thing_answers_help(tmp_path):
    done = subprocess.run([SHELL, str(APP / "gui.sh"), "--help"], cwd=tmp_path, capture_output=True, text=True,
                          check=False)
    assert done.returncode == 0, done.stderr
    assert "usage: ./gui.sh" in done.stdout
