"""Table of samplers by name, their names in other software, and the noise levels they visit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from train_core.diffusion.process import Process
from train_core.sampling import samplers
from train_core.sampling.spacings import SPACINGS


@dataclass(frozen=True)
class Entry:
    """A sampler, its name in A1111, and how its levels are spaced where nobody says.

    `calls_per_step` is how often it asks the model in a step, the last one aside. A `brownian` one draws its noise from
    one path. One that `skips_weakest` passes over the weakest level of a spacing, from which the step to 0 is longest.
    """

    run: samplers.Sampler
    label: str
    spacing: str = "uniform"
    calls_per_step: Literal[1, 2] = 1
    brownian: bool = False
    skips_weakest: bool = False

    def sigmas(self, process: Process, steps: int) -> list[float]:
        """The noise levels of `steps` steps, then 0."""
        levels = SPACINGS[self.spacing](process, steps + self.skips_weakest)
        return [*levels[:steps], 0.0]


SAMPLERS = {
    "ddim": Entry(samplers.ddim, "DDIM", "trailing"),
    "pndm": Entry(samplers.pndm, "PLMS", "trailing"),
    "lms": Entry(samplers.lms, "LMS"),
    "euler": Entry(samplers.euler, "Euler"),
    "euler_a": Entry(samplers.euler_a, "Euler a"),
    "heun": Entry(samplers.heun, "Heun", calls_per_step=2),
    "dpm_2": Entry(samplers.dpm_2, "DPM2", calls_per_step=2),
    "dpm_2_a": Entry(samplers.dpm_2_a, "DPM2 a", calls_per_step=2),
    "dpmsolver": Entry(samplers.dpmsolver, "DPM 2M"),
    "dpmsolver++": Entry(samplers.dpmsolver_pp, "DPM++ 2M"),
    "dpmsingle": Entry(samplers.dpmsingle, "DPM++ 2S", calls_per_step=2),
    "dpmpp_2s_a": Entry(samplers.dpmpp_2s_a, "DPM++ 2S a", "karras", calls_per_step=2),
    "dpmpp_sde": Entry(samplers.dpmpp_sde, "DPM++ SDE", "karras", calls_per_step=2, brownian=True),
    "dpmpp_2m_sde": Entry(samplers.dpmpp_2m_sde, "DPM++ 2M SDE", "exponential", brownian=True),
    "dpmpp_3m_sde": Entry(samplers.dpmpp_3m_sde, "DPM++ 3M SDE", "exponential", brownian=True, skips_weakest=True),
    "unipc": Entry(samplers.unipc, "UniPC", "trailing"),
    "lcm": Entry(samplers.lcm, "LCM", "distilled"),
}
SAMPLERS |= {f"k_{name}": SAMPLERS[name] for name in ("lms", "euler", "euler_a", "dpm_2", "dpm_2_a")}
