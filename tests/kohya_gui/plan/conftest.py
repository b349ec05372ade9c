"""A form with images and a model, for the tests of the panel."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui.form.validate_form import CheckedForm, check_form
from tests.pictures import image_folder
from tests.tiny import tiny_file

Check = Callable[..., CheckedForm]


@pytest.fixture
def form(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Checks a form with ten images of two shapes, ten repeats, the tiny SD 1.x model and an output folder."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    image_folder(tmp_path / "images", "10_zuko dog", [(64, 64)] * 6 + [(120, 70)] * 4, "a dog")

    def check(**values: object) -> CheckedForm:
        given = {
            "train_data_dir": str(tmp_path / "images"), "resolution": "64", "max_train_epochs": "4",
            "bucket_reso_steps": 8, "min_bucket_reso": 8,
            "train_batch_size": 2, "pretrained_model_name_or_path": str(tiny_file()),
            "output_dir": str(tmp_path / "out"),
        }  # fmt: skip
        return check_form({**given, **values}, "the form")

    return check
