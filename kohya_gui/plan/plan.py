"""What will happen when the form's training starts: every figure of the panel, gathered from the facts."""

from __future__ import annotations

from dataclasses import dataclass

from kohya_gui.form.validate_form import CheckedForm
from kohya_gui.runs.costs import Expected, expected_of
from kohya_gui.runs.occupancy import card_memory
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError
from train_core.config.sections.method import WHOLE
from train_core.facts.adapters.layers import Measures
from train_core.facts.adapters.model_measures import measures_of_chosen
from train_core.facts.adapters.strength import Strength, strengths
from train_core.facts.advice import Advice
from train_core.facts.captions.lint import lint
from train_core.facts.captions.sets import caption_sets
from train_core.facts.datasets.subsets import Subset
from train_core.facts.hints import Known, hints
from train_core.facts.images.bucket_chart import BucketChart, bucket_chart
from train_core.facts.machine.drives import free_space
from train_core.facts.run.kept_files import kept_files, kept_states
from train_core.facts.run.rate_curves import RateCurve, rate_curves
from train_core.facts.run.result_size import result_bytes
from train_core.facts.run.steps import StepCount
from train_core.facts.run.whole_models import state_bytes

TEXT_PARTS = ("text_encoder",)  # where the kind of model is not known


@dataclass(frozen=True)
class Plan:
    """Everything that the panel shows of a form. None is not known, for the reasons that the views say.

    `size_problem` says why the size of a result is not known. `files` of `file_bytes` each stay in the output folder,
    with states of a whole model of `states_bytes` in all; its drive has `free` bytes left. `lint` is of the captions,
    `hints` are those of tutorials.
    `expected` is what the same work took before.
    """

    checked: CheckedForm
    count: StepCount | None = None
    measures: Measures | None = None
    file_bytes: int | None = None
    size_problem: Problem | None = None
    files: int = 1
    states_bytes: int = 0
    free: int | None = None
    chart: BucketChart | None = None
    curves: tuple[RateCurve, ...] = ()
    strengths: tuple[tuple[str, Strength], ...] = ()
    lint: tuple[Advice, ...] = ()
    hints: tuple[Advice, ...] = ()
    expected: Expected | None = None

    @property
    def subsets(self) -> tuple[Subset, ...]:
        return self.checked.trained


def plan_of(checked: CheckedForm) -> Plan:
    """The plan of a form, from the files that it names; what is unchanged is not read again."""
    config = checked.config
    count = checked.count
    measures = measures_of_chosen(config.model)
    size, size_problem = _size(checked, measures)
    sets = caption_sets(checked.trained, in_form=not config.dataset.dataset_config.strip())
    known = Known(measures.kind if measures else "", count, sets, card_memory())
    return Plan(
        checked, count, measures, size, size_problem,
        files=kept_files(config.output, count) if count and count.total else 1,
        states_bytes=_states(config, count) if size else 0,
        free=free_space(config.output.output_dir),
        chart=bucket_chart(checked.trained) if any(one.folder.images for one in checked.trained) else None,
        curves=_curves(checked, count, measures),
        strengths=tuple(strengths(config).items()),
        lint=tuple(lint(sets, config.model.max_token_length)),
        hints=tuple(hints(config, known)),
        expected=expected_of(config),
    )  # fmt: skip


def _size(checked: CheckedForm, measures: Measures | None) -> tuple[int | None, Problem | None]:
    """The bytes of one saved file, or why they are not known."""
    try:
        return result_bytes(checked.config, measures), None
    except UserError as error:
        return None, error.problems[0]


def _states(config: TrainConfig, count: StepCount | None) -> int:
    """The least that the states of a whole model take in the end; those of other methods are small."""
    if config.method.training_method not in WHOLE or count is None or not count.total:
        return 0
    return kept_states(config.output, config.resume, count) * state_bytes(config)


def _curves(checked: CheckedForm, count: StepCount | None, measures: Measures | None) -> tuple[RateCurve, ...]:
    """The curves over the run's steps."""
    if count is None or not count.total:
        return ()
    if measures is None:
        return rate_curves(checked.config, count.total, text_parts=TEXT_PARTS)
    texts = [text.part for text in measures.texts]
    return rate_curves(checked.config, count.total, measures.denoiser, texts)
