"""Trains on each of two processes by one file of settings after the other, and notes what this process holds.

    torchrun … -m tests.train_core.jobs.in_shares FOLDER SETTINGS…

FOLDER gets a file `NAME-RANK.json` for each file of settings: numbers held in the model's parts that train, in the
optimizer's state and in all of its tensors, validation losses and the pictures' paths by their prompts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch.distributed as dist
from torch import Tensor

from tests.train_core.methods.trainings import trained
from train_core.events.kinds import SampleDrawn, Validated
from train_core.run.training import Training


def main(folder: Path, settings: list[Path]) -> None:
    for file in settings:
        run, said = trained(file, file.stem)
        told = {
            "weights": held_weights(run), "state": held_state(run),
            "losses": [event.loss for event in said if isinstance(event, Validated)],
            "pictures": {event.prompt: event.path for event in said if isinstance(event, SampleDrawn)},
        }  # fmt: skip
        (folder / f"{file.stem}-{dist.get_rank()}.json").write_text(json.dumps(told))
        run.close()


def held_weights(run: Training) -> int:
    """How many numbers of the parts that train this process holds, wherever in the modules they are."""
    modules = run.objective.inputs.family.modules
    return sum(_held(one) for part in run.method.parts for one in modules[part].parameters())


def held_state(run: Training) -> int:
    """How many numbers the optimizer keeps here."""
    states: Any = run.stepper.optimizer.state.values()
    return sum(_held(value) for state in states for value in state.values() if isinstance(value, Tensor))


def _held(tensor: Any) -> int:
    return int((tensor.to_local() if hasattr(tensor, "to_local") else tensor).numel())


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
