"""Settings that conflict with another one, each with a value that does not."""

from __future__ import annotations

from train_core.config.phrases import Phrase, joined, phrase


def conflicts(*candidates: tuple[str, object, object, bool]) -> Phrase:
    """Describe those of (name, value, value that works, whether it conflicts) that conflict; empty for none."""
    return joined(
        "comma",
        [
            phrase("works_instead", "{name} = {value} ({works} works)", name=name, value=value, works=works)
            for name, value, works, conflicting in candidates
            if conflicting
        ],
    )
