"""The second pass over an enlarged picture, which other programs call hires fix."""

from __future__ import annotations

from dataclasses import dataclass

LATENT = 8  # pixels a side of a latent
MOST_STRENGTH = 0.999  # at 1 a schedule would have no end


@dataclass(frozen=True)
class Hires:
    """A second pass: `scale` times as large, `upscaler` is A1111's name of a way to enlarge latents.

    The picture is noised to the level from which `strength` of a whole way down is left, and drawn from there in
    `steps`; 0 is as many as in the first pass.
    """

    scale: float
    strength: float
    steps: int = 0
    upscaler: str = "Latent"

    def side(self, pixels: int) -> int:
        """The length in pixels of what was `pixels` long, by A1111's rule."""
        return int(pixels * self.scale) // LATENT * LATENT

    def steps_after(self, first: int) -> int:
        """The steps of the second pass where the first one had `first`; none at strength 0."""
        return (self.steps or first) if self.strength > 0 else 0

    def whole_way(self, first: int) -> int:
        """The steps of a whole way down, of which the last `steps_after` are walked (A1111's img2img)."""
        return int(self.steps_after(first) / min(self.strength, MOST_STRENGTH)) if self.strength > 0 else 0
