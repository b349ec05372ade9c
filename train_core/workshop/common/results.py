"""Results of tools: where they go, their number format and their metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.existing import exists
from train_core.config.jobs.tools import ResultPrecision, ResultSettings
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.facts.run.writable import unwritable
from train_core.kinds import KINDS, PredictionType
from train_core.models.files.finite import rounded
from train_core.models.files.stored import Stored
from train_core.networks.files.adapter_file import save_adapter
from train_core.networks.files.reading import AdapterFile
from train_core.workshop.common.report import Report

DTYPES: dict[ResultPrecision, torch.dtype] = {"float": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def result_path(result: ResultSettings, ending: str = ".safetensors") -> Path:
    """Path of the result. Raises `UserError` for a name without its ending, and for a file that is in the way."""
    path = Path(result.save_to)
    if path.suffix.lower() != ending:
        raise UserError(
            problem(
                "result_ending",
                "save_to = {file} must end in {ending}. Use {suggestion}.",
                file=str(path), ending=ending, suggestion=str(path.with_suffix(ending)),
            )
        )
    require_free(path, result.overwrite)
    return path


def require_free(path: Path, overwrite: bool) -> None:
    """Raise `UserError` if a result could not be written after all the work, or a file is in its way."""
    found = unwritable(path)
    raise_if_any([found] if found else [])
    if exists(path) and not overwrite:
        raise UserError(
            problem(
                "result_exists",
                "{file} already exists. Choose another name, or turn on overwrite to replace it.",
                file=str(path),
            )
        )


def dtype_of(result: ResultSettings) -> torch.dtype | None:
    """The requested number format; None keeps that of the source."""
    return DTYPES.get(result.result_precision)


def stored_dtype(files: Iterable[AdapterFile]) -> torch.dtype:
    """The number format that holds all of the adapters' weights as they are: fp32 where fp16 and bf16 meet."""
    found = {tensor.dtype for file in files for module in file.modules.values() for tensor in module.tensors.values()
             if tensor.shape and tensor.dtype.is_floating_point}
    widest = max((dtype.itemsize for dtype in found), default=torch.float32.itemsize)
    wide = {dtype for dtype in found if dtype.itemsize == widest}
    return wide.pop() if (len(wide) == 1 and widest > 1) or len(found) == 1 else torch.float32


def write_adapter(
    path: Path, modules: Mapping[str, Mapping[str, Tensor]], dtype: torch.dtype, metadata: Mapping[str, str],
    report: Report, others: Mapping[str, Stored] | None = None,
) -> None:
    """Write an adapter: tensors by module key and name, and `others` as they are, by their names.

    The write counts as saved only when it is whole.
    """
    tensors = in_format(
        {f"{key}.{name}": tensor for key, its in modules.items() for name, tensor in its.items()}, dtype, path
    )
    tensors |= {name: one.read().contiguous() for name, one in (others or {}).items()}
    report.stage("saving")
    save_adapter(path, tensors, metadata)
    report.saved(path)


def in_format(tensors: Mapping[str, Tensor], dtype: torch.dtype, path: Path) -> dict[str, Tensor]:
    """`tensors` as they are written to `path`: in `dtype`, but whole numbers as such, and a single number, such as an
    alpha, exactly. Raises `UserError` where one would not be finite."""
    return {name: rounded(tensor, _format_for(tensor, dtype), path, name) for name, tensor in tensors.items()}


def _format_for(tensor: Tensor, dtype: torch.dtype) -> torch.dtype:
    if not tensor.is_floating_point():
        return tensor.dtype
    exact = tensor.numel() != 1 or torch.equal(tensor.to(dtype).to(tensor.dtype), tensor)
    return dtype if exact else tensor.dtype


def without_hashes(metadata: Mapping[str, str]) -> dict[str, str]:
    """`metadata` without hashes of the tensors, which a result has others of."""
    return {name: value for name, value in metadata.items() if not name.startswith(("sshs_", "modelspec.hash"))}


def metadata_of(
    sources: Iterable[AdapterFile], kind: str, rank: int | None, title: str, keep: bool = False,
    predicts: PredictionType | None = None,
) -> dict[str, str]:
    """Metadata of a new adapter. With `keep` what the first source says of its training stays.

    `rank` None stands for ranks that differ from layer to layer. `predicts` is for an adapter without sources.
    """
    sources = list(sources)
    said = without_hashes(sources[0].metadata) if keep and sources else {}
    names = KINDS[kind].names_for(predicts or "epsilon") if kind in KINDS else None
    known = {
        "ss_base_model_version": names.version if names else "", "ss_v2": str(names is not None and names.v2),
        "modelspec.architecture": f"{names.architecture}/lora" if names else "",
        "modelspec.prediction_type": (predicts or "").removesuffix("_prediction"),
    }  # fmt: skip
    for name, value in known.items():  # as the sources have it, which may say more, such as that velocity is predicted
        stated = next((file.metadata[name] for file in sources if file.metadata.get(name)), value if kind else "")
        said |= {name: stated} if stated else {}
    size = "Dynamic" if rank is None else str(rank)
    return said | {
        "ss_network_module": "networks.lora", "ss_network_dim": size, "ss_network_alpha": size,
        "ss_output_name": title, "modelspec.title": said.get("modelspec.title") or title,
        "modelspec.sai_model_spec": "1.0.1", "modelspec.date": datetime.now(UTC).isoformat(timespec="seconds"),
        "modelspec.merged_from": ", ".join(file.path.stem for file in sources),
    }  # fmt: skip
