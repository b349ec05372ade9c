"""The kinds of base models: everything known of each without torch, one row a kind.

A new kind is a row here and its family in a file of `models/kinds/`; all that recognises, names and describes models
and adapters asks these rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

PredictionType = Literal["epsilon", "v_prediction"]
# Blocks of the denoiser before, down, middle, up and after, as the well-known trainer counts them.
BlockLayout = tuple[int, int, int, int, int]


@dataclass(frozen=True)
class Signs:
    """Signs of a kind in files and folders. Patterns are searched in the names of a file's tensors, line by line.

    `strong` ones are in no other kind's files. `weak` ones are in related kinds' files too, and count only if no strong
    ones are found. `pipelines` are classes in a diffusers folder's model_index.json, `config` are values in the
    denoiser's config.json there; if several kinds fit, the one with the most entries is chosen. `for_it` is searched in
    the names of adapters and the like, which are for the first kind that is found so.
    """

    strong: tuple[str, ...] = ()
    weak: tuple[str, ...] = ()
    pipelines: tuple[str, ...] = ()
    config: Mapping[str, Any] | None = None
    for_it: str = ""


@dataclass(frozen=True)
class Names:
    """The names by which adapter files state their base model.

    `version` is sd-scripts' `ss_base_model_version`; `architecture` and `implementation` are modelspec's. `resolution`
    is the side, in pixels, of the squares that the base model was made for.
    """

    version: str
    architecture: str
    implementation: str = "diffusers"
    v2: bool = False
    resolution: int = 512


@dataclass(frozen=True)
class Latents:
    """Pictures as the denoiser sees them: one place for `factor` pixels a side, `scale` times the VAE's own numbers."""

    scale: float
    channels: int = 4
    factor: int = 8


@dataclass(frozen=True)
class BlockLists:
    """Lists of strengths by block, as the LoRA Block Weight extension has them: `lengths`, the longest last, has every
    block. `depths` are the blocks, by letters and numbers, that INS, IND, OUTD and OUTS mean."""

    lengths: tuple[int, ...]
    depths: Mapping[str, tuple[str, range]]


@dataclass(frozen=True)
class Kind:
    """A kind of base model.

    `name` is what people read and what code tells kinds by, `code` stands in the fingerprints of caches. `family` is
    the class that loads it, as module:class. `velocity_names` replace `names` for models that predict velocity.
    `said_as` are the starts of names by which adapters' files state the kind. What tells it from the layers in them is
    `unet_widths` and `unet_depths`, the channels and transformer blocks of each level from the picture's size down,
    `text_width`, that of the text that the denoiser reads, `pooled_width`, that of the text beside the sizes, and
    `text_sizes`, by part a text encoder's width and layers; without widths only names tell it.
    """

    name: str
    code: str
    family: str
    signs: Signs
    names: Names
    said_as: tuple[str, ...]
    latents: Latents
    block_layout: BlockLayout
    block_lists: BlockLists
    key_prefixes: Mapping[str, str]  # part -> start of its keys in adapter files
    velocity_names: Names | None = None
    unet_widths: tuple[int, ...] = ()
    unet_depths: tuple[int, ...] = ()
    text_width: int | None = None
    pooled_width: int | None = None
    text_sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    clip_skips: tuple[int, ...] = ()  # those that its models were made for, where that makes a difference
    spare_text_layers: int = 0  # last ones of a text encoder that files have and the model never uses
    process: str = "ddpm"  # of `diffusion/processes.py`
    silence_means: PredictionType | None = "epsilon"  # None: files of both sorts are common, so the model is asked
    denoiser: str = "unet"  # the part that predicts, and its folder
    input_tensor: str = "model.diffusion_model.input_blocks.0.0.weight"  # its second size counts what the denoiser sees
    original_keys: bool = False  # adapters name the denoiser's layers by the original layout, not by diffusers'
    kernels_in_adapters: bool = False  # adapters hold the projections around attention as 1x1 convolutions
    in_a1111: str = ""  # A1111's word in cards
    boxes: tuple[str, ...] = ()  # what chooses it in sd-scripts and kohya_ss; nothing does where this is empty
    pipeline: str = "StableDiffusion"  # diffusers' class, without `Pipeline`
    pipeline_index: Mapping[str, Any] = field(default_factory=dict)  # what else model_index.json says
    says_by_empty_tensors: bool = False  # `v_pred` and `ztsnr` in a file tell of prediction and schedule

    @property
    def unet_attention(self) -> tuple[bool, ...]:
        """Whether each level of the U-Net has attention, from the picture's size down."""
        return tuple(bool(depth) for depth in self.unet_depths)

    def names_for(self, prediction_type: PredictionType) -> Names:
        """The names for a model with this prediction type."""
        return self.velocity_names if self.velocity_names and prediction_type == "v_prediction" else self.names


SD_LATENTS = Latents(scale=0.18215)
SD_LAYOUT: BlockLayout = (0, 12, 1, 12, 0)
SDXL_LAYOUT: BlockLayout = (1, 9, 3, 9, 1)
SD_BLOCK_LISTS = BlockLists(
    (17, 26),
    {"ins": ("IN", range(5)), "ind": ("IN", range(5, 12)), "outd": ("OUT", range(7)), "outs": ("OUT", range(7, 12))},
)
SD_WIDTHS, SD_DEPTHS = (320, 640, 1280, 1280), (1, 1, 1, 0)
CLIP_L, OPEN_CLIP_H, OPEN_CLIP_G = (768, 12), (1024, 23), (1280, 32)
SD_KEYS = {"unet": "lora_unet", "text_encoder": "lora_te"}
NO_CHECKER = {"safety_checker": [None, None], "feature_extractor": [None, None], "requires_safety_checker": False}

