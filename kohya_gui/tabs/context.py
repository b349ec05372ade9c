"""Facts that the server tells the page and its tabs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.form.controller import FormController


@dataclass(frozen=True, kw_only=True)
class PageContext:
    """Facts that the server tells the page. Paths are addresses relative to the page; language "" is the browser's.

    `reach` is what the page may show of the disk.
    The tabs note their forms in `forms`, by the names under which `server/forms.py` answers for them.
    """

    language: str = ""
    headless: bool = False
    config_path: Path | None = None
    tensorboard_path: str = "tensorboard/"
    reach: Reach = EVERYWHERE
    forms: dict[str, FormController] = field(default_factory=dict)
