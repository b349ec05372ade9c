"""The job that finds a learning rate: a short Prodigy run on the user's own model and images."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import torch

from train_core.config.jobs.find_rate import OPTIMIZER, search_settings, suggested_rates
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError, problem
from train_core.data.processes import UnreadableDataError
from train_core.events.kinds import Finished, RateFound, Stage, WarningEvent
from train_core.events.log import Emit, emit_problems
from train_core.facts.preflight import Findings
from train_core.jobs.rescuing import told
from train_core.jobs.train import facts_of, open_run
from train_core.optim.schedule import current_rates
from train_core.run.loop import train

SETTLED_FROM = 0.75  # of the search: from here on a settled rate has stopped growing
STILL_GROWING = 1.1  # by this factor


def find_rate(config: TrainConfig, run_dir: Path, emit: Emit, findings: Findings) -> None:
    """Search as `config` says and emit `rate_found`. Raises `UserError` for what the user can fix.

    The event holds `rate`, `suggestions` by optimizer, of them `unet_lr` and `text_encoder_lr` for AdamW8bit where the
    method has these, the `steps` taken and whether the rate had `settled`.
    """
    search = search_settings(config)
    with closing(open_run(search, run_dir, emit, findings.base)) as run:
        rates = _watched(run.stepper.optimizer)
        emit(facts_of(search, run))
        with run.upkeep.control.catching_interrupts():
            emit(Stage(name="training"))
            try:
                train(run)
            except UnreadableDataError as error:
                raise told(error, run) from error
        if run.metrics:
            run.metrics.close()
        if run.upkeep.stopped:
            emit(Finished(status="stopped", path=None, step=run.step))
            return
    _tell(rates, "unet_lr" in config.applicable(), emit)
    emit(Finished(status="completed", path=None, step=run.step))


def _watched(optimizer: Any) -> list[float]:
    """A list that gets the optimizer's rate after each of its steps."""
    rates: list[float] = []

    def note(optimizer: torch.optim.Optimizer, args: Any, kwargs: Any) -> None:
        rates.append(current_rates(optimizer)["d*lr"])

    optimizer.register_step_post_hook(note)
    return rates


def _tell(rates: list[float], by_part: bool, emit: Emit) -> None:
    """Report the rate that was found, for each part or for all. Raises `UserError` if it has not moved."""
    rate = rates[-1] if rates else 0.0
    if not rates or rate <= rates[0]:
        raise UserError(
            problem(
                "no_rate_found",
                "{optimizer} found no learning rate in {steps} steps. Raise find_rate_steps.",
                optimizer=OPTIMIZER, steps=len(rates),
            )
        )
    settled = rate <= STILL_GROWING * rates[int(len(rates) * SETTLED_FROM)]
    if not settled:
        emit_problems(emit, WarningEvent, [_growing(rate, len(rates))])
    suggestions = suggested_rates(rate, by_part)
    usual = suggestions["AdamW8bit"]
    emit(
        RateFound(
            rate=rate, settled=settled, steps=len(rates), suggestions=suggestions,
            unet_lr=usual.get("unet_lr"), text_encoder_lr=usual.get("text_encoder_lr"),
        )
    )


def _growing(rate: float, steps: int) -> Any:
    return problem(
        "rate_still_growing",
        "The learning rate was still growing after {steps} steps, so the right one is at least {rate}. Raise "
        "find_rate_steps for a better estimate.",
        steps=steps, rate=f"{rate:.1e}",
    )
