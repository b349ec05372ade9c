"""Whether a base model predicts noise or velocity: by the setting, by its file, or by testing the model."""

from __future__ import annotations

import torch

from train_core.config.problems import Problem, problem
from train_core.config.sections.model import Parameterization
from train_core.facts.models.headers import ModelFile
from train_core.kinds import PredictionType
from train_core.models.kinds.stable_diffusion import StableDiffusion

WORDS = {"epsilon": "epsilon", "v_prediction": "v"}
PROBE_SIZE = 32  # latents of 256 pixels: enough to tell, and quick on any device
LIKENESS = 0.5


def settle_prediction(family: StableDiffusion, found: ModelFile, wanted: Parameterization) -> None:
    """Give `family` its prediction type, with a remark if that was not obvious.

    The setting decides; "auto" believes the file. A file that is silent means noise, but for families of both kinds,
    which are asked. That a setting contradicts the file is said before it is loaded (facts/preflight.py).
    """
    predicts = found.predicts(wanted)
    if predicts is None:
        predicts = probe_prediction(family)
        family.remarks += (_probed(found, predicts),)
    family.prediction_type = predicts


@torch.no_grad()
def probe_prediction(family: StableDiffusion) -> PredictionType:
    """Find out what `family` predicts, by its answer to pure noise at the last timestep.

    Hardly anything but noise is left of a picture there. So a noise model returns what it was shown, and a model
    of velocity, which is nearly the negative picture, something unlike it.
    """
    device = next(family.modules[family.denoiser].parameters()).device
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(1, family.latent_channels, PROBE_SIZE, PROBE_SIZE, generator=generator).to(device)
    last = torch.tensor([len(family.alphas_cumprod) - 1], device=device)
    prediction = family.predict(noise, last, family.encode_text([""]))
    likeness = torch.cosine_similarity(prediction.flatten(), noise.flatten(), dim=0)
    return "epsilon" if likeness > LIKENESS else "v_prediction"


def _probed(found: ModelFile, prediction_type: PredictionType) -> Problem:
    taken = WORDS[prediction_type]
    return problem(
        "prediction_type_probed",
        "{file} does not say whether it predicts noise (epsilon) or velocity (v). Judging by its response to pure "
        "noise, it is {taken}, and is trained that way. If that is wrong, set v_parameterization to {other}.",
        file=str(found.path), taken=taken, other="epsilon" if taken == "v" else "v",
    )  # fmt: skip
