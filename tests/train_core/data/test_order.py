"""The samples that share a batch, and the processes that get them."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from train_core.data.order import BatchPlan, global_batches, portion
from train_core.facts.images.buckets import Group

shapes = st.sampled_from([(512, 512), (384, 640), (640, 384)])
# Datasets of different sizes, with and without a batch size of their own.
buckets = st.lists(st.builds(Group, shapes, st.sampled_from([0, 0, 1, 5])), min_size=1, max_size=60)
shared_sizes = st.lists(st.builds(Group, shapes, st.just(0)), min_size=1, max_size=60)
plans = st.builds(
    BatchPlan,
    seed=st.integers(0, 2**63 - 1),
    batch_size=st.integers(1, 7),
    processes=st.integers(1, 5),
)


def ranks(plan: BatchPlan) -> list[BatchPlan]:
    return [replace(plan, rank=rank) for rank in range(plan.processes)]


@given(buckets, plans, st.integers(0, 100))
def test_every_sample_is_seen_once_by_exactly_one_process(
    buckets: list[Group], plan: BatchPlan, epoch: int
) -> None:
    seen: Counter[int] = Counter()
    for batch in global_batches(buckets, plan, epoch):
        for rank in ranks(plan):
            part = portion(batch, rank)
            assert 1 <= len(part.indices) <= (buckets[batch[0]].batch_size or plan.batch_size)
            seen.update(index for index, weight in zip(part.indices, part.weights, strict=True) if weight)
    assert seen == Counter(range(len(buckets)))


@given(buckets, plans, st.integers(0, 100))
def test_a_batch_holds_one_bucket_only(buckets: list[Group], plan: BatchPlan, epoch: int) -> None:
    for batch in global_batches(buckets, plan, epoch):
        assert len({buckets[index] for index in batch}) == 1


@given(buckets, plans)
def test_the_mean_over_processes_is_the_mean_over_the_global_batch(
    buckets: list[Group], plan: BatchPlan
) -> None:
    for batch in global_batches(buckets, plan, 0):
        parts = [portion(batch, rank) for rank in ranks(plan)]
        losses = [sum(w * i for i, w in zip(p.indices, p.weights, strict=True)) for p in parts]
        assert abs(sum(losses) / plan.processes - sum(batch) / len(batch)) < 1e-6


@given(buckets, plans, st.sets(st.integers(0, 59)), st.floats(0, 4))
def test_a_regularisation_sample_counts_prior_loss_weight_times_as_much(
    buckets: list[Group], plan: BatchPlan, regularisation: set[int], weight: float
) -> None:
    plan = replace(plan, prior_loss_weight=weight)
    for batch in global_batches(buckets, plan, 0):
        for rank in ranks(plan):
            alike, weighed = portion(batch, rank), portion(batch, rank, regularisation)
            factors = [weight if index in regularisation else 1 for index in alike.indices]
            assert weighed.weights == tuple(w * f for w, f in zip(alike.weights, factors, strict=True))


@given(shared_sizes, st.integers(0, 9), st.integers(0, 9))
def test_two_processes_with_half_the_batch_see_the_same_global_batches(
    buckets: list[Group], seed: int, epoch: int
) -> None:
    one = global_batches(buckets, BatchPlan(seed, 4), epoch)
    two = global_batches(buckets, BatchPlan(seed, 2, 2), epoch)
    assert one == two


def test_a_plan_of_a_seed_alone_is_one_process_that_takes_samples_singly_and_weighs_them_alike() -> None:
    plan = BatchPlan(seed=3)
    batches = global_batches([Group((512, 512))] * 5, plan, 0)
    assert sorted(batches) == [[0], [1], [2], [3], [4]]
    assert [portion(batch, plan, regularisation={1, 2}).weights for batch in batches] == [(1.0,)] * 5


def test_the_order_changes_with_seed_and_epoch_and_mixes_buckets() -> None:
    buckets = [Group((512, 512))] * 30 + [Group((384, 640))] * 30
    orders = {str(global_batches(buckets, BatchPlan(seed, 2), epoch)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    first = [buckets[batch[0]] for batch in global_batches(buckets, BatchPlan(0, 2), 0)]
    assert first != sorted(first)
    assert first != sorted(first, reverse=True)
