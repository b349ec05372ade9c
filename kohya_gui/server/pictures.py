"""Pictures over HTTP: what known runs and tools have drawn, by name, and thumbnails of what the page has shown."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response

from kohya_gui.runs.follow import follower
from kohya_gui.runs.registry import find_job
from kohya_gui.views.thumbnail import picture_at, thumbnail_of

ENDINGS = {".png": "image/png", ".jpg": "image/jpeg", ".webp": "image/webp"}


def picture(request: Request) -> Response:
    """The picture that the events of the run or tool `run_id` call `name`, or 404."""
    run_id, name = request.path_params["run_id"], request.path_params["name"]
    folder = find_job(run_id)
    samples = follower(folder).view().samples if folder is not None else []
    path = next((s.path for s in samples if s.path.name == name), None)
    if path is None or path.suffix.lower() not in ENDINGS or not path.is_file():
        return PlainTextResponse("There is no such picture.\n", status_code=404)
    # A name holds the time and the seed of its picture, so what it names never changes.
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return FileResponse(path, media_type=ENDINGS[path.suffix.lower()], headers=headers)


def thumbnail(request: Request) -> Response:
    """The thumbnail at an address that the page has given out, or 404."""
    path = picture_at(request.path_params["signature"], request.path_params["name"])
    if path is None:
        return PlainTextResponse("There is no such picture.\n", status_code=404)
    try:
        content = thumbnail_of(path)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        return PlainTextResponse(f"There is no picture: {error}\n", status_code=404)
    headers = {"Cache-Control": "private, max-age=3600", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="image/jpeg", headers=headers)
