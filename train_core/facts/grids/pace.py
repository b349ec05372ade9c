"""How fast this machine draws, remembered from one drawing to the next."""

from __future__ import annotations

import json
import math

from train_core.config.jobs.drawing import DrawSettings
from train_core.config.places import caches_dir
from train_core.config.untrusted import json_of, text_of
from train_core.config.whole_files import write_text
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.stages import calls_per_step

FILE = "drawing_pace.json"


def work_of(prompt: SamplePrompt) -> float:
    """How much there is to calculate for a picture: calls of the model times megapixels, in both passes."""
    pixels, hires = prompt.steps * prompt.width * prompt.height, prompt.hires
    if hires is not None:
        pixels += hires.steps_after(prompt.steps) * hires.side(prompt.width) * hires.side(prompt.height)
    return calls_per_step(prompt.sampler) * pixels / 1e6


def remembered_pace(settings: DrawSettings, kind: str) -> float | None:
    """Seconds for a unit of `work_of` on a base model of this `kind`; None while nobody knows."""
    seconds = _remembered().get(_key(settings, kind))
    return seconds if isinstance(seconds, int | float) and math.isfinite(seconds) and seconds > 0 else None


def remember_pace(settings: DrawSettings, kind: str, seconds: float) -> None:
    """Keep `seconds` for a unit of work. Raises OSError."""
    write_text(caches_dir() / FILE, json.dumps({**_remembered(), _key(settings, kind): seconds}))


def _key(settings: DrawSettings, kind: str) -> str:
    return f"{kind} {settings.draw_precision} {'processor' if settings.draw_on_cpu else 'device'}"


def _remembered() -> dict[str, object]:
    try:
        found = json_of(text_of(caches_dir() / FILE))
    except (OSError, ValueError):  # nothing is remembered yet, or no longer
        return {}
    return found if isinstance(found, dict) else {}
