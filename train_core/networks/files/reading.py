"""Adapter files of any program: kohya's and LyCORIS's names, diffusers' and PEFT's, and those of older days."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.problems import Problem, UserError, problem
from train_core.facts.models.tensor_files import TensorFile, read_tensor_file
from train_core.models.files.stored import Stored, stored_tensors
from train_core.models.unet_part import SD_ATTENTION, SDXL_ATTENTION, original_names
from train_core.networks.algorithms.names import IN_WORDS, algorithm_of
from train_core.networks.weight_change import WeightChange

KIND_BY_WIDTH = {768: "SD 1.x", 1024: "SD 2.x", 2048: "SDXL"}  # of the text that the U-Net reads
KIND_BY_VERSION = (("sdxl", "SDXL"), ("sd_v2", "SD 2.x"), ("sd_v1", "SD 1.x"))
KIND_BY_ARCHITECTURE = (
    ("stable-diffusion-xl", "SDXL"), ("stable-diffusion-v2", "SD 2.x"), ("stable-diffusion-v1", "SD 1.x"),
)  # fmt: skip
# The ends of names in diffusers' and PEFT's files; what stands before is a path with dots.
DOTTED = (
    (re.compile(r"(.+)\.lora_A(?:\.[\w-]+)?\.weight"), "lora_down.weight"),
    (re.compile(r"(.+)\.lora_B(?:\.[\w-]+)?\.weight"), "lora_up.weight"),
    (re.compile(r"(.+)\.lora_magnitude_vector(?:\.[\w-]+)?(?:\.weight)?"), "dora_scale"),
    (re.compile(r"(.+?)(?:\.lora|\.lora_linear_layer|_lora)\.down\.weight"), "lora_down.weight"),
    (re.compile(r"(.+?)(?:\.lora|\.lora_linear_layer|_lora)\.up\.weight"), "lora_up.weight"),
    (re.compile(r"(.+)\.alpha"), "alpha"),
)
DOTTED_START = re.compile(r"(base_model\.model\.)?(unet|text_encoder|text_encoder_2|text_encoder_1)\.(.+)")
PEFT_START = re.compile(r"base_model\.model\.((?:down_blocks|up_blocks|mid_block|conv_|time_|add_).+)")
UNDERSCORED = re.compile(r"(lora_unet|lora_te1|lora_te2|lora_te|lycoris)_([^.]+)\.(.+)")
BUNDLED = "bundle_emb."  # embeddings within an adapter, which A1111 reads
SDXL_ORIGINAL = re.compile(r"(input_blocks|middle_block|output_blocks|time_embed|label_emb|out)_")
# The steps of paths, so that underscores within them can be told from those between them.
STEP = re.compile(
    r"\d+|(?:down|up|transformer)_blocks|mid_block|to_out|to_[qkv]|time_emb_proj|time_embedding|add_embedding|linear_\d"
    r"|conv_(?:shortcut|in|out|norm_out)|proj_(?:in|out)|self_attn|(?:[qkv]|out)_proj|layer_norm\d|final_layer_norm"
    r"|group_norm|token_embedding|position_embedding|[a-z]+\d*"
)
OLD_GLORA = (("a1.weight", "a2.weight"), ("b1.weight", "b2.weight"))


@dataclass(frozen=True)
class Module:
    """What an adapter holds for one module: its tensors by the names of kohya and LyCORIS."""

    algorithm: type[WeightChange]
    tensors: Mapping[str, Stored]

    def looks(self) -> dict[str, Tensor]:
        """The tensors without their numbers, for what follows from shapes alone; flags and the like are read."""
        return {
            name: tensor.read() if tensor.shape in ((), (1,)) else torch.empty(tensor.shape, device="meta")
            for name, tensor in self.tensors.items()
        }

    def read(self, dtype: torch.dtype = torch.float32) -> dict[str, Tensor]:
        """The tensors in `dtype`, on the CPU."""
        return {name: tensor.read().to(dtype) for name, tensor in self.tensors.items()}


@dataclass(frozen=True)
class AdapterFile:
    """An adapter file as this program names things: modules by their key, such as lora_unet_…_to_q.

    `kind` is the base model's, "" where nothing tells it. `others` are tensors that change no module, such as bundled
    embeddings.
    """

    path: Path
    kind: str
    modules: Mapping[str, Module]
    metadata: Mapping[str, str]
    others: Mapping[str, Stored] = field(default_factory=dict)

    @property
    def algorithms(self) -> list[str]:
        """The names of the algorithms in it."""
        return sorted({IN_WORDS[module.algorithm] for module in self.modules.values()})


def read_adapter(path: Path) -> AdapterFile:
    """The adapter in the file at `path`, its tensors not read yet.

    Raises `UserError` for what is missing, damaged, or no adapter, and for tensors that lack their partners.
    """
    file = read_tensor_file(path)
    stored = stored_tensors(file)
    plain: dict[str, dict[str, Stored]] = {}
    others: dict[str, Stored] = {}
    for name, tensor in stored.items():
        place = _place(name)
        if place is None:
            others[name] = tensor
        else:
            plain.setdefault(place[0], {})[place[1]] = tensor
    foreign = sorted(name for name in others if not name.startswith(BUNDLED))
    if not plain or foreign:
        raise UserError(_not_an_adapter(path, len(stored), foreign))
    kind = kind_of(file.metadata, plain)
    modules = {_canonical(key, kind): _module(path, key, tensors) for key, tensors in plain.items()}
    return AdapterFile(path, kind, _with_peft_alphas(modules, file), file.metadata, others)


def _place(name: str) -> tuple[str, str] | None:
    """(module key, tensor name) of a tensor's `name`; the key may still be another program's. None for what is none."""
    kohya = UNDERSCORED.fullmatch(name)
    if kohya:
        prefix = "lora_unet" if kohya[1] == "lycoris" else kohya[1]
        return f"{prefix}_{kohya[2]}", kohya[3]
    for pattern, tensor in DOTTED:
        found = pattern.fullmatch(name)
        if found and (key := _dotted_key(found[1])):
            return key, tensor
    return None


def _dotted_key(path: str) -> str | None:
    """The key of a module that diffusers or PEFT name by a path with dots."""
    whole = DOTTED_START.fullmatch(path)
    peft = PEFT_START.fullmatch(path)
    if whole is None and peft is None:
        return None
    part, inner = (whole[2], whole[3]) if whole else ("unet", peft[1])  # type: ignore[index]
    inner = inner.replace(".processor.", ".")
    if inner.endswith(".to_out"):  # as the attention processors of old named it
        inner += ".0"
    prefix = {"unet": "lora_unet", "text_encoder_2": "lora_te2"}.get(part, "lora_te")
    if part != "unet" and not inner.startswith("text_model."):
        inner = f"text_model.{inner}"
    return f"{prefix}_{inner.replace('.', '_')}"


def kind_of(metadata: Mapping[str, str], modules: Mapping[str, Mapping[str, Stored]]) -> str:
    """The kind of base model: by the metadata, else by the width of the text that the U-Net reads; "" for neither."""
    version, architecture = metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", "")
    for said, table in ((version, KIND_BY_VERSION), (architecture, KIND_BY_ARCHITECTURE)):
        for start, kind in table:
            if said.startswith(start):
                return kind
    if any(key.startswith("lora_te2_") for key in modules):
        return "SDXL"
    for key, tensors in modules.items():
        if key.startswith("lora_unet_") and key.endswith(("attn2_to_k", "attn2_to_v")):
            width = _inputs(tensors)
            if width in KIND_BY_WIDTH:
                return KIND_BY_WIDTH[width]
    text = next((tensors for key, tensors in modules.items() if key.endswith("self_attn_q_proj")), None)
    return KIND_BY_WIDTH.get(_inputs(text) or 0, "") if text else ""


def _inputs(tensors: Mapping[str, Stored]) -> int | None:
    """How many inputs the module has that these tensors of a linear layer change."""
    for name in ("lora_down.weight", "hada_w1_b", "diff"):
        if name in tensors:
            return tensors[name].shape[-1]
    if "a2.weight" in tensors:
        return max(tensors["a2.weight"].shape[:2])
    first = tensors.get("lokr_w1", tensors.get("lokr_w1_b"))
    second = tensors.get("lokr_w2", tensors.get("lokr_w2_b"))
    return first.shape[-1] * second.shape[-1] if first and second else None


def _canonical(key: str, kind: str) -> str:
    """`key` as this program has it: SDXL's U-Net by Stability's names, all others by diffusers'."""
    if kind == "SDXL" and key.startswith("lora_te_"):
        key = key.replace("lora_te_", "lora_te1_", 1)
    prefix, start, rest = key.partition("lora_unet_")
    if prefix or not start:
        return key if "_text_model_" in key else key.replace("_encoder_layers_", "_text_model_encoder_layers_", 1)
    is_original = bool(SDXL_ORIGINAL.match(rest))
    if kind == "SDXL" and not is_original:
        return start + _exchanged(rest, _underscored(SDXL_ATTENTION))
    if kind != "SDXL" and is_original:
        back = {theirs: ours for ours, theirs in _underscored(SD_ATTENTION).items()}
        return start + _exchanged(rest, back)
    return key


