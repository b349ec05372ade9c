"""Files written by version 1, as its users have them, load, resume and end as they would have with version 1.

`tests.samples.make_v1` says what the samples are and how they were made. A run ends with the same bytes where this
processor calculates as the one did that made them, which a probe tells. Elsewhere numbers have to agree to `NEARLY`,
and a warning says so.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from kohya_gui.form.presets import list_presets, load_preset, path_of, read_settings
from kohya_gui.runs.follow import RunFollower
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import find_run
from tests.event_lines import read_events
from tests.samples.arithmetic import probe
from tests.samples.kept import (
    OF_THE_END,
    OF_THE_START,
    VERSION_1,
    curves,
    plant,
    read_json,
    rooted,
    shown,
    split_file,
)
from tests.samples.merging import ADAPTERS, merged
from train_core.__main__ import main
from train_core.config.files import read_config
from train_core.facts.run.states import states_in

NEARLY = 1e-4
PRESET = "user:loha"
RUNS = {"zuko": "20260102-000000-zuko", "kron": "20260103-000000-kron"}
OF_THE_TENSORS = ("sshs_model_hash",)


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples in a folder of their own, which nobody changes."""
    return plant(VERSION_1, tmp_path_factory.mktemp("samples"))


@pytest.fixture
def root(planted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of `planted`, with its home as Crucible's."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(planted / "home"))
    return planted


@pytest.fixture
def own_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The samples in a folder of the test's own, with its home as Crucible's."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return plant(VERSION_1, tmp_path)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Calculation in one thread, as the samples were made."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def same_arithmetic(one_thread: None, record_property: Callable[[str, object], None]) -> bool:
    """Whether bytes must be equal here; the report of the test and, if not, a warning tell."""
    now = probe()
    others = [name for name, said in read_json("probe.json").items() if now[name] != said]
    record_property("compared", f"to {NEARLY}, for other {', '.join(others)}" if others else "to the byte")
    if others:
        warnings.warn(f"compared to {NEARLY}: this processor has other {', '.join(others)}", stacklevel=2)
    return not others


def assert_settings(name: str, values: dict[str, Any], said: list[str], root: Path) -> None:
    expected = read_json("settings.json")[name]
    wanted = json.loads(rooted(json.dumps(expected["values"]), root))
    read = json.loads(json.dumps(values))
    assert {key: read[key] for key in wanted} == wanted
    assert said == expected["said"]


def assert_file(path: Path, name: str, exactly: bool, without: tuple[str, ...] = OF_THE_END) -> None:
    """Raise unless an adapter is the one that version 1 ends with, metadata `without` what the clock says."""
    expected = VERSION_1 / "results" / f"{name}.safetensors"
    without = without if exactly else (*without, *OF_THE_TENSORS)
    found, wanted = split_file(path, without), split_file(expected, without)
    assert list(found[1].items()) == list(wanted[1].items())
    assert json.dumps(found[2]) == json.dumps(wanted[2])
    if exactly:
        assert found[0] == wanted[0]
    assert_near(load_file(path), load_file(expected))


def assert_near(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert found.keys() == wanted.keys()
    for name, tensor in wanted.items():
        assert torch.dist(found[name], tensor) <= NEARLY * tensor.norm(), name


def assert_curves(found: list[list[Any]], wanted: list[list[Any]], exactly: bool) -> None:
    assert [point[:2] for point in found] == [point[:2] for point in wanted]
    values = [[point[2] for point in points] for points in (found, wanted)]
    assert values[0] == (values[1] if exactly else pytest.approx(values[1], rel=NEARLY))


def assert_picture(found: Path, wanted: Path, exactly: bool) -> None:
    pixels, expected = (np.asarray(Image.open(path), int) for path in (found, wanted))
    assert np.abs(pixels - expected).max() <= (0 if exactly else 1)


def test_a_preset_is_offered_and_means_the_same(root: Path) -> None:
    assert PRESET in list_presets()
    values, problems, *_ = load_preset(PRESET)
    assert_settings("home/presets/loha.json", values, [problem.code for problem in problems], root)


def test_the_preset_beside_a_result_means_the_same(root: Path) -> None:
    values, problems, *_ = read_settings(root / "out" / "zuko.preset.json")
    assert_settings("out/zuko.preset.json", values, [problem.code for problem in problems], root)


@pytest.mark.parametrize("name", ["zuko.toml", "sd-scripts.toml", f"home/runs/{RUNS['kron']}/config.toml"])
def test_a_settings_file_means_the_same(root: Path, name: str) -> None:
    loaded = read_config(root / name)
    assert_settings(name, loaded.config.flat(), [problem.code for problem in loaded.warnings], root)


def test_every_run_is_listed_as_it_ended_and_as_far_as_it_came(root: Path) -> None:
    said = read_json("runs.json")
    found = {run.id: (run.name, run.status, run.step, run.total_steps) for run in list_runs()}
    of_runs = {name: its for name, its in said.items() if (root / "home" / "runs" / name).is_dir()}
    assert found == {
        name: (name[16:], its["status"], its["step"], its["total_steps"]) for name, its in of_runs.items()
    }
    assert all(find_run(name) for name in of_runs)


@pytest.mark.parametrize("name", sorted(read_json("runs.json")))
def test_what_a_job_of_any_kind_has_told_is_shown_alike(root: Path, name: str) -> None:
    (folder,) = (root / "home").glob(f"*/{name}")
    view = RunFollower(folder).view()
    now, said = shown(view, root), read_json("runs.json")[name]
    assert {key: now[key] for key in said} == said
    assert view.can_resume == (name in RUNS.values())
    assert (folder / "console.log").read_text(encoding="utf-8").strip().endswith(view.console.splitlines()[-1])


def test_a_tool_tells_of_an_adapter_what_it_told_before(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    folder = tmp_path / "tools" / "20260104-000000-inspect"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    (said,) = (its["tables"] for name, its in read_json("runs.json").items() if name.endswith("-inspect"))
    adapter = root / "out" / "zuko-000001.safetensors"
    assert main(["inspect", "--config_file", str(folder / "config.toml"), "--set", "inspected", str(adapter)]) == 0
    told = shown(RunFollower(folder).view(), root)["tables"]
    assert [(table["name"], table["columns"]) for table in told] == [(one["name"], one["columns"]) for one in said]
    for now, then in zip(told, said, strict=True):
        known = {expected[0] for expected in then["rows"]}  # what is told besides was not yet told then
        for row, expected in zip([row for row in now["rows"] if row[0] in known], then["rows"], strict=True):
            assert row == [pytest.approx(cell, rel=1e-3) if isinstance(cell, float) else cell for cell in expected]


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_changes_its_base_model_alike(root: Path, name: str, same_arithmetic: bool) -> None:
    found, said = merged(name, root), read_json("merged.json")[name]
    assert found["changed"].keys() == said["changed"].keys()
    for tensor, (distance, total) in said["changed"].items():
        assert found["changed"][tensor] == [pytest.approx(distance, rel=1e-3), pytest.approx(total, abs=1e-4)]
    assert found["sha256"] == said["sha256"] or not same_arithmetic


@pytest.mark.parametrize("name", RUNS)
def test_a_state_is_gone_on_from_to_the_same_end(own_root: Path, name: str, same_arithmetic: bool) -> None:
    folder = own_root / "home" / "runs" / RUNS[name]
    (state,) = (state for state in states_in(own_root / "out") if state.name == name)
    assert main(["train", "--config_file", str(folder / "config.toml"), "--set", "resume", "last"]) == 0
    events = read_events(folder / "events.jsonl")
    assert [event["step"] for event in events if event["kind"] == "resumed"][-1] == state.step
    assert (events[-1]["status"], events[-1]["step"]) == ("completed", state.total_steps)
    assert_file(own_root / "out" / f"{name}.safetensors", name, same_arithmetic)
    expected = read_json("curves.json")[name]
    assert_curves(curves(folder), expected, same_arithmetic)
    view = RunFollower(folder).view()
    assert [step for step, _ in view.validations] == [step for curve, step, _ in expected if curve == "loss/validation"]
    drawn = [event["path"] for event in events if event["kind"] == "sample"]
    assert bool(drawn) == (name == "zuko")
    for path in drawn[-1:]:
        assert_picture(Path(path), VERSION_1 / "results" / f"{name}.png", same_arithmetic)


@pytest.mark.parametrize("name", ["zuko", "loha"])
def test_a_settings_file_and_a_preset_train_to_the_same_adapter(
    own_root: Path, name: str, same_arithmetic: bool
) -> None:
    settings = own_root / "zuko.toml" if name == "zuko" else path_of(PRESET)
    words = ["--set", "output_name", name, "--set", "output_dir", str(own_root / "new")]
    assert main(["train", "--config_file", str(settings), *words]) == 0
    without = (*OF_THE_START, *OF_THE_END)
    assert_file(own_root / "new" / f"{name}.safetensors", name, same_arithmetic, without)
