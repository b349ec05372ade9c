"""Files on Windows: odd and long paths, forbidden names, files that are open, kills while something is written."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from safetensors.torch import load_file

from tests.windows.conftest import Job, Program, numbers_of, wait_for_step
from tests.windows.machine import wait_for, windows_path

pytestmark = pytest.mark.timeout(3600)
HOLD = """
import pathlib, sys, time
while not pathlib.Path(sys.argv[1]).exists():
    time.sleep(0.01)
held = open(sys.argv[1], 'rb')
print('held', flush=True)
time.sleep(3600)
"""

KILL_WHILE_WRITING = """
import os, pathlib, sys, time
number, folder, least = int(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
while not any(path.name >= least for path in folder.glob('.zuko-step*.tmp')):
    time.sleep(0.001)
os.kill(number, 9)
"""


@contextmanager
def held(program: Program, path: Path, at_once: bool = True) -> Iterator[None]:
    """Within, another process has the file open, as viewers do: from now on, or from when it is there."""
    holder = program.windows.start(["python", "-u", "-c", HOLD, windows_path(path)], path.parent)
    if at_once:
        wait_for(lambda: "held" in holder.text(), holder.text)
    try:
        yield
    finally:
        program.windows.kill(holder.pid)


@pytest.mark.parametrize("name", [r"x & 100% ^a；画", "long"])
def test_presets_images_results_and_tools_may_lie_on_odd_and_long_paths(
    program: Program, job: Job, tmp_path: Path, name: str, letters: str
) -> None:
    name = name if letters.isascii() is False or name == "long" else "x & 100% ^a"
    folder = tmp_path.joinpath("l" * 120, "m" * 120) if name == "long" else tmp_path / name
    folder.mkdir(parents=True)
    assert name != "long" or len(str(folder)) > 260
    drawn = {"sample_prompts": "a dog --s 2 --w 64 --h 64", "sample_every_n_epochs": 1}
    settings = job(folder, save_state=True, save_every_n_epochs=1, **drawn)
    preset = folder / "preset.json"
    preset.write_text(json.dumps(tomllib.loads(settings.read_text("utf-8"))), encoding="utf-8")
    code, told = program.run("train", windows_path(preset if name != "long" else settings))
    assert code == 0, told
    result = folder / "out" / "zuko.safetensors"
    assert load_file(result)
    assert (folder / "out" / "zuko-000001-state" / "state.json").is_file()
    assert len(list((folder / "out" / "sample").glob("*.png"))) == 2
    merged = folder / "out" / "merged.safetensors"
    code, told = program.run(
        "tool", "merge_lora", "--adapters", windows_path(result),
        "--adapters", windows_path(folder / "out" / "zuko-000001.safetensors"), "--save_to", windows_path(merged),
    )  # fmt: skip
    assert code == 0, told
    assert load_file(merged).keys() == load_file(result).keys()


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("output_name", "con"), ("output_name", "a:b"),
        *(("output_dir", name) for name in ("nul", "a:b", "a?", "a..", r"a \b")),
    ],
)
def test_names_that_windows_forbids_are_refused_before_training(
    program: Program, job: Job, tmp_path: Path, setting: str, value: str
) -> None:
    given = windows_path(tmp_path) + "\\" + value if setting == "output_dir" else value
    code, told = program.run("train", windows_path(job()), f"--{setting}", given)
    assert code == 1
    assert value in told
    assert "Loading the model" not in told
    assert "unexpected" not in told


@pytest.mark.parametrize(
    "name", ["con.safetensors", "a:b.safetensors", "a |b.safetensors", "LPT1 .x.safetensors", r"a.\b.safetensors"]
)
def test_a_tool_refuses_such_names_before_its_work(program: Program, tmp_path: Path, job: Job, name: str) -> None:
    job()
    code, told = program.run(
        "tool", "convert_model", "--model_file", windows_path(tmp_path / "tiny.safetensors"),
        "--save_to", windows_path(tmp_path) + "\\" + name,
    )  # fmt: skip
    assert code == 1
    assert name in told
    assert "unexpected" not in told
    assert {path.name for path in tmp_path.glob("*.safetensors")} == {"tiny.safetensors"}


def test_a_file_that_is_open_is_neither_replaced_nor_lost(program: Program, job: Job, tmp_path: Path) -> None:
    job()
    target = tmp_path / "half.safetensors"
    words = [
        "tool", "convert_model", "--model_file", windows_path(tmp_path / "tiny.safetensors"),
        "--save_to", windows_path(target), "--overwrite", "true",
    ]  # fmt: skip
    target.write_bytes(b"of another program")
    with held(program, target):
        code, told = program.run(*words)
        assert code == 1
        assert str(windows_path(target)) in told
        assert "unexpected" not in told
    assert target.read_bytes() == b"of another program"
    assert program.run(*words)[0] == 0
    assert load_file(target)


def test_files_to_keep_no_longer_stay_while_they_are_open(program: Program, job: Job, tmp_path: Path) -> None:
    settings = job(max_train_epochs=0, max_train_steps=60, save_every_n_steps=4, save_last_n_steps=4)
    out = tmp_path / "out"
    out.mkdir()
    with held(program, out / "zuko-step00000004.safetensors", at_once=False):
        code, told = program.run("train", windows_path(settings))
    assert code == 0, told
    steps = {path.name for path in out.glob("zuko-step*.safetensors")}
    assert steps == {"zuko-step00000004.safetensors", "zuko-step00000056.safetensors", "zuko-step00000060.safetensors"}


def test_requests_and_states_bear_that_somebody_reads_the_runs_files(
    program: Program, job: Job, tmp_path: Path
) -> None:
    """A reader opens the run's small files again and again, as a page or a virus scanner does."""
    settings = job(max_train_epochs=0, max_train_steps=100_000, save_state_every_n_steps=2, save_last_n_steps_state=2)
    training = program.start("train", windows_path(settings))
    run = wait_for_step(program, training, 1)
    reader = "\n".join((
        "import pathlib, sys",
        "while True:",
        "    try: [path.read_bytes() for path in pathlib.Path(sys.argv[1]).rglob('*') if path.is_file()]",
        "    except OSError: pass",
    ))
    busy = program.windows.start(["python", "-c", reader, windows_path(tmp_path)], tmp_path)
    before = len(states(program, run))
    wait_for(lambda: len(states(program, run)) > before + 10, training.text)
    (run / "control" / "stop").touch()
    assert training.wait() == 130, training.text()
    program.windows.kill(busy.pid)
    assert not [event for event in program.events(run) if event["kind"] == "error"]


def states(program: Program, run: Path) -> list[int]:
    """Steps of the states that the run has written."""
    return [event["step"] for event in program.events(run) if event["kind"] == "state"]


def test_a_run_that_is_killed_while_it_writes_goes_on_and_ends_with_the_same_bytes(
    program: Program, job: Job, tmp_path: Path
) -> None:
    often = {"max_train_epochs": 0, "max_train_steps": 40, "save_state_every_n_steps": 2}
    assert program.run("train", windows_path(job(**often)))[0] == 0
    expected = (load_file(tmp_path / "out" / "zuko.safetensors"), last_state(tmp_path / "out"))
    settings = job(**often, output_dir=windows_path(tmp_path / "killed"))
    training = program.start("train", windows_path(settings))
    wait_for(lambda: len(program.runs()) == 2, training.text)
    run = program.runs()[-1]
    for life, step in enumerate((8, 20, 32), 1):
        wait_for(lambda life=life: len(numbers_of(program, run)) == life, training.text)
        words = [str(numbers_of(program, run)[-1]), windows_path(tmp_path / "killed"), f".zuko-step{step:08d}"]
        program.windows.start(["python", "-c", KILL_WHILE_WRITING, *words], tmp_path)
        assert training.wait() == 1, training.text()
        training = program.start("train", run.name, "--resume", "last")
    assert training.wait() == 0, training.text()
    found = (load_file(tmp_path / "killed" / "zuko.safetensors"), last_state(tmp_path / "killed"))
    for ours, theirs in zip(expected, found, strict=True):
        assert ours.keys() == theirs.keys()
        assert all(ours[name].equal(theirs[name]) for name in ours)
    assert not list((tmp_path / "killed").glob(".*.tmp"))


def last_state(folder: Path) -> dict:
    """The tensors of the last state in `folder`."""
    newest = max(folder.glob("*-state"), key=lambda path: json.loads((path / "state.json").read_text("utf-8"))["step"])
    return load_file(newest / "tensors.safetensors")
