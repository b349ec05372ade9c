"""Every recipe of docs/architecture.md is tried: a copy of the program gets exactly the files that it names, and works.

Each toy below is one recipe: the files to write and the lines to add to tables, by their paths, and a program that uses
what was added. It runs in a process of its own, which knows the copy alone.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.train_core.jobs.conftest import *  # noqa: F403 - fixtures of a tiny training job
from tests.train_core.jobs.conftest import Prepare
from train_core.config.places import app_dir

pytestmark = pytest.mark.jobs
ROW = re.compile(r"^\| (?:an? )([\w -]+?) \| (.+?) \|", re.MULTILINE)
PATH = re.compile(r"`((?:train_core|kohya_gui)/[\w./-]+)`")


@dataclass(frozen=True)
class Toy:
    """Something new: `files` by path, `edits` (old text, new text; nothing old: at the end), and a program to try it.

    `name` stands for NAME in the recipe. The program gets a training's TOML and `words`; it must print `shows`.
    """

    name: str
    try_it: str
    shows: str
    files: Mapping[str, str] = field(default_factory=dict)
    edits: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    words: tuple[str, ...] = ()


ALGORITHM = '''
"""One factor for the whole weight."""
from typing import ClassVar

import torch

from train_core.networks.weight_change import WeightChange


class ScaleLayer(WeightChange):
    """Change of a weight: itself times a trained number."""

    names: ClassVar = ("whole_scale",)
    signs: ClassVar = frozenset({"whole_scale"})
    needs_weight: ClassVar = True
    has_alpha: ClassVar = False

    def __init__(self, base, options, generator):
        super().__init__(base, options, generator)
        self.whole_scale = self._parameter(torch.zeros(1))

    def values(self):
        return {"whole_scale": self.whole_scale}

    @classmethod
    def change_of(cls, values, shape, alpha, weight):
        return weight * values["whole_scale"]

    @classmethod
    def shape_in(cls, values):
        return torch.Size((1,))

    @classmethod
    def suits(cls, values, shape):
        return True
'''
TRAIN_AND_INSPECT = """
import subprocess, sys
from pathlib import Path
from train_core.__main__ import main
job, *words = sys.argv[1:]
assert main(["train", "--config_file", job, *words]) == 0
(result,) = (path for path in (Path(job).parent / "out").glob("*.safetensors"))
assert main(["inspect", "--set", "inspected", str(result)]) == 0
"""
KIND = '''
"""SD 1.x under another name."""
from dataclasses import replace
from typing import ClassVar

from train_core.kinds import KINDS
from train_core.models.kinds.sd1 import SD1
from train_core.models.parts import Part
from train_core.models.unet_part import unet_part


class Toy(SD1):
    """A base model whose U-Net has names of its own in files."""

    kind = KINDS["Toy"]
    parts: ClassVar[dict[str, Part]] = {**SD1.parts, "unet": replace(unet_part(kind.unet_attention), prefix="toy_net.")}
'''
KIND_ROW = '''
from dataclasses import replace

KINDS["Toy"] = replace(
    SD1, name="Toy", code="toy", family="train_core.models.kinds.toy:Toy", signs=Signs(strong=(r"^toy_net\\.",)),
    input_tensor="toy_net.input_blocks.0.0.weight", names=Names("toy_v1", "toy-model"), velocity_names=None,
    said_as=("toy_v", "toy-model"),
)
'''
TRAIN_TOY_KIND = """
import sys
from pathlib import Path
from safetensors import safe_open
from safetensors.torch import save_file
from tests.tiny import original_state_dict
from train_core.__main__ import main
job, *words = sys.argv[1:]
old, model = "model.diffusion_model.", Path(job).with_name("toy.safetensors")
tensors = {name.replace(old, "toy_net."): tensor.contiguous() for name, tensor in original_state_dict().items()}
save_file(tensors, model)
assert main(["train", "--config_file", job, *words, "--set", "pretrained_model_name_or_path", str(model)]) == 0
(result,) = (path for path in (Path(job).parent / "out").glob("*.safetensors"))
print("base model", safe_open(result, "pt").metadata()["ss_base_model_version"])
"""
PROCESS = '''
"""DDPM whose noise levels are drawn from the upper half alone."""
import torch

from train_core.diffusion.ddpm import DDPM


class Upper(DDPM):
    """DDPM of strong noise."""

    def to(self, device):
        return Upper(self.alphas_cumprod.to(device), self.prediction_type)

    def sample_t(self, u):
        t = super().sample_t(0.5 + 0.5 * u)
        print("lowest level", int(torch.as_tensor(t).min()) >= 500)
        return t
'''
METHOD = '''
"""Training of the U-Net's last convolution alone."""
from contextlib import nullcontext

from train_core.methods.method import Method


