"""Prompts to pictures, with whatever is attached to the model, without affecting the training around it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from itertools import count

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from train_core.config.problems import Problem, problem
from train_core.diffusion.process import Process
from train_core.facts.prompts.asked import Asked
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.stages import asked_in_both_passes, calls_per_step
from train_core.facts.prompts.wildcards import NO_FILES
from train_core.facts.seeds import sample_seed
from train_core.models.family import Family
from train_core.sampling.denoiser import Predict, Wanted, denoiser, guided
from train_core.sampling.noise import Noise, brownian_noise, fresh_noise
from train_core.sampling.sampler_names import SAMPLERS

# Ways to enlarge latents by A1111's names: how values between are found, and whether over all that they cover.
UPSCALERS: dict[str, tuple[str, bool]] = {
    "Latent": ("bilinear", False), "Latent (antialiased)": ("bilinear", True), "Latent (bicubic)": ("bicubic", False),
    "Latent (bicubic antialiased)": ("bicubic", True), "Latent (nearest)": ("nearest", False),
    "Latent (nearest-exact)": ("nearest-exact", False),
}  # fmt: skip


@dataclass(frozen=True)
class Picture:
    """A drawn prompt: `prompt.seed` is the seed that was used, `index` the prompt's place in the list, from 0."""

    image: Image.Image
    prompt: SamplePrompt
    index: int

    @property
    def seed(self) -> int:
        assert self.prompt.seed is not None
        return self.prompt.seed


