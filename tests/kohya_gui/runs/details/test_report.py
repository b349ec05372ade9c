"""The report on a failed run holds what helps, and neither paths nor names."""

from __future__ import annotations

import getpass
import json
import platform
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kohya_gui.runs.details.record import Record
from kohya_gui.runs.details.report import Hidden, report_of
from tests.event_lines import EventLog
from tests.odd_events import any_line
from train_core.config.problems import problem

Trained = Callable[..., Path]
SECRET = "meine Susi"
TRACEBACK = """\
Traceback (most recent call last):
  File "/home/susanne/crucible/.venv/lib/python3.12/site-packages/torch/nn/modules/module.py", line 12, in call
  File "/home/susanne/crucible/train_core/run/loop.py", line 7, in train
  File "C:\\\\Users\\\\Susanne\\\\x.py", line 7, in train
RuntimeError: cannot read '/data/Susanne Bilder/1_susi/IMG 1.png' or D:\\Bilder\\susi.safetensors
see https://user:pass@example.com/x and mail susi@example.com
"""


@pytest.fixture
def failed(trained: Trained) -> Path:
    folder = trained(
        f"20260101-000000-{SECRET}", status="failed", network_dim=77, learning_rate=3e-4, optimizer_type="Lion",
        sample_prompts="Susi at the sea", optimizer_args=["weight_decay=0.5"],
    )  # fmt: skip
    log = EventLog(folder / "events.jsonl")
    found = problem("image_unreadable_x", "{file} cannot be read: {reason}.", file="/data/1_susi/a b.png", reason="cut")
    log.write("error", code=found.code, text=found.text, params=dict(found.params))
    log.write("finished", status="failed", path=None)
    log.close()
    (folder / "console.log").write_text(f"step 5: {SECRET} {folder}\n{TRACEBACK}", encoding="utf-8")
    return folder


def test_it_says_what_went_wrong_what_was_set_and_with_which_versions(failed: Path) -> None:
    report = report_of(failed)
    assert "[image_unreadable_x]" in report
    assert "cannot be read: cut." in report
    for line in ("network_dim = 77", "optimizer_type = Lion", "optimizer_args = [weight_decay=0.5]", "torch 2.0",
                 f"python {platform.python_version()}", "the run was on cpu"):
        assert line in report.splitlines()
    assert 'File "site-packages/torch/nn/modules/module.py", line 12' in report
    assert 'File "train_core/run/loop.py", line 7' in report
    assert "RuntimeError: cannot read" in report


def test_it_names_no_path_and_nothing_that_people_have_named(failed: Path, tmp_path: Path) -> None:
    report = report_of(failed)
    for word in (SECRET, "susi", "susanne", str(tmp_path), "/data", "/home/", "a b.png", "\\Users", "Bilder", "IMG",
                 "example.com", "pass@", "sea", str(Path.home()), failed.name):
        assert word.lower() not in report.lower(), word
    if len(getpass.getuser()) > 2:
        assert f" {getpass.getuser()} " not in report


def test_a_run_whose_settings_are_gone_or_broken_still_has_a_report(failed: Path) -> None:
    (failed / "config.toml").write_text("= broken")
    report = report_of(failed)
    assert "[image_unreadable_x]" in report
    assert "## Changed settings\nnone" in report


def test_a_run_that_was_lost_says_so(trained: Trained) -> None:
    assert "[run_lost]" in report_of(trained(status=""))


def test_the_cards_are_named_as_their_driver_names_them(
    failed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "nvidia-smi"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'Some Card, 8192 MiB, 550.1'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    assert "Some Card, 8192 MiB, 550.1" in report_of(failed).splitlines()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(any_line, max_size=8), st.binary(max_size=60))
def test_no_events_and_no_console_break_the_report(
    tmp_path: Path, lines: list[dict[str, object]], console: bytes
) -> None:
    folder = tmp_path / f"20260101-000000-x{len(list(tmp_path.iterdir()))}"
    folder.mkdir()
    (folder / "config.toml").write_text("config_version = 1\n")
    (folder / "events.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "console.log").write_bytes(console)
    assert "## Last lines" in report_of(folder)


part = st.text("abcdefgh", min_size=4, max_size=8)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(part, min_size=2, max_size=4), st.sampled_from(["/", "\\"]),
    st.sampled_from(["{}", "'{}'", '"{}"', "({})", "no {}: gone", "a={},b", "{}.png", "[{}]"]),
)  # fmt: skip
def test_no_part_of_an_absolute_path_is_left(tmp_path: Path, parts: list[str], slash: str, text: str) -> None:
    path = ("C:\\" if slash == "\\" else "/") + slash.join(parts)
    shown = Hidden(tmp_path / "20260101-000000-xyz", Record(), {}).text(text.format(path))
    assert not [one for one in parts if one in shown], shown
