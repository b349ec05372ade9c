"""Facts that the server tells the page and its tabs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """Facts that the server tells the page. Paths are addresses relative to the page; language "" is the browser's."""

    language: str = ""
    headless: bool = False
    config_path: Path | None = None
    tensorboard_path: str = "tensorboard/"
    pictures_path: str = "pictures/"
