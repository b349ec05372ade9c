"""Full-width signs, as Chinese and Japanese keyboards type them, as the plain ones that they stand for."""

from __future__ import annotations

# U+FF01 to U+FF5E are the printable ASCII signs at full width. One letter becomes one letter, so that places stay.
_PLAIN = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    ord(sign): plain
    for plain, signs in {
        ",": "、､", ".": "。｡", "-": "—–‒―−‐‑", " ": "\u3000\xa0", '"': "“”„‟«»", "'": "‘’‚‛",
    }.items()
    for sign in signs
}


def plain_signs(text: str) -> str:
    """`text` with plain signs in place of full-width and typographic ones; as long as before."""
    return text.translate(_PLAIN)


def full_width_signs(text: str) -> str:
    """The signs in `text` that `plain_signs` would exchange, each once; blanks are left out."""
    return "".join(dict.fromkeys(sign for sign in text if ord(sign) in _PLAIN and not sign.isspace()))
