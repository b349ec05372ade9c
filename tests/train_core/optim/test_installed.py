"""Optimizers by dotted path come from installed packages alone."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest
import torch

from train_core.config.problems import UserError
from train_core.optim.installed import lies_elsewhere
from train_core.optim.optimizers import build_optimizer

EVIL = "from pathlib import Path\nPath(__file__).with_name('it ran').touch()\nfrom torch.optim import SGD as Evil\n"


@pytest.fixture
def stray(tmp_path, monkeypatch) -> Path:
    """A working folder in which modules lie that Python would find."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stray_module.py").write_text(EVIL)
    for package in ("stray_package", "stray_namespace"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "inner.py").write_text(EVIL)
    (tmp_path / "stray_package" / "__init__.py").write_text(EVIL)
    importlib.invalidate_caches()
    return tmp_path


@pytest.mark.parametrize("found_by", ["", "its path"])
@pytest.mark.parametrize("name", ["stray_module.Evil", "stray_package.inner.Evil", "stray_namespace.inner.Evil"])
def test_a_module_in_the_working_folder_is_never_run(stray, monkeypatch, name, found_by):
    monkeypatch.syspath_prepend(found_by and str(stray))
    weight = torch.nn.Parameter(torch.zeros(2))
    with pytest.raises(UserError) as refused:
        build_optimizer(name, [], [{"params": [weight], "lr": 1e-3, "name": "unet"}])
    assert refused.value.problems[0].code == "optimizer_not_installed"
    assert not list(stray.rglob("it ran"))


@pytest.mark.parametrize("module", ["os", "sys", "", "tests.tiny", "train_core.optim"])
def test_neither_python_s_own_modules_nor_ours_are_installed_packages(module):
    assert lies_elsewhere(module)


@pytest.mark.parametrize("module", ["torch.optim", "lion_pytorch", "dadaptation.experimental", "bitsandbytes.optim"])
def test_installed_packages_are_known(module):
    assert not lies_elsewhere(module)


def test_a_package_installed_for_editing_is_installed(stray, monkeypatch, tmp_path_factory):
    packages = tmp_path_factory.mktemp("venv") / "site-packages"
    packages.mkdir()
    (packages / "editable.pth").write_text(f"{stray}\nimport os\n")
    monkeypatch.setattr("site.getsitepackages", lambda: [str(packages)])
    monkeypatch.setattr(sys, "path", [str(stray), *sys.path])
    assert not lies_elsewhere("stray_package")
