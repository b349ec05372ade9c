"""WebUIs on this machine: which folder is one, where a model belongs in it, and which models it has."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.problems import UserError
from train_core.facts.models.webuis import A1111, COMFYUI, find_webui

LAYOUTS = {
    "stable-diffusion-webui": (A1111, ("webui.py", "models/Stable-diffusion/", "models/Lora/", "embeddings/")),
    "stable-diffusion-webui-forge": (A1111, ("webui.py", "models/Stable-diffusion/", "models/Lora/")),
    "ComfyUI": (COMFYUI, ("nodes.py", "comfy/sd.py", "models/checkpoints/", "models/loras/")),
}


def made(root: Path, paths: tuple[str, ...]) -> Path:
    for path in paths:
        place = root / path
        if path.endswith("/"):
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
    return root


@pytest.mark.parametrize("name", LAYOUTS)
@pytest.mark.parametrize("bundle", ["", "整合包", "sd-aki/v4.9"])
def test_a_webui_is_found_in_its_folder_and_in_a_bundle_around_it(tmp_path: Path, name: str, bundle: str):
    program, paths = LAYOUTS[name]
    root = made(tmp_path / "here" / bundle / name, paths)
    for place in {root, tmp_path / "here" / bundle, root / "models"}:
        found = find_webui(place)
        assert (found.root, found.program) == (root, program)


def test_models_belong_where_the_program_looks_for_them(tmp_path: Path):
    a1111 = find_webui(made(tmp_path / "a", LAYOUTS["stable-diffusion-webui"][1]))
    assert a1111.folder("adapter") == tmp_path / "a" / "models" / "Lora"
    assert a1111.folder("embedding") == tmp_path / "a" / "embeddings"
    old = made(tmp_path / "old", ("webui.py", "models/", "extensions/sd-webui-additional-networks/models/lora/"))
    assert find_webui(old).folder("adapter").parent.parent.name == "sd-webui-additional-networks"
    comfy = find_webui(made(tmp_path / "c", LAYOUTS["ComfyUI"][1]))
    assert comfy.folder("base") == tmp_path / "c" / "models" / "checkpoints"
    assert comfy.folder("vae") == tmp_path / "c" / "models" / "vae"  # none there yet


def test_models_are_listed_from_all_its_folders_and_a_link_to_itself_ends(tmp_path: Path):
    root = made(tmp_path / "a", (*LAYOUTS["stable-diffusion-webui"][1], "models/Lora/style/b.safetensors",
                                 "models/Lora/A.safetensors", "models/Lora/A.txt", "models/LyCORIS/c.pt"))  # fmt: skip
    (root / "models" / "Lora" / "again").symlink_to(root / "models" / "Lora")
    found = find_webui(root)
    assert [path.name for path in found.models("adapter")] == ["A.safetensors", "b.safetensors", "c.pt"]
    assert found.models("base") == []


def test_any_other_folder_is_refused_with_what_was_looked_for(tmp_path: Path):
    for place in (tmp_path, tmp_path / "missing", made(tmp_path / "x", ("models/", "readme.txt"))):
        with pytest.raises(UserError, match=r"models/Stable-diffusion nor models/checkpoints"):
            find_webui(place)


@given(st.lists(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
                .filter(lambda name: name not in (".", "..")), max_size=5))  # fmt: skip
def test_whatever_lies_there_is_a_webui_or_none(tmp_path_factory, names: list[str]):
    root = tmp_path_factory.mktemp("any")
    for name in names:
        (root / name).mkdir(exist_ok=True)
    try:
        find_webui(root).models("adapter")
    except UserError:
        assert not (root / "models").is_dir() or not any(name in names for name in ("nodes.py", "webui.py"))
