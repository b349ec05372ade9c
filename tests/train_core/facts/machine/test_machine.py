"""Cards and who uses them, as nvidia-smi tells, and the programs that hold memory."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.machine import holders, programs
from train_core.facts.machine.holders import holders_of_main_memory, largest_holders, own_processes
from train_core.facts.machine.nvidia import MIB, Card, cards, read_card, read_user, users_of


@pytest.fixture
def smi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Put a stand-in for nvidia-smi on the path, which answers each question with these lines."""

    def answer(lines: list[str], code: int = 0) -> None:
        tool = tmp_path / "nvidia-smi"
        text = "".join(f"echo '{line}'\n" for line in lines)
        tool.write_text(f"#!/bin/sh\necho \"$@\" >> {tmp_path}/asked\n{text}exit {code}\n", encoding="utf-8")
        tool.chmod(0o755)
        monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)

    return answer


on_posix = pytest.mark.skipif(os.name == "nt", reason="the stand-in for nvidia-smi is a shell script")


@on_posix
def test_cards_and_their_users_are_read(smi, tmp_path: Path) -> None:
    smi(["12288, NVIDIA GeForce RTX 3060", "[N/A], NVIDIA GB10", "nonsense"])
    assert cards() == [Card("NVIDIA GeForce RTX 3060", 12288 * MIB)]
    smi(["4711, 1024, /usr/bin/python3", "4712, [N/A], C:\\games\\game.exe", "4713, 512, C:\\x y\\game.exe"])
    assert users_of("GPU-1") == {4711: ("python3", 1024 * MIB), 4713: ("game.exe", 512 * MIB)}
    assert "--id=GPU-1" in (tmp_path / "asked").read_text(encoding="utf-8")


@on_posix
def test_a_driver_that_fails_has_no_cards(smi) -> None:
    smi(["12288, X"], code=9)
    assert cards() == []


def test_without_the_program_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs.shutil, "which", lambda *args, **more: None)
    assert (cards(), users_of()) == ([], {})


@given(st.text())
def test_any_line_can_be_read(line: str) -> None:
    card, user = read_card(line), read_user(line)
    assert card is None or card.memory >= 0
    assert user is None or user[2] >= 0


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c", "d", "e", "f", "g"]), st.integers(0, 10_000))),
       st.integers(1, 20_000))  # fmt: skip
def test_the_largest_holders_come_first_added_up_by_name(held: list[tuple[str, int]], total: int) -> None:
    found = largest_holders(held, total)
    assert len(found) <= holders.MOST
    assert list(found.values()) == sorted(found.values(), reverse=True)
    for name, size in found.items():
        assert size == sum(one for other, one in held if other == name)
        assert size >= total / 100
    left_out = {name: sum(one for other, one in held if other == name) for name, _ in held if name not in found}
    assert all(size < total / 100 or size <= min(found.values(), default=0) or not size for size in left_out.values())


def test_this_process_is_none_of_the_others() -> None:
    assert {os.getpid(), os.getppid()} <= own_processes()
    assert all(size > 0 for size in holders_of_main_memory().values())


@on_posix
def test_who_computes_on_a_card_is_told_without_this_process(smi) -> None:
    smi([f"{os.getpid()}, 4000, {sys.executable}", "1, 3000, other", "2, 1, small"])
    assert holders.holders_of_card("", 12_000 * MIB) == {"other": 3000 * MIB}
