"""NVIDIA's own program `nvidia-smi`, asked about cards and about who uses them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath, PureWindowsPath

from train_core.facts.machine.programs import answer_of

MIB = 2**20


@dataclass(frozen=True)
class Card:
    """A card: its name, and bytes of its memory."""

    name: str
    memory: int


def ask(*arguments: str) -> list[str]:
    """The lines that nvidia-smi answers; none where it is missing or fails."""
    return answer_of("nvidia-smi", "/usr/lib/wsl/lib", *arguments).splitlines()


def cards() -> list[Card]:
    """The cards in the driver's order."""
    lines = ask("--query-gpu=memory.total,name", "--format=csv,noheader,nounits")
    return [card for line in lines if (card := read_card(line)) is not None]


def read_card(line: str) -> Card | None:
    """The card in a line such as `12288, NVIDIA GeForce RTX 3060`; None for one of another form."""
    size, _, name = line.partition(",")
    return Card(name.strip(), int(size) * MIB) if _is_number(size) and name.strip() else None


def users_of(card: str = "") -> dict[int, tuple[str, int]]:
    """Program and bytes of each process that computes on the card with this UUID, by its number; of all for "".

    Processes of which the driver does not say how much they use, as on Windows, are left out.
    """
    chosen = [f"--id={card}"] if card else []
    lines = ask(*chosen, "--query-compute-apps=pid,used_memory,process_name", "--format=csv,noheader,nounits")
    return {pid: (name, size) for line in lines if (found := read_user(line)) for pid, name, size in [found]}


def read_user(line: str) -> tuple[int, str, int] | None:
    """Number, program and bytes from a line such as `4711, 1024, /usr/bin/python3`; None for one of another form."""
    number, size, path = [*(part.strip() for part in line.split(",", 2)), "", ""][:3]
    if not (_is_number(number) and _is_number(size)):
        return None
    name = PureWindowsPath(path).name if "\\" in path else PurePath(path).name
    return int(number), name or path or number, int(size) * MIB


def _is_number(text: str) -> bool:
    return text.strip().isdecimal() and len(text.strip()) < 15
