"""Packaging: `pip install .` gives both packages, with presets, demo and guides as their data, and the commands."""
import shutil
from pathlib import Path

from setuptools import find_namespace_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent
# What the program reads beside its packages in a checkout is installed here; see train_core/config/places.py.
DATA = Path("kohya_gui", "_app")
FOLDERS = ("presets", "demo")
GUIDES = ("docs/guide.md", "docs/*/guide.md")


def requirements() -> list[str]:
    """The lines of requirements.txt that are not comments."""
    lines = (HERE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


class BuildWithData(build_py):
    """Copies presets, demo and guides into the package; their folders' names are no names for packages."""

    def run(self) -> None:
        """Build the packages, then add the data."""
        super().run()
        if self.editable_mode:
            return
        for name in FOLDERS:
            shutil.copytree(HERE / name, Path(self.build_lib, DATA, name), dirs_exist_ok=True,
                            ignore=shutil.ignore_patterns("__pycache__"))
        for guide in (found for pattern in GUIDES for found in HERE.glob(pattern)):
            copy = Path(self.build_lib, DATA, guide.relative_to(HERE))
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(guide, copy)


readme = HERE / "README.md"
setup(
    name="crucible-trainer",
    version="0.1.0",
    description="A desktop page for training LoRAs and their relatives on Stable Diffusion models",
    long_description=readme.read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11,<3.15",
    install_requires=requirements(),
    packages=find_namespace_packages(include=["kohya_gui*", "train_core*"]),
    package_data={"": ["*"]},
    cmdclass={"build_py": BuildWithData},
    entry_points={"console_scripts": ["crucible = kohya_gui.cli:main", "crucible-train = train_core.__main__:main"]},
    zip_safe=False,
)
