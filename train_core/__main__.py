"""`python -m train_core JOB --config_file X.toml`: the entry of every job, also under `accelerate launch`."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from pathlib import Path

from train_core.config.jobs.tool_names import TOOLS

JOBS = ("train", "find_rate", "class_images")


def main(arguments: list[str] | None = None) -> int:
    """Run the job that the command line names; 0 when it ended well, 1 when it failed, 2 for a wrong command line."""
    words = sys.argv[1:] if arguments is None else arguments
    if words and not words[0].startswith("-") and words[0] not in (*JOBS, *TOOLS):
        nearest = get_close_matches(words[0], (*JOBS, *TOOLS), 1, cutoff=0)[0]
        print(f"{words[0]} is no job. Did you mean {nearest}?", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        prog="python -m train_core", description="Run one job. docs/settings.md lists the settings of each.",
        allow_abbrev=False,
    )
    parser.add_argument("job", choices=(*JOBS, *TOOLS), help="what to do", metavar="job")
    parser.add_argument(
        "--config_file", type=Path, help="the job's settings, TOML or a JSON preset; tools need none",
    )
    parser.add_argument(
        "--set", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"), help="override a setting"
    )
    parser.epilog = f"Jobs: {', '.join(JOBS)}. Tools: {', '.join(TOOLS)}."
    options = parser.parse_args(words)
    if options.job in JOBS and options.config_file is None:
        parser.error("--config_file is needed")
    from train_core.jobs.start import start_training  # noqa: PLC0415 - keeps --help fast
    from train_core.jobs.tools import start_tool, tool_folder_of  # noqa: PLC0415

    if options.job in TOOLS:
        return start_tool(options.job, options.config_file, dict(options.set), tool_folder_of(options.config_file))
    return start_training(options.config_file, dict(options.set), options.job)


if __name__ == "__main__":
    exit_code = main()
    if "torch" in sys.modules:
        from train_core.jobs.start import end_process

        end_process(exit_code)
    sys.exit(exit_code)
