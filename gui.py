"""Starts Crucible: checks the Python it runs on and hands over to kohya_gui/cli.py. Parses on Python 3.7."""
import sys

from kohya_gui.environment import ensure as environment


def main():
    """Return the exit code of the word typed; 1 with one line where this Python cannot run Crucible."""
    problem = environment.python_problem(sys.version_info[:3], sys.executable)
    if problem:
        print(problem, file=sys.stderr)
        return 1
    from kohya_gui import cli  # noqa: PLC0415  older Pythons could not read it

    return cli.main(build_environment=True)


if __name__ == "__main__":
    sys.exit(main())
