"""Effects of settings of the network: which layers are in the file, how large, and how strong."""

from __future__ import annotations

import torch

from tests.train_core.jobs.effects.comparing import assert_same
from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.optimizer import DESCENT, ups
from tests.train_core.jobs.effects.outcome import Outcome

NETWORK = Effects()


def parts(outcome: Outcome) -> set[str]:
    return {name.split("_")[1] for name in outcome.weights}


@NETWORK.of("network_dim", 2)
def every_layer_has_that_rank(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    ranks = [{len(t) for name, t in one.weights.items() if "lora_down" in name} for one in (before, after)]
    assert ranks == [{4}, {2}]
    assert {tensor.shape[1] for tensor in ups(after).values()} == {2}
    assert before.weights.keys() == after.weights.keys()


@NETWORK.of("network_alpha", 1, **DESCENT)
def changes_are_as_strong_as_alpha_through_rank(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    alphas = [{t.item() for name, t in one.weights.items() if name.endswith("alpha")} for one in (before, after)]
    assert alphas == [{4}, {1}]
    assert any(tensor.any() for tensor in ups(before).values())
    for name, tensor in ups(before).items():
        torch.testing.assert_close(ups(after)[name], tensor / 4)  # and so are the gradients


@NETWORK.of("network_dropout", 0.5, **DESCENT, train_batch_size=1)
def half_of_what_flows_through_the_ranks_is_left_out_and_the_rest_twice_as_strong(
    before: Outcome, after: Outcome
) -> None:
    assert_same(before, after)
    # Layers that see a single place of a single sample learn from a rank wholly or not at all.
    single = [
        name for name in ups(before) if "mid_block_attentions" in name and "attn2_to_k" not in name
        and "attn2_to_v" not in name and before.weights[name].any()
    ]  # fmt: skip
    assert single
    factors = []
    for name in single:
        whole, left = before.weights[name].flatten(1), after.weights[name].flatten(1)
        for rank in range(4):
            factor = ((left[:, rank] @ whole[:, rank]) / whole[:, rank].square().sum()).item()
            torch.testing.assert_close(left[:, rank], factor * whole[:, rank])
            factors.append(round(factor, 3))
    assert set(factors) == {0.0, 2.0}


@NETWORK.of("scale_weight_norms", 1e-4)
def no_layers_change_is_longer(before: Outcome, after: Outcome) -> None:
    def longest(outcome: Outcome) -> float:
        changes = [
            (up.flatten(1) @ outcome.weights[name.replace("lora_up", "lora_down")].flatten(1)).norm().item()
            for name, up in ups(outcome).items()
        ]
        return max(changes)

    assert longest(before) > 1e-3
    assert 0 < longest(after) <= 1.001e-4


@NETWORK.of("network_train_unet_only", True)
def the_file_holds_the_unet_alone(before: Outcome, after: Outcome) -> None:
    assert_same(before, after, "pictures", "timesteps", "latents", "noisy")
    assert (parts(before), parts(after)) == ({"unet", "te"}, {"unet"})
    assert after.rates.keys() == {"unet"}
    assert any(tensor.any() for tensor in ups(after).values())


@NETWORK.of("network_train_text_encoder_only", True)
def the_file_holds_the_text_encoder_alone(before: Outcome, after: Outcome) -> None:
    assert_same(before, after)
    assert parts(after) == {"te"}
    assert after.rates.keys() == {"textencoder"}
    assert any(tensor.any() for tensor in ups(after).values())
