"""What kind of model a file or folder holds, told from its header; nothing is loaded."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from train_core.config.problems import Problem, UserError, problem
from train_core.config.sections.model import Parameterization
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file

Layout = Literal["safetensors", "ckpt", "diffusers"]
PredictionType = Literal["epsilon", "v_prediction"]

CONV_IN = "model.diffusion_model.input_blocks.0.0.weight"
# Names of tensors that give a kind away. The first one found decides.
SIGNS = tuple(
    (kind, re.compile(pattern, re.MULTILINE))
    for kind, pattern in (
        ("LoRA", r"\.(lora_(down|up|A|B|mid)|hada_w\d|lokr_w\d|oft_|dora_scale)|^(lora_(unet|te\d?)|lycoris)_"),
        ("ControlNet", r"^(control_model|controlnet_|input_hint_block)"),
        ("SD 2.x unCLIP", r"^embedder\.model\.visual\."),
        ("SDXL", r"^conditioner\.embedders\.1\."),
        ("SDXL refiner", r"^conditioner\.embedders\.0\.model\."),
        ("SDXL", r"^model\.diffusion_model\.label_emb\."),
        ("SD 3", r"^(model\.diffusion_model\.)?joint_blocks\."),
        ("FLUX", r"^(model\.diffusion_model\.)?(double_blocks\.0\.img_attn|transformer_blocks\.0\.attn\.add_q_proj)\."),
        ("SD 2.x", r"^cond_stage_model\.model\."),
        ("SD 1.x", r"^cond_stage_model\.transformer\."),
        ("U-Net", r"^(model\.diffusion_model\.input_blocks|down_blocks)\."),
        ("VAE", r"^(first_stage_model\.)?decoder\.conv_in\."),
        ("embedding", r"^(emb_params|clip_[lg]|\*)$"),
    )
)
PIPELINES = {
    "StableDiffusionXLImg2ImgPipeline": "SDXL refiner",
    "StableDiffusion3Pipeline": "SD 3",
    "FluxPipeline": "FLUX",
}
BASE_KINDS = ("SD 1.x", "SD 2.x", "SDXL")
SAYS_NEITHER = ("SD 2.x",)  # of these, silent files of both kinds are common
INPAINTING = " inpainting"
TRAINABLE = (*BASE_KINDS, *(kind + INPAINTING for kind in BASE_KINDS))
LATENT_CHANNELS = 4
# What a U-Net is that sees more than the latent.
EXTRA_CHANNELS = {5: "depth", 7: "upscaler", 8: "instruct-pix2pix", 9: "inpainting"}
# The config that A1111 and others keep beside a checkpoint of the first layout.
YAML_VELOCITY = re.compile(r"^\s*parameterization:\s*[\"']?(v|eps)[\"']?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class ModelKind:
    """What was found at `path`. `kind` is one of `TRAINABLE`, another name, "LoRA", "VAE", ... or "" when not known.

    `prediction_type` is None where nothing says it. `zero_terminal_snr` says that the model was trained with a noise
    schedule that ends in pure noise.
    """

    path: Path
    kind: str
    layout: Layout
    prediction_type: PredictionType | None = None
    zero_terminal_snr: bool = False

    @property
    def family(self) -> str:
        """The one of `BASE_KINDS` that it belongs to, or its own kind."""
        return self.kind.removesuffix(INPAINTING)

    @property
    def inpaints(self) -> bool:
        return self.kind.endswith(INPAINTING)

    def predicts(self, wanted: Parameterization) -> PredictionType | None:
        """What it is trained to predict where the setting is `wanted`; None where only the model itself can tell."""
        if wanted != "auto":
            return "epsilon" if wanted == "epsilon" else "v_prediction"
        return self.prediction_type or (None if self.family in SAYS_NEITHER else "epsilon")


def recognise(path: Path) -> ModelKind:
    """The base model at `path`, a file or diffusers folder of `TRAINABLE`. Raises UserError naming anything else."""
    found = identify(path)
    if found.kind not in TRAINABLE:
        raise UserError(_refusal(found))
    return found


def recognise_vae(path: Path, family: str = "") -> ModelKind:
    """The VAE at `path`: a file of its own, a diffusers folder, or part of a base model.

    Raises UserError for anything else, and for a model whose latents are not those of `family`, where that is given.
    """
    found = identify(path)
    if found.kind not in ("VAE", *TRAINABLE):
        raise UserError(
            problem(
                "not_a_vae",
                "{file} holds no VAE. Choose a VAE file or folder, or leave the field empty.",
                file=str(path),
            )
        )
    if family and found.kind != "VAE" and (found.family == "SDXL") != (family == "SDXL"):
        raise UserError(
            problem(
                "vae_of_other_family",
                "{file} is an {kind} model, whose VAE does not fit an {family} model. Choose a VAE made for {family}, "
                "or leave the field empty.",
                file=str(path),
                kind=found.kind,
                family=family,
            )
        )
    return found


def identify(path: Path) -> ModelKind:
    """Whatever is at `path`. Raises UserError where it is missing, broken, or not safe to open."""
    if path.is_dir():
        return _identify_folder(path)
    file = read_tensor_file(path)
    ends_in_noise = "ztsnr" in file.tensors  # an empty tensor, as `v_pred` is
    return ModelKind(path, _kind_of_tensors(file), file.layout, _prediction_type(file), ends_in_noise)  # type: ignore[arg-type]


def _kind_of_tensors(file: TensorFile) -> str:
    """The kind of model whose tensors `file` names."""
    names = "\n".join(file.tensors)
    kind = next((kind for kind, sign in SIGNS if sign.search(names)), "")
    if kind not in BASE_KINDS:
        return kind
    if CONV_IN not in file.tensors:
        return "text encoder"
    return _kind_by_channels(kind, file.tensors[CONV_IN].shape[1])


def _kind_by_channels(kind: str, channels: int) -> str:
    """A base model and its relatives differ in what the U-Net sees beside the four channels of the latent."""
    return kind if channels == LATENT_CHANNELS else f"{kind} {EXTRA_CHANNELS.get(channels, 'with another input')}"


def _prediction_type(file: TensorFile) -> PredictionType | None:
    """By the header's `modelspec.prediction_type`, by the empty tensor `v_pred` that some checkpoints carry, or by a
    config beside the file."""
    said = file.metadata.get("modelspec.prediction_type", "")
    if "v_pred" in file.tensors:
        return "v_prediction"
    return _velocity_or_noise(said or _yaml_beside(file.path))


def _velocity_or_noise(said: str) -> PredictionType | None:
    if said.startswith("v"):
        return "v_prediction"
    return "epsilon" if said.startswith("eps") else None


def _yaml_beside(path: Path) -> str:
    """What the `.yaml` of the checkpoint's name says of its parameterization; empty where there is none."""
    beside = path.with_suffix(".yaml")
    if not beside.is_file():
        return ""
    found = YAML_VELOCITY.search(beside.read_text(encoding="utf-8", errors="replace"))
    return found[1] if found else ""


