"""The kind of model in a file or folder, read from its header; nothing is loaded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from train_core.config.existing import is_dir
from train_core.config.phrases import joined, phrase
from train_core.config.problems import Problem, UserError, problem
from train_core.config.sections.model import Parameterization
from train_core.config.untrusted import DATA_BYTES, json_of, reason_of, text_of
from train_core.facts.models.base_names import plainly_named
from train_core.facts.models.noise_signs import noise_of_file, noise_of_folder
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file
from train_core.kinds import KINDS, NOT_TRAINED, Kind, PredictionType

Layout = Literal["safetensors", "ckpt", "diffusers"]

# Names of tensors that tell what else a file may be: what is looked for before all kinds of models, and after them.
ADAPTER_NAMES = (
    r"\.(lora_(down|up|A|B|E|mid|magnitude_vector)|hada_w\d|lokr_w\d|oft_|dora_scale)|^(lora_(unet|te\d?)|lycoris|oft_unet)_"
    r"|(\.lora|_lora|\.lora_linear_layer)\.(down|up)\.weight$|\.(diff|diff_b|w_norm|b_norm)$"
)
NO_BASE_MODEL = {
    phrase("hypernetwork", "hypernetwork"): r"^\d+\.[01]\.linear",
    "IP-Adapter": r"^(ip_adapter|image_proj)\.",
    "LoRA": ADAPTER_NAMES,
    # Their relatives too: Control-LoRA, ControlNet-LLLite and T2I adapters.
    "ControlNet": r"^(control_model|controlnet_|input_hint_block|lora_controlnet$|lllite_unet_)"
    r"|^(adapter\.)?body\.\d+\.(in_conv|block1|resnets)\.",
}
ONLY_A_PART = {
    "U-Net": r"^(model\.diffusion_model\.input_blocks|down_blocks\.\d+\.(resnets|attentions|downsamplers))\.",
    "VAE": r"^(first_stage_model\.)?decoder\.conv_in\.",
    phrase("text_encoder", "text encoder"): r"^(transformer\.)?text_model\.encoder\.|^encoder\.block\.\d+\.layer\.",
    phrase("embedding", "embedding"): r"^(em[bp]_params|clip_[lg]|\*)(_out)?$",
    # ESRGAN's names, those of its relatives from BasicSR, SwinIR's and the like, and plain rows of convolutions.
    phrase("upscaler", "upscaler"): r"^(RRDB_trunk|model\.1\.sub|body\.\d+\.rdb1|layers\.\d+\.residual_group)\."
    r"|^(conv_first|body\.0)\.weight$",
}
PARTS = ("VAE", "ControlNet", "embedding", "U-Net", "text encoder")
# What stands beside weights in fewer bits that have scales of their own: ComfyUI's fp8, bitsandbytes', GPTQ's.
QUANTISED = re.compile(
    r"(^|\.)(scaled_fp8|scale_weight|weight_scale(_\d)?|comfy_quant|absmax|quant_map|quant_state\.\S+|qweight|qzeros)$"
)
WORD_WIDTHS = {width for row in KINDS.values() for width, _ in row.text_sizes.values()}
INPAINTING = " inpainting"
# What a U-Net is that sees more than the latent.
EXTRA_CHANNELS = {
    5: phrase("depth_input", "depth"), 7: phrase("upscaler_input", "upscaler"), 8: "instruct-pix2pix", 9: "inpainting",
}  # fmt: skip


@dataclass(frozen=True)
class ModelFile:
    """A model's file or folder, examined once and passed on to whatever loads, names or describes it.

    `kind` is one of `KINDS`, or that with " inpainting" behind it, another name, "LoRA", "VAE", ... or "" when not
    known. `prediction_type` is None where nothing says it. `zero_terminal_snr` says that the model was trained with a
    noise schedule that ends in pure noise. `header` holds the names and shapes of a file's tensors; folders have none.
    `other_noise` names a kind of noise that only other programs train, such as EDM.
    """

    path: Path
    kind: str
    layout: Layout
    prediction_type: PredictionType | None = None
    zero_terminal_snr: bool = False
    header: TensorFile | None = field(default=None, repr=False, compare=False)
    other_noise: str = ""

    @property
    def family(self) -> str:
        """The name of the row of `KINDS` that it belongs to, or its own kind."""
        return self.kind.removesuffix(INPAINTING)

    @property
    def inpaints(self) -> bool:
        return self.kind.endswith(INPAINTING)

    @property
    def is_base_model(self) -> bool:
        """Whether it can be trained on."""
        return self.kind in KINDS or (self.inpaints and self.family in KINDS)

    def predicts(self, wanted: Parameterization) -> PredictionType | None:
        """Prediction type where the setting is `wanted`; None where only the model itself can tell."""
        if wanted != "auto":
            return "epsilon" if wanted == "epsilon" else "v_prediction"
        row = KINDS.get(self.family)
        return self.prediction_type or (row.silence_means if row else "epsilon")


def recognise(path: Path, to_train: bool = True) -> ModelFile:
    """The base model at `path`, a file or diffusers folder. Raises UserError naming anything else.

    With `to_train` one of another kind of noise is refused too; tools can merge and convert it.
    """
    found = identify(path)
    if not found.is_base_model:
        raise UserError(_refusal(found))
    if found.header and any(QUANTISED.search(name) for name in found.header.tensors):
        raise UserError(_quantised(path))
    if to_train and found.other_noise and KINDS[found.family].process == "ddpm":
        raise UserError(_of_other_noise(found))
    return found


def recognise_vae(path: Path, family: str = "") -> ModelFile:
    """The VAE at `path`: a file of its own, a diffusers folder, or part of a base model.

    Raises UserError for anything else, and for a model whose latents are not those of `family`, where that is given.
    """
    found = identify(path)
    if found.kind != "VAE" and not found.is_base_model:
        raise UserError(
            problem(
                "not_a_vae",
                "{file} contains no VAE. Choose a VAE file or folder, or leave the field empty.",
                file=str(path),
            )
        )
    if family and found.kind != "VAE" and KINDS[found.family].latents != KINDS[family].latents:
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


def identify(path: Path) -> ModelFile:
    """Identify the model at `path`. Raises UserError where it is missing, broken, or not safe to open."""
    if is_dir(path):
        return _identify_folder(path)
    return identify_file(read_tensor_file(path))


def identify_file(read: TensorFile, beside: bool = True) -> ModelFile:
    """The same of a file whose header has been read; without `beside` no other file is looked for next to it."""
    named = plainly_named(read)
    kind, noise = _kind_of_tensors(named), noise_of_file(named, beside)
    file = read if kind in NO_BASE_MODEL else named
    return ModelFile(read.path, kind, file.layout, noise.prediction_type, noise.ends_in_noise, file, noise.other)  # type: ignore[arg-type]


def _kind_of_tensors(file: TensorFile) -> str:
    """The kind of model whose tensors `file` names."""
    names = "\n".join(file.tensors)
    kind = next((kind for kind, pattern in _signs() if re.search(pattern, names, re.MULTILINE)), "")
    if not kind and _may_be_an_embedding(file):
        return phrase("embedding", "embedding")
    row = KINDS.get(kind)
    if row is None:
        return kind
    if row.input_tensor not in file.tensors:
        return phrase("text_encoder", "text encoder")
    return _kind_by_channels(row, file.tensors[row.input_tensor].shape[1])


def _may_be_an_embedding(file: TensorFile) -> bool:
    """Whether it is as WebUIs accept one under any name: a single tensor as wide as a text encoder's words."""
    shapes = [info.shape for info in file.tensors.values()]
    return len(shapes) == 1 and len(shapes[0]) in (1, 2) and shapes[0][-1] in WORD_WIDTHS


