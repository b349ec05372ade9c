"""Options of the page's server, as the command line gives them. Imports nothing heavy."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """Options of the page. server_port None: the first free one from 7860; language "": the browser's."""

    listen: str = "127.0.0.1"
    server_port: int | None = None
    headless: bool = False
    inbrowser: bool = True
    share: bool = False
    username: str = ""
    password: str = ""
    language: str = ""
    config: Path | None = None
