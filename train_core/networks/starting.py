"""The adapter that a training starts from, new or from a file; and what is merged into the base model before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.syntax.block_weights import parse_strength, read_own_lines
from train_core.models.family import Family, Target
from train_core.models.load import Changes
from train_core.networks.algorithms.lora import LoraLayer
from train_core.networks.algorithms.names import ALGORITHMS
from train_core.networks.attach import Adapter, build_adapter
from train_core.networks.choose import Chooser, Chosen
from train_core.networks.files.merging import Weighed, fit_problems, merged, require_fitting
from train_core.networks.files.module import Module
from train_core.networks.files.reading import AdapterFile, read_adapter
from train_core.networks.kernels import fitted
from train_core.networks.weight_change import WeightChange


def adapter_of(
    targets: Sequence[Target], network: NetworkSettings, algorithm: AlgorithmSettings, family: Family, seed: int
) -> Adapter[WeightChange]:
    """The adapter, not yet attached, that the settings put on `targets`. Raises `UserError` where they do not suit."""
    chooser = Chooser(network, algorithm, family.block_layout)
    if not algorithm.network_weights.strip():
        return build_adapter(chooser.choose(targets), seed)
    file = read_adapter(Path(algorithm.network_weights)).for_kind(family.kind.name)
    raise_if_any(fit_problems(file, {target.file_key: target for target in family.targets()}, family.kind.name))
    _require_trainable(file)
    if algorithm.dim_from_weights:
        return _adopted(file, _as_in(file, targets, chooser), seed)
    adapter = build_adapter(chooser.choose(targets), seed)
    _take_over(adapter, file)
    return adapter


def finished_adapter(path: Path, family: Family) -> Adapter[WeightChange]:
    """The adapter in a file, not yet attached, to compute with. Raises `UserError` where it does not suit the model."""
    file = read_adapter(path).for_kind(family.kind.name)
    targets = {target.file_key: target for target in family.all_targets()}
    raise_if_any(fit_problems(file, targets, family.kind.name))
    _require_trainable(file)
    plain = Chooser(NetworkSettings(), AlgorithmSettings(), family.block_layout).plain
    chosen = [
        Chosen(
            targets[key], module.algorithm,
            replace(plain, rank=module.algorithm.rank_in(module.looks()), alpha=None),
        )
        for key, module in file.modules.items() if key in targets  # SD 1.x has no projection of pooled text
    ]
    return _adopted(file, chosen, seed=0).requires_grad_(False)


def _adopted(file: AdapterFile, chosen: Sequence[Chosen], seed: int) -> Adapter[WeightChange]:
    """The layers of `file` as they are there."""
    adapter = build_adapter(chosen, seed)
    for key, layer in adapter.layers.items():
        layer.adopt(fitted(file.modules[key].read(), layer.shape))
    return adapter


def _as_in(file: AdapterFile, targets: Sequence[Target], chooser: Chooser) -> list[Chosen]:
    """The layers of `file`, as large as they are there."""
    wanted = ALGORITHMS[chooser.network.LoRA_type]
    chosen = []
    for target in targets:
        module = file.modules.get(target.file_key)
        if module is None or not chooser.trains(target):
            continue
        options = replace(chooser.plain, rank=module.algorithm.rank_in(module.looks()), alpha=None)
        chosen.append(Chosen(target, _trained_as(module, wanted), options))
    _require_all(file, {one.target.file_key for one in chosen})
    return chosen


def _trained_as(module: Module, wanted: type[WeightChange]) -> type[WeightChange]:
    """The algorithm that trains what `module` holds: files do not tell a LoRA from what leaves one behind."""
    return wanted if module.algorithm is LoraLayer and issubclass(wanted, LoraLayer) else module.algorithm


def _take_over(adapter: Adapter[WeightChange], file: AdapterFile) -> None:
    """Load what `file` holds; layers that it lacks stay as they are. Raises `UserError` where anything else differs."""
    _require_all(file, set(adapter.layers))
    for key, module in file.modules.items():
        layer = adapter.layers[key]
        expected = {name: tuple(tensor.shape) for name, tensor in layer.tensors().items() if name != "alpha"}
        found = {name: tuple(tensor.shape) for name, tensor in fitted(module.looks(), layer.shape).items()}
        found.pop("alpha", None)
        if not isinstance(layer, module.algorithm) or found != expected:
            raise UserError(
                problem(
                    "network_weights_differ",
                    "network_weights = {file}: {name} is {found}, but these settings make it {expected}. Turn on "
                    "dim_from_weights to take ranks and layers from the file, and set LoRA_type to its algorithm.",
                    file=str(file.path), name=key, found=_in_words(found), expected=_in_words(expected),
                )
            )
    for key, module in file.modules.items():
        adapter.layers[key].load(fitted(module.read(), adapter.layers[key].shape))


def _require_all(file: AdapterFile, trained: set[str]) -> None:
    """Raise `UserError` if `file` changes layers that are not trained, since what it learnt there would be lost."""
    lost = sorted(file.modules.keys() - trained)
    if lost:
        raise UserError(
            problem(
                "network_weights_lost",
                "network_weights = {file} changes {count} layers that these settings do not train, for example {name}; "
                "those changes would be lost. Train these layers too (dim_from_weights takes the file's layers), or "
                "merge the file with base_weights instead.",
                file=str(file.path), count=len(lost), name=lost[0],
            )
        )


def _require_trainable(file: AdapterFile) -> None:
    """Raise `UserError` if `file` has tensors beside its algorithms' own, which no training takes over."""
    lost = [
        f"{key}.{name}"
        for key, module in file.modules.items()
        for name in sorted(module.tensors.keys() - {*module.algorithm.names, "alpha", "dora_scale"})
    ]
    if lost:
        raise UserError(
            problem(
                "network_weights_parts_lost",
                "network_weights = {file} has {count} tensors that cannot be trained on, for example {name}; they "
                "would be lost. Merge the file with base_weights instead.",
                file=str(file.path), count=len(lost), name=lost[0],
            )
        )


def _in_words(shapes: dict[str, tuple[int, ...]]) -> str:
    return ", ".join(f"{name} {shape}" for name, shape in sorted(shapes.items()))


def remarks_on(algorithm: AlgorithmSettings) -> list[Problem]:
    """What is remarkable about the files that a training begins with. Raises `UserError` for unfit ones."""
    paths = [path for path in (algorithm.network_weights.strip(), *algorithm.base_weights) if path]
    return [remark for path in paths for remark in read_adapter(Path(path)).remarks]


def merged_first(algorithm: AlgorithmSettings) -> Changes | None:
    """The changes that `base_weights` make to the base model while it is read. Raises `UserError` for unfit files."""
    if not algorithm.base_weights:
        return None
    adapters = [read_adapter(Path(path)) for path in algorithm.base_weights]
    texts = [*algorithm.base_weights_multiplier, *[""] * len(adapters)]

    def changes(files, targets, kind):  # type: ignore[no-untyped-def] # as `Changes` says
        own = read_own_lines()
        weighed = [
            Weighed(file.for_kind(kind), parse_strength(text, kind, own))
            for file, text in zip(adapters, texts, strict=False)
        ]
        require_fitting(weighed, targets, kind)
        return merged(files, targets, weighed)

    return changes
