"""Adapters under other programs' names."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from train_core.config.jobs.tools import ConvertLora
from train_core.config.problems import Problem, UserError, problem
from train_core.config.whole_files import write_text
from train_core.kinds import KINDS, SD1
from train_core.models.targets import is_projection
from train_core.networks.algorithms.names import IN_WORDS
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.base_kind import diffusers_path
from train_core.networks.files.module import Module
from train_core.networks.files.reading import AdapterFile
from train_core.networks.kernels import is_around_attention
from train_core.workshop.common.adapters import open_adapter
from train_core.workshop.common.algebra import Factors
from train_core.workshop.common.changes import change_of, require_free_of_base, shape_of
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import (
    dtype_of,
    in_format,
    require_free,
    result_path,
    stored_dtype,
    without_hashes,
    write_adapter,
)

PEFT_START = "base_model.model."


def run(config: ConvertLora, report: Report) -> None:
    """Write the adapter with kohya's names, with diffusers', or as PEFT keeps one network's."""
    settings, result = config.convert_lora, config.result
    path = result_path(result)
    file = open_adapter(settings.adapter, report)
    dtype = dtype_of(result) or stored_dtype([file])
    said = without_hashes(file.metadata)
    said.pop("lora_adapter_metadata", None)  # its alphas are in the tensors now
    if settings.adapter_format == "kohya":
        modules = {key: module.read() for key, module in file.modules.items()}
        write_adapter(path, modules, dtype, said, report, file.others)
        return
    if file.others:
        report.warning(_left_out(file, settings.adapter_format))
    layers, biases = _layers(file, report)
    if settings.adapter_format == "diffusers":
        tensors = {f"{part}.{name}": value for (part, name), value in _named(layers, biases).items()}
    else:
        beside = path.with_name("adapter_config.json")
        require_free(beside, result.overwrite)
        tensors = {PEFT_START + name: value for (_, name), value in _named(_of_unet(file, layers), biases).items()}
    save_adapter(path, in_format(tensors, dtype, path), {"format": "pt", **said})
    if settings.adapter_format == "PEFT":
        write_text(beside, json.dumps(_peft_config(layers, biases), indent=2) + "\n")
    report.saved(path)


Place = tuple[str, str]  # part, path
Layers = Mapping[Place, tuple[Tensor, Tensor]]  # down, up; strength 1
Biases = Mapping[Place, Tensor]


def _layers(file: AdapterFile, report: Report) -> tuple[dict[Place, tuple[Tensor, Tensor]], dict[Place, Tensor]]:
    """Every layer as a LoRA of strength 1, and the changes of biases. Raises `UserError` for other kinds of layers."""
    require_free_of_base(file)
    progress, layers, biases = report.stage("converting"), {}, {}
    for done, (key, module) in enumerate(file.modules.items(), 1):
        change = change_of(module)
        if not isinstance(change, Factors):
            raise UserError(
                problem(
                    "format_only_lora",
                    "{file}: {name} is {algorithm}, but files of diffusers and PEFT can only hold LoRA. Keep kohya's "
                    "names, or first merge the adapter by svd, which makes a LoRA of it.",
                    file=str(file.path), name=key, algorithm=_in_words(module),
                )
            )
        shape = shape_of(key, module)
        if is_around_attention(key) and "use_linear_projection" in (KINDS.get(file.kind, SD1).signs.config or {}):
            shape = shape[:2]  # where diffusers has matrices
        ones = [1 for _ in shape[2:]]
        down, up = change.down.reshape(change.rank, shape[1], *shape[2:]), change.up.reshape(shape[0], -1, *ones)
        place = _place(key, file.kind)
        layers[place] = (down, up)
        bias = module.algorithm.bias_change_of(module.read())
        if bias is not None:
            biases[place] = bias
        progress(done, len(file.modules))
    return layers, biases


def _in_words(module: Module) -> str:
    algorithm = IN_WORDS[module.algorithm]
    return f"{algorithm} + bias_values" if "bias_values" in module.tensors else algorithm


def _place(key: str, kind: str) -> Place:
    if not is_projection(key):
        return diffusers_path(key, kind)
    prefix, _, path = key.partition("_text_")
    parts = {start: part for part, start in KINDS.get(kind, SD1).key_prefixes.items()}
    return parts.get(prefix, "text_encoder"), f"text_{path}"


def _named(layers: Layers, biases: Biases) -> dict[Place, Tensor]:
    named = {}
    for (part, path), (down, up) in layers.items():
        named[part, f"{path}.lora_A.weight"], named[part, f"{path}.lora_B.weight"] = down, up
    return named | {(part, f"{path}.lora_B.bias"): bias for (part, path), bias in biases.items()}


def _of_unet(file: AdapterFile, layers: Layers) -> Layers:
    """The same. Raises `UserError` if there is a network besides the U-Net: a PEFT adapter is for one only."""
    if any(part != KINDS.get(file.kind, SD1).denoiser for part, _ in layers):
        raise UserError(
            problem(
                "peft_only_unet",
                "{file} changes text encoders too, but a PEFT adapter is for one network. Choose diffusers' names.",
                file=str(file.path),
            )
        )
    return layers


def _peft_config(layers: Layers, biases: Biases) -> dict[str, Any]:
    """PEFT's description: ranks by layer, each with an alpha as large, so that every strength is 1."""
    ranks = {path: len(down) for (_, path), (down, _) in layers.items()}
    most = max(ranks.values())
    patterns = {re.escape(path): rank for path, rank in ranks.items() if rank != most}
    return {
        "peft_type": "LORA", "r": most, "lora_alpha": most, "rank_pattern": patterns, "alpha_pattern": patterns,
        "target_modules": sorted(ranks), "lora_dropout": 0.0, "bias": "none", "fan_in_fan_out": False,
        "inference_mode": True, "base_model_name_or_path": None, "task_type": None, "use_rslora": False,
        "use_dora": False, "lora_bias": bool(biases), "init_lora_weights": True,
    }  # fmt: skip


def _left_out(file: AdapterFile, names: str) -> Problem:
    return problem(
        "format_leaves_out",
        "{file}: {count} tensors have no place in a file with the names of {format} and are left out, for example "
        "{name}.",
        file=str(file.path), count=len(file.others), format=names, name=min(file.others),
    )
