"""Text encoder outputs made once, of every caption that a draw can give."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, multiprocessing

from tests.pictures import ignore_progress, image_folder
from train_core.config.image_settings import DataSettings
from train_core.data.library import open_library
from train_core.data.texts import TextCache, TextEncoder, captions_of
from train_core.facts.images.caption_draws import CaptionRules, Moment, draw_caption, every_caption
from train_core.jobs.start import end_process

CAPTIONS = ["a cat", "a dog", ""]


class FakeEncoder:
    """Gives each text its length and its first letter's number, and counts the texts that it has seen."""

    def __init__(self, fingerprint: str = "text 1") -> None:
        self.seen: list[str] = []
        self.encoder = TextEncoder(fingerprint, self.encode)

    def encode(self, text: str) -> dict[str, Tensor]:
        self.seen.append(text)
        hidden = torch.full((1, 77, 4), float(len(text)), dtype=torch.bfloat16)
        return {"hidden": hidden, "pooled": hidden[:, 0]}


def filled(fake: FakeEncoder, captions: list[str] = CAPTIONS, to_disk: bool = True) -> TextCache:
    cache = TextCache(captions, fake.encoder.fingerprint, to_disk)
    cache.fill(fake.encoder, ignore_progress)
    return cache


def encoded(fingerprint: str = "text 1", captions: list[str] = CAPTIONS, to_disk: bool = True) -> list[str]:
    """Texts that are encoded when the cache is filled."""
    fake = FakeEncoder(fingerprint)
    filled(fake, captions, to_disk)
    return sorted(fake.seen)


@pytest.mark.parametrize("to_disk", [False, True])
def test_what_comes_out_is_what_the_encoder_gave(to_disk: bool) -> None:
    fake = FakeEncoder()
    cache = filled(fake, to_disk=to_disk)
    for caption in CAPTIONS:
        expected = fake.encode(caption)
        assert caption in cache
        assert cache.of(caption).keys() == expected.keys()
        assert all(torch.equal(cache.of(caption)[name], value) for name, value in expected.items())
    assert "a fish" not in cache


def test_a_second_run_encodes_only_what_is_new() -> None:
    assert encoded() == sorted(CAPTIONS)
    assert encoded() == []
    assert encoded(captions=["a cat", "a small cat"]) == ["a small cat"]


def test_another_text_encoder_finds_nothing() -> None:
    encoded()
    assert encoded("text 2") == sorted(CAPTIONS)


def test_memory_keeps_nothing_for_later() -> None:
    assert encoded(to_disk=False) == encoded(to_disk=False) == sorted(CAPTIONS)


def test_a_broken_file_is_made_anew(crucible_home: Path) -> None:
    encoded()
    broken = next((crucible_home / "caches" / "texts").rglob("*.safetensors"))
    broken.write_bytes(broken.read_bytes()[:-3])
    assert len(encoded()) == 1


def test_every_caption_of_the_images_is_known_as_it_is_drawn(tmp_path: Path) -> None:
    """sd-scripts caches the caption as it stands in its file, without prefix and suffix."""
    image_folder(tmp_path, "1_dog", [(64, 64)] * 2, "fur ||| sun")
    settings = DataSettings().with_values({
        "train_data_dir": str(tmp_path), "caption_prefix": "zuko,", "keep_tokens_separator": "|||",
        "caption_dropout_rate": 0.2,
    })  # fmt: skip
    assert captions_of([open_library(settings)]) == ["", "zuko, fur, sun, number 0", "zuko, fur, sun, number 1"]


@pytest.mark.parametrize(
    "rules",
    [
        CaptionRules(prefix="x", suffix="y"),
        CaptionRules(dropout_rate=0.5),
        CaptionRules(dropout_every_n_epochs=2, keep_separator="|", secondary_separator=";"),
    ],
)
def test_no_draw_gives_another_caption(rules: CaptionRules) -> None:
    caption = "a; b | c\nd"
    moments = [Moment(epoch, 7, 9) for epoch in range(4)]
    drawn = {draw_caption(caption, rules, Random(seed), moment) for seed in range(20) for moment in moments}
    assert drawn == every_caption(caption, rules)


@pytest.mark.parametrize(
    "rules", [CaptionRules(shuffle=True), CaptionRules(wildcards=True), CaptionRules(warmup_step=0.5)]
)
def test_captions_that_vary_without_end_are_not_listed(rules: CaptionRules) -> None:
    with pytest.raises(ValueError, match="vary"):
        every_caption("a, b", rules)


def as_one_of_two(rank: int, folder: Path) -> None:
    """Work of each of two processes: fill a cache in memory, write down what it encoded and what it has."""
    rendezvous = (folder / "rendezvous").as_uri()
    torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    fake = FakeEncoder()
    cache = filled(fake, to_disk=False)
    torch.save((fake.seen, [cache.of(caption)["hidden"] for caption in CAPTIONS]), folder / f"{rank}.pt")
    end_process(0)


def test_two_processes_share_the_work_and_both_have_everything(tmp_path: Path) -> None:
    multiprocessing.spawn(as_one_of_two, (tmp_path,), nprocs=2)
    results = [torch.load(tmp_path / f"{rank}.pt") for rank in (0, 1)]
    assert sorted(results[0][0] + results[1][0]) == sorted(CAPTIONS)
    expected = [FakeEncoder().encode(caption)["hidden"] for caption in CAPTIONS]
    for _, states in results:
        assert all(torch.equal(one, other) for one, other in zip(states, expected, strict=True))


def test_the_file_whose_outputs_are_not_numbers_is_named(crucible_home: Path) -> None:
    cache = filled(FakeEncoder())
    assert cache.broken_files(["a cat", "a fish", ""]) == set()
    path = cache.store.path(cache.keys["a cat"])  # type: ignore[attr-defined]
    outputs = cache.of("a cat")
    outputs["pooled"][0, 0] = torch.inf
    save_file(outputs, path)
    assert cache.broken_files(["a dog", "a cat", "a cat", "a fish"]) == {path}
    assert cache.broken_files(["a dog"]) == set()
    assert filled(FakeEncoder(), to_disk=False).broken_files(["a cat"]) == set()