def _signs() -> Iterator[tuple[str, str]]:
    """Kinds and patterns of tensors' names that give them away, the strongest first. The first one found decides."""
    yield from NO_BASE_MODEL.items()
    signs = [*NOT_TRAINED.items(), *((row.name, row.signs) for row in KINDS.values())]
    yield from ((kind, pattern) for kind, its in signs for pattern in its.strong)
    yield from ((kind, pattern) for kind, its in signs for pattern in its.weak)
    yield from ONLY_A_PART.items()


def _kind_by_channels(row: Kind, channels: int) -> str:
    """A base model and its relatives differ in what the denoiser sees besides the channels of the latent."""
    if channels == row.latents.channels:
        return row.name
    extra = EXTRA_CHANNELS.get(channels, phrase("another_input", "with another kind of input"))
    return phrase("model_with_input", "{kind} {extra}", kind=row.name, extra=extra)


def _identify_folder(folder: Path) -> ModelFile:
    """The kind of a diffusers folder, or of one that holds only a VAE."""
    pipeline = read_config(folder / "model_index.json").get("_class_name", "")
    refused = next((kind for kind, signs in NOT_TRAINED.items() if pipeline in signs.pipelines), None)
    if refused:
        return ModelFile(folder, refused, "diffusers")
    row = _row_of_folder(folder, pipeline)
    if row:
        noise = noise_of_folder(read_config(folder / "scheduler" / "scheduler_config.json"))
        seen = read_config(folder / row.denoiser / "config.json").get("in_channels", row.latents.channels)
        kind = _kind_by_channels(row, seen)
        return ModelFile(folder, kind, "diffusers", noise.prediction_type, noise.ends_in_noise, None, noise.other)
    if read_config(folder / "config.json").get("_class_name") == "AutoencoderKL" or (folder / "vae").is_dir():
        return ModelFile(folder, "VAE", "diffusers")
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
            "{folder} is not a diffusers model: it has no unet folder with a config.json. Choose a model file, or the "
            "folder that contains model_index.json.",
            folder=str(folder),
        )
    )


