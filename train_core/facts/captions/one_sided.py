"""Tags of things that have a left and a right side, which mirrored images would teach wrongly."""

from __future__ import annotations

import re

WORDS = (
    "heterochromia", r"(?:medical |black |white )?eye ?patch", r"(?:\w+ )*text", "asymmetrical [a-z ]+",
    "hair over one eye", "one eye covered", "one side up", "side ponytail", "side braid", "single [a-z ]+",
    "uneven [a-z ]+", "mole(?: under (?:left |right )?(?:eye|mouth)| on [a-z ]+)?", r"scar (?:across|on) [a-z ]+",
    "missing (?:eye|arm|leg|limb)", "monocle", "eye tattoo", "mechanical (?:arm|leg|hand)", "prosthetic [a-z ]+",
    "(?:left|right)(?:-handed| [a-z ]+)", "[a-z ]+ on (?:left|right)", "watermark", "logo", "signature",
    "artist name", "character name", "copyright name", "web address", "number(?:ed)?", "roman numeral", "clock",
    "speech bubble", "sound effects", "name tag", "license plate",
)  # fmt: skip
ONE_SIDED = re.compile("|".join(f"(?:{word})" for word in WORDS), re.IGNORECASE)


def is_one_sided(tag: str) -> bool:
    """Whether `tag`, with spaces or underscores, names something with a side, such as `eyepatch` or `english text`."""
    plain = " ".join(tag.replace("_", " ").lower().split())
    return ONE_SIDED.fullmatch(plain) is not None
