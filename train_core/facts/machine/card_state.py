"""What the cards are doing, as their makers' own programs tell: use, temperature, power and memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from train_core.config.untrusted import json_of
from train_core.facts.machine import nvidia
from train_core.facts.machine.programs import answer_of

MIB = 2**20
QUERY = "name,utilization.gpu,temperature.gpu,power.draw,memory.used,memory.total"
ROCM = ("--showproductname", "--showuse", "--showtemp", "--showpower", "--showmeminfo", "vram", "--json")
# What rocm-smi calls the same thing in its versions, the best first.
ROCM_NAMES = ("Card Series", "Card series", "Card Model", "Card model")
ROCM_USE = ("GPU use (%)",)
ROCM_TEMPERATURE = ("Temperature (Sensor edge) (C)", "Temperature (Sensor junction) (C)")
ROCM_POWER = ("Average Graphics Package Power (W)", "Current Socket Graphics Package Power (W)")
ROCM_USED, ROCM_TOTAL = ("VRAM Total Used Memory (B)",), ("VRAM Total Memory (B)",)


@dataclass(frozen=True)
class CardState:
    """A card now: its use in percent, degrees Celsius, watts, and bytes of its memory. None is not known."""

    name: str
    use: int | None = None
    temperature: int | None = None
    power: int | None = None
    used: int | None = None
    memory: int | None = None


def card_states() -> list[CardState]:
    """The state of every card, NVIDIA's first, then AMD's; none where no program tells."""
    lines = nvidia.ask(f"--query-gpu={QUERY}", "--format=csv,noheader,nounits")
    of_amd = read_rocm(answer_of("rocm-smi", "/opt/rocm/bin", *ROCM))
    return [*(found for line in lines if (found := read_nvidia(line)) is not None), *of_amd]


def read_nvidia(line: str) -> CardState | None:
    """The card in a line such as `NVIDIA GeForce RTX 3060, 97, 71, 168.20, 9120, 12288`; None for another form.

    The driver writes `[N/A]`, and the like, for what it does not know.
    """
    name, *values = (part.strip() for part in line.rsplit(",", 5))
    if len(values) != 5 or not name:
        return None
    use, temperature, power, used, memory = (_number(value) for value in values)
    return CardState(name, use, temperature, power, _times(used, MIB), _times(memory, MIB))


def read_rocm(answer: str) -> list[CardState]:
    """The cards in what `rocm-smi --json` answers: an object with one for each card; none if it is anything else."""
    try:
        said = json_of(answer)
    except ValueError:
        return []
    cards = said.items() if isinstance(said, dict) else ()
    return [
        CardState(
            str(_first(card, ROCM_NAMES) or name), *(_number(_first(card, names)) for names in (
                ROCM_USE, ROCM_TEMPERATURE, ROCM_POWER, ROCM_USED, ROCM_TOTAL,
            ))
        )
        for name, card in cards if name.startswith("card") and isinstance(card, dict)
    ]  # fmt: skip


def _first(card: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((card[name] for name in names if name in card), None)


def _number(said: Any) -> int | None:
    """The whole number next to what is said, which may be no number at all."""
    try:
        return round(float(said))
    except (TypeError, ValueError, OverflowError):
        return None


def _times(number: int | None, factor: int) -> int | None:
    return None if number is None else number * factor
