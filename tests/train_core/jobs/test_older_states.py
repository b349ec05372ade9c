"""A state of a version that read captions or chose buckets in another way says what differs, and training goes on."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.event_lines import Event
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_resume import train
from tests.train_core.jobs.test_resume_contents import FIRST, LONGER, assert_completes
from train_core.config.files import read_config
from train_core.config.image_settings import DataSettings
from train_core.data.library import open_library
from train_core.facts.run.states import INFO

SIZE, OLDER_BUCKET = (64, 80), [48, 64]  # at resolution 64 in steps of 8; the bucket is 56x72 now


def make_older(state: Path, config: Path, buckets: dict[str, list[int]]) -> None:
    """Rewrite a state as versions wrote it that noted no contents, with other `buckets` of some images by name."""
    library = open_library(DataSettings.of(read_config(config).config))
    rows = [
        [e.folder.name, e.path.name, e.caption, e.repeats, buckets.get(e.path.name, e.fit.bucket), e.size]
        for e in library.entries
    ]
    said: dict[str, Any] = json.loads((state / INFO).read_text(encoding="utf-8"))
    del said["contents"], said["reading"]
    said["data"] = hashlib.sha256(json.dumps(rows).encode()).hexdigest()
    (state / INFO).write_text(json.dumps(said), encoding="utf-8")


def notices(events: list[Event]) -> dict[str, Any]:
    return {event["code"]: event["params"].get("images") for event in events if event["kind"] == "notice"}


@pytest.mark.parametrize("older", [True, False])
def test_captions_that_are_cleaned_now_are_counted_and_named(
    prepare: Prepare, images: Path, tmp_path: Path, older: bool
) -> None:
    (images / "2_zuko dog" / "1.txt").write_text("a dog’s “fur”", encoding="utf-8")
    config = prepare("zuko", **FIRST)
    train(config)
    if older:
        make_older(tmp_path / "out" / "zuko-state", config, {})
    events = train(config, **LONGER)
    assert_completes(events)
    assert notices(events).get("resume_captions_cleaned") == ("1.png" if older else None)


@pytest.mark.parametrize("older", [True, False])
def test_images_that_have_other_buckets_now_are_counted_and_named(
    prepare: Prepare, images: Path, tmp_path: Path, older: bool
) -> None:
    Image.effect_noise(SIZE, 90).convert("RGB").save(images / "1_tall cat" / "odd.png")
    config = prepare("zuko", bucket_reso_steps=8, min_bucket_reso=8, **FIRST)
    train(config)
    if older:
        make_older(tmp_path / "out" / "zuko-state", config, {"odd.png": OLDER_BUCKET})
    events = train(config, **LONGER)
    assert_completes(events)
    assert notices(events).get("resume_buckets_differ") == ("odd.png" if older else None)


def test_an_older_state_of_other_images_is_still_refused(prepare: Prepare, images: Path, tmp_path: Path) -> None:
    config = prepare("zuko", **FIRST)
    train(config)
    make_older(tmp_path / "out" / "zuko-state", config, {"1.png": [64, 192]})
    events = train(config, **LONGER)
    assert events[-1]["status"] == "failed"
    assert [event["code"] for event in events if event["kind"] == "error"] == ["resume_order_differs"]
