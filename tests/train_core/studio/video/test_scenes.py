"""Scenes and their sharpest pictures, of numbers alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from train_core.studio.video.scenes import Frame, scenes, sharpest

FRAMES = st.lists(st.builds(Frame, st.floats(0, 255), st.floats(0, 1e6)), max_size=80)


@given(FRAMES, st.floats(1, 60), st.floats(1.1, 10), st.integers(1, 5))
def test_scenes_are_the_whole_video_and_each_gives_its_pictures(frames, per_second, threshold, count):
    found = scenes(frames, per_second, threshold)
    assert [number for scene in found for number in scene] == list(range(len(frames)))
    shortest = max(1, round(0.6 * per_second))
    assert len(found) <= 1 or min(map(len, found)) >= shortest
    for scene in found:
        taken = sharpest(frames, scene, count, per_second)
        assert 1 <= len(taken) <= count and taken == sorted({*taken}) and {*taken} <= {*scene}
        assert count > 1 or frames[taken[0]].sharpness == max(frames[number].sharpness for number in scene)


def moving(cuts: set[int], usual: float) -> list[Frame]:
    return [Frame(100.0 if number in cuts else usual, 1.0) for number in range(60)]


def test_a_moving_camera_is_no_cut_and_a_cut_within_it_is_one():
    assert [scene.start for scene in scenes(moving({20, 40}, 5.0), 10, 3.0)] == [0, 20, 40]
    assert len(scenes(moving({20, 40}, 90.0), 10, 3.0)) == 1
    assert len(scenes([Frame(14.0 if number == 20 else 0.0, 1.0) for number in range(60)], 10, 3.0)) == 1
    assert len(scenes(moving({2, 57}, 0.0), 10, 3.0)) == 1  # too near to an end
