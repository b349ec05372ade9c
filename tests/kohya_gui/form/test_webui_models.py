"""Models of WebUIs that are offered while someone types: folders are walked rarely, and never for nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.form.form_facts import WEBUI_MODELS
from kohya_gui.form.webui_models import KEPT, WebuiModels, walked
from kohya_gui.preferring import forget_webui, name_webui
from train_core.facts.models.webuis import ModelKind


class Counted:
    """Walks as they are done on the page, each noted; `now` is what its clock shows."""

    def __init__(self) -> None:
        self.walks: list[ModelKind] = []
        self.now = 1000.0
        self.models = WebuiModels(self.walk, lambda: self.now)

    def walk(self, kind: ModelKind) -> list[Path]:
        self.walks.append(kind)
        return walked(kind)

    def names(self, kind: ModelKind = "base", reach: Reach = EVERYWHERE) -> list[str]:
        return [path.name for path in self.models.offered(kind, reach)]


@pytest.fixture
def bases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    bases = tmp_path / "webui" / "models" / "Stable-diffusion"
    bases.mkdir(parents=True)
    (bases / "a.safetensors").touch()
    name_webui(str(tmp_path / "webui"))
    return bases


def test_many_keys_need_one_walk_for_each_kind(bases: Path):
    counted = Counted()
    assert [counted.names() for _ in range(40)] == [["a.safetensors"]] * 40
    assert counted.names("vae") == counted.names("vae") == []
    assert counted.walks == ["base", "vae"]


def test_after_a_while_new_files_are_found(bases: Path):
    counted = Counted()
    counted.names()
    (bases / "b.safetensors").touch()
    counted.now += KEPT - 1
    assert counted.names() == ["a.safetensors"]
    counted.now += 1
    assert counted.names() == ["a.safetensors", "b.safetensors"]
    assert counted.walks == ["base"] * 2


def test_a_webui_that_is_named_or_forgotten_counts_at_once(bases: Path, tmp_path: Path):
    counted = Counted()
    counted.names()
    other = tmp_path / "other" / "models" / "checkpoints"
    other.mkdir(parents=True)
    (other / "c.ckpt").touch()
    name_webui(str(tmp_path / "other"))
    assert counted.names() == ["a.safetensors", "c.ckpt"]
    forget_webui(str(tmp_path / "webui"))
    assert counted.names() == ["c.ckpt"]


def test_what_one_page_may_show_is_not_offered_on_another(bases: Path, tmp_path: Path):
    counted = Counted()
    assert counted.names() == ["a.safetensors"]
    assert counted.names(reach=Reach((tmp_path / "home",))) == []
    assert counted.names(reach=Reach((tmp_path / "webui",))) == ["a.safetensors"]


def test_the_pages_own_memory_walks_the_folders_themselves(bases: Path):
    assert [path.name for path in WEBUI_MODELS.offered("base", EVERYWHERE)] == ["a.safetensors"]
