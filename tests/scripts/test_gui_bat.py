"""gui.bat under Wine's cmd, with a stub Python: paths with spaces, no Python, a failing start.

The stub is a launcher that pip carries for Windows, told to run a batch file: so it is a real .exe with an exit code.
"""

import io
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

APP = Path(__file__).parents[2]
WINE = shutil.which("wine") or shutil.which("wine64")
pytestmark = pytest.mark.skipif(WINE is None, reason="wine is not installed here, so gui.bat cannot be run")
# Answers gui.bat's trial as a Python of this age would (only the first trial names both ends of the range), else notes
# what it was called with.
STUB = r"""@echo off
if "%~2" == "-c" goto trial
if "%~3" == "-c" goto trial
echo {name} %* >> {notes}
if exist "%~2" echo gui.py is there >> {notes}
echo %PYTHONUTF8% >> {notes}
exit /b {code}
:trial
echo %* | find "(3, 11)" >nul
if errorlevel 1 exit /b {runs}
exit /b {fits}
"""


def windows(path: Path) -> str:
    """Return the path as Wine's programs see it."""
    return "Z:" + str(path).replace("/", "\\")


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """Wine's own folder, made once. A program waits in it all the time, so that Wine's server, which programs share,
    does not end while the next one starts."""
    folder = tmp_path_factory.mktemp("wine")
    environ = {**os.environ, "WINEPREFIX": str(folder), "WINEDEBUG": "-all", "LC_ALL": "C.UTF-8", "DISPLAY": ""}
    for name in ("CRUCIBLE_PYTHON", "CMDCMDLINE"):
        environ.pop(name, None)
    # Services come with the first programs, and would keep their pipes open for ever: these have none.
    silent = {"env": environ, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    subprocess.run([WINE, "wineboot", "--init"], stdin=subprocess.DEVNULL, check=False, **silent)
    waiting = subprocess.Popen([WINE, "cmd"], stdin=subprocess.PIPE, **silent)
    started = subprocess.run([WINE, "cmd", "/c", "exit 3"], stdin=subprocess.DEVNULL, check=False, **silent)
    if started.returncode != 3:
        waiting.kill()
        pytest.skip(f"wine is installed but does not run: it ends with {started.returncode} instead of 3")
    yield environ
    waiting.kill()
    waiting.wait()
    subprocess.run(["wineserver", "--kill"], env=environ, check=False, capture_output=True)


class Desk:
    """A folder with spaces that holds gui.bat, and a folder of stub Pythons on PATH."""

    def __init__(self, folder: Path, environ: dict) -> None:
        self.app, self.bin, self.notes = folder / "my Crücible 画", folder / "bin", folder / "notes.txt"
        self.environ = {**environ, "WINEPATH": windows(self.bin)}
        self.bin.mkdir()
        self.app.mkdir()
        shutil.copy(APP / "gui.bat", self.app)
        (self.app / "gui.py").touch()

    def python(self, name: str, fits: bool = True, runs: bool = True, code: int = 0) -> Path:
        """Put a stub Python on PATH."""
        script = self.bin / f"{name.replace(' ', '_')}.stub.bat"
        text = STUB.format(name=name, notes=windows(self.notes), fits=int(not fits), runs=int(not runs), code=code)
        script.write_text(text, newline="\r\n")
        import pip._vendor.distlib as carried  # noqa: PLC0415  some distributions strip pip of it

        launcher = Path(carried.__file__).parent / "t64.exe"
        if not launcher.is_file():
            pytest.skip("this pip does not carry its Windows launcher, which the stub Python is made of")
        end = io.BytesIO()
        with zipfile.ZipFile(end, "w") as archive:
            archive.writestr("__main__.py", "")
        shebang = f"#!C:\\windows\\system32\\cmd.exe /c {windows(script)}\r\n"
        stub = self.bin / f"{name}.exe"
        stub.write_bytes(launcher.read_bytes() + shebang.encode() + end.getvalue())
        return stub

    def start(self, *typed: str, **variables: str) -> subprocess.CompletedProcess:
        """Type gui.bat in its folder."""
        return subprocess.run([WINE, "cmd", "/c", "gui.bat", *typed], env={**self.environ, **variables}, cwd=self.app,
                              stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace",
                              check=False)

    def noted(self) -> list[str]:
        """Lines that the stub Pythons noted."""
        if not self.notes.exists():
            return []
        return [line.strip() for line in self.notes.read_text(encoding="utf-8", errors="replace").splitlines()]


@pytest.fixture
def desk(tmp_path, prefix):
    """A desk of its own for each test."""
    return Desk(tmp_path, prefix)


def test_gui_bat_has_windows_line_ends():
    text = (APP / "gui.bat").read_bytes()
    assert text.count(b"\r\n") == text.count(b"\n") > 20
    assert text.isascii(), "cmd reads the file in the console's own code page"


def test_a_path_with_spaces_and_every_word_arrive_and_success_closes_the_window(desk):
    desk.python("python")
    done = desk.start("train", "a b.toml", "--prompt", "two words", CMDCMDLINE='cmd /c ""C:\\x y\\gui.bat" "')
    assert done.returncode == 0
    called, there, utf8 = desk.noted()
    assert called.startswith("python ") and called.endswith('"a b.toml" --prompt "two words"') and "gui.py" in called
    assert (there, utf8) == ("gui.py is there", "1")
    assert "Press any key" not in done.stdout


def test_the_py_launcher_goes_before_python_on_path(desk):
    desk.python("py")
    desk.python("python")
    assert desk.start().returncode == 0
    assert desk.noted()[0].startswith("py ") and " -3.13 " in desk.noted()[0]


def test_the_stores_false_python_is_passed_over(desk):
    desk.python("python", fits=False, runs=False, code=9)
    desk.python("python3")
    assert desk.start().returncode == 0
    assert desk.noted()[0].startswith("python3 ")


def test_the_users_choice_may_hold_spaces_and_goes_before_all(desk):
    desk.python("python", code=9)
    mine = desk.python("my python")
    assert desk.start(CRUCIBLE_PYTHON=windows(mine)).returncode == 0
    assert desk.noted()[0].startswith("my python ")


def test_no_python_says_where_to_get_one(desk):
    done = desk.start()
    assert done.returncode == 1
    assert "Crucible needs Python 3.11 to 3.14" in done.stdout and "https://www.python.org/downloads/" in done.stdout


def test_only_an_old_python_is_left_to_say_itself_that_it_is_too_old(desk):
    desk.python("python", fits=False, code=1)
    assert desk.start().returncode == 1
    assert "gui.py" in desk.noted()[0]


@pytest.mark.parametrize(("line", "stays"), [('cmd /c ""C:\\x y\\gui.bat" "', True), ('"C:\\windows\\cmd.exe"', False)])
def test_a_failing_set_up_keeps_a_double_clicked_window_open_and_its_exit_code(desk, line, stays):
    desk.python("python", code=5)
    done = desk.start(CMDCMDLINE=line)
    assert done.returncode == 5
    assert ("Press any key" in done.stdout) is stays
