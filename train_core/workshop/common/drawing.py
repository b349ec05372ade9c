"""Pictures of prompts with finished files, each with the text by which A1111 knows how it was made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from train_core.config.existing import is_dir
from train_core.config.jobs.drawing import DrawSettings
from train_core.config.problems import problem
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.diffusion.processes import process_of
from train_core.facts.file_cache import shared_database
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.prompts.to_draw import ToDraw
from train_core.models.fitting import choose_attention
from train_core.models.load import load_family
from train_core.networks.files.hashes import file_hashes, remembered_hashes, tensor_hashes
from train_core.sampling.draw import Picture, PictureDrawer
from train_core.sampling.networks import Networks
from train_core.sampling.png import parameters_text
from train_core.workshop.common.computing import device_and_dtype
from train_core.workshop.common.report import Report

SHORT_HASH, NETWORK_HASH = 10, 12  # digits by which A1111 names a checkpoint and a LoRA


def computing_of(settings: DrawSettings) -> tuple[torch.device, torch.dtype]:
    """Where pictures are drawn, and in which numbers. Raises UserError for fp16 on a processor."""
    refused = problem("draw_fp16_on_cpu", "draw_precision = fp16 does not work on a processor. Set it to auto.")
    return device_and_dtype(settings.draw_precision, settings.draw_on_cpu, refused)


class Drawing:
    """A loaded base model that draws; `settings` say with which VAE, and `draw_clip_skip`."""

    def __init__(self, settings: DrawSettings, base: BaseFiles, device: torch.device, dtype: torch.dtype) -> None:
        self._settings = settings
        self._base = base
        model = ModelSettings(
            pretrained_model_name_or_path=str(base.model.path), vae=settings.draw_vae,
            clip_skip=settings.draw_clip_skip,
        )  # fmt: skip
        family = load_family(model, dtype, device, files=base)
        choose_attention(family, MemorySettings(), dtype, device)
        self._networks = Networks(family, device, dtype)
        self._drawer = PictureDrawer(family=family, process=process_of(family, LossSettings()), device=device)

    def pictures(self, wanted: ToDraw, report: Report) -> Iterator[tuple[Picture, str]]:
        """The picture with its text; none, and it is warned of, if it came out with values that are not finite.

        Raises KeyboardInterrupt between two steps if the tool is to end.
        """
        with self._networks.on_model(wanted.networks) as switch:

            def at_step(step: int, steps: int) -> None:
                report.heed()
                switch(step, steps)

            drawer = replace(self._drawer, extra_tokens=self._networks.words(wanted.words), at_step=at_step)
            for picture in drawer.pictures([wanted.prompt], 0, report.warning):
                yield picture, parameters_text(picture.prompt, *self._model(), self._named(wanted))

    def _model(self) -> tuple[str, str]:
        """Name and short hash of the base model, as A1111 says them."""
        path = self._base.model.path
        return path.stem, "" if is_dir(path) else remembered_hashes(path, shared_database()).sha256[:SHORT_HASH]

    def _named(self, wanted: ToDraw) -> dict[str, str | int]:
        """What else A1111 writes into a picture: clip skip, another VAE, and the hashes of LoRAs by their names."""
        settings = self._settings
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
