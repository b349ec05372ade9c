"""The routes of an opened run: what they tell, which files they give, and what they turn away."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohya_gui.runs.history.notes import read_notes
from kohya_gui.server.app import Served
from tests.kohya_gui.server.serving import RUN, post, served
from tests.trained import trained_run
from train_core.config.places import app_dir

FOX = "20260102-000000-fox 狐 #1"


@pytest.fixture(scope="module")
def fox(home: Path, tmp_path_factory) -> Path:
    return trained_run(FOX, tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def page(fox: Path) -> Iterator[Served]:
    with served() as page:
        yield page


def test_an_opened_run_is_told_once_and_then_only_what_is_new(client: httpx.Client, fox: Path) -> None:
    first = post(client, "opened", {"run": FOX})
    assert "fox 狐 #1-000002.safetensors" in first["parts"]["opened-files"]
    assert "Epochs and files" in first["parts"]["opened-files"]
    assert len(first["sheet"]["cells"]) == 6
    again = post(client, "opened", {"run": FOX, "known": first["sums"]})
    assert (again["parts"], again["sheet"], again["shell"]) == ({}, None, None)
    picture = first["sheet"]["cells"][0][2]
    assert "error" not in post(client, "act", {"act": "mark", "run": FOX, "picture": picture, "value": "good"})
    after = post(client, "opened", {"run": FOX, "known": first["sums"]})
    assert (after["parts"], after["sheet"]["marks"]) == ({}, {picture: "good"})
    assert read_notes(fox).marks == {picture: "good"}
    assert "各轮次与文件" in post(client, "opened", {"run": FOX}, "zh-CN")["parts"]["opened-files"]


def address(client: httpx.Client) -> str:
    return post(client, "opened", {"run": FOX})["address"]


def test_files_are_downloaded_singly_and_in_parts(client: httpx.Client) -> None:
    at = f"{address(client)}files/fox 狐 %231-000002.safetensors"
    answer = client.get(at)
    assert answer.content == b"\x02" * 200
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["x-content-type-options"] == "nosniff"
    part = client.get(at, headers={"Range": "bytes=10-19"})  # so that a broken download goes on
    assert (part.status_code, part.content) == (206, b"\x02" * 10)


@pytest.mark.parametrize("name", [
    "manifest.json", "config.toml", "..%2Fconfig.toml", "..%2f..%2fconfig.toml", "%00", "fox", "events.jsonl", "C:%5Cx",
])  # fmt: skip
def test_nothing_but_the_runs_own_files_is_given(client: httpx.Client, name: str) -> None:
    for what in ("files", "small"):
        assert client.get(f"{address(client)}{what}/{name}").status_code == 404
        assert client.get(f"runs/20260101-000000-gone/{what}/{name}").status_code == 404


def test_the_events_of_a_run_give_no_other_file(client: httpx.Client) -> None:
    """The home's own run says that it has drawn a text file."""
    assert client.get(f"runs/{RUN}/small/secret.txt").status_code == 404
    assert client.get(f"runs/{RUN}/files/secret.txt").status_code == 404
    assert client.get(f"runs/{RUN}/small/other.png").status_code == 404
    assert client.get(f"runs/{RUN}/small/drawn.png").headers["content-type"] == "image/webp"
    assert b"geheim" not in client.get(f"runs/{RUN}/zip").content


