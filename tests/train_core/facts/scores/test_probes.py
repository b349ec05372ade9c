"""Tags in captions and what stands in their place; answers from losses."""

from __future__ import annotations

import numpy as np
import pytest

from train_core.facts.scores.probes import Answer, exchanged, judged, made_up_words


def test_whole_tags_are_exchanged_first_and_words_within_them_where_there_are_none() -> None:
    captions = {0: "1girl, Heart, ;d", 1: "heart hands", 2: "crux robot, hearts"}
    assert exchanged(captions, "heart", "qxz") == {0: "1girl, qxz, ;d"}
    assert exchanged(captions, "heart", "") == {0: "1girl, ;d"}
    assert exchanged(captions, ";d", "qxz") == {0: "1girl, Heart, qxz"}
    assert exchanged(captions, "crux", "qxz") == {2: "qxz robot, hearts"}
    assert exchanged(captions, "crux", "") == {2: "robot, hearts"}
    assert exchanged(captions, "moon", "") == {}


@pytest.mark.parametrize(
    ("better", "of", "answer"),
    [(4, 4, "known"), (3, 4, "undecided"), (0, 4, "not_known"), (3, 3, "too_few"), (0, 0, "too_few"),
     (6, 8, "undecided"), (19, 24, "known"), (8, 24, "undecided"), (5, 24, "not_known")],
)  # fmt: skip
def test_the_share_against_the_strongest_rival_decides(better: int, of: int, answer: Answer) -> None:
    fits = np.where(np.arange(of) < better, 1.1, 0.9)
    others = {"": np.full(of, 0.5), "qxz": np.ones(of)}
    found = judged("heart", "", fits, others)
    assert (found.answer, found.pictures) == (answer, of)
    if answer != "too_few":
        assert (found.better, found.rival) == (better, "qxz")


def test_made_up_words_follow_from_the_seed_and_differ() -> None:
    words = made_up_words(["heart"], 0)
    assert len({*words}) == 8 and words == made_up_words(["crux"], 0) != made_up_words(["heart"], 1)
    assert not {words[3]} & {*made_up_words([words[3]], 0)}
