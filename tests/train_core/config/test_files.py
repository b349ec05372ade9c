"""Settings files: what goes in comes out, and everything wrong is said at once with the fix."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.files import check_values, read_config, read_values, to_toml, write_preset, write_toml
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir
from train_core.config.problems import UserError

NEEDED = {"pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/images", "output_dir": "/out"}
texts = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=60)


def config(**values: object) -> TrainConfig:
    return check_values({**NEEDED, **values}, "a test", {}).config


def codes(error: pytest.ExceptionInfo[UserError]) -> list[str]:
    return [p.code for p in error.value.problems]


@given(prompts=texts, comment=texts, word=texts)
def test_any_text_survives_toml(prompts: str, comment: str, word: str) -> None:
    named = {"optimizer_type": "my_package.Named", "optimizer_args": [f"note={word}"]}
    before = config(sample_prompts=prompts, training_comment=comment, **named)
    tables = tomllib.loads(to_toml(before))
    assert tables["samples"]["sample_prompts"] == prompts
    assert tables["output"]["training_comment"] == comment
    assert tables["optimizer"]["optimizer_args"] == [f"note={word}"]


@pytest.mark.parametrize(
    "path", [r"C:\x41\new folder\图片", r"\\server\share\x", "/home/ü/a b/'quoted'/\"double\"", "/tmp/\\x00/tab\there"]
)
def test_paths_that_break_other_writers_survive(tmp_path: Path, path: str) -> None:
    write_toml(tmp_path / "config.toml", config(train_data_dir=path))
    assert tomllib.loads((tmp_path / "config.toml").read_text("utf-8"))["dataset"]["train_data_dir"] == path


def test_every_setting_survives_toml_and_preset(tmp_path: Path) -> None:
    before = config(
        network_dim=8, conv_dim=4, conv_alpha=2, unet_lr=3e-5, text_encoder_lr="1e-5", sample_prompts="a\nb"
    )
    write_toml(tmp_path / "config.toml", before)
    write_preset(tmp_path / "preset.json", before.applicable(), TrainConfig.settings())
    assert read_config(tmp_path / "config.toml").config == before
    assert read_config(tmp_path / "preset.json").config == before


def test_all_mistakes_are_reported_at_once_with_place_value_and_fix(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        "config_version = 1\n[network]\nnetwork_dim = 'wide'\nnetwork_alpa = 1\n[optimizer]\nmax_grad_norm = -1\n"
        "lr_scheduler = 'cosin'\nlr_warmup_steps = 'soon'\n", encoding="utf-8",
    )
    with pytest.raises(UserError) as error:
        read_config(file)
    assert codes(error) == [
        "wrong_type", "unknown_setting_near", "out_of_bounds", "not_a_choice", "bad_format",
    ]
    message = str(error.value)
    for words in ("network_dim = 'wide'", str(file), "Did you mean network_alpha?", "≥ 0", "nearest is cosine"):
        assert words in message


def test_what_must_be_filled_and_what_contradicts_is_reported_together() -> None:
    with pytest.raises(UserError) as error:
        check_values(
            {"network_train_unet_only": True, "network_train_text_encoder_only": True, "max_train_epochs": 0}, "x", {}
        )
    assert codes(error) == ["required_setting"] * 3 + ["no_length", "unet_only_and_text_encoder_only"]


def test_a_value_that_does_not_apply_is_named_and_not_written() -> None:
    loaded = check_values({**NEEDED, "lr_scheduler": "constant", "lr_scheduler_power": 2}, "x", {})
    assert [p.code for p in loaded.warnings] == ["not_applicable"]
    assert "lr_scheduler is polynomial" in loaded.warnings[0].text
    assert "lr_scheduler_power" not in to_toml(loaded.config)


def test_empty_means_default_and_zero_means_zero() -> None:
    made = config(network_dim="", unet_lr=None, max_grad_norm=0, text_encoder_lr=0)
    assert made.network.network_dim == 32
    assert made.optimizer.unet_lr is None
    assert made.optimizer.max_grad_norm == 0
    assert made.optimizer.text_encoder_lr == "0"


@pytest.mark.parametrize(("given_value", "meant"), [("1e-4", 1e-4), (1, 1.0), (" 0.5 ", 0.5)])
def test_numbers_are_read_as_people_write_them(given_value: object, meant: float) -> None:
    assert config(learning_rate=given_value).optimizer.learning_rate == meant


@pytest.mark.parametrize(("given_value", "meant"), [([512, 768], "512,768"), (512, "512"), ("512,768", "512,768")])
def test_resolution_is_read_in_every_form(given_value: object, meant: str) -> None:
    assert config(resolution=given_value).dataset.resolution == meant


def test_the_command_line_wins_over_the_file(tmp_path: Path) -> None:
    write_toml(tmp_path / "config.toml", config(network_dim=8))
    assert read_config(tmp_path / "config.toml", {"network_dim": "4"}).config.network.network_dim == 4
    with pytest.raises(UserError, match="network_dim = 'four' in the command line"):
        read_config(tmp_path / "config.toml", {"network_dim": "four"})


def test_relative_paths_start_at_the_file_and_hub_ids_stay(tmp_path: Path) -> None:
    preset = tmp_path / "preset.json"
    preset.write_text(json.dumps({
        "config_version": 1, "pretrained_model_name_or_path": "runwayml/stable-diffusion-v1-5",
        "train_data_dir": "images", "vae": "{app}/vae.safetensors", "output_dir": "../out",
    }), encoding="utf-8")
    values, _ = read_values(preset)
    assert values["pretrained_model_name_or_path"] == "runwayml/stable-diffusion-v1-5"
    assert values["train_data_dir"] == str(tmp_path / "images")
    assert values["vae"] == str(app_dir() / "vae.safetensors")
    assert values["output_dir"] == str(tmp_path.parent / "out")


def test_a_preset_moves_with_the_program(tmp_path: Path) -> None:
    inside = str(app_dir() / "demo" / "images")
    write_preset(tmp_path / "p.json", {"train_data_dir": inside, "output_dir": "/out"}, TrainConfig.settings())
    saved = json.loads((tmp_path / "p.json").read_text("utf-8"))
    assert saved["train_data_dir"] == "{app}/demo/images"
    assert read_values(tmp_path / "p.json")[0]["train_data_dir"] == inside


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.toml", b"x = \n", "config_unreadable"),
        ("a.json", b"{", "config_unreadable_json"),
        ("a.json", b"[1]", "config_no_table"),
        ("a.toml", "x = 'é'".encode("latin-1"), "config_not_utf8"),
        ("a.toml", b"config_version = 99\n", "config_too_new"),
        ("a.toml", b"[a]\nseed = 1\n[b]\nseed = 2\n", "setting_twice"),
    ],
)
def test_a_file_that_cannot_be_read_says_why(tmp_path: Path, name: str, content: bytes, code: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as error:
        read_config(tmp_path / name)
    assert codes(error) == [code]


def test_a_byte_order_mark_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + json.dumps(NEEDED).encode())
    assert read_config(tmp_path / "a.json").config.output.output_dir == "/out"


def test_setting_names_are_unique_and_explained() -> None:
    settings = TrainConfig.settings()
    assert len({s.name for s in settings}) == len(settings)
    assert all(len(s.help) > 15 and s.help.endswith(".") and s.label for s in settings)
