"""Loading an optimizer's state to the bit."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def restore_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load an optimizer's state to the bit: torch's own loading turns it into each parameter's dtype."""
    optimizer.load_state_dict(state)
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for number, saved in state["state"].items():
        held = optimizer.state[parameters[number]]
        for name, value in saved.items():
            if isinstance(value, Tensor) and isinstance(held.get(name), Tensor) and held[name].dtype != value.dtype:
                held[name] = value.to(held[name].device)
