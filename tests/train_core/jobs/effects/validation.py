"""Effects of settings of validation: which images are measured on, and when."""

from __future__ import annotations

from tests.train_core.jobs.effects.effect import Effects
from tests.train_core.jobs.effects.outcome import Outcome

VALIDATION = Effects()
VALIDATED = {"validation_split": 0.4}


def measured_at(outcome: Outcome) -> list[tuple[int, int]]:
    """Step and epoch of each measurement."""
    return [(event["step"], event["epoch"]) for event in outcome.told("validation")]


def measured_on(outcome: Outcome) -> list[str]:
    """Whose latents each pass of validation was about."""
    assert all(len(set(one.pictures)) == 1 for one in outcome.measured)
    return [one.pictures[0] for one in outcome.measured]


@VALIDATION.of("validation_split", 0.4)
def two_of_five_images_are_kept_out_and_measured_on(before: Outcome, after: Outcome) -> None:
    assert (before.measured, measured_at(before)) == ([], [])
    assert len(set(before.pictures)) == 5
    assert len(set(measured_on(after))) == 2
    assert set(after.pictures) == set(before.pictures) - set(measured_on(after))
    (event,) = after.told("validation")
    assert event["loss"] > 0


@VALIDATION.of("validation_seed", 9, **VALIDATED)
def other_images_are_kept_out(before: Outcome, after: Outcome) -> None:
    assert set(measured_on(before)) != set(measured_on(after))
    assert set(before.pictures) | set(measured_on(before)) == set(after.pictures) | set(measured_on(after))
    assert not set(after.pictures) & set(measured_on(after))


@VALIDATION.of("validate_every_n_epochs", 2, **VALIDATED, max_train_epochs=2)
def every_second_epoch_is_measured(before: Outcome, after: Outcome) -> None:
    half = before.steps // 2
    assert measured_at(before) == [(half, 1), (2 * half, 2)]
    assert measured_at(after) == [(2 * half, 2)]


@VALIDATION.of("validate_every_n_steps", 1, **VALIDATED)
def every_step_is_measured(before: Outcome, after: Outcome) -> None:
    assert before.steps > 1
    assert measured_at(before) == [(before.steps, 1)]
    assert measured_at(after) == [(step, 1) for step in range(1, before.steps + 1)]


@VALIDATION.of("max_validation_steps", 1, **VALIDATED)
def one_image_is_measured_on(before: Outcome, after: Outcome) -> None:
    assert len(measured_on(before)) == 2
    assert len(measured_on(after)) == 1
    assert set(measured_on(after)) < set(measured_on(before))
    assert set(after.pictures) == set(before.pictures)  # both stay out of training
