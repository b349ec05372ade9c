"""The settings page says what the declarations say."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir
from train_core.config.reference import reference


def test_the_page_in_docs_is_what_the_declarations_give() -> None:
    page = (app_dir() / "docs" / "settings.md").read_text("utf-8")
    assert page == reference(), "run: python -m train_core.config.reference"


def test_every_setting_has_its_row() -> None:
    page = reference()
    assert all(f"| `{s.name}` |" in page for s in TrainConfig.settings())
