"""Size, form and dropouts of one adapted layer."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LayerOptions:
    """Size, form and dropouts of one layer; most are for one algorithm or a few. See `NetworkSettings` for each.

    `alpha` None or 0 means the rank, that is, strength 1.
    """

    rank: int = 4
    alpha: float | None = None
    dropout: float = 0.0
    rank_dropout: float = 0.0
    rank_dropout_scale: bool = False
    module_dropout: float = 0.0
    rs_lora: bool = False
    use_tucker: bool = False
    use_scalar: bool = False
    dora_wd: bool = False
    wd_on_output: bool = False
    bypass_mode: bool = False
    unit: int = 4
    factor: int = -1
    decompose_both: bool = False
    full_matrix: bool = False
    constraint: float = 0.0
    rescaled: bool = False
    train_on_input: bool = False

    @property
    def random(self) -> bool:
        """Whether any dropout is on."""
        return bool(self.dropout or self.rank_dropout or self.module_dropout)
