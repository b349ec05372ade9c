"""The command line: page, demo, the jobs, test and so on. Imports nothing heavy, so that --help is instant."""
from __future__ import annotations

import argparse
import difflib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from kohya_gui import queue_words
from kohya_gui.environment import ensure as environment
from kohya_gui.environment import start as environment_start
from kohya_gui.environment.folder import APP
from kohya_gui.environment.pip import SetupError
from kohya_gui.i18n.languages import language_for, languages, terminal_language
from kohya_gui.job_help import help_of_command, help_of_jobs, help_of_tools
from kohya_gui.options import PageOptions
from train_core.config.clean_paths import clean_path
from train_core.config.existing import is_dir, is_file
from train_core.config.jobs import table
from train_core.config.places import runs_dir
from train_core.config.problems import UserError
from train_core.config.typed import NoValue

USAGE_ERROR = 2
BEFORE_JOBS = {
    "page": "open the page (the default)",
    "demo": "train the demo in the terminal and say where everything is",
}
AFTER_JOBS = {
    "tool": "merge, resize, extract, convert or inspect finished files; takes the tool's name and its settings",
    "import": "turn a settings file of any program into ours and report what became of each value",
    "test": "run the tests, or one tier of them: fast, jobs, browser, slow; further arguments go to pytest",
    "check": "run the checks for developers: ruff, types, spelling, tests",
    "update": "bring this copy up to date; settings, presets and runs are kept",
    "queue": "show, change or run the queue of runs, the same one that the page shows",
    "send": "copy results of a run into a WebUI, with a picture and a card",
}


def words() -> dict[str, str]:
    """Return every command, and what it does."""
    return {**BEFORE_JOBS, **{row.word: row.about for row in table.commands()}, **AFTER_JOBS}


class UsageError(Exception):
    """Error for a command line that cannot be understood; the text is one line."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line."""

    def error(self, message: str):  # type: ignore[override]
        raise UsageError(f"{message} ({self.prog} --help lists the options)")

    def flags(self) -> list[str]:
        """Return every flag that this parser knows."""
        return [flag for action in self._actions for flag in action.option_strings]


def main(argv: Sequence[str] | None = None, *, build_environment: bool = False) -> int:
    """Run the command and return its exit code; `build_environment` makes or repairs the virtual environment first."""
    for stream in (sys.stdout, sys.stderr):
        # A console that lacks a letter of a path shows a question mark instead of ending the program.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    typed = list(sys.argv[1:] if argv is None else argv)
    try:
        word, options, rest = read(typed)
        if build_environment and word != "update":
            wishes = environment.Wishes(options.torch_index_url, options.wheels, tests=word in ("test", "check"))
            code = environment_start.hand_over(wishes, typed)
            if code is not None:
                return code
        return ACTIONS.get(word, job)(options, rest)
    except UsageError as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    except SetupError as error:
        print(error, file=sys.stderr)
        return 1
    except UserError as error:
        from kohya_gui.i18n.spoken import spoken  # noqa: PLC0415  needs the environment

        print("\n".join(map(spoken, error.problems)), file=sys.stderr)
        return 1


def read(typed: list[str]) -> tuple[str, argparse.Namespace, list[str]]:
    """Return the command, its options, and pytest's arguments to pass on. Raises UsageError."""
    word, arguments = ("page", typed) if not typed or typed[0].startswith("-") else (typed[0], typed[1:])
    if word not in words():
        hint = nearest(word, words()) or "."
        raise UsageError(f"Unknown command {word!r}{hint} The commands are {', '.join(words())}.")
    parser = parser_for(word)
    overrides: dict[str, str | list[str]] = {}
    if word in jobs_by_word() or word == "tool" or (word == "queue" and queue_words.takes_settings(arguments)):
        arguments, overrides = split_overrides(arguments, parser)
    if word == "queue":
        arguments = queue_words.arranged(arguments)
    options, rest = parser.parse_known_args(arguments)
    options.overrides = overrides
    if rest and word not in ("test", "check"):
        kind = "flag" if rest[0].startswith("-") else "argument"
        by_name = kind == "argument" and hasattr(options, "job")
        hint = "; settings are given as --name value." if by_name else nearest(rest[0], parser.flags())
        raise UsageError(f"Unknown {kind} {rest[0]!r}{hint} ({parser.prog} --help lists all).")
    if getattr(options, "config", None):
        # Before the set-up, which may take long.
        resumes = str(overrides.get("resume", "")).lower() == "last"
        options.config = run_to_resume(options.config) if resumes else existing_file(options.config)
    return word, options, rest