def test_all_files_come_as_a_zip_and_the_table_as_csv(client: httpx.Client) -> None:
    answer = client.get(f"{address(client)}zip")
    assert "content-length" not in answer.headers
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert archive.read("fox 狐 #1-000003.safetensors") == b"\x03" * 300
    table = client.get(f"{address(client)}epochs.csv")
    rows = list(csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"))))
    assert [row["file"] for row in rows] == [f"fox 狐 #1-{epoch:06d}.safetensors" for epoch in (1, 2, 3)]


def test_training_pictures_are_given_by_number_alone(client: httpx.Client) -> None:
    at = f"{address(client)}training"
    assert client.get(at).text == "2"
    assert client.get(f"{at}/1").headers["content-type"] == "image/webp"
    for number in ("2", "-1", "x", "99999999999999999999999", "1.0", "..%2F1"):
        assert client.get(f"{at}/{number}").status_code == 404


def test_what_an_opened_run_needs_is_served_and_nothing_beside_it(client: httpx.Client) -> None:
    assert client.get("runs/assets/opened.js").headers["content-type"].startswith("text/javascript")
    assert client.get("runs/assets/opened.css").headers["content-type"].startswith("text/css")
    for name in ("runs.js", "..%2Fruns.js", "opened", "..%2F..%2Fpage.py"):
        assert client.get(f"runs/assets/{name}").status_code == 404


def test_charts_console_and_report_are_given_for_a_run(client: httpx.Client) -> None:
    curves = client.get(f"{address(client)}curves").json()
    assert [chart["id"] for chart in curves["charts"]] == ["loss", "lr", "speed"]
    assert max(len(line["x"]) for chart in curves["charts"] for line in chart["lines"]) == 30
    chinese = client.get(f"{address(client)}curves", headers={"Accept-Language": "zh-CN"}).json()
    assert chinese["charts"][0]["title"] == "损失"
    first = post(client, "console", {"run": FOX, "words": "warm"})
    assert "<mark>warm</mark>" in first["html"]
    assert post(client, "console", {"run": FOX, "words": "warm", "known": first["sum"]})["html"] is None
    assert "## Versions" in post(client, "report", {"run": FOX})["text"]
    for what in ("console", "report"):
        assert "does not exist" in post(client, what, {"run": "20260101-000000-gone"})["error"]
    assert client.get("runs/20260101-000000-gone/curves").status_code == 404


def test_what_draws_the_charts_is_whole_and_has_its_licence(client: httpx.Client) -> None:
    assert b"uPlot" in client.get("runs/assets/uplot.js").content
    assert client.get("runs/assets/uplot.css").headers["content-type"].startswith("text/css")
    assert "MIT" in (app_dir() / "kohya_gui" / "assets" / "vendor" / "uplot" / "LICENSE").read_text("utf-8")
    assert "kohya_gui/assets/vendor/uplot" in (app_dir() / "NOTICE").read_text("utf-8")


def test_strangers_and_other_pages_get_nothing(fox: Path, client: httpx.Client) -> None:
    names = ("zip", "curves", "epochs.csv", "training", "training/0", "files/x", "small/x")
    theirs = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}
    assert [client.get(f"runs/{RUN}/{what}", headers=theirs).status_code for what in names] == [403] * len(names)
    with served(username="ann", password="s3cret") as page, httpx.Client(base_url=page.local_url, trust_env=False) as c:
        assert [c.get(f"runs/{RUN}/{what}").status_code for what in names] == [401] * len(names)
        posts = [c.post(f"runs/{what}", json={"run": RUN}).status_code for what in ("opened", "console", "report")]
        assert posts == [401] * 3


@pytest.mark.parametrize("run", [None, 1, [], {}, "", "..", "20260101-000000-gone", "20260101-000000-x/..", "\x00"])
def test_a_run_that_is_not_there_is_said_to_be_gone(client: httpx.Client, run: object) -> None:
    assert "does not exist" in post(client, "opened", {"run": run})["error"]


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["files", "small", "training", "zip", "epochs.csv", "assets", "curves"]), st.text(max_size=12))
def test_no_address_breaks_the_server(page: Served, what: str, name: str) -> None:
    with httpx.Client(base_url=page.local_url, trust_env=False, timeout=60) as client:
        at = "".join(f"%{byte:02X}" for byte in name.encode(errors="replace"))
        for path in (f"runs/{RUN}/{what}/{at}", f"runs/{at}/{what}", f"runs/{at}/{what}/x"):
            assert client.get(path).status_code in (200, 404)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.sampled_from(["run", "known", "act", "picture", "value", "words"]), st.one_of(
    st.none(), st.integers(), st.text(max_size=9), st.sampled_from([RUN, "mark", "use", "good"]),
    st.dictionaries(st.sampled_from(["opened-head", "sheet"]), st.integers()),
)))  # fmt: skip
def test_no_question_about_an_opened_run_breaks_the_server(page: Served, body: dict[str, Any]) -> None:
    with httpx.Client(base_url=page.local_url, trust_env=False, timeout=60) as client:
        assert [client.post(f"runs/{what}", json=body).status_code for what in ("opened", "console")] == [200] * 2
        wanted = {**body, "act": body.get("act") if body.get("act") in ("mark", "use") else "mark"}
        assert client.post("runs/act", json=wanted).status_code == 200
