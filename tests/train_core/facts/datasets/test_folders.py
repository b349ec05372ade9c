"""Finding images and captions, and naming what is wrong with where they lie."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.pictures import image_folder, noise_image
from train_core.config.problems import Problem, UserError, raise_if_any
from train_core.facts.advice import cure_of
from train_core.facts.datasets.folders import ImageFolder, look
from train_core.facts.datasets.layout import with_repeats

ENDINGS = ["a.png", "b.PNG", "c.jpg", "d.JpG", "e.jpeg", "f.webp", "g.bmp", "h.avif"]


def scan(parent: Path, caption_extension: str) -> list[ImageFolder]:
    """The folders of a survey in which nothing is wrong. Raises UserError with everything that is."""
    survey = look(parent, caption_extension)
    raise_if_any(survey.problems)
    return list(survey.folders)


def only_problem(folder: Path) -> Problem:
    with pytest.raises(UserError) as error:
        scan(folder, ".txt")
    (found,) = error.value.problems
    return found


def test_folders_and_images_come_sorted_with_repeats_class_tokens_and_captions(tmp_path: Path) -> None:
    image_folder(tmp_path, "3_zuko_the big dog", [(80, 64), (64, 64)], "a dog")
    image_folder(tmp_path, "10_a", [(64, 100)])
    first, second = scan(tmp_path, "txt")
    assert (first.repeats, first.class_tokens, first.path.name) == (10, "a", "10_a")
    assert (second.repeats, second.class_tokens) == (3, "zuko_the big dog")
    assert first.images[0].caption_path is None
    assert [image.path.name for image in second.images] == ["00.png", "01.png"]
    assert [image.caption_path.name for image in second.images if image.caption_path] == ["00.txt", "01.txt"]
    assert [image.size for image in second.images] == [(80, 64), (64, 64)]


def test_every_known_format_is_found_in_any_letter_case(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_x", [])
    for name in ENDINGS:
        noise_image((64, 48)).save(folder / name)
    for name in ("notes.txt", "._a.png", "clip.gif"):
        (folder / name).write_bytes(b"no image")
    (found,) = scan(tmp_path, ".txt")
    assert [image.path.name for image in found.images] == ENDINGS
    assert {image.size for image in found.images} == {(64, 48)}


def test_a_caption_is_found_in_any_letter_case(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_x", [(64, 64)])
    (folder / "00.TXT").write_text("a", encoding="utf-8")
    assert scan(tmp_path, ".txt")[0].images[0].caption_path == folder / "00.TXT"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ["x.jpg", "x.png", "x.webp", "x.avif"])
def test_the_size_is_that_of_the_rotated_image(tmp_path: Path, orientation: int, name: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise_image((96, 64)).save(image_folder(tmp_path, "1_x", []) / name, exif=exif)
    assert scan(tmp_path, ".txt")[0].images[0].size == ((96, 64) if orientation < 5 else (64, 96))


def test_sizes_are_remembered_until_a_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = image_folder(tmp_path, "1_x", [(64, 64), (80, 64)])
    scan(tmp_path, ".txt")
    opened: list[str] = []
    really_open = Image.open
    monkeypatch.setattr(Image, "open", lambda path: opened.append(Path(path).name) or really_open(path))
    scan(tmp_path, ".txt")
    assert opened == []
    noise_image((128, 64), 5).save(folder / "01.png")
    assert [image.size for image in scan(tmp_path, ".txt")[0].images] == [(64, 64), (128, 64)]
    assert opened == ["01.png"]


def test_a_broken_memory_file_only_costs_time(tmp_path: Path, crucible_home: Path) -> None:
    image_folder(tmp_path, "1_x", [(64, 64)])
    (crucible_home / "caches").mkdir()
    database = crucible_home / "caches" / "files.sqlite"
    database.write_bytes(b"this is no database" * 100)
    assert scan(tmp_path, ".txt")[0].images[0].size == (64, 64)
    assert database.read_bytes().startswith(b"SQLite format 3")


def test_choosing_the_image_folder_itself_names_its_parent(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "3_zuko dog", [(64, 64), (64, 64)])
    found = only_problem(folder)
    assert found.code == "image_folder_is_child"
    assert found.params == {"folder": str(folder), "count": 2, "above": str(tmp_path)}


def test_images_directly_in_the_parent_are_told_where_to_go(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "dogs", [(64, 64)])
    found = only_problem(folder)
    assert found.code == "images_in_parent"
    assert str(folder / "10_name") in found.text


def test_folders_without_a_number_are_named(tmp_path: Path) -> None:
    image_folder(tmp_path, "zuko", [(64, 64)])
    found = only_problem(tmp_path)
    assert found.code == "no_folder_with_number"
    assert "10_zuko" in found.text


def test_choosing_a_folder_several_levels_too_high_names_the_right_one(tmp_path: Path) -> None:
    image_folder(tmp_path / "project" / "img", "3_zuko", [(64, 64)])
    for chosen in (tmp_path / "project", tmp_path):
        found = only_problem(chosen)
        assert found.code == "image_folder_too_high"
        assert found.params["deeper"] == str(tmp_path / "project" / "img")


def test_a_folder_of_several_projects_names_them_all(tmp_path: Path) -> None:
    for project in ("dog", "fox", "reg"):
        image_folder(tmp_path / project, "3_zuko", [(64, 64)])
    found = only_problem(tmp_path)
    assert (found.code, found.params["names"]) == ("image_folders_too_high", "dog, fox")
    cure = cure_of(found, {"train_data_dir": str(tmp_path), "reg_data_dir": ""})
    assert cure is not None
    assert cure.value in {str(tmp_path / "dog"), str(tmp_path / "fox")}


def test_images_below_an_image_folder_are_named(tmp_path: Path) -> None:
    deeper = image_folder(tmp_path / "3_zuko", "more", [(64, 64)])
    found = only_problem(tmp_path)
    assert found.code == "images_too_deep"
    assert found.params["deeper"] == str(deeper)


def test_an_image_folder_without_images_is_named(tmp_path: Path) -> None:
    image_folder(tmp_path, "1_full", [(64, 64)])
    image_folder(tmp_path, "3_zuko", [])
    found = only_problem(tmp_path)
    assert (found.code, found.params["folder"]) == ("image_folder_empty", str(tmp_path / "3_zuko"))


@pytest.mark.parametrize(("kind", "code"), [("nothing", "image_folder_missing"), ("file", "image_folder_is_file")])
def test_a_wrong_path_is_named(tmp_path: Path, kind: str, code: str) -> None:
    path = tmp_path / "there"
    if kind == "file":
        path.touch()
    assert only_problem(path).code == code


def test_an_empty_parent_says_what_is_expected(tmp_path: Path) -> None:
    found = only_problem(tmp_path)
    assert found.code == "no_images_found"
    assert "10_name" in found.text


def test_all_unreadable_images_are_named_at_once(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_x", [(64, 64)] * 4)
    (folder / "00.png").write_bytes(b"")
    (folder / "01.png").write_text("<html>not found</html>", encoding="utf-8")
    (folder / "02.png").write_bytes((folder / "02.png").read_bytes()[:-3000])
    with pytest.raises(UserError) as error:
        scan(tmp_path, ".txt")
    found = error.value.problems
    assert [Path(p.params["path"]).name for p in found] == ["00.png", "01.png", "02.png"]
    assert {p.code for p in found} == {"image_unreadable"}
    assert "empty" in found[0].text
    assert "not in a known image format" in found[1].text


@pytest.mark.parametrize("name", ["x.jpg", "x.webp"])
def test_an_image_cut_short_is_unreadable(tmp_path: Path, name: str) -> None:
    path = image_folder(tmp_path, "1_x", []) / name
    noise_image((256, 256)).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert only_problem(tmp_path).code == "image_unreadable"


def test_what_is_not_used_is_warned_about(tmp_path: Path) -> None:
    image_folder(tmp_path, "1_x", [(64, 64)], "a")
    image_folder(tmp_path, "0_off", [(64, 64)])
    image_folder(tmp_path, "later", [(64, 64)])
    image_folder(tmp_path, "logs", [])
    noise_image((64, 64)).save(tmp_path / "stray.png")
    survey = look(tmp_path, ".txt")
    assert survey.problems == ()
    assert [folder.path.name for folder in survey.folders] == ["1_x"]
    assert {w.code for w in survey.warnings} == {
        "folder_repeats_zero",
        "folder_without_repeats",
        "images_beside_folders",
    }


def test_pictures_in_other_formats_are_warned_about(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_x", [(64, 64)], "a")
    (folder / "IMG_1.HEIC").touch()
    (warning,) = look(tmp_path, ".txt").warnings
    assert warning.code == "images_in_other_formats"
    assert warning.params["example"] == "IMG_1.HEIC"


@pytest.mark.parametrize("orientation", [0, 9, 700])
def test_a_nonsensical_orientation_is_none(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    noise_image((96, 64)).save(image_folder(tmp_path, "1_x", []) / "x.jpg", exif=exif)
    assert scan(tmp_path, ".txt")[0].images[0].size == (96, 64)


def test_a_broken_exif_block_does_not_make_an_image_unreadable(tmp_path: Path) -> None:
    path = image_folder(tmp_path, "1_x", []) / "x.jpg"
    noise_image((96, 64)).save(path, exif=b"Exif\0\0no tiff header at all")
    assert scan(tmp_path, ".txt")[0].images[0].size == (96, 64)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="the administrator may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    tmp_path.chmod(0)
    try:
        assert only_problem(tmp_path).code == "image_folder_not_readable"
    finally:
        tmp_path.chmod(0o700)


def test_missing_captions_are_warned_about(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_zuko dog", [(64, 64), (64, 64)])
    (folder / "00.txt").write_text("a", encoding="utf-8")
    (warning,) = look(tmp_path, ".txt").warnings
    assert warning.code == "captions_missing"
    assert (warning.params["count"], warning.params["class_tokens"]) == (1, "zuko dog")


def test_captions_with_another_ending_are_pointed_at(tmp_path: Path) -> None:
    image_folder(tmp_path, "1_x", [(64, 64)], "a")
    (warning,) = look(tmp_path, ".caption").warnings
    assert warning.code == "captions_with_other_ending"
    assert "caption_extension to .txt" in warning.text


@pytest.mark.parametrize(
    ("name", "better"),
    [
        ("5-zuko dog", "5_zuko dog"), ("5 _x", "5_x"), ("0_x", "1_x"), ("5＿x", "5_x"), (" 5_x", "5_x"), ("7 x", "7_x"),
        ("0-x", "1_x"), ("12. a dog", "12_a dog"), ("zuko", "10_zuko"), ("2B", "10_2B"), ("1girl", "10_1girl"),
        ("5-", "10_5-"), ("2024-05 trip", "10_2024-05 trip"),
    ],
)
def test_advice_mends_the_number_that_is_there(name: str, better: str) -> None:
    assert with_repeats(name) == better


def test_every_advice_on_folder_names_is_accepted(tmp_path: Path) -> None:
    for name in ("5-zuko dog", "5 _x", "0_y"):
        parent = tmp_path / name.strip("05 -_")
        folder = image_folder(parent, name, [(64, 64)], "a")
        found = only_problem(parent)
        folder.rename(parent / found.params["better"])
        (used,) = scan(parent, ".txt")
        assert used.repeats == (5 if name[0] == "5" else 1)


def test_advice_beside_a_good_folder_mends_too(tmp_path: Path) -> None:
    for name in ("2_good", "5-zuko dog", "0_x"):
        image_folder(tmp_path, name, [(64, 64)], "a")
    better = {found.code: found.params["better"] for found in look(tmp_path, ".txt").warnings}
    assert better == {"folder_without_repeats": "5_zuko dog", "folder_repeats_zero": "1_x"}


@pytest.mark.parametrize("wrong", ["{stem}.txt.txt", "{name}.txt", "{stem}.TXT.txt"])
def test_a_doubled_ending_is_seen_for_what_it_is(tmp_path: Path, wrong: str) -> None:
    folder = image_folder(tmp_path, "1_x", [(64, 64), (64, 64)])
    name = wrong.format(stem="00", name="00.png")
    (folder / name).write_text("a", encoding="utf-8")
    doubled, missing = look(tmp_path, ".txt").warnings
    assert (doubled.code, doubled.params["example"], doubled.params["better"]) == (
        "captions_with_doubled_ending", name, "00.txt",
    )
    assert (missing.code, missing.params["count"]) == ("captions_missing", 1)


def test_many_unreadable_images_are_one_message(tmp_path: Path) -> None:
    folder = image_folder(tmp_path, "1_x", [(64, 64)], "a")
    for number in range(12):
        (folder / f"broken{number}.png").write_bytes(b"no image")
    (found,) = look(tmp_path, ".txt").problems
    assert (found.code, found.params["count"]) == ("images_unreadable", 12)
