"""Batches fetched one ahead are the same batches, and fetching them never outlives the loop that asked for them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.train_core.data.test_dataset import assert_same, folder, training_data  # noqa: F401 - folder is a fixture
from train_core.config.problems import UserError
from train_core.data.batch import Batch
from train_core.data.order import BatchPlan
from train_core.data.prefetch import batches_on, one_ahead


def same(batch: Batch) -> Batch:
    return batch


def fetching() -> list[threading.Thread]:
    """The prefetching threads there are."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("prefetch")]


@pytest.mark.parametrize("changes", [{}, {"max_data_loader_n_workers": 2}, {"cache_latents": True}])
def test_the_batches_are_the_same_in_the_same_order(folder: Path, changes: dict[str, object]) -> None:  # noqa: F811
    data = training_data(folder, BatchPlan(1, 2), **changes)
    plain = [list(data.epoch(epoch)) for epoch in (0, 1)]
    ahead = [list(one_ahead(data.epoch(epoch), same)) for epoch in (0, 1)]
    for one, other in zip(plain, ahead, strict=True):
        assert [batch.indices.tolist() for batch in one] == [batch.indices.tolist() for batch in other]
        assert_same(one, other)
    assert not fetching()


def test_just_the_next_one_is_fetched_while_one_is_used() -> None:
    taken: list[int] = []
    arrived = [threading.Event() for _ in range(5)]

    def items() -> Iterator[int]:
        for number in range(5):
            taken.append(number)
            arrived[number].set()
            yield number

    for number in one_ahead(items(), lambda number: number):
        following = min(number + 1, 4)
        assert arrived[following].wait(30)
        assert taken == list(range(following + 1))


@pytest.mark.parametrize("broken", ["reading", "preparing"])
def test_an_error_comes_where_its_item_would_have_come(broken: str) -> None:
    def items() -> Iterator[int]:
        yield from (0, 1)
        if broken == "reading":
            raise ValueError("broken")
        yield 2

    def prepare(number: int) -> int:
        if number == 2:
            raise ValueError("broken")
        return number

    got: list[int] = []
    with pytest.raises(ValueError, match="broken"):
        for number in one_ahead(items(), prepare):
            got.append(number)
    assert got == [0, 1]
    assert not fetching()


def test_an_image_that_cannot_be_read_any_more_is_said_in_its_place(folder: Path) -> None:  # noqa: F811
    data = training_data(folder, BatchPlan(1, 2))
    for path in folder.rglob("*.png"):
        path.write_bytes(b"no picture")
    with pytest.raises(UserError):
        next(one_ahead(data.epoch(0), same))
    assert not fetching()


def test_whoever_stops_early_leaves_nothing_running_and_the_data_closed(folder: Path) -> None:  # noqa: F811
    data = training_data(folder, BatchPlan(1, 2), max_data_loader_n_workers=2)
    closed = threading.Event()

    def epoch() -> Iterator[Batch]:
        try:
            yield from data.epoch(0)
        finally:
            closed.set()

    batches = one_ahead(epoch(), same)
    next(batches)
    assert fetching()
    batches.close()  # type: ignore[attr-defined] # as the end of a loop does
    assert not fetching()
    assert closed.is_set()
    assert_same(list(data.epoch(0)), list(one_ahead(data.epoch(0), same)))


def test_on_a_processor_batches_are_handed_on_as_they_are(folder: Path) -> None:  # noqa: F811
    made = list(training_data(folder, BatchPlan(1, 2)).epoch(0))
    handed = list(batches_on(torch.device("cpu"), made))
    assert all(one is other for one, other in zip(made, handed, strict=True))


def test_another_device_gets_all_but_the_indices(folder: Path) -> None:  # noqa: F811
    made = list(training_data(folder, BatchPlan(1, 2), cache_latents=True).epoch(0))
    for batch, there in zip(made, batches_on(torch.device("meta"), made), strict=True):
        assert there.moments is not None
        tensors = [there.weights, there.moments.mean, there.moments.logvar, *there.extras.values()]
        assert {tensor.device.type for tensor in tensors} == {"meta"}
        assert there.indices is batch.indices
        assert there.captions == batch.captions
