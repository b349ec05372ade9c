"""New pictures of a dataset: a folder of their own, prompts as captions, known as generated."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.pictures import noise_image
from train_core.sampling.png import save_png
from train_core.studio.arriving.added import add_sample, place_of, take_added
from train_core.studio.dataset import dataset_of
from train_core.studio.listing import Listing
from train_core.studio.studio import Studio


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    (tmp_path / "pictures").mkdir()
    noise_image((64, 64), 1).save(tmp_path / "pictures" / "1.png")
    return Studio(dataset_of(tmp_path / "pictures"))


def sample(path: Path, prompt: str) -> Path:
    return save_png(Image.new("RGB", (64, 64)), path, f"{prompt}\nNegative prompt: x\nSteps: 20, Sampler: Euler a")


def test_what_arrives_belongs_to_the_dataset_with_its_prompt(studio: Studio, tmp_path: Path):
    place = place_of(studio.dataset)
    sample(place / "1_added" / "a.png", "a cat")
    sample(place / "1_added" / "b.png", "a dog")
    (place / "1_added" / "b.txt").write_text("mine")
    assert len(take_added(studio).captioned) == 1
    assert studio.dataset.sources == (tmp_path / "pictures", place) == dataset_of(tmp_path / "pictures").sources
    listing = Listing(studio)
    assert [studio.facts[id].caption for id in listing.order("generated")] == ["a cat", "mine"]
    assert len(listing.order("-generated")) == 1
    assert take_added(studio).captioned == set()
    studio.undo()
    assert not (place / "1_added" / "a.txt").exists()


def test_samples_are_copied_under_names_of_their_own(studio: Studio, tmp_path: Path):
    copies = {add_sample(studio.dataset, sample(tmp_path / "s.png", f"cat {number}")) for number in range(3)}
    assert len(copies) == 3
    take_added(studio)
    assert sorted(studio.facts[id].caption for id in Listing(studio).order("generated")) == ["cat 0", "cat 1", "cat 2"]
    assert not studio.last_step  # they came with their captions
