"""What a model predicts and under which kind of noise, as its file or folder says it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.phrases import phrase
from train_core.facts.models.tensor_files import TensorFile
from train_core.kinds import PredictionType

EDM, EDM_VELOCITY = "EDM", phrase("edm_velocity", "EDM with velocity, as in CosXL")
FLOW, PICTURE = phrase("flow_matching", "flow matching"), phrase("predicts_pictures", "prediction of the picture (x0)")
# Small tensors by which files tell of EDM: Playground v2.5's and CosXL's.
EDM_TENSORS = re.compile(r"edm_(mean|std|vpred\..+|eps\..+)")
# How values of `prediction_type`, `parameterization` and the like begin.
SAID: tuple[tuple[str, PredictionType | None, str], ...] = (
    ("v_edm", None, EDM_VELOCITY), ("edm_v", None, EDM_VELOCITY), ("edm", None, EDM), ("v", "v_prediction", ""),
    ("eps", "epsilon", ""), ("flow", None, FLOW), ("rectified", None, FLOW), ("rf", None, FLOW),
    ("sample", None, PICTURE), ("x0", None, PICTURE), ("x_0", None, PICTURE),
)  # fmt: skip
# The config that A1111 and others keep next to a checkpoint of the first layout: SD's own, or generative-models'.
YAML = re.compile(r"^\s*parameterization:\s*[\"']?(\w+)[\"']?\s*$|denoiser_scaling\.(\w+)", re.MULTILINE)
YAML_BYTES = 1 << 20  # far more than such a config has
SCALINGS = {"VScaling": "v", "EpsScaling": "eps", "EDMScaling": "edm", "VScalingWithEDMcNoise": "v_edm"}


@dataclass(frozen=True)
class Noise:
    """The signs of a model's noise: its prediction type, None where nothing says it; `other` names a kind of noise
    that is neither of these; `ends_in_noise` that the schedule ends in pure noise."""

    prediction_type: PredictionType | None = None
    other: str = ""
    ends_in_noise: bool = False


def noise_of_file(file: TensorFile, beside: bool = True) -> Noise:
    """By small tensors that some checkpoints carry, the header's `modelspec.prediction_type`, or a config `beside`."""
    ends_in_noise = "ztsnr" in file.tensors  # an empty tensor, as `v_pred` is
    marks = [name for name in file.tensors if EDM_TENSORS.fullmatch(name)]
    if marks:
        return Noise(other=EDM_VELOCITY if any("vpred" in name for name in marks) else EDM)
    if "v_pred" in file.tensors:
        return Noise("v_prediction", ends_in_noise=ends_in_noise)
    said = file.metadata.get("modelspec.prediction_type", "") or (_yaml_beside(file.path) if beside else "")
    return Noise(*meaning(said), ends_in_noise=ends_in_noise)


def noise_of_folder(scheduler: Mapping[str, Any]) -> Noise:
    """By the settings of a diffusers folder's scheduler; without one nothing is known."""
    if not scheduler:
        return Noise()
    name, said = str(scheduler.get("_class_name", "")), str(scheduler.get("prediction_type", "epsilon"))
    predicts, other = meaning(said)
    if name.startswith("EDM") or scheduler.get("timestep_type") == "continuous":
        other = EDM_VELOCITY if predicts == "v_prediction" else EDM
    elif "Flow" in name or scheduler.get("use_flow_sigmas"):
        other = FLOW
    return Noise(None if other else predicts, other, bool(scheduler.get("rescale_betas_zero_snr")))


def meaning(said: str) -> tuple[PredictionType | None, str]:
    """The prediction type, or another kind of noise, that a word in a header or config stands for."""
    found = next((row for row in SAID if said.strip().lower().startswith(row[0])), ("", None, ""))
    return found[1:]


def _yaml_beside(path: Path) -> str:
    """What the `.yaml` of the checkpoint's name says; empty where there is none."""
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        return ""
    with beside.open("rb") as file:
        said = file.read(YAML_BYTES).decode("utf-8", "replace")
    found = YAML.search(said)
    return "" if found is None else found[1] or SCALINGS.get(found[2], "")
