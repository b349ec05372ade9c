"""The order of an epoch: which samples share a batch, and which process gets which of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from train_core.facts.buckets import Size
from train_core.facts.draws import seed_for


@dataclass(frozen=True)
class BatchPlan:
    """How samples become batches: `batch_size` samples for each of `processes`, of which this one is number `rank`."""

    seed: int
    batch_size: int = 1
    processes: int = 1
    rank: int = 0


@dataclass(frozen=True)
class Portion:
    """One process's part of a global batch: sample indices, and the weight of each one's loss."""

    indices: tuple[int, ...]
    weights: tuple[float, ...]


def global_batches(buckets: Sequence[Size], plan: BatchPlan, epoch: int) -> list[list[int]]:
    """The batches of `epoch` (from 0) over all processes; `buckets` holds the bucket of each sample.

    Every sample is in exactly one batch, a batch holds one bucket only, and a bucket's last batch may be short. The
    order depends on (seed, epoch) alone.
    """
    rng = Random(seed_for(plan.seed, epoch, 0, "order"))
    by_bucket: dict[Size, list[int]] = {}
    for index, bucket in enumerate(buckets):
        by_bucket.setdefault(bucket, []).append(index)
    size = plan.batch_size * plan.processes
    batches = []
    for _, members in sorted(by_bucket.items()):
        rng.shuffle(members)
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    rng.shuffle(batches)
    return batches


def portion(batch: Sequence[int], plan: BatchPlan) -> Portion:
    """This process's part of a global `batch`.

    Real samples weigh processes / len(batch), so that the mean over processes of the weighted sums is the mean over the
    global batch. A process for which a short batch leaves nothing gets one padding sample of weight 0.
    """
    own = tuple(batch[plan.rank :: plan.processes])
    if not own:
        return Portion((batch[0],), (0.0,))
    return Portion(own, (plan.processes / len(batch),) * len(own))
