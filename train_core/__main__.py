"""`python -m train_core JOB --config_file X.toml`: the entry of every job, also under `accelerate launch`."""

from __future__ import annotations

import argparse
import sys
from difflib import get_close_matches
from pathlib import Path

from train_core.config.jobs import table


def main(arguments: list[str] | None = None) -> int:
    """Run the job that the command line names; 0 when it ended well, 1 when it failed, 2 for a wrong command line."""
    words = sys.argv[1:] if arguments is None else arguments
    names = [row.name for row in table.rows()]
    if words and not words[0].startswith("-") and words[0] not in names and ":" not in words[0]:
        nearest = get_close_matches(words[0], names, 1, cutoff=0)[0]
        print(f"{words[0]} is not a job. Did you mean {nearest}?", file=sys.stderr)
        return 2
    parser = argparse.ArgumentParser(
        prog="python -m train_core", description="Run one job. docs/settings.md lists the settings of each.",
        allow_abbrev=False, epilog=f"Jobs: {_listed(table.jobs())}. Tools: {_listed(table.tools())}.",
    )
    parser.add_argument("job", help="what to run; a job from elsewhere as module:Class of its settings", metavar="job")
    parser.add_argument(
        "--config_file", type=Path, help="the job's settings, TOML or a JSON preset; tools need none",
    )
    parser.add_argument(
        "--set", nargs=2, action="append", default=[], metavar=("NAME", "VALUE"),
        help="override a setting; again with the same name for one more value of a list",
    )
    options = parser.parse_args(words)
    from train_core.config.job import Tool  # noqa: PLC0415 - keeps --help fast
    from train_core.jobs.start import start_job  # noqa: PLC0415

    try:
        job = table.job_of(options.job)
    except (ImportError, AttributeError) as error:
        parser.error(f"there is no job {options.job} ({error})")
    if options.config_file is None and not issubclass(job, Tool):
        parser.error("--config_file is needed")
    return start_job(job, options.config_file, _by_name(options.set))


def _by_name(pairs: list[list[str]]) -> dict[str, str | list[str]]:
    """The values by name; a list of those that a name was given more than once."""
    given: dict[str, list[str]] = {}
    for name, value in pairs:
        given.setdefault(name, []).append(value)
    return {name: values[0] if len(values) == 1 else values for name, values in given.items()}


def _listed(rows: tuple[table.Row, ...]) -> str:
    return ", ".join(row.name for row in rows)


if __name__ == "__main__":
    exit_code = main()
    if "torch" in sys.modules:
        from train_core.jobs.start import end_process

        end_process(exit_code)
    sys.exit(exit_code)
