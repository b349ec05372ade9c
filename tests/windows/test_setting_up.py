"""Set-up, the demo and an update on Windows, in a folder whose name has blanks and Chinese letters."""

from __future__ import annotations

import re
import shutil
import zipfile
from pathlib import Path

import pytest

from tests.windows.conftest import Program
from tests.windows.machine import PATIENCE, wait_for, windows_path

pytestmark = pytest.mark.timeout(3600)


def test_the_set_up_finishes_and_is_not_repeated(installed: Program) -> None:
    assert "inspected is empty" in installed.set_up
    code, told = installed.run("tool", "inspect")
    assert code == 1
    assert "inspected is empty" in told
    assert "Setting up" not in told


@pytest.mark.parametrize("code_page", [936, 65001])
def test_two_set_ups_at_once_wait_for_each_other_on_any_code_page(
    installed: Program, tmp_path: Path, code_page: int
) -> None:
    state = installed.folder / ".venv" / "crucible-setup.json"
    state.unlink()
    first, second = (installed.start("tool", "inspect", code_page=code_page) for _ in range(2))
    assert (first.wait(), second.wait()) == (1, 1)
    assert sum("Set-up is complete." in told for told in (first.text(), second.text())) == 1
    assert all("inspected is empty" in told for told in (first.text(), second.text()))


def test_the_demo_trains_and_says_where_everything_is(program: Program, tmp_path: Path, letters: str) -> None:
    output = tmp_path / letters
    code, told = program.run("demo", "--output_dir", windows_path(output), code_page=936, patience=3 * PATIENCE)
    assert code == 0, told
    assert re.search(r"  LoRA file +(.*)", told)[1] == windows_path(output / "demo.safetensors")  # type: ignore[index]
    assert (output / "demo.safetensors").is_file()
    assert (output / "demo-contact-sheet.png").is_file()


def test_an_update_replaces_all_changed_files_or_none(
    program: Program, tmp_path: Path, letters: str
) -> None:
    copy, archive = tmp_path / letters / "copy", tmp_path / letters / "newer.zip"
    shutil.copytree(program.folder, copy, ignore=shutil.ignore_patterns(".venv", ".previous-*"))
    with zipfile.ZipFile(archive, "w") as packed:
        for path in copy.rglob("*"):
            if path.is_file():
                packed.write(path, "crucible-new/" + path.relative_to(copy).as_posix())
        packed.writestr("crucible-new/docs/new.md", "new")
    (copy / "README.md").write_text("old", encoding="utf-8")
    (copy / ".venv").symlink_to(program.folder / ".venv")
    address = "file:///" + windows_path(archive).replace("\\", "/")
    held = program.windows.start(
        ["python", "-c", "import sys, time; held = open(sys.argv[1]); print('held', flush=True); time.sleep(600)",
         windows_path(copy / "README.md")], copy,
    )  # fmt: skip
    try:
        wait_for(lambda: "held" in held.text(), held.text)
        told = update(program, copy, address)
        assert "A program file is in use" in told
        assert (copy / "README.md").read_text() == "old"
        assert not (copy / "docs" / "new.md").exists()
    finally:
        program.windows.kill(held.pid)
    assert "Updated docs, README.md." in update(program, copy, address)
    assert (copy / "docs" / "new.md").read_text() == "new"
    assert (copy / "README.md").read_bytes() == (program.folder / "README.md").read_bytes()


def update(program: Program, copy: Path, address: str) -> str:
    """Run gui.bat update in `copy` and return what it printed."""
    return program.windows.run(["cmd", "/c", "gui.bat", "update"], copy, CRUCIBLE_UPDATE_URL=address)[1]
