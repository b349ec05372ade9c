"""Numbers from the device, without making it wait."""

from __future__ import annotations

import torch
from torch import Tensor


class Readback:
    """Copies a tensor to the host behind the work that is queued at `start`; `read` waits for that work only.

    Between the two the device gets its next work, so that it has something to do while the host looks at the numbers.
    """

    def __init__(self) -> None:
        self._host = torch.empty(0)
        self._event: torch.cuda.Event | None = None

    def start(self, values: Tensor) -> None:
        """Begin to copy `values`."""
        if values.device.type != "cuda":
            self._host = values
            return
        self._host = torch.empty(values.shape, dtype=values.dtype, pin_memory=True)
        self._host.copy_(values, non_blocking=True)
        self._event = torch.cuda.Event()
        self._event.record()

    def read(self) -> list[list[float]]:
        """The numbers of the last `start`, a matrix's."""
        if self._event is not None:
            self._event.synchronize()
        return self._host.tolist()
