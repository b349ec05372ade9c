"""The models of known WebUIs, remembered for a while: they are offered anew with every key that is typed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from kohya_gui.files.reach import Reach
from kohya_gui.preferences import preferences
from kohya_gui.preferring import known_webuis
from train_core.facts.models.webuis import ModelKind

KEPT = 30.0  # seconds, in which a model that has just been put there may be missing

Walk = Callable[[ModelKind], list[Path]]


def walked(kind: ModelKind) -> list[Path]:
    """The models of this `kind` in all known WebUIs, found by walking their folders."""
    return [path for webui in known_webuis() for path in webui.models(kind)]


@dataclass(frozen=True)
class _Walked:
    webuis: tuple[str, ...]
    at: float
    paths: tuple[Path, ...]


class WebuiModels:
    """Models by their kind, walked for again after `KEPT` seconds of `clock` or once other WebUIs are known."""

    def __init__(self, walk: Walk = walked, clock: Callable[[], float] = monotonic) -> None:
        self._walk, self._clock = walk, clock
        self._found: dict[tuple[ModelKind, Reach], _Walked] = {}

    def offered(self, kind: ModelKind, reach: Reach) -> tuple[Path, ...]:
        """The models of this `kind` that a page of this `reach` may show."""
        webuis, found = preferences().webuis, self._found.get((kind, reach))
        if found is None or found.webuis != webuis or self._clock() - found.at >= KEPT:
            paths = tuple(path for path in self._walk(kind) if reach.find(str(path)) is not None)
            found = self._found[kind, reach] = _Walked(webuis, self._clock(), paths)
        return found.paths


WEBUI_MODELS = WebuiModels()
