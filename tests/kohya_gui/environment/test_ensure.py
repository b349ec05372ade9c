"""The environment is made once, goes on where it was interrupted, and is redone only where something changed.

A copy of the program with two tiny packages in place of its requirements is set up for real: venv and pip included.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from kohya_gui.environment import ensure as environment
from kohya_gui.environment import folder as environment_folder
from kohya_gui.environment import lock as environment_lock
from kohya_gui.environment import start as environment_start
from kohya_gui.environment import steps as environment_steps
from kohya_gui.environment.pip import SetupError

APP = Path(__file__).parents[3]
OLD_PYTHON_READS = [APP / "gui.py", *sorted((APP / "kohya_gui" / "environment").glob("*.py"))]
STUB_TORCH = "__version__ = '2.13.0{build}'\nclass cuda:\n    is_available = staticmethod(lambda: False)\n"
STUB_PAGE = "import sys\ndef serve(options):\n    print('PAGE', sys.prefix, options.listen)\n    return 4\n"


def add_wheel(folder: Path, name: str, version: str, code: str = "") -> None:
    """Write a wheel of one module."""
    folder.mkdir(parents=True, exist_ok=True)
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}.py", code)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: x\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


class Copy:
    """A copy of the program with tiny requirements, and a folder of wheels that has them."""

    def __init__(self, folder: Path) -> None:
        self.app, self.wheels, self.home = folder / "Crücible 画 app", folder / "wheels", folder / "home"
        shutil.copytree(APP / "kohya_gui", self.app / "kohya_gui", ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copytree(APP / "train_core" / "config", self.app / "train_core" / "config")
        (self.app / "train_core" / "__init__.py").touch()
        shutil.copy(APP / "gui.py", self.app)
        (self.app / "kohya_gui" / "server" / "app.py").write_text(STUB_PAGE)
        # It prepares for gradio, which this environment does not have.
        (self.app / "kohya_gui" / "server" / "surroundings.py").write_text("def prepare_surroundings(): pass\n")
        self.require("requirements.txt", "# the least\ntorch==2.13.0\ntiny_a==1.0\n")
        self.require("tests/requirements.txt", "tiny_test==1.0\n")
        add_wheel(self.wheels, "torch", "2.13.0", STUB_TORCH.format(build=""))
        for name in ("tiny_a", "tiny_b", "tiny_test"):
            add_wheel(self.wheels, name, "1.0")

    def require(self, name: str, text: str) -> None:
        """Write a requirements file."""
        path = self.app / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def start(self, *typed: str, **variables: str) -> subprocess.CompletedProcess:
        """Type `gui.py …` with no package index but what the arguments name."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "CRUCIBLE_"))}
        environ.update(PIP_CONFIG_FILE=os.devnull, PIP_INDEX_URL=self.wheels.with_name("no-index").as_uri(),
                       CRUCIBLE_HOME=str(self.home), PYTHONUTF8="1", **variables)
        return subprocess.run([sys.executable, str(self.app / "gui.py"), *typed], env=environ, encoding="utf-8",
                              stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd=self.app.parent)

    def state(self) -> dict:
        """Lines that the set-up noted."""
        return json.loads((self.app / ".venv" / "crucible-setup.json").read_text())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A copy that was set up once, and what that start printed."""
    copy = Copy(tmp_path_factory.mktemp("made"))
    return copy, copy.start("--listen", "1.2.3.4", "--wheels", str(copy.wheels))


def test_the_first_start_sets_up_and_then_opens_the_page_in_the_environment(made):
    copy, first = made
    assert first.returncode == 4, first.stderr
    assert f"PAGE {copy.app / '.venv'} 1.2.3.4" in first.stdout


def test_set_up_says_where_packages_come_from_and_how_far_it_is(made):
    copy, first = made
    for step in ("[1/3] Python", "[2/3] torch==2.13.0", "[3/3] packages of requirements.txt"):
        assert step in first.stdout
    assert f"from the folder {copy.wheels}" in first.stdout


def test_a_second_start_does_nothing_but_start(made):
    copy, _ = made
    second = copy.start("--listen", "1.2.3.4")
    assert (second.returncode, second.stdout) == (4, f"PAGE {copy.app / '.venv'} 1.2.3.4\n")


def test_a_changed_requirement_redoes_that_step_alone(made):
    copy, _ = made
    copy.require("requirements.txt", "torch==2.13.0\ntiny_a==1.0\ntiny_b==1.0\n")
    changed = copy.start("--wheels", str(copy.wheels))
    assert changed.returncode == 4, changed.stderr
    assert "[1/1] packages of requirements.txt" in changed.stdout
    assert copy.start().stdout.startswith("PAGE")


def test_a_failed_step_says_what_to_do_and_the_next_start_goes_on_from_it(made):
    copy, _ = made
    copy.require("requirements.txt", "torch==2.13.0\ntiny_a==1.0\ntiny_late==1.0\n")
    failed = copy.start("--wheels", str(copy.wheels))
    assert failed.returncode == 1
    assert "No matching distribution found for tiny_late" in failed.stderr
    assert "put the package into the --wheels folder" in failed.stderr and "Traceback" not in failed.stderr
    add_wheel(copy.wheels, "tiny_late", "1.0")
    mended = copy.start("--wheels", str(copy.wheels))
    assert mended.returncode == 4, mended.stderr
    assert "[1/1] packages" in mended.stdout


def test_another_torch_index_brings_its_build_and_is_remembered(made):
    copy, _ = made
    index = copy.wheels.with_name("index")
    add_wheel(index / "torch", "torch", "2.13.0+cu999", STUB_TORCH.format(build="+cu999"))
    link = "torch-2.13.0+cu999-py3-none-any.whl"
    (index / "torch" / "index.html").write_text(f'<a href="{link}">{link}</a>')
    done = copy.start("--torch-index-url", index.as_uri(), "--wheels", str(copy.wheels))
    assert done.returncode == 4, done.stderr
    assert f"from {index.as_uri()} (--torch-index-url)" in done.stdout
    assert "torch 2.13.0+cu999 runs on the CPU" in done.stdout
    assert copy.start().stdout.startswith("PAGE")
    assert copy.state()["torch_index_url"] == index.as_uri()


def test_the_tests_tools_come_on_top_when_they_are_asked_for(made):
    copy, _ = made
    listed = copy.start("test", "--wheels", str(copy.wheels))
    assert "[1/1] tools for the tests of tests/requirements.txt" in listed.stdout
    assert copy.start().stdout.startswith("PAGE")


def test_a_note_torn_by_a_power_cut_is_mended(made):
    copy, _ = made
    (copy.app / ".venv" / "crucible-setup.json").write_text('{"torch_index_url": "", "do')
    mended = copy.start("--wheels", str(copy.wheels))
    assert mended.returncode == 4, mended.stderr
    assert "its environment already exists" in mended.stdout


def test_a_folder_named_venv_that_is_something_else_is_left_alone(tmp_path):
    copy = Copy(tmp_path)
    (copy.app / ".venv").mkdir()
    (copy.app / ".venv" / "thesis.txt").write_text("mine")
    refused = copy.start()
    assert refused.returncode == 1 and "Move it away" in refused.stderr
    assert (copy.app / ".venv" / "thesis.txt").read_text() == "mine"


def test_help_needs_no_environment(tmp_path):
    copy = Copy(tmp_path)
    assert "usage:" in copy.start("--help").stdout
    assert not (copy.app / ".venv").exists()


@pytest.mark.parametrize("path", OLD_PYTHON_READS, ids=lambda path: path.name)
def test_a_python_3_7_can_read_what_tells_it_that_it_is_too_old(path):
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 7))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    own = {"kohya_gui", "train_core"}
    assert {name.partition(".")[0] for name in named} <= sys.stdlib_module_names | own


@pytest.mark.parametrize(("version", "word"), [((3, 7, 16), "old"), ((3, 10, 13), "old"), ((3, 15, 0), "new")])
def test_an_unfit_python_is_told_in_one_line(version, word):
    line = environment.python_problem(version, "/usr/bin/python3")
    assert f"too {word}" in line and ".".join(map(str, version)) in line and "\n" not in line


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 14, 9)])
def test_a_fit_python_is_not_complained_about(version):
    assert environment.python_problem(version, "python") == ""


def test_a_real_old_python_gets_the_one_line_and_no_traceback():
    places = [shutil.which(name) for name in ("python3.7", "python3.8", "python3.9", "python3.10")]
    places += [str(path) for path in Path.home().glob(".pyenv/versions/3.[789].*/bin/python")]
    works = [place for place in places
             if place and subprocess.run([place, "-V"], capture_output=True, check=False).returncode == 0]
    if not works:
        pytest.skip("no Python from 3.7 to 3.10 is installed here")
    done = subprocess.run([works[0], str(APP / "gui.py")], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("Crucible needs Python 3.11 to 3.14") and done.stderr.count("\n") == 1


@pytest.mark.parametrize(("machine", "says"), [
    (("Windows", "AMD64", 4), "64-bit"), (("Darwin", "x86_64", 8), "Intel"), (("Darwin", "arm64", 8), ""),
    (("Linux", "x86_64", 8), ""),
])
def test_a_machine_without_a_pytorch_is_told_before_anything_is_fetched(machine, says):
    problem = environment.machine_problem(*machine)
    assert says in problem and bool(says) == bool(problem)


@pytest.fixture
def builder(tmp_path):
    """The steps of an environment that is not there yet."""
    return environment_steps.Builder(environment_folder.Environment(tmp_path / ".venv"), "", "", "")


def test_a_debian_python_without_venv_names_the_package(builder, monkeypatch):
    monkeypatch.setattr(environment_steps.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SetupError, match=rf"sudo apt install python3\.{sys.version_info[1]}-venv"):
        builder.create()


def test_a_disk_without_room_is_told_before_the_download(builder, monkeypatch):
    monkeypatch.setattr(environment_steps.shutil, "disk_usage", lambda _: SimpleNamespace(free=10**9))
    with pytest.raises(SetupError, match=r"1\.0 GB free.* about 9 GB"):
        builder.refuse_full_disk(environment_steps.Build("NVIDIA", "", ""))


def test_a_wheels_folder_that_is_not_there_is_told(builder, tmp_path):
    builder.wheels = str(tmp_path / "nowhere")
    with pytest.raises(SetupError, match="there is no folder"):
        builder.wheels_source("torch==2.13.0")


def test_a_read_only_program_folder_gets_its_environment_in_crucibles_home(monkeypatch, tmp_path):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(environment_folder, "APP", tmp_path / "program")
    monkeypatch.setattr(environment_folder.os, "access", lambda *_: False)
    first = environment_folder.find().folder
    assert first.parent == tmp_path / "home"
    monkeypatch.setattr(environment_folder, "APP", tmp_path / "another copy")
    assert environment_folder.find().folder != first


def test_an_environment_whose_python_went_away_is_not_whole(tmp_path):
    made = environment_folder.Environment(tmp_path)
    assert not made.is_whole()
    made.python.parent.mkdir(parents=True)
    made.python.touch()
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}\nversion = 3.11.7\n")
    assert made.is_whole()
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path / 'removed'}\nversion = 3.11.7\n")
    assert not made.is_whole()


@pytest.mark.parametrize(("answer", "asked_for", "wanted"), [
    ("3.12", "", "3.12"), ("", "", "current"), ("3.12", "/usr/bin/python3.11", "current"),
])
def test_an_environment_of_another_python_is_kept_while_it_runs(monkeypatch, tmp_path, answer, asked_for, wanted):
    monkeypatch.setattr(environment.sys, "version_info", (3, 11, 7))
    monkeypatch.setattr(environment_folder.Environment, "answer", lambda *_: answer)
    monkeypatch.setenv("CRUCIBLE_PYTHON", asked_for)
    found = environment.wanted_python(environment_folder.Environment(tmp_path), "3.12")
    assert found == ("3.11" if wanted == "current" else wanted)


def test_one_set_up_at_a_time(tmp_path):
    path = tmp_path / "app.lock"
    with environment_lock.locked(path), path.open("a") as other:
        assert not environment_lock.take(other.fileno())
    with path.open("a") as other:
        assert environment_lock.take(other.fileno())


def test_a_write_that_the_disk_refuses_is_told_in_words(monkeypatch, tmp_path):
    def refuse(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(environment_folder, "find", lambda: environment_folder.Environment(tmp_path / ".venv"))
    monkeypatch.setattr(environment, "run_steps", refuse)
    with pytest.raises(SetupError, match="The disk is full"):
        environment.ensure(environment.Wishes())


def test_where_a_process_cannot_be_replaced_its_exit_code_is_handed_on():
    assert environment_start.run_to_the_end([sys.executable, "-c", "raise SystemExit(9)"]) == 9


def test_ones_own_python_is_taken_as_it_is_when_set_up_is_switched_off(monkeypatch):
    monkeypatch.setenv("CRUCIBLE_NO_SETUP", "1")
    monkeypatch.setattr(environment, "ensure", lambda _: pytest.fail("set-up began"))
    assert environment_start.hand_over(environment.Wishes(), ["demo"]) is None
