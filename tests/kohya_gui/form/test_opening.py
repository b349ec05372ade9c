"""Files that are dropped on the page: their values, the report, what is kept of them, and what a model is."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.form.opening import Dropped, Opened, open_dropped
from kohya_gui.i18n.languages import languages
from kohya_gui.preferring import name_webui
from tests.kohya_gui.views.test_escaping import HOSTILE, Elements
from tests.train_core.facts.models.test_headers import SD1, VAE, write
from train_core.config.problems import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


KOHYA = {"pretrained_model_name_or_path": "C:/base.safetensors", "learning_rate": "0.0002", "epoch": "7",
         "LoRA_type": "Standard", "optimizer": "AdamW", "network_dim": 24.0, "no_such_field": "x",
         "output_dir": ""}  # fmt: skip


def dropped(name: str, fields: object) -> Opened:
    return opened(name, json.dumps(fields).encode())


def opened(name: str, content: bytes, size: int = 0, language: str = "en", reach: Reach = EVERYWHERE) -> Opened:
    return open_dropped(Dropped(name, content, max(size, len(content))), language, reach)


def safetensors(metadata: object, **tensors: object) -> bytes:
    """The header of a file, with what stands before it."""
    header = json.dumps({"__metadata__": metadata, **tensors}).encode()
    return len(header).to_bytes(8, "little") + header


def test_a_preset_of_kohya_ss_fills_the_form_and_is_reported_on(home: Path):
    found = dropped("old preset.json", KOHYA)
    assert found.values is not None
    assert (found.values["learning_rate"], found.values["max_train_epochs"], found.values["network_dim"]) == (
        2e-4, 7, 24,
    )  # fmt: skip
    assert found.values["output_dir"] == str(home / "outputs")
    assert "no_such_field" in found.report
    assert found.kept["imported_from"]["values"]["no_such_field"] == "x"


LAYER = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight"
ADAPTER = {LAYER: {"dtype": "F16", "shape": [4, 768], "data_offsets": [0, 6144]}}


def test_of_weights_the_header_is_enough_to_open_their_settings_and_to_name_them():
    metadata = {"ss_network_dim": "12", "ss_learning_rate": "0.0003", "ss_network_module": "networks.lora"}
    content = safetensors(metadata, **ADAPTER)
    found = opened("zuko.safetensors", content, len(content) + 6144)
    assert found.values is not None
    assert (found.values["network_dim"], found.values["learning_rate"]) == (12, 3e-4)
    shown = Elements(found.report).shown
    expected = ("zuko.safetensors", "LoRA", "SD 1.x", "fp16", "models/loras", "ss_network_dim")
    assert all(said in shown for said in expected)
    assert "form stays as it is" not in shown


def test_a_model_without_settings_is_named_and_leaves_the_form_alone(tmp_path: Path):
    content = write(tmp_path / "x.safetensors", SD1 | VAE).read_bytes()
    found = opened("dreamy.safetensors", content)
    assert (found.values, found.kept) == (None, {})
    shown = Elements(found.report).shown
    expected = ("Checkpoint", "SD 1.x", "fp16", "models/Stable-diffusion", "models/checkpoints")
    assert all(said in shown for said in expected)
    assert "form stays as it is" in shown
    assert "Settings tab" in shown


def test_the_folders_of_ones_own_webuis_are_spelled_out_where_the_page_may_show_them(tmp_path: Path):
    roots = [tmp_path / "sd-webui", tmp_path / "ComfyUI"]
    for root, place in zip(roots, ("models/Stable-diffusion", "models/checkpoints"), strict=True):
        (root / place).mkdir(parents=True)
        name_webui(str(root))
    content = safetensors({}, emb_params={"dtype": "F32", "shape": [2, 768], "data_offsets": [0, 6144]})
    report = opened("me.safetensors", content, len(content) + 6144).report
    assert all(str(folder) in report for folder in (roots[0] / "embeddings", roots[1] / "models" / "embeddings"))
    assert "Settings tab" not in report
    hidden = opened("me.safetensors", content, len(content) + 6144, reach=Reach((tmp_path / "home",))).report
    assert str(tmp_path) not in hidden
    assert "<code>embeddings</code>" in hidden


@pytest.mark.parametrize("language", languages())
def test_what_is_not_known_is_said_to_be_so_in_every_language(language: str):
    report = opened(f"{HOSTILE}.safetensors", safetensors({}, **{HOSTILE: {
        "dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}), 10**6, language).report  # fmt: skip
    found = Elements(report)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert "dl" not in found.tags


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.safetensors", b"", "model_file_empty"),
        ("a.safetensors", b"{}", "model_file_broken"),
        ("a.safetensors", safetensors({}, **ADAPTER), "model_file_truncated"),
        ("a.ckpt", b"nonsense", "model_file_old_pickle"),
        ("a.json", b"\xff{", "config_not_utf8"),
        ("setup.exe", b"MZ\x90\x00\x03", "config_no_text"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_cause(name: str, content: bytes, code: str):
    with pytest.raises(UserError) as refused:
        opened(name, content)
    assert [found.code for found in refused.value.problems] == [code]


def test_a_name_cannot_lead_out_of_the_folder(home: Path):
    assert ".." not in dropped("../../../evil.json", KOHYA).report


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(["a.json", "a.toml", "a.safetensors", "a.pt", "a.sh", "", "..", "a"]), st.binary(max_size=80),
    st.integers(0, 10**18),
)
def test_any_content_is_opened_or_refused_in_our_words(name: str, content: bytes, size: int):
    try:
        assert opened(name, content, size).report
    except UserError as refused:
        assert refused.problems
