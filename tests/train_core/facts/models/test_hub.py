"""Hub ids stand for a local file that was chosen once; nothing is ever fetched."""

from __future__ import annotations

import pytest

from train_core.config.problems import UserError
from train_core.facts.models.hub import is_hub_id, local_file_for, remember, resolve

SD15 = "runwayml/stable-diffusion-v1-5"


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("text", [SD15, " CompVis/stable-diffusion-v1-4 ", "a/b.c-d_e"])
def test_owner_and_name_are_a_hub_id(text):
    assert is_hub_id(text)


@pytest.mark.parametrize(
    "text",
    ["", "model.safetensors", "models/x.safetensors", "/a/b", "./a/b", "a/b/c", "C:\\a\\b", "~/b", "models/x.ckpt"],
)
def test_paths_are_no_hub_ids(text):
    assert not is_hub_id(text)


def test_a_folder_that_exists_is_no_hub_id(tmp_path):
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert not is_hub_id("models/mine")
    assert resolve("models/mine").is_dir()


def test_an_unknown_id_says_what_to_do():
    with pytest.raises(UserError, match="choose its file or folder once") as refused:
        resolve(SD15)
    assert refused.value.problems[0].params == {"id": SD15}


@pytest.mark.parametrize("asked", [SD15, SD15.upper(), "stable-diffusion-v1-5/stable-diffusion-v1-5"])
def test_a_remembered_file_serves_every_mirror_of_the_model(tmp_path, asked):
    file = tmp_path / "mödel v1-5.ckpt"
    file.touch()
    remember(SD15, file)
    assert resolve(asked) == file
    assert local_file_for("someone/else") is None


def test_several_ids_are_remembered_and_the_last_choice_counts(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    remember(SD15, tmp_path / "a")
    remember("other/model", tmp_path / "b")
    remember(SD15, tmp_path / "c")
    assert (resolve(SD15).name, resolve("other/model").name) == ("c", "b")


def test_a_remembered_file_that_is_gone_is_asked_for_again(tmp_path):
    remember(SD15, tmp_path / "gone.safetensors")
    with pytest.raises(UserError):
        resolve(SD15)


def test_a_damaged_memory_is_like_none(tmp_path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "hub_models.json").write_text("{", encoding="utf-8")
    assert local_file_for(SD15) is None


def test_a_copy_in_hugging_faces_cache_is_found(tmp_path):
    snapshot = tmp_path / "cache" / "models--stable-diffusion-v1-5--stable-diffusion-v1-5" / "snapshots" / "abc"
    (snapshot / "unet").mkdir(parents=True)
    (snapshot / "model_index.json").touch()
    assert local_file_for(SD15) is None  # not complete yet
    (snapshot / "unet" / "diffusion_pytorch_model.safetensors").touch()
    assert resolve(SD15) == snapshot
