"""Curves on disk, cut back to the step from which a run resumes."""

from __future__ import annotations

from pathlib import Path

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.record_writer import RecordWriter

from train_core.config.whole_files import remove_leftovers, write_whole

BY_EPOCH = ("loss/epoch",)


def forget_later(log_dir: Path, step: int, epoch: int) -> None:
    """Take out of TensorBoard's files what lies after `step`, or after `epoch` where a curve is drawn over epochs.

    TensorBoard's own way (`purge_step`) hides by one number for all curves, and only from readers that know it.
    """
    paths = sorted(log_dir.glob("events.out.tfevents.*"))
    remove_leftovers(paths)  # TensorBoard would read them too
    for path in paths:
        kept = [record for record in RawEventFileLoader(str(path)).Load() if _stays(record, step, epoch)]
        with write_whole(path) as temporary, temporary.open("wb") as file:
            writer = RecordWriter(file)
            for record in kept:
                writer.write(record)


def _stays(record: bytes, step: int, epoch: int) -> bool:
    event = Event.FromString(record)
    if not event.HasField("summary"):
        return True
    by_epoch = any(value.tag.startswith(BY_EPOCH) for value in event.summary.value)
    return event.step <= (epoch if by_epoch else step)
