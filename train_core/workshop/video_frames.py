"""The sharpest pictures of each scene of a video, as files in a folder."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from train_core.config.existing import exists, is_file
from train_core.config.jobs.videos import VideoFrames
from train_core.config.problems import UserError, cause_of, problem
from train_core.config.whole_files import write_whole
from train_core.studio.video.reading import opened
from train_core.studio.video.scenes import Frame, scenes, sharpest
from train_core.workshop.common.report import Progress, Report

QUALITY = 95  # of JPEG


def run(config: VideoFrames, report: Report) -> None:
    """Look at all pictures, and then at those again that are taken."""
    settings = config.video_frames
    path, folder = Path(settings.video), Path(settings.frames_to)
    if not is_file(path):
        raise UserError(problem("video_absent", "There is no video {path}. Choose another file.", path=str(path)))
    with opened(path) as video:
        per_second, progress = video.per_second, report.stage("reading")
        frames: list[Frame] = []
        for frame in video.measured():
            frames.append(frame)
            progress(len(frames), max(video.count, len(frames) + 1))
    if not frames:
        raise UserError(problem("video_empty", "{path} holds no pictures that can be read.", path=str(path)))
    found = scenes(frames, per_second, settings.scene_threshold)
    taken = {
        number: place for place, scene in enumerate(found, 1)
        for number in sharpest(frames, scene, settings.frames_per_scene, per_second)
    }  # fmt: skip
    names = {
        number: f"{path.stem}_{scene:04d}_{_time(number / per_second)}.{settings.frames_format}"
        for number, scene in taken.items()
    }
    written = _write(path, folder, names, report.stage("saving"))
    report.table("frames", ("fact", "value"), [("scenes", len(found)), ("pictures", len(names)), ("written", written)])
    report.notice(
        problem(
            "frames_done", "Pictures taken out of the video: {count}. Open {folder} on the Data tab.",
            count=len(names), folder=str(folder),
        )
    )  # fmt: skip


def _write(path: Path, folder: Path, names: dict[int, str], progress: Progress) -> int:
    """Write the pictures with these numbers that are not there yet, and return how many those are."""
    missing = {number for number, name in names.items() if not exists(folder / name)}
    written = 0
    with opened(path) as video:
        for number, picture in video.pictures(missing):
            try:
                _save(picture, folder / names[number])
            except OSError as error:
                raise UserError(
                    problem(
                        "frames_not_written",
                        "Nothing can be written to {folder} ({reason}). Free some space, or choose "
                        "another folder.", folder=str(folder), reason=cause_of(error),
                    )
                ) from error  # fmt: skip
            written += 1
            progress(written, len(missing))
    return written


def _save(picture: Image.Image, path: Path) -> None:
    with write_whole(path) as temporary:
        if path.suffix == ".png":
            picture.save(temporary, "PNG", compress_level=3)
        else:
            picture.save(temporary, "JPEG", quality=QUALITY, subsampling=0)


def _time(seconds: float) -> str:
    """A time as a name can hold it: hours, minutes and seconds with thousandths."""
    whole, thousandths = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02d}-{whole // 60 % 60:02d}-{whole % 60:02d}.{thousandths:03d}"
