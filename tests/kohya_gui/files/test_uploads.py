"""Uploads: in pieces, into a folder that can be trained on at once, beside what is there."""

from __future__ import annotations

import os
import shutil
import sys
import zipfile
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.files import uploads as module
from kohya_gui.files.uploads import Report, Uploads
from kohya_gui.files.zips import Limits
from kohya_gui.options import PageOptions
from kohya_gui.server.uploads import upload_routes
from train_core.config.places import caches_dir, home
from train_core.config.problems import UserError


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def sent(
    files: dict[str, bytes], name: str = "zuko dog", into: Path | None = None, uploads: Uploads | None = None
) -> Report:
    """The report on an upload of these files, in pieces of three bytes."""
    uploads = uploads or Uploads()
    contents = list(files.values())
    id, wanted, _ = uploads.begin(name, 10, into, [(file, len(content)) for file, content in files.items()])
    for number in wanted:
        for at in range(0, len(contents[number]), 3):
            uploads.write(id, number, at, contents[number][at : at + 3])
    return uploads.finish(id)


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def staged() -> list[Path]:
    return list((caches_dir() / "uploads").glob("*"))


def test_what_is_dropped_can_be_trained_on_at_once(tmp_path: Path):
    report = sent({"photos/a.png": b"picture", "photos/a.txt": b"a dog", "photos/x.exe": b"!", "photos/.hidden": b""})
    assert report.folder == home() / "data" / "zuko dog"
    assert files_in(report.folder) == {"10_zuko dog/a.png": b"picture", "10_zuko dog/a.txt": b"a dog"}
    assert (report.added, [one.name for one in report.left]) == (2, ["photos/x.exe"])
    assert staged() == []


def test_the_same_again_changes_nothing_and_another_picture_gets_a_number_with_its_caption(tmp_path: Path):
    first = {"a.png": b"one", "a.txt": b"first", "masks/a.png": b"m1"}
    sent(first)
    again = sent(first)
    assert (again.added, again.same, again.renamed) == (0, 3, ())
    other = sent({"a.png": b"two", "a.txt": b"second", "masks/a.png": b"m2"})
    assert dict(other.renamed) == {"a.png": "a-2.png", "a.txt": "a-2.txt", "masks/a.png": "a-2.png"}
    assert files_in(other.folder) == {
        "10_zuko dog/a.png": b"one", "10_zuko dog/a.txt": b"first", "masks/a.png": b"m1",
        "10_zuko dog/a-2.png": b"two", "10_zuko dog/a-2.txt": b"second", "masks/a-2.png": b"m2",
    }  # fmt: skip
    assert sent({"a.png": b"two", "a.txt": b"second", "masks/a.png": b"m2"}).same == 3


def test_a_caption_that_is_there_stays(tmp_path: Path):
    sent({"a.png": b"one", "a.txt": b"mine"})
    report = sent({"a.png": b"one", "a.txt": b"other"})
    assert files_in(report.folder)["10_zuko dog/a.txt"] == b"mine"
    assert (report.same, report.renamed, [one.name for one in report.left]) == (1, (), ["a.txt"])


def test_two_pictures_of_one_name_are_both_kept():
    report = sent({"one/1.png": b"x", "two/1.png": b"y", "two/1.txt": b"of y"})
    assert files_in(report.folder) == {
        "10_zuko dog/1.png": b"x", "10_zuko dog/1-2.png": b"y", "10_zuko dog/1-2.txt": b"of y"
    }  # fmt: skip


