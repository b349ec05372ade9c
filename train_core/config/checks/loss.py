"""Noise and loss settings checked against each other and against what the model predicts."""

from __future__ import annotations

from typing import Literal

from train_core.config.problems import Problem, problem
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.model import Parameterization
from train_core.config.setting import settings_of


def loss_contradictions(loss: LossSettings, predicts: Parameterization) -> list[Problem]:
    """Contradictions among the settings; `predicts` is what the user says of the model."""
    found = []
    if loss.min_timestep >= loss.max_timestep:
        found.append(
            problem(
                "no_timesteps",
                "min_timestep = {low} is not below max_timestep = {high}, so no noise level is left to train. "
                "The whole range is 0 to 1000.",
                low=loss.min_timestep, high=loss.max_timestep,
            )
        )
    if predicts != "auto":
        found += prediction_contradictions(loss, "epsilon" if predicts == "epsilon" else "v_prediction")
    return found


def prediction_contradictions(
    loss: LossSettings, prediction_type: Literal["epsilon", "v_prediction"]
) -> list[Problem]:
    """A problem for each setting that makes no sense for a model of this kind, by the settings' own conditions."""
    values, facts = dict(loss), {"prediction_type": prediction_type}
    conditions = {s.name: s.applies_to for s in settings_of("loss", LossSettings)}
    return [
        found for name, found in _unsuited().items() if values[name] and not conditions[name].holds(values, facts)
    ]


def _unsuited() -> dict[str, Problem]:
    """The problem of a setting used with a model of the other prediction type, by the setting's name."""
    problems = (
        problem(
            "scale_v_pred_without_v",
            "scale_v_pred_loss_like_noise_pred is on, but the base model predicts noise: its loss is a noise loss "
            "already. Turn it off, or choose a v-prediction model.",
            name="scale_v_pred_loss_like_noise_pred",
        ),
        problem(
            "zero_terminal_snr_without_v",
            "zero_terminal_snr is on, but the base model predicts noise, and predicting pure noise teaches it nothing "
            "about the picture. Turn it off, or choose a v-prediction model.",
            name="zero_terminal_snr",
        ),
        problem(
            "v_pred_like_loss_with_v",
            "v_pred_like_loss is for models that predict noise. This is a v-prediction model, which has that loss "
            "already. Set v_pred_like_loss to 0.",
            name="v_pred_like_loss",
        ),
    )
    return {found.params["name"]: found for found in problems}


def loss_oddities(loss: LossSettings) -> list[Problem]:
    """Warnings for what works but is rarely meant."""
    found = []
    if loss.min_snr_gamma and loss.debiased_estimation_loss:
        found.append(
            problem(
                "two_snr_weightings",
                "min_snr_gamma and debiased_estimation_loss both weight the noise levels, and their weights multiply. "
                "Usually only one of them is used.",
            )
        )
    weighting = next(
        (name for name in ("min_snr_gamma", "scale_v_pred_loss_like_noise_pred") if getattr(loss, name)), None
    )
    if loss.zero_terminal_snr and weighting:
        found.append(
            problem(
                "zero_terminal_snr_weighs_nothing",
                "{weighting} gives no weight at all to pure noise, the very level that zero_terminal_snr is for. Turn "
                "{weighting} off, or use debiased_estimation_loss.",
                weighting=weighting,
            )
        )
    return found
