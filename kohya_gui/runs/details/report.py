"""A report about a run that failed, to be shown to others: without paths, and without names that people gave."""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from kohya_gui.runs.details.console import last_lines
from kohya_gui.runs.details.record import Record, record_of
from kohya_gui.runs.follow import follower
from kohya_gui.runs.history.differences import changed_settings, settings_of
from kohya_gui.runs.registry import read_run
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import PACKAGE_PARENT, home
from train_core.config.problems import Problem, UserError
from train_core.config.setting import Setting
from train_core.facts.machine import nvidia
from train_core.facts.run.run_folders import job_in

LAST_LINES = 40
PACKAGES = ("torch", "diffusers", "transformers", "accelerate", "gradio")
SHORTEST_NAME = 3  # letters; shorter ones are parts of too many words
PATH, NAME, A_FILE = "<path>", "<name>", "<file>"
ENDINGS = "png|jpe?g|webp|bmp|avif|safetensors|ckpt|pt|pth|bin|txt|caption|npz|toml|json|jsonl|ya?ml|zip|csv|log"
# In a traceback, what follows one of these says where in the program it was.
OF_PROGRAMS = re.compile(r".*[/\\](?=(?:site-packages|train_core|kohya_gui|python3\.\d+)[/\\])")
IN_TRACEBACK = re.compile(r'File "([^"\n]*)"')
QUOTED = re.compile(r"""(["'`])([^"'`\n]*[/\\][^"'`\n]*)\1""")
ABSOLUTE = re.compile(r"""(?<![\w<>/\\.])(?:[A-Za-z]:[/\\]|\\\\|~?/)[^\s"'`,;:*?<>|]+(?:[/\\][^\s"'`,;:*?<>|]*)*""")
FILE = re.compile(rf"""[^\s"'`/\\<>]+\.({ENDINGS})\b""", re.IGNORECASE)
ADDRESS = re.compile(r"\b[a-z][a-z+.-]*://[^\s\"'<>]+|[\w.+-]+@[\w-]+\.[\w.-]+", re.IGNORECASE)
TECHNICAL = re.compile(r"[\w.]+=[\w.,()+\- ]*|[\d\s.,xe+\-]+")  # `weight_decay=0.1`, `512,768`


def report_of(folder: Path) -> str:
    """The report on the run in `folder`: what went wrong, what was set, versions, card and the console's end."""
    record, info = record_of(folder), read_run(folder)
    try:
        settings, changed = settings_of(folder), changed_settings(folder)
    except UserError:  # which may be what went wrong
        settings, changed = {}, {}
    hidden = Hidden(folder, record, settings)
    problems = [f"[{one.code}] {hidden.told(one)}" for one in follower(folder).view().errors]
    parts = {
        "Run": [f"{info.status if info else 'gone'}, step {info.step if info else 0} of "
                f"{info.total_steps if info else 0}"],
        "Message": problems, "Changed settings": hidden.settings(changed, _declared(folder)),
        "Versions": [f"{name} {found}" for name, found in _versions(record).items()], "Card": _cards(record),
        "Last lines": [hidden.text(line) for line in last_lines(folder / "console.log", LAST_LINES)],
    }  # fmt: skip
    return "\n\n".join(f"## {title}\n" + "\n".join(lines or ["none"]) for title, lines in parts.items()) + "\n"


