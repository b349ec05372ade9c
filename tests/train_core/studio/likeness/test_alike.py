"""Likeness: hashes as imagehash has them, copies that are the same, look-alikes of other colours that are not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from train_core.config.places import app_dir
from train_core.studio.dataset import dataset_of
from train_core.studio.likeness.alike import Group, groups
from train_core.studio.listing import Listing
from train_core.studio.measures import Measures, known, measure, measured, percentiles, perceptual_hash
from train_core.studio.studio import Studio

DEMO = sorted((app_dir() / "demo").rglob("*.png"))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def photograph(seed: int, size: tuple[int, int] = (300, 400)) -> Image.Image:
    """A picture with large and small structures, unlike others of another seed."""
    draw = np.random.default_rng(seed)
    coarse = Image.fromarray(draw.integers(0, 255, (7, 5, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    fine = Image.fromarray(draw.integers(0, 255, (60, 45, 3), dtype=np.uint8)).resize(size, Image.Resampling.BICUBIC)
    return Image.blend(coarse, fine, 0.25)


@pytest.mark.parametrize("seed", range(12))
def test_hashes_are_those_of_imagehash(tmp_path: Path, seed: int):
    picture = photograph(seed, (100 + 37 * seed, 90 + 23 * seed))
    picture.save(tmp_path / "x.png")
    assert f"{measure(tmp_path / 'x.png').hash:016x}" == str(imagehash.phash(picture))
    assert perceptual_hash(ImageOps.mirror(picture).convert("L")) == measure(tmp_path / "x.png").mirrored


def test_copies_are_the_same_and_others_are_not(tmp_path: Path):
    for number in range(6):
        photograph(number).save(tmp_path / f"{number}.png")
    original = photograph(0)
    original.save(tmp_path / "0 jpeg.jpg", quality=30)
    original.resize((150, 200)).save(tmp_path / "0 half.png")
    ImageOps.mirror(original).save(tmp_path / "0 mirrored.png")
    ImageEnhance.Brightness(original).enhance(1.1).save(tmp_path / "0 brighter.png")
    paths = sorted(tmp_path.glob("*.*g"))
    found = groups(list(measured(paths).values()))
    assert [group.kind for group in found] == ["same"]
    assert {paths[place].name[0] for place in found[0].members} == {"0"}
    assert len(found[0].members) == 5


def test_one_shape_in_another_colour_looks_alike_and_is_not_the_same(tmp_path: Path):
    picture = photograph(1)
    picture.save(tmp_path / "a.png")
    red, green, blue = picture.split()
    mixed = Image.merge("RGB", (blue, red, green))
    grey = picture.convert("L")
    tinted = ImageOps.colorize(grey, "navy", "white")
    tinted.save(tmp_path / "b.png")
    ImageOps.colorize(grey, "black", "orange").save(tmp_path / "c.png")
    del mixed
    found = groups(list(measured(sorted(tmp_path.glob("*.png"))).values()))
    assert "same" not in {group.kind for group in found}
    assert [group.kind for group in found] == ["alike"]


def test_the_demos_pictures_of_other_colours_are_never_the_same(tmp_path: Path):
    known_pictures = measured(DEMO)
    paths = list(known_pictures)
    assert len(paths) >= 16
    for group in groups(list(known_pictures.values())):
        if group.kind == "same":
            members = [known_pictures[paths[place]] for place in group.members]
            colours = [np.frombuffer(one.colours, np.uint8).astype(int) for one in members]
            assert all(np.abs(one - colours[0]).mean() <= 20 for one in colours)


def test_sharpness_tells_a_picture_from_its_blurred_copy(tmp_path: Path):
    for number in range(5):
        sharp = photograph(number)
        sharp.save(tmp_path / "sharp.png")
        sharp.resize((75, 100)).resize(sharp.size).save(tmp_path / "blurred.png")
        assert measure(tmp_path / "sharp.png").sharpness > measure(tmp_path / "blurred.png").sharpness


def test_shares_are_percentiles():
    assert percentiles([3.0, 1.0, 2.0]) == [100, 0, 50]
    assert percentiles([5.0]) == [100]
    assert percentiles([]) == []


def test_measures_are_remembered_and_come_into_the_listing(tmp_path: Path):
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(4):
        photograph(number).save(folder / f"{number}.png")
    photograph(0).save(folder / "copy.jpg", quality=80)
    listing = Listing(Studio(dataset_of(folder)))
    assert listing.take_measures() == 0
    assert listing.order("same") == []
    (folder / "broken.png").write_bytes(b"nothing")
    assert len(measured(sorted(folder.iterdir()))) == 5
    assert [one is None for one in known(sorted(folder.iterdir())).values()].count(True) == 1
    assert listing.take_measures() == 5
    (group,) = listing.alike()
    names = {listing.studio.pictures[id].path.name for id in group.pictures}
    assert names == {"0.png", "copy.jpg"}
    assert set(listing.order("same")) == set(group.pictures)
    assert listing.studio.pictures[listing.order("sharp>=100")[0]].path.name in names | {"1.png", "2.png", "3.png"}
    (folder / "copy.jpg").unlink()
    listing.studio.look()  # as another request may do before this one has its answer
    assert listing.alike() == []


def test_no_pictures_have_no_groups():
    assert groups([]) == []
    assert groups([Measures(0, 0, bytes(768), 1, 0.5)]) == []


def test_pictures_are_marked_while_thousands_of_others_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "set"
    folder.mkdir()
    for number in range(3):
        photograph(number).save(folder / f"{number}.png")
    measured(sorted(folder.iterdir()))
    listing = Listing(Studio(dataset_of(folder)))
    listing.take_measures()
    marked: list[bool] = []

    def slowly(*given: Any) -> list[Group]:
        marking = threading.Thread(target=lambda: listing.studio.mark(list(listing.studio.pictures), "k"))
        marking.start()
        marking.join()  # for ever if it had to wait
        marked.append(True)
        return groups(*given)

    monkeypatch.setattr("train_core.studio.listing.groups", slowly)
    assert listing.alike() == [] and listing.alike() == [] and marked == [True]
    assert listing.counts()["k"] == 3
