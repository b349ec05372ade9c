"""Names of files from elsewhere, and zip files that mean harm: nothing leads out of the folder."""

from __future__ import annotations

import io
import random
import stat
import zipfile
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kohya_gui.files.arrivals import ENDINGS, Unfit, check_name, place_of
from kohya_gui.files.zips import Arrived, Left, Limits, unpack
from train_core.config.file_names import refused_name

SMALL = Limits(total=5000, single=1000, files=20)


@pytest.mark.parametrize("name, expected", [
    ("a.png", "10_dog/a.png"), ("my data/a.PNG", "10_dog/a.PNG"), ("x/7_cat/a.png", "7_cat/a.png"),
    ("x/7_cat/deeper/a.txt", "7_cat/a.txt"), ("x\\7_cat\\a.webp", "7_cat/a.webp"), ("./a.caption", "10_dog/a.caption"),
    ("x/reg/1_dog/a.png", "reg/1_dog/a.png"), ("reg/a.png", "reg/1_dog/a.png"), ("x/Masks/a.png", "masks/a.png"),
    ("7_cat/mask/a.png", "masks/a.png"), ("图/猫.png", "10_dog/猫.png"),
])  # fmt: skip
def test_a_file_goes_where_its_folder_says(name: str, expected: str):
    place = place_of(name, "10_dog")
    assert place is not None and place.path == PurePosixPath(expected)


def test_an_image_its_caption_and_its_mask_are_kin():
    names = ("x/7_cat/a.png", "x/7_cat/a.txt", "x/masks/a.png")
    assert len({place.kin for name in names if (place := place_of(name, "10_dog"))}) == 1
    assert place_of("x/7_cat/b.png", "10_dog").kin != place_of("x/7_cat/a.png", "10_dog").kin  # type: ignore[union-attr]


@pytest.mark.parametrize("name", [
    "../a.png", "x/../../a.png", "/etc/a.png", "\\\\server\\a.png", "C:\\a.png", "c:a.png", "x\\..\\a.png", "", "/",
    "..", "con.png", "x/NUL/a.png", "a.png.", "a .png/ ", "a:b.png", "a\0.png", "a\n.png", "x" * 300 + ".png", "a.exe",
    "a.svg", "a", "a.png.sh", "\ud800.png", "\u202egnp.exe.png",
])  # fmt: skip
def test_a_name_that_leads_out_or_is_none_is_refused(name: str):
    with pytest.raises(Unfit):
        place_of(name, "10_dog")


@pytest.mark.parametrize("name", [".DS_Store", "__MACOSX/._a.png", "x/.git/a.png", "Thumbs.db", "x/desktop.ini"])
def test_what_systems_leave_in_folders_is_left_out_in_silence(name: str):
    assert place_of(name, "10_dog") is None


PARTS = st.lists(st.sampled_from(["..", ".", "a", "7_x", "con", "reg", "masks", "C:", ""])).map("/".join)


@given(st.text(max_size=40) | PARTS)
@settings(max_examples=300)
def test_no_name_leads_out_of_its_folder(name: str):
    for ending in ("", ".png", "/a.png"):
        try:
            place = place_of(name + ending, "10_dog")
        except Unfit:
            continue
        if place is not None:
            assert not place.path.is_absolute() and ".." not in place.path.parts and 2 <= len(place.path.parts) <= 3
            assert place.path.suffix.lower() in ENDINGS
            assert not any(refused_name(part) for part in place.path.parts)


@pytest.mark.parametrize("name", ["", " ", "..", "a/b", "con", ".x", "a" * 300])
def test_a_folder_of_images_has_a_name_that_every_system_has(name: str):
    with pytest.raises(Unfit):
        check_name(name)


def packed(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in files.items():
            made.writestr(name, content)
    return path


def unpacked(archive: Path, limits: Limits = SMALL) -> tuple[dict[str, bytes], dict[str, str]]:
    """Contents by place, and reasons by name."""
    found = list(unpack(archive, archive.parent / "in", "10_dog", limits))
    taken = {str(one.place.path): one.source.read_bytes() for one in found if isinstance(one, Arrived)}
    return taken, {one.name: one.reason for one in found if isinstance(one, Left)}


def test_a_zip_gives_its_files_and_says_what_it_leaves(tmp_path: Path):
    archive = packed(tmp_path / "a.zip", {
        "data/a.png": b"1", "data/a.txt": b"2", "data/": b"", "__MACOSX/._a.png": b"", "../../evil.png": b"!",
        "/abs.png": b"!", "run.exe": b"!", "inner.zip": b"!",
    })  # fmt: skip
    taken, left = unpacked(archive)
    assert taken == {"10_dog/a.png": b"1", "10_dog/a.txt": b"2"}
    assert set(left) == {"../../evil.png", "/abs.png", "run.exe", "inner.zip"}
    assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "in"}


def test_a_link_in_a_zip_is_not_followed(tmp_path: Path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        link = zipfile.ZipInfo("a.png")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        made.writestr(link, "/etc/passwd")
    taken, left = unpacked(archive)
    assert taken == {} and "link" in left["a.png"]


def test_a_bomb_is_stopped_while_it_unfolds_whatever_its_header_says(tmp_path: Path):
    taken, left = unpacked(packed(tmp_path / "a.zip", {"a.png": bytes(3000), "b.png": b"x"}))
    assert taken == {"10_dog/b.png": b"x"} and "larger" in left["a.png"]
    with pytest.raises(Unfit, match="unfolds"):
        unpacked(packed(tmp_path / "b.zip", {f"{n}.png": bytes(900) for n in range(12)}))
    with pytest.raises(Unfit, match="unfolds"):
        unpacked(packed(tmp_path / "c.zip", {f"{n}.png": b"" for n in range(30)}))
    assert sum(path.stat().st_size for path in (tmp_path / "in").iterdir()) <= SMALL.total


def test_a_locked_zip_says_so(tmp_path: Path):
    content = bytearray(packed(tmp_path / "a.zip", {"a.png": b"12345"}).read_bytes())
    content[content.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    taken, left = unpacked(tmp_path / "a.zip")
    assert taken == {} and "password" in left["a.png"]


def test_names_that_a_zip_does_not_mark_as_utf8_are_read_as_it(tmp_path: Path):
    archive = tmp_path / "a.zip"
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("狗.png", b"1")
    content = archive.read_bytes()
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = content.index(mark) + place
        content = content[:at] + b"\0\0" + content[at + 2 :]
    archive.write_bytes(content)
    assert unpacked(archive)[0] == {"10_dog/狗.png": b"1"}


@settings(max_examples=150, deadline=None)
@given(st.randoms(use_true_random=False), st.booleans())
def test_a_damaged_zip_is_refused_or_read_and_writes_nothing_outside(tmp_path_factory, draws: random.Random, cut: bool):
    place = tmp_path_factory.mktemp("zip")
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.png", "7_x/b.txt", "../c.png"):
            archive.writestr(name, name.encode() * 30)
    content = bytearray(made.getvalue())
    for _ in range(draws.randint(1, 6)):
        content[draws.randrange(len(content))] = draws.randrange(256)
    (place / "a.zip").write_bytes(content[: draws.randrange(len(content))] if cut else content)
    try:
        unpacked(place / "a.zip")
    except Unfit as unfit:
        assert str(unfit.reason)
    assert {path.name for path in place.iterdir()} <= {"a.zip", "in"}


def test_a_slash_is_called_the_reason() -> None:
    with pytest.raises(Unfit) as refused:
        check_name("zip / bot")
    assert "/" in str(refused.value.reason)
