"""What the page may show of the disk: roots, links that lead out, and names that are none."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.files.browsing import listing, nearest_folder, new_folder, paths_below, pictures_in
from kohya_gui.files.reach import EVERYWHERE, Reach, plain, reach_of
from kohya_gui.options import PageOptions
from tests.pictures import image_folder
from train_core.config.places import home
from train_core.config.problems import UserError

needs_links = pytest.mark.skipif(sys.platform == "win32", reason="Windows lets only administrators make links")


@pytest.fixture
def rooted(tmp_path: Path) -> Reach:
    """A page that may show `inside` alone; `outside` lies beside it."""
    for name in ("inside/sub", "outside/secret", "inside-not"):
        (tmp_path / name).mkdir(parents=True)
    return Reach((tmp_path / "inside",))


def test_what_lies_below_a_root_is_found_and_nothing_beside_it(rooted: Reach, tmp_path: Path):
    assert rooted.find(str(tmp_path / "inside")) == tmp_path / "inside"
    assert rooted.find(f'"{tmp_path}/inside/sub/new.toml"') == tmp_path / "inside" / "sub" / "new.toml"
    assert rooted.find((tmp_path / "inside" / "sub").as_uri()) == tmp_path / "inside" / "sub"
    assert rooted.find(str(tmp_path / "outside")) is None
    assert rooted.find(str(tmp_path / "inside-not")) is None  # begins like a root
    assert rooted.find(str(tmp_path)) is None
    assert rooted.find("") is None


def test_dots_do_not_lead_out(rooted: Reach, tmp_path: Path):
    assert rooted.find(f"{tmp_path}/inside/../outside") is None
    assert rooted.find(f"{tmp_path}/inside/sub/../../outside/secret") is None
    assert rooted.find(f"{tmp_path}/inside/sub/../sub") == tmp_path / "inside" / "sub"


@needs_links
def test_links_do_not_lead_out(rooted: Reach, tmp_path: Path):
    (tmp_path / "inside" / "out").symlink_to(tmp_path / "outside")
    (tmp_path / "inside" / "in").symlink_to(tmp_path / "inside" / "sub")
    (tmp_path / "inside" / "loop").symlink_to(tmp_path / "inside" / "loop")
    assert rooted.find(f"{tmp_path}/inside/out") is None
    assert rooted.find(f"{tmp_path}/inside/out/secret") is None
    assert rooted.find(f"{tmp_path}/inside/in") == tmp_path / "inside" / "in"
    assert paths_below(f"{tmp_path}/inside/out/", (), rooted) == []
    assert paths_below(f"{tmp_path}/inside/loop/", (), rooted) == []


@needs_links
def test_a_root_that_is_a_link_is_a_root(tmp_path: Path):
    (tmp_path / "disk" / "images").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    assert Reach((tmp_path / "link",)).find(f"{tmp_path}/link/images") == tmp_path / "link" / "images"


@pytest.mark.parametrize("path", [
    r"\\server\share", r"\\?\C:\data", r"\\.\COM1", "//?/C:/data", r"C:\data\CON", r"C:\data\nul.txt", r"C:\a:stream",
    r"C:data", "data", r"C:\data\dot.", "C:\\a\0b",
])  # fmt: skip
def test_on_windows_only_plain_paths_of_drives_and_shares_are_paths(path: str):
    expected = path if path.startswith(r"\\server") else None  # a share is one, if it lies below a root
    assert (plain(path, windows=True) or "").rstrip("\\") == (expected or "")


def test_on_windows_a_share_is_refused_without_asking_the_network():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os.path, "realpath", lambda path: pytest.fail(f"looked at {path}"))
        assert Reach((Path("/data"),)).find(r"\\server\share\x") is None
        assert Reach((Path("/data"),)).find("//server/share/x") is None


@given(st.text(max_size=60))
def test_no_text_leads_out_of_the_roots(text: str):
    for typed in (text, f"/no/such/root/{text}"):
        found = Reach((Path("/no/such/root"),)).find(typed)
        assert found is None or found == Path("/no/such/root") or Path("/no/such/root") in found.parents
        assert ".." not in (found.parts if found else ())


def test_names_that_are_too_long_or_cannot_be_are_no_error(rooted: Reach, tmp_path: Path):
    for name in ("x" * 5000, "a/" * 3000, "nul\0byte"):
        for reach in (rooted, EVERYWHERE):
            assert paths_below(f"{tmp_path}/inside/{name}/", (".toml",), reach) == []
    assert rooted.find("nul\0byte") is None
    assert nearest_folder(tmp_path / "inside" / ("x" * 400)) == tmp_path / "inside"


def test_a_page_for_this_machine_alone_shows_everything_and_one_for_others_the_users_own_folders(monkeypatch, tmp_path):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    assert reach_of(PageOptions()) == EVERYWHERE
    others = [PageOptions(listen="0.0.0.0"), PageOptions(share=True), PageOptions(allow_host=("train.example.org",))]
    for options in others:
        roots = reach_of(options).roots or ()
        assert Path.home() in roots and home() in roots and Path("/") not in roots
    named = reach_of(PageOptions(listen="0.0.0.0", roots=(tmp_path / "data",))).roots or ()
    assert tmp_path / "data" in named and Path.home() not in named
    assert reach_of(PageOptions(roots=(tmp_path / "data",))).roots == named  # a root that is named holds everywhere


def test_paths_are_completed_from_the_folder_that_is_typed(tmp_path: Path):
    (tmp_path / "sub").mkdir()
    (tmp_path / ".hidden").mkdir()
    for name in ("model.safetensors", "notes.txt"):
        (tmp_path / name).touch()
    models = (".safetensors",)
    assert paths_below(f"{tmp_path}/", models, EVERYWHERE) == [
        str(tmp_path / "model.safetensors"), str(tmp_path / "sub")
    ]
    assert paths_below(f"{tmp_path}/su", (), EVERYWHERE) == [str(tmp_path / "sub")]
    assert paths_below(f"{tmp_path}/gone/x", models, EVERYWHERE) == []


def test_completion_and_picking_stop_at_the_roots(rooted: Reach, tmp_path: Path):
    assert paths_below("", (), rooted) == [str(tmp_path / "inside")]
    assert paths_below(f"{tmp_path}/inside/", (), rooted) == [str(tmp_path / "inside" / "sub")]
    assert paths_below(f"{tmp_path}/inside", (), rooted) == []  # its parent is not shown
    with pytest.raises(UserError, match="--roots"):
        rooted.must_find(str(tmp_path / "outside"))


def test_a_folder_lists_folders_first_and_files_that_fit_with_the_pictures_in_each(tmp_path: Path):
    image_folder(tmp_path, "10_zuko dog", [(8, 8)] * 3)
    for name in ("b.toml", "A.JSON", "other.txt", ".hidden.toml"):
        (tmp_path / name).write_text("x")
    found = listing(tmp_path, (".toml", ".json"))
    assert [(entry.path.name, entry.pictures, entry.size) for entry in found.entries] == [
        ("10_zuko dog", 3, 0), ("A.JSON", None, 1), ("b.toml", None, 1)
    ]  # fmt: skip
    assert [entry.path.name for entry in listing(tmp_path, (".toml",), "ZUKO").entries] == ["10_zuko dog"]
    (tmp_path / "10_zuko dog" / "9.png").touch()
    os.utime(tmp_path / "10_zuko dog", (1, 1))
    assert pictures_in(tmp_path / "10_zuko dog") == 4


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="an administrator may look into every folder")
def test_a_folder_that_may_not_be_looked_into_says_so(tmp_path: Path):
    (tmp_path / "closed").mkdir(mode=0o000)
    with pytest.raises(UserError, match="Permission denied"):
        listing(tmp_path / "closed", ())


def test_a_folder_that_cannot_be_read_is_one_error_with_its_cause(tmp_path: Path, monkeypatch):
    def refused(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(UserError, match="Permission denied"):
        listing(tmp_path, ())
    assert pictures_in(tmp_path) == 0


@pytest.mark.parametrize("name", [
    "", " ", ".", "..", "a/b", "a\\b", "CON", "x" * 300, ".hidden", "dot.", "a:b", "语" * 99
])  # fmt: skip
def test_a_new_folder_gets_a_name_that_every_system_has(tmp_path: Path, name: str):
    with pytest.raises(UserError, match="cannot be called"):
        new_folder(tmp_path, name)
    assert not list(tmp_path.iterdir())


def test_a_new_folder_is_made_once(tmp_path: Path):
    assert new_folder(tmp_path, " 我的 狗 ").is_dir()
    with pytest.raises(UserError, match="exists"):
        new_folder(tmp_path, "我的 狗")
