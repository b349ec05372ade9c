"""The table of jobs agrees with the settings' classes that it names."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from train_core.__main__ import main
from train_core.config.job import Tool
from train_core.config.jobs import table
from train_core.config.jobs.table import Row
from train_core.config.places import PACKAGE_PARENT, app_dir


@pytest.mark.parametrize("row", table.OURS, ids=lambda row: row.name)
def test_a_row_names_a_job_that_says_what_it_is(row: Row) -> None:
    job = table.job_of(row.name)
    assert job.job_name == row.name
    assert table.key_of(job) == row.name
    assert issubclass(job, Tool) == (row in table.tools())
    assert job.title
    module = Path(PACKAGE_PARENT, *job.entry.partition(":")[0].split(".")).with_suffix(".py")
    assert f"def {job.entry.partition(':')[2]}(" in module.read_text(encoding="utf-8")


def test_every_job_and_tool_that_is_declared_has_a_row() -> None:
    for file in sorted((app_dir() / "train_core" / "workshop").glob("*.py")):
        assert file.stem == "__init__" or table.job_of(file.stem).entry == f"train_core.workshop.{file.stem}:run"


def test_help_lists_every_job_without_reading_any_settings() -> None:
    code = (
        "import sys\nfrom train_core.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'pydantic', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=app_dir(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(row.name in done.stdout for row in table.OURS)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "Did you mean train?"), (["train"], "--config_file"), (["no.such:Thing"], "no.such:Thing"),
        (["train_core.config.job:Thing"], "Thing"),
    ],
)
def test_what_cannot_be_understood_is_told_and_does_nothing(
    words: list[str], said: str, capsys: pytest.CaptureFixture
) -> None:
    try:
        code = main(words)
    except SystemExit as end:
        code = end.code
    assert code == 2
    assert said in capsys.readouterr().err