class Hidden:
    """Takes out of texts about a run what says where its files are, and what people have named."""

    def __init__(self, folder: Path, record: Record, settings: Mapping[str, Any]) -> None:
        told = [value for value in _texts(settings.values()) if _has_path(value)]
        places = [str(folder), str(home()), str(Path.home()), str(PACKAGE_PARENT), *told]
        self._places = sorted({place for place in places if len(place) > 1}, key=len, reverse=True)
        names = {folder.name, folder.name[16:], Path.home().name, platform.node(), _user()}
        names |= {str(settings.get("output_name", ""))} | {Path(place).name for place in told}
        names |= {one.prompt for one in record.samples}
        known = sorted({name for name in names if len(name) >= SHORTEST_NAME}, key=len, reverse=True)
        self._names = re.compile(
            "|".join(rf"(?<!\w){re.escape(name)}(?!\w)" for name in known) or r"(?!)", re.IGNORECASE
        )

    def text(self, text: str) -> str:
        """`text` without addresses, paths, files and names."""
        text = ADDRESS.sub("<address>", text)
        text = IN_TRACEBACK.sub(lambda hit: f'File "{_in_program(hit.group(1))}"', text)
        for place in self._places:
            text = text.replace(place, PATH)
        text = QUOTED.sub(lambda hit: hit.group() if _is_of_program(hit.group(2)) else f"{hit[1]}{PATH}{hit[1]}", text)
        text = ABSOLUTE.sub(PATH, text)
        text = re.sub(rf"{PATH}(?:[/\\][^\s\"'`,;:]*)+", PATH, text)
        text = FILE.sub(lambda hit: f"{A_FILE}.{hit.group(1)}", text)
        return self._names.sub(NAME, text)

    def told(self, found: Problem) -> str:
        """The English text of a problem; what it was filled in with is hidden as a whole where it is no number."""
        text = found.text
        for value in sorted(map(str, found.params.values()), key=len, reverse=True):
            if len(value) >= SHORTEST_NAME and _has_path(value):
                text = text.replace(value, PATH)
        return self.text(text)

    def settings(self, values: Mapping[str, Any], declared: Mapping[str, Setting]) -> list[str]:
        """Lines of `name = value`; of a path and of a text that people write only that there is one."""
        return [f"{name} = {self._value(value, declared.get(name))}" for name, value in values.items()]

    def _value(self, value: Any, setting: Setting | None) -> str:
        if value is None or isinstance(value, bool | int | float):
            return str(value)
        if setting is not None and setting.traits.path:
            return PATH if value else '""'
        if isinstance(value, list):
            return f"[{', '.join(self._value(one, setting) for one in value)}]"
        known = setting is not None and (_is_choice(setting.annotation) or value in setting.traits.suggestions)
        if known or not value or TECHNICAL.fullmatch(str(value)):
            return self.text(str(value)) or '""'
        return "<text>"


def _declared(folder: Path) -> dict[str, Setting]:
    return {setting.name: setting for setting in (job_in(folder) or TrainConfig).settings()}


def _texts(values: Iterable[Any]) -> list[str]:
    """All texts among `values`, those in lists too."""
    found = [one for value in values for one in (value if isinstance(value, list) else [value])]
    return [one for one in found if isinstance(one, str) and one]


def _has_path(text: str) -> bool:
    return "/" in text or "\\" in text or FILE.search(text) is not None


def _is_choice(annotation: Any) -> bool:
    return get_origin(annotation) is Literal or any(get_origin(one) is Literal for one in get_args(annotation))


def _is_of_program(path: str) -> bool:
    return path.startswith(("site-packages", "train_core", "kohya_gui", "python3.", PATH))


def _in_program(path: str) -> str:
    """The part of a path in a traceback that is the same for everybody."""
    inside = OF_PROGRAMS.sub("", path)
    return inside if inside != path or path.startswith("<") else PATH


def _user() -> str:
    with suppress(OSError, KeyError, ImportError):  # nobody's own entry, as in a container
        return getpass.getuser()
    return ""


def _versions(record: Record) -> dict[str, str]:
    """Versions that the run had, else those that are installed."""
    told = dict(record.started.versions) if record.started is not None else {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            told.setdefault(name, version(name))
    return {"python": platform.python_version(), **told, "system": f"{platform.system()} {platform.release()}"}


def _cards(record: Record) -> list[str]:
    """The cards by name, memory and driver, as nvidia-smi tells, and the device that the run was on."""
    device = record.started.device if record.started is not None else ""
    lines = [f"the run was on {device}"] if device else []
    lines += nvidia.ask("--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
    return [line for line in lines if line.strip()]
