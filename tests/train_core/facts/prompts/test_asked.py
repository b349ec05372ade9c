"""What prompts ask in each call: changes, texts side by side, tags of networks, faces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.facts.prompts.asked import Asked, asked, compose
from train_core.facts.prompts.attention_syntax import parse_sections, parse_weighted
from train_core.facts.prompts.network_tags import NetworkTag, without_networks
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.prompts.prompt_warnings import prompt_warnings


def test_prompt_and_negative_prompt_change_for_themselves():
    assert asked("[fox:owl:2] AND a hill :0.5", "[blurry:6]", 8) == [
        Asked(2, ("fox", " a hill"), (1.0, 0.5), ""),
        Asked(6, ("owl", " a hill"), (1.0, 0.5), ""),
        Asked(8, ("owl", " a hill"), (1.0, 0.5), "blurry"),
    ]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("a fox AND an owl", [("a fox", 1.0), (" an owl", 1.0)]),
        ("a fox:1.5 AND an owl : -.2", [("a fox", 1.5), (" an owl", -0.2)]),
        ("a fox：0.5 AND an owl", [("a fox", 0.5), (" an owl", 1.0)]),
        ("BAND and AND", [("BAND and", 1.0), ("", 1.0)]),
        ("1girl, :3", [("1girl, :3", 1.0)]),
        ("1girl, :3 AND 1boy", [("1girl, :3", 1.0), (" 1boy", 1.0)]),
        ("scale 1:4", [("scale 1:4", 1.0)]),
    ],
)
def test_and_puts_texts_side_by_side_with_their_weights(prompt, expected):
    assert compose(prompt) == expected


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("<lora:my fox-000001:0>", {"name": "my fox-000001", "text_encoder": 0.0, "unet": 0.0}),
        ("<lora:fox>", {"name": "fox"}),
        ("<lyco:fox:0.5>", {"name": "fox", "text_encoder": 0.5, "unet": 0.5}),
        ("<lora:fox:0.5:0.8:16>", {"name": "fox", "text_encoder": 0.5, "unet": 0.8, "rank": 16}),
        ("<lora:fox:1:lbw=OUTD:stop=8>", {"name": "fox", "blocks": "OUTD", "stop": 8}),
        ("<lora:fox:te=0:unet=0.7>", {"name": "fox", "text_encoder": 0.0, "unet": 0.7}),
        ("<lora:fox:1:step=5-10>", {"name": "fox", "start": 5, "stop": 10}),
        ("<lora:fox:1:step=5->", {"name": "fox", "start": 5}),
        ("<lora:fox:1:start=.25:stop=0.5>", {"name": "fox", "start": 0.25, "stop": 0.5}),
        ("＜lora：狐（仮）：０.５＞", {"name": "狐（仮）", "text_encoder": 0.5, "unet": 0.5}),
        ("<hypernet:fox:0.4>", {"kind": "hypernet", "name": "fox", "text_encoder": 0.4, "unet": 0.4}),
    ],
)
def test_tags_of_networks_are_taken_out(tag, expected):
    found = without_networks(f"a fox, {tag} in snow")
    assert found.prompt == "a fox,  in snow" and not found.unread
    assert found.networks == (NetworkTag(**({"kind": "lora", "text": tag} | expected)),)


@pytest.mark.parametrize(
    "text",
    ["<lora:fox:much>", "<lora:>", "<foo:bar>", "<lora:fox:1:te=2>", "<lora:fox:1:2:3:4>", "<lora:fox:1:step=5>"],
)
def test_a_tag_that_does_not_parse_stays_and_is_named(text):
    assert without_networks(f"a {text}").prompt == f"a {text}"
    assert without_networks(f"a {text}").unread == (text,)


@pytest.mark.parametrize(
    ("when", "steps"),
    [("start=3", [3, 4]), ("stop=3", [1, 2]), ("step=2-4", [2, 3]), ("start=0.5", [2, 3, 4]), ("stop=0.01", []),
     ("start=4:stop=2", []), ("dyn=8", [1, 2, 3, 4])],
)  # fmt: skip
def test_a_network_begins_and_ends_to_act_at_its_steps(when, steps):
    (tag,) = without_networks(f"<lora:fox:1:{when}>").networks
    assert [step for step in range(1, 5) if tag.acts(step, 4)] == steps
    assert tag.changes == (len(steps) < 4)


def test_faces_of_angles_are_no_tags_and_brackets_do_not_schedule_one():
    assert without_networks("<3, >:), <o>, a < b").prompt == "<3, >:), <o>, a < b"
    assert [tag.scheduled for tag in without_networks("<lora:a:1> [<lora:b:1>:5] <lora:c:1>").networks] == [0, 1, 0]


@pytest.mark.parametrize("face", [":)", ":(", ";)", ":-)", ">:(", "=)", ":d", ";d", "^^", ":o", ":|", "|_|", "(:"])
def test_faces_survive(face):
    assert schedule_and_weigh(f"1girl, {face}, hat") == [(f"1girl, {face}, hat", 1.0)]
    assert schedule_and_weigh(face) == [(face, 1.0)]
    assert schedule_and_weigh(f"(1girl, {face}, hat:1.2), cat") == [(f"1girl, {face}, hat", 1.2), (", cat", 1.0)]


def schedule_and_weigh(prompt: str) -> list[tuple[str, float]]:
    (only,) = asked(prompt, "", 10)
    return parse_weighted(only.texts[0])


def test_a_pack_of_six_brackets():
    assert parse_weighted("((((((fox))))))") == [("fox", pytest.approx(1.771561))]


def test_break_begins_a_section_and_keeps_weights():
    assert parse_sections("a fox BREAK (an owl BREAK snow:1.2)") == [
        [("a fox", 1.0)], [("", 1.0), ("an owl", 1.2)], [("snow", 1.2)],
    ]  # fmt: skip
    assert parse_sections("BREAKFAST") == [[("BREAKFAST", 1.0)]]


@given(st.text(alphabet=st.sampled_from("aAND :.5<>lora=[]|()\n,"), max_size=50), st.integers(1, 9))
def test_any_text_is_asked_for_up_to_the_last_call(text, calls):
    said = asked(text, text, calls)
    assert said[-1].last == calls
    assert all(len(one.texts) == len(one.weights) > 0 for one in said)


def codes(prompt: str, negative: str = "", loads_networks: bool = False) -> list[str]:
    given = SamplePrompt(prompt, negative, 64, 64, 1, 4, 7.0, "euler")
    return [found.code for found in prompt_warnings([given], loads_networks)]


def test_what_does_not_do_what_it_seems_to_is_pointed_out():
    assert codes("a fox, [owl:cat:0.5], (red:1.3), :), [hat]") == []
    assert codes("[fox:owl]") == codes("a", "[fox:owl]") == ["prompt_bracket_unread"]
    assert codes("a fox <lora:x:much>") == ["prompt_tag_unread"]
    assert codes("a fox <lora:x:1>") == ["prompt_networks_unloaded"]
    assert codes("a (fox:1.6)") == codes("((((((fox))))))") == codes("[a:(b:2):5]") == ["prompt_high_emphasis"]
    assert codes("a (fox:1.5)") == []


def test_what_tags_of_networks_ask_for_in_vain_is_pointed_out():
    assert codes("<lora:x:1:0.5:4:lbw=OUTD:start=2:stop=0.9>", loads_networks=True) == []
    assert codes("<lora:x:1.3>", loads_networks=True) == ["prompt_high_network"]
    assert codes("[<lora:x:1>:2]", loads_networks=True) == ["prompt_network_scheduled"]
    assert codes("a", "<lora:x:1:start=5>", loads_networks=True) == ["prompt_network_never_acts"]
    assert codes("<lora:x:1:lbwe=ATTN>", loads_networks=True) == ["prompt_network_arguments"]
