"""Training followed in the terminal, with the stand-in job."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from kohya_gui.runs import terminal, tools
from kohya_gui.runs.contact_sheet import write_contact_sheet
from kohya_gui.runs.follow import Sample, follower
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import read_run
from tests.kohya_gui.runs.conftest import stand_in, wait_until
from train_core.config.files import write_toml
from train_core.config.jobs.tools import Inspect
from train_core.config.places import runs_dir
from train_core.facts.run.run_folders import job_in

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def config_file(config, tmp_path):
    """A settings file that asks for a short run."""
    write_toml(tmp_path / "my config.toml", config)
    return tmp_path / "my config.toml"


def test_a_finished_run_is_shown_and_ends_well(config_file, monkeypatch, capfd):
    stand_in(monkeypatch, "short")
    assert terminal.run("train", config_file, {"output_name": "other"}) == 0
    shown = capfd.readouterr().out
    assert "3 steps" in shown
    assert "x.safetensors" in shown
    assert "complete" in shown
    assert "3 of 3, epoch 1/1, loss 0.3333" in shown  # a pipe gets lines instead of a bar
    assert [run.name for run in list_runs()] == ["other"]


def test_a_search_for_the_rate_shows_what_to_set_and_keeps_the_users_settings(config_file, monkeypatch, capfd):
    stand_in(monkeypatch, "find_rate")
    assert terminal.run("find_rate", config_file, {"output_name": "other"}) == 0
    assert "For AdamW8bit: unet_lr = 0.0002, text_encoder_lr = 0.0001" in capfd.readouterr().out
    (found,) = list_runs()
    assert found.id.endswith("-other-rate")


def test_a_crashed_run_shows_the_end_of_its_console(config_file, monkeypatch, capfd):
    stand_in(monkeypatch, "crash")
    assert terminal.run("train", config_file, {}) == 1
    shown = capfd.readouterr().out
    assert "out of memory" in shown
    assert "CalledProcessError" not in shown  # the launcher's own trace would hide what the job said
    assert "console.log" in shown


def test_a_second_job_is_refused_while_another_trains(config_file, run_job, capfd):
    running = run_job("deaf")
    wait_until(lambda: read_run(running).status == "running")
    assert terminal.run("find_rate", config_file, {}) == 1
    said = capfd.readouterr().err
    assert "The training x is still running" in said
    assert str(running / "console.log") in said  # where to look at it
    assert str(running / "control" / "stop") in said  # and what stops it, as below
    assert [run.folder for run in list_runs()] == [running]


def test_settings_are_checked_before_what_else_is_running(config_file, run_job, capfd):
    running = run_job("deaf")
    wait_until(lambda: read_run(running).status == "running")
    assert terminal.run("train", config_file, {"train_data_dir": "/no such images"}) == 1
    said = capfd.readouterr().err
    assert "no such images" in said
    assert "still running" not in said


def test_what_a_refused_start_names_stops_the_other_run(config_file, run_job, capfd):
    running = run_job("train")
    wait_until(lambda: read_run(running).status == "running")
    assert terminal.run("train", config_file, {}) == 1
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("To stop it")]
    Path(shlex.split(line)[-1]).touch()
    wait_until(lambda: read_run(running).status == "stopped")


@pytest.mark.parametrize("job", ["train", "find_rate", "class_images"])
@pytest.mark.parametrize(
    "wrong",
    [
        {"pretrained_model_name_or_path": "/no such model"}, {"train_data_dir": "/no such images"},
        {"output_dir": "{file}/below"}, {"output_name": "a" * 300}, {"network_weights": "/no such adapter"},
        {"sample_prompts": "a fox --w wide"}, {"resolution": "a"},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_start_that_settings_forbid_says_why_and_leaves_nothing_behind(config_file, capfd, job, wrong):
    if job == "class_images":
        wrong = {"class_data_dir": "{file}/below"} if "output_dir" in wrong else wrong
    values = {name: value.format(file=config_file) for name, value in wrong.items()}
    if job != "train" and wrong.keys() & {"sample_prompts", "network_weights", "output_name"}:
        pytest.skip("such jobs do not use it")
    assert terminal.run(job, config_file, values) == 1
    assert "Error: " in capfd.readouterr().err
    assert list_runs() == []
    assert not runs_dir().exists() or list(runs_dir().iterdir()) == []


def test_a_run_whose_settings_no_longer_hold_is_not_touched_by_resuming_it(config_file, monkeypatch, capfd):
    stand_in(monkeypatch, "short")
    assert terminal.run("train", config_file, {}) == 0
    (run,) = list_runs()
    before = {path: path.read_bytes() for path in run.folder.iterdir() if path.is_file()}
    assert terminal.run("train", run.folder / "config.toml", {"resume": "/no such state"}) == 1
    assert "no such state" in capfd.readouterr().err
    assert {path: path.read_bytes() for path in run.folder.iterdir() if path.is_file()} == before
    assert list_runs() == [run]


def test_a_warning_that_the_job_finds_again_is_shown_once(config_file, monkeypatch, capfd):
    stand_in(monkeypatch, "warn")
    assert terminal.run("train", config_file, {"save_state": "true"}) == 0
    shown = capfd.readouterr().out
    assert shown.count("save_state writes a state with every saved file") == 1
    assert shown.count("Warning: found by the job alone") == 1


def test_a_tool_says_what_it_finds_and_keeps_it_where_the_page_looks(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.safetensors").write_bytes(b"no adapter")
    assert terminal.run("inspect", None, {"inspected": "a.safetensors"}) == 1
    shown = capfd.readouterr().out
    assert str(tmp_path / "a.safetensors") in shown
    assert "failed" in shown
    folder = tools.newest()
    assert follower(folder).view().status == "failed"
    assert job_in(folder) is Inspect
    assert not list_runs()


def test_a_file_that_cannot_be_read_is_one_message(tmp_path, capfd):
    assert terminal.run("train", tmp_path / "none.toml", {}) == 1
    assert "none.toml" in capfd.readouterr().err


def test_all_that_is_wrong_with_a_file_is_said_at_once(config_file, capfd):
    assert terminal.run("train", config_file, {"network_dim": "-1", "no_such_thing": "1"}) == 1
    said = capfd.readouterr().err
    assert "network_dim" in said
    assert "no_such_thing" in said


TERMINAL = """
import sys
from pathlib import Path
from kohya_gui.runs import launch, terminal
launch.job_words = lambda job, config_file: ["fake_job", sys.argv[2], "--config_file", str(config_file)]
sys.exit(terminal.run("train", Path(sys.argv[1]), {}))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that stands for Ctrl-C in one process alone")
@pytest.mark.parametrize(("job", "interrupts", "said"), [("train", 1, "stopped"), ("deaf", 2, "without saving")])
def test_ctrl_c_asks_the_job_to_stop_and_a_second_one_ends_it(config_file, job, interrupts, said):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), str(REPOSITORY)])}
    command = [sys.executable, "-c", TERMINAL, str(config_file), job]
    shell = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8")
    wait_until(lambda: [run for run in list_runs() if run.total_steps])
    folder = list_runs()[0].folder
    for count in range(interrupts):
        shell.send_signal(signal.SIGINT)
        wait_until(lambda: (folder / "control").exists() and read_run(folder).status != "running")
        assert count == 0 or read_run(folder).status in ("stopping", "stopped")
    shown, _ = shell.communicate(timeout=60)
    assert shell.returncode == 130
    assert said in shown
    assert read_run(folder).status == "stopped"


