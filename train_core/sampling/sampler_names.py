"""Table of samplers by name, their names in other software, and the noise levels they visit."""

from __future__ import annotations

from dataclasses import dataclass

from train_core.diffusion.process import Process, Spacing
from train_core.sampling import samplers


@dataclass(frozen=True)
class Entry:
    """A sampler, its name in A1111, and how its times are spaced."""

    run: samplers.Sampler
    label: str
    spacing: Spacing = "even"

    def sigmas(self, process: Process, steps: int) -> list[float]:
        """The noise levels of `steps` steps: those of the process's times, then 0."""
        return [*(process.sigma(t) for t in process.times(steps, self.spacing)), 0.0]


SAMPLERS = {
    "ddim": Entry(samplers.ddim, "DDIM", "trailing"),
    "pndm": Entry(samplers.pndm, "PLMS", "trailing"),
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
