"""The self-check finds what will be in the way of a training, and shows it in every language."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from kohya_gui.i18n.languages import languages
from kohya_gui.runs.devices import Hardware
from kohya_gui.runs.self_check import GIB, Machine, findings, folders, machine, packages, size_of
from kohya_gui.views.self_check_html import self_check_html
from train_core.facts.machine.nvidia import Card

CARD = Card("NVIDIA GeForce RTX 3060", 12 * GIB)
GOOD = Machine(Hardware("cuda", 1), (CARD,), 32 * GIB, 20 * GIB, 900 * GIB, 300 * GIB, "X")
ALL = {"torch": "2.13.0", "bitsandbytes": "0.50"}


@pytest.mark.parametrize(
    ("found", "installed", "codes"),
    [
        (GOOD, ALL, []),
        (GOOD, {**ALL, "bitsandbytes": ""}, ["check_packages_missing"]),
        (replace(GOOD, hardware=Hardware("cpu", 0)), ALL, ["check_card_unused"]),
        (replace(GOOD, hardware=Hardware("cpu", 0), cards=()), ALL, ["check_no_card"]),
        (replace(GOOD, cards=(Card("NVIDIA GeForce GTX 1660 SUPER", 6 * GIB),)), ALL, ["check_series_16"]),
        (replace(GOOD, cards=(Card("NVIDIA GeForce GTX 1060", 6 * GIB),)), ALL, []),
        (replace(GOOD, free_disk=3 * GIB, free_memory=2 * GIB), ALL, ["check_little_disk", "check_little_memory"]),
    ],
)
def test_each_trouble_is_found_and_nothing_else(found: Machine, installed: dict[str, str], codes: list[str]):
    assert [one.code for one in findings(found, installed)] == codes


def test_this_machine_is_described(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "not" / "there yet"))
    here = machine()
    assert 0 < here.free_memory <= here.memory
    assert 0 < here.free_disk <= here.disk
    assert packages()["torch"]
    assert size_of(folders()["caches"]) == 0
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "a").write_bytes(b"12345")
    assert size_of(tmp_path) == 5


@pytest.mark.parametrize("language", languages())
def test_it_is_shown_in_every_language_and_names_stay_text(language: str):
    hostile = replace(GOOD, hardware=Hardware("cpu", 0), cards=(Card("<script>x</script> GTX 1650", GIB),))
    html = self_check_html(
        hostile, {**ALL, "x<b>": ""}, {"home": Path("/<i>"), "caches": Path("/c")}, 5 * 2**20,
        findings(hostile, {"x<b>": ""}), language,
    )  # fmt: skip
    for name in ("<script>", "<b>", "<i>"):
        assert name not in html
    assert "5.0 MiB" in html
    assert "ui.check" not in html
    assert html.count("note warning") == 3
