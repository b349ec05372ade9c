"""The family of base models that a file is for, by the names that programs have for it."""

from __future__ import annotations

from train_core.config.problems import Problem, problem
from train_core.kinds import KINDS

# What stands in names of networks and kinds of training for models that cannot be trained here.
OTHERS = {
    "flux": "FLUX", "sd3": "SD3", "lumina": "Lumina", "hunyuan": "HunyuanImage", "anima": "Anima", "chroma": "Chroma",
}
# The family that is meant where nothing says another one.
PLAIN = next(kind.name for kind in KINDS.values() if not kind.boxes)


def family_of(said: str) -> str:
    """The family in a name such as sdxl-lora, sd_v1 or networks.lora_flux; "" where none is."""
    words = said.strip().lower()
    other = next((family for sign, family in OTHERS.items() if sign in words), "")
    if other:
        return other
    starts = {start: kind.name for kind in KINDS.values() for start in (*kind.said_as, *kind.boxes)}
    found = [start for start in starts if words.startswith(start)]
    if found:
        return starts[max(found, key=len)]
    return PLAIN if words.startswith("sd-") else ""


def untrained(family: str) -> Problem | None:
    """What to tell of a file for models of `family` if these cannot be trained here."""
    if not family or family in KINDS:
        return None
    return problem(
        "import_family_not_trained",
        "This file is for {family} models, which cannot be trained here yet. What holds for other models too is taken; "
        "choose a base model of another kind.",
        family=family,
    )
