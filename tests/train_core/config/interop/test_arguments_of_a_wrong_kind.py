"""Arguments that are no list: one error that names the setting where we train, one line of the report on import."""

from __future__ import annotations

from pathlib import Path

import pytest

from train_core.config.files import read_config
from train_core.config.interop.imports.recognise import import_text
from train_core.config.problems import UserError

EASY = "[train_mode]\ntrain_mode = 'lora'\n[network_args.args]\nnetwork_dim = 4\n"


@pytest.mark.parametrize("setting", ["network_args", "optimizer_args", "lr_scheduler_args"])
@pytest.mark.parametrize("value", ["true", "false", "5", "1.5", "[true]", "[[1]]", "2020-01-01"])
def test_one_error_names_the_setting(setting: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_text(f'network_module = "networks.lora"\n{setting} = {value}\n', encoding="utf-8")
    with pytest.raises(UserError) as refused:
        read_config(path)
    assert [(one.code, one.params["name"]) for one in refused.value.problems] == [("wrong_type", setting)]
    found = import_text(path.read_text("utf-8"), path, None)
    assert [one.name for one in found.not_understood] == [setting]


@pytest.mark.parametrize(("name", "text", "expected"), [
    ("ls.toml", 'model_train_type = "sd-lora"\nnetwork_module = "networks.lora"\nnetwork_args_custom = true\n'
                "optimizer_args_custom = true\n", {"network_args_custom", "optimizer_args_custom"}),
    ("le.toml", f"{EASY}network_args = true\n", {"network_args"}),
    ("le.toml", f"{EASY}[optimizer_args.args]\noptimizer_args = true\n", {"optimizer_args"}),
    ("k.json", '{"LoRA_type": "Standard", "max_resolution": "512,512", "optimizer_args": true}', {"optimizer_args"}),
    ("k.json", '{"LoRA_type": "Standard", "max_resolution": "512,512", "lr_scheduler_args": false}',
     {"lr_scheduler_args"}),
])  # fmt: skip
def test_files_of_other_programs_are_read_without_them(name: str, text: str, expected: set[str]) -> None:
    found = import_text(text, Path(name), None)
    assert {one.name for one in found.not_understood} == expected
    assert all(str(one.reason) for one in found.not_understood)
