"""The loaded base of a scoring: its pictures, encoded or drawn once, and files attached to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from train_core.config.existing import is_dir
from train_core.config.jobs.scoring import ScoreSettings
from train_core.config.problems import problem
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.data.heldout import measured_folder
from train_core.diffusion.processes import process_of
from train_core.facts.file_cache import shared_database
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.prompts.network_tags import NetworkTag
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.scores.asked import picture_settings
from train_core.facts.scores.measures import EVERY_LEVEL
from train_core.models.fitting import attend_without_gradients, choose_attention
from train_core.models.load import load_family
from train_core.networks.files.hashes import remembered_hashes
from train_core.run.model_inputs import ModelInputs
from train_core.sampling.draw import PictureDrawer
from train_core.sampling.networks import Networks
from train_core.scoring.measuring import Conditioned, PictureSet, opened
from train_core.scoring.once import draw_once, folder_for
from train_core.workshop.common.computing import device_and_dtype
from train_core.workshop.common.report import Progress, Report

ON_CPU, ON_CARDS = 16, 4  # noised pictures that are calculated together: graphics memory is dear


class Studio:
    """The base that `settings` name, with `base` as its files. Raises UserError for fp16 on a processor."""

    def __init__(self, settings: ScoreSettings, base: BaseFiles, report: Report) -> None:
        refused = problem("score_fp16_on_cpu", "score_precision = fp16 does not work on a processor. Set it to auto.")
        self.device, self.dtype = device_and_dtype(settings.score_precision, settings.score_on_cpu, refused)
        self.settings = settings
        self.batch_size = settings.score_batch_size or (ON_CPU if self.device.type == "cpu" else ON_CARDS)
        self._report = report
        model = ModelSettings(
            pretrained_model_name_or_path=settings.score_model, vae=settings.score_vae,
            clip_skip=settings.score_clip_skip,
        )  # fmt: skip
        self.family = load_family(model, self.dtype, self.device, files=base)
        choose_attention(self.family, MemorySettings(), self.dtype, self.device)
        attend_without_gradients(self.family)
        if self.device.type == "cpu":  # a quarter faster there
            self.family.modules[self.family.denoiser].to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        process = process_of(self.family, LossSettings())
        self.inputs = ModelInputs(self.family, process.to(self.device), self.dtype)
        self.base = Conditioned(self.family)
        self.model = _hashes(base)  # of its content
        self._drawer = PictureDrawer(family=self.family, process=process, device=self.device)
        self._networks: tuple[Path, Networks] | None = None

    @contextmanager
    def attached(self, path: Path | None, weight: float) -> Iterator[Conditioned]:
        """The model with the file at `path` at `weight`, or as it is; the last file stays in memory.

        What is given has to predict meanwhile: it encodes no caption anew that is read as by the base.
        """
        if path is None or not weight:
            yield self.base
            return
        if self._networks is None or self._networks[0] != path:
            self._networks = path, Networks(self.family, self.device, self.dtype)
        networks, tag = self._networks[1], NetworkTag("lora", path.stem, "", weight, weight)
        if self.dtype != torch.float32:
            with networks.on_model([(tag, path)]):
                yield Conditioned(self.family)
            return
        with networks.in_weights(tag, path) as changed:
            yield self.base if changed.isdisjoint(self.family.text_parts) else Conditioned(self.family)

    def pictures_in(
        self, folder: Path | str, most: int, progress: Progress, levels: tuple[int, ...] = EVERY_LEVEL
    ) -> PictureSet:
        """The pictures in `folder`, encoded; at most that many (0: all), to be measured at `levels`."""
        settings = self.settings
        library = measured_folder(picture_settings(settings), str(folder), most, settings.score_seed)
        return opened(
            library, self.family, self.device, self.batch_size, settings.score_seed, progress, levels
        )

    def drawn(
        self, name: str, prompts: Sequence[SamplePrompt], path: Path | None = None, weight: float = 0.0
    ) -> Path:
        """The folder with pictures of `prompts` by the file at `path`, or by the base, drawn unless they are there."""
        made_by: list[str | int | float] = [self.model, self.settings.score_clip_skip]
        if path is not None:
            made_by += [sha256(path), weight]
        folder = folder_for(Path(self.settings.score_to) / name, prompts, made_by)
        if not is_dir(folder):
            progress = self._report.stage("drawing")
            with self.attached(path, weight):
                draw_once(folder, prompts, self._drawer, self._report.warning, progress)
        return folder


def sha256(path: Path) -> str:
    """The hash of a file, remembered."""
    return remembered_hashes(path, shared_database()).sha256


def _hashes(base: BaseFiles) -> str:
    """What the base is, with its VAE: hashes of the files, or the path of a folder, which has none."""
    paths = [path for path in (base.model.path, base.vae_path) if path is not None]
    return " ".join(str(path) if is_dir(path) else sha256(path) for path in paths)
