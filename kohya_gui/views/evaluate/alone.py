"""A grid as one HTML file that works without this program: the tab's own scripts and styles, with all pictures."""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from markupsafe import Markup

from kohya_gui.i18n.messages import words_of
from kohya_gui.views.evaluate.frame import GROUP, shell_html
from train_core.facts.grids.sheet import UNREADABLE
from train_core.facts.models.thumbnails import small_picture

ASSETS = Path(__file__).parents[2] / "assets"
# In the order in which each needs only those before it.
SCRIPTS = (
    "shared/elements.js", "shared/key_names.js", "shared/thumbnails.js", "evaluate/state.js", "evaluate/cells.js",
    "evaluate/large.js", "evaluate/bar.js", "evaluate/ranking.js", "evaluate/keys.js", "evaluate/alone.js",
)  # fmt: skip
STYLES = ("look.css", "shared/parts.css", "evaluate/evaluate.css", "evaluate/large.css")
IMPORT = re.compile(r"^import \{[^}]*\} from \"[^\"]+\";\n", re.MULTILINE)
EXPORT = re.compile(r"^export ", re.MULTILINE)
MOST_EXACT = 64 * 2**20  # bytes of pictures that are put in as they are; more are compressed
SIDE, QUALITY = 4096, 88  # of those that are compressed


def alone_html(grid: dict[str, Any], facts: Sequence[str], paths: Sequence[Path], language: str) -> Iterator[str]:
    """The file piece by piece. `grid` is what the tab's view is given; `facts` is the HTML of each picture's, and
    `paths` its file, which need not be there.
    """
    data = {"grid": grid, "facts": facts, "words": words_of(GROUP, language)}
    yield Markup(
        '<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><title>{name}</title><style>{styles}'
        '</style></head><body><div id="evaluate" class="alone"><div id="evaluate-place">{shell}</div></div>'
        '<script type="application/json" id="evaluate-data">{data}</script>'
        '<script type="application/json" id="evaluate-pictures">['
    ).format(
        language=language, name=grid["name"], styles=_styles(), shell=shell_html(language), data=_json(data)
    )  # fmt: skip
    exact = sum(path.stat().st_size for path in paths if path.is_file()) <= MOST_EXACT
    for place, path in enumerate(paths):
        yield ("," if place else "") + json.dumps(data_address(path, exact))
    yield Markup(']</script><script type="module">{}</script></body></html>\n').format(_script())


def data_address(path: Path | None, exact: bool = False) -> str:
    """The picture as a data URL, compressed unless `exact`; "" for one that is not there."""
    if path is None:
        return ""
    try:
        if exact:
            return f"data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}"
        content = io.BytesIO()
        small_picture(path, SIDE).save(content, "WEBP", quality=QUALITY)
    except UNREADABLE:
        return ""
    return f"data:image/webp;base64,{base64.b64encode(content.getvalue()).decode()}"


def _json(data: Any) -> Markup:
    """JSON in which nothing can end the element that it stands in."""
    return Markup(json.dumps(data).replace("<", "\\u003c"))


def _styles() -> Markup:
    return Markup("\n".join((ASSETS / name).read_text(encoding="utf-8") for name in STYLES))


def _script() -> Markup:
    """The scripts in one, without what they import from each other."""
    texts = ((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return Markup("\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts))
