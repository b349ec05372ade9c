"""Saving of what was learnt when an error ends a training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from train_core.config.problems import UserError, problem, unique
from train_core.data.processes import UnreadableDataError, gather
from train_core.events.kinds import WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.models.files.finite import NotFiniteError
from train_core.run.training import Training

NAMED_AT_MOST = 8


@contextmanager
def rescuing(run: Training, emit: Emit) -> Iterator[None]:
    """Save what was learnt as a step's file if an error ends the training.

    If images can no longer be read, a state is written too, from which the run can be resumed once they are back.
    """
    try:
        yield
    except UnreadableDataError as error:
        if run.step == run.length.total:  # validation images after the last step: the result does not need them
            emit_problems(emit, WarningEvent, error.problems)
            return
        saved = gather(_save(run, emit))[0]
        if saved:
            run.upkeep.states.write_step(run.step, run.epoch, asked=True)
        gather(None)  # if one process ended earlier, the launcher would kill the one that saves
        raise told(error, run, saved) from error
    except NotFiniteError:  # what is not a number is not worth saving
        raise
    except Exception:
        if run.method.shares is None:  # else the others may be waiting within a step, and lend nothing
            _save(run, emit)
        raise


def _save(run: Training, emit: Emit) -> Path | None:
    """Save what was learnt, if it is usable. Errors here must not hide the error that ends the run."""
    saver = run.upkeep.saver
    try:
        if run.step and run.guard.has_good_weights():
            saver.save_step(run.step, run.epoch, last=True)
            return saver.last
    except Exception as error:  # for example of a card that has failed
        emit_problems(emit, WarningEvent, [
            problem(
                "not_rescued",
                "What was learnt after the last saved file could not be saved ({reason}).",
                reason=str(error) or type(error).__name__,
            )
        ])  # fmt: skip
    return None


def told(error: UnreadableDataError, run: Training, saved: Path | None = None) -> UserError:
    """`error` extended to all images that can no longer be read: their number, and the first ones by name."""
    validation = run.upkeep.validation
    measured = validation.validator.data.unreadable() if validation else []
    lost = unique([*error.problems, *run.data.unreadable(), *measured])
    more = {"count": len(lost), "step": run.step}
    if saved is None:
        summary = problem(
            "data_unreadable",
            "{count} files of the dataset can no longer be read, so the run ended after step {step}. Restore them, or "
            "remove them from the dataset, and start again.",
            **more,
        )
    else:
        summary = problem(
            "data_unreadable_saved",
            "{count} files of the dataset can no longer be read, so the run ended after step {step}. What was learnt "
            "is saved as {file}. Restore the files and resume the run, or remove them from the dataset and start "
            "again.",
            file=str(saved), **more,
        )
    return UserError(summary, *lost[:NAMED_AT_MOST])