SD1 = Kind(
    name="SD 1.x", code="sd1", family="train_core.models.kinds.sd1:SD1",
    signs=Signs(weak=(r"^cond_stage_model\.transformer\.",), config={}),
    names=Names("sd_v1", "stable-diffusion-v1"), velocity_names=Names("sd_v1_v", "stable-diffusion-v1"),
    said_as=("sd_v1", "stable-diffusion-v1"), text_width=768, text_sizes={"text_encoder": CLIP_L},
    unet_widths=SD_WIDTHS, unet_depths=SD_DEPTHS, latents=SD_LATENTS, block_layout=SD_LAYOUT,
    block_lists=SD_BLOCK_LISTS, key_prefixes=SD_KEYS, in_a1111="SD1", kernels_in_adapters=True, clip_skips=(1, 2),
    pipeline_index=NO_CHECKER,
)  # fmt: skip
SD2 = Kind(
    name="SD 2.x", code="sd2", family="train_core.models.kinds.sd2:SD2",
    signs=Signs(weak=(r"^cond_stage_model\.model\.",), config={"use_linear_projection": True}),
    names=Names("sd_v2", "stable-diffusion-v2-512", v2=True),
    velocity_names=Names("sd_v2_v", "stable-diffusion-v2-768-v", v2=True, resolution=768), silence_means=None,
    said_as=("sd_v2", "stable-diffusion-v2"), text_width=1024, text_sizes={"text_encoder": OPEN_CLIP_H},
    spare_text_layers=1, clip_skips=(1,),
    unet_widths=SD_WIDTHS, unet_depths=SD_DEPTHS, latents=SD_LATENTS, block_layout=SD_LAYOUT,
    block_lists=SD_BLOCK_LISTS, key_prefixes=SD_KEYS, in_a1111="SD2", boxes=("v2",), kernels_in_adapters=True,
    pipeline_index=NO_CHECKER,
)  # fmt: skip
SDXL = Kind(
    name="SDXL", code="sdxl", family="train_core.models.kinds.sdxl:SDXL",
    signs=Signs(
        strong=(r"^conditioner\.embedders\.1\.", r"^model\.diffusion_model\.label_emb\."),
        config={"addition_embed_type": "text_time"},
        for_it=r"lora_te[12]_|text_encoder_2[._]|(^|[._])transformer_blocks[._][1-9]|(^|\.)clip_g\b",
    ),
    names=Names(
        "sdxl_base_v1-0", "stable-diffusion-xl-v1-base", "https://github.com/Stability-AI/generative-models",
        resolution=1024,
    ),
    said_as=("sdxl", "stable-diffusion-xl"), text_width=2048, pooled_width=1280,
    text_sizes={"text_encoder": CLIP_L, "text_encoder_2": OPEN_CLIP_G},
    unet_widths=(320, 640, 1280), unet_depths=(0, 2, 10), latents=Latents(scale=0.13025), block_layout=SDXL_LAYOUT,
    block_lists=BlockLists(
        (12, 20),
        {"ins": ("IN", range(6)), "ind": ("IN", range(6, 9)), "outd": ("OUT", range(3)), "outs": ("OUT", range(3, 9))},
    ),
    key_prefixes={"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"},
    original_keys=True, in_a1111="SDXL", boxes=("sdxl", "sdxl_checkbox"), pipeline="StableDiffusionXL",
    pipeline_index={"force_zeros_for_empty_prompt": True}, says_by_empty_tensors=True,
)  # fmt: skip

KINDS: dict[str, Kind] = {kind.name: kind for kind in (SDXL, SD2, SD1)}

# Kinds that are known by their signs, so that they can be refused by name. Their signs are asked before the others'.
NOT_TRAINED: dict[str, Signs] = {
    "SD 2.x unCLIP": Signs(strong=(r"^embedder\.model\.visual\.",)),
    "SDXL refiner": Signs(
        strong=(r"^conditioner\.embedders\.0\.model\.",), pipelines=("StableDiffusionXLImg2ImgPipeline",)
    ),
    "FLUX": Signs(
        strong=(r"^(model\.diffusion_model\.)?(double_blocks\.0\.img_attn|transformer_blocks\.0\.attn\.add_q_proj)\.",),
        pipelines=("FluxPipeline",), for_it=r"(^|[._])(double_blocks|single_blocks|single_transformer_blocks)[._]",
    ),
    "SD 3": Signs(
        strong=(r"^(model\.diffusion_model\.)?joint_blocks\.",), pipelines=("StableDiffusion3Pipeline",),
        for_it=r"(^|[._])joint_blocks[._]|(^|[._])transformer_blocks[._]\d+[._]attn[._]",
    ),
}


def stated_kind(metadata: Mapping[str, str]) -> str:
    """The name of the kind that an adapter's metadata state, "" if none."""
    for said in (metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", "")):
        starts = {start: kind.name for kind in KINDS.values() for start in kind.said_as if said.startswith(start)}
        if starts:
            return starts[max(starts, key=len)]
    return ""
