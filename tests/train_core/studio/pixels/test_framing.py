"""Bringing pictures to a size."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from train_core.studio.pixels.framing import STEP, Frame, framed
from train_core.studio.vision.box import Box

sides = st.integers(1, 300)
frames = st.builds(
    Frame, st.sampled_from([0, 1, 64, 100, 200]), st.sampled_from([0, 1, 64, 100, 200]),
    st.sampled_from(["crop", "pad", "resize"]), st.booleans(),
)  # fmt: skip


@given(width=sides, height=sides, frame=frames)
def test_every_picture_gets_the_size_that_was_asked_for(width, height, frame):
    result = framed(Image.new("RGB", (width, height)), frame)
    across, down = result.size
    if frame.in_steps:
        assert across % STEP == 0 == down % STEP
    elif frame.width and frame.height:
        assert across <= frame.width and down <= frame.height
        assert frame.how == "resize" or result.size == (frame.width, frame.height)
    elif not frame.width and not frame.height:
        assert result.size == (width, height)
    elif frame.width:
        assert across == frame.width


def marked(at: tuple[int, int], size: tuple[int, int]) -> Image.Image:
    """A black picture with a white square around a place."""
    picture = np.zeros((size[1], size[0], 3), np.uint8)
    picture[at[1] - 10 : at[1] + 10, at[0] - 10 : at[0] + 10] = 255
    return Image.fromarray(picture)


def test_what_is_cropped_around_stays_in_the_picture():
    for place in ((20, 50), (150, 50), (280, 50)):
        square = framed(marked(place, (300, 100)), Frame(100, 100), Box(place[0] - 10, 40, place[0] + 10, 60))
        assert square.size == (100, 100)
        assert (np.asarray(square) == 255).sum() == 20 * 20 * 3
    assert (np.asarray(framed(marked((20, 50), (300, 100)), Frame(100, 100))) == 255).sum() == 0


def test_padding_shows_everything_on_the_background():
    padded = np.asarray(framed(marked((150, 50), (300, 100)), Frame(300, 300, "pad"), background=(9, 8, 7)))
    assert (padded[0] == (9, 8, 7)).all() and (padded[-1] == (9, 8, 7)).all()
    assert np.array_equal(padded[100:200], np.asarray(marked((150, 50), (300, 100))))
