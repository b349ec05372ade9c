"""Adapter files of any program, with the names of kohya, LyCORIS, diffusers, PEFT or older versions."""

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
from train_core.kinds import KINDS, SD1
from train_core.models.files.stored import Stored, stored_tensors
from train_core.models.unet_part import original_names
from train_core.networks.algorithms.names import IN_WORDS, algorithm_of
from train_core.networks.weight_change import WeightChange

# The ends of names in diffusers' and PEFT's files; what stands before is a path with dots.
DOTTED = (
    (re.compile(r"(.+)\.lora_A(?:\.[\w-]+)?\.weight"), "lora_down.weight"),
    (re.compile(r"(.+)\.lora_B(?:\.[\w-]+)?\.weight"), "lora_up.weight"),
    (re.compile(r"(.+)\.lora_magnitude_vector(?:\.[\w-]+)?(?:\.weight)?"), "dora_scale"),
    (re.compile(r"(.+?)(?:\.lora|\.lora_linear_layer|_lora)\.down\.weight"), "lora_down.weight"),
    (re.compile(r"(.+?)(?:\.lora|\.lora_linear_layer|_lora)\.up\.weight"), "lora_up.weight"),
    (re.compile(r"(.+)\.alpha"), "alpha"),
)
OLD_TEXT_PREFIX = "lora_te"  # of a first text encoder, whatever the kind
PEFT_START = re.compile(r"base_model\.model\.((?:down_blocks|up_blocks|mid_block|conv_|time_|add_).+)")
UNDERSCORED = re.compile(r"([^.]+)\.(.+)")
BUNDLED = "bundle_emb."  # embeddings within an adapter, which A1111 reads
ORIGINAL = re.compile(r"(input_blocks|middle_block|output_blocks|time_embed|label_emb|out)_")
# The steps of paths, so that underscores within them can be told from those between them.
STEP = re.compile(
    r"\d+|(?:down|up|transformer)_blocks|mid_block|to_out|to_[qkv]|time_emb_proj|time_embedding|add_embedding|linear_\d"
    r"|conv_(?:shortcut|in|out|norm_out)|proj_(?:in|out)|self_attn|(?:[qkv]|out)_proj|layer_norm\d|final_layer_norm"
    r"|group_norm|token_embedding|position_embedding|[a-z]+\d*"
)
OLD_GLORA = (("a1.weight", "a2.weight"), ("b1.weight", "b2.weight"))


