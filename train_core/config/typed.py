"""Values typed on a command line: one for each name, or several, or none."""

from __future__ import annotations


class NoValue(str):
    """The word "true", of a name that stands alone on a command line: a switch turned on, or a forgotten value."""
