"""Names of results that no file can have."""

from __future__ import annotations

import pytest

from train_core.config.checks.saving import name_contradictions
from train_core.config.files import check_values
from train_core.config.problems import UserError
from train_core.config.sections.output import OutputSettings


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\r", "\x1b[0m", "\x7f", "\x85"])
def test_control_characters_are_refused_with_the_settings(name: str) -> None:
    values = {"output_name": name, "output_dir": "o", "train_data_dir": "d", "pretrained_model_name_or_path": "m"}
    with pytest.raises(UserError) as error:
        check_values(values, "the test", {})
    assert [found.code for found in error.value.problems] == ["output_name_control"]


@pytest.mark.parametrize("name", ["con", "NUL", "com1", "Lpt9.v2", "aux .x", "COM¹"])
def test_names_of_devices_are_refused_on_windows_alone(name: str) -> None:
    output = OutputSettings(output_name=name)
    assert [found.code for found in name_contradictions(output, on_windows=True)] == ["output_name_reserved"]
    assert name_contradictions(output, on_windows=False) == []


@pytest.mark.parametrize("name", ["console", "null", "com10", "my con", "家", "a-b.v2", "ZWJ 👨‍👩‍👧"])
def test_other_names_pass_everywhere(name: str) -> None:
    assert name_contradictions(OutputSettings(output_name=name), on_windows=True) == []
