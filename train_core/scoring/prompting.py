"""How hard a prompt pulls at the very first step, where there is nothing but noise: memorised prompts pull more.

The measure of Wen et al., "Detecting, Explaining, and Mitigating Memorization in Diffusion Models" (2024).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from train_core.diffusion.noise import noise_for
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.scores.measures import PULLS
from train_core.facts.scores.scores import Losses
from train_core.facts.seeds import seed_for
from train_core.run.model_inputs import ModelInputs
from train_core.scoring.measuring import Conditioned, written


class Pull:
    """Measures prompts by the model of `inputs` as it is at the moment, with PULLS noises that follow from `seed`.

    `drawn` is any prompt of the size at which pictures are drawn; up to `batch_size` predictions are made together.
    """

    def __init__(self, inputs: ModelInputs, drawn: SamplePrompt, seed: int, batch_size: int) -> None:
        family, process = inputs.family, inputs.process
        shape = (family.latent_channels, drawn.height // family.vae_factor, drawn.width // family.vae_factor)
        noise = noise_for([seed_for(seed, 0, 0, f"first step {number}") for number in range(PULLS)], shape)
        self._t = torch.full((PULLS,), process.times(2, "even")[0])
        self._noise = noise.to(inputs.dtype)
        self._together = max(1, batch_size // PULLS)  # prompts

    @torch.no_grad()
    def norms(
        self, prompts: Sequence[str], conditioned: Conditioned, device: torch.device, progress: Callable[[int], None]
    ) -> Losses:
        """Root mean square of eps(prompt) - eps() for each prompt and noise; `progress` hears of predictions."""
        noise, t = self._noise.to(device), self._t.to(device)
        texts, found = ["", *prompts], []
        for start in range(0, len(texts), self._together):
            some = texts[start : start + self._together]
            rows = [text for text in some for _ in range(PULLS)]
            predicted = conditioned(noise.repeat(len(some), 1, 1, 1), t.repeat(len(some)), rows, {}).float()
            found += predicted.unflatten(0, (len(some), PULLS))
            progress(len(rows))
        pulls = [(predicted - found[0]).square().mean(dim=(1, 2, 3)).sqrt().cpu() for predicted in found[1:]]
        return written(torch.stack(pulls))
