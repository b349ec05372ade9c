"""What cards are doing, as the programs of their makers tell. Stand-ins answer; no real card was asked."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.machine import programs
from train_core.facts.machine.card_state import MIB, CardState, card_states, read_nvidia, read_rocm

ROCM = {
    "card0": {
        "Temperature (Sensor edge) (C)": "54.0", "Temperature (Sensor junction) (C)": "61.0",
        "Average Graphics Package Power (W)": "212.0", "GPU use (%)": "98", "VRAM Total Memory (B)": "25753026560",
        "VRAM Total Used Memory (B)": "9663676416", "Card Series": "Radeon RX 7900 XTX",
    },
    "card1": {"GPU use (%)": "N/A"},
    "system": {"Driver version": "6.7.0"},
}  # fmt: skip


def stand_in(folder: Path, name: str, answer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put a program `name` on the path that answers each question with `answer`."""
    (folder / "answer").write_text(answer, encoding="utf-8")
    tool = folder / name
    tool.write_text(f"#!/bin/sh\necho \"$@\" > {folder}/asked\ncat {folder}/answer\n", encoding="utf-8")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")
def test_the_state_of_nvidia_cards_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "NVIDIA GeForce RTX 3060, 97, 71, 168.20, 9120, 12288\nNVIDIA GB10, [N/A], 40, [N/A], 1, [N/A]\nnonsense\n"
    stand_in(tmp_path, "nvidia-smi", lines, monkeypatch)
    assert card_states() == [
        CardState("NVIDIA GeForce RTX 3060", 97, 71, 168, 9120 * MIB, 12288 * MIB),
        CardState("NVIDIA GB10", None, 40, None, MIB, None),
    ]
    assert "temperature.gpu" in (tmp_path / "asked").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for rocm-smi is a shell script")
def test_the_state_of_amd_cards_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_in(tmp_path, "rocm-smi", json.dumps(ROCM), monkeypatch)
    assert card_states() == [
        CardState("Radeon RX 7900 XTX", 98, 54, 212, 9663676416, 25753026560), CardState("card1"),
    ]


def test_without_their_programs_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.shutil, "which", lambda *args, **more: None)
    assert card_states() == []


@given(st.one_of(st.text(), st.lists(st.text(alphabet="0123456789.,[]N/Ae+-infa ")).map(", ".join)))
def test_any_line_can_be_read(line: str) -> None:
    found = read_nvidia(line)
    assert found is None or found.name


@given(st.one_of(st.text(), st.dictionaries(
    st.sampled_from(["card0", "card1", "system"]),
    st.one_of(st.none(), st.integers(), st.dictionaries(
        st.sampled_from([*ROCM["card0"], "other"]), st.one_of(st.none(), st.text(), st.floats(), st.lists(st.none())),
    )),
).map(json.dumps)))  # fmt: skip
def test_any_answer_can_be_read(answer: str) -> None:
    assert all(card.name for card in read_rocm(answer))
