"""Settings of the tool that takes pictures out of a video."""

from __future__ import annotations

from typing import Literal

from train_core.config.job import Tool
from train_core.config.setting import Section, setting


class VideoFramesSettings(Section, title="Frames of a video"):
    video: str = setting("", "A video file, such as MP4, MKV, WebM or AVI.", label="Video", path="video", required=True)
    frames_to: str = setting(
        "", "The folder for the pictures. What lies there stays; a picture that is there already is not written again.",
        label="Save to", path="output", required=True,
    )
    frames_per_scene: int = setting(
        2, "Each scene is divided into so many parts of at least 0.6 seconds; of each, the sharpest picture is taken.",
        label="Pictures per scene", ge=1, le=100,
    )
    scene_threshold: float = setting(
        3.0, "A scene ends where a picture differs so many times more from the one before it than those around it do. "
        "A lower one finds more scenes.", label="Threshold of scenes", gt=1, le=100, advanced=True,
    )
    frames_format: Literal["png", "jpg"] = setting(
        "png", "png loses nothing; jpg takes a tenth of the space.", label="Format",
    )


class VideoFrames(Tool, name="video_frames"):
    """The sharpest pictures of each scene of a video, as a folder for the Data tab. The video is only read."""

    video_frames: VideoFramesSettings = VideoFramesSettings()