def _identify_folder(folder: Path) -> ModelKind:
    """The kind of a diffusers folder, or of one that holds only a VAE."""
    pipeline = read_config(folder / "model_index.json").get("_class_name", "")
    unet = read_config(folder / "unet" / "config.json")
    if pipeline in PIPELINES:
        return ModelKind(folder, PIPELINES[pipeline], "diffusers")
    if unet:
        scheduler = read_config(folder / "scheduler" / "scheduler_config.json")
        said = str(scheduler.get("prediction_type", "epsilon")) if scheduler else ""
        ends_in_noise = bool(scheduler.get("rescale_betas_zero_snr"))
        return ModelKind(folder, _kind_of_unet_config(unet), "diffusers", _velocity_or_noise(said), ends_in_noise)
    if read_config(folder / "config.json").get("_class_name") == "AutoencoderKL" or (folder / "vae").is_dir():
        return ModelKind(folder, "VAE", "diffusers")
    inside = sorted(file.name for file in folder.iterdir() if file.suffix in (".safetensors", ".ckpt"))
    if inside:
        raise UserError(
            problem(
                "model_folder_of_files",
                "{folder} is a folder of model files. Choose one of the files in it, for example {example}.",
                folder=str(folder),
                example=inside[0],
            )
        )
    raise UserError(
        problem(
            "model_folder_unknown",
            "{folder} is no diffusers model: it has no unet folder with a config.json. Choose a model file, or the "
            "folder that holds model_index.json.",
            folder=str(folder),
        )
    )


def _kind_of_unet_config(config: dict[str, Any]) -> str:
    """SD 1.x, 2.x and SDXL U-Nets differ in what their config.json says of attention and conditioning."""
    if config.get("addition_embed_type") == "text_time":
        kind = "SDXL"
    else:
        kind = "SD 2.x" if config.get("use_linear_projection") else "SD 1.x"
    return _kind_by_channels(kind, config.get("in_channels", LATENT_CHANNELS))


def read_config(path: Path) -> dict[str, Any]:
    """The JSON object at `path`, empty where there is no such file. Raises UserError where it is damaged."""
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(
            problem(
                "model_config_broken",
                "{file} is damaged ({reason}). Download the model folder again.",
                file=str(path),
                reason=str(error),
            )
        ) from error
    return config if isinstance(config, dict) else {}


def _refusal(found: ModelKind) -> Problem:
    """Why `found` cannot be trained on, by its name, and what to choose instead."""
    file = str(found.path)
    if found.kind == "LoRA":
        return problem(
            "model_is_lora",
            "{file}: this is a LoRA or a relative of it, not a base model. Choose the checkpoint that it was made for.",
            file=file,
        )
    if found.kind in ("VAE", "ControlNet", "embedding", "U-Net", "text encoder"):
        return problem(
            "model_is_part",
            "{file}: this holds only one part ({part}), not a whole base model. Choose a complete checkpoint.",
            file=file,
            part=found.kind,
        )
    if not found.kind:
        return problem(
            "model_kind_unknown",
            "{file}: this is no kind of model that is known here. Choose an SD 1.x, SD 2.x or SDXL checkpoint.",
            file=file,
        )
    if found.kind == "FLUX":
        return problem(
            "model_is_flux",
            "{file}: this is a FLUX checkpoint. This version trains SD 1.x, SD 2.x and SDXL models; choose one of "
            "those.",
            file=file,
        )
    return problem(
        "model_of_other_family",
        "{file}: this is an {family} checkpoint. This version trains SD 1.x, SD 2.x and SDXL models; choose one of "
        "those.",
        file=file,
        family=found.kind,
    )
