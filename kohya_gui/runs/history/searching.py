"""The history of runs, searched and cut into pages; what a row says is read for the rows of one page alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from kohya_gui.runs.history.notes import Notes, known_notes
from kohya_gui.runs.history.summary import Summary, summary_of
from kohya_gui.runs.index import list_runs
from kohya_gui.runs.registry import AT_WORK, RunInfo

PAGE = 50  # rows
MOST_TAGS_OFFERED = 30
# What people choose from, and the statuses that it means; all others are found by "all".
GROUPS: dict[str, tuple[str, ...]] = {
    "all": (), "active": AT_WORK, "completed": ("completed",), "early": ("stopped", "paused"),
    "failed": ("failed", "lost"),
}  # fmt: skip


@dataclass(frozen=True)
class Query:
    """What to look for: words in any order in name, note and tags, one of `GROUPS`, a tag, and the page from 1."""

    words: str = ""
    group: str = "all"
    tag: str = ""
    page: int = 1


@dataclass(frozen=True)
class Row:
    """A run of the history: how it stands, what people have noted, what its events say."""

    info: RunInfo
    notes: Notes
    summary: Summary


@dataclass(frozen=True)
class Found:
    """One page of what was found, the newest run first, and how much there is; `tags` are the most used ones."""

    rows: tuple[Row, ...]
    page: int
    pages: int
    found: int
    runs: int
    tags: tuple[str, ...]


def search(query: Query) -> Found:
    """The page of the history that `query` asks for. Runs that wait stand in the queue and not here."""
    runs = [(info, known_notes(info.folder)) for info in list_runs() if info.status != "queued"]
    tags = Counter(tag for _, notes in runs for tag in notes.tags)
    hits = [(info, notes) for info, notes in runs if _is_wanted(query, info, notes)]
    pages = max(1, -(-len(hits) // PAGE))
    page = min(max(query.page, 1), pages)
    shown = hits[(page - 1) * PAGE : page * PAGE]
    rows = tuple(Row(info, notes, summary_of(info.folder)) for info, notes in shown)
    offered = sorted(tags, key=lambda tag: (-tags[tag], tag))[:MOST_TAGS_OFFERED]
    return Found(rows, page, pages, len(hits), len(runs), tuple(offered))


def _is_wanted(query: Query, info: RunInfo, notes: Notes) -> bool:
    statuses = GROUPS.get(query.group, ())
    if statuses and info.status not in statuses:
        return False
    if query.tag and query.tag not in notes.tags:
        return False
    return _holds(query.words, (info.id, notes.note, *notes.tags))


def _holds(words: str, texts: Sequence[str]) -> bool:
    everything = "\n".join(texts).casefold()
    return all(word in everything for word in words.casefold().split())
