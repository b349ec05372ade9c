"""Settings of the tool that measures the files of a training at several weights."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when_set
from train_core.config.job import Tool
from train_core.config.setting import Section, setting


class ScoreSettings(Section, title="Score files"):
    score_model: str = setting(
        "", "The base model that was trained on, or another that the files are to be used with.", label="Base model",
        path="file", required=True,
    )
    score_vae: str = setting(
        "", "A VAE to use instead of the model's own; empty keeps the model's.", label="VAE", path="file",
        advanced=True,
    )
    score_files: list[str] = setting(
        [], "The files to compare, one per line, usually those that the epochs of one training have saved.",
        label="Files", lines=5, path="adapters", required=True,
    )
    score_weights: str = setting(
        "1", "The strengths at which each file is measured, such as 0.6, 0.8, 1. The base alone is always measured "
        "once.", label="Weights", plain=True,
    )
    score_held_out: str = setting(
        "", "A folder of pictures of the same subject that were not trained on, with their captions. Below 4 nothing "
        "can be decided; 8 or more are good.", label="Held-out pictures", path="folder", required=True,
    )
    score_trained: str = setting(
        "", "The folder of pictures that were trained on: the difference from the held-out ones shows over-fitting. "
        "They are measured at each file's highest weight.",
        label="Trained pictures", path="folder",
    )
    score_trained_most: int = setting(
        8, "How many of the trained pictures are measured at most; 0 measures all.", label="Trained pictures, at most",
        ge=0, le=100000, applies_to=when_set("score_trained"), advanced=True,
    )
    score_caption_extension: str = setting(
        ".txt", "The ending of caption files.", label="Caption ending", advanced=True,
    )
    score_trigger: str = setting(
        "", "The words that call up what was learnt, with commas between them. What the held-out pictures lose without "
        "them is measured.", label="Trigger words",
    )
    score_class: str = setting(
        "", "The word for the kind of thing that was learnt, such as dog. It stands in the prompts for pictures that "
        "have nothing to do with the training.", label="Class word",
    )
    score_foreign: str = setting(
        "", "Prompts for pictures that the files should leave as they are, one per line, with the class word and "
        "without the trigger; the base draws them. Empty takes eight everyday scenes.", label="Foreign prompts",
        lines=4,
    )
    score_to: str = setting(
        "", "The folder for scores.json and for the pictures that the base draws, which are drawn once.",
        label="Save to", path="output", required=True,
    )
    score_resolution: str = setting(
        "512", "Width and height at which pictures are measured and drawn, such as 512,768 or 512.", label="Size",
        unit="px", pattern=r"^\s*\d+\s*(,\s*\d+\s*)?$", comma_at_end=True,
    )
    score_clip_skip: int = setting(
        1, "Which text encoder layer to use, counted from the last. 2 suits most anime models.", label="Clip skip",
        ge=1, le=12,
    )
    score_seed: int = setting(
        0, "Seed of all noise, the same for every file and weight.", label="Seed", ge=0, le=2**32 - 1,
    )
    score_draw: int = setting(
        0, "How many pictures of each held-out caption every file draws at every weight, to find copies and to see "
        "whether tags are followed. This takes far longer than all else; 0 draws none, 2 also shows how pictures vary.",
        label="Pictures to draw", ge=0, le=100,
    )
    score_steps: int = setting(
        15, "Steps of the pictures that are drawn, by DPM++ 2M Karras.", label="Steps", ge=1, le=1000, advanced=True,
    )
    score_scale: float = setting(
        7.5, "CFG scale of the pictures that are drawn.", label="CFG scale", ge=0, le=1000, advanced=True,
    )
    score_batch_size: int | None = setting(
        None, "How many noised pictures are calculated together, two or four of each picture. More is faster and takes "
        "more memory. Empty means 16 on the processor and 4 on a card.", label="Batch size", ge=4, le=1024,
        multiple_of=4, advanced=True,
    )
    score_precision: Literal["auto", "float", "bf16", "fp16"] = setting(
        "auto", "Number format of the calculations: auto is bf16 on cards that have it, else float (fp32).",
        label="Precision", advanced=True,
    )
    score_on_cpu: bool = setting(
        False, "Calculate on the processor even if there is a graphics card.", label="On the processor", advanced=True,
    )


class Score(Tool, name="score", uses="device", checks="train_core.facts.scores.asked:examine_scoring"):
    """How well each file at each weight does on pictures that it never saw, and what it spoils; measured, not drawn."""

    score: ScoreSettings = ScoreSettings()
