"""gradio's scripts and styles: which the page needs, and how they are served."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.server.gradio_files import FRONT, front_files, gradio_file_routes, preloads
from tests.kohya_gui.server.serving import served

LINK = re.compile(r'<link rel="(modulepreload|preload)"[^>]* href="\./([^"]+)">')


@pytest.fixture(scope="module", params=["", "/crucible"], ids=["at its root", "behind a path"])
def page(request, home) -> Iterator[tuple[httpx.Client, str]]:
    """A visitor who has not logged in, and the path under which a proxy serves the page."""
    with (
        served(username="ann", password="s3cret", root_path=request.param) as page,
        httpx.Client(base_url=page.local_url, timeout=60, trust_env=False) as client,
    ):
        yield client, request.param


def test_every_address_that_is_fetched_early_is_served_as_it_is_on_disk_and_kept_for_good(page):
    client, prefix = page
    links = LINK.findall(client.get(f"{prefix}/").text)
    assert {kind for kind, _ in links} == {"modulepreload", "preload"}
    assert len(links) > 20
    for _, address in links:
        plain = client.get(f"{prefix}/{address}", headers={"Accept-Encoding": "identity"})
        compressed = client.get(f"{prefix}/{address}", headers={"Accept-Encoding": "gzip, br"})
        assert plain.status_code == 200, address
        assert plain.content == compressed.content
        if address.startswith("assets/"):
            assert plain.content == (FRONT / address).read_bytes()
            assert "immutable" in plain.headers["cache-control"]
            assert "content-encoding" not in plain.headers
            assert compressed.headers["content-encoding"] == "gzip"
            assert compressed.headers["vary"] == "Accept-Encoding"
            kind = "text/javascript" if address.endswith(".js") else "text/css"
            assert plain.headers["content-type"].startswith(kind)


def test_nothing_else_is_served_from_there_and_a_login_closes_what_it_closed(page):
    client, prefix = page
    for name in ("none-12345678.js", "..%2findex.html", "..%2f..%2f..%2fpackage.json", "%2e%2e/index.html"):
        assert client.get(f"{prefix}/assets/{name}").status_code in (403, 404), name
    assert client.get(f"{prefix}/config").status_code == 401
    assert client.post(f"{prefix}/form/train", json={}).status_code == 401


@pytest.fixture
def front(tmp_path: Path) -> Callable[..., Path]:
    """`front(script=text, …)` writes a front end as Vite packs one, of scripts with their names' checksum left out."""

    def write(**scripts: str) -> Path:
        (tmp_path / "assets").mkdir()
        (tmp_path / "index.html").write_text(
            '<script async src="./static/x.js"></script>'
            '<script type="module" crossorigin src="./assets/index-00000000.js"></script>',
            encoding="utf-8",
        )
        for name, text in scripts.items():
            (tmp_path / "assets" / f"{name}-00000000.js").write_text(text, encoding="utf-8")
        return tmp_path

    return write


def names(*files: str) -> str:
    listed = ",".join(f'"./{file}"' for file in files)
    return f"const __vite__mapDeps=(i,m=__vite__mapDeps,d=(m.f||(m.f=[{listed}])))=>i.map(i=>d[i]);"


def later(name: str, *needed: int) -> str:
    numbers = ",".join(map(str, needed))
    return f"()=>v(()=>import(`./{name}-00000000.js`).then(e=>e.t),__vite__mapDeps([{numbers}]),import.meta.url)"


def test_what_the_page_needs_is_its_parts_and_its_components_with_all_that_they_need(front):
    place = front(
        index=names("Index-00000000.js", "a-00000000.css", "core-00000000.js") + later("Index", 0, 1)
        + later("core", 2),
        Index=names("Blocks-00000000.js", "Login-00000000.js") + later("Blocks", 0) + later("Login", 1),
        Blocks=names("Index-11111111.js") + "()=>v(()=>import(`./Index-11111111.js`),__vite__mapDeps([0]))",
        core=names("t-00000000.js", "t-00000000.css", "e-00000000.js", "p-00000000.js")
        + f"V={{textbox:{{example:{later('e', 2)},component:{later('t', 0, 1)}}},plot:{{component:{later('p', 3)}}}}};",
    )  # fmt: skip
    found = [name.replace("-00000000", "") for name in front_files({"textbox"}, place)]
    assert found == ["index.js", "Index.js", "a.css", "core.js", "Blocks.js", "t.js", "t.css"]


def test_only_files_that_are_there_are_fetched_early(front):
    place = front(index=names("Index-00000000.js", "gone-00000000.css") + later("Index", 0, 1), Index="")
    assert [address for _, address in LINK.findall(preloads({"textbox"}, "5um", place))] == [
        "assets/index-00000000.js", "assets/Index-00000000.js", "theme.css?v=5um",
    ]  # fmt: skip


def test_a_front_end_that_is_packed_otherwise_is_left_to_gradio(tmp_path: Path):
    assert preloads({"textbox"}, "5um", tmp_path) == ""
    assert gradio_file_routes(tmp_path) == []


PIECES = st.sampled_from(['import("./x-00000000.js")', "__vite__mapDeps=", "m.f=[", '"./y-00000000.css"', "]", "{", "(",
                          "__vite__mapDeps([9,0])", "textbox:{", "component:()=>", ",", "\n", "`", "é"])  # fmt: skip


@given(st.lists(PIECES, max_size=30).map("".join))
def test_no_script_however_written_stops_the_page(tmp_path_factory, text: str):
    place = tmp_path_factory.mktemp("front")
    (place / "assets").mkdir()
    (place / "index.html").write_text('<script src="./assets/index-00000000.js">', encoding="utf-8")
    (place / "assets" / "index-00000000.js").write_text(text, encoding="utf-8")
    assert "index-00000000.js" in preloads({"textbox"}, "", place)
