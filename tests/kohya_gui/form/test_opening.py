"""Files that are dropped on the page: their values, the report, and what is kept of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohya_gui.form.opening import open_dropped
from train_core.config.problems import UserError


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


KOHYA = {"pretrained_model_name_or_path": "C:/base.safetensors", "learning_rate": "0.0002", "epoch": "7",
         "LoRA_type": "Standard", "optimizer": "AdamW", "network_dim": 24.0, "no_such_field": "x",
         "output_dir": ""}  # fmt: skip


def dropped(name: str, fields: object):
    return open_dropped(name, json.dumps(fields).encode(), "en")


def test_a_preset_of_kohya_ss_fills_the_form_and_is_reported_on(home: Path):
    opened = dropped("old preset.json", KOHYA)
    assert (opened.values["learning_rate"], opened.values["max_train_epochs"], opened.values["network_dim"]) == (
        2e-4, 7, 24,
    )  # fmt: skip
    assert opened.values["output_dir"] == str(home / "outputs")
    assert "no_such_field" in opened.report
    assert opened.kept["imported_from"]["values"]["no_such_field"] == "x"


def test_of_weights_the_metadata_are_enough():
    metadata = {"ss_network_dim": "12", "ss_learning_rate": "0.0003", "ss_network_module": "networks.lora"}
    opened = dropped("zuko.safetensors", metadata)
    assert (opened.values["network_dim"], opened.values["learning_rate"]) == (12, 3e-4)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.safetensors", b"", "weights_not_read"),
        ("a.safetensors", b"{}", "import_no_metadata"),
        ("a.json", b"\xff{", "config_not_utf8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_cause(name: str, content: bytes, code: str):
    with pytest.raises(UserError) as refused:
        open_dropped(name, content, "en")
    assert [found.code for found in refused.value.problems] == [code]


def test_a_name_cannot_lead_out_of_the_folder(home: Path):
    opened = dropped("../../../evil.json", KOHYA)
    assert ".." not in opened.report


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(["a.json", "a.toml", "a.safetensors", "a.sh", "", "..", "a"]), st.binary(max_size=80))
def test_any_content_is_opened_or_refused_in_our_words(name: str, content: bytes):
    try:
        assert open_dropped(name, content, "en").values
    except UserError as refused:
        assert refused.problems
