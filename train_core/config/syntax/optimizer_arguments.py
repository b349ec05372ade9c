"""Table of the arguments of every optimizer by name, with their defaults, known without loading any; a test holds it
against the classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

Defaults = Mapping[str, Any]

_BETAS = {"betas": (0.9, 0.999)}
_TORCH = {"maximize": False, "foreach": None, "differentiable": False, "fused": None}
_ADAM_BYTES = {
    **_BETAS, "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False, "optim_bits": 32, "args": None,
    "min_8bit_size": 4096,
}  # fmt: skip
_LION_BYTES = {"betas": (0.9, 0.99), "weight_decay": 0, "args": None, "min_8bit_size": 4096}
_SGD = {"momentum": 0, "dampening": 0, "weight_decay": 0, "nesterov": False}
_FREE = {"weight_decay": 0, "r": 0.0, "weight_lr_power": 2.0, "foreach": True}
_GROWING = {"d0": 1e-6, "growth_rate": math.inf}
_LOGGED = {"log_every": 0, **_GROWING}
_ADAPT = {**_BETAS, "eps": 1e-8, "weight_decay": 0, "decouple": False, **_LOGGED, "fsdp_in_use": False}
_ADAN = {"betas": (0.98, 0.92, 0.99), "eps": 1e-8, "weight_decay": 0.02, "no_prox": False, **_LOGGED}

# `params` and the rate, which every group has, are left out.
ARGUMENTS: dict[str, Defaults] = {
    "AdamW": {**_BETAS, "eps": 1e-8, "weight_decay": 0.01, "amsgrad": False, "capturable": False, **_TORCH},
    "AdamW8bit": {**_ADAM_BYTES, "is_paged": False},
    "PagedAdamW": _ADAM_BYTES, "PagedAdamW8bit": _ADAM_BYTES, "PagedAdamW32bit": _ADAM_BYTES,
    "Lion": {"betas": (0.9, 0.99), "weight_decay": 0.0, "use_triton": False, "decoupled_weight_decay": False},
    "Lion8bit": {**_LION_BYTES, "is_paged": False},
    "PagedLion8bit": _LION_BYTES,
    "SGDNesterov": {**_SGD, **_TORCH},
    "SGDNesterov8bit": {**_SGD, "args": None, "min_8bit_size": 4096},
    "Adafactor": {
        "eps": (1e-30, 1e-3), "clip_threshold": 1.0, "decay_rate": -0.8, "beta1": None, "weight_decay": 0.0,
        "scale_parameter": True, "relative_step": True, "warmup_init": False,
    },
    "Prodigy": {
        **_BETAS, "beta3": None, "eps": 1e-8, "weight_decay": 0, "decouple": True, "use_bias_correction": False,
        "safeguard_warmup": False, "d_coef": 1.0, **_GROWING, "fsdp_in_use": False, "slice_p": 1,
    },
    "AdamWScheduleFree": {**_BETAS, "eps": 1e-8, "warmup_steps": 0, **_FREE},
    "RAdamScheduleFree": {**_BETAS, "eps": 1e-8, **_FREE, "silent_sgd_phase": True},
    "SGDScheduleFree": {"momentum": 0.9, "warmup_steps": 0, **_FREE},
    "DAdaptation": _ADAPT, "DAdaptAdamPreprint": _ADAPT,
    "DAdaptAdam": {**_ADAPT, "use_bias_correction": False},
    "DAdaptAdaGrad": {"momentum": 0, "weight_decay": 0.0, "eps": 1e-6, **_LOGGED},
    "DAdaptSGD": {"momentum": 0.0, "weight_decay": 0, **_LOGGED, "fsdp_in_use": False},
    "DAdaptLion": {"betas": (0.9, 0.99), "weight_decay": 0.0, "log_every": 0, "d0": 1e-6, "fsdp_in_use": False},
    "DAdaptAdan": _ADAN, "DAdaptAdanIP": _ADAN,
}  # fmt: skip


def arguments_of(optimizer_type: str) -> Defaults | None:
    """The arguments that an optimizer takes, in any letter case; None for one that is not in the table."""
    return next((taken for name, taken in ARGUMENTS.items() if name.lower() == optimizer_type.strip().lower()), None)
