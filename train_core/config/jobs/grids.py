"""Settings of the tool that draws grids of pictures, to compare epochs, weights and whatever else."""

from __future__ import annotations

from typing import ClassVar

from train_core.config.job import Tool
from train_core.config.jobs.drawing import DrawSettings
from train_core.config.setting import Section, setting


class GridSettings(Section, title="Grid"):
    grid_axes: list[str] = setting(
        [], "One axis per line: its kind, a colon, and its values. Kinds are file, weight, blocks, replace, prompt, "
        "negative, seed, steps, scale, sampler, schedule, size, base, lora, embedding and hypernetwork; numbers may be "
        "ranges such as 0.5-1 (+0.1). Several prompts are an axis too.", label="Axes", lines=4, required=True,
    )  # fmt: skip
    grid_to: str = setting(
        "", "The folder of the grid. Pictures that are there already are not drawn again.", label="Folder",
        path="output", required=True,
    )
    grid_originals: str = setting(
        "", "A folder of pictures, best such that were held out. The caption of each is put where a prompt has "
        "{caption}, and the picture stands beside what is drawn from it. Without a caption file the prompt counts that "
        "a picture carries. Tags that the prompt has itself, or says differently, are left out of it.",
        label="Pictures to draw again", path="folder",
    )  # fmt: skip
    grid_originals_most: int = setting(6, "At most so many of them.", label="At most", ge=1, le=100)
    grid_captions: list[str] = setting(
        [], "Captions to draw as well, one per line, such as tags that were copied from another picture. They are put "
        "where a prompt has {caption}, as those of pictures are.", label="Captions", lines=3,
    )  # fmt: skip
    grid_sheets: bool = setting(
        False, "Also put everything together on labelled pictures, in sheets in the folder: columns and rows are the "
        "first two axes, and each combination of the others has its own.", label="Sheets",
    )


class DrawGrid(Tool, name="draw_grid", uses="device", checks="train_core.facts.grids.checks:examine_grid"):
    """Pictures for all combinations of epochs, weights, prompts and more, of which only missing ones are drawn."""

    title: ClassVar[str] = "Grid of pictures"
    draw_grid: GridSettings = GridSettings()
    draw_pictures: DrawSettings = DrawSettings()
