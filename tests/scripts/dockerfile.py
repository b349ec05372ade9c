"""A Dockerfile's instructions, read, and followed in a fresh Debian folder where there is no Docker to do it."""

from __future__ import annotations

import fnmatch
import json
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

VARIABLE = re.compile(r"\$\{(\w+)\}")


def instructions(text: str) -> list[tuple[str, str]]:
    """Word and rest of each instruction; lines that go on are one."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines())]


def in_context(path: str, ignore: str) -> bool:
    """Whether .dockerignore, whose text is `ignore`, lets `path` through: its last line that fits decides."""
    let = True
    for line in ignore.splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        allows, pattern = rule.startswith("!"), rule.lstrip("!")
        parts = Path(path).parts
        begins = ["/".join(parts[: count + 1]) for count in range(len(parts))]
        fits = any(fnmatch.fnmatch(one, pattern.removeprefix("**/")) or fnmatch.fnmatch(one, pattern) for one in begins)
        anywhere = pattern.startswith("**/") and pattern.removeprefix("**/") in parts
        let = allows if fits or anywhere else let
    return let


@dataclass
class Container:
    """A folder with a Debian in it, in which instructions are followed; `shared` folders are there too."""

    root: Path
    source: Path
    shared: tuple[Path, ...] = ()
    folder: str = "/"
    variables: dict[str, str] = field(default_factory=dict)
    entry: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def follow(self, word: str, rest: str) -> None:
        """Do what an instruction says, as Docker does."""
        rest = VARIABLE.sub(lambda found: self.variables.get(found[1], ""), rest)
        if word == "RUN":
            done = subprocess.run(self.in_root(["sh", "-c", rest]), check=False, capture_output=True, text=True)
            assert done.returncode == 0, f"{rest}\n{done.stdout}\n{done.stderr}"
        elif word == "WORKDIR":
            self.folder = rest
            self.at(rest).mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            self._copy(*rest.split())
        elif word == "VOLUME":
            self.at(rest).mkdir(parents=True, exist_ok=True)
        elif word == "ENV":
            self.variables |= dict(pair.split("=", 1) for pair in shlex.split(rest))
        elif word == "ARG":
            name, _, default = rest.partition("=")
            if default:
                self.variables.setdefault(name, default)
        elif word in ("ENTRYPOINT", "CMD"):
            setattr(self, "entry" if word == "ENTRYPOINT" else "command", json.loads(rest))
        else:
            assert word in ("FROM", "EXPOSE"), word

    def at(self, path: str) -> Path:
        """The place of a path of the container."""
        return self.root / (Path(self.folder) / path).as_posix().lstrip("/")

    def in_root(self, command: list[str]) -> list[str]:
        """`command` as seen from outside."""
        mounts = [f"mount --bind {one} {self._mounted(one)}" for one in (Path("/proc"), Path("/dev"), *self.shared)]
        inner = ["env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                 *(f"{name}={value}" for name, value in self.variables.items()),
                 "sh", "-c", f"cd {self.folder} && exec \"$@\"", "sh", *command]  # fmt: skip
        return ["unshare", "--mount", "sh", "-c",
                " && ".join([*mounts, f"exec chroot {self.root} {shlex.join(inner)}"])]  # fmt: skip

    def _mounted(self, path: Path) -> Path:
        place = self.root / str(path).lstrip("/")
        if path.is_dir():
            place.mkdir(parents=True, exist_ok=True)
        else:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.touch()
        return place

    def _copy(self, *names: str) -> None:
        ignore = (self.source / ".dockerignore").read_text(encoding="utf-8")
        tracked = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True,
                                 cwd=self.source, capture_output=True, text=True).stdout  # fmt: skip
        for name in names[:-1]:
            found = self.source / name
            if found.is_file():
                wanted = {found.name: found}
            else:
                files = [Path(path) for path in tracked.split("\0") if path and (self.source / path).is_file()]
                inside = [path for path in files if Path(name) in (path, *path.parents) or name == "."]
                wanted = {path.relative_to(name).as_posix(): self.source / path for path in inside
                          if in_context(path.as_posix(), ignore)}  # fmt: skip
            for place, path in wanted.items():
                target = self.at(names[-1]) / place
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(path, target)
