"""Thumbnails of pictures anywhere on this machine's disk, for those alone that the program itself has shown."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
from pathlib import Path

from train_core.facts.models.thumbnails import jpeg_bytes, small_picture

PREFIX = "thumbnails"
SIDE = 224  # pixels of the longest side: twice what is shown, for fine screens
QUALITY = 80
_SECRET = secrets.token_bytes(32)  # of this server process: addresses end with it


def thumbnail_address(path: Path) -> str:
    """The address, relative to the page, of the thumbnail of `path`; nobody else can make one up."""
    named = str(path).encode("utf-8", "surrogatepass")
    return f"{PREFIX}/{_signature(named)}/{base64.urlsafe_b64encode(named).decode()}"


def picture_at(signature: str, name: str) -> Path | None:
    """The picture of an address of ours, or None for one that somebody made up."""
    try:
        named = base64.urlsafe_b64decode(name)
    except binascii.Error:
        return None
    known = hmac.compare_digest(_signature(named).encode(), signature.encode("utf-8", "replace"))
    return Path(named.decode("utf-8", "surrogatepass")) if known else None


def thumbnail_of(path: Path) -> bytes:
    """The picture at `path` as a small JPEG, upright, what is transparent white. Raises what Pillow raises."""
    return jpeg_bytes(small_picture(path, SIDE), QUALITY)


def _signature(named: bytes) -> str:
    return hmac.new(_SECRET, named, hashlib.blake2s).hexdigest()
