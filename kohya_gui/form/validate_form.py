"""Checking a form: the settings that can be read, and everything that is wrong or odd."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from kohya_gui.form.reading import Reading, read_leniently
from kohya_gui.runs.devices import unfit
from kohya_gui.runs.occupancy import hardware
from train_core.config.checks.applicability import not_for_this_model
from train_core.config.checks.consistency import contradictions, oddities
from train_core.config.conditions import Facts
from train_core.config.files import missing
from train_core.config.image_settings import DataSettings
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, unique
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.samples import SampleSettings
from train_core.config.sections.training import TrainingSettings
from train_core.config.sections.validation import ValidationSettings
from train_core.facts.datasets.holdout import in_folder, trained_on
from train_core.facts.datasets.subsets import Subset, survey, watched
from train_core.facts.models.model_facts import facts_of_chosen
from train_core.facts.preflight import Findings, examine
from train_core.facts.run.steps import StepCount, Workload, count_steps, too_long, workload

COUNTED = {"max_train_epochs", "max_train_steps", "train_batch_size", "gradient_accumulation_steps", "dataset_repeats"}
Stamp = tuple[tuple[str, int], ...]


@dataclass(frozen=True, kw_only=True)
class CheckedForm:
    """The settings of a form. Values that cannot be read are replaced by defaults, and `errors` say which.

    `subsets` are the images found, as far as they fit into buckets; `trained` are they without what is kept for
    validation. `unreadable` are those errors that are about a value's writing alone; `notices` are neither
    wrong nor odd. `facts` are those about the base model.
    """

    config: TrainConfig
    subsets: tuple[Subset, ...]
    errors: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    unreadable: tuple[Problem, ...]
    notices: tuple[Problem, ...] = ()
    trained: tuple[Subset, ...] = ()
    facts: Facts = field(default_factory=dict)

    @property
    def names_images(self) -> bool:
        """Whether a folder, dataset file or metadata file is chosen, right or wrong."""
        dataset = self.config.dataset
        return any(one.strip() for one in (dataset.train_data_dir, dataset.dataset_config, dataset.in_json))

    @cached_property
    def work(self) -> Workload | None:
        """The workload, or None while there are no images to count."""
        if not self.subsets:
            return None
        return workload(self.trained, self.config.training, self.config.launch.num_processes)

    @cached_property
    def count(self) -> StepCount | None:
        """The steps of `work`; None where what says their number cannot be read."""
        unread = {one.params.get("name") for one in self.unreadable}
        return None if self.work is None or unread & COUNTED else count_steps(self.work)


def check_form(values: Mapping[str, Any], source: str) -> CheckedForm:
    """Read `values` and check them alone, against each other, and against the files they name."""
    reading = read_leniently(TrainConfig, values, source)
    config, errors = reading.config.in_force(), reading.errors
    stamp = _stamp(config)
    conflicts = () if errors else contradictions(config)
    facts, files, unused = _facts(config.model, stamp), Findings((), ()), []
    machine = [] if errors else unfit(config.launch, config.training.mixed_precision, hardware())
    if not errors and not conflicts:
        files = _examined(_Named.by(config), stamp)
        unused = not_for_this_model(config, facts, files.problems)
    checked = CheckedForm(
        config=config,
        subsets=_subsets(DataSettings.of(config), stamp),
        errors=(*errors, *missing(config, source), *conflicts, *files.problems, *machine),
        warnings=unique((*_of_this_method(reading), *oddities(config), *files.warnings, *unused)),
        unreadable=errors,
        notices=files.notices,
        trained=_trained_on(_Named.by(config), stamp),
        facts=facts,
    )
    long = too_long(checked.work, checked.count) if checked.work and checked.count else []
    return replace(checked, errors=(*checked.errors, *long)) if long else checked


def _of_this_method(reading: Reading[TrainConfig]) -> Iterator[Problem]:
    """The warnings of a reading without those on settings that are another method's: whoever changes the method of a
    form leaves their values behind, and does not see them any more."""
    declared, values = {s.name: s for s in TrainConfig.settings()}, reading.config.flat()
    for found in reading.warnings:
        setting = declared.get(str(found.params.get("name")))
        unmet = setting.applies_to.unmet(values).settings if setting and found.code == "not_applicable" else ()
        if "training_method" not in unmet:
            yield found


class _Named(NamedTuple):
    """The settings that files say something of."""

    model: ModelSettings
    data: DataSettings
    samples: SampleSettings
    output: OutputSettings
    loss: LossSettings
    validation: ValidationSettings
    seed: int

    @classmethod
    def by(cls, config: TrainConfig) -> _Named:
        data, seed = DataSettings.of(config), config.training.seed
        return cls(config.model, data, config.samples, config.output, config.loss, config.validation, seed)

    def config(self) -> TrainConfig:
        """The settings, with all others at their defaults."""
        return TrainConfig(
            model=self.model, **vars(self.data), samples=self.samples, output=self.output, loss=self.loss,
            validation=self.validation, training=TrainingSettings(seed=self.seed),
        )  # fmt: skip


@lru_cache(maxsize=8)
def _examined(named: _Named, stamp: Stamp) -> Findings:
    """Findings in the files, repeated when `stamp` changes and not at every key that is typed."""
    return examine(named.config())


@lru_cache(maxsize=8)
def _facts(model: ModelSettings, stamp: Stamp) -> Facts:
    return facts_of_chosen(model)


@lru_cache(maxsize=8)
def _trained_on(named: _Named, stamp: Stamp) -> tuple[Subset, ...]:
    return trained_on(named.config(), _subsets(named.data, stamp))


@lru_cache(maxsize=8)
def _subsets(data: DataSettings, stamp: Stamp) -> tuple[Subset, ...]:
    return tuple(one for one in survey(data).subsets if one.has_buckets)


def _stamp(config: TrainConfig) -> Stamp:
    """Modification times of the files and folders that the settings name; adding or removing a file changes them."""
    paths = [Path(config.model.pretrained_model_name_or_path), Path(config.output.output_dir)]
    data, validation = DataSettings.of(config), config.validation.validation_data_dir
    paths += [*watched(data), *(watched(in_folder(data, validation)) if validation else [])]
    return tuple((str(path), _changed(path)) for path in paths)


def _changed(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
