"""What is asked in which steps, as people count them."""

from dataclasses import replace

from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.stages import stages

PROMPT = SamplePrompt("", "", 64, 64, 1, 4, 7.0, "euler")


def told(**changes):
    return [(one.steps, one.texts, one.negative) for one in stages(replace(PROMPT, **changes))]


def test_what_never_changes_is_one_stage():
    assert told(prompt="a fox") == told(prompt="a fox<lora:x:1>") == [("1–4", "a fox", "")]


def test_networks_that_come_and_go_stand_behind_the_texts():
    assert told(prompt="a [fox:owl:0.5]<lora:x:1:step=2-4>", negative_prompt="[red:3]") == [
        ("1–1", "a fox", ""), ("2–3", "a fox <lora:x:1:step=2-4>", ""), ("4–4", "a owl", ""),
    ]  # fmt: skip


def test_a_second_pass_goes_on_and_counts_its_own_steps():
    assert told(prompt="[fox:owl:1.5]<lora:x:1:stop=2>", hires=Hires(2, 0.5, 6)) == [
        ("1–1", "fox <lora:x:1:stop=2>", ""), ("2–4", "fox", ""),
        ("hires 1–1", "fox <lora:x:1:stop=2>", ""), ("hires 2–4", "fox", ""), ("hires 5–6", "owl", ""),
    ]  # fmt: skip


def test_samplers_that_ask_twice_change_within_steps():
    assert told(prompt="[fox:owl:4]", sampler="heun") == [("1–3", "fox", ""), ("3–4", "owl", "")]


def test_the_second_pass_has_as_many_steps_as_its_strength_leaves_of_a_whole_way():
    assert (Hires(2, 0.7).steps_after(20), Hires(2, 0.7).whole_way(20)) == (20, 28)
    assert (Hires(2, 1, 10).steps_after(20), Hires(2, 1, 10).whole_way(20)) == (10, 10)
    assert (Hires(2, 0).steps_after(20), Hires(1.3, 0.5).side(512)) == (0, 664)
