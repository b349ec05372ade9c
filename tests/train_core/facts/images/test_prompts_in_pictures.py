"""Prompts in generated pictures: those of AUTOMATIC1111, ComfyUI and ourselves, and whatever else stands there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tests.pictures import noise_image
from train_core.facts.images.image_files import image_header
from train_core.facts.images.prompts_in_pictures import of_nodes, of_parameters, prompt_of
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.sampling.png import parameters_text, save_png

NODES = {
    "3": {"class_type": "KSampler", "inputs": {"seed": 5, "positive": ["6", 0], "negative": ["7", 0]}},
    "6": {"class_type": "ConditioningCombine", "inputs": {"conditioning_1": ["8", 0], "negative_x": ["7", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "ugly", "clip": ["4", 1]}},
    "8": {"class_type": "CLIPTextEncode", "inputs": {"text": ["9", 0], "clip": ["4", 1]}},
    "9": {"class_type": "PrimitiveString", "inputs": {"value": "a cat,\n<lora:cat:0.8> on a mat"}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "x.safetensors"}},
}  # fmt: skip


def png(path: Path, **chunks: str) -> Path:
    info = PngInfo()
    for name, text in chunks.items():
        info.add_itxt(name, text)
    noise_image((64, 64), 1).save(path, pnginfo=info)
    return path


@pytest.mark.parametrize(("text", "prompt"), [
    ("1girl, (hat:1.2)\nNegative prompt: ugly\nSteps: 20, Sampler: Euler a", "1girl, (hat:1.2)"),
    ("1girl,\nsolo, <lora:x:1>, Steps: mine\nSteps: 20, Sampler: Euler a", "1girl, solo, Steps: mine"),
    ("Negative prompt: ugly\nSteps: 20, ", ""), ("only words", "only words"),
])  # fmt: skip
def test_the_prompt_ends_where_the_negative_one_or_the_facts_begin(text: str, prompt: str):
    assert of_parameters(text) == prompt


def test_words_are_followed_through_nodes_to_the_sampler(tmp_path: Path):
    assert of_nodes(json.dumps(NODES)) == "a cat, on a mat"
    path = png(tmp_path / "a.png", prompt=json.dumps(NODES))
    assert prompt_of(path) == "a cat, on a mat" and image_header(path).generated
    assert of_nodes(json.dumps({"1": {"inputs": {"positive": ["1", 0]}}})) == ""


def test_our_own_samples_say_their_prompt(tmp_path: Path):
    prompt = SamplePrompt("一只猫, hat", "dog", 64, 64, 1, 20, 7.5, "euler_a")
    path = save_png(Image.new("RGB", (64, 64)), tmp_path / "a.png", parameters_text(prompt, "model"))
    assert prompt_of(path) == "一只猫, hat"
    noise_image((64, 64), 1).save(tmp_path / "b.png")
    assert prompt_of(tmp_path / "b.png") == "" and not image_header(tmp_path / "b.png").generated
    (tmp_path / "c.png").write_bytes(b"nothing")
    assert prompt_of(tmp_path / "c.png") == ""


LINKS = st.recursive(
    st.none() | st.integers(0, 3) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
        st.sampled_from(["0", "1", "2", "inputs", "positive", "text", "value"]), inner, max_size=4
    ), max_leaves=20,
)  # fmt: skip


@given(LINKS)
def test_whatever_nodes_say_a_text_comes_of_it(said: Any):
    assert "\n" not in of_nodes(json.dumps(said))


@given(st.text())
def test_whatever_parameters_say_a_caption_comes_of_it(text: str):
    found = of_parameters(text)
    assert "\n" not in found and "\0" not in found
    found.encode()
