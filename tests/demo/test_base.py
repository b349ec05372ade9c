"""The shipped base model: small enough, loadable by others, and obedient."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from demo.base_file import load_pipeline, save_base
from demo.judge_base import BASE, held_out_scenes, judge_mascot, judge_obedience
from demo.recipe_text import new_text_encoder, token_ids, with_plain_embedding
from demo.world import MASCOT_TRIGGER


@pytest.fixture(scope="module")
def pipeline():
    return load_pipeline(BASE)


def test_the_base_is_a_small_half_precision_file_that_says_what_it_is():
    assert BASE.stat().st_size <= 25_000_000
    with safe_open(BASE, framework="pt") as file:
        metadata, names = file.metadata(), list(file.keys())
        assert file.get_tensor(names[0]).dtype == torch.float16
    assert metadata["modelspec.resolution"] == "128x128"
    assert metadata["modelspec.license"] == "CC0-1.0"
    prefixes = ("model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer.text_model.")
    assert all(name.startswith(prefixes) for name in names)


def test_diffusers_and_the_recipe_read_captions_alike(pipeline):
    prompts = [f"{MASCOT_TRIGGER} robot, red background", "Red  circle, BLUE background", ""]
    theirs = pipeline.tokenizer(prompts, padding="max_length", max_length=77, return_tensors="pt").input_ids
    assert torch.equal(theirs, token_ids(prompts))


def test_a_saved_base_comes_back_the_same(pipeline, tmp_path: Path):
    modules = {"unet": pipeline.unet, "vae": pipeline.vae, "text_encoder": pipeline.text_encoder}
    path = tmp_path / "again.safetensors"
    save_base(modules, path)
    ours, theirs = load_file(path), load_file(BASE)
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_only_the_worlds_words_are_trained_and_all_are_kept():
    torch.manual_seed(0)
    encoder = new_text_encoder()
    ids = token_ids(["red circle, blue background", "zyx robot"])
    encoder(ids).last_hidden_state.sum().backward()
    assert encoder.embeddings.token_embedding.rows.grad.abs().sum() > 0
    assert torch.equal(with_plain_embedding(encoder)(ids).last_hidden_state, encoder(ids).last_hidden_state)


def test_the_base_obeys_prompts_of_combinations_it_never_saw(pipeline):
    # 16 of the 64 prompts that `python -m demo.judge_base` measures. A guess would be right once in hundreds.
    assert judge_obedience(pipeline, held_out_scenes(64)[::4]).share >= 0.9


def test_without_a_lora_there_is_no_mascot(pipeline):
    assert judge_mascot(pipeline, count=8).share == 0
