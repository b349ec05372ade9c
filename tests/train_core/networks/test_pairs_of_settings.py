"""No setting of the network is silent beside another: both change what is trained, or a message says."""

from __future__ import annotations

from functools import cache
from itertools import permutations, product
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.tiny import tiny_modules
from train_core.config.files import check_values
from train_core.config.problems import UserError
from train_core.facts.seeds import seed_for
from train_core.kinds import SD_LAYOUT
from train_core.models.family import Target
from train_core.models.targets import text_encoder_targets, unet_targets
from train_core.networks.attach import build_adapter
from train_core.networks.choose import Chooser

RANKS = ",".join("3" if block % 2 else "0" for block in range(25))
ALPHAS = ",".join(["1.5"] * 25)
VALUES: dict[str, list[Any]] = {
    "LoRA_type": ["LoRA-FA", "DyLoRA", "LoHa", "LoKr", "GLoRA", "IA3", "Diag-OFT", "BOFT", "Full"],
    "LyCORIS_preset": ["attn-mlp", "attn-only", "full", "full-lin", "unet-only", "unet-convblock-only", "ia3"],
    "network_dim": [6], "network_alpha": [3.0], "conv_dim": [2], "conv_alpha": [2.0], "network_dropout": [0.5],
    "rank_dropout": [0.5], "rank_dropout_scale": [True], "module_dropout": [0.5], "network_train_unet_only": [True],
    "network_train_text_encoder_only": [True], "train_norm": [True], "block_dims": [RANKS],
    "block_alphas": [ALPHAS], "conv_block_dims": [RANKS], "conv_block_alphas": [ALPHAS],
    "dora_wd": [True], "wd_on_output": [True], "rs_lora": [True], "use_tucker": [True], "use_scalar": [True],
    "bypass_mode": [True], "unit": [2], "factor": [2], "decompose_both": [True], "full_matrix": [True],
    "constraint": [0.01], "rescaled": [True], "train_on_input": [True],
}  # fmt: skip


PLACES = {"pretrained_model_name_or_path": "a.safetensors", "train_data_dir": "b", "output_dir": "c"}


@cache
def targets() -> list[Target]:
    """One layer or norm of each sort, of U-Net and text encoder, the U-Net's in an even and in an odd block."""
    modules = tiny_modules()
    found: dict[Any, Target] = {}
    for target in [*text_encoder_targets(modules["text_encoder"]), *unet_targets(modules["unet"])]:
        kernel = getattr(target.module, "kernel_size", None)
        odd = target.in_denoiser and target.block % 2
        found.setdefault((target.part, type(target.module), kernel, target.owners[-3:-1], odd), target)
    return list(found.values())


def trained(values: dict[str, Any]) -> dict[str, Tensor] | None:
    """What an adapter of these settings holds and computes; None where they are refused or a value has no effect."""
    try:
        checked = check_values({**PLACES, **values}, "the test", {})
        if checked.warnings:
            return None
        chosen = Chooser(checked.config.network, checked.config.algorithm, SD_LAYOUT).choose(targets())
        adapter = build_adapter(chosen, 0)
    except UserError:
        return None
    seen = {}
    adapter.reseed(5, [1, 2])
    for key, layer in adapter.layers.items():
        for name, parameter in layer.named_parameters():
            generator = torch.Generator().manual_seed(seed_for(1, 0, 0, f"{key} {name}"))
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
        seen |= {f"{key}.{name}": tensor.detach().clone() for name, tensor in layer.tensors().items()}
        shape = {nn.Conv2d: (2, -1, 4, 4), nn.GroupNorm: (2, -1, 4, 4)}.get(type(layer.base), (2, 5, -1))
        width = getattr(layer.base, "in_channels", None) or getattr(layer.base, "in_features", None)
        width = width or layer.base.weight.shape[0]
        x = torch.randn([width if side < 0 else side for side in shape], generator=torch.Generator().manual_seed(2))
        seen[key] = layer.train()(x).detach()
    return seen


# Beside the first, the second is replaced by a finer setting, says the same again, or chooses in the U-Net alone.
KNOWN = {
    ("conv_block_dims", "conv_dim"), ("conv_block_alphas", "conv_alpha"), ("LyCORIS_preset", "network_train_unet_only"),
    ("network_train_text_encoder_only", "LyCORIS_preset"),
}
# Layers this small are whole in LoKr at any rank, which leaves these nothing to decide.
WHOLE = {"LoKr": {"rs_lora", "use_tucker", "decompose_both", "full_matrix", "network_alpha"}}


@pytest.mark.slow
def test_of_two_settings_neither_is_silent_beside_the_other() -> None:
    seen: dict[str, dict[str, Tensor] | None] = {}

    def once(**values: Any) -> dict[str, Tensor] | None:
        name = repr(sorted(values.items()))
        if name not in seen:
            seen[name] = trained(values)
        return seen[name]

    silent = []
    for one, other in permutations(VALUES, 2):
        for a, b in product(VALUES[one], VALUES[other]):
            before, alone, both = once(**{one: a}), once(**{other: b}), once(**{one: a, other: b})
            if None in (before, both) or (one, other) in KNOWN or other in WHOLE.get(a, ()):
                continue
            if alone is not None and same(alone, once()):
                continue
            if same(before, both):
                silent.append((one, a, other, b))
    assert silent == []


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
