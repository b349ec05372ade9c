"""The settings reference, docs/settings.md, written from the declarations: `python -m train_core.config.reference`."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from train_core.config.conditions import ALWAYS
from train_core.config.interop.sd_scripts_options import fates
from train_core.config.job import Job
from train_core.config.jobs import table
from train_core.config.jobs.tools import MergeLora
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import app_dir
from train_core.config.setting import Setting
from train_core.config.whole_files import write_text

INTRODUCTION = """# Settings

Every setting of the training job, by the name that it has in TOML files, JSON presets and on the command line
(`./gui.sh train CONFIG --network_dim 16`). Names are those of sd-scripts where it has the same thing. This page is
written from the declarations in `train_core/config/sections/` by `python -m train_core.config.reference`.
"""

TOOLS_START = """## The tools

What can be done with finished files: [LoRA tools](lora-tools.md). Each takes its settings from a TOML file, or by
`--set NAME VALUE` from the command line: `python -m train_core TOOL`. `[result]` is the same for all that write a file.
"""

SD_SCRIPTS = """## The options of sd-scripts

What became of each. For those that are done, the last column says where their effect is seen, and
`tests/train_core/jobs/test_no_setting_is_ignored.py` says of each what it does and sees that it does it. No option is
accepted and ignored.

| option | state | note |
|---|---|---|
"""


def reference() -> str:
    """The whole page as Markdown."""
    parts = [INTRODUCTION, *(_section(TrainConfig, key, f"## {section.title} (`[{key}]`)")
                             for key, section in TrainConfig.sections().items())]
    parts.append(TOOLS_START)
    told = {MergeLora.sections()["result"]}  # sections that several tools have are described once
    for row in table.tools():
        tool = table.job_of(row.name)
        parts.append(_section(tool, row.name, f"### {tool.title}: `{row.name}`\n\n{tool.__doc__}"))
        others = {key: section for key, section in tool.sections().items() if key != row.name and section not in told}
        parts += [_section(tool, key, f"#### {section.title} (`[{key}]`)") for key, section in others.items()]
        told |= set(tool.sections().values())
    parts.append(_section(MergeLora, "result", "### Result (`[result]`)"))
    parts.append(SD_SCRIPTS + "".join(f"| `{fate.name}` | {fate.state} | {fate.note} |\n" for fate in fates()))
    return "\n".join(parts)


def _section(job: type[Job], key: str, heading: str) -> str:
    """A heading and the table of a section's settings."""
    rows = "".join(_row(s) for s in job.settings() if s.section == key)
    applies_to = job.sections()[key].applies_to
    if applies_to != ALWAYS:
        heading += f"\n\nThis section applies only when {applies_to.words}."
    return f"{heading}\n\n| setting | type | default | meaning |\n|---|---|---|---|\n{rows}"


def _row(setting: Setting) -> str:
    meaning = setting.help
    if setting.traits.suggestions:
        meaning += f" Known names: {', '.join(setting.traits.suggestions)}."
    if setting.traits.applies_to != ALWAYS:
        meaning += f" Applies only when {setting.traits.applies_to.words}."
    unit = f" {setting.traits.unit}" if setting.traits.unit else ""
    kind = "list, one a line" if setting.traits.lines > 1 and setting.default == [] else _kind(setting.annotation)
    cells = (f"`{setting.name}`", f"{kind}{_bounds(setting)}{unit}", _default(setting), meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _kind(annotation: Any) -> str:
    if get_origin(annotation) in (Union, types.UnionType):
        inner = next(a for a in get_args(annotation) if a is not type(None))
        return f"{_kind(inner)} or empty"
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if get_origin(annotation) is list:
        return "list of key=value"
    return {bool: "true or false", int: "whole number", float: "number", str: "text"}[annotation]


def _bounds(setting: Setting) -> str:
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    words = [f"{sign} {limit:g}" for name, sign in signs.items() if (limit := setting.bound(name)) is not None]
    return f" ({', '.join(words)})" if words else ""


def _default(setting: Setting) -> str:
    if setting.traits.required:
        return "must be set"
    if isinstance(setting.default, bool):
        return str(setting.default).lower()
    return "empty" if setting.default in (None, "", []) else f"`{setting.default}`"


def main(path: Path | None = None) -> None:
    """Write the page to `path`, which is docs/settings.md unless given."""
    write_text(path or app_dir() / "docs" / "settings.md", reference())


if __name__ == "__main__":
    main()
