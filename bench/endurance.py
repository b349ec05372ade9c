"""Whether a run that is killed again and again ends as one that never was: same weights, names, curves and counters.

Trains the demo twice for as many steps: once undisturbed, once killed (SIGKILL, the whole process) at a random moment
between --from and --to seconds after the first step of each start, resumed by `resume = "last"` until it is done. Ends
with an error at the first difference.

    python bench/endurance.py [--steps 200] [--every 10] [--from 2] [--to 15] [--seed 1] [--set NAME VALUE]...
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from safetensors import safe_open
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from train_core.config.files import read_config, write_toml
from train_core.events.kinds import Progress
from train_core.events.reading import Follower, read_events

ROOT = Path(__file__).resolve().parents[1]
# The old hash of files above 1 MiB is over bytes whose place depends on how long those times are written.
TIMES = {
    "ss_training_started_at", "ss_training_finished_at", "ss_session_id", "modelspec.date", "sshs_legacy_hash",
}  # fmt: skip


def write_job(folder: Path, args: argparse.Namespace) -> Path:
    """The job's file: the demo, with a file and a state every few steps."""
    wanted = {
        "output_dir": str(folder / "out"), "max_train_epochs": "0", "max_train_steps": str(args.steps),
        "save_every_n_steps": str(args.every), "save_state": "true", "save_state_every_n_steps": str(args.every),
        "sample_at_first": "false", "sample_every_n_epochs": "0", "use_cpu": "true", "train_batch_size": "2",
    } | dict(args.set or [])  # fmt: skip
    write_toml(folder / "job.toml", read_config(ROOT / "presets" / "lora" / "demo.json", wanted).config)
    return folder / "job.toml"


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "CRUCIBLE_HOME": str(folder / "home"), "PYTHONPATH": str(ROOT)}
    with (folder / "console.log").open("ab") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "train_core", "train", "--config_file", str(folder / "job.toml"), *words],
            env=environment, stdout=console, stderr=console,
        )  # fmt: skip


def run_of(folder: Path) -> Path:
    """The run folder: the newest, since a start that was killed before its first state is not gone on with."""
    return max((folder / "home" / "runs").iterdir())


def await_first_step(folder: Path, process: subprocess.Popen[bytes], follower: Follower | None) -> Follower:
    """Wait until this start has done a step, or the process has ended."""
    moved = False
    while process.poll() is None and not moved:
        time.sleep(0.02)
        events = max((folder / "home" / "runs").glob("*/events.jsonl"), default=None)
        if events is not None and (follower is None or follower.path != events):
            follower = Follower(events)
        moved = follower is not None and any(isinstance(event, Progress) for event in follower.new())
    assert follower is not None, (folder / "console.log").read_text(encoding="utf-8")
    return follower


def killed_until_done(folder: Path, args: argparse.Namespace) -> int:
    """Start, kill, go on; the number of kills."""
    draws, kills, follower = random.Random(args.seed), 0, None
    words: tuple[str, ...] = ()
    while True:
        process = start(folder, *words)
        follower = await_first_step(folder, process, follower)
        try:
            code = process.wait(draws.uniform(args.earliest, args.latest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            follower.new()
            steps = [e.step for e in read_events(run_of(folder) / "events.jsonl") if isinstance(e, Progress)]
            print(f"kill {kills}: about step {steps[-1]}", flush=True)
            words = ("--set", "resume", "last") if list((folder / "out").glob("*-state")) else words
            continue
        if code:
            raise SystemExit((folder / "console.log").read_text(encoding="utf-8")[-3000:])
        return kills


def results(folder: Path) -> dict[str, object]:
    """Every file in the output folder: adapters to the byte, with their metadata but for times; of states the names."""
    found: dict[str, object] = {}
    for path in sorted((folder / "out").rglob("*")):
        name = path.relative_to(folder / "out").as_posix()
        if path.suffix == ".safetensors" and "-state" not in name:
            data = path.read_bytes()
            with safe_open(path, "pt") as file:
                metadata = {key: value for key, value in file.metadata().items() if key not in TIMES}
            found[name] = (data[8 + int.from_bytes(data[:8], "little") :], metadata)
        elif "-state/" not in name:
            found[name] = None
    return found


def curves(folder: Path) -> list[tuple[str, int, float]]:
    """Every point of TensorBoard's curves."""
    points = []
    for path in sorted((run_of(folder) / "logs").glob("events.out.tfevents.*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            points += [(value.tag, event.step, value.simple_value) for value in event.summary.value]
    return sorted(points, key=lambda point: point[:2])


def main() -> None:
    """Print the kills and whether both runs are the same."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--every", type=int, default=10, help="steps between states")
    parser.add_argument("--from", dest="earliest", type=float, default=2.0, help="seconds after the first step")
    parser.add_argument("--to", dest="latest", type=float, default=15.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", nargs=2, action="append", metavar=("NAME", "VALUE"), help="another setting")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        undisturbed, killed = Path(name) / "undisturbed", Path(name) / "killed"
        for folder in (undisturbed, killed):
            folder.mkdir()
            write_job(folder, args)
        if start(undisturbed).wait():
            raise SystemExit((undisturbed / "console.log").read_text(encoding="utf-8")[-3000:])
        kills = killed_until_done(killed, args)
        files, points = results(killed), curves(killed)
        assert files == results(undisturbed), "the files differ"
        expected = curves(undisturbed)
        different = [pair for pair in zip(points, expected, strict=False) if pair[0] != pair[1]]
        assert points == expected, f"the curves differ: {len(points)} and {len(expected)} points, {different[:5]}"
        print(f"{args.steps} steps, {kills} kills: {len(files)} files and {len(points)} points of curves are the same")


if __name__ == "__main__":
    main()
