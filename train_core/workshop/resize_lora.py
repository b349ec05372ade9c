"""Another rank for a LoRA: the nearest one, from its factors alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor

from train_core.config.jobs.tools import ResizeLora, ResizeLoraSettings
from train_core.config.problems import UserError, problem
from train_core.config.syntax.block_weights import label_of, order_of
from train_core.networks.algorithms.full import NormLayer
from train_core.networks.algorithms.lora import LoraLayer
from train_core.networks.algorithms.names import IN_WORDS
from train_core.networks.files.module import SPARSE
from train_core.networks.files.reading import AdapterFile
from train_core.workshop.common.adapters import open_adapter
from train_core.workshop.common.algebra import (
    Choice,
    Cut,
    Factors,
    at_rank,
    by_norm,
    by_ratio,
    by_sum,
    cut,
    cut_dense,
)
from train_core.workshop.common.changes import (
    beside,
    change_of,
    is_wide,
    lora_tensors,
    norm_of_change,
    require_free_of_base,
    shape_of,
)
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, metadata_of, result_path, stored_dtype, write_adapter


@dataclass(frozen=True)
class Resized:
    """Outcome for a layer: its rank before and after, its norm, and the share of that which is kept."""

    key: str
    before: int
    after: int
    norm: float
    kept: float


def run(config: ResizeLora, report: Report) -> None:
    """Write the adapter at the rank that the settings ask for, and report what each block keeps."""
    settings, result = config.resize_lora, config.result
    path = result_path(result)
    file = open_adapter(settings.adapter, report)
    require_free_of_base(file)
    _require_low_rank(file)
    progress = report.stage("resizing")
    modules, resized = {}, []
    for done, (key, module) in enumerate(file.modules.items(), 1):
        if module.algorithm is not LoraLayer and "lora_up.weight" not in module.tensors:
            modules[key] = module.read()  # norms and the like have no rank
        else:
            change = change_of(module.without_sparse())  # sparse numbers have no rank, and stay as they are
            choice = _choice(settings, key)
            found = cut(change, choice) if isinstance(change, Factors) else cut_dense(change, choice)
            before = module.algorithm.rank_in(module.looks())
            values = module.read()
            kept = {name: values[name] for name in SPARSE if name in values}
            modules[key] = _at_its_strength(found, shape_of(key, module), before, values) | beside(module) | kept
            resized.append(Resized(key, before, found.factors.rank, norm_of_change(change), found.kept))
        progress(done, len(file.modules))
    rank = settings.tool_rank if settings.resize_method == "rank" else None
    metadata = metadata_of([file], file.kind, rank, path.stem, keep=True)
    write_adapter(path, modules, dtype_of(result) or stored_dtype([file]), metadata, report, file.others)
    _tell(resized, report)


def _at_its_strength(found: Cut, shape: tuple[int, ...], rank: int, values: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors, with alpha scaled like the rank, so that the strength stays the same."""
    strength = float(values["alpha"]) / rank if "alpha" in values else 1.0
    return lora_tensors(found.factors, shape, strength * found.factors.rank or None)  # type: ignore[arg-type]


def _choice(settings: ResizeLoraSettings, key: str) -> Choice:
    limit, value = settings.tool_rank, settings.resize_value
    if is_wide(key) and settings.tool_conv_rank is not None:
        limit = settings.tool_conv_rank
    if settings.resize_method == "rank":
        return at_rank(limit)
    return {"sv_ratio": by_ratio, "sv_fro": by_norm, "sv_cumulative": by_sum}[settings.resize_method](value, limit)


def _require_low_rank(file: AdapterFile) -> None:
    """Raise `UserError` for algorithms that have no rank to lower."""
    others = sorted({*file.algorithms} - {IN_WORDS[LoraLayer], IN_WORDS[NormLayer]})
    if others:
        raise UserError(
            problem(
                "resize_only_lora",
                "{file} contains {algorithms}, but only a LoRA has a rank that can be lowered. Merge it by svd at some "
                "rank first, which makes a LoRA of it.",
                file=str(file.path), algorithms=", ".join(others),
            )
        )


def _tell(resized: Iterable[Resized], report: Report) -> None:
    """A line for each block: ranks, and the share of the norm that is kept."""
    blocks: dict[str, list[Resized]] = {}
    for one in resized:
        blocks.setdefault(label_of(one.key), []).append(one)
    rows = [_row(label, blocks[label]) for label in sorted(blocks, key=order_of)]
    everything = [one for its in blocks.values() for one in its]
    report.table("resized", ("block", "layers", "rank_before", "rank_after", "norm", "kept"),
                 [*rows, _row("all", everything)])


def _row(label: str, layers: list[Resized]) -> list[str | int | float]:
    count, total = len(layers), sum(one.norm**2 for one in layers)
    kept = (sum((one.norm * one.kept) ** 2 for one in layers) / total) ** 0.5 if total else 1.0
    before, after = (sum(getattr(one, name) for one in layers) / max(count, 1) for name in ("before", "after"))
    return [label, count, round(before, 1), round(after, 1), round(total**0.5, 4), round(kept, 4)]


def resized_to(change: Factors | Tensor, rank: int) -> Cut:
    """The nearest change of a rank."""
    return cut(change, at_rank(rank)) if isinstance(change, Factors) else cut_dense(change, at_rank(rank))
