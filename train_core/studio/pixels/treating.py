"""What is done to a picture, one thing after the other: erased, cut out, and brought to a size."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from PIL import Image

from train_core.facts.models.thumbnails import WHITE, Colour
from train_core.studio.pixels.backgrounds import cut_out
from train_core.studio.pixels.cut_outs import Mask
from train_core.studio.pixels.filling import Pixels, around, filled_each, inside
from train_core.studio.pixels.framing import Frame, framed
from train_core.studio.vision.box import Box
from train_core.studio.vision.found import FACES, PERSON, TEXT, Found

Around = Literal["face", "person", "middle"]
Erasing = Literal["no", "inpaint", "fill"]
BESIDE = 0.15  # of a face's sides, blanked around it, so that brows and chin are gone as well
WORDS = {"crop": "cropped", "pad": "padded", "resize": "resized"}


@dataclass(frozen=True)
class Treatment:
    """What to do to pictures."""

    frame: Frame = field(default_factory=Frame)
    around: Around = "face"
    background: Colour = WHITE
    mask: Mask | None = None  # finds what is cut out
    needs_person: bool = False  # to find it
    blank_faces: bool = False
    erase_text: Erasing = "no"

    @property
    def looks_for(self) -> tuple[str, ...]:
        """What has to be found on a picture before, as `vision.found.look` takes it."""
        cuts = self.frame.how == "crop" and (self.frame.width or self.frame.height or self.frame.in_steps)
        person = self.needs_person or (cuts and self.around != "middle")
        faces = self.blank_faces or person
        wanted = {FACES: faces, PERSON: person, TEXT: self.erase_text != "no"}
        return tuple(what for what, is_wanted in wanted.items() if is_wanted)


def treated(picture: Image.Image, found: Found, wish: Treatment) -> tuple[Image.Image, tuple[str, ...]]:
    """An RGB picture as it is wished, and what was done to it, each with the place where that has one."""
    pixels: Pixels = np.asarray(picture)
    size, done = picture.size, []
    mask = wish.mask(pixels, found) if wish.mask is not None else None
    if wish.erase_text != "no" and found.text:
        pixels = _erased(pixels, found.text, wish.erase_text)
        done += [f"text_erased {_place(box)}" for box in found.text]
    if wish.blank_faces and found.faces:
        faces = [_grown(face, *size) for face in found.faces]
        pixels = filled_each(pixels, inside(faces, size), faces)
        done += [f"face_blanked {_place(box)}" for box in faces]
    if wish.mask is not None:
        done.append("cut_out" if mask is not None else "not_cut_out")
    if mask is not None:
        pixels = cut_out(pixels, mask, wish.background)
    whole = Image.fromarray(pixels)
    result = framed(whole, wish.frame, _middle(found, wish.around), wish.background)
    if result.size != size:
        done.append(f"{WORDS[wish.frame.how]} {result.width}x{result.height}")
    return result, tuple(done)


def _erased(pixels: Pixels, boxes: tuple[Box, ...], how: Erasing) -> Pixels:
    where = inside(boxes, (pixels.shape[1], pixels.shape[0]))
    if how == "fill":
        return filled_each(pixels, where, boxes)
    from train_core.studio.pixels.inpainting import inpainted  # noqa: PLC0415 - loads OpenCV

    return inpainted(pixels, where)


def _middle(found: Found, wanted: Around) -> Box | None:
    """What to cut around: the faces, else the people; or the other way round."""
    if wanted == "middle":
        return None
    faces = around(found.faces) if found.faces else None
    return (faces or found.person) if wanted == "face" else (found.person or faces)


def _grown(face: Box, width: int, height: int) -> Box:
    across, down = round(BESIDE * (face.right - face.left)), round(BESIDE * (face.bottom - face.top))
    return Box(
        max(0, face.left - across), max(0, face.top - down), min(width, face.right + across),
        min(height, face.bottom + down),
    )  # fmt: skip


def _place(box: Box) -> str:
    return f"{box.left},{box.top},{box.right},{box.bottom}"


def counted(operations: Iterable[str]) -> set[str]:
    """The names of what was done, each once."""
    return {operation.split()[0] for operation in operations}
