"""Runs pip inside the environment, and says in one sentence what to do when it fails. Parses on Python 3.7."""
from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from pathlib import Path

# What pip prints, and what a person can do about it. The first that matches wins: without a network pip also says
# that it found no matching distribution.
CAUSES = (
    (r"No space left on device|Errno 28\b|WinError 112\b|not enough space on the disk|Disk quota exceeded",
     "The disk is full. Free some space (pip also needs some in the temporary folder, which the variable TMPDIR "
     "sets) and start again: what is already installed is kept."),
    (r"CERTIFICATE_VERIFY_FAILED|SSLError|certificate verify failed",
     "The secure connection was refused because its certificate is not known here, as happens behind some company "
     "proxies. Set the variable PIP_CERT to the certificate file, or run: pip config set global.cert FILE."),
    (r"ProxyError|Cannot connect to proxy|Tunnel connection failed",
     "The proxy refused the connection. Check the variables HTTPS_PROXY and HTTP_PROXY, then start again."),
    (r"NewConnectionError|NameResolutionError|ConnectTimeout|ReadTimeout|Read timed out|getaddrinfo failed|"
     r"Name or service not known|Temporary failure in name resolution|Network is unreachable|Connection refused|"
     r"Connection reset|Connection aborted|Connection broken|IncompleteRead|Failed to establish a new connection",
     "The package index cannot be reached. Check the network and start again: it resumes where it stopped. On a slow "
     "or closed network, give --torch-index-url URL (a nearer copy of PyTorch's index), set another index with "
     "pip config set global.index-url URL, or give --wheels DIR (a folder of downloaded packages)."),
    (r"No matching distribution found for|Could not find a version that satisfies",
     "The source named above does not have a package in the version needed for this Python and system. Try "
     "another Python (3.12 or 3.13 are safe), another --torch-index-url, or put the package into the --wheels folder."),
    (r"Permission denied|WinError 5\b|WinError 32\b|Access is denied|Errno 13\b",
     "A file of the environment cannot be replaced. Close every running Crucible, pause any virus scanner that watches "
     "the folder, and start again."),
    (r"Microsoft Visual C\+\+ 14|Failed building wheel|Failed to build|error: command '.*' failed",
     "A package had to be built here, and that failed. Use Python 3.12 or 3.13, for which ready-made packages exist: "
     "set the variable CRUCIBLE_PYTHON to it."),
    (r"File name too long|Errno 36\b|WinError 206\b|long path",
     "The path of the program's folder is too long for this system. Move it to a shorter one, then start again."),
)
SOURCES = ("index-url", "extra-index-url", "find-links", "no-index")
SECTIONS = ("global", "install", ":env:", "site", "user")
LINES_KEPT = 60


class SetupError(Exception):
    """The environment cannot be made ready. Its text says what was found and what to do."""


def say(text: str, end: str = "\n") -> None:
    """Print to the terminal at once, so that it stands above what pip prints."""
    print(text, end=end, flush=True)


def clean_environ() -> dict:
    """Return this process's variables without those that would lead pip or Python out of the environment."""
    leading_astray = ("PYTHONHOME", "PYTHONPATH", "PIP_TARGET", "PIP_PREFIX", "__PYVENV_LAUNCHER__")
    environ = {name: value for name, value in os.environ.items() if name not in leading_astray}
    return {**environ, "PYTHONUTF8": "1", "PYTHONNOUSERSITE": "1", "PIP_USER": "0", "PIP_NO_INPUT": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1"}


def without_secrets(text: str) -> str:
    """Return the text with the user name and password of every address in it replaced by three dots."""
    return re.sub(r"(?<=://)[^/\s'\"@]+@", "…@", text)


def explain(output: str) -> str:
    """Return advice for a failure, from pip's output; empty if the failure is not a known one."""
    return next((advice for pattern, advice in CAUSES if re.search(pattern, output, re.IGNORECASE)), "")


def configured_source(listing: str) -> str:
    """Return where the user's pip configuration finds packages, from the output of `pip config list`; else nothing."""
    found = []
    for line in listing.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if key in SOURCES and section in SECTIONS and value.strip("'\" ") not in ("", "false", "0"):
            found.append(f"{key} {value.strip()[1:-1]}")
    return without_secrets(", ".join(sorted(set(found))))


class Pip:
    """The pip of one environment."""

    def __init__(self, python: Path, log: Path) -> None:
        self.python = python
        self.log = log

    def command(self, *arguments: str) -> list:
        """Return the argument list that runs pip."""
        return [str(self.python), "-m", "pip", *arguments]

    def run(self, *arguments: str) -> None:
        """Run pip with its own progress on the terminal; raise SetupError with what to do when it fails."""
        process = subprocess.Popen(self.command("--log", str(self.log), *arguments), env=clean_environ(),
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        tail: deque = deque(maxlen=LINES_KEPT)
        with process:
            for line in process.stderr or ():
                text = line.decode("utf-8", "replace")
                tail.append(text)
                sys.stderr.write(text)
                sys.stderr.flush()
        if process.returncode:
            advice = explain("".join(tail)) or "Read what pip says above, fix that and start again."
            raise SetupError(f"{advice}\npip's full log is in {self.log}")

    def configured_source(self) -> str:
        """Return where the user's own pip configuration finds packages; empty if it does not say."""
        done = subprocess.run(self.command("config", "list"), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL, env=clean_environ(), check=False)
        return configured_source(done.stdout.decode("utf-8", "replace"))

    def can_install(self, source: tuple, *requirements: str) -> bool:
        """Whether these requirements could be installed from these pip arguments; installs nothing."""
        done = subprocess.run(self.command("install", "--dry-run", "--quiet", *source, *requirements),
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL,
                              env=clean_environ(), check=False)
        return done.returncode == 0
