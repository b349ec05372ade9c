"""Options of the page's server, as the command line gives them. Imports nothing heavy."""
from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class PageOptions:
    """Options of the page. server_port None: the first free one from 7860; language "": the browser's.

    `allow_host` are names that a proxy or a tunnel serves the page under, each with its port where it has one;
    `root_path` is the path there. `roots` are the folders that the page may show; none: as `files/reach.py` says.
    """

    listen: str = "127.0.0.1"
    server_port: int | None = None
    allow_host: tuple[str, ...] = ()
    root_path: str = ""
    roots: tuple[Path, ...] = ()
    headless: bool = False
    inbrowser: bool = True
    share: bool = False
    username: str = ""
    password: str = ""
    language: str = ""
    config: Path | None = None
