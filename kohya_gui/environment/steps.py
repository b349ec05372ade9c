"""The set-up's steps: the environment, torch for this machine, the packages, the test tools. Parses on Python 3.7."""
from __future__ import annotations

import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path

from kohya_gui.environment.folder import APP, Environment
from kohya_gui.environment.pip import Pip, SetupError, clean_environ, explain, say
from kohya_gui.environment.torch_build import PYPI, Build, Source, advice, choose, detect

FREE_GIGABYTES = {"NVIDIA": 9, "AMD": 20}
FREE_GIGABYTES_OTHERWISE = 3
TEST_DRIVE = ("import torch; print('torch', torch.__version__, 'runs on', torch.cuda.get_device_name(0) "
              "if torch.cuda.is_available() else 'the CPU')")


def torch_requirement() -> str:
    """Return the line of requirements.txt that pins torch."""
    lines = (APP / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return next(line.strip() for line in lines if line.startswith("torch=="))


class Builder:
    """The steps themselves: each may be run again after it was interrupted.

    flag: --torch-index-url; remembered: the index from CRUCIBLE_TORCH_INDEX or from the last set-up; wheels: --wheels.
    """

    def __init__(self, environment: Environment, flag: str, remembered: str, wheels: str) -> None:
        self.environment = environment
        self.flag = flag
        self.remembered = remembered
        self.wheels = wheels
        self.pip = Pip(environment.python, environment.folder / "crucible-setup.log")
        self.constraints = environment.folder / "crucible-constraints.txt"

    def create(self) -> None:
        """Create the environment, unless it exists, was made by this same Python and has pip."""
        folder, version = self.environment.folder, platform.python_version()
        if self.environment.answer("import pip; print('%d.%d.%d' % sys.version_info[:3])") == version:
            say(f"Python {version}: its environment already exists")
            return
        say(f"Python {version} ({sys.executable}): a new environment")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / "pyvenv.cfg").exists():
            raise SetupError(f"{folder} is in the way: it is not a Python environment. Move it away and start again.")
        if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
            raise SetupError("This Python cannot create environments: its venv module is not installed. On Debian and "
                             f"Ubuntu: sudo apt install python3.{sys.version_info[1]}-venv. Then start again.")
        base = getattr(sys, "_base_executable", "") or sys.executable
        done = subprocess.run([base, "-m", "venv", "--clear", str(folder)], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=clean_environ(), check=False)
        if done.returncode:
            output = done.stdout.decode("utf-8", "replace").strip()
            raise SetupError(f"The environment could not be created: {output}\n{explain(output)}".strip())

    def install_torch(self) -> None:
        """Install the torch build for this machine and say what it runs on."""
        requirement, build = torch_requirement(), detect()
        wheels = self.wheels_source(requirement)
        source = choose(self.flag, wheels, self.remembered, self.pip.configured_source(), build)
        why = "" if self.flag or self.remembered else " " + build.why
        say(f"{requirement}{why}; from {source.name}")
        self.refuse_full_disk(build)
        if self.flag or "torch" in self.environment.state().done:
            # A build for other hardware has the same version, so pip would leave the old one in place.
            self.pip.run("uninstall", "--yes", "-qq", "torch")
        self.pip.run("install", *source.arguments, requirement)
        hint = advice(self.torch_version(), build, platform.system())
        if hint:
            say(hint)

    def install_packages(self) -> None:
        """Install requirements.txt, leaving torch as it is, and see that torch starts."""
        self.install_file("packages", APP / "requirements.txt")
        driven = self.environment.answer(TEST_DRIVE)
        if not driven:
            raise SetupError(f"PyTorch is installed but does not start. To see why: {self.environment.python} -c "
                             "\"import torch\". On Windows it usually needs https://aka.ms/vs/17/release/vc_redist.x64.exe")
        say(driven)

    def install_test_tools(self) -> None:
        """Install tests/requirements.txt, leaving torch as it is."""
        self.install_file("tools for the tests", APP / "tests" / "requirements.txt")

    def install_file(self, title: str, requirements: Path) -> None:
        """Install a requirements file without changing the torch build; says from where."""
        wheels = self.wheels_source("--requirement", str(requirements))
        configured = self.pip.configured_source()
        rest = f"your pip configuration: {configured}" if configured else PYPI
        say(f"{title} of {requirements.relative_to(APP).as_posix()}; from {wheels.name or rest}")
        # Without this another package could bring another build of torch.
        self.constraints.write_text(f"torch=={self.torch_version()}\n", encoding="utf-8")
        self.pip.run("install", *wheels.arguments, "--constraint", str(self.constraints),
                     "--requirement", str(requirements))

    def wheels_source(self, *requirements: str) -> Source:
        """Return where these come from with --wheels: the folder alone if it has them all, else the folder first."""
        if not self.wheels:
            return Source((), "")
        folder = Path(self.wheels).expanduser().resolve()
        if not folder.is_dir():
            raise SetupError(f"--wheels: there is no folder {folder}. Name the one with the downloaded .whl files.")
        alone = ("--no-index", "--find-links", str(folder))
        if self.pip.can_install(alone, *requirements):
            return Source(alone, f"the folder {folder}")
        return Source(alone[1:], f"the folder {folder}, and the network for the rest")

    def torch_version(self) -> str:
        """Return the installed torch's version with its build, as in 2.13.0+cpu."""
        found = self.environment.answer("from importlib.metadata import version; print(version('torch'))")
        if not found:
            raise SetupError("PyTorch was installed but cannot be found. Start again; if that does not help, "
                             f"move {self.environment.folder} away and start once more.")
        return found

    def refuse_full_disk(self, build: Build) -> None:
        """Raise SetupError if the packages for this build will not fit."""
        needed = FREE_GIGABYTES.get(build.kind, FREE_GIGABYTES_OTHERWISE)
        free = shutil.disk_usage(str(self.environment.folder)).free / 1e9
        if free < needed:
            raise SetupError(f"The disk of {self.environment.folder} has {free:.1f} GB free, but the packages need "
                             f"about {needed} GB. Free some space and start again, or move Crucible to another disk.")