class LastConv(Method):
    """Trains the convolution that the prediction comes out of."""

    def __init__(self, family):
        self.family = family
        self.trainable = family.modules[family.denoiser].conv_out.requires_grad_(True)

    @classmethod
    def of(cls, config, family, total_steps):
        return cls(family)

    @property
    def parts(self):
        return {self.family.denoiser}

    def parameter_groups(self, rates):
        part = self.family.denoiser
        return [{"params": list(self.trainable.parameters()), "lr": rates[part], "name": part}]

    def disabled(self):
        return nullcontext()

    def save(self, path, dtype, metadata):
        self.family.save_model(path, dtype, metadata)
        print("saved by last_conv")
'''
PROCESS_ROW = """
from train_core.diffusion.upper import Upper

PROCESSES["upper"] = lambda family, settings: Upper(family.alphas_cumprod, family.prediction_type)
"""
TRAIN = """
import sys
from train_core.__main__ import main
job, *words = sys.argv[1:]
sys.exit(main(["train", "--config_file", job, *words]))
"""
JOB_SETTINGS = '''
"""The settings of a job that counts."""
from train_core.config.job import Job
from train_core.config.setting import Section, setting


class CountSettings(Section, title="Count"):
    count_to: int = setting(3, "How far to count.", ge=1)


class CountConfig(Job, name="count", entry="train_core.jobs.count:count", uses="cpu"):
    """Counts."""

    count: CountSettings = CountSettings()
'''
JOB_WORK = '''
"""The job that counts."""
from train_core.events.kinds import Finished, Stage


def count(config, run_dir, emit, findings):
    """Count to the number in the settings."""
    for number in range(1, config.count.count_to + 1):
        emit(Stage(name="counting", done=number, total=config.count.count_to))
    emit(Finished(status="completed", path=None, step=None))
'''
RUN_JOB = """
import sys, time
from pathlib import Path
from kohya_gui.runs import launch
from train_core.config.jobs.table import job_of
from train_core.events.reading import read_events
from train_core.events.kinds import Finished, Stage

job = job_of("count")
folder = launch.prepare(job, job.from_flat({"count_to": 4}))
launch.launch(folder).process.wait()
events = read_events(folder / "events.jsonl")
print("counted", [e.done for e in events if isinstance(e, Stage) and e.name == "counting"], events[-1].status)
"""
TOOL_SETTINGS = '''

class WeighSettings(Section, title="Weigh"):
    weighed: str = setting("", "A file.", label="File", path="file", required=True)


class Weigh(Tool, name="weigh"):
    """Tells a file's size."""

    weigh: WeighSettings = WeighSettings()
'''
TOOL_WORK = '''
"""The size of a file."""
from pathlib import Path


def run(config, report):
    """Report the size of the file."""
    report.table("weight", ("fact", "value"), [("bytes", Path(config.weigh.weighed).stat().st_size)])
'''
RUN_TOOL = """
import sys
from train_core.__main__ import main
sys.exit(main(["weigh", "--set", "weighed", sys.argv[1]]))
"""
SPEAK = """
from kohya_gui.i18n.languages import languages, nearest_language
from kohya_gui.i18n.messages import page_translations, text
print(languages()["tlh"], nearest_language("tlh-KX"), text("ui.tab.train", "tlh"), "tlh" in page_translations())
"""
EVENT = '''

@event("hiccup")
@dataclass(frozen=True)
class Hiccup(Event):
    """Something short and harmless."""

    loudness: int = 0

    def words(self) -> str:
        return f"hiccup of {self.loudness}"
'''
SEND = """
import sys
from pathlib import Path
from train_core.events.kinds import Hiccup
from train_core.events.log import EventLog
from train_core.events.printing import Printer
from train_core.events.reading import read_events
path = Path(sys.argv[1]).with_name("events.jsonl")
EventLog(path).write(Hiccup(loudness=3))
(found,) = (event for event in read_events(path) if isinstance(event, Hiccup))
Printer().show(found)
"""
SETTING = '''
    favourite: str = setting("", "A word to remember.", label="Favourite", advanced=True)
