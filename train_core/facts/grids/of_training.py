"""The grid that looks at a training's files: settings of `draw_grid` for it, as people would type them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.facts.grids.templates import WEIGHTS, Template
from train_core.facts.run.result_names import by_age

FEW_WEIGHTS = "0.6, 0.8, 1"  # where all prompts of a training are drawn


def grid_of(
    config: TrainConfig, files: Sequence[Path], to: Path, template: Template | None, words: Mapping[str, str]
) -> dict[str, Any]:
    """Settings of a grid in the folder `to` with the `files` of a training, by a template or its own prompts.

    `words` are for the template's places. Files are compared in the order in which they were saved.
    """
    ordered = sorted(files, key=by_age)
    method = config.method.training_method
    base = config.model.pretrained_model_name_or_path
    axes = [] if template and template.compares == "one" else _axes_of_files(method, ordered, base)
    if axes and method == "LoRA" and (template is None or template.compares == "weights"):
        axes.append(f"weight: {WEIGHTS if template else FEW_WEIGHTS}")
    lines = template.filled({**words, "lora": _one(method, ordered[-1:], not axes)}) if template else _own(config)
    return {
        "grid_axes": "\n".join([*axes, *(template.axes if template else ())] or ["seed: -1, -1, -1"]),
        "grid_to": str(to),
        "grid_originals": config.validation.validation_data_dir if template and template.draws_held_out else "",
        "grid_captions": "",
        "draw_model": base,
        "draw_vae": config.model.vae,
        "draw_clip_skip": config.model.clip_skip or 1,
        "draw_prompts": "\n".join(lines),
        "draw_folders": str(ordered[-1].parent) if ordered else config.output.output_dir,
        "draw_resolution": config.dataset.resolution,
        "draw_sampler": config.samples.sample_sampler,
    }


def _axes_of_files(method: str, files: Sequence[Path], base: str) -> list[str]:
    """The axes that compare `files`, as a training of this method makes them."""
    names = ", ".join(_quoted(path.stem) for path in files)
    match method:
        case "LoRA":
            return [f"file: {names}"]
        case "textual inversion":
            return [f"embedding: none, {names}"]
        case "hypernetwork":
            return [f"hypernetwork: none, {names}"]
        case _:
            return ["base: " + ", ".join(map(_quoted, (base, *map(str, files))))]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"' if set('," ') & set(name) else name


def _one(method: str, last: Sequence[Path], alone: bool) -> str:
    """The tag of the last file, where it is not an axis that names it."""
    return f"<lora:{last[0].stem}:1>" if alone and last and method == "LoRA" else ""


def _own(config: TrainConfig) -> list[str]:
    return [line for line in re.split(r"\r\n|\r|\n", config.samples.sample_prompts) if line.strip()]
