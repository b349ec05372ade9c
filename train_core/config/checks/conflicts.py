"""Settings that do not go with another one, each with a value that does."""

from __future__ import annotations

from train_core.config.phrases import Phrase, joined, phrase


def conflicts(*candidates: tuple[str, object, object, bool]) -> Phrase:
    """List in words those (name, value, value that works, whether it conflicts) that conflict; empty for none."""
    return joined(
        "comma",
        [
            phrase("works_instead", "{name} = {value} ({works} works)", name=name, value=value, works=works)
            for name, value, works, conflicting in candidates
            if conflicting
        ],
    )
