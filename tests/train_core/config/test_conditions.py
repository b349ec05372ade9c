"""Settings and sections say when they apply: by other settings, and by facts that may not be known."""

from __future__ import annotations

import tomllib

import pytest

from train_core.config.checks.applicability import not_for_this_model
from train_core.config.conditions import ALWAYS, all_of, when, when_above, when_fact, when_set
from train_core.config.files import to_toml
from train_core.config.job import Job
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.setting import Section, setting


class MethodSettings(Section, title="Method"):
    method: str = setting("adapter", "What is trained.")


class WordSettings(Section, title="Word", applies_to=when("method", "embedding")):
    word: str = setting("cat", "The new word.")
    vectors: int = setting(1, "How many vectors it has.")
    second_vectors: int = setting(1, "The same in the second text encoder.", applies_to=when_fact("family", "SDXL"))
    spread: float = setting(0.5, "How far they lie apart.", applies_to=when_above("vectors", 1))


class Work(Job, name="work"):
    method: MethodSettings = MethodSettings()
    word: WordSettings = WordSettings()


@pytest.mark.parametrize(
    ("condition", "values", "holds"),
    [
        (when("a", 1, 2), {"a": 2}, True), (when("a", 1, 2), {"a": 3}, False), (when("a", ""), {"a": ""}, True),
        (when_set("a", "b"), {"a": 0, "b": "x"}, True), (when_set("a", "b"), {"a": 0, "b": ""}, False),
        (when_above("a", 1), {"a": 2}, True), (when_above("a", 1), {"a": 1}, False),
        (when_above("a", 1), {"a": None}, False),
        (all_of(when("a", 1), when("b", 1)), {"a": 1, "b": 1}, True),
        (all_of(when("a", 1), when("b", 1)), {"a": 1, "b": 2}, False), (ALWAYS, {}, True),
    ],
)  # fmt: skip
def test_conditions_on_settings(condition, values, holds):
    assert condition.holds(values) is holds


@pytest.mark.parametrize(("facts", "holds"), [({"family": "SDXL"}, True), ({"family": "SD 1.x"}, False), ({}, True)])
def test_a_fact_that_is_not_known_forbids_nothing(facts, holds):
    assert when_fact("family", "SDXL").holds({}, facts) is holds


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (when("a", True), "a is on"), (when("a", False), "a is off"), (when("a", "x", "y"), "a is x or y"),
        (when("a", ""), "a is empty"), (when_set("a", "b"), "a or b is set"), (when_above("a", 1), "a is above 1"),
        (when_fact("family", "SDXL"), "the base model is SDXL"),
        (when_fact("prediction_type", "v_prediction"), "the base model predicts velocity (v)"),
        (all_of(when("a", True), when_set("b")), "a is on, and b is set"),
    ],
)  # fmt: skip
def test_conditions_in_words(condition, words):
    assert condition.words == words


def test_conditions_can_be_told_apart_and_taken_together():
    assert when("a", 1) == when("a", 1) != when("a", 2)
    assert all_of(when("a", 1), ALWAYS) == when("a", 1)
    assert all_of(all_of(when("a", 1), when("b", 1)), when_fact("family", "SDXL")).settings == {"a", "b"}
    assert all_of(when("a", 1), when_fact("family", "SDXL")).facts == {"family"}


def test_settings_of_a_section_that_does_not_apply_are_not_written():
    assert set(tomllib.loads(to_toml(Work()))["word"]) == set()
    embedding = Work.from_flat({"method": "embedding"})
    assert set(tomllib.loads(to_toml(embedding))["word"]) == {"word", "vectors", "second_vectors"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"word": "dog"}, "method is embedding"),
        ({"spread": 0.1}, "method is embedding, and vectors is above 1"),
        ({"spread": 0.1, "method": "embedding"}, "vectors is above 1"),
    ],
)
def test_the_reason_is_the_part_that_is_not_met_of_the_section_or_the_setting(values, reason):
    (warning,) = parse_values(Work, values, "a.toml").warnings
    assert warning.params["condition"] == reason
    assert warning.text.endswith(f"has no effect: it applies only when {reason}.")


def test_a_setting_of_another_base_model_is_named():
    config = Work.from_flat({"method": "embedding", "second_vectors": 3})
    (warning,) = not_for_this_model(config, {"family": "SD 1.x"})
    assert (warning.code, warning.params["name"]) == ("not_for_this_model", "second_vectors")
    assert "only when the base model is SDXL" in warning.text
    assert not not_for_this_model(config, {"family": "SDXL"})
    assert not not_for_this_model(config, {})
    assert not not_for_this_model(config, {"family": "SD 1.x"}, [warning])
    assert not not_for_this_model(Work.from_flat({"method": "embedding"}), {"family": "SD 1.x"})


def test_a_condition_asks_only_for_settings_of_its_own_job():
    names = {s.name for s in TrainConfig.settings()}
    for s in TrainConfig.settings():
        assert s.applies_to.settings <= names, s.name