def test_the_demo_says_where_everything_is_and_writes_over_nothing(tmp_path, monkeypatch, capfd):
    stand_in(monkeypatch, "paint")
    sheet = tmp_path / "demo-contact-sheet.png"
    sheet.write_bytes(b"precious")
    assert terminal.demo(tmp_path) == 0
    shown = capfd.readouterr().out
    assert str(tmp_path / "demo.safetensors") in shown
    assert str(tmp_path / "demo-contact-sheet-2.png") in shown
    assert sheet.read_bytes() == b"precious"
    assert Image.open(tmp_path / "demo-contact-sheet-2.png").width > 2 * 192


def test_the_contact_sheet_shows_every_sample_in_its_place(tmp_path):
    samples = []
    for step, colour in ((0, "red"), (10, "lime"), (20, "blue")):
        for index in (1, 2):
            path = tmp_path / f"{step}-{index}.png"
            Image.new("RGB", (128, 64 * index), colour).save(path)
            drawn = {"index": index, "step": step, "epoch": step // 10, "seed": 1}
            samples.append(Sample(path=path, prompt=f"a fox {index} --d 1", **drawn))
    write_contact_sheet(samples, tmp_path / "sheet.png")
    sheet = Image.open(tmp_path / "sheet.png").convert("RGB")
    strip = [sheet.getpixel((x, 60)) for x in range(sheet.width)]
    seen = [c for c in dict.fromkeys(strip) if c in ((255, 0, 0), (0, 255, 0), (0, 0, 255))]
    assert seen == [(255, 0, 0), (0, 255, 0), (0, 0, 255)]
    assert sum(c == (0, 255, 0) for c in sheet.get_flattened_data()) == 192 * 96 + 192 * 192
