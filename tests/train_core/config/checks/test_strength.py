"""A rank without its alpha is told with the strength that comes of it, and what to write instead."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kohya_gui.form.presets import read_settings
from train_core.config.files import read_config
from train_core.config.problems import Problem

PLACES = {"pretrained_model_name_or_path": "/m.safetensors", "train_data_dir": "/images", "output_dir": "/out"}
CODES = ("rank_without_alpha", "rank_changed_alone")


def written(folder: Path, kind: str, values: dict[str, Any]) -> Path:
    path = folder / f"mine{'.json' if kind == 'JSON' else '.toml'}"
    lines = [f"{name} = {json.dumps(value)}\n" for name, value in {**PLACES, **values}.items()]
    ours = "config_version = 1\n" if kind == "TOML" else ""
    path.write_text(json.dumps({**PLACES, **values}) if kind == "JSON" else ours + "".join(lines), encoding="utf-8")
    return path


def told(warnings: tuple[Problem, ...]) -> list[Problem]:
    return [found for found in warnings if found.code in CODES]


@pytest.mark.parametrize("kind", ["TOML", "JSON", "TOML of sd-scripts"])
def test_a_file_with_a_rank_alone_is_told_its_strength_and_both_ways_out(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path, kind, {"network_dim": 4})
    loaded = read_config(path)
    (found,) = told(loaded.warnings)
    assert loaded.config.network.network_alpha == 16  # as ever: the warning is all
    assert "strength 4. Write network_alpha = 4 for a strength of 1" in found.text
    assert "network_alpha = 1 for sd-scripts' default, a strength of 0.25" in found.text
    assert str(path) in found.text
    assert [one.text for one in told(read_settings(path)[1])] == [found.text]  # where the page loads it


def test_a_rank_typed_beside_a_file_without_ranks_is_told_with_its_place(tmp_path: Path) -> None:
    (found,) = told(read_config(written(tmp_path, "TOML", {}), {"network_dim": "64"}).warnings)
    assert found.text.startswith("network_dim = 64 in the command line comes without network_alpha")
    assert "strength 0.25." in found.text


def test_a_rank_typed_over_a_file_s_leaves_its_alpha_and_is_told_the_change(tmp_path: Path) -> None:
    path = written(tmp_path, "TOML", {"network_dim": 32, "network_alpha": 16})
    (found,) = told(read_config(path, {"network_dim": "4"}).warnings)
    assert "strength 4. Write network_alpha = 4 for a strength of 1, or network_alpha = 2 for 0.5" in found.text


def test_where_ranks_are_stabilised_the_root_of_the_rank_counts(tmp_path: Path) -> None:
    (found,) = told(read_config(written(tmp_path, "TOML", {"network_dim": 64, "rs_lora": True})).warnings)
    assert "strength 2. Write network_alpha = 8 for" in found.text


@pytest.mark.parametrize(
    ("filed", "typed"),
    [
        ({}, {}), ({"network_alpha": 2}, {}), ({"network_dim": 4, "network_alpha": 4}, {}),
        ({"network_dim": 4, "network_alpha": 0}, {}), ({"network_dim": 4}, {"network_alpha": "4"}),
        ({"network_dim": 32, "network_alpha": 16}, {"network_dim": "32"}),
        ({"network_dim": 32, "network_alpha": 16}, {"network_dim": "8", "network_alpha": "8"}),
        ({"LoRA_type": "Diag-OFT", "network_dim": 8}, {}),  # no alpha scales it
    ],
    ids=str,
)  # fmt: skip
def test_a_rank_with_its_alpha_or_none_at_all_is_told_nothing(
    tmp_path: Path, filed: dict[str, Any], typed: dict[str, str]
) -> None:
    assert told(read_config(written(tmp_path, "TOML", filed), typed).warnings) == []
