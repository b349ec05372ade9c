"""The queue starts its runs one after the other, whatever happens to them and to whoever runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kohya_gui.runs import control
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.launch import launch, start
from kohya_gui.runs.process import recall
from kohya_gui.runs.queue import queueing
from kohya_gui.runs.queue.listing import listed
from kohya_gui.runs.queue.queue_file import load
from kohya_gui.runs.queue.runner import BackgroundRunner, Happening, Runner, is_run, runner_lock
from kohya_gui.runs.registry import find_run
from tests.kohya_gui.runs.conftest import HERE, wait_until
from tests.kohya_gui.runs.queue.conftest import Add, standing, status, until_all_have_ended, waiting
from train_core.config.jobs.table import job_of
from train_core.config.places import home, runs_dir
from train_core.config.problems import UserError, problem

REPOSITORY = Path(__file__).parents[4]
Gate = Callable[[str], None]


def until(runner: Runner, **statuses: str) -> None:
    """Look until the runs with these titles have these statuses."""
    wait_until(lambda: standing(runner).items() >= statuses.items())


def test_runs_start_in_order_as_the_device_becomes_free(add: Add, open_gate: Gate) -> None:
    add("a"), add("b"), add("c", job="WaitBeside")
    runner = Runner()
    until(runner, a="running", b="queued", c="running")  # c needs no device, so it waits for none
    open_gate("a")
    until(runner, a="completed", b="running")
    open_gate("b")
    open_gate("c")
    until(runner, b="completed", c="completed")
    wait_until(lambda: not runner.look())
    assert waiting() == []


def test_a_run_that_was_started_by_hand_is_waited_for(add: Add, open_gate: Gate, tmp_path: Path) -> None:
    known = job_of("waiting_job:Wait")
    handle = start(known, known.from_flat({"title": "mine", "gate": str(tmp_path / "mine.gate")}))
    add("a")
    runner = Runner()
    wait_until(lambda: standing(runner) == {"mine": "running", "a": "queued"})
    open_gate("mine")
    handle.process.wait(timeout=60)
    until(runner, mine="completed", a="running")


def test_several_may_share_a_device_if_that_is_allowed(add: Add) -> None:
    for title in "abc":
        add(title)
    queueing.run_at_once(2)
    runner = Runner()
    until(runner, a="running", b="running", c="queued")


def test_a_paused_queue_starts_nothing_and_lets_what_runs_go_on(add: Add, open_gate: Gate) -> None:
    add("a"), add("b")
    runner = Runner()
    until(runner, a="running")
    queueing.pause()
    open_gate("a")
    until(runner, a="completed")
    assert runner.look()
    assert standing(runner)["b"] == "queued"
    queueing.pause(False)
    until(runner, b="running")


def test_a_run_does_not_start_before_its_time_and_lets_others_go_first(add: Add, open_gate: Gate) -> None:
    now = 1000.0
    add("late", not_before=2000.0), add("soon")
    runner = Runner(now=lambda: now)
    until(runner, late="queued", soon="running")
    open_gate("soon")
    until(runner, soon="completed", late="queued")
    now = 2000.0
    until(runner, late="running")


def test_a_run_that_is_refused_is_marked_and_the_next_one_starts(add: Add, tmp_path: Path) -> None:
    fault = tmp_path / "fault"
    first, _ = add("a", broken=str(fault)), add("b")
    fault.touch()
    said: list[Happening] = []
    runner = Runner(said.append)
    until(runner, b="running")
    assert [one.standing for one in listed(load())] == ["refused", "running"]
    assert [problem.text for problem in load().entries[0].refused] == ["This job is broken."]
    assert ("refused", first) in [(one.what, one.run) for one in said]
    fault.unlink()
    queueing.retry(first)
    assert [one.standing for one in listed(load())] == ["waiting", "running"]


def test_settings_that_cannot_be_read_any_more_are_such_a_refusal(add: Add) -> None:
    broken, gone, _ = add("a"), add("b"), add("c")
    (runs_dir() / broken / "config.toml").write_text('job = "waiting_job:Wait"\ntitle = [1]\nno_such = 1\n')
    (runs_dir() / gone / "config.toml").write_text('job = "no_module:None"\n')
    runner = Runner()
    until(runner, c="running")
    assert [one.standing for one in listed(load())] == ["refused", "refused", "running"]
    assert all(entry.refused for entry in load().entries[:2])


def test_what_the_checks_find_is_said_before_it_waits(add: Add, tmp_path: Path) -> None:
    (tmp_path / "fault").touch()
    with pytest.raises(UserError, match="broken"):
        add("a", broken=str(tmp_path / "fault"))
    assert waiting() == [] and list_runs() == []


def test_a_run_that_dies_at_once_does_not_stop_the_queue(add: Add) -> None:
    dead = add("a", dies=True)
    add("b")
    runner = Runner()
    until(runner, a="lost", b="running")
    assert waiting() == ["b"]
    assert "waiting" in (runs_dir() / dead / "console.log").read_text()


def test_another_runner_takes_up_what_one_has_left(add: Add, open_gate: Gate) -> None:
    running, _ = add("a"), add("b")
    until(Runner(), a="running")
    before = recall(runs_dir() / running)
    runner = Runner()
    until(runner, a="running", b="queued")
    assert recall(runs_dir() / running) == before  # it was not started again
    open_gate("a")
    until(runner, a="completed", b="running")


def test_after_a_restart_of_the_machine_the_dead_run_is_marked_and_the_queue_goes_on(add: Add) -> None:
    running, _, _ = add("a"), add("b"), add("c")
    until(Runner(), a="running")
    control.kill_trees(control.living_processes(runs_dir() / running, control.read_events(
        runs_dir() / running / "events.jsonl"
    )))  # fmt: skip
    wait_until(lambda: status(running) == "lost")
    assert waiting() == ["a", "b", "c"]
    runner = Runner()
    until(runner, a="lost", b="running", c="queued")
    assert waiting() == ["b", "c"]


RUN = """
import sys, time
from kohya_gui.runs.queue.runner import Runner
runner = Runner()
print("ready", flush=True)
sys.stdin.readline()
for _ in range(20):
    runner.look()
