"""Which run the panel beside the form shows, and what can be done with it: one answer for the page and its polling."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from kohya_gui.runs.follow import RunView, follower
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import AT_WORK, RunInfo

MAX_LISTED = 200


@dataclass(frozen=True)
class Watched:
    """The listed runs, newest first, and of them the one that is shown, with its view. None where there are none."""

    runs: list[RunInfo]
    run: RunInfo | None
    view: RunView | None

    @property
    def shown(self) -> str:
        """The id of the run that is shown, or ""."""
        return self.run.id if self.run else ""

    @property
    def newest(self) -> str:
        """The id of the newest run that was started, or ""."""
        newest = _newest(self.runs)
        return newest.id if newest else ""

    @property
    def status(self) -> str:
        return self.view.status if self.view else ""

    @property
    def busy(self) -> bool:
        """Whether any run is at work, which keeps others from being started."""
        return any(run.status in AT_WORK for run in self.runs)

    @property
    def can_resume(self) -> bool:
        return not self.busy and self.view is not None and self.view.can_resume

    @property
    def found_rates(self) -> bool:
        return self.view is not None and bool(self.view.rates)

    @property
    def stages_left(self) -> bool:
        """Whether a stage of the learning rate follows that can be gone on to."""
        return self.view is not None and self.view.stages_left > 0

    @property
    def choices(self) -> Hashable:
        """What the list of runs depends on."""
        return (tuple((run.id, run.status) for run in self.runs), self.shown)

    @property
    def buttons(self) -> Hashable:
        """What the buttons depend on."""
        return (self.status, self.busy, self.can_resume, self.found_rates, self.stages_left)


def watched(asked: str | None, newest: str | None, *, recent: bool = False) -> Watched:
    """What is shown to someone who `asked` for a run, and who knows `newest` as the newest one; None knows of none.

    A run that was started since, here or elsewhere, is shown instead. With `recent`, the view may be a moment old.
    """
    runs = list_runs()[:MAX_LISTED]
    run = _chosen(None if _has_appeared(runs, newest) else asked, runs)
    if run is None:
        return Watched(runs, None, None)
    following = follower(run.folder)
    return Watched(runs, run, following.recent() if recent else following.view())


def _chosen(asked: str | None, runs: list[RunInfo]) -> RunInfo | None:
    """The run `asked` for, else the newest one at work, else the newest one that was started."""
    wanted = next((run for run in runs if run.id == asked), None)
    active = next((run for run in runs if run.status in AT_WORK), None)
    return wanted or active or _newest(runs) or next(iter(runs), None)


def _has_appeared(runs: list[RunInfo], known: str | None) -> bool:
    """Whether the newest run was started, here or elsewhere, since someone knew another as the newest."""
    newest = _newest(runs)
    return known is not None and newest is not None and newest.status in AT_WORK and known != newest.id


def _newest(runs: list[RunInfo]) -> RunInfo | None:
    """The newest run that does not wait in the queue."""
    return next((run for run in runs if run.status != "queued"), None)
