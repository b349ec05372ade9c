"""Pictures of a small video: one for each scene, the sharpest, and those alone that are missing."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from tests.train_core.workshop.conftest import RunTool, errors, table

COLOURS = ((200, 30, 30), (30, 200, 30), (30, 30, 200))  # BGR of the three scenes, of two seconds each
SHARP = 7  # the picture of each scene that is not blurred


@pytest.fixture
def video(tmp_path: Path) -> Path:
    path = tmp_path / "影片 1.avi"
    plain = tmp_path / "plain.avi"
    writer = cv2.VideoWriter(str(plain), cv2.VideoWriter_fourcc(*"MJPG"), 10, (160, 96))
    for colour in COLOURS:
        for number in range(20):
            frame = np.full((96, 160, 3), colour, np.uint8)
            frame[20:60, 20 + number : 60 + number : 4] = 255
            writer.write(frame if number == SHARP else cv2.GaussianBlur(frame, (9, 9), 4))
    writer.release()
    return plain.rename(path)


def test_each_scene_gives_its_sharpest_picture(run_tool: RunTool, video: Path, tmp_path: Path):
    out = tmp_path / "out"
    events = run_tool("video_frames", video=video, frames_to=out, frames_per_scene=1)
    assert dict(table(events, "frames")) == {"scenes": 3, "pictures": 3, "written": 3}
    names = sorted(path.name for path in out.iterdir())
    assert names == [f"影片 1_{scene + 1:04d}_00-00-{2 * scene:02d}.700.png" for scene in range(3)]
    for name, colour in zip(names, COLOURS, strict=True):
        corner = np.asarray(Image.open(out / name))[-1, -1]
        assert np.abs(corner.astype(int) - colour[::-1]).max() < 12
    (out / names[1]).unlink()
    before = (out / names[0]).stat().st_mtime_ns
    again = run_tool("video_frames", video=video, frames_to=out, frames_per_scene=1)
    assert dict(table(again, "frames"))["written"] == 1 and (out / names[0]).stat().st_mtime_ns == before
    assert len(list(out.iterdir())) == 3


def test_more_pictures_lie_apart_and_what_is_no_video_is_refused(run_tool: RunTool, video: Path, tmp_path: Path):
    events = run_tool("video_frames", video=video, frames_to=tmp_path / "out", frames_per_scene=9, frames_format="jpg")
    assert dict(table(events, "frames"))["pictures"] == 9  # three parts of 0.6 seconds in each scene
    assert len(list((tmp_path / "out").glob("*.jpg"))) == 9
    (tmp_path / "no.mp4").write_bytes(b"nothing")
    assert errors(run_tool("video_frames", video=tmp_path / "no.mp4", frames_to=tmp_path / "o")) == ["video_unreadable"]
    assert errors(run_tool("video_frames", video=tmp_path / "gone.mp4", frames_to=tmp_path / "o")) == ["video_absent"]