"""


def test_two_that_run_the_queue_at_the_same_moment_start_nothing_twice(add: Add) -> None:
    """Even where a drive knows no locks and both take themselves for the only one."""
    runs = [add(title) for title in "abcd"]
    queueing.run_at_once(2)
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(REPOSITORY)!r}, {str(HERE)!r}]\n{RUN}"]
    pages = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    for page in pages:
        assert page.stdout is not None and page.stdout.readline() == "ready\n"
    for page in pages:
        assert page.stdin is not None
        page.stdin.write("\n")
        page.stdin.flush()
    assert [page.wait(timeout=120) for page in pages] == [0, 0, 0]
    wait_until(lambda: [status(run) for run in runs] == ["running", "running", "queued", "queued"])
    for run in runs[:2]:
        wait_until(lambda run=run: "started" in kinds(run))
        assert kinds(run).count("started") == 1


def kinds(run: str) -> list[str]:
    """The kinds of a run's events so far; a run that has only just started has no list of them yet."""
    events = runs_dir() / run / "events.jsonl"
    return [json.loads(line)["kind"] for line in events.read_text("utf-8").splitlines()] if events.exists() else []


def test_one_runner_at_a_time_and_the_next_takes_over(add: Add) -> None:
    with runner_lock() as mine, runner_lock() as second:
        assert mine and not second
        assert is_run()
        other = BackgroundRunner()
        add("a")
        assert standing_now() == {"a": "queued"}
    wait_until(lambda: standing_now() == {"a": "running"})
    assert is_run()
    other.close()
    assert not is_run()


def standing_now() -> dict[str, str]:
    return {run.name: run.status for run in list_runs()}


def test_a_queue_that_cannot_be_read_is_told_once_and_goes_on_when_it_can(
    add: Add, capfd: pytest.CaptureFixture
) -> None:
    add("a")
    kept = (home() / "queue.json").read_text("utf-8")
    (home() / "queue.json").write_text("{")
    runner = BackgroundRunner()
    told = ""

    def has_told() -> bool:
        nonlocal told
        told += capfd.readouterr().err
        return "cannot be read" in told

    wait_until(has_told)
    (home() / "queue.json").write_text(kept, "utf-8")
    wait_until(lambda: standing_now() == {"a": "running"})
    runner.close()
    assert (told + capfd.readouterr().err).count("cannot be read") == 1


def test_a_run_that_waits_can_be_edited_moved_and_taken_out(add: Add, open_gate: Gate) -> None:
    a, b, c = add("a"), add("b"), add("c")
    known = job_of("waiting_job:Wait")
    queueing.move(c, lambda old, _: old - 1)
    assert waiting() == ["a", "c", "b"]
    queueing.move(a, lambda _, last: last + 5)
    assert waiting() == ["c", "b", "a"]
    queueing.edit(b, known, known.from_flat({"title": "b", "dies": True}))
    queueing.take_out(c)
    assert find_run(c) is None and not list(runs_dir().glob(".*"))
    until(Runner(), b="lost", a="running")