def diffusers_path(key: str, kind: str) -> tuple[str, str]:
    """The part that the module with this `key` belongs to, and its path there as diffusers and transformers have it."""
    prefix, _, rest = key.partition("_unet_") if key.startswith("lora_unet_") else key.partition("_text_model_")
    if key.startswith("lora_unet_"):
        back = {theirs: ours for ours, theirs in _underscored(SDXL_ATTENTION).items()}
        return "unet", _dotted(_exchanged(rest, back) if kind == "SDXL" else rest)
    return "text_encoder_2" if prefix == "lora_te2" else "text_encoder", f"text_model.{_dotted(rest)}"


def _dotted(rest: str) -> str:
    """A path whose dots a key holds as underscores, which names hold too."""
    return ".".join(STEP.findall(rest))


def _underscored(attention: tuple[bool, ...]) -> dict[str, str]:
    """diffusers' paths to the original ones, as they stand in keys."""
    return {ours.replace(".", "_"): theirs.replace(".", "_") for ours, theirs in original_names(attention).items()}


def _exchanged(path: str, table: Mapping[str, str]) -> str:
    """`path` with the longest start that stands in `table` exchanged."""
    known = [start for start in table if path == start or path.startswith(f"{start}_")]
    start = max(known, key=len, default="")
    return table[start] + path[len(start) :] if start else path