@dataclass(frozen=True)
class Module:
    """One module's part of an adapter: its tensors by the names of kohya and LyCORIS."""

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

    Raises `UserError` if it is missing, damaged or not an adapter, and if tensors lack their partners.
    """
    return adapter_in(read_tensor_file(path))


def adapter_in(file: TensorFile) -> AdapterFile:
    """The same of a file whose header has been read."""
    path, stored = file.path, stored_tensors(file)
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
    """(module key, tensor name) of a tensor's `name`; the key may still be another program's. None if it is not one."""
    kohya = UNDERSCORED.fullmatch(name)
    if kohya and kohya[1].startswith("lycoris_"):
        return kohya[1].replace("lycoris", "lora_unet", 1), kohya[2]
    if kohya and kohya[1].startswith(tuple(f"{prefix}_" for prefix in _prefixes())):
        return kohya[1], kohya[2]
    for pattern, tensor in DOTTED:
        found = pattern.fullmatch(name)
        if found and (key := _dotted_key(found[1])):
            return key, tensor
    return None


def _prefixes() -> set[str]:
    """The starts of keys of all parts of all kinds."""
    return {prefix for kind in KINDS.values() for prefix in kind.key_prefixes.values()}


def _dotted_key(path: str) -> str | None:
    """The key of a module that diffusers or PEFT name by a path with dots."""
    prefixes = {part: prefix for kind in KINDS.values() for part, prefix in kind.key_prefixes.items()}
    prefixes |= {"text_encoder": OLD_TEXT_PREFIX, "text_encoder_1": OLD_TEXT_PREFIX}
    part, _, inner = path.removeprefix("base_model.model.").partition(".")
    if part not in prefixes or not inner:
        peft = PEFT_START.fullmatch(path)
        if peft is None:
            return None
        part, inner = "unet", peft[1]
    inner = inner.replace(".processor.", ".")
    if inner.endswith(".to_out"):  # as the attention processors of old named it
        inner += ".0"
    within = inner.startswith(("text_model.", "text_projection"))
    if part not in {kind.denoiser for kind in KINDS.values()} and not within:
        inner = f"text_model.{inner}"
    return f"{prefixes[part]}_{inner.replace('.', '_')}"


def kind_of(metadata: Mapping[str, str], modules: Mapping[str, Mapping[str, Stored]]) -> str:
    """The kind of base model: by the metadata, else by the width of the text that the U-Net reads; "" for neither."""
    for said in (metadata.get("ss_base_model_version", ""), metadata.get("modelspec.architecture", "")):
        starts = {start: kind.name for kind in KINDS.values() for start in kind.said_as if said.startswith(start)}
        if starts:
            return starts[max(starts, key=len)]
    for kind in KINDS.values():
        if any(key.startswith(kind.adapter_signs) for key in modules):
            return kind.name
    widths = {kind.text_width: kind.name for kind in KINDS.values() if kind.text_width}
    for key, tensors in modules.items():
        if key.startswith("lora_unet_") and key.endswith(("attn2_to_k", "attn2_to_v")):
            width = _inputs(tensors)
            if width in widths:
                return widths[width]
    text = next((tensors for key, tensors in modules.items() if key.endswith("self_attn_q_proj")), None)
    return widths.get(_inputs(text) or 0, "") if text else ""


def _inputs(tensors: Mapping[str, Stored]) -> int | None:
    """Number of inputs of the module that these tensors of a linear layer change."""
    for name in ("lora_down.weight", "hada_w1_b", "diff"):
        if name in tensors:
            return tensors[name].shape[-1]
    if "a2.weight" in tensors:
        return max(tensors["a2.weight"].shape[:2])
    first = tensors.get("lokr_w1", tensors.get("lokr_w1_b"))
    second = tensors.get("lokr_w2", tensors.get("lokr_w2_b"))
    return first.shape[-1] * second.shape[-1] if first and second else None


def _canonical(key: str, kind: str) -> str:
    """`key` as this program has it: U-Nets by the layout's names that the kind's row asks for, text encoders by its
    prefixes. Where the kind is not known, as in SD 1.x.
    """
    row = KINDS.get(kind, SD1)
    if key.startswith(f"{OLD_TEXT_PREFIX}_"):
        prefix = row.key_prefixes.get("text_encoder", OLD_TEXT_PREFIX)
        key = key.replace(OLD_TEXT_PREFIX, prefix, 1)
    prefix, start, rest = key.partition("lora_unet_")
    if prefix or not start:
        return key if "_text_model_" in key else key.replace("_encoder_layers_", "_text_model_encoder_layers_", 1)
    is_original = bool(ORIGINAL.match(rest))
    if row.original_keys == is_original:
        return key
    table = _underscored(row.unet_attention)
    return start + _exchanged(rest, table if row.original_keys else {theirs: ours for ours, theirs in table.items()})


def diffusers_path(key: str, kind: str) -> tuple[str, str]:
    """The part that the module with this `key` belongs to, and its path there as diffusers and transformers have it."""
    row = KINDS.get(kind, SD1)
    prefix, _, rest = key.partition("_unet_") if key.startswith("lora_unet_") else key.partition("_text_model_")
    if key.startswith("lora_unet_"):
        back = {theirs: ours for ours, theirs in _underscored(row.unet_attention).items()}
        return "unet", _dotted(_exchanged(rest, back) if row.original_keys else rest)
    parts = {prefix: part for part, prefix in row.key_prefixes.items()}
    return parts.get(prefix, "text_encoder"), f"text_model.{_dotted(rest)}"


def _dotted(rest: str) -> str:
    """A path whose dots a key holds as underscores, which names hold too."""
    return ".".join(STEP.findall(rest))


def _underscored(attention: tuple[bool, ...]) -> dict[str, str]:
    """diffusers' paths to the original ones, as they appear in keys."""
    return {ours.replace(".", "_"): theirs.replace(".", "_") for ours, theirs in original_names(attention).items()}


def _exchanged(path: str, table: Mapping[str, str]) -> str:
    """`path` with its longest start that is in `table` replaced."""
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
    parts = {prefix: part for kind in KINDS.values() for part, prefix in kind.key_prefixes.items()}
    found = {}
    for key, module in modules.items():
        part = next((part for prefix, part in parts.items() if key.startswith(f"{prefix}_")), "text_encoder")
        alpha = alphas.get(part, alphas.get(""))
        tensors = dict(module.tensors)
        if alpha is not None and "alpha" not in tensors:
            tensors["alpha"] = Stored((), lambda value=float(alpha): torch.tensor(value))  # type: ignore[misc]
        found[key] = Module(module.algorithm, tensors)
    return found


def _not_an_adapter(path: Path, count: int, foreign: list[str]) -> Problem:
    return problem(
        "adapter_not_recognised",
        "{file} is not an adapter that Crucible knows: {unknown} of its {count} tensors belong to none, for example "
        "{example}. Choose the file of a LoRA or a similar adapter.",
        file=str(path), count=count, unknown=len(foreign) or count, example=foreign[0] if foreign else "–",
    )


def _incomplete(path: Path, key: str, tensors: Mapping[str, Stored], reason: str = "") -> Problem:
    return problem(
        "adapter_incomplete",
        "{file}: the tensors of {module} ({tensors}) do not form an adapter: some are missing or do not match. The "
        "file is damaged; use another copy. {reason}",
        file=str(path), module=key, tensors=", ".join(sorted(tensors)), reason=reason,
    )
