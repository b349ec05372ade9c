"""`pip install .` would install everything that runs, and every dependency has its pin and its reason."""

import ast
import importlib.util
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from kohya_gui.i18n.languages import languages

APP = Path(__file__).parents[2]
# Modules that have another name than the package that brings them.
BROUGHT_BY = {"yaml": "pyyaml", "pil": "pillow", "cv2": "opencv-python-headless"}
BUILT_FROM = ("kohya_gui", "train_core", "presets", "demo", "docs", "setup.py", "MANIFEST.in", "pyproject.toml",
              "requirements.txt", "README.md", "LICENSE", "NOTICE")


def pins(name):
    """Return {package: version} of a requirements file."""
    lines = (APP / name).read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


def imported(package):
    """Return the top names of every module that a package imports."""
    found = set()
    for path in (APP / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", ["kohya_gui", "train_core"])
def test_everything_imported_is_pinned(package):
    ours = {"kohya_gui", "train_core", "msvcrt"}
    names = {name.lower().replace("_", "-") for name in imported(package) - sys.stdlib_module_names - ours}
    pinned = {name.lower().replace("_", "-") for name in pins("requirements.txt")}
    assert {BROUGHT_BY.get(name, name) for name in names} <= pinned


def test_every_pin_has_a_reason_and_every_reason_a_pin():
    rows = re.findall(r"^\| ([\w-]+) \|", (APP / "docs" / "dependencies.md").read_text(encoding="utf-8"), re.MULTILINE)
    reasons = [row for row in rows if row != "package"]
    assert sorted(reasons) == sorted([*pins("requirements.txt"), *pins("tests/requirements.txt")])


def files(folder):
    """Return every file below a folder of the program, by its path in the program."""
    return {path.relative_to(APP).as_posix() for path in (APP / folder).rglob("*")
            if path.is_file() and "__pycache__" not in path.parts}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Contents that pip would install: the names of the files, and the commands."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed here, and the tests fetch nothing")
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "a copy").mkdir()
    for name in BUILT_FROM:
        copy = shutil.copytree if (APP / name).is_dir() else shutil.copy
        copy(APP / name, folder / "a copy" / name)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    done = subprocess.run([*command, str(folder), str(folder / "a copy")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    [built] = folder.glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
        [entry_points] = [name for name in names if name.endswith("entry_points.txt")]
        return set(names), archive.read(entry_points).decode()


def test_an_installed_package_has_all_that_the_program_reads(wheel):
    names, _ = wheel
    assert files("kohya_gui") | files("train_core") <= names
    assert {"kohya_gui/_app/" + name for name in files("presets") | files("demo")} <= names
    guides = {name for name in files("docs") if name.endswith("/guide.md")}
    assert len(guides) == len(languages())
    assert {name for name in names if name.startswith("kohya_gui/_app/docs/")} == {
        "kohya_gui/_app/" + name for name in guides}


def test_an_installed_package_brings_two_commands(wheel):
    _, commands = wheel
    assert "crucible = kohya_gui.cli:main" in commands and "crucible-train = train_core.__main__:main" in commands


def test_batch_files_keep_the_line_ends_that_windows_needs():
    assert "*.bat text eol=crlf" in (APP / ".gitattributes").read_text(encoding="utf-8")
