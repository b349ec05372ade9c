"""Which of a model's own weights learn: by part, by block, and by patterns over the names of layers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase

from torch import nn

from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.sections.whole_model import WholeModelSettings
from train_core.models.family import Family
from train_core.models.original import Original
from train_core.models.ways_back import ways_back

NEAREST = 3


@dataclass(frozen=True)
class Weight:
    """A weight of the model: its name in the module of its part, all names that patterns know it by, and its block.

    `block` is None outside of the denoiser, whose blocks have factors on their rates.
    """

    part: str
    name: str
    parameter: nn.Parameter
    names: tuple[str, ...]
    block: int | None

    @property
    def key(self) -> str:
        """Its name among all parts' weights, without dots."""
        return f"{self.part}/{self.name.replace('.', '/')}"


def weights_of(family: Family, original: Original, parts: Collection[str]) -> Iterator[Weight]:
    """Every weight of those `parts` of the model."""
    blocks = {id(target.module): target.block for target in family.targets() if target.in_denoiser}
    for part in parts:
        module = family.modules[part]
        owners = {name: id(owner) for name, owner in module.named_modules()}
        originals = _original_names(original, part)
        for name, parameter in module.named_parameters():
            block = blocks.get(owners[name.rpartition(".")[0]]) if part == family.denoiser else None
            plain = name.removeprefix("text_model.")
            own = {plain, f"{part}.{plain}", f"text_model.{plain}"} if part != family.denoiser else {
                plain, f"{part}.{plain}"
            }
            yield Weight(part, name, parameter, (*sorted(own), *originals.get(name, ())), block)


def _original_names(original: Original, part: str) -> dict[str, tuple[str, ...]]:
    """The names that the module's tensors have in a file in the original layout: whole, and without the part's."""
    definition = original.parts[part]
    written = definition.write(original.opened.stored[part])
    return {
        name: (definition.prefix + theirs, theirs)
        for theirs, way in ways_back(definition, written).items() for name in way.made_of
    }


def chosen(weights: Sequence[Weight], settings: WholeModelSettings) -> list[Weight]:
    """Those of `weights` that the patterns let learn. Raises `UserError` for a pattern that is no layer's name."""
    train, freeze = _patterns(settings.train_layers), _patterns(settings.freeze_layers)
    raise_if_any([
        _matches_nothing(name, pattern, weights)
        for name, patterns in (("train_layers", train), ("freeze_layers", freeze)) for pattern in patterns
        if not any(matches(pattern, one) for one in weights)
    ])
    kept = [
        one for one in weights
        if (not train or any(matches(pattern, one) for pattern in train))
        and not any(matches(pattern, one) for pattern in freeze)
    ]
    if weights and not kept:
        raise UserError(
            problem(
                "every_layer_frozen",
                "train_layers and freeze_layers leave no layer to train. Remove some patterns from freeze_layers.",
            )
        )
    return kept


def matches(pattern: str, weight: Weight) -> bool:
    """Whether `pattern` is one of the names of `weight`, what one begins with, or fits one with its wildcards."""
    return any(fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*") for name in weight.names)


def _patterns(lines: Sequence[str]) -> list[str]:
    return [line.strip() for line in lines if line.strip()]


def _matches_nothing(setting: str, pattern: str, weights: Sequence[Weight]) -> Problem:
    known: Mapping[str, None] = dict.fromkeys(
        ".".join(steps[:depth])
        for one in weights for name in one.names for steps in [name.split(".")] for depth in range(1, len(steps))
    )
    wanted = pattern.replace("*", "").strip(".")
    return problem(
        "no_layer_matches",
        "{name}: {pattern} matches no layer that trains. Names like it are {nearest}.",
        name=setting, pattern=pattern, nearest=", ".join(get_close_matches(wanted, known, NEAREST, cutoff=0.0)),
    )
