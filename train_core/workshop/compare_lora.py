"""Comparison of two adapters."""

from __future__ import annotations

from train_core.config.jobs.tools import CompareLora
from train_core.config.problems import UserError, problem
from train_core.config.syntax.block_weights import label_of, order_of
from train_core.networks.files.reading import AdapterFile
from train_core.workshop.common.adapters import open_adapter
from train_core.workshop.common.algebra import Factors, inner_product
from train_core.workshop.common.changes import Change, change_of, dense, norm_of_change, require_free_of_base
from train_core.workshop.common.report import Report


def run(config: CompareLora, report: Report) -> None:
    """Report the cosine of the angle between the changes, by block and overall; 1 is the same, 0 unrelated."""
    settings = config.compare_lora
    one, other = (open_adapter(name, report) for name in (settings.adapter, settings.other_adapter))
    for file in (one, other):
        require_free_of_base(file)
    if not one.modules.keys() & other.modules.keys():
        raise UserError(
            problem(
                "nothing_in_common",
                "{file} and {other_file} have no changed layers in common: they were made for different models.",
                file=str(one.path), other_file=str(other.path),
            )
        )
    products = _products(one, other, report)
    rows = []
    labels = {label_of(key) for key in products}
    for label in [*sorted(labels, key=order_of), "all"]:
        its = [found for key, found in products.items() if label in ("all", label_of(key))]
        dot, first, second = (sum(values) for values in zip(*its, strict=True))
        cosine = dot / (first * second) ** 0.5 if first and second else 0.0
        rows.append([label, len(its), round(first**0.5, 4), round(second**0.5, 4), round(cosine, 4)])
    report.table("compared", ("block", "layers", "norm", "other_norm", "cosine"), rows)


def _products(one: AdapterFile, other: AdapterFile, report: Report) -> dict[str, tuple[float, float, float]]:
    """Compute for each layer the inner product of the two changes, and the square of the norm of each."""
    keys, progress = sorted(one.modules.keys() | other.modules.keys()), report.stage("comparing")
    found = {}
    for done, key in enumerate(keys, 1):
        changes = [change_of(file.modules[key]) if key in file.modules else None for file in (one, other)]
        first, second = (0.0 if change is None else norm_of_change(change) ** 2 for change in changes)
        a, b = changes
        found[key] = (0.0 if a is None or b is None else _dot(key, a, b), first, second)
        progress(done, len(keys))
    return found


def _dot(key: str, one: Change, other: Change) -> float:
    """The inner product. Raises `UserError` where the layers have different shapes."""
    shapes = [((len(c.up), c.down.shape[1]) if isinstance(c, Factors) else tuple(c.shape)) for c in (one, other)]
    if shapes[0] != shapes[1]:
        raise UserError(
            problem(
                "layers_of_different_shapes",
                "{name} is {one} in one adapter and {other} in the other: they were made for different models.",
                name=key, one=str(shapes[0]), other=str(shapes[1]),
            )
        )
    if isinstance(one, Factors) and isinstance(other, Factors):
        return inner_product(one, other)
    return float((dense(one).double() * dense(other).double()).sum())