def _row_of_folder(folder: Path, pipeline: str) -> Kind | None:
    """The kind of a diffusers folder: by its pipeline's class, else by what its denoiser's config.json says."""
    fitting = []
    for row in KINDS.values():
        config = read_config(folder / row.denoiser / "config.json")
        if not config:
            continue
        if pipeline in row.signs.pipelines:
            return row
        said = row.signs.config
        if said is not None and all(config.get(name) == value for name, value in said.items()):
            fitting.append(row)
    return max(fitting, key=lambda row: len(row.signs.config or ()), default=None)


def read_config(path: Path) -> dict[str, Any]:
    """The JSON object at `path`, empty where there is no such file. Raises UserError where it is damaged."""
    if not path.is_file():
        return {}
    try:
        config = json_of(text_of(path, DATA_BYTES))
    except (OSError, ValueError) as error:
        raise UserError(
            problem(
                "model_config_broken",
                "{file} is damaged ({reason}). Download the model folder again.",
                file=str(path),
                reason=reason_of(error),
            )
        ) from error
    return config if isinstance(config, dict) else {}


def _refusal(found: ModelFile) -> Problem:
    """Reason why `found` cannot be trained on, by its name, and what to choose instead."""
    file, kinds = str(found.path), joined("comma", reversed(KINDS))
    if found.kind == "LoRA":
        return problem(
            "model_is_lora",
            "{file}: this is a LoRA or a similar adapter, not a base model. Choose the checkpoint it was made for.",
            file=file,
        )
    if found.kind in ("IP-Adapter", "hypernetwork", "upscaler"):
        return problem(
            "model_is_no_base",
            "{file} is not a base model but another kind of file: {kind}. Choose a complete checkpoint.",
            file=file, kind=found.kind,
        )
    if found.kind in PARTS:
        return problem(
            "model_is_part",
            "{file}: this is only one part ({part}) of a base model. Choose a complete checkpoint.",
            file=file,
            part=found.kind,
        )
    if not found.kind:
        return problem(
            "model_kind_unknown",
            "{file}: this kind of model is not known. Choose a checkpoint of one of these kinds: {kinds}.",
            file=file, kinds=kinds,
        )
    if found.kind == "FLUX":
        return problem(
            "model_is_flux",
            "{file}: this is a FLUX checkpoint. This version trains these kinds of models: {kinds}. Choose one of "
            "those.",
            file=file, kinds=kinds,
        )
    return problem(
        "model_of_other_family",
        "{file}: this is an {family} checkpoint. This version trains these kinds of models: {kinds}. Choose one of "
        "those.",
        file=file, family=found.kind, kinds=kinds,
    )


def _quantised(path: Path) -> Problem:
    return problem(
        "model_quantised",
        "{file} stores its weights in fewer bits with scales beside them, which cannot be read here. Choose the fp16, "
        "bf16 or fp32 version of this model.",
        file=str(path),
    )


def _of_other_noise(found: ModelFile) -> Problem:
    return problem(
        "model_of_other_noise",
        "{file} is an {family} model trained with another kind of noise: {noise}. This version trains models that "
        "predict noise (epsilon) or velocity (v). Choose one of those; the tools can merge and convert this one.",
        file=str(found.path), family=found.family, noise=found.other_noise,
    )
