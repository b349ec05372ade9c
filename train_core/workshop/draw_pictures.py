"""Pictures of prompts with finished files: the base model is loaded once, and each prompt has its own networks."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from train_core.config.existing import is_dir
from train_core.config.jobs.drawing import DrawPictures, DrawSettings
from train_core.config.problems import problem
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.diffusion.processes import process_of
from train_core.events.kinds import SampleDrawn
from train_core.facts.drawing import ToDraw, to_draw
from train_core.facts.file_cache import shared_database
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.prompts.asked import asked
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.models.family import Family
from train_core.models.files.writing import telling
from train_core.models.fitting import choose_attention
from train_core.models.load import load_family
from train_core.networks.files.hashes import file_hashes, remembered_hashes, tensor_hashes
from train_core.sampling.draw import PictureDrawer
from train_core.sampling.networks import Networks
from train_core.sampling.png import parameters_text, save_png
from train_core.sampling.sampler_names import SAMPLERS
from train_core.workshop.common.computing import device_and_dtype
from train_core.workshop.common.report import Report

SHORT_HASH, NETWORK_HASH = 10, 12  # digits by which A1111 names a checkpoint and a LoRA
SEEDS = 2**32
MOST_ROWS = 100  # of the table


def run(config: DrawPictures, report: Report) -> None:
    """Draw all prompts, each as often as asked, and write every picture as soon as it is drawn."""
    settings = config.draw_pictures
    base = base_files(settings.draw_model, settings.draw_vae, to_train=False)
    prompts = to_draw(settings, base)
    wanted = [one for each in prompts for one in _seeded(each, settings.draw_count)]
    refused = problem("draw_fp16_on_cpu", "draw_precision = fp16 does not work on a processor. Set it to auto.")
    device, dtype = device_and_dtype(settings.draw_precision, settings.draw_on_cpu, refused)
    _tell_changes([one.prompt for one in prompts], report)
    report.stage("loading")
    family = _family(settings, base, device, dtype)
    networks, said = Networks(family, device, dtype), _facts(settings, base)
    drawer = PictureDrawer(family=family, process=process_of(family, LossSettings()), device=device)
    progress = report.stage("drawing")
    for place, one in enumerate(wanted):
        progress(place, len(wanted))
        with networks.on_model(one.networks):
            drawing = replace(drawer, extra_tokens=networks.words(one.words))
            for picture in drawing.pictures([one.prompt], 0, report.warning):
                path = _free_path(Path(settings.draw_to), picture.seed)
                with telling(path):
                    save_png(picture.image, path, parameters_text(picture.prompt, *said, _named(settings, one)))
                report.emit(
                    SampleDrawn(
                        path=str(path), prompt=one.prompt.prompt, index=place, step=0, epoch=None, seed=picture.seed
                    )
                )
    progress(len(wanted), len(wanted))


def _tell_changes(prompts: Sequence[SamplePrompt], report: Report) -> None:
    """Report what is asked in which steps, for prompts that change meanwhile or join several texts."""
    rows: list[tuple[int, str, str, str]] = []
    for number, prompt in enumerate(prompts, 1):
        calls = SAMPLERS[prompt.sampler].calls_per_step
        said, first = asked(prompt.prompt, prompt.negative_prompt, calls * prompt.steps), 0
        made = calls * (prompt.steps - 1) + 1  # the last step, to noise 0, takes one call
        for one in said if len(said) > 1 or len(said[0].texts) > 1 else ():
            if first < made:
                steps = f"{first // calls + 1}–{min(one.last, made - 1) // calls + 1}"
                rows.append((number, steps, one.in_words(), one.negative))
            first = one.last + 1
    if rows:
        report.table("asked", ("prompt", "steps", "asked", "negative"), rows[:MOST_ROWS])


def _seeded(wanted: ToDraw, count: int) -> list[ToDraw]:
    """The same prompt `count` times, each with a seed of its own."""
    first = random.randrange(SEEDS) if wanted.prompt.seed is None else wanted.prompt.seed
    return [replace(wanted, prompt=replace(wanted.prompt, seed=first + number)) for number in range(count)]


def _family(settings: DrawSettings, base: BaseFiles, device: torch.device, dtype: torch.dtype) -> Family:
    model = ModelSettings(
        pretrained_model_name_or_path=settings.draw_model, vae=settings.draw_vae, clip_skip=settings.draw_clip_skip
    )
    family = load_family(model, dtype, device, files=base)
    choose_attention(family, MemorySettings(), dtype, device)
    return family


def _facts(settings: DrawSettings, base: BaseFiles) -> tuple[str, str]:
    """Name and short hash of the base model, as A1111 says them."""
    hashes = remembered_hashes(base.model.path, shared_database())
    return base.model.path.stem, "" if is_dir(base.model.path) else hashes.sha256[:SHORT_HASH]


def _named(settings: DrawSettings, wanted: ToDraw) -> dict[str, str | int]:
    """What else A1111 writes into a picture: clip skip, another VAE, and the hashes of LoRAs by their names."""
    loras = {tag.name: path for tag, path in wanted.networks if tag.kind == "lora"}
    hashes = ", ".join(f"{name}: {_network_hash(path)}" for name, path in loras.items())
    return {
        **({"Clip skip": settings.draw_clip_skip} if settings.draw_clip_skip > 1 else {}),
        **({"VAE": Path(settings.draw_vae).name} if settings.draw_vae else {}),
        **({"Lora hashes": hashes} if hashes else {}),
    }


@cache
def _network_hash(path: Path) -> str:
    """The first digits of `sshs_model_hash`, whether it stands in the file or not."""
    file = read_tensor_file(path)
    whole = file.metadata.get("sshs_model_hash") or (
        tensor_hashes(file).in_order if path.suffix == ".safetensors" else file_hashes(path).sha256
    )
    return whole[:NETWORK_HASH]


def _free_path(folder: Path, seed: int) -> Path:
    """A name in `folder` that follows all that are there, as A1111 numbers pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    numbers = [int(found[1]) for path in folder.iterdir() if (found := re.match(r"(\d{5,9})-", path.name))]
    return folder / f"{max(numbers, default=-1) + 1:05d}-{seed}.png"
