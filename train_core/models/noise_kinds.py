"""Kinds of noise in models that are written: a folder's scheduler, signs among tensors, the words in metadata."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from train_core.facts.models.headers import read_config
from train_core.facts.models.noise_signs import EDM, EDM_VELOCITY, FLOW, PICTURE
from train_core.models.files.stored import Stored, in_memory
from train_core.models.load import Opened

# Words by which the header of a file tells of a kind of noise that is neither epsilon nor v.
IN_METADATA: dict[str, str] = {EDM: "edm", EDM_VELOCITY: "v_edm", FLOW: "flow", PICTURE: "sample"}
SCHEDULER: dict[str, Any] = {
    "_class_name": "EulerDiscreteScheduler", "beta_end": 0.012, "beta_schedule": "scaled_linear", "beta_start": 0.00085,
    "interpolation_type": "linear", "num_train_timesteps": 1000, "steps_offset": 1, "timestep_spacing": "leading",
}  # fmt: skip

# What diffusers makes of Playground v2.5's and CosXL's files.
EDM_SCHEDULER: dict[str, Any] = {
    "_class_name": "EDMDPMSolverMultistepScheduler", "algorithm_type": "dpmsolver++", "final_sigmas_type": "zero",
    "num_train_timesteps": 1000, "prediction_type": "epsilon", "rho": 7.0, "sigma_data": 0.5, "sigma_max": 80.0,
    "sigma_min": 0.002, "solver_order": 2, "solver_type": "midpoint",
}  # fmt: skip
COSXL_SCHEDULER: dict[str, Any] = {
    "_class_name": "EDMEulerScheduler", "num_train_timesteps": 1000, "prediction_type": "v_prediction", "rho": 7.0,
    "sigma_data": 1.0, "sigma_max": 120.0, "sigma_min": 0.002, "sigma_schedule": "exponential",
}  # fmt: skip


def scheduler_of(opened: Opened) -> dict[str, Any]:
    """The settings of the scheduler for a folder of this model: its own folder's, else those that its kind needs."""
    found = opened.found
    own = read_config(found.path / "scheduler" / "scheduler_config.json") if found.layout == "diffusers" else {}
    if own.get("_class_name"):
        return own | ({"prediction_type": found.prediction_type} if found.prediction_type else {})
    if found.other_noise == EDM:
        return EDM_SCHEDULER
    if found.other_noise == EDM_VELOCITY:
        ends = {f"sigma_{end}": opened.signs.get(f"edm_vpred.sigma_{end}") for end in ("min", "max")}
        return COSXL_SCHEDULER | {name: float(sign.read()) for name, sign in ends.items() if sign is not None}
    said: dict[str, Any] = {"prediction_type": found.prediction_type or "epsilon"}
    if found.zero_terminal_snr:
        said |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return SCHEDULER | said


def signs_of(opened: Opened) -> dict[str, Stored]:
    """The tensors by which a file of this model tells of its kind of noise: its own, or made of a folder's settings."""
    found = opened.found
    if opened.signs or found.layout != "diffusers" or found.other_noise not in (EDM, EDM_VELOCITY):
        return dict(opened.signs)
    if found.other_noise == EDM:
        vae = read_config(found.path / "vae" / "config.json")
        numbers = {f"edm_{name}": vae.get(f"latents_{name}") for name in ("mean", "std")}
        return in_memory({name: torch.tensor(its).view(1, -1, 1, 1) for name, its in numbers.items() if its})
    scheduler = COSXL_SCHEDULER | scheduler_of(opened)
    return in_memory({f"edm_vpred.{name}": torch.tensor(float(scheduler[name])) for name in ("sigma_min", "sigma_max")})


def with_signs(opened: Opened, tensors: Mapping[str, Stored], all_kinds: bool = False) -> dict[str, Stored]:
    """`tensors` with those by which checkpoints of some kinds, or `all_kinds`, say what they predict and how."""
    signs = dict(tensors) | signs_of(opened)
    had = opened.found.header.tensors if opened.found.header else {}
    for name, holds in (("v_pred", opened.found.prediction_type == "v_prediction"),
                        ("ztsnr", opened.found.zero_terminal_snr)):
        if holds and (all_kinds or opened.row.says_by_empty_tensors or name in had):
            signs[name] = Stored((0,), lambda: torch.zeros(0))
    return signs
