"""The order of an epoch: which samples share a batch, and which process gets which of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from train_core.facts.images.buckets import Group
from train_core.facts.seeds import seed_for


@dataclass(frozen=True)
class BatchPlan:
    """Rules for batching: `batch_size` samples for each of `processes`, of which this one is number `rank`.

    The loss of a regularisation sample is multiplied by `prior_loss_weight`.
    """

    seed: int
    batch_size: int = 1
    processes: int = 1
    rank: int = 0
    prior_loss_weight: float = 1.0


@dataclass(frozen=True)
class Portion:
    """One process's part of a global batch: sample indices, and the weight of each one's loss."""

    indices: tuple[int, ...]
    weights: tuple[float, ...]


def global_batches(groups: Sequence[Group], plan: BatchPlan, epoch: int) -> list[list[int]]:
    """The batches of `epoch` (from 0) over all processes; `groups` holds the group of each sample.

    Every sample is in exactly one batch, a batch holds one group only, and a group's last batch may be short. Groups
    without a batch size of their own take the plan's. The order depends on (seed, epoch) alone.
    """
    rng = Random(seed_for(plan.seed, epoch, 0, "order"))
    by_group: dict[Group, list[int]] = {}
    for index, group in enumerate(groups):
        by_group.setdefault(group, []).append(index)
    batches = []
    for group, members in sorted(by_group.items()):
        size = (group.batch_size or plan.batch_size) * plan.processes
        rng.shuffle(members)
        batches += [members[start : start + size] for start in range(0, len(members), size)]
    rng.shuffle(batches)
    return batches


def portion(batch: Sequence[int], plan: BatchPlan, regularisation: Collection[int] = ()) -> Portion:
    """This process's part of a global `batch`, some samples of which may be among those for `regularisation`.

    Real samples weigh processes / len(batch), so that the mean over processes of the weighted sums is the mean over the
    global batch. A process for which a short batch leaves nothing gets one padding sample of weight 0.
    """
    own = tuple(batch[plan.rank :: plan.processes])
    if not own:
        return Portion((batch[0],), (0.0,))
    # The weights are not brought back to a mean of 1: the loss is L + weight x L_prior (Ruiz et al., 2023), in whatever
    # mixture the order gives, as kohya's trainer has it. Else a batch of such images alone would be weighed as usual.
    mean = plan.processes / len(batch)
    return Portion(own, tuple(mean * plan.prior_loss_weight if index in regularisation else mean for index in own))
