"""Events in a terminal: a bar that moves, lines above it; and plain lines where the output goes into a file."""

from __future__ import annotations

import io
from contextlib import redirect_stdout
from pathlib import Path

from train_core.config.places import app_dir
from train_core.events.event import KINDS, Event
from train_core.events.kinds import (
    Acknowledged,
    ErrorEvent,
    Finished,
    NoticeEvent,
    Progress,
    SampleDrawn,
    Saved,
    Stage,
    Started,
    Table,
    Validated,
    WarningEvent,
)
from train_core.events.printing import Printer
from train_core.events.reference import page_with_table


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def printed(*events: Event, on: io.StringIO | None = None, folder: Path | None = None) -> str:
    output, printer = on or io.StringIO(), Printer(folder)
    with redirect_stdout(output):
        for event in events:
            printer.show(event)
        printer.close()
    return output.getvalue()


def progress(step: int, average: float | None = 0.25) -> Progress:
    return Progress(step, 9, 1, 3, 0.5, average, {"unet": 1e-4}, 2.0, 3.0)


RUN = (
    Started(job="train", output_name="zuko", total_steps=9, epochs=3), Stage("caching"), Stage("caching", 4, 4),
    Stage("training"), progress(3), SampleDrawn("a.png", "a fox", 0, 3, None, 1), progress(9),
    Stage("saving"), Saved("zuko.safetensors", 9, 3, True), Finished("completed", "zuko.safetensors", 9),
)  # fmt: skip


def test_a_file_gets_a_line_for_all_that_happens_once_and_the_first_and_last_of_what_goes_on() -> None:
    assert printed(*RUN).splitlines() == [
        "zuko: 9 steps in 3 epochs", "Encoding the images …", "Encoding the images: 4 of 4", "Training …",
        "Sample: a.png", "Training: 9 of 9, epoch 1/3, loss 0.2500, 2.00 steps/s", "Saving …",
        "Saved: zuko.safetensors", "The run is complete.",
    ]  # fmt: skip


def test_a_terminal_gets_a_bar_and_lines_above_it() -> None:
    shown = printed(*RUN, on=Terminal())
    assert "9/9" in shown
    assert "epoch 1/3, loss 0.2500" in shown
    above, _, below = shown.partition("Sample: a.png\n")
    assert "3/9" in above
    assert "3/9" in below  # the bar is drawn again below the line
    assert "Training: 9 of 9" not in shown


def test_what_is_odd_or_wrong_says_so_and_what_is_good_to_know_stands_for_itself() -> None:
    said = printed(*(kind("c", "Five.", {}) for kind in (NoticeEvent, WarningEvent, ErrorEvent)))
    assert said == "Five.\nWarning: Five.\nError: Five.\n"


def test_measures_and_requests_are_told() -> None:
    assert printed(Validated(9, 3, 0.125, 9, 0.125)) == "Validation loss: 0.1250, epoch 3\n"
    assert printed(Validated(9, 3, None, None, None)) == "Validation loss: not a number, epoch 3\n"
    assert printed(Acknowledged("stop", 3)) == "Request received: stop\n"
    assert "loss" not in printed(progress(9, average=None))


def test_a_table_has_its_columns_below_one_another_and_long_cells_cut() -> None:
    shown = printed(Table("norms", ["block", "norm"], [["all", 1.25], ["down_0", "x" * 200]])).splitlines()
    assert shown == ["norms:", "  block   norm", "  all     1.25", f"  down_0  {'x' * 100}…"]


def test_a_paused_run_says_how_to_resume_it(tmp_path: Path) -> None:
    assert f"train {tmp_path} --resume last" in printed(Finished("paused", "state", 3), folder=tmp_path)
    assert "resume" not in printed(Finished("paused", "state", 3))


def test_the_page_in_docs_has_every_kind_with_its_fields() -> None:
    page = (app_dir() / "docs" / "events.md").read_text("utf-8")
    assert page == page_with_table(page), "run: python -m train_core.events.reference"
    assert all(cls.__doc__ for cls in KINDS.values())
