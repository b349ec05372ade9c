"""Noise and loss."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when, when_fact, when_set
from train_core.config.setting import Section, setting

TimestepSampling = Literal["uniform", "logit_normal", "sigmoid", "loss_aware"]
LossType = Literal["l2", "l1", "huber", "smooth_l1"]
HuberSchedule = Literal["snr", "exponential", "constant"]
FOR_VELOCITY = when_fact("prediction_type", "v_prediction")


class LossSettings(Section, title="Noise and loss"):
    noise_offset: float = setting(
        0.0, "Lets the model learn darker and brighter pictures; 0.05 is usual.", label="Noise offset", ge=0, le=1,
        advanced=True,
    )
    noise_offset_random_strength: bool = setting(
        False, "Pick the offset's strength at random for each image, from 0 to the value above.",
        label="Random noise offset", applies_to=when_set("noise_offset"), advanced=True,
    )
    adaptive_noise_scale: float = setting(
        0.0, "Increases the noise offset by this value times how far an image's channel is from grey.",
        label="Adaptive noise scale", ge=-10, le=10, applies_to=when_set("noise_offset"), advanced=True,
    )
    multires_noise_iterations: int = setting(
        0, "Levels of coarser noise added to the fine noise, which helps with large areas; 6 is usual, 0 is off.",
        label="Multires noise iterations", ge=0, le=16, advanced=True,
    )
    multires_noise_discount: float = setting(
        0.3, "Strength of each coarser level relative to the one before.", label="Multires noise discount", gt=0, le=1,
        applies_to=when_set("multires_noise_iterations"), advanced=True,
    )
    ip_noise_gamma: float = setting(
        0.0, "Extra noise that the model sees but does not have to predict; 0.1 is usual, 0 is off.",
        label="Input perturbation (IP noise gamma)", ge=0, le=1, advanced=True,
    )
    ip_noise_gamma_random_strength: bool = setting(
        False, "Pick the strength of the extra noise at random for each image, from 0 to the value above.",
        label="Random IP noise gamma", applies_to=when_set("ip_noise_gamma"), advanced=True,
    )
    zero_terminal_snr: bool = setting(
        False, "End the noise schedule in pure noise, so that very dark and very bright pictures can be learnt. For "
        "v-prediction models; samples are drawn with the same schedule.", label="Zero terminal SNR",
        applies_to=FOR_VELOCITY, advanced=True,
    )
    timestep_sampling: TimestepSampling = setting(
        "uniform", "Which noise levels are trained most: all equally (uniform), those in the middle (sigmoid, "
        "logit_normal), or those with a high loss, whose weight is lowered in return (loss_aware).",
        label="Timestep sampling", advanced=True,
    )
    sigmoid_scale: float = setting(
        1.0, "Width of the sigmoid: higher values reach the lowest and highest noise levels more often.",
        label="Sigmoid scale", gt=0, le=10, applies_to=when("timestep_sampling", "sigmoid"), advanced=True,
    )
    logit_mean: float = setting(
        0.0, "Above 0 trains strong noise more, below 0 weak noise.", label="Logit mean", ge=-10, le=10,
        applies_to=when("timestep_sampling", "logit_normal"), advanced=True,
    )
    logit_std: float = setting(
        1.0, "Spread around the middle.", label="Logit standard deviation", gt=0, le=10,
        applies_to=when("timestep_sampling", "logit_normal"), advanced=True,
    )
    min_timestep: int = setting(0, "Lowest noise level to train.", label="Min timestep", ge=0, le=999, advanced=True)
    max_timestep: int = setting(
        1000, "Only noise levels below this one are trained.", label="Max timestep", ge=1, le=1000, advanced=True,
    )
    loss_type: LossType = setting(
        "l2", "How errors count: l2 squares them; huber, smooth_l1 and l1 are more forgiving of a few large ones, for "
        "example from flawed images.", label="Loss type", advanced=True,
    )
    huber_schedule: HuberSchedule = setting(
        "snr", "How the threshold between small and large errors falls as noise gets stronger.",
        label="Huber schedule", applies_to=when("loss_type", "huber", "smooth_l1"), advanced=True,
    )
    huber_c: float = setting(
        0.1, "The threshold at the strongest noise; with a constant schedule, at all levels.", label="Huber C", gt=0,
        le=1, applies_to=when("loss_type", "huber", "smooth_l1"), advanced=True,
    )
    huber_scale: float = setting(
        1.0, "Multiplies the threshold, whatever the schedule.", label="Huber scale", gt=0, le=100,
        applies_to=when("loss_type", "huber", "smooth_l1"), advanced=True,
    )
    prior_loss_weight: float = setting(
        1.0, "How much regularisation images count relative to training images; 0 means not at all.",
        label="Prior loss weight", ge=0, le=100, applies_to=when_set("reg_data_dir", "dataset_config"),
    )
    min_snr_gamma: float = setting(
        0.0, "Balances the weights of noise levels (Hang et al., 2023); 5 is usual, 0 is off.", label="Min-SNR gamma",
        ge=0, le=100, advanced=True,
    )
    debiased_estimation_loss: bool = setting(
        False, "Gives more weight to strong noise, where a picture's composition is decided (Yu et al., 2023). Use "
        "either this or min-SNR.", label="Debiased estimation loss", advanced=True,
    )
    scale_v_pred_loss_like_noise_pred: bool = setting(
        False, "For v-prediction models: weights noise levels the way noise-prediction models do.",
        label="Scale v-prediction loss", applies_to=FOR_VELOCITY, advanced=True,
    )
    v_pred_like_loss: float = setting(
        0.0, "For noise-prediction models: adds this much of a v-prediction model's loss; 0 is off.",
        label="V-prediction-like loss", ge=0, le=100, applies_to=when_fact("prediction_type", "epsilon"), advanced=True,
    )
