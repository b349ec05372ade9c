"""The scripts and styles of gradio's page: served from memory as they travel, and fetched by browsers all at once.

A browser would find some eighty of them one after the other, each named in one that it has fetched and run before.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import gradio
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from kohya_gui.views.markup import joined

FRONT = Path(gradio.__file__).parent / "templates" / "frontend"
KINDS = {".js": "text/javascript", ".css": "text/css"}
# A name with a checksum of the content, which is another name whenever that changes.
NAMED_BY_CONTENT = re.compile(r"[\w-]+-[\w-]{8}\d*\.(js|css)", re.ASCII)
FOR_GOOD = "public, max-age=31536000, immutable"

# How the program that packs gradio's page (Vite) writes which script it starts with, and what a script may load later,
# each with all that it needs: numbers in a list of names.
START = re.compile(r'<script\b[^>]*\bsrc="\./assets/([^"]+)"')
NAMES = re.compile(r"__vite__mapDeps=.{0,80}?\.f=\[(.*?)\]", re.DOTALL)
NAME = re.compile(r"""["'`]\./([^"'`]+)["'`]""")
LATER = re.compile(r"""\bimport\(["'`]\./([^"'`]+)["'`]\)[^\[]*?__vite__mapDeps\(\[([\d,]+)\]\)""")
PARTS = (("Index-", "core-"), ("Blocks-",))  # of gradio's page, which are always loaded: what the first of them load
ROW = re.compile(r"\b(\w+):\{")  # of the table of components


class Sent(NamedTuple):
    """A file as it travels."""

    plain: bytes
    compressed: bytes


def gradio_file_routes(front: Path = FRONT) -> list[BaseRoute]:
    """The route of the files in gradio's folder `front`; none without them, which leaves it to gradio."""
    names = _names_in(front)
    kept: dict[str, Sent] = {}

    async def send(request: Request) -> Response:
        name = request.path_params["name"]
        if name not in names:
            return PlainTextResponse("There is nothing here.\n", status_code=404)
        if name not in kept:
            kept[name] = await run_in_threadpool(_read, front / "assets" / name)
        headers = {"Cache-Control": FOR_GOOD, "Vary": "Accept-Encoding"}
        body = kept[name].plain
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["Content-Encoding"], body = "gzip", kept[name].compressed
        return Response(body, headers=headers, media_type=KINDS[Path(name).suffix])

    return [Route("/assets/{name}", send)] if names else []


def _names_in(front: Path) -> frozenset[str]:
    folder = front / "assets"
    names = (path.name for path in folder.iterdir()) if folder.is_dir() else ()
    return frozenset(name for name in names if NAMED_BY_CONTENT.fullmatch(name))


def _read(path: Path) -> Sent:
    content = path.read_bytes()
    return Sent(content, gzip.compress(content, 6))


def preloads(components: Collection[str], theme: str, front: Path = FRONT) -> Markup:
    """Links by which a browser fetches at once what gradio's page will load for these types of `components`.

    `theme` is the checksum by which it asks for its colours. There are fewer links or none where the files are not
    written as expected: the page then loads them as it finds them.
    """
    names = _names_in(front)
    script = Markup('<link rel="modulepreload" href="./assets/{}">')
    style = Markup('<link rel="preload" as="style" crossorigin href="./assets/{}">')
    colours = Markup('<link rel="preload" as="style" href="./theme.css?v={}">').format(theme)
    found = [name for name in front_files(components, front) if name in names]
    links = [(script if name.endswith(".js") else style).format(name) for name in found]
    return joined([*links, colours] if links else [])


def front_files(components: Collection[str], front: Path = FRONT) -> list[str]:
    """The names of the files that gradio's page will load for these types of `components`, about in that order."""
    start = START.findall(_text(front / "index.html"))
    found, level, scripts = list(start), start, list(start)
    for parts in PARTS:
        later = [one for name in level for one in _later(_text(front / "assets" / name)) if one[0].startswith(parts)]
        level = [name for name, _ in later]
        scripts += level
        found += [name for _, needed in later for name in needed]
    for script in scripts:
        text = _text(front / "assets" / script)
        rows = ROW.split(text)
        for kind, row in zip(rows[1::2], rows[2::2], strict=True):
            if kind in components:
                found += [name for _, needed in _later(row.partition("component:")[2], text)[:1] for name in needed]
    return list(dict.fromkeys(found))


def _later(text: str, whole: str = "") -> list[tuple[str, list[str]]]:
    """What a script may load later in this part of its `text`, with all that is needed for it, itself too."""
    listed = NAMES.search(whole or text)
    names = NAME.findall(listed[1]) if listed else []
    found = ((match[1], [int(number) for number in match[2].split(",")]) for match in LATER.finditer(text))
    return [(later, [names[at] for at in needed if at < len(names)]) for later, needed in found]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
