"""Settings of the tool that finds out which tags a model knows."""

from __future__ import annotations

from typing import ClassVar

from train_core.config.conditions import when_set
from train_core.config.job import Tool
from train_core.config.setting import Section, setting


class ProbeSettings(Section, title="Probe tags"):
    probe_model: str = setting(
        "", "The base model that is asked whether it knows the tags.", label="Base model", path="file", required=True,
    )
    probe_vae: str = setting(
        "", "A VAE to use instead of the model's own; empty keeps the model's.", label="VAE", path="file",
        advanced=True,
    )
    probe_files: list[str] = setting(
        [], "Adapters that are asked as well, one per line; empty asks the base alone.", label="Files", lines=3,
        path="adapters",
    )
    probe_weight: float = setting(
        1, "The strength of the adapters.", label="Weight", ge=-10, le=10,
    )
    probe_tags: str = setting(
        "", "Tags, or the trigger, one per line or with commas between them, such as heart, crux, ;d.", label="Tags",
        lines=3, required=True,
    )
    probe_pictures: str = setting(
        "", "A folder of pictures with captions, some of which have the tags. Below 4 with a tag nothing can be "
        "decided about it; 8 or more are good. Empty compares how hard words pull at pictures that each model draws "
        "without them, which says less.", label="Pictures", path="folder",
    )
    probe_caption_extension: str = setting(
        ".txt", "The ending of caption files.", label="Caption ending", applies_to=when_set("probe_pictures"),
        advanced=True,
    )
    probe_context: str = setting(
        "{tag}", "The prompt in which each tag stands where pictures are drawn, with {tag} in its place, such as "
        "robot, {tag}.", label="Prompt",
    )
    probe_draw: int = setting(
        0, "How many pictures to look at the base and each adapter draw with each tag, and without any; they are a "
        "grid in the same folder. 0 draws none.", label="Pictures to draw", ge=0, le=100,
    )
    probe_to: str = setting(
        "", "The folder for probe.json, and for the pictures, which are drawn once.", label="Save to", path="output",
        required=True,
    )
    probe_resolution: str = setting(
        "512", "Width and height at which pictures are measured and drawn, such as 512,768 or 512.", label="Size",
        unit="px", pattern=r"^\s*\d+\s*(,\s*\d+\s*)?$", comma_at_end=True,
    )
    probe_clip_skip: int = setting(
        1, "Which text encoder layer to use, counted from the last. 2 suits most anime models.", label="Clip skip",
        ge=1, le=12,
    )
    probe_seed: int = setting(
        0, "Seed of all noise and of the made-up words, the same for every tag and file.", label="Seed", ge=0,
        le=2**32 - 1,
    )
    probe_steps: int = setting(
        30, "Steps of the pictures that are drawn.", label="Steps", ge=1, le=1000, advanced=True,
    )
    probe_scale: float = setting(
        7.5, "CFG scale of the pictures that are drawn.", label="CFG scale", ge=0, le=1000, advanced=True,
    )
    probe_on_cpu: bool = setting(
        False, "Calculate on the processor even if there is a graphics card.", label="On the processor", advanced=True,
    )


class ProbeTags(Tool, name="probe_tags", uses="device", checks="train_core.facts.scores.probes:examine_probe"):
    """Which tags the base and adapters know: each is compared with words of random letters, on pictures."""

    title: ClassVar[str] = "Probe tags"
    probe_tags: ProbeSettings = ProbeSettings()