def test_what_has_started_can_be_neither_edited_nor_taken_out(add: Add) -> None:
    run = add("a")
    known = job_of("waiting_job:Wait")
    before = (runs_dir() / run / "config.toml").read_text("utf-8")
    until(Runner(), a="running")
    for change in (lambda: queueing.take_out(run), lambda: queueing.edit(run, known, known.from_flat({"title": "z"}))):
        with pytest.raises(UserError, match="has started already"):
            change()
    assert (runs_dir() / run / "config.toml").read_text("utf-8") == before
    assert waiting() == ["a"]


def test_a_run_that_waits_takes_no_requests(add: Add) -> None:
    with pytest.raises(UserError, match="has not started yet"):
        control.find_active(add("a"))


def test_a_run_that_is_to_go_on_keeps_its_folder_when_it_is_taken_out(add: Add) -> None:
    run = add("a", dies=True)
    runner = Runner()
    until(runner, a="lost")
    wait_until(lambda: not runner.look())
    queueing.enqueue(runs_dir() / run)
    assert [one.standing for one in listed(load())] == ["waiting"]
    queueing.take_out(run)
    assert find_run(run) is not None
    queueing.enqueue(runs_dir() / run)
    launch(runs_dir() / run).process.wait(timeout=60)  # by somebody else
    until_all_have_ended()
    runner.look()
    assert waiting() == []


def test_a_command_is_run_once_when_the_last_run_has_ended(add: Add, open_gate: Gate, tmp_path: Path) -> None:
    note, words = tmp_path / "note", "$HOME; a b"
    script = "import sys, pathlib; pathlib.Path(sys.argv[1]).open('a').write(sys.argv[2] + chr(10))"
    queueing.when_empty("command", [sys.executable, "-c", script, str(note), words])
    runner = Runner()
    assert not runner.look()  # nothing has run yet
    add("a")
    until(runner, a="running")
    open_gate("a")
    wait_until(lambda: not runner.look() and note.exists() and note.read_text() == f"{words}\n")
    runner.look()
    assert load().emptied and note.read_text().count("\n") == 1


def test_a_command_that_cannot_be_started_is_told(add: Add, open_gate: Gate) -> None:
    queueing.when_empty("command", ["/no/such/program"])
    add("a")
    open_gate("a")
    runner = Runner()
    wait_until(lambda: not runner.look())
    trouble = load().trouble
    assert trouble is not None and "/no/such/program" in trouble.text


class Machine:
    """A clock that is set, and a switch that only counts."""

    def __init__(self) -> None:
        self.now, self.switched_off = 1000.0, 0
        self.runner = Runner(now=lambda: self.now, power_off=self.switch)

    def switch(self) -> None:
        self.switched_off += 1


@pytest.fixture
def machine(add: Add, open_gate: Gate) -> Machine:
    """One that has just run the last run of its queue and is to be switched off."""
    queueing.when_empty("power_off")
    found = Machine()
    found.runner.look()
    assert not load().power_off_at
    add("a")
    open_gate("a")
    wait_until(lambda: found.runner.look() and load().power_off_at)
    return found


def test_the_machine_is_switched_off_after_a_minute_and_only_once(machine: Machine) -> None:
    machine.now += 59
    machine.runner.look()
    assert not machine.switched_off
    machine.now += 1
    machine.runner.look()
    machine.runner.look()
    assert machine.switched_off == 1
    assert (load().when_empty, load().power_off_at) == ("nothing", 0.0)


def test_switching_off_can_be_cancelled(machine: Machine) -> None:
    queueing.stay_on()
    machine.now += 600
    assert not machine.runner.look()
    assert not machine.switched_off


def test_work_that_comes_meanwhile_is_done_before_the_machine_is_switched_off(
    machine: Machine, add: Add, open_gate: Gate
) -> None:
    add("b")
    machine.now += 600
    wait_until(lambda: machine.runner.look() and standing_now()["b"] == "running")
    assert not machine.switched_off and not load().power_off_at
    open_gate("b")
    wait_until(lambda: machine.runner.look() and load().power_off_at)
    assert load().power_off_at == machine.now + 60


def test_a_new_runner_does_not_switch_off_for_an_older_one(machine: Machine) -> None:
    later = Machine()
    later.now = 1e9
    assert not later.runner.look()
    assert not later.switched_off


def test_a_machine_that_cannot_be_switched_off_says_so(add: Add, open_gate: Gate) -> None:
    def refuse() -> None:
        raise UserError(problem("any", "still on"))

    queueing.when_empty("power_off")
    now = 1000.0
    runner = Runner(now=lambda: now, power_off=refuse)
    add("a")
    open_gate("a")
    wait_until(lambda: runner.look() and load().power_off_at)
    now += 61
    assert not runner.look()
    trouble = load().trouble
    assert trouble is not None and trouble.text == "still on"