'''
ASK = """
import sys
from pathlib import Path
from kohya_gui.i18n.messages import text
from train_core.config.files import read_config, to_toml
config = read_config(Path(sys.argv[1]), {"favourite": "zuko"}).config
print(config.output.favourite, 'favourite = "zuko"' in to_toml(config), text("setting.favourite.label", "en"))
"""

MERGE = '    Row(name="merge_lora"'
FEW_STEPS = ("--set", "max_train_steps", "2", "--set", "max_train_epochs", "0")
TOYS: dict[str, Toy] = {
    "algorithm": Toy(
        "scale", TRAIN_AND_INSPECT, "Scale", {"train_core/networks/algorithms/scale.py": ALGORITHM},
        {
            "train_core/config/sections/network.py": [('"BOFT", "Full"]\n', '"BOFT", "Full", "Scale"]\n')],
            "train_core/networks/algorithms/names.py": [
                (
                    "from train_core.networks.weight_change",
                    "from train_core.networks.algorithms.scale import ScaleLayer\n"
                    "from train_core.networks.weight_change",
                ),
                ('"Full": FullLayer,', '"Full": FullLayer, "Scale": ScaleLayer,'),
                ("FullLayer, NormLayer,\n)", "FullLayer, NormLayer, ScaleLayer,\n)"),
            ],
        },
        ("--set", "LoRA_type", "Scale", *FEW_STEPS),
    ),
    "kind of base model": Toy(
        "toy", TRAIN_TOY_KIND, "base model toy_v1", {"train_core/models/kinds/toy.py": KIND},
        {"train_core/kinds.py": [("", KIND_ROW)]}, FEW_STEPS,
    ),
    "noise process": Toy(
        "upper", TRAIN, "lowest level True", {"train_core/diffusion/upper.py": PROCESS},
        {
            "train_core/diffusion/processes.py": [("", PROCESS_ROW)],
            "train_core/kinds.py": [("SD1 = Kind(\n", 'SD1 = Kind(\n    process="upper",\n')],
        },
        FEW_STEPS,
    ),
    "training method": Toy(
        "last_conv", TRAIN, "saved by last_conv", {"train_core/methods/last_conv.py": METHOD},
        {"train_core/methods/choose.py": [
            ("from train_core.methods.method", "from train_core.methods.last_conv import LastConv\n"
             "from train_core.methods.method"),
            ('"LoRA": AdapterMethod', '"last_conv": LastConv, "LoRA": AdapterMethod'),
        ], "train_core/config/sections/method.py": [('Literal["LoRA"', 'Literal["last_conv", "LoRA"')]},
        ("--set", "training_method", "last_conv", *FEW_STEPS),
    ),
    "job": Toy(
        "count", RUN_JOB, "counted [1, 2, 3, 4] completed",
        {"train_core/config/jobs/count.py": JOB_SETTINGS, "train_core/jobs/count.py": JOB_WORK},
        {"train_core/config/jobs/table.py": [
            (MERGE, f'    Row(name="count", settings=f"{{JOBS}}.count:CountConfig", about="count"),\n{MERGE}'),
        ]},
    ),
    "tool": Toy(
        "weigh", RUN_TOOL, "bytes", {"train_core/workshop/weigh.py": TOOL_WORK},
        {
            "train_core/config/jobs/tools.py": [("", TOOL_SETTINGS)],
            "train_core/config/jobs/table.py": [
                (MERGE, f'    Row(name="weigh", settings=f"{{JOBS}}.tools:Weigh"),\n{MERGE}'),
            ],
        },
    ),
    "language": Toy("tlh", SPEAK, "tlhIngan Hol tlh ghoj True", {"kohya_gui/locales/tlh.json": ""}),
    "event": Toy("hiccup", SEND, "hiccup of 3", {}, {"train_core/events/kinds.py": [("", EVENT)]}),
    "setting": Toy(
        "output", ASK, "zuko True Favourite", {}, {"train_core/config/sections/output.py": [("", SETTING)]},
    ),
}
def recipe(what: str) -> set[str]:
    """The files that docs/architecture.md says are written or extended to add `what`."""
    text = (app_dir() / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = {name: set(PATH.findall(files)) for name, files in ROW.findall(text)}
    return rows[what]


def test_every_recipe_is_tried() -> None:
    text = (app_dir() / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert {name for name, _ in ROW.findall(text)} == set(TOYS)


def copy_of_the_program(folder: Path) -> Path:
    """The two packages and what they read, in `folder`."""
    for name in ("train_core", "kohya_gui", "presets", "demo"):
        shutil.copytree(app_dir() / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(app_dir() / "gui.py", folder)
    return folder


@pytest.mark.parametrize("what", TOYS)
def test_exactly_the_files_of_the_recipe_add_it(what: str, prepare: Prepare, tmp_path: Path) -> None:
    toy, program = TOYS[what], copy_of_the_program(tmp_path / "program")
    named = {path.replace("NAME", toy.name) for path in recipe(what)}
    assert set(toy.files) | set(toy.edits) == named
    for path, text in toy.files.items():
        assert not (program / path).exists()
        (program / path).write_text(text.lstrip("\n") or klingon(), encoding="utf-8")
    for path, edits in toy.edits.items():
        text = (program / path).read_text(encoding="utf-8")
        for old, new in edits:
            assert not old or text.count(old) == 1, old
            text = text.replace(old, new) if old else text + new
        (program / path).write_text(text, encoding="utf-8")
    environment = {
        **os.environ, "PYTHONPATH": os.pathsep.join([str(program), str(app_dir())]), "PYTHONUTF8": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", toy.try_it, str(prepare("job")), *toy.words], cwd=program, env=environment,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert toy.shows in done.stdout


def klingon() -> str:
    """The file of a language: every text of the English one, and some in words of its own."""
    texts = json.loads((app_dir() / "kohya_gui" / "locales" / "en.json").read_text(encoding="utf-8"))
    return json.dumps({**texts, "language": "tlhIngan Hol", "ui.tab.train": "ghoj"})