def _module(path: Path, key: str, tensors: dict[str, Stored]) -> Module:
    algorithm = algorithm_of(tensors)
    if algorithm is None:
        raise UserError(_incomplete(path, key, tensors))
    known = {*algorithm.names, "alpha", "dora_scale"}
    unknown = sorted(tensors.keys() - known - {"diff_b"})
    if unknown:
        raise UserError(_incomplete(path, key, {name: tensors[name] for name in unknown}))
    tensors = _glora_in_order(tensors) if "a1.weight" in tensors else tensors
    module = Module(algorithm, tensors)
    _check_complete(path, key, module)
    return module


def _glora_in_order(tensors: dict[str, Stored]) -> dict[str, Stored]:
    """Older files have the inner map first in each pair: told by which side of a1 is the rank's."""
    first = tensors["a1.weight"].shape
    if first[0] >= first[1]:
        return tensors
    swapped = dict(tensors)
    for one, other in OLD_GLORA:
        swapped[one], swapped[other] = tensors[other], tensors[one]
    return swapped


def _check_complete(path: Path, key: str, module: Module) -> None:
    """Raise `UserError` where partners are missing or do not fit each other: found out without reading a number."""
    shapes = {name: look for name, look in module.looks().items() if name not in ("alpha", "dora_scale")}
    algorithm = module.algorithm
    try:
        shape = algorithm.shape_in(shapes)
        if not algorithm.needs_weight:
            algorithm.change_of(shapes, shape, 1.0, None)
    except (KeyError, RuntimeError, IndexError) as error:
        raise UserError(_incomplete(path, key, module.tensors, str(error).splitlines()[0])) from error


def _with_peft_alphas(modules: dict[str, Module], file: TensorFile) -> dict[str, Module]:
    """PEFT says alpha once for all, in the header or in a file beside; without one the strength is 1."""
    said = json.loads(file.metadata.get("lora_adapter_metadata", "{}"))
    beside = file.path.with_name("adapter_config.json")
    if not said and beside.is_file():
        said = json.loads(beside.read_text(encoding="utf-8"))
    alphas = {name.rpartition(".")[0]: value for name, value in said.items() if name.endswith("lora_alpha")}
    if not alphas:
        return modules
    parts = {"lora_unet": "unet", "lora_te2": "text_encoder_2"}
    found = {}
    for key, module in modules.items():
        part = next((part for prefix, part in parts.items() if key.startswith(prefix)), "text_encoder")
        alpha = alphas.get(part, alphas.get(""))
        tensors = dict(module.tensors)
        if alpha is not None and "alpha" not in tensors:
            tensors["alpha"] = Stored((), lambda value=float(alpha): torch.tensor(value))  # type: ignore[misc]
        found[key] = Module(module.algorithm, tensors)
    return found


def _not_an_adapter(path: Path, count: int, foreign: list[str]) -> Problem:
    return problem(
        "adapter_not_recognised",
        "{file} holds no adapter that is known here: of its {count} tensors, {unknown} belong to none, for example "
        "{example}. Choose the file of a LoRA or one of its relatives.",
        file=str(path), count=count, unknown=len(foreign) or count, example=foreign[0] if foreign else "–",
    )


def _incomplete(path: Path, key: str, tensors: Mapping[str, Stored], reason: str = "") -> Problem:
    return problem(
        "adapter_incomplete",
        "{file}: the tensors of {module} ({tensors}) do not make an adapter: partners are missing or do not fit. The "
        "file is damaged; use another copy. {reason}",
        file=str(path), module=key, tensors=", ".join(sorted(tensors)), reason=reason,
    )
