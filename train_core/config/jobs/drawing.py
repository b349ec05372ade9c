"""Settings of the tools that draw pictures with finished files."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when_above
from train_core.config.job import Tool
from train_core.config.sections.samples import Sampler, SampleSpacing
from train_core.config.setting import Section, setting

HiresUpscaler = Literal[
    "Latent", "Latent (antialiased)", "Latent (bicubic)", "Latent (bicubic antialiased)", "Latent (nearest)",
    "Latent (nearest-exact)",
]


class DrawSettings(Section, title="Draw pictures"):
    draw_model: str = setting(
        "", "A checkpoint or diffusers folder, the one that was trained on or another.", label="Base model",
        path="file", required=True,
    )
    draw_vae: str = setting(
        "", "A VAE to use instead of the model's own; empty keeps the model's.", label="VAE", path="file",
        advanced=True,
    )
    draw_prompts: str = setting(
        "", "One prompt per line, with --n negative, --w --h size, --d seed, --s steps, --l scale, --ss sampler; or "
        "the path of a .txt, .toml or .json file. <lora:name:0.8>, <hypernet:name:1> and the names of embeddings load "
        "these files.", label="Prompts", lines=5, required=True,
    )  # fmt: skip
    draw_negative: str = setting(
        "", "What pictures should not show, for prompts without --n.", label="Negative prompt", lines=2,
    )
    draw_folders: list[str] = setting(
        [], "Where the files are that prompts name, one folder per line, such as the output folder of a training or "
        "models/Lora of a WebUI. Folders in them are looked through too.", label="Folders of networks", lines=3,
    )
    draw_wildcards: list[str] = setting(
        [], "Where the text files are that prompts name between double underscores, one folder per line; each picture "
        "takes a line of the file. {this|that} chooses without a file.", label="Folders of wildcards", lines=2,
        advanced=True,
    )
    draw_seed: int | None = setting(
        None, "Seed of prompts without --d. Empty takes another one each time.", label="Seed", ge=0, le=2**32 - 1,
    )
    draw_resolution: str = setting(
        "", "Width and height of prompts without --w and --h, such as 512,768 or 512. Empty takes what the model was "
        "made for.", label="Size", unit="px", pattern=r"^\s*(\d+\s*(,\s*\d+\s*)?)?$", comma_at_end=True,
    )
    draw_steps: int = setting(30, "Steps of prompts without --s.", label="Steps", ge=1, le=1000)
    draw_scale: float = setting(7.5, "CFG scale of prompts without --l.", label="CFG scale", ge=0, le=1000)
    draw_sampler: Sampler = setting("euler_a", "Sampler of prompts without --ss.", label="Sampler")
    draw_spacing: SampleSpacing = setting(
        "automatic", "How the noise levels of prompts without --sc are spaced; automatic is the sampler's own.",
        label="Schedule type",
    )
    draw_clip_skip: int = setting(
        1, "Which text encoder layer to use, counted from the last. 2 suits most anime models.", label="Clip skip",
        ge=1, le=12,
    )
    draw_hires_scale: float = setting(
        1, "Enlarge each picture so many times and draw over it once more, as hires fix does; 1 is off.",
        label="Hires upscale", ge=1, le=8,
    )
    draw_hires_denoise: float = setting(
        0.7, "How much is drawn anew on the enlarged picture: 0 only enlarges, 1 draws all anew. Below 0.5 enlarged "
        "latents stay blurred.", label="Denoising strength", ge=0, le=1, applies_to=when_above("draw_hires_scale", 1),
    )
    draw_hires_steps: int = setting(
        0, "Steps of the second pass; 0 takes as many as the first one has.", label="Hires steps", ge=0, le=1000,
        applies_to=when_above("draw_hires_scale", 1),
    )
    draw_hires_upscaler: HiresUpscaler = setting(
        "Latent", "How the latents are enlarged, by A1111's names.", label="Hires upscaler",
        applies_to=when_above("draw_hires_scale", 1),
    )
    draw_precision: Literal["auto", "float", "bf16", "fp16"] = setting(
        "auto", "Number format of the calculations: auto is bf16 on cards that have it, else float (fp32).",
        label="Precision", advanced=True,
    )
    draw_on_cpu: bool = setting(
        False, "Calculate on the processor even if there is a graphics card.", label="On the processor", advanced=True,
    )


class DrawToSettings(Section, title="Pictures"):
    draw_to: str = setting(
        "", "The folder for the pictures. None that is there is overwritten.", label="Save to", path="output",
        required=True,
    )
    draw_count: int = setting(
        1, "How many pictures of each prompt; the seed of each is one more than the last.", label="Pictures of each",
        ge=1, le=1000,
    )


class DrawPictures(Tool, name="draw_pictures", uses="device", checks="train_core.facts.drawing:examine_drawing"):
    """Pictures of prompts, with any adapters, hypernetworks and embeddings; the base model is loaded once for all."""

    draw_pictures: DrawSettings = DrawSettings()
    drawn: DrawToSettings = DrawToSettings()
