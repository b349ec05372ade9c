"""Effects of settings of results: files, what they say of themselves, states, and sample pictures."""

from __future__ import annotations

import torch
from PIL import Image

from tests.train_core.jobs.effects.comparing import assert_same
from tests.train_core.jobs.effects.effect import Effects, Statement
from tests.train_core.jobs.effects.outcome import Outcome

RESULTS = Effects()
SAMPLED = {"sample_prompts": "a dog --w 64 --h 64 --s 2 --d 1"}
FINAL = "result.safetensors"


def said(key: str, text: str) -> Statement:
    """The statement that the file says `text` under `key`, and besides that what it said before."""

    def the_file_says_it(before: Outcome, after: Outcome) -> None:
        old, new = (
            {name: text for name, text in one.metadata.items() if not name.endswith(("_at", "date", "session_id"))}
            for one in (before, after)
        )
        assert new == old | {key: text}
        assert old.get(key) != text

    return the_file_says_it


for name, text in {
    "title": "a title", "author": "an author", "description": "a text", "license": "a licence", "tags": "a tag",
    "trigger_phrase": "zuko", "usage_hint": "at 0.8", "merged_from": "two others", "preprocessor": "cropped",
    "thumbnail": "data:image/png;base64,AAAA",
}.items():  # fmt: skip
    RESULTS.of(f"metadata_{name}", text, max_train_steps=1)(said(f"modelspec.{name}", text))
RESULTS.of("training_comment", "a word", max_train_steps=1)(said("ss_training_comment", "a word"))


def same_results(before: Outcome, after: Outcome) -> bool:
    return all(torch.equal(tensor, after.weights[name]) for name, tensor in before.weights.items())


@RESULTS.of("output_name", "another")
def files_bear_that_name(before: Outcome, after: Outcome) -> None:
    assert before.files() == [FINAL]
    names = {path.name for path in after.out.iterdir()}
    assert names == {"another.safetensors", "another.toml", "another.preset.json"}
    assert after.metadata["ss_output_name"] == "another"
    assert same_results(before, after)


@RESULTS.of("save_precision", "fp16")
def the_file_holds_half_precision_numbers(before: Outcome, after: Outcome) -> None:
    assert {tensor.dtype for tensor in before.weights.values()} == {torch.float32}
    assert {tensor.dtype for tensor in after.weights.values()} == {torch.float16}
    assert all(torch.equal(tensor.half(), after.weights[name]) for name, tensor in before.weights.items())


@RESULTS.of("save_every_n_epochs", 1, max_train_epochs=2)
def a_file_is_saved_after_each_epoch(before: Outcome, after: Outcome) -> None:
    assert (before.files(), after.files()) == ([FINAL], ["result-000001.safetensors", FINAL])
    assert [event["step"] for event in after.told("saved")] == [4, 8]
    assert same_results(before, after)


@RESULTS.of("save_every_n_steps", 1)
def a_file_is_saved_after_each_step(before: Outcome, after: Outcome) -> None:
    steps = [f"result-step{step:08d}.safetensors" for step in range(1, 5)]
    assert (before.files(), after.files()) == ([FINAL], [*steps, FINAL])
    assert same_results(before, after)


@RESULTS.of("save_n_epoch_ratio", 2, max_train_epochs=4)
def so_many_files_are_saved_in_all(before: Outcome, after: Outcome) -> None:
    assert (before.files(), after.files()) == ([FINAL], ["result-000002.safetensors", FINAL])


@RESULTS.of("save_state", True, max_train_epochs=2, save_every_n_epochs=1)
def a_state_is_written_beside_every_file(before: Outcome, after: Outcome) -> None:
    assert before.files("state") == []
    assert after.files("state") == ["result-000001-state", "result-state"]
    assert [event["step"] for event in after.told("state")] == [event["step"] for event in after.told("saved")]


@RESULTS.of("save_state_on_train_end", True, max_train_epochs=2, save_every_n_epochs=1)
def a_state_is_written_at_the_end_alone(before: Outcome, after: Outcome) -> None:
    assert (before.files("state"), after.files("state")) == ([], ["result-state"])
    assert after.told("state")[0]["step"] == 8


def drawn_at(outcome: Outcome) -> list[tuple[int, int | None]]:
    """Step and epoch of each sample picture."""
    assert len(outcome.files("sample")) == len(outcome.samples)
    return [(event["step"], event["epoch"]) for event in outcome.told("sample")]


def pixels(outcome: Outcome) -> bytes:
    """Those of the first sample picture."""
    return Image.open(outcome.told("sample")[0]["path"]).tobytes()


@RESULTS.of("sample_prompts", "a cat --w 64 --h 128 --s 3 --d 2", **SAMPLED)
def the_prompt_is_drawn_as_it_says(before: Outcome, after: Outcome) -> None:
    assert before.samples[0].startswith("a dog\nSteps: 2,")
    assert "Seed: 1, Size: 64x64" in before.samples[0]
    assert after.samples[0].startswith("a cat\nSteps: 3,")
    assert "Seed: 2, Size: 64x128" in after.samples[0]
    assert after.told("sample")[0]["prompt"] == "a cat"
    assert_same(before, after)
    assert same_results(before, after)


@RESULTS.of("sample_every_n_epochs", 0, **SAMPLED)
def nothing_is_drawn_after_an_epoch(before: Outcome, after: Outcome) -> None:
    assert (drawn_at(before), drawn_at(after)) == ([(4, 1)], [])


@RESULTS.of("sample_every_n_steps", 1, **SAMPLED)
def pictures_are_drawn_after_each_step(before: Outcome, after: Outcome) -> None:
    assert drawn_at(after) == [*((step, None) for step in range(1, 5)), *drawn_at(before)]
    assert same_results(before, after)


@RESULTS.of("sample_at_first", True, **SAMPLED)
def pictures_are_drawn_before_the_first_step(before: Outcome, after: Outcome) -> None:
    assert drawn_at(after) == [(0, None), *drawn_at(before)]
    assert same_results(before, after)


@RESULTS.of("sample_sampler", "ddim", **SAMPLED, sample_spacing="karras")
def pictures_are_drawn_by_that_sampler(before: Outcome, after: Outcome) -> None:
    assert [text.replace("Euler a", "DDIM") for text in before.samples] == after.samples
    assert "Sampler: DDIM, Schedule type: Karras" in after.samples[0]
    assert pixels(before) != pixels(after)
