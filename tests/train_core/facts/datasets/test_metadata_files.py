"""Metadata files: captions and tags from JSON or JSONL, sizes from the images themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.pictures import noise_image
from train_core.facts.datasets.folders import Survey
from train_core.facts.datasets.metadata_files import read_metadata


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with a.png, 80 x 64, and b.jpg in a folder below, 64 x 64."""
    folder = tmp_path / "images"
    (folder / "below").mkdir(parents=True)
    noise_image((80, 64)).save(folder / "a.png")
    noise_image((64, 64), 1).save(folder / "below" / "b.jpg")
    return folder


def write(folder: Path, content: dict[str, Any], name: str = "meta.json") -> Path:
    path = folder / name
    path.write_text(json.dumps(content, ensure_ascii=False), encoding="utf-8")
    return path


def write_lines(folder: Path, *lines: dict[str, Any]) -> Path:
    path = folder / "meta.jsonl"
    path.write_text("\n".join(json.dumps(line, ensure_ascii=False) for line in lines) + "\n\n", encoding="utf-8")
    return path


def captions(survey: Survey) -> dict[str, str | None]:
    assert survey.problems == ()
    (folder,) = survey.folders
    return {image.path.name: image.caption for image in folder.images}


def test_tags_are_appended_to_the_caption(tmp_path: Path, images: Path) -> None:
    content = {"a.png": {"caption": "a dog", "tags": "grass, sun"}, "below/b.jpg": {"tags": "night"}}
    survey = read_metadata(write(tmp_path, content), images, 4, ",")
    assert captions(survey) == {"a.png": "a dog,grass, sun", "b.jpg": "night"}
    (folder,) = survey.folders
    assert (folder.path.name, folder.repeats) == ("meta.json", 4)
    assert [image.tags for image in folder.images] == ["grass, sun", "night"]


def test_tags_are_appended_to_every_line_of_a_caption(tmp_path: Path, images: Path) -> None:
    content = {"a.png": {"caption": "a dog\n\na hound ", "tags": "grass"}}
    assert captions(read_metadata(write(tmp_path, content), images, 1, ";")) == {"a.png": "a dog;grass\na hound;grass"}


def test_lines_of_json_say_the_same(tmp_path: Path, images: Path) -> None:
    path = write_lines(
        tmp_path, {"image_path": "a.png", "caption": "a\u2028dog", "tags": "grass"},
        {"image_path": str(images / "below" / "b.jpg"), "caption": "night", "image_size": [64, 64]},
    )  # fmt: skip
    survey = read_metadata(path, images, 1, ",")
    assert captions(survey)["b.jpg"] == "night"
    assert survey.warnings == ()


def test_keys_may_be_absolute_lack_their_ending_or_start_at_the_files_own_folder(tmp_path: Path, images: Path) -> None:
    content = {str(images / "a.png"): {"caption": "x"}, str(images / "below" / "b"): {"caption": "y"}}
    assert captions(read_metadata(write(tmp_path, content), None, 1, ",")) == {"a.png": "x", "b.jpg": "y"}
    content = {"a": {"caption": "x"}, "below/b.jpg": {"caption": "y"}}
    assert captions(read_metadata(write(images, content), None, 1, ",")) == {"a.png": "x", "b.jpg": "y"}


def test_a_size_is_trusted_only_if_the_image_has_it(tmp_path: Path, images: Path) -> None:
    content = {
        "a.png": {"caption": "x", "image_size": [800, 640], "train_resolution": [512, 512]},
        "below/b.jpg": {"caption": "y", "image_size": [64, 64]},
    }
    survey = read_metadata(write(tmp_path, content), images, 1, ",")
    assert [image.size for image in survey.folders[0].images] == [(80, 64), (64, 64)]
    (warning,) = survey.warnings
    assert (warning.code, warning.params["count"]) == ("metadata_sizes_differ", 1)


def test_images_that_are_not_there_are_counted_with_an_example(tmp_path: Path, images: Path) -> None:
    content = {"a.png": {"caption": "x"}, "gone.png": {"caption": "y"}, "gone too": {"caption": "z"}}
    (found,) = read_metadata(write(tmp_path, content), images, 1, ",").problems
    assert (found.code, found.params["count"], found.params["total"]) == ("metadata_images_absent", 2, 3)
    assert found.params["example"] == "gone.png"


def test_wrong_entries_are_all_named(tmp_path: Path, images: Path) -> None:
    content = {
        "a.png": {"caption": 5}, "b": {"image_size": "64x64"}, "c": "a dog", "d": {"image_size": [64, 6.4]},
        "below/b.jpg": {"tags": ["night", "moon"]},
    }  # fmt: skip
    survey = read_metadata(write(tmp_path, content), images, 1, ",")
    assert [found.params["key"] for found in survey.problems] == ["a.png", "b", "c", "d"]
    assert [image.caption for image in survey.folders[0].images] == ["night, moon"]


def test_images_without_words_are_warned_about(tmp_path: Path, images: Path) -> None:
    (warning,) = read_metadata(write(tmp_path, {"a.png": {"caption": " "}}), images, 1, ",").warnings
    assert warning.code == "metadata_without_captions"


def test_an_unreadable_image_is_named(tmp_path: Path, images: Path) -> None:
    (images / "a.png").write_bytes(b"")
    (found,) = read_metadata(write(tmp_path, {"a.png": {"caption": "x"}}), images, 1, ",").problems
    assert found.code == "image_unreadable"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("m.json", b"{"),
        ("m.json", b"[]"),
        ("m.json", b"{}"),
        ("m.json", b"\xff\xfe{}"),
        ("m.jsonl", b'{"image_path": "a.png"}\n{"caption": "no path"}'),
        ("m.jsonl", b'{"image_path": "a.png"}\n{'),
        ("m.jsonl", b"[1]"),
    ],
)
def test_a_file_of_another_shape_is_told_what_is_expected(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    (found,) = read_metadata(path, tmp_path, 1, ",").problems
    assert found.code == "metadata_file_unreadable"
    assert "image_path" in found.text


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    (found,) = read_metadata(tmp_path / "none.json", None, 1, ",").problems
    assert found.code == "metadata_file_unreadable"
