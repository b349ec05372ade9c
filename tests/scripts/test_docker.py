"""Dockerfile and compose file: what they name is there, they fit each other, and the steps work in a fresh Debian."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from kohya_gui import cli
from tests.scripts.dockerfile import Container, in_context, instructions

ROOT = Path(__file__).parents[2]
STEPS = instructions((ROOT / "Dockerfile").read_text(encoding="utf-8"))
IGNORE = (ROOT / ".dockerignore").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("cloud.md", "install.md", "remote.md")}
DEBIAN = "bookworm"


def rests(word: str) -> list[str]:
    return [rest for found, rest in STEPS if found == word]


def test_what_is_copied_is_there_and_not_kept_out() -> None:
    sources = [name for rest in rests("COPY") for name in rest.split()[:-1]]
    assert len(sources) >= 4
    for name in sources:
        assert (ROOT / name).exists()
        assert name == "." or in_context(name, IGNORE)


def test_the_whole_program_is_in_the_image_and_nothing_else() -> None:
    for name in ("gui.py", "gui.sh", "requirements.txt", "kohya_gui/cli.py", "kohya_gui/locales/en.json", "LICENSE",
                 "presets/lora", "docs/guide.md", "docs/zh-CN/guide.md",
                 "train_core/jobs/train.py", "demo/base/crucible-demo-base.safetensors"):  # fmt: skip
        assert (ROOT / name).exists()
        assert in_context(name, IGNORE)
    for name in (".git/HEAD", ".venv/bin/python", "tests/conftest.py", "docs/page.png", "data/secret.png",
                 "kohya_gui/__pycache__/x"):  # fmt: skip
        assert not in_context(name, IGNORE)


def test_its_commands_are_those_that_the_docs_name() -> None:
    run = " && ".join(rests("RUN"))
    packages = set(run.partition("--no-install-recommends ")[2].partition(" &&")[0].split())
    assert "sudo apt install python3 python3-venv" in PAGES["install.md"]
    assert packages == {"python3", "python3-venv", "ca-certificates"}
    assert "python3 -m kohya_gui.environment" in run
    assert "python3 -m kohya_gui.environment" in PAGES["install.md"]
    assert [one.split()[0] for one in run.split(" && ")] == ["apt-get", "apt-get", "rm", "PIP_NO_CACHE_DIR=1"]
    for name in {*re.findall(r"CRUCIBLE_\w+", "\n".join(rests("ARG"))), *COMPOSE["services"]["cpu"]["environment"]}:
        assert any(name in page for page in PAGES.values()), name


def test_the_page_in_it_listens_where_compose_looks_for_it() -> None:
    assert json.loads(rests("ENTRYPOINT")[0]) == ["./gui.sh"]
    parsed = cli.parser_for("page").parse_args(json.loads(rests("CMD")[0]))
    assert (parsed.listen, parsed.headless) == ("0.0.0.0", True)
    assert rests("EXPOSE") == [str(parsed.server_port)]
    for service in COMPOSE["services"].values():
        assert service["ports"] == [f"127.0.0.1:{parsed.server_port}:{parsed.server_port}"]  # not open to others
        assert service["volumes"][0].rpartition(":")[2] in rests("VOLUME")
        build = service["build"]
        arguments = build.get("args", {}) if isinstance(build, dict) else {}
        assert set(arguments) <= {rest.partition("=")[0] for rest in rests("ARG")}


def test_the_docs_start_services_that_there_are() -> None:
    started = re.findall(r"docker compose up (?:-d )?(\w+)", PAGES["cloud.md"])
    assert set(started) == set(COMPOSE["services"])


@pytest.mark.slow
def test_its_steps_work_in_a_fresh_debian_and_the_page_answers(tmp_path: Path) -> None:
    """Everything but Docker itself: each instruction is followed in a folder that debootstrap has filled."""
    if os.name == "nt" or os.geteuid() or not all(map(shutil.which, ("debootstrap", "unshare", "chroot"))):
        pytest.skip("needs to be root on Linux, with debootstrap, unshare and chroot")
    root = tmp_path / "debian"
    subprocess.run(["debootstrap", "--variant=minbase", DEBIAN, str(root)], check=True, stdout=subprocess.DEVNULL)
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    outside = {name: value for name, value in os.environ.items() if name.startswith("PIP_") or "proxy" in name.lower()}
    if (certificates := Path(outside.get("PIP_CERT", ""))).is_file():  # its own are not there yet
        shutil.copy(certificates, root / "outside.crt")
        outside["PIP_CERT"] = "/outside.crt"
    outside["CRUCIBLE_TORCH_INDEX"] = os.environ.get("CRUCIBLE_TORCH_INDEX", "")  # from where this machine has PyTorch
    made = Container(root, ROOT, shared_with_pip(), variables=outside)
    for word, rest in STEPS:
        made.follow(word, rest)
    port = "7899"
    command = [*made.entry, *made.command[:-1], port]
    page = subprocess.Popen(made.in_root(command), start_new_session=True)
    try:
        answer = answer_of(f"http://127.0.0.1:{port}/", page)
        assert answer.status_code == 200
        assert "Crucible" in answer.text
        assert (root / "data" / "crucible").is_dir()
    finally:
        os.killpg(page.pid, signal.SIGTERM)
        page.wait(60)


def shared_with_pip() -> tuple[Path, ...]:
    """The files of pip's settings on this machine, and the folders with packages that they and its variables name."""
    said = subprocess.run(
        [sys.executable, "-m", "pip", "config", "debug"], capture_output=True, text=True, check=True
    ).stdout
    files = re.findall(r"^\s+(/\S+), exists: True$", said, re.MULTILINE)
    folders = re.findall(r"(?:links|url|LINKS|URL)[^/]*((?:(?:file:/)?/?/[\w./-]+\s*)+)", said)
    named = [Path(one.removeprefix("file://")) for words in folders for one in words.split()]
    named += [path.parent for path in named if path.name == "simple"]  # an index has its files beside it
    constraints = re.findall(r"constraint: (/\S+)", said)
    return tuple(sorted({path for path in [*map(Path, [*files, *constraints]), *named] if path.exists()}))


def answer_of(address: str, page: subprocess.Popen[bytes]) -> httpx.Response:
    for _ in range(1200):
        try:
            return httpx.get(address, timeout=5, trust_env=False)
        except httpx.TransportError:
            assert page.poll() is None
            time.sleep(0.25)
    raise AssertionError("the page does not answer")
