"""A model's kind of noise is read from its file or folder; one that is not trained here is refused by that name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.train_core.facts.models.test_headers import SD1, SDXL, write
from train_core.config.problems import UserError
from train_core.facts.models.headers import identify, recognise
from train_core.facts.models.model_files import base_files

EDM, VELOCITY, FLOW = "EDM", "EDM with velocity, as in CosXL", "flow matching"


@pytest.mark.parametrize(
    ("tensors", "noise"),
    [
        ({"edm_mean": (4,), "edm_std": (4,)}, EDM), ({"edm_vpred.sigma_max": (), "edm_vpred.sigma_min": ()}, VELOCITY),
        ({"edm_vpred.sigma_max": ()}, VELOCITY), ({"edm_eps.sigma_max": ()}, EDM),
    ],
)  # fmt: skip
def test_files_of_another_kind_of_noise_are_refused_for_training_by_its_name(
    tmp_path: Path, tensors: dict[str, tuple[int, ...]], noise: str
) -> None:
    path = write(tmp_path / "m.safetensors", SDXL | tensors)
    found = identify(path)
    assert (found.kind, found.prediction_type, found.other_noise) == ("SDXL", None, noise)
    with pytest.raises(UserError, match=f"another kind of noise: {noise}") as refused:
        base_files(str(path))
    assert [one.code for one in refused.value.problems] == ["model_of_other_noise"]
    assert base_files(str(path), to_train=False).model == found


def folder(path: Path, scheduler: dict[str, Any]) -> Path:
    configs = (("unet/config.json", {"in_channels": 4}), ("scheduler/scheduler_config.json", scheduler))
    for name, config in configs:
        (path / name).parent.mkdir(parents=True)
        (path / name).write_text(json.dumps(config), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("scheduler", "noise"),
    [
        ({"_class_name": "EDMDPMSolverMultistepScheduler", "prediction_type": "epsilon"}, EDM),
        ({"_class_name": "EDMEulerScheduler", "prediction_type": "v_prediction", "sigma_max": 120.0}, VELOCITY),
        ({"_class_name": "EulerDiscreteScheduler", "timestep_type": "continuous"}, EDM),
        ({"_class_name": "FlowMatchEulerDiscreteScheduler", "shift": 3.0}, FLOW),
        ({"_class_name": "FlowMatchHeunDiscreteScheduler"}, FLOW),
        ({"_class_name": "DPMSolverMultistepScheduler", "prediction_type": "flow_prediction"}, FLOW),
        ({"_class_name": "UniPCMultistepScheduler", "use_flow_sigmas": True}, FLOW),
        ({"_class_name": "DDIMScheduler", "prediction_type": "sample"}, "prediction of the picture"),
    ],
)  # fmt: skip
def test_folders_of_another_kind_of_noise_are_refused_too(
    tmp_path: Path, scheduler: dict[str, Any], noise: str
) -> None:
    with pytest.raises(UserError, match=noise):
        recognise(folder(tmp_path / "m", scheduler))


@pytest.mark.parametrize("name", ["DDIM", "EulerDiscrete", "PNDM", "DPMSolverMultistep", "LCM", "UniPCMultistep"])
@pytest.mark.parametrize("predicts", ["epsilon", "v_prediction"])
def test_schedulers_of_noise_and_velocity_are_not(tmp_path: Path, name: str, predicts: str) -> None:
    found = recognise(folder(tmp_path / "m", {"_class_name": f"{name}Scheduler", "prediction_type": predicts}))
    assert (found.prediction_type, found.other_noise) == (predicts, "")


@pytest.mark.parametrize(
    ("said", "prediction", "noise"),
    [
        ("v", "v_prediction", ""), ("v_prediction", "v_prediction", ""), ("epsilon", "epsilon", ""),
        ("flow", None, FLOW), ("rectified_flow", None, FLOW), ("RF", None, FLOW), ("edm", None, EDM),
        ("sample", None, "prediction of the picture (x0)"), ("something", None, ""), ("", None, ""),
    ],
)  # fmt: skip
def test_metadata_and_configs_say_it(tmp_path: Path, said: str, prediction: str | None, noise: str) -> None:
    stated = identify(write(tmp_path / "m.safetensors", SD1, {"modelspec.prediction_type": said}))
    assert (stated.prediction_type, stated.other_noise) == (prediction, noise)


@pytest.mark.parametrize(
    ("line", "prediction", "noise"),
    [
        ('parameterization: "x0"', None, "prediction of the picture (x0)"),
        ("target: sgm.modules.diffusionmodules.denoiser_scaling.VScaling", "v_prediction", ""),
        ("target: sgm.modules.diffusionmodules.denoiser_scaling.EpsScaling", "epsilon", ""),
        ("target: sgm.modules.diffusionmodules.denoiser_scaling.EDMScaling", None, EDM),
        ("target: sgm.modules.diffusionmodules.denoiser_scaling.VScalingWithEDMcNoise", None, VELOCITY),
    ],
)
def test_a_config_next_to_the_file_says_it(tmp_path: Path, line: str, prediction: str | None, noise: str) -> None:
    path = write(tmp_path / "m.safetensors", SDXL)
    path.with_suffix(".yaml").write_text(f"model:\n  params:\n    {line}\n", encoding="utf-8")
    found = identify(path)
    assert (found.prediction_type, found.other_noise) == (prediction, noise)
