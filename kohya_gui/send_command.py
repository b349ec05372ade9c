"""The terminal's `send`: results of a run into a WebUI's folders."""

from __future__ import annotations

from collections.abc import Sequence

from kohya_gui.i18n.messages import text
from kohya_gui.preferring import known_webuis, name_webui
from kohya_gui.runs.details.files import RunFile
from kohya_gui.runs.details.record import record_of
from kohya_gui.runs.details.sending import prompt_of, results_of, send
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.naming import past_run
from train_core.config.problems import UserError, problem
from train_core.facts.models.webuis import WebUI


def send_results(word: str, epochs: Sequence[int], to: str, language: str) -> int:
    """Send results of the run that `word` names, the last one or those of `epochs`, and print where they are.

    `to` is the folder of a WebUI; without it the only one that is known is taken. Returns 0. Raises `UserError`.
    """
    runs = {run.id: run for run in list_runs()}
    folder = runs[past_run(word, list(runs))].folder
    webui = name_webui(to) if to else _the_known_one()
    for file in _chosen(results_of(folder), epochs, {one.step: one.epoch for one in record_of(folder).progress}):
        sent = send(folder, file.name, webui)
        told = "ui.told.sent_before" if sent.already else "ui.send.sent"
        print(text(told, language, file=str(sent.path)))
        print(f"  {prompt_of(sent.path)}")
    return 0


def _the_known_one() -> WebUI:
    known = known_webuis()
    if len(known) != 1:
        raise UserError(
            problem(
                "which_webui", "Name the folder of the WebUI with --to. Known are: {names}.",
                names=", ".join(str(one.root) for one in known) or "–",
            )
        )
    return known[0]


def _chosen(results: Sequence[RunFile], epochs: Sequence[int], epoch_at: dict[int, int]) -> list[RunFile]:
    """The results of `epochs`, or the last one. Raises `UserError` for an epoch without one, and without any."""
    if not results:
        raise UserError(problem("no_results", "This run has no result that could be sent."))
    if not epochs:
        return [results[-1]]
    found = {epoch_at.get(one.step, 0): one for one in results}
    missing = [epoch for epoch in epochs if epoch not in found]
    if missing:
        raise UserError(
            problem(
                "no_result_of_epoch", "There is no file of epoch {missing}. There are files of: {names}.",
                missing=", ".join(map(str, missing)), names=", ".join(map(str, sorted(found))),
            )
        )
    return [found[epoch] for epoch in epochs]
