"""Scripts and style sheets that a tab loads when it is first shown."""

from __future__ import annotations

from pathlib import Path

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import Route

ASSETS = Path(__file__).parents[1] / "assets"
SHARED = "shared"  # the folder of those that several tabs load
TYPES = {".js": "text/javascript", ".css": "text/css"}
HEADERS = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-cache"}  # the program may have been updated


def asset_route(address: str, folder: str) -> Route:
    """The route that gives the files of the folder of assets, and those that are shared, by their names alone."""

    def asset(request: Request) -> Response:
        files = {
            file.name: file for one in (SHARED, folder) for file in (ASSETS / one).glob("*") if file.suffix in TYPES
        }
        found = files.get(request.path_params["name"])
        if found is None:
            return PlainTextResponse("There is no such file.\n", status_code=404)
        return FileResponse(found, media_type=TYPES[found.suffix], headers=HEADERS)

    return Route(f"{address}/assets/{{name}}", asset)
