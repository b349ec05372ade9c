"""The walls of the house: who may import whom, and what stays out of fast starts."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from train_core import kinds
from train_core.config.jobs import table
from train_core.config.places import app_dir
from train_core.events.reading import KINDS

FLOORS = (
    "kinds", "config", "events", "facts", "studio", "data", "models", "networks", "diffusion", "optim", "sampling",
    "methods", "run", "scoring", "captioning", "workshop", "jobs",
)
WITHOUT_TORCH = ("kinds", "config", "events", "facts", "studio")
MOST_FILES = 25
HEAVY = {"torch", "diffusers", "transformers", "accelerate", "bitsandbytes"}
RUN_MODELS = {"onnxruntime", "cv2"}
# What imports these: never for the page as such, only when somebody has pictures looked at.
TAGGER, LOOKER = "train_core.studio.tagging.wd_model", "train_core.studio.vision.looker"
FINDERS = tuple(f"train_core.studio.vision.{name}" for name in ("faces", "nets", "persons", "texts"))
CHANGERS = tuple(f"train_core.studio.pixels.{name}" for name in ("cut_out_model", "grab_cut", "inpainting"))
VIDEOS = "train_core.studio.video.reading"
CUT_OUTS = "train_core.studio.pixels.cut_outs"
ERASERS = tuple(f"train_core.studio.pixels.{name}" for name in ("treating", "unpainting"))


def sources(package: str) -> list[Path]:
    return sorted((app_dir() / package).rglob("*.py"))


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    """All that stands in a file; most walls ask for every file's."""
    return tuple(ast.walk(ast.parse(path.read_text("utf-8"))))


