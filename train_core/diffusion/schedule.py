"""Changes to a noise schedule as a whole."""

from __future__ import annotations

from torch import Tensor


def zero_terminal(alphas_cumprod: Tensor) -> Tensor:
    """Cumulative alphas (T,) that end at exactly 0, the first one kept (Lin et al., 2024, algorithm 1).

    With s = sqrt(a): s' = (s - s_last) s_first / (s_first - s_last). The usual schedule leaves a trace of the picture
    in its last step, from which models learn a mean brightness that pure noise does not have.
    """
    roots = alphas_cumprod.double().sqrt()
    first, last = roots[0], roots[-1]
    return ((roots - last) * (first / (first - last))).square().to(alphas_cumprod.dtype)
