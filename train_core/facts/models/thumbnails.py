"""The small picture that a model file can carry: `modelspec.thumbnail`, a data URL."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

from PIL import Image, ImageOps

from train_core.config.problems import UserError, problem

DATA_URL = re.compile(r"data:image/[\w.+-]+;base64,[A-Za-z0-9+/=\s]+")
LARGEST_SIDE = 512  # pixels
QUALITY = 85
ORIENTATION = 0x0112  # the EXIF tag
Colour = tuple[int, int, int]
WHITE: Colour = (255, 255, 255)


def thumbnail_url(text: str) -> str:
    """`text` if it is a data URL; of the picture at the path that it is, a JPEG of at most 512 pixels a side.

    Raises UserError where there is no picture.
    """
    if text.startswith("data:"):
        if DATA_URL.fullmatch(text):
            return text
        raise UserError(
            problem(
                "thumbnail_not_an_image",
                "{name} begins with data: but is not a base64 picture. Give the path of a picture instead.",
                name="metadata_thumbnail",
            )
        )
    return f"data:image/jpeg;base64,{base64.b64encode(small_jpeg(Path(text))).decode('ascii')}"


def small_jpeg(path: Path) -> bytes:
    """The picture at `path` as a JPEG, no side above 512 pixels, what is transparent white. Raises UserError."""
    try:
        picture = small_picture(path, LARGEST_SIDE)
    except Exception as error:  # Pillow's decoders raise whatever they like on broken files
        raise UserError(
            problem(
                "thumbnail_unreadable",
                "{name} = {path} cannot be read as a picture ({reason}). Choose a PNG, JPEG or WebP file.",
                name="metadata_thumbnail", path=str(path), reason=str(error) or type(error).__name__,
            )
        ) from error
    return jpeg_bytes(picture, QUALITY)


def jpeg_bytes(picture: Image.Image, quality: int) -> bytes:
    """The picture as a JPEG file."""
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=quality)
    return content.getvalue()


def small_picture(path: Path, side: int) -> Image.Image:
    """The picture at `path` as RGB: upright, no side above `side` pixels, what is transparent white.

    Raises whatever Pillow raises for what is no picture.
    """
    with Image.open(path) as image:
        image.draft("RGB", (2 * side, 2 * side))  # a large JPEG is decoded at a fraction of its size
        shown = _shown(image)
    shown.thumbnail((side, side))
    return _on(shown, WHITE)


def whole_picture(path: Path, behind: Colour = WHITE) -> Image.Image:
    """The picture at `path` as RGB in its own size: upright, with the colour `behind` its transparent parts.

    Raises whatever Pillow raises for what is no picture.
    """
    with Image.open(path) as image:
        return _on(_shown(image), behind)


def _shown(image: Image.Image) -> Image.Image:
    """The picture upright, as RGB, or as RGBA where it has transparent parts."""
    image.load()
    upright = ImageOps.exif_transpose(image) if image.getexif().get(ORIENTATION, 1) != 1 else image
    if upright.mode == "RGB" and not upright.has_transparency_data:
        return upright
    if upright.mode.startswith("I"):  # 16 bits; conversion alone would make all that is not black white
        upright = upright.convert("I").point(lambda value: value / 256).convert("L")
    return upright.convert("RGBA" if upright.has_transparency_data else "RGB")


def _on(shown: Image.Image, behind: Colour) -> Image.Image:
    if shown.mode == "RGB":
        return shown
    return Image.alpha_composite(Image.new("RGBA", shown.size, (*behind, 255)), shown).convert("RGB")