def imports(path: Path) -> Iterator[str]:
    """Every module that `path` imports, also inside functions and for type checking."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(app_dir()).with_suffix("").parts).removesuffix(".__init__")


def room(path: Path) -> str:
    return path.relative_to(app_dir() / "train_core").parts[0].removesuffix(".py")


def test_the_page_never_imports_torch_and_of_the_trainer_only_what_needs_none() -> None:
    wrong = {
        (path.name, name)
        for path in sources("kohya_gui")
        for name in imports(path)
        if name.split(".")[0] in HEAVY | RUN_MODELS or name.startswith((TAGGER, LOOKER, VIDEOS, *FINDERS, *CHANGERS))
        or (name.startswith("train_core.") and name.split(".")[1] not in WITHOUT_TORCH)
    }
    assert not wrong


def test_what_runs_models_is_imported_in_a_few_files_that_are_loaded_late() -> None:
    ways = {module_of(path): set(imports(path)) for path in sources("train_core")}
    assert {name for name, used in ways.items() if used & RUN_MODELS} == {TAGGER, VIDEOS, *FINDERS, *CHANGERS}
    users = {name for name, used in ways.items() if TAGGER in used}
    assert {name.rpartition(".")[0] for name in users} == {"train_core.workshop"}
    assert {name for name, used in ways.items() if used & set(FINDERS)} == {
        LOOKER, *FINDERS[:1], *FINDERS[2:], CUT_OUTS,
    }  # fmt: skip
    assert {name for name, used in ways.items() if used & set(CHANGERS)} == {CUT_OUTS, *ERASERS}
    assert {name for name, used in ways.items() if VIDEOS in used} == {"train_core.workshop.video_frames"}
    assert {name for name, used in ways.items() if LOOKER in used} == {"train_core.studio.vision.found"}


def test_the_trainer_never_imports_the_page() -> None:
    wrong = {
        (path.name, name)
        for path in sources("train_core")
        for name in imports(path)
        if name.split(".")[0] in {"gradio", "kohya_gui"}
    }
    assert not wrong


def test_a_room_imports_only_from_itself_and_from_rooms_before_it() -> None:
    wrong = {
        (str(path.relative_to(app_dir())), name)
        for path in sources("train_core")
        if room(path) in FLOORS
        for name in imports(path)
        if name.startswith("train_core.") and FLOORS.index(name.split(".")[1]) > FLOORS.index(room(path))
    }
    assert not wrong


@pytest.mark.parametrize("name", WITHOUT_TORCH)
def test_the_ground_floor_names_no_torch(name: str) -> None:
    found = {
        (path.name, module)
        for path in sources("train_core")
        if room(path) == name
        for module in imports(path)
        if module.split(".")[0] in HEAVY
    }
    assert not found


def test_outside_of_their_room_no_single_method_is_named() -> None:
    open_to_all = ("train_core.methods.method", "train_core.methods.choose")
    wrong = {
        (path.name, name)
        for path in sources("train_core")
        if room(path) != "methods"
        for name in imports(path)
        if name.startswith("train_core.methods.") and not name.startswith(open_to_all)
    }
    assert not wrong


@pytest.mark.parametrize("package", ["train_core", "kohya_gui"])
def test_no_room_has_more_files_than_one_finds_ones_way_in(package: str) -> None:
    rooms = {path.parent for path in sources(package)}
    crowded = {str(folder): len(list(folder.glob("*.py"))) for folder in rooms}
    assert not {name: count for name, count in crowded.items() if count > MOST_FILES}


@pytest.mark.parametrize("package", ["train_core", "kohya_gui"])
def test_the_plan_names_every_room(package: str) -> None:
    plan = (app_dir() / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.parent for path in sources(package)} - {app_dir() / package}
    assert not {folder.name for folder in rooms if f"`{folder.name}/`" not in plan}


def test_files_do_not_import_each_other_in_circles() -> None:
    """Also not inside functions, and not for type checking."""
    paths = {module_of(path): path for package in ("train_core", "kohya_gui") for path in sources(package)}
    ways = {name: set(imports(path)) & paths.keys() for name, path in paths.items()}
    while leaves := {name for name, used in ways.items() if not used}:
        ways = {name: used - leaves for name, used in ways.items() if name not in leaves}
    assert not ways  # what is left leads back to itself, or to what does


def test_rooms_of_the_page_do_not_import_each_other_in_circles() -> None:
    paths = [path for path in sources("kohya_gui") if path.parent != app_dir() / "kohya_gui"]
    ways: dict[str, set[str]] = {path.parent.name: set() for path in paths}
    for path in paths:
        used = {name.split(".")[1] for name in imports(path) if name.startswith("kohya_gui.")}
        ways[path.parent.name] |= used & ways.keys() - {path.parent.name}
    while leaves := {name for name, used in ways.items() if not used}:
        ways = {name: used - leaves for name, used in ways.items() if name not in leaves}
    assert not ways


def test_importing_the_whole_page_brings_no_torch_in() -> None:
    code = (
        "import sys, kohya_gui.server.app, kohya_gui.page, kohya_gui.runs.terminal\n"
        "sys.exit(bool({'torch', 'onnxruntime', 'cv2', 'rapidocr'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=app_dir(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_needs_neither_gradio_nor_torch() -> None:
    code = (
        "import sys\nfrom kohya_gui.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "sys.exit(bool({'gradio', 'torch', 'onnxruntime', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=app_dir(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_packages_offer_nothing_from_their_init_files() -> None:
    packages = [*sources("kohya_gui"), *sources("train_core")]
    assert not [path for path in packages if path.name == "__init__.py" and path.stat().st_size]


def words_for_kinds(path: Path) -> Iterator[int]:
    """The lines on which `path` asks a line of an event file for its kind, or compares an event's kind with a word."""
    for node in nodes(path):
        asks = isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and node.slice.value == "kind"
        gets = isinstance(node, ast.Call) and ast.unparse(node.func) in ("event.get", "e.get")
        compares = isinstance(node, ast.Compare) and any(
            isinstance(word, ast.Constant) and word.value in KINDS for word in ast.walk(node)
        ) and any(isinstance(side, ast.Attribute) and side.attr == "kind" for side in (node.left, *node.comparators))
        if asks or gets or compares:
            yield node.lineno


def test_kinds_of_events_are_words_in_their_own_room_alone() -> None:
    outside = [path for path in sources("train_core") if room(path) != "events"]
    found = {
        (str(path.relative_to(app_dir())), line)
        for path in [*outside, *sources("kohya_gui"), *sources("bench")]
        for line in words_for_kinds(path)
    }
    assert not found


def test_kinds_of_base_models_are_named_in_their_table_alone() -> None:
    known = {*kinds.KINDS, *(kind.code for kind in kinds.KINDS.values()), *kinds.NOT_TRAINED} - {"FLUX"}
    found = {
        (path.name, node.value)
        for package in ("train_core", "kohya_gui")
        for path in sources(package)
        if path.name != "kinds.py"
        for node in nodes(path)
        if isinstance(node, ast.Constant) and node.value in known
    }
    assert not found


def literals(path: Path) -> Iterator[list[str]]:
    """The texts that stand side by side in one list, tuple, set, or among the keys of one dictionary."""
    for node in nodes(path):
        elements = node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else ()
        elements = node.keys if isinstance(node, ast.Dict) else elements
        yield [one.value for one in elements if isinstance(one, ast.Constant) and isinstance(one.value, str)]


def test_jobs_are_listed_in_their_table_alone() -> None:
    names = {name for row in table.OURS for name in (row.name, row.word)}
    wrong = {
        (path.name, *sorted(names & set(found)))
        for package in ("kohya_gui", "train_core")
        for path in sources(package)
        for found in literals(path)
        if len(names & set(found)) > 1
    }
    assert not wrong
