"""The best of near-duplicates: as large, captioned, unmirrored, lossless, sharp, and as a person has decided."""

from __future__ import annotations

import shutil
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from train_core.studio.dataset import dataset_of
from train_core.studio.decisions import KEEP, REJECT, SKIP
from train_core.studio.likeness.copies import FEW_COLOURS, LOSSLESS, LOSSY, Copy, Kept, kept_by, ranked
from train_core.studio.listing import Listing
from train_core.studio.measures import measured
from train_core.studio.studio import Studio


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


def photograph(seed: int = 0) -> Image.Image:
    draw = np.random.default_rng(seed)
    noise = [Image.fromarray(draw.integers(0, 255, shape, dtype=np.uint8)) for shape in ((7, 5, 3), (60, 45, 3))]
    coarse, fine = (one.resize((300, 400), Image.Resampling.BICUBIC) for one in noise)
    return Image.blend(coarse, fine, 0.25)


LOSSY_ONE, LOSSLESS_ONE = Kept(LOSSY, 900), Kept(LOSSLESS, 500)


@pytest.mark.parametrize(
    "copies",
    [
        (Copy(1000), Copy(940, captioned=True, kept=LOSSLESS_ONE)),  # far fewer pixels
        (Copy(950, captioned=True), Copy(1000, kept=LOSSLESS_ONE, sharpness=9)),  # as many
        (Copy(100), Copy(100, mirrored=True, kept=LOSSLESS_ONE, sharpness=9)),
        (Copy(100, kept=LOSSLESS_ONE), Copy(100, kept=LOSSY_ONE, sharpness=9)),
        (Copy(100, kept=LOSSY_ONE), Copy(100, kept=Kept(FEW_COLOURS, 5000), sharpness=9)),
        (Copy(100, kept=Kept(LOSSY, 90)), Copy(100, kept=Kept(LOSSY, 30), sharpness=9)),
        (Copy(100, kept=Kept(LOSSLESS, 30), sharpness=9), Copy(100, kept=Kept(LOSSLESS, 90), sharpness=1)),
        (Copy(10, mark=KEEP), Copy(100), Copy(200, mark=REJECT), Copy(100, mark=SKIP, captioned=True)),
    ],
)
def test_copies_are_ranked_in_whichever_order_they_come(copies: tuple[Copy, ...]):
    for given in permutations(range(len(copies))):
        found = ranked({place: copies[place] for place in given})
        assert found[:2] == [0, 1]


def test_what_files_keep_is_told_by_their_kind(tmp_path: Path):
    photo = photograph()
    photo.save(tmp_path / "lossless.png")
    photo.save(tmp_path / "lossless.webp", lossless=True)
    photo.save(tmp_path / "lossy.webp")
    photo.save(tmp_path / "lossy.jpg")
    photo.quantize(32).save(tmp_path / "few.png")
    photo.save(tmp_path / "few.gif")
    (tmp_path / "broken.png").write_bytes(b"nothing")
    kept = kept_by(sorted(tmp_path.iterdir()))
    assert {path.name: one.how for path, one in kept.items()} == {
        "lossless.png": LOSSLESS, "lossless.webp": LOSSLESS, "lossy.webp": LOSSY, "lossy.jpg": LOSSY,
        "few.png": FEW_COLOURS, "few.gif": FEW_COLOURS,
    }  # fmt: skip
    assert all(one.size == path.stat().st_size for path, one in kept.items())


def opened(folder: Path) -> tuple[Listing, dict[str, int]]:
    measured(sorted(folder.glob("*.*g")))
    listing = Listing(Studio(dataset_of(folder)))
    listing.take_measures()
    return listing, {picture.path.name: id for id, picture in listing.studio.pictures.items()}


def test_a_lossless_picture_is_better_than_its_jpegs_palettes_and_mirror_images(tmp_path: Path):
    folder = tmp_path / "set"
    folder.mkdir()
    photo = photograph()
    photo.save(folder / "photo.png")
    photo.save(folder / "jpeg.jpg", quality=70)
    photo.quantize(64).save(folder / "palette.png")
    ImageOps.mirror(photo).save(folder / "mirrored.png")
    listing, ids = opened(folder)
    [(kind, pictures)] = listing.copies()
    assert (kind, pictures[0], pictures[-1]) == ("same", ids["photo.png"], ids["mirrored.png"])
    listing.studio.mark([ids["photo.png"]], SKIP)
    assert listing.copies()[0][1][0] == ids["jpeg.jpg"]
    listing.studio.mark([ids["palette.png"]], KEEP)
    assert listing.copies()[0][1][0] == ids["palette.png"]
    listing.studio.undo()
    listing.studio.undo()
    listing.studio.edit([ids["mirrored.png"]], lambda _: "1girl", {})
    assert listing.copies()[0][1][0] == ids["mirrored.png"]


def test_copies_are_those_among_the_pictures_that_a_filter_shows(tmp_path: Path):
    folder = tmp_path / "set"
    folder.mkdir()
    photo = photograph()
    for name in ("a1.png", "a2.png", "b1.png"):
        photo.save(folder / name)
    photo.convert("L").save(folder / "b2.png")
    listing, ids = opened(folder)
    assert [(kind, len(pictures)) for kind, pictures in listing.copies()] == [("same", 3), ("alike", 4)]
    assert [(kind, set(pictures)) for kind, pictures in listing.copies("name:a")] == [
        ("same", {ids["a1.png"], ids["a2.png"]})
    ]
    assert listing.copies("name:a1") == []


def test_files_with_the_same_content_are_counted_each(tmp_path: Path):
    folder = tmp_path / "set"
    folder.mkdir()
    photograph().save(folder / "1.png")
    shutil.copy(folder / "1.png", folder / "2.png")
    photograph(1).save(folder / "3.png")
    studio = Studio(dataset_of(folder))
    studio.mark(list(studio.pictures), REJECT)
    step = Studio(studio.dataset).last_step
    assert step is not None and step.words["pictures"] == 3 and len(step.change) == 2