def nearest(typed: str, known: Sequence[str] | dict[str, str]) -> str:
    """Return "; did you mean …?" with the most similar known name, or nothing if none is similar."""
    close = difflib.get_close_matches(typed.partition("=")[0], list(known), n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else ""


def split_overrides(arguments: list[str], parser: Parser) -> tuple[list[str], dict[str, str | list[str]]]:
    """Return the arguments that the parser knows, and every other `--name value` pair; a missing value means true.

    A name may come several times, and once the file or tool has been named several values may follow it; then all of
    them are listed.
    """
    known: list[str] = []
    given: dict[str, list[str]] = {}
    named = False
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        name, equals, value = argument.partition("=")
        if not argument.startswith("--") or name in parser.flags():
            known.append(argument)
            named |= not argument.startswith("--")
            if name in parser.flags() and name != "--help" and not equals and waiting:
                known.append(waiting.pop(0))
        elif equals:
            given.setdefault(name[2:], []).append(value)
        else:
            values = _values(waiting, len(waiting) if named else 1)
            given.setdefault(name[2:], []).extend(values or [NoValue("true")])
    return known, {name: values[0] if len(values) == 1 else values for name, values in given.items()}


def _values(waiting: list[str], at_most: int) -> list[str]:
    """Take the words up to the next flag from the front of `waiting`."""
    values: list[str] = []
    while waiting and len(values) < at_most and not waiting[0].startswith("--") and waiting[0] != "-h":
        values.append(waiting.pop(0))
    return values


def parser_for(word: str) -> Parser:
    """Return the parser of one command's options."""
    installed = not (APP / "gui.py").is_file()
    name = "crucible" if installed else "gui.bat" if os.name == "nt" else "./gui.sh"
    described = "\n".join(f"  {known:<14}{meaning}" for known, meaning in words().items())
    about = words()[word]
    parser = Parser(prog=name if word == "page" else f"{name} {word}", allow_abbrev=False,
                    description=f"{about[0].upper()}{about[1:]}.",
                    epilog=f"commands, each with its own --help:\n{described}" if word == "page" else None,
                    formatter_class=argparse.RawDescriptionHelpFormatter)
    if word in jobs_by_word():
        job_flags(parser, jobs_by_word()[word])
    elif word in OPTIONS:
        OPTIONS[word](parser)
    group = parser.add_argument_group("set-up, used when packages have to be installed")
    group.add_argument("--torch-index-url", metavar="URL", default="", help="where to get PyTorch from; remembered")
    group.add_argument("--wheels", metavar="DIR", default="", help="a folder of downloaded packages to use first")
    return parser


def page_flags(parser: argparse.ArgumentParser) -> None:
    """Add the page's flags."""
    parser.add_argument("--listen", metavar="IP", default="127.0.0.1", help="address to serve on; 0.0.0.0 for all")
    parser.add_argument("--server_port", metavar="N", type=port,
                        help="port to serve on, and no other; default: first free from 7860")
    parser.add_argument("--allow-host", "--allow_host", metavar="NAME", action="append", default=[],
                        help="another name for this page, behind a proxy or a tunnel, with :PORT if it has one; may be "
                             "repeated, or set CRUCIBLE_ALLOW_HOST to a list with commas")
    parser.add_argument("--root_path", metavar="PATH", default="", help="path under which a proxy serves the page")
    parser.add_argument("--roots", metavar="DIR", type=Path, action="append", default=[],
                        help="a folder that the page may show; may be repeated, or set CRUCIBLE_ROOTS to a list; "
                             "default: everything for this machine alone, else your own folder and Crucible's")
    parser.add_argument("--headless", action="store_true", help="no browser and no file dialogs, for a remote machine")
    parser.add_argument("--inbrowser", action=argparse.BooleanOptionalAction, default=None, help="open the browser")
    parser.add_argument("--share", action="store_true", help="a public address through gradio's tunnel")
    parser.add_argument("--username", metavar="NAME", default="", help="user name for logging in")
    parser.add_argument("--password", metavar="WORD", default="",
                        help="password for logging in; safer in the variable CRUCIBLE_PASSWORD, which nobody else sees")
    parser.add_argument("--language", metavar="CODE", type=language, default="",
                        help=f"{', '.join(languages())}; default: the browser's")
    parser.add_argument("--config", metavar="FILE", type=Path, help="TOML or JSON preset for the form")


def demo_flags(parser: argparse.ArgumentParser) -> None:
    """Add the demo's flag."""
    parser.add_argument("--output_dir", metavar="DIR", type=Path, help="where the results go")


def send_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `send`."""
    parser.add_argument("run", metavar="RUN", help="the run: its number in the history, its name, or a part of it")
    parser.add_argument("--epoch", metavar="N", type=int, action="append", default=[],
                        help="an epoch whose file to send; may be given several times; default: the last file")
    parser.add_argument("--to", metavar="FOLDER", default="", help="the folder of A1111, Forge or ComfyUI; it is "
                                                                   "remembered, so one is asked for once")


def import_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `import`."""
    parser.add_argument("file", metavar="FILE", type=Path,
                        help="settings of kohya_ss, sd-scripts, lora-scripts, LoRA Easy Training Scripts, or a trained "
                             ".safetensors file")
    parser.add_argument("--output", metavar="OUT", type=Path, help="the new file to write, .json or .toml; without it "
                                                                   "only the report is shown")
    parser.add_argument("--as", dest="form", choices=["ours", "kohya_ss", "sd-scripts"], default="ours",
                        help="whose settings to write; default: ours")
    parser.add_argument("--language", metavar="CODE", type=language, default="",
                        help=f"of the report: {' or '.join(languages())}; default: the terminal's")


def update_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flag of `update`."""
    parser.add_argument("--check", action="store_true", help="only say whether there is a newer version")


def jobs_by_word() -> dict[str, table.Row]:
    """Return the jobs and tools that have their own command."""
    return {row.word: row for row in table.commands()}


def job_flags(parser: argparse.ArgumentParser, row: table.Row) -> None:
    """Add the flags of a job other than the names of its settings."""
    parser.add_argument(
        "config", metavar="CONFIG", type=Path, help="TOML or JSON preset, or a run to resume, by its name or folder",
    )
    parser.epilog = help_of_command(row.used) if row.command else help_of_jobs()
    again = "" if row.command else f"   or   {parser.prog} RUN --resume last"
    parser.usage = f"{parser.prog} CONFIG [--name value ...]{again}"
    parser.set_defaults(job=row.name)


def tool_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of tools other than the names of their settings."""
    names = [row.name for row in table.tools()]
    parser.add_argument("job", choices=names, metavar="TOOL", help=", ".join(names))
    parser.add_argument("--config", metavar="FILE", type=Path, help="the tool's settings as TOML or JSON")
    parser.epilog = help_of_tools()
    parser.usage = f"{parser.prog} TOOL [--config FILE] [--name value ...]"


def port(text: str) -> int:
    """Return a port number; argparse reports the error."""
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: use a number from 1 to 65535")
    return int(text)


def language(text: str) -> str:
    """Return the language of a tag such as zh, zh-CN or zh_CN, and "" for ""; argparse reports the error."""
    found = language_for(text) if text else ""
    if found is None:
        there = ", ".join(f"{tag} ({name})" for tag, name in languages().items())
        raise argparse.ArgumentTypeError(f"{text!r} is none of the page's languages, which are {there}")
    return found


def existing_file(path: Path) -> Path:
    """Return the absolute path of a file; for a run, by folder or name, that of its settings. Raises UsageError."""
    path = Path(clean_path(str(path)))
    whole = path.expanduser().absolute()
    for folder in (whole, runs_dir() / path):
        if is_file(folder / "config.toml"):
            return folder / "config.toml"
    if not is_file(whole):
        raise UsageError(f"There is no file {whole}. Give the path of a TOML or JSON preset.")
    return whole


def run_to_resume(path: Path) -> Path:
    """Return the settings of the run that `path` names, by its folder, its name or a part of it. Raises UsageError."""
    from kohya_gui.runs.naming import settings_of_past_run  # noqa: PLC0415  only for this

    try:
        return settings_of_past_run(str(path))
    except UserError as error:
        raise UsageError(str(error)) from error


def page(options: argparse.Namespace, _rest: list[str]) -> int:
    """Serve the page until it is stopped."""
    password = options.password or (os.environ.get("CRUCIBLE_PASSWORD", "") if options.username else "")
    if bool(options.username) != bool(password):
        raise UsageError("--username and --password go together: give both or neither.")
    inbrowser = options.inbrowser if options.inbrowser is not None else not options.headless
    allow_host = allowed_hosts(options.allow_host)
    from kohya_gui.server import surroundings  # noqa: PLC0415  needs the environment

    surroundings.prepare_surroundings()
    from kohya_gui.server import app  # noqa: PLC0415  gradio is heavy

    return app.serve(PageOptions(
        listen=options.listen, server_port=options.server_port, allow_host=allow_host,
        root_path=options.root_path or os.environ.get("GRADIO_ROOT_PATH", ""), roots=roots(options.roots),
        headless=options.headless, inbrowser=inbrowser, share=options.share, username=options.username,
        password=password, language=options.language, config=options.config,
    ))


def roots(typed: list[Path]) -> tuple[Path, ...]:
    """Return the folders named by flags and by CRUCIBLE_ROOTS, absolute. Raises UsageError for what is no folder."""
    named = [*map(str, typed), *os.environ.get("CRUCIBLE_ROOTS", "").split(os.pathsep)]
    folders = tuple(dict.fromkeys(Path(clean_path(one)).expanduser().absolute() for one in named if one.strip()))
    wrong = next((folder for folder in folders if not is_dir(folder)), None)
    if wrong is not None:
        raise UsageError(f"--roots {str(wrong)!r} is no folder. Name each folder with its own --roots.")
    return folders


def allowed_hosts(typed: list[str]) -> tuple[str, ...]:
    """Return the hosts named by flags, CRUCIBLE_ALLOW_HOST and on the page. Raises UsageError for what is no host."""
    from kohya_gui.preferences import preferences  # noqa: PLC0415  needs the environment
    from kohya_gui.server.hosts import read_place  # noqa: PLC0415  needs the environment

    named = [*typed, *os.environ.get("CRUCIBLE_ALLOW_HOST", "").split(","), *preferences().allow_host]
    hosts = tuple(dict.fromkeys(host.strip() for host in named if host.strip()))
    wrong = [host for host in hosts if read_place(host) is None]
    if wrong:
        raise UsageError(f"--allow-host {wrong[0]!r} is no host; write a name or an address, such as train.example.org "
                         "or train.example.org:8443.")
    return hosts


def demo(options: argparse.Namespace, _rest: list[str]) -> int:
    """Train the demo in the terminal."""
    from kohya_gui.runs import terminal  # noqa: PLC0415  not there before the environment is

    return terminal.demo(options.output_dir)


def job(options: argparse.Namespace, _rest: list[str]) -> int:
    """Run a job or a tool in the terminal."""
    from kohya_gui.runs import terminal  # noqa: PLC0415  not there before the environment is

    return terminal.run(options.job, options.config, options.overrides)


def queue(options: argparse.Namespace, _rest: list[str]) -> int:
    """Show, change or run the queue."""
    if queue_words.needed(options.action) and not options.words:
        raise UsageError(f"queue {options.action} needs {queue_words.needed(options.action)} "
                         "(queue --help lists the actions).")
    from kohya_gui.runs.queue import terminal  # noqa: PLC0415  not there before the environment is

    return terminal.do(options.action, options.words, options.overrides, options.at)


def import_settings(options: argparse.Namespace, _rest: list[str]) -> int:
    """Turn a settings file of any program into ours."""
    from kohya_gui import import_command  # noqa: PLC0415  not there before the environment is

    in_language = options.language or terminal_language(os.environ)
    path = Path(clean_path(str(options.file))).expanduser().absolute()
    to = Path(clean_path(str(options.output))).expanduser().absolute() if options.output else None
    try:
        return import_command.import_file(path, to, options.form, in_language)
    except UserError as error:
        print(import_command.explained(error, in_language), file=sys.stderr)
        return 1


def send(options: argparse.Namespace, _rest: list[str]) -> int:
    """Copy results of a run into a WebUI."""
    from kohya_gui import send_command  # noqa: PLC0415  not there before the environment is

    return send_command.send_results(options.run, options.epoch, options.to, terminal_language(os.environ))


def test(_options: argparse.Namespace, rest: list[str]) -> int:
    """Run the tests."""
    from kohya_gui import developer  # noqa: PLC0415  of use to few

    return developer.test(rest)


def check(_options: argparse.Namespace, rest: list[str]) -> int:
    """Run the developers' checks."""
    from kohya_gui import developer  # noqa: PLC0415  of use to few

    return developer.check(rest)


def update(options: argparse.Namespace, _rest: list[str]) -> int:
    """Bring this copy of the program up to date, then its environment."""
    from kohya_gui.environment import update as updating  # noqa: PLC0415  of use once in a while

    if options.check:
        return updating.check()
    return updating.update(environment.Wishes(options.torch_index_url, options.wheels))


# Every other word is a job's.
ACTIONS: dict[str, Callable[[argparse.Namespace, list[str]], int]] = {
    "page": page, "demo": demo, "tool": job, "queue": queue, "send": send, "import": import_settings,
    "test": test, "check": check, "update": update,
}
OPTIONS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "page": page_flags, "demo": demo_flags, "tool": tool_flags, "queue": queue_words.queue_flags,
    "send": send_flags, "import": import_flags, "update": update_flags,
}

if __name__ == "__main__":
    sys.exit(main())