def test_a_zip_is_unpacked_into_its_folders(tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for name in ("set/7_cat/a.png", "set/reg/1_cat/b.png", "../evil.png"):
            made.writestr(name, name)
    report = sent({"a.zip": (tmp_path / "a.zip").read_bytes(), "b.zip": b"no zip"})
    assert set(files_in(report.folder)) == {"7_cat/a.png", "reg/1_cat/b.png"}
    assert {one.name for one in report.left} == {"../evil.png", "b.zip"}
    assert staged() == [] and not list(tmp_path.rglob("evil.png"))


def test_what_is_cut_off_is_told_and_leaves_nothing(tmp_path: Path):
    uploads = Uploads()
    id, _, _ = uploads.begin("dog", 1, None, [("a.png", 5), ("b.png", 1)])
    uploads.write(id, 0, 0, b"123")
    uploads.write(id, 1, 0, b"x")
    report = uploads.finish(id)
    assert files_in(report.folder) == {"1_dog/b.png": b"x"}
    assert [one.name for one in report.left] == ["a.png"]
    id, _, _ = uploads.begin("dog", 1, None, [("c.png", 5)])
    uploads.write(id, 0, 0, b"123")
    uploads.drop(id)
    assert staged() == []
    with pytest.raises(UserError, match="interrupted"):
        uploads.finish(id)


ODD_PIECES = [(0, 1, b"x"), (0, 0, b"123456"), (1, 0, b"x"), (-1, 0, b"x"), (0, -1, b"")]


@pytest.mark.parametrize("number, at, content", ODD_PIECES)
def test_pieces_that_do_not_fit_are_refused(number: int, at: int, content: bytes):
    uploads = Uploads()
    id, _, _ = uploads.begin("dog", 1, None, [("a.png", 5)])
    with pytest.raises(UserError, match="interrupted"):
        uploads.write(id, number, at, content)


def test_an_upload_that_was_forgotten_is_removed_by_the_next_one(monkeypatch):
    uploads = Uploads()
    uploads.begin("dog", 1, None, [("a.png", 5)])
    gone = caches_dir() / "uploads" / "of a page that is gone"
    gone.mkdir()
    os.utime(gone, (1, 1))
    monkeypatch.setattr(module, "FORGOTTEN", -1.0)
    id, _, _ = uploads.begin("dog", 1, None, [])
    assert [path.name for path in staged()] == [id]


def test_too_much_is_refused_before_it_is_sent(monkeypatch):
    uploads = Uploads(Limits(total=100, single=10, files=3))
    _, wanted, left = uploads.begin("dog", 1, None, [("a.png", 11), ("b.zip", 50), ("c.png", 10)])
    assert wanted == [1, 2] and [one.name for one in left] == ["a.png"]
    with pytest.raises(UserError, match="at once"):
        uploads.begin("dog", 1, None, [("a.zip", 60), ("b.zip", 60)])
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10**12, 10**12, 10))
    with pytest.raises(UserError, match="free some of the disk"):
        Uploads().begin("dog", 1, None, [("a.png", 100)])


@pytest.mark.parametrize("name, repeats", [("", 1), ("../x", 1), ("con", 1), ("dog", 0), ("dog", 10**6), ("a\\b", 1)])
def test_a_name_that_is_none_is_refused(name: str, repeats: int):
    with pytest.raises(UserError):
        Uploads().begin(name, repeats, None, [])
    assert not (home() / "data").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make links")
def test_a_link_in_the_folder_does_not_lead_out_of_it(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "10_zuko dog").symlink_to(tmp_path / "out")
    report = sent({"a.png": b"x"}, into=tmp_path / "set")
    assert report.added == 0 and [one.name for one in report.left] == ["a.png"]
    assert list((tmp_path / "out").iterdir()) == []


def test_a_disk_that_is_full_is_told_and_half_a_file_is_not_kept(tmp_path: Path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.shutil, "move", full)
    with pytest.raises(UserError, match="No space left"):
        sent({"a.png": b"x"})
    assert files_in(home() / "data") == {} and staged() == []


@pytest.fixture
def client(tmp_path: Path) -> TestClient:
    (tmp_path / "in").mkdir()
    options = PageOptions(language="en", listen="0.0.0.0", roots=(tmp_path / "in",))
    return TestClient(Starlette(routes=upload_routes(options)))


def test_the_routes_take_an_upload_and_tell_what_became_of_it(client: TestClient, tmp_path: Path):
    files = [["<b>.png", 3], ["x.exe", 3], "odd", ["a.png", "3"]]
    body = {"name": "dog", "repeats": 5, "into": str(tmp_path / "in"), "files": files}
    begun = client.post("/files/upload/begin", json=body).json()
    assert begun["wanted"] == []  # Windows has no < in names
    assert "&lt;b&gt;.png" in begun["left"] and "<b>" not in begun["left"]
    begun = client.post("/files/upload/begin", json={**body, "files": [["a.png", 3]]}).json()
    query = {"id": begun["id"], "number": 0, "at": 0}
    assert client.post("/files/upload/part", params=query, content=b"abc").json() == {}
    ended = client.post("/files/upload/end", json={"id": begun["id"]}).json()
    assert ended["folder"] == str(tmp_path / "in")
    assert files_in(tmp_path / "in") == {"5_dog/a.png": b"abc"}
    assert "interrupted" in client.post("/files/upload/part", params=query, content=b"abc").json()["error"]


def test_nothing_is_put_outside_of_the_roots(client: TestClient, tmp_path: Path):
    for into in (str(tmp_path), f"{tmp_path}/in/../out"):
        answer = client.post("/files/upload/begin", json={"name": "x", "repeats": 1, "into": into, "files": []})
        assert "--roots" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"files": {"a": 1}}', b'{"name": 3, "id": []}'])
def test_what_is_no_upload_is_no_error(client: TestClient, body: bytes):
    for route in ("begin", "part", "end", "drop"):
        assert client.post(f"/files/upload/{route}", content=body).status_code in (200, 400)
