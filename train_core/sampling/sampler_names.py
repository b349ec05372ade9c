"""Table of samplers by name, and the noise levels they visit."""

from __future__ import annotations

from dataclasses import dataclass

from train_core.diffusion.process import Process
from train_core.sampling import samplers
from train_core.sampling.spacings import SPACINGS


@dataclass(frozen=True)
class Entry:
    """A sampler, and how its levels are spaced where nobody says: what A1111 does, but for DPM++ 2M, DPM2 and DPM2 a.

    A `brownian` one draws its noise from one path. One that `skips_weakest` passes over the weakest level of a spacing,
    from which the step to 0 is longest.
    """

    run: samplers.Sampler
    spacing: str = "uniform"
    brownian: bool = False
    skips_weakest: bool = False

    def spacing_for(self, wanted: str) -> str:
        """The name of the spacing that the setting `wanted` means for this sampler."""
        return self.spacing if wanted == "automatic" else wanted

    def sigmas(self, process: Process, steps: int, spacing: str = "automatic") -> list[float]:
        """The noise levels of `steps` steps, then 0."""
        levels = SPACINGS[self.spacing_for(spacing)](process, steps + self.skips_weakest)
        return [*levels[:steps], 0.0]


SAMPLERS = {
    "ddim": Entry(samplers.ddim, "trailing"),
    "pndm": Entry(samplers.pndm, "trailing"),
    "lms": Entry(samplers.lms),
    "euler": Entry(samplers.euler),
    "euler_a": Entry(samplers.euler_a),
    "heun": Entry(samplers.heun),
    "dpm_2": Entry(samplers.dpm_2),
    "dpm_2_a": Entry(samplers.dpm_2_a),
    "dpmsolver": Entry(samplers.dpmsolver),
    "dpmsolver++": Entry(samplers.dpmsolver_pp),
    "dpmsingle": Entry(samplers.dpmsingle),
    "dpmpp_2s_a": Entry(samplers.dpmpp_2s_a, "karras"),
    "dpmpp_sde": Entry(samplers.dpmpp_sde, "karras", brownian=True),
    "dpmpp_2m_sde": Entry(samplers.dpmpp_2m_sde, "exponential", brownian=True),
    "dpmpp_3m_sde": Entry(samplers.dpmpp_3m_sde, "exponential", brownian=True, skips_weakest=True),
    "unipc": Entry(samplers.unipc, "trailing"),
    "lcm": Entry(samplers.lcm, "distilled"),
}
SAMPLERS |= {f"k_{name}": SAMPLERS[name] for name in ("lms", "euler", "euler_a", "dpm_2", "dpm_2_a")}
