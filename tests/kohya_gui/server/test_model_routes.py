"""The menu of models: those in WebUIs and beside models used before, and nothing that the page may not show."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.preferring import name_webui
from kohya_gui.server.models import model_routes, models_found
from kohya_gui.views.model_html import model_html
from tests.tiny import tiny_ckpt
from tests.train_core.facts.models.test_headers import write
from tests.trained import trained_run
from train_core.facts.models.about import about


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    models = tmp_path / "webui" / "models" / "Stable-diffusion"
    (models / "anime").mkdir(parents=True)
    for name in ("<img src=x>.safetensors", "anime/a.ckpt", "notes.txt", "anime/a.vae.pt"):
        (models / name).write_bytes(b"1234")
    return tmp_path


def names(found: dict[str, list[tuple[Path, int]]]) -> dict[str, list[str]]:
    return {place: [path.name for path, _ in models] for place, models in found.items()}


def test_models_of_webuis_and_beside_those_used_before_are_found_once(place: Path) -> None:
    assert models_found(EVERYWHERE) == {}
    trained_run("20260101-000000-fox", place)
    for name in ("base.safetensors", "other.ckpt", "base.txt"):
        (place / name).touch()
    trained_run("20260102-000000-owl", place, pretrained_model_name_or_path=str(
        place / "webui" / "models" / "Stable-diffusion" / "anime" / "a.ckpt"))  # fmt: skip
    name_webui(str(place / "webui"))
    assert names(models_found(EVERYWHERE)) == {
        str(place / "webui"): ["<img src=x>.safetensors", "a.ckpt"], str(place): ["base.safetensors", "other.ckpt"],
    }  # fmt: skip


def test_what_the_page_may_not_show_is_not_listed(place: Path) -> None:
    name_webui(str(place / "webui"))
    assert models_found(Reach((place / "home",))) == {}
    assert len(models_found(Reach((place / "webui",)))[str(place / "webui")]) == 2


def test_a_damaged_run_and_a_folder_that_is_gone_hide_no_other_model(place: Path) -> None:
    name_webui(str(place / "webui"))
    damaged = trained_run("20260101-000000-fox", place) / "config.toml"
    damaged.write_text("= no TOML", encoding="utf-8")
    trained_run("20260102-000000-owl", place, pretrained_model_name_or_path=str(place / "gone" / "a.safetensors"))
    assert list(models_found(EVERYWHERE)) == [str(place / "webui")]


def test_the_menu_is_in_the_language_of_the_browser_and_names_stay_text(place: Path) -> None:
    client = TestClient(Starlette(routes=model_routes(EVERYWHERE, "")))
    answer = client.get("/form/train/models", headers={"Accept-Language": "zh-CN"})
    assert "WebUI 文件夹" in answer.text
    name_webui(str(place / "webui"))
    html = client.get("/form/train/models").text
    assert "<img" not in html
    assert "&lt;img src=x&gt;.safetensors <small>4 B</small>" in html


def test_a_part_of_a_model_is_named_in_the_language_of_the_page(place: Path) -> None:
    path = write(place / "part.safetensors", {"cond_stage_model.transformer.text_model.final_layer_norm.weight": (64,)})
    html = [model_html(about(path), str, language) for language in ("en", "zh-CN")]
    assert "text encoder" in html[0]
    assert "文本编码器" in html[1]


def test_the_longest_name_that_a_model_can_have_is_no_obstacle(place: Path) -> None:
    found = about(shutil.copy(tiny_ckpt(), place / f"{'x' * 250}.ckpt"))  # no room for .preview.png
    assert found is not None
    assert (found.kind, found.picture) == ("SD 1.x", None)
