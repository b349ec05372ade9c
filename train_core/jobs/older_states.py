"""How this version reads images and captions, and what a state of another version was trained with instead."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace

from train_core.config.phrases import first_of
from train_core.config.problems import Problem, problem
from train_core.data.library import Entry, Library
from train_core.facts.images.buckets import bucket_rules, older_bucket
from train_core.facts.prompts.tokenizer import clean, cleaning
from train_core.facts.run.states import State

NAMED_AT_MOST = 4
BUCKETS = "whole pixels"  # what sides are rounded to before they are cut down to steps


def reading() -> dict[str, str]:
    """The rules by which a run of this version reads its images and captions, for its states to note."""
    return {"captions": cleaning(), "buckets": BUCKETS}


def as_read_for(state: State, library: Library) -> Library:
    """`library` with the buckets that its images had in the version that wrote `state`."""
    if state.reading.get("buckets") == BUCKETS:
        return library
    entries = (
        replace(e, fit=replace(e.fit, bucket=older_bucket(e.size, bucket_rules(e.settings.dataset))))
        for e in library.entries
    )
    return replace(library, entries=tuple(entries))


def read_otherwise(state: State, library: Library) -> list[Problem]:
    """Notices about what of `library` the run of `state` had read by other rules, and is read by today's from now."""
    found = []
    if state.reading.get("captions") != cleaning():
        changed = sorted({e.path.name for e in library.entries if _is_changed_by_cleaning(e)})
        found += [_captions_differ(state, changed)] if changed else []
    pairs = zip(as_read_for(state, library).entries, library.entries, strict=True)
    moved = sorted({now.path.name for then, now in pairs if then.fit.bucket != now.fit.bucket})
    found += [_buckets_differ(state, moved)] if moved else []
    return found


def _is_changed_by_cleaning(entry: Entry) -> bool:
    """Whether the tokens of any of the image's captions may not be those of versions that cleaned none."""
    captions = entry.settings.captions
    text = f"{captions.caption_prefix} {entry.caption} {captions.caption_suffix}"
    uncleaned = re.sub(r"\s+", " ", unicodedata.normalize("NFC", text)).strip().lower()
    return clean(text) != uncleaned


def _captions_differ(state: State, images: list[str]) -> Problem:
    return problem(
        "resume_captions_cleaned",
        "The captions of {count} images ({images}) contain typographic quotes, full-width letters or other characters "
        "that are replaced before captions are read, as CLIP's own training did. The state {folder} was trained by an "
        "older version, which read them as they are. Training continues with the replaced ones.",
        count=len(images), images=first_of(images, NAMED_AT_MOST), folder=str(state.path),
    )


def _buckets_differ(state: State, images: list[str]) -> Problem:
    return problem(
        "resume_buckets_differ",
        "{count} images ({images}) now get other buckets, those of sd-scripts; the state {folder} was trained by "
        "an older version. Training continues with the new buckets, so the order of the images and the number of steps "
        "per epoch may change.",
        count=len(images), images=first_of(images, NAMED_AT_MOST), folder=str(state.path),
    )
