"""Which sampler a name means, what other software calls it, and which noise levels it visits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from train_core.sampling import samplers
from train_core.sampling.denoiser import NoiseLevels


def even_sigmas(levels: NoiseLevels, steps: int) -> list[float]:
    """`steps` noise levels at even timesteps from the last trained one to the first, then 0, as in k-diffusion."""
    last = len(levels) - 1
    timesteps = [last - i * last / max(steps - 1, 1) for i in range(steps)]
    return [*(levels.sigma(t) for t in timesteps), 0.0]


def strided_sigmas(levels: NoiseLevels, steps: int) -> list[float]:
    """`steps` noise levels at a stride of T / steps, then 0, where the step to 0 is as long as the others.

    The stride is DDIM's; it is counted from the last timestep, so that even a few steps begin at pure noise (Lin et
    al., 2024, "Common Diffusion Noise Schedules and Sample Steps are Flawed").
    """
    timesteps = [len(levels) * (steps - i) / steps - 1 for i in range(steps)]
    return [*(levels.sigma(t) for t in timesteps), 0.0]


@dataclass(frozen=True)
class Entry:
    """A sampler, its name in A1111, and its noise levels for a number of steps."""

    run: samplers.Sampler
    label: str
    sigmas: Callable[[NoiseLevels, int], list[float]] = even_sigmas


SAMPLERS = {
    "ddim": Entry(samplers.ddim, "DDIM", strided_sigmas),
    "pndm": Entry(samplers.pndm, "PLMS", strided_sigmas),
    "lms": Entry(samplers.lms, "LMS"),
    "euler": Entry(samplers.euler, "Euler"),
    "euler_a": Entry(samplers.euler_a, "Euler a"),
    "heun": Entry(samplers.heun, "Heun"),
    "dpm_2": Entry(samplers.dpm_2, "DPM2"),
    "dpm_2_a": Entry(samplers.dpm_2_a, "DPM2 a"),
    "dpmsolver": Entry(samplers.dpmsolver, "DPM 2M"),
    "dpmsolver++": Entry(samplers.dpmsolver_pp, "DPM++ 2M"),
    "dpmsingle": Entry(samplers.dpmsingle, "DPM++ 2S"),
}
SAMPLERS |= {f"k_{name}": SAMPLERS[name] for name in ("lms", "euler", "euler_a", "dpm_2", "dpm_2_a")}
