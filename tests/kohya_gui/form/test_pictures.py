"""Pictures that are dropped on a form of drawing: what they fill in, which models are found, what is said of them."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.form.opening import Dropped, Opened
from kohya_gui.form.pictures import open_picture
from kohya_gui.preferring import name_webui
from tests.kohya_gui.views.test_escaping import HOSTILE, Elements
from train_core.config.problems import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def opened(said: str | None, model: Path | str = "", reach: Reach = EVERYWHERE, name: str = "a.png") -> Opened:
    file, info = io.BytesIO(), PngInfo()
    if said is not None:
        info.add_text("parameters", said)
    Image.new("RGB", (8, 8)).save(file, "PNG", pnginfo=info)
    return open_picture(Dropped(name, file.getvalue(), 0), {"draw_model": str(model)}, "en", reach)


def of_model(name: str, vae: str = "None") -> str:
    return f"a 狐\nSteps: 20, Sampler: Euler a, Seed: 3, Size: 64x96, Model: {name}, VAE: {vae}"


def touch(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return str(path)


def test_models_are_found_beside_the_chosen_one_and_in_webuis(tmp_path: Path) -> None:
    chosen, other = (touch(tmp_path / "models" / f"{name}.safetensors") for name in ("one", "Two"))
    third = touch(tmp_path / "webui" / "models" / "Stable-diffusion" / "deep" / "three.ckpt")
    vae = touch(tmp_path / "webui" / "models" / "VAE" / "good.vae.pt")
    touch(tmp_path / "webui" / "webui.py")
    name_webui(str(tmp_path / "webui"))
    for name, path in (("one", chosen), ("two", other), ("three", third)):
        found = opened(of_model(name), chosen)
        assert found.values is not None and "not found" not in found.report
        assert (found.values["draw_model"], found.values["draw_vae"]) == (path, "")
        assert (found.values["draw_prompts"], found.values["draw_resolution"]) == ("a 狐", "64,96")
    found = opened(of_model("three", "good.vae.pt"))
    assert found.values is not None and found.values["draw_vae"] == vae
    apart = Reach((tmp_path / "elsewhere",))
    assert "two, which was not found" in opened(of_model("two"), chosen, apart).report


def test_a_model_that_is_not_here_leaves_the_chosen_one_and_is_named(tmp_path: Path) -> None:
    found = opened(of_model("four", "some.vae"), touch(tmp_path / "one.safetensors"))
    assert found.values is not None and not {"draw_model", "draw_vae"} & found.values.keys()
    assert "four, which was not found" in found.report and "some.vae, which was not found" in found.report


def test_what_has_no_setting_is_said_and_stays_text() -> None:
    hostile = HOSTILE.replace('"', "")
    found = opened(f"{of_model(hostile)}, ENSD: 31337, RNG: {hostile}", name=f"{hostile}.png")
    page = Elements(found.report)
    assert "script" not in page.tags and "img" not in page.tags and "onerror" not in page.attributes
    assert "ENSD" in page.shown and "31337" in page.shown and hostile in page.shown


@pytest.mark.parametrize("said", [None, " "])
def test_a_picture_that_says_nothing_is_refused(said: str | None) -> None:
    with pytest.raises(UserError) as refused:
        opened(said)
    assert [found.code for found in refused.value.problems] == ["picture_says_nothing"]
