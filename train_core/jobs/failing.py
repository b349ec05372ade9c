"""Messages of jobs that end in an error: full memory and drives are recognised, the rest is reported."""

from __future__ import annotations

import errno
from pathlib import Path

from train_core.config.job import Job, Tool
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError, problem
from train_core.facts.run.failure_advice import memory_advice

# How the layers below say it when they raise nothing more telling; in lower case.
OUT_OF_MEMORY = (
    "out of memory", "can't allocate memory", "not enough memory", "cublas_status_alloc_failed",
    "std::bad_alloc", "cannot allocate memory",
)  # fmt: skip
DISK_FULL = frozenset({errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)})  # Windows has no quotas of this kind
DISK_FULL_WORDS = ("no space left on device", "(os error 28)", "(os error 112)")


def explained(error: Exception, config: Job, run_dir: Path | None) -> UserError:
    """`error` in words for the user, with what to do."""
    if ran_out_of_memory(error):
        return _out_of_memory(error, config) if isinstance(config, TrainConfig) else _no_memory(config.job_name)
    if is_disk_full(error):
        return _disk_full(error, run_dir)
    if run_dir is None or isinstance(config, Tool):
        return _tool_failed(error)
    return UserError(
        problem(
            "unexpected",
            "An unexpected error occurred: {kind}: {reason}. The details are in {log}; please report them.",
            kind=type(error).__name__, reason=str(error), log=str(run_dir / "console.log"),
        )
    )


def is_known(error: Exception) -> bool:
    """Whether `explained` says everything, so that nobody needs to read a traceback."""
    return ran_out_of_memory(error) or is_disk_full(error)


def ran_out_of_memory(error: Exception) -> bool:
    """Whether the card's or the computer's memory was too small. Asks no torch, which may not be loaded."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in OUT_OF_MEMORY)


def is_disk_full(error: Exception) -> bool:
    """Whether a drive had no room left."""
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        return True
    return any(words in str(error).lower() for words in DISK_FULL_WORDS)


def _out_of_memory(error: Exception, config: TrainConfig) -> UserError:
    of_card = type(error).__name__ == "OutOfMemoryError" or "cuda" in str(error).lower()
    advice = memory_advice(config, computer=not of_card)
    reason = (str(error).splitlines() or [type(error).__name__])[0].split(". ")[0].rstrip(".")
    if of_card:
        return UserError(
            problem(
                "card_out_of_memory",
                "The graphics card does not have enough memory for these settings ({reason}). What helps most, in this "
                "order: {settings}. Other programs that use the card take memory too.",
                reason=reason or type(error).__name__, settings=advice,
            )
        )
    return UserError(
        problem(
            "computer_out_of_memory",
            "The computer does not have enough memory for these settings ({reason}). What helps most, in this order: "
            "{settings}. Other open programs take memory too.",
            reason=reason or type(error).__name__, settings=advice,
        )
    )


def _no_memory(tool: str) -> UserError:
    return UserError(
        problem(
            "tool_out_of_memory",
            "There is not enough memory for {tool}. Close other programs and start it again; nothing was written.",
            tool=tool,
        )
    )


def _tool_failed(error: Exception) -> UserError:
    return UserError(
        problem(
            "tool_failed",
            "An unexpected error occurred: {reason}. Nothing was written. Please report it with the text above.",
            reason=f"{type(error).__name__}: {error}",
        )
    )


def _disk_full(error: Exception, run_dir: Path | None) -> UserError:
    place = getattr(error, "filename", None) or run_dir or ""
    return UserError(
        problem(
            "disk_full",
            "The drive of {path} is full, so the run has ended. Files saved earlier are intact. Free some space there, "
            "or keep runs elsewhere with CRUCIBLE_HOME, and start again.",
            path=str(place),
        )
    )
