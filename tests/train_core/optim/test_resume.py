"""Every optimizer goes on from its saved state as if it had never stopped, to the bit."""

from __future__ import annotations

import io

import pytest
import torch

from train_core.optim.optimizers import TABLE, build_optimizer

RATES = {"unet": 1.0, "text_encoder": 1.0}


def parameters() -> list[torch.nn.Parameter]:
    """Enough values that the 8-bit optimizers really use 8 bits, and a small tensor beside them."""
    generator = torch.Generator().manual_seed(3)
    return [torch.nn.Parameter(torch.randn(shape, generator=generator)) for shape in ((64, 96), (8, 3))]


def build(name: str, weights: list[torch.nn.Parameter], fused_backward: bool = False):
    rate = 1.0 if name.startswith(("DAdapt", "Prodigy")) else 1e-2
    groups = [{"params": [p], "lr": rate, "name": part} for p, part in zip(weights, RATES, strict=True)]
    return build_optimizer(name, [], groups, fused_backward)


def learn(weights: list[torch.nn.Parameter], optimizer, steps: range) -> None:
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        loss = sum((w - torch.randn(w.shape, generator=generator)).square().sum() for w in weights)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("fused_backward", [False, True])
@pytest.mark.parametrize("name", [*sorted(TABLE), "bitsandbytes.optim.AdEMAMix8bit", "RMSprop"])
def test_a_saved_state_goes_on_to_the_bit(name: str, fused_backward: bool) -> None:
    whole = parameters()
    learn(whole, build(name, whole, fused_backward), range(6))

    first = parameters()
    optimizer = build(name, first, fused_backward)
    learn(first, optimizer, range(3))
    file = io.BytesIO()
    torch.save({"weights": [w.detach() for w in first], "optimizer": optimizer.state_dict()}, file)
    saved = torch.load(io.BytesIO(file.getvalue()), weights_only=True)

    second = parameters()
    optimizer = build(name, second, fused_backward)
    with torch.no_grad():
        for weight, value in zip(second, saved["weights"], strict=True):
            weight.copy_(value)
    optimizer.load_state_dict(saved["optimizer"])
    learn(second, optimizer, range(3, 6))

    assert [w.detach().numpy().tobytes() for w in whole] == [w.detach().numpy().tobytes() for w in second]
    assert not torch.equal(whole[0], first[0])
