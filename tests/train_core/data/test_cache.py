"""Cached latents: made once, and made anew when what they were made from changes."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing

from tests.pictures import FakeVae, ignore_progress, image_folder, noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.data.cache import LatentCache
from train_core.data.library import Library, open_library
from train_core.data.moments import Moments
from train_core.data.stores import DiskStore
from train_core.jobs.start import end_process

SIZES = [(128, 128), (128, 128), (192, 100)]


@pytest.fixture
def settings(tmp_path: Path) -> DatasetSettings:
    """Three images in two buckets."""
    image_folder(tmp_path / "images", "2_x", SIZES, "a")
    return DatasetSettings(train_data_dir=str(tmp_path / "images"), resolution="128")


def library_of(settings: DatasetSettings, flip: bool = False) -> Library:
    return open_library(DataSettings(settings, augmentation=AugmentationSettings(flip_aug=flip)))


def fill(settings: DatasetSettings, vae: FakeVae, flip: bool = False, to_disk: bool = True) -> LatentCache:
    cache = LatentCache(library_of(settings, flip), vae.encoder.fingerprint, to_disk)
    cache.fill(vae.encoder, 2, ignore_progress)
    return cache


def encoded(settings: DatasetSettings, fingerprint: str = "vae 1", flip: bool = False) -> int:
    """How many images the VAE sees when the cache is filled."""
    vae = FakeVae(fingerprint)
    fill(settings, vae, flip)
    return vae.images


def cache_files(home: Path) -> list[Path]:
    return sorted((home / "caches" / "latents").rglob("*.safetensors"))


def test_a_second_run_encodes_nothing(settings: DatasetSettings) -> None:
    assert encoded(settings) == 3
    assert encoded(settings) == 0


def test_memory_keeps_nothing_for_later(settings: DatasetSettings, crucible_home: Path) -> None:
    for _ in range(2):
        vae = FakeVae()
        cache = fill(settings, vae, to_disk=False)
        assert vae.images == 3
        assert cache.moments(0, False).mean.shape == (3, 16, 16)
    assert cache_files(crucible_home) == []


def test_an_edited_image_is_noticed_even_at_the_same_size(settings: DatasetSettings) -> None:
    before = fill(settings, FakeVae()).moments(0, False).mean
    noise_image((128, 128), seed=99).save(Path(settings.train_data_dir) / "2_x" / "00.png")
    vae = FakeVae()
    after = fill(settings, vae).moments(0, False).mean
    assert vae.images == 1
    assert not torch.equal(before, after)


def test_a_touched_or_moved_image_is_not_encoded_again(settings: DatasetSettings, tmp_path: Path) -> None:
    encoded(settings)
    os.utime(Path(settings.train_data_dir) / "2_x" / "00.png", (1, 1))
    assert encoded(settings) == 0
    Path(settings.train_data_dir).rename(tmp_path / "elsewhere")
    assert encoded(settings.model_copy(update={"train_data_dir": str(tmp_path / "elsewhere")})) == 0


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"resolution": "64"}, 3),
        ({"bucket_reso_steps": 8}, 1),
        ({"enable_bucket": False}, 1),
        ({"caption_extension": ".caption"}, 0),
    ],
)
def test_another_bucket_is_noticed(settings: DatasetSettings, change: dict[str, object], again: int) -> None:
    """With a step of 8, and with buckets off, only the wide image is cut differently."""
    encoded(settings)
    assert encoded(settings.model_copy(update=change)) == again


def test_another_vae_is_noticed(settings: DatasetSettings) -> None:
    encoded(settings)
    assert encoded(settings, fingerprint="vae 2") == 3
    assert encoded(settings) == 0


def test_mirrored_latents_are_kept_beside_the_plain_ones(settings: DatasetSettings) -> None:
    encoded(settings)
    assert encoded(settings, flip=True) == 3
    cache = fill(settings, FakeVae(), flip=True)
    torch.testing.assert_close(cache.moments(0, True).mean, cache.moments(0, False).mean.flip(-1))


def test_a_copy_of_an_image_is_encoded_once(settings: DatasetSettings) -> None:
    folder = Path(settings.train_data_dir) / "2_x"
    (folder / "copy.png").write_bytes((folder / "00.png").read_bytes())
    assert encoded(settings) == 3


@pytest.mark.parametrize("content", [b"", b"no tensors", "cut"])
def test_a_broken_cache_file_is_made_anew(settings: DatasetSettings, crucible_home: Path, content: bytes | str) -> None:
    before = fill(settings, FakeVae()).moments(0, False).mean
    for path in cache_files(crucible_home):
        path.write_bytes(path.read_bytes()[:-8] if content == "cut" else content)
    vae = FakeVae()
    assert torch.equal(fill(settings, vae).moments(0, False).mean, before)
    assert vae.images == 3


def test_cached_latents_lost_during_the_run_are_named(settings: DatasetSettings, crucible_home: Path) -> None:
    cache = fill(settings, FakeVae())
    for path in cache_files(crucible_home):
        path.unlink()
    with pytest.raises(UserError) as error:
        cache.moments(0, False)
    assert error.value.problems[0].code == "cache_lost"


def test_nothing_is_written_beside_the_images_and_nothing_is_left_over(
    settings: DatasetSettings, crucible_home: Path
) -> None:
    before = sorted(Path(settings.train_data_dir).rglob("*"))
    fill(settings, FakeVae())
    assert sorted(Path(settings.train_data_dir).rglob("*")) == before
    written = sorted(path for path in (crucible_home / "caches" / "latents").rglob("*") if path.is_file())
    assert written == cache_files(crucible_home)
    assert all(path.parent.name == path.name[:2] for path in written)


def test_disk_and_memory_hold_the_same_fp32_numbers(settings: DatasetSettings) -> None:
    disk, memory = fill(settings, FakeVae()), fill(settings, FakeVae(), to_disk=False)
    for index in range(3):
        one, other = disk.moments(index, False), memory.moments(index, False)
        assert one.mean.dtype == one.logvar.dtype == torch.float32
        assert torch.equal(one.mean, other.mean)
        assert torch.equal(one.logvar, other.logvar)


def test_progress_counts_to_the_total(settings: DatasetSettings) -> None:
    told: list[tuple[int, int]] = []
    vae = FakeVae()
    LatentCache(library_of(settings, flip=True), "x", False).fill(vae.encoder, 4, lambda *numbers: told.append(numbers))
    assert told == [(done, 6) for done in range(1, 7)]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_latents_that_are_not_numbers_are_refused_with_the_picture_s_name(
    settings: DatasetSettings, crucible_home: Path, value: float
) -> None:
    def overflowing(pixels: Tensor) -> Moments:
        moments = FakeVae().encode(pixels)
        moments.mean[-1, 0, 0, 0] = value
        return moments

    cache = LatentCache(library_of(settings), "x", True)
    with pytest.raises(UserError) as error:
        cache.fill(replace(FakeVae().encoder, encode=overflowing), 1, ignore_progress)
    (found,) = error.value.problems
    assert found.code == "latents_not_finite"
    assert Path(found.params["path"]).parent.name == "2_x"
    assert cache_files(crucible_home) == []


def test_an_unreadable_image_ends_the_filling_with_its_name(settings: DatasetSettings) -> None:
    library = library_of(settings)
    cache = LatentCache(library, "x", True)
    library.entries[1].path.write_bytes(b"gone")
    with pytest.raises(UserError) as error:
        cache.fill(FakeVae().encoder, 1, ignore_progress)
    assert error.value.problems[0].params["path"] == str(library.entries[1].path)


def test_what_cannot_be_written_leaves_no_file_and_is_kept_in_memory_which_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError("disk full")

    store = DiskStore(tmp_path)
    store.put("first", {"mean": torch.zeros(1)})
    assert store.remarks() == []
    monkeypatch.setattr("train_core.data.stores.save_file", fail)
    store.put("abcd", {"mean": torch.ones(1)})
    store.share()
    assert [path.stem for path in tmp_path.rglob("*") if path.is_file()] == ["first"]
    assert not store.lacks("abcd")
    assert store.get("abcd")["mean"] == 1
    (told,) = store.remarks()
    assert (told.code, told.params["count"], told.params["reason"]) == ("cache_not_written", 1, "disk full")
    assert DiskStore(tmp_path).lacks("abcd")


def as_one_of_two(rank: int, settings: DatasetSettings, folder: Path) -> None:
    """Work of each of two processes: fill both kinds of cache, write down the outcome, meet a broken image."""
    rendezvous = (folder / "rendezvous").as_uri()
    torch.distributed.init_process_group("gloo", init_method=rendezvous, rank=rank, world_size=2)
    results = []
    for to_disk in (False, True):
        vae = FakeVae()
        cache = fill(settings, vae, flip=True, to_disk=to_disk)
        results.append((vae.images, all_means(cache)))
    cache = LatentCache(library_of(settings), "another", False)
    torch.distributed.barrier()
    cache.pictures[cache.keys[1, False]].entry.path.write_bytes(b"gone")
    torch.distributed.barrier()
    try:
        cache.fill(FakeVae().encoder, 1, ignore_progress)
    except UserError as error:
        results.append(error.problems[0].params["path"])
    torch.save(results, folder / f"{rank}.pt")
    end_process(0)


def all_means(cache: LatentCache) -> list[Tensor]:
    return [cache.moments(index, flipped).mean for index in range(3) for flipped in (False, True)]


def test_two_processes_share_the_work_and_both_have_everything(settings: DatasetSettings, tmp_path: Path) -> None:
    """Also what goes wrong in one of them: the other must learn of it, since one may be the only one that is heard."""
    expected = all_means(fill(settings, FakeVae(), flip=True, to_disk=False))
    broken = str(Path(settings.train_data_dir) / "2_x" / "01.png")
    multiprocessing.spawn(as_one_of_two, (settings, tmp_path), nprocs=2)
    for rank in (0, 1):
        memory, disk, failure = torch.load(tmp_path / f"{rank}.pt")
        for images, means in (memory, disk):
            assert images == 3
            torch.testing.assert_close(means, expected)
        assert failure == broken
