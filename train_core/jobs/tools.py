"""Running a tool: its settings, its events, and how every kind of end is told."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path

from train_core.config.files import read_tool
from train_core.config.jobs.tools import TOOLS
from train_core.config.places import tools_dir
from train_core.config.problems import UserError, problem
from train_core.events.kinds import Finished, Stage, Started
from train_core.events.log import Emit, EventLog
from train_core.events.printing import Printer
from train_core.jobs.failing import ran_out_of_memory
from train_core.jobs.start import both, tell_failure

INTERRUPTED = 130


def start_tool(tool: str, config_file: Path | None, overrides: Mapping[str, str], run_dir: Path | None) -> int:
    """Run `tool`; 0 when it completed, 1 when it failed, 130 when it was ended before.

    `run_dir` is the folder that the page has made for it; a tool that is started from a terminal needs none.
    """
    show = Printer().show
    emit = both(EventLog(run_dir / "events.jsonl").write, show) if run_dir else show
    emit(Stage(name="checking", pid=os.getpid()))
    emit(Started(job=tool, output_name=tool))
    try:
        config = read_tool(TOOLS[tool], config_file, overrides)
        from train_core.workshop.common.report import Report  # noqa: PLC0415 - settings are checked without it

        module = importlib.import_module(f"train_core.workshop.{tool}")
        module.run(config, Report(emit, run_dir))
    except UserError as error:
        return _failed(emit, error)
    except KeyboardInterrupt:
        emit(Finished(status="stopped", path=None, step=None))
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads has read enough, as `| head` does
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - the interpreter flushes it as it ends
        return 1
    except Exception as error:
        if ran_out_of_memory(error):
            return _failed(emit, _no_memory(tool))
        traceback.print_exc(file=sys.stderr)
        return _failed(emit, _unexpected(error))
    emit(Finished(status="completed", path=None, step=None))
    return 0


def tool_folder_of(config_file: Path | None) -> Path | None:
    """The folder that the page has made for a use of a tool, where `config_file` lies in it; else None."""
    path = config_file.resolve() if config_file else None
    inside = path is not None and path.name == "config.toml" and path.parent.parent == tools_dir().resolve()
    return path.parent if path is not None and inside else None


def _failed(emit: Emit, error: UserError) -> int:
    tell_failure(emit, error)
    return 1


def _no_memory(tool: str) -> UserError:
    return UserError(
        problem(
            "tool_out_of_memory",
            "There is not enough memory for {tool}. Close other programs and start it again; nothing was written.",
            tool=tool,
        )
    )


def _unexpected(error: Exception) -> UserError:
    return UserError(
        problem(
            "tool_failed",
            "This should not have happened: {reason}. Nothing was written. Please report it with the text above.",
            reason=f"{type(error).__name__}: {error}",
        )
    )
