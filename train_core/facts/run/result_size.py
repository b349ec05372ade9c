"""How many bytes a result will have, whatever is trained."""

from __future__ import annotations

from functools import lru_cache
from math import prod
from pathlib import Path

from train_core.config.checks.consistency import learning_rates
from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.method import WHOLE
from train_core.config.syntax.arguments import parse_numbers
from train_core.config.syntax.hypernetworks import structure_of
from train_core.config.syntax.new_words import new_words
from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.facts.adapters.layers import UNET, Measures
from train_core.facts.adapters.sizes import BYTES, adapter_size
from train_core.facts.models import hub
from train_core.facts.models.headers import ModelFile, recognise

TEXT = ("cond_stage_model.", "conditioner.")
WEIGHTS = (".safetensors", ".bin")
SIDES = 2  # networks of a hypernetwork for each width: one for keys, one for values


def result_bytes(config: TrainConfig, measures: Measures | None) -> int | None:
    """The bytes of one saved result of these settings; None where the base model or the algorithm is not known.

    Raises `UserError` where the settings do not suit the model, or where a file that is needed cannot be read.
    """
    method = config.method.training_method
    if measures is None:
        return None
    if method in WHOLE:
        return whole_model_bytes(config)
    each = BYTES[config.output.save_precision]
    if method == "textual inversion":
        if not config.embedding.token_string.strip():
            return None  # which the checks tell
        return each * sum(one.vectors for one in new_words(config.embedding)) * sum(one.width for one in measures.texts)
    if method == "hypernetwork":
        return each * _hypernetwork(config, measures)
    size = adapter_size(config.network, config.algorithm, config.rates, measures)
    return None if size is None else size.bytes_in(config.output.save_precision)


def whole_model_bytes(config: TrainConfig) -> int:
    """What trains is saved in the format that is asked for, everything else as it is."""
    path = hub.resolve(config.model.pretrained_model_name_or_path)
    return _bytes_of(path, path.stat().st_mtime_ns, _learning(config), BYTES[config.output.save_precision])


def learning_numbers(config: TrainConfig) -> int:
    """How many numbers of the whole model learn; 0 for a folder, whose headers are not read."""
    path = hub.resolve(config.model.pretrained_model_name_or_path)
    return _numbers_of(path, path.stat().st_mtime_ns, _learning(config))


def _learning(config: TrainConfig) -> tuple[str, ...]:
    """What the names of all tensors of a file begin with that learn."""
    rates = learning_rates(config)
    return (UNET,) * bool(rates.pop("unet", 0)) + TEXT * any(rates.values())


@lru_cache(maxsize=16)
def _numbers_of(path: Path, _changed: int, trained: tuple[str, ...]) -> int:
    found = recognise(path)
    tensors = found.header.tensors if found.header else {}
    return sum(prod(one.shape) for name, one in tensors.items() if name.startswith(trained))


@lru_cache(maxsize=16)
def _bytes_of(path: Path, _changed: int, trained: tuple[str, ...], each: int) -> int:
    """The bytes of the model at `path` where tensors whose names begin as in `trained` have `each` byte per number.

    Of a folder's files the number formats are not asked for.
    """
    found: ModelFile = recognise(path)
    if found.header is None:
        return sum(one.stat().st_size for one in path.rglob("*") if one.suffix in WEIGHTS)
    return sum(
        each * prod(one.shape) if name.startswith(trained) else one.end - one.start
        for name, one in found.header.tensors.items()
    )


def _hypernetwork(config: TrainConfig, measures: Measures) -> int:
    """The numbers in all networks of a hypernetwork."""
    settings = config.hypernetwork
    if settings.hypernetwork_weights.strip():
        tensors = read_hypernetwork(Path(settings.hypernetwork_weights.strip())).tensors
        return sum(prod(one.shape) for one in tensors.values())
    levels = {width for width, depth in zip(measures.widths, measures.depths, strict=True) if depth}
    widths = parse_numbers(settings.enable_sizes) or {measures.context, *levels, measures.widths[-1]}
    structure = structure_of(settings)
    return SIDES * sum(structure.values(int(width)) for width in widths)
