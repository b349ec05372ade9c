"""The verdict on constructed scores: what is chosen, why, and what people's marks do to it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from train_core.facts.scores.marked import ranked
from train_core.facts.scores.measures import measures_of
from train_core.facts.scores.scores import Losses, Point, ScoredFile, ScoredPicture, Scores
from train_core.facts.scores.verdict import front, verdict_of

# The program's demo in one run, see the table that the design was made from: gains on trained and held-out pictures,
# contamination.
TRIAL = {
    (2, 1.0): (0.35, 0.24, 0.14), (4, 1.0): (0.49, 0.29, 0.31), (8, 1.0): (0.59, 0.25, 0.59),
    (12, 0.5): (0.42, 0.26, 0.23), (12, 1.0): (0.59, 0.22, 0.62),
}  # fmt: skip
# How pictures differ from their mean, for all alike and for a point by itself.
SPREAD = np.array([-0.1, 0.08, -0.06, 0.1, 0.04, -0.08, 0.06, -0.04])
OWN = np.array([0.01, -0.012, 0.008, 0.011, -0.009, 0.004, -0.014, 0.002])


def losses(gain: float, own: int = 0, wobble: float = 0.0) -> Losses:
    gains = gain + SPREAD + wobble * np.roll(OWN, own)
    return tuple((1.0 - float(one),) * 4 for one in gains)


def scores(
    table: dict[tuple[int, float], tuple[float, float, float]], wobble: float = 1.0, held: int = 8,
    triggers: Sequence[float] = (),
) -> Scores:  # fmt: skip
    sets = ["held_out", "trained", "foreign", *(["untriggered"] if triggers else [])]
    shown = {
        name: tuple(ScoredPicture(name=f"{number}", content="", caption="") for number in range(8)) for name in sets
    }
    shown["held_out"] = shown["held_out"][:held]
    base: dict[str, Losses] = {name: ((1.0,) * 4,) * len(pictures) for name, pictures in shown.items()}
    points = []
    for place, ((epoch, weight), (trained, gain, spill)) in enumerate(table.items()):
        now = {
            "held_out": losses(gain, place, wobble)[:held], "trained": losses(trained), "foreign": losses(-spill),
        }  # fmt: skip
        if triggers:
            now["untriggered"] = losses(gain - triggers[place], place, wobble)
        points.append(
            Point(file=f"e{epoch}", weight=weight, losses=now, measures=measures_of(base, now, shown, 0))
        )
    names = sorted({epoch for epoch, _ in table})
    return Scores(
        made_with={"seed": 0}, pictures=shown, points=tuple(points),
        files=tuple(ScoredFile(name=f"e{epoch}", sha256="", epoch=epoch) for epoch in names),
        base=Point(file="", weight=0.0, losses=base, measures=measures_of(base, base, shown, 0)),
    )  # fmt: skip


def test_on_the_demos_own_numbers_it_is_neither_the_last_epoch_nor_the_heaviest_and_both_faults_are_named() -> None:
    found = scores(TRIAL)
    assert {point.key for point in front(found.points)} == {("e2", 1.0), ("e4", 1.0), ("e12", 0.5)}
    said = verdict_of(found)
    assert said.chosen == said.by_numbers == ("e4", 1.0)  # the others surely gain less
    assert said.sentence.code == "verdict_better" and said.runner_up == ("e12", 0.5)
    assert {one.code for one in said.reasons} == {"verdict_beaten", "verdict_worse", "fault_gap", "fault_spill"}
    assert {one.code for one in said.advice} == {"advice_more_pictures", "advice_spill"}
    assert len({one.name for one in said.pictures} & set("01234567")) == 3
    apart = [abs(one.gain - one.other) for one in said.pictures]
    assert apart == sorted(apart, reverse=True) and all(0.05 < one.gain < 0.5 for one in said.pictures)


def test_of_those_between_which_pictures_do_not_decide_the_earliest_and_weakest_is_chosen() -> None:
    said = verdict_of(scores(TRIAL, wobble=15.0))
    assert said.chosen == ("e2", 1.0)
    assert said.sentence.code == "verdict_chosen" and said.runner_up == ("e4", 1.0)
    assert "+24.0 %" in said.sentence.text and "e4 at 1" in said.sentence.text and "+31.0 %" in said.sentence.text
    weights = {(4, 1.0): (0.3, 0.2, 0.1), (4, 0.8): (0.3, 0.195, 0.08), (8, 0.6): (0.3, 0.19, 0.05)}
    assert verdict_of(scores(weights, wobble=15.0)).chosen == ("e4", 0.8)


def test_one_that_spills_surely_less_is_pointed_out_where_an_earlier_epoch_is_chosen() -> None:
    said = verdict_of(scores({(4, 1.0): (0.4, 0.3, 0.3), (8, 0.5): (0.4, 0.298, 0.1)}, wobble=15.0))
    assert said.chosen == ("e4", 1.0)
    (gentler,) = [one for one in said.reasons if one.code == "verdict_gentler"]
    assert "e8 at 0.5" in gentler.text and "+10.0 %" in gentler.text


def test_a_good_run_is_told_no_faults_and_one_that_learnt_nothing_to_go_on() -> None:
    good = verdict_of(scores({(2, 1.0): (0.3, 0.2, 0.02), (4, 1.0): (0.4, 0.35, 0.05)}, triggers=(0.1, 0.1)))
    assert good.chosen == ("e4", 1.0)
    assert {one.code for one in good.reasons} == {"verdict_worse"} and not good.advice
    little = verdict_of(scores({(2, 1.0): (0.02, 0.01, 0.0)}, triggers=(0.0,)))
    assert (little.chosen, little.sentence.code) == (None, "verdict_none")
    assert {one.code for one in little.advice} == {"advice_more_steps", "advice_no_trigger"}


def test_too_few_pictures_decide_nothing_and_marks_decide_all_the_same() -> None:
    few = scores(TRIAL, held=3)
    assert (verdict_of(few).chosen, verdict_of(few).sentence.code) == (None, "verdict_undecided")
    marked = verdict_of(few, {("e8", 1.0): (3, 1)})
    assert (marked.chosen, marked.by_numbers, marked.sentence.code) == (("e8", 1.0), None, "verdict_marks")


def test_marks_win_over_numbers_and_say_so() -> None:
    said = verdict_of(scores(TRIAL), {("e4", 1.0): (1, 7), ("e8", 1.0): (7, 1), ("e12", 1.0): (0, 0)})
    assert (said.chosen, said.by_numbers) == (("e8", 1.0), ("e4", 1.0))
    assert said.sentence.code == "verdict_marks" and "7 good, 1 bad" in said.sentence.text
    assert verdict_of(scores(TRIAL), {("e4", 1.0): (2, 0)}).sentence.code == "verdict_marks_agree"
    assert verdict_of(scores(TRIAL), {("e8", 1.0): (0, 3)}).chosen == ("e4", 1.0)  # nobody finds it good


def test_few_good_marks_rank_behind_many() -> None:
    found = ranked({("a", 1.0): (2, 0), ("b", 1.0): (18, 2), ("c", 1.0): (0, 0)})
    assert [one.key for one in found] == [("b", 1.0), ("a", 1.0)]