@dataclass(frozen=True, kw_only=True)
class PictureDrawer:
    """Draws pictures with `family` on `device`, by the noise `process` that the model was trained with.

    `trained` is what sits on the model: it too is in evaluation mode meanwhile; `extra_tokens` are words that prompts
    may use beside the vocabulary's, see `Family.encode_text`. `interrupted` is asked before each step of a sampler:
    once it says so, the picture at hand is given up and no other is begun. `at_step` is called before each call of the
    model with the number of the step, from 1, and that of all. Afterwards the modules' modes and places and the global
    generators are as before.
    """

    family: Family
    process: Process
    device: torch.device
    trained: nn.Module | None = None
    extra_tokens: Mapping[str, Tensor] | None = None
    interrupted: Callable[[], bool] = lambda: False
    at_step: Callable[[int, int], None] = lambda step, steps: None

    def pictures(
        self, prompts: Iterable[SamplePrompt], seed: int, warn: Callable[[Problem], None],
        processes: tuple[int, int] = (1, 0), first: int = 0,
    ) -> Iterator[Picture]:
        """The picture of each prompt, the index of the first of which is `first`.

        Of several `processes` (their number, this one's rank) each draws its share.

        A prompt without a seed gets one that follows from the run's `seed` and its index, so that the pictures of all
        epochs can be compared. It also chooses between `{a|b}`. A picture with values that are not finite is left out,
        and `warn` is called.
        """
        number, rank = processes
        for index, prompt in enumerate(prompts, first):
            if index % number != rank:
                continue
            own_seed = sample_seed(seed, index) if prompt.seed is None else prompt.seed
            seeded = NO_FILES.resolved(replace(prompt, seed=own_seed))
            try:
                with undisturbed(self.family, self.device, self.trained):
                    pixels = self.pixels(seeded)
            except _InterruptedError:
                return
            if torch.isfinite(pixels).all():
                yield Picture(to_image(pixels[0]), seeded, index)
            else:
                warn(_not_finite(index + 1, seeded))

    def pixels(self, prompt: SamplePrompt) -> Tensor:
        """Pixels (1, 3, H, W), about [-1, 1], of a `prompt` that has a seed. All noise is drawn on the CPU.

        Raises _InterruptedError once `interrupted` says so.
        """
        assert prompt.seed is not None
        latents = self._first_pass(prompt, prompt.seed)
        if prompt.hires is not None:
            latents = self._second_pass(latents, prompt, prompt.seed, prompt.hires)
        return self.family.decode(latents)

    def _first_pass(self, prompt: SamplePrompt, seed: int) -> Tensor:
        """Latents (1, C, h, w) of the picture."""
        factor = self.family.vae_factor
        shape = (1, self.family.latent_channels, prompt.height // factor, prompt.width // factor)
        sigmas = SAMPLERS[prompt.sampler].sigmas(self.process, prompt.steps, prompt.spacing)
        generator = torch.Generator().manual_seed(seed)
        first = torch.randn(shape, generator=generator).to(self.device)
        start = math.sqrt(1 + sigmas[0] ** 2) * first  # latents of variance 1, plus the noise of the first level
        noise = self._noise(prompt, seed, start, sigmas, generator)
        return self._sampled(prompt, asked_in_both_passes(prompt)[0], start, sigmas, noise)

    def _second_pass(self, latents: Tensor, prompt: SamplePrompt, seed: int, hires: Hires) -> Tensor:
        """`latents`, enlarged, noised anew by the same seed, and drawn from there, as A1111's hires fix does."""
        factor = self.family.vae_factor
        size = hires.side(prompt.height) // factor, hires.side(prompt.width) // factor
        large = enlarged(latents, size, hires.upscaler)
        steps = hires.steps_after(prompt.steps)
        if steps == 0:
            return large
        levels = SAMPLERS[prompt.sampler].sigmas(self.process, hires.whole_way(prompt.steps), prompt.spacing)
        sigmas = levels[-steps - 1 :]
        generator = torch.Generator().manual_seed(seed)
        start = large + sigmas[0] * torch.randn(large.shape, generator=generator).to(self.device)
        noise = self._noise(prompt, seed, start, levels, generator)
        return self._sampled(prompt, asked_in_both_passes(prompt)[1], start, sigmas, noise)

    def _noise(
        self, prompt: SamplePrompt, seed: int, start: Tensor, levels: Sequence[float], generator: torch.Generator
    ) -> Noise:
        """The noise that the prompt's sampler adds to latents like `start`."""
        if SAMPLERS[prompt.sampler].brownian:
            return brownian_noise(start.shape, levels, seed, self.device)
        return fresh_noise(start.shape, generator, self.device)

    def _sampled(
        self, prompt: SamplePrompt, said: Sequence[Asked], start: Tensor, sigmas: Sequence[float], noise: Noise
    ) -> Tensor:
        """Where the sampler leads from `start` down the noise levels, with `said` asked of the model."""
        texts, wanted = _as_rows(said, prompt.scale)
        conditioning = self.family.encode_weighted(texts, self.extra_tokens)
        guide = guided(self.family, conditioning, wanted, prompt.scale)
        told = _told_of_steps(guide, self.at_step, len(sigmas) - 1, calls_per_step(prompt.sampler))
        predict = denoiser(_while_not(self.interrupted, told), self.process)
        return SAMPLERS[prompt.sampler].run(start, predict, sigmas, noise)


def enlarged(latents: Tensor, size: tuple[int, int], upscaler: str) -> Tensor:
    """`latents` (B, C, h, w) of another `size`, height and width."""
    mode, antialias = UPSCALERS[upscaler]
    return F.interpolate(latents, size, mode=mode, antialias=antialias)


def _as_rows(said: Sequence[Asked], scale: float) -> tuple[list[str], list[Wanted]]:
    """All texts that are asked for, each once, and their places for each stretch of calls."""
    alone = scale == 1 and said[0].weights == (1.0,)
    rows: dict[str, int] = {}
    wanted = []
    for one in said:
        texts = tuple(rows.setdefault(text, len(rows)) for text in one.texts)
        negative = None if alone else rows.setdefault(one.negative, len(rows))
        wanted.append(Wanted(one.last, texts, one.weights, negative))
    return list(rows), wanted


class _InterruptedError(Exception):
    """A picture is not to be finished."""


def _while_not(interrupted: Callable[[], bool], predict: Predict) -> Predict:
    """`predict`, which raises _InterruptedError once `interrupted` says so."""

    def watched(noisy: Tensor, timesteps: Tensor) -> Tensor:
        if interrupted():
            raise _InterruptedError
        return predict(noisy, timesteps)

    return watched


def _told_of_steps(predict: Predict, at_step: Callable[[int, int], None], steps: int, calls_per_step: int) -> Predict:
    """`predict`, which says before each call to which step it belongs."""
    calls = count()

    def telling(noisy: Tensor, timesteps: Tensor) -> Tensor:
        at_step(min(next(calls) // calls_per_step + 1, steps), steps)
        return predict(noisy, timesteps)

    return telling


def to_image(pixels: Tensor) -> Image.Image:
    """An RGB picture of `pixels` (3, H, W); values beyond [-1, 1] are cut."""
    levels = ((pixels.float() + 1) * 127.5).round().clamp(0, 255).to("cpu", torch.uint8)
    return Image.fromarray(levels.permute(1, 2, 0).numpy())


@contextmanager
def undisturbed(family: Family, device: torch.device, trained: nn.Module | None = None) -> Iterator[None]:
    """A stretch of evaluation: no gradients, evaluation mode, all of `family` on `device`; then all as it was."""
    modules = [*family.modules.values(), *([trained] if trained is not None else [])]
    with ExitStack() as stack:
        stack.enter_context(torch.no_grad())
        stack.enter_context(torch.random.fork_rng(devices=[device] if device.type == "cuda" else []))
        stack.enter_context(evaluating(modules))
        stack.enter_context(placed(family, device))
        yield


@contextmanager
def evaluating(modules: Iterable[nn.Module]) -> Iterator[None]:
    """`modules` in evaluation mode; afterwards each submodule is in the mode it was in."""
    modes = [(part, part.training) for module in modules for part in module.modules()]
    for part, _ in modes:
        part.training = False
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


@contextmanager
def placed(family: Family, device: torch.device) -> Iterator[None]:
    """All modules of `family` on `device`; afterwards those that were parked elsewhere are parked again."""
    at_home = {name for name, module in family.modules.items() if next(module.parameters()).device.type == device.type}
    if len(at_home) == len(family.modules):
        yield
        return
    try:
        family.place(family.modules.keys(), device)
        yield
    finally:
        family.place(at_home, device)


def _not_finite(number: int, prompt: SamplePrompt) -> Problem:
    return problem(
        "sample_not_finite",
        "Sample {number} ({prompt}) came out invalid (NaN) and is skipped. If this keeps happening, training has "
        "diverged: lower the learning rate, or use bf16 instead of fp16.",
        number=number,
        prompt=prompt.prompt,
    )
