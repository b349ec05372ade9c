"""How noise is added and how errors are weighed."""

from __future__ import annotations

from train_core.config.setting import Section, setting


class LossSettings(Section, title="Noise and loss"):
    noise_offset: float = setting(
        0.0, "Lets the model learn darker and brighter pictures; 0.05 is usual.", label="Noise offset", ge=0, le=1,
        advanced=True,
    )
    min_snr_gamma: float = setting(
        0.0, "Weights noise levels evenly (Hang et al., 2023); 5 is usual, 0 is off.", label="Min-SNR gamma", ge=0,
        le=100, advanced=True,
    )
