"""SD 2.x and SDXL condition and predict as diffusers' own pipelines do with the same weights."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version

import pytest
import torch
from diffusers import StableDiffusionPipeline, StableDiffusionXLPipeline

from tests.tiny import tiny_file
from tests.tiny_families import LAYERS, PROJECTION, WIDTH, WIDTH_2, file_of, folder_of, modules_of, tokenizer
from train_core.config.sections.model import ModelSettings
from train_core.facts.prompts.tokenizer import BOS, EOS, clip_tokenizer
from train_core.models.load import load_family

CAPTIONS = ["a red fox, on a hill", "", "many words " * 60]
PIPELINES = {"sd2": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline}
CLOSE = {"atol": 1e-5, "rtol": 1e-4}


@cache
def load(kind: str, **settings):
    path = tiny_file() if kind == "sd1" else file_of(kind)
    settings = {"v_parameterization": "epsilon", **settings}
    return load_family(ModelSettings(pretrained_model_name_or_path=str(path), **settings), torch.float32)


@cache
def pipeline(kind: str):
    return PIPELINES[kind].from_pretrained(folder_of(kind), torch_dtype=torch.float32)


def ids_of(caption: str, pad: int = 0, room: int = 75) -> torch.Tensor:
    ids = clip_tokenizer().encode(caption).ids[:room]
    return torch.tensor([[BOS, *ids, EOS, *[pad] * (room - len(ids))]])


@torch.no_grad()
@pytest.mark.parametrize("caption", CAPTIONS)
def test_sd2_text_is_encoded_as_diffusers_does(caption):
    expected, _ = pipeline("sd2").encode_prompt(caption, "cpu", 1, False)
    torch.testing.assert_close(load("sd2").encode_text([caption])["hidden"], expected, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("caption", CAPTIONS)
def test_sdxl_text_is_encoded_as_diffusers_does(caption):
    hidden, _, pooled, _ = pipeline("sdxl").encode_prompt(caption, device="cpu", do_classifier_free_guidance=False)
    found = load("sdxl").encode_text([caption])
    assert found["hidden"].shape == (1, 77, WIDTH + WIDTH_2)
    assert found["pooled"].shape == (1, PROJECTION)
    torch.testing.assert_close(found["hidden"], hidden, **CLOSE)
    torch.testing.assert_close(found["pooled"], pooled, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_captions_of_a_batch_do_not_touch_each_other(kind):
    together = load(kind).encode_text(CAPTIONS)
    for place, caption in enumerate(CAPTIONS):
        for name, value in load(kind).encode_text([caption]).items():
            torch.testing.assert_close(together[name][place : place + 1], value, **CLOSE)


def test_only_the_encoders_that_learnt_so_pad_with_the_exclamation_marks_token():
    assert tokenizer("!").pad_token_id == 0
    assert [reading.pad for reading in load("sd1").readings] == [EOS]
    assert [reading.pad for reading in load("sd2").readings] == [0]
    assert [reading.pad for reading in load("sdxl").readings] == [EOS, 0]


@torch.no_grad()
def test_an_exclamation_mark_in_a_caption_is_a_word_and_not_padding():
    """transformers' tokenizer, told to pad with "!", takes every "!" for padding; OpenCLIP's, with which SD 2.x and
    SDXL were trained, does not, and neither do the programs that draw with them."""
    ids = clip_tokenizer().encode("a fox!").ids
    assert ids[-1] == 256
    assert 0 in tokenizer("!")("a fox!")["input_ids"][:4]
    expected = modules_of("sd2")["text_encoder"](ids_of("a fox!")).last_hidden_state
    torch.testing.assert_close(load("sd2").encode_text(["a fox!"])["hidden"], expected, **CLOSE)


@torch.no_grad()
def test_every_piece_of_a_long_caption_ends_with_its_own_end_token_also_where_padding_differs():
    # 80 words: a full piece of 75, one with 5, and one without text, which still gets its end token.
    caption = " ".join(["fox"] * 80)
    ids = clip_tokenizer().encode(caption).ids
    pieces = torch.tensor([
        [BOS, *ids[:75], EOS], [BOS, *ids[75:], EOS, *[0] * 70], [BOS, EOS, *[0] * 75],
    ])  # fmt: skip
    states = modules_of("sd2")["text_encoder"](pieces).last_hidden_state
    expected = torch.cat([states[0, :1], *states[:, 1:-1], states[-1, -1:]])
    hidden = load("sd2", max_token_length=225).encode_text([caption])["hidden"]
    assert hidden.shape == (1, 227, WIDTH)
    torch.testing.assert_close(hidden[0], expected, **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize(("length", "positions"), [(150, 152), (225, 227)])
def test_long_captions_reach_both_sdxl_encoders_and_are_summed_up_by_their_first_piece(length, positions):
    first, rest = " ".join(["fox"] * 75), " ".join(["hill"] * 20)
    found = load("sdxl", max_token_length=length).encode_text([f"{first} {rest}"])
    short = load("sdxl").encode_text([first])
    assert found["hidden"].shape == (1, positions, WIDTH + WIDTH_2)
    torch.testing.assert_close(found["hidden"][:, :76], short["hidden"][:, :76], **CLOSE)
    torch.testing.assert_close(found["pooled"], short["pooled"], **CLOSE)
    other = load("sdxl", max_token_length=length).encode_text([f"{first} other"])
    assert (found["hidden"] - other["hidden"])[0, 76:151].abs().sum(0).min() > 0  # in each encoder's width


@torch.no_grad()
def test_the_summary_is_taken_at_the_first_end_token_not_at_the_highest_number():
    beyond = {"zk": torch.randn(1, WIDTH + WIDTH_2)}  # its number lies behind the end token's
    found = load("sdxl").encode_text(["a zk"], beyond)["pooled"]
    encoder = modules_of("sdxl")["text_encoder_2"]
    a = clip_tokenizer().encode("a").ids[0]
    embedded = encoder.text_model.embeddings.token_embedding(torch.tensor([[BOS, a, a, EOS, *[0] * 73]]))
    embedded[0, 2] = beyond["zk"][0, WIDTH:]
    table = torch.cat([encoder.text_model.embeddings.token_embedding.weight, beyond["zk"][:, WIDTH:]])
    ids = torch.tensor([[BOS, a, 49408, EOS, *[0] * 73]])
    states = torch.func.functional_call(
        encoder.text_model, {"embeddings.token_embedding.weight": table}, (ids,)
    ).last_hidden_state
    torch.testing.assert_close(found, encoder.text_projection(states[:, 3]), **CLOSE)


@torch.no_grad()
@pytest.mark.parametrize("clip_skip", [1, 2, 3])
def test_clip_skip_on_sdxl_is_honoured_where_the_well_known_trainer_ignores_it(clip_skip):
    """1 and 2 both name SDXL's own layer, the second last; 3 lies deeper. No last norm is applied."""
    deep = max(2, clip_skip)
    found = load("sdxl", clip_skip=clip_skip).encode_text(CAPTIONS[:1])["hidden"]
    first = modules_of("sdxl")["text_encoder"](ids_of(CAPTIONS[0], EOS), output_hidden_states=True).hidden_states
    second = modules_of("sdxl")["text_encoder_2"](ids_of(CAPTIONS[0]), output_hidden_states=True).hidden_states
    assert len(first) == len(second) == LAYERS + 1
    torch.testing.assert_close(found, torch.cat([first[-deep], second[-deep]], dim=-1), **CLOSE)
    own = load("sdxl").encode_text(CAPTIONS[:1])["hidden"]
    assert torch.equal(found, own) == (clip_skip <= 2)


@torch.no_grad()
def test_clip_skip_on_sd2_counts_from_the_last_of_its_23_layers():
    encoder = modules_of("sd2")["text_encoder"]
    states = encoder(ids_of(CAPTIONS[0]), output_hidden_states=True).hidden_states
    found = load("sd2", clip_skip=2).encode_text(CAPTIONS[:1])["hidden"]
    torch.testing.assert_close(found, encoder.final_layer_norm(states[-2]), **CLOSE)


@pytest.mark.parametrize(
    ("kind", "clip_skip", "every"), [("sd1", 1, True), ("sd1", 2, False), ("sd2", 1, True), ("sdxl", 1, False)]
)
def test_layers_that_take_no_part_are_known(kind, clip_skip, every):
    assert load(kind, clip_skip=clip_skip).uses_every_layer == every


@torch.no_grad()
def test_prompt_weights_reach_both_sdxl_encoders_and_keep_each_ones_mean():
    family = load("sdxl")
    plain = family.encode_weighted(["a red fox"])
    assert torch.equal(plain["hidden"], family.encode_text(["a red fox"])["hidden"])
    found = family.encode_weighted(["a (red:1.5) fox"])
    assert torch.equal(found["pooled"], plain["pooled"])
    for place in (slice(0, WIDTH), slice(WIDTH, None)):
        old, new = plain["hidden"][..., place], found["hidden"][..., place]
        assert not torch.allclose(old[:, 2], new[:, 2])
        torch.testing.assert_close(new.mean(), old.mean(), atol=1e-5, rtol=1e-3)


@torch.no_grad()
def test_break_pads_each_sdxl_encoders_piece_in_its_own_way():
    family = load("sdxl")
    found = family.encode_weighted(["a red fox BREAK an owl"])
    first, second = family.encode_weighted(["a red fox"]), family.encode_weighted(["an owl"])
    torch.testing.assert_close(found["hidden"][:, :76], first["hidden"][:, :76], **CLOSE)
    torch.testing.assert_close(found["hidden"][:, 76:], second["hidden"][:, 1:], **CLOSE)
    torch.testing.assert_close(found["pooled"], first["pooled"], **CLOSE)


@torch.no_grad()
def test_the_sd2_prediction_is_that_of_diffusers_unet():
    noisy, timesteps = torch.randn(2, 4, 8, 16), torch.tensor([1, 999])
    conditioning = load("sd2").encode_text(CAPTIONS[:2])
    expected = modules_of("sd2")["unet"](noisy, timesteps, conditioning["hidden"]).sample
    torch.testing.assert_close(load("sd2").predict(noisy, timesteps, conditioning), expected, **CLOSE)


def sdxl_pipeline_prediction(noisy, timesteps, captions, original, crop, target):
    """Inputs that diffusers' pipeline gives its U-Net; sizes are (height, width), the crop is (top, left)."""
    pipe = pipeline("sdxl")
    hidden, _, pooled, _ = pipe.encode_prompt(captions, device="cpu", do_classifier_free_guidance=False)
    ids = [
        pipe._get_add_time_ids(o, c, t, torch.float32, PROJECTION)
        for o, c, t in zip(original, crop, target, strict=True)
    ]
    added = {"text_embeds": pooled, "time_ids": torch.cat(ids)}
    return pipe.unet(noisy, timesteps, hidden, added_cond_kwargs=added).sample


@torch.no_grad()
def test_sdxl_is_told_sizes_and_crops_as_diffusers_tells_them():
    noisy, timesteps = torch.randn(2, 4, 8, 16), torch.tensor([1, 999])
    extras = {
        "original_sizes": torch.tensor([[640, 480], [128, 64]]),
        "crops": torch.tensor([[7, 3], [0, 0]]),
        "target_sizes": torch.tensor([[128, 64], [128, 64]]),
    }
    expected = sdxl_pipeline_prediction(
        noisy, timesteps, CAPTIONS[:2], [(480, 640), (64, 128)], [(3, 7), (0, 0)], [(64, 128)] * 2
    )
    family = load("sdxl")
    found = family.predict(noisy, timesteps, family.encode_text(CAPTIONS[:2]), extras)
    torch.testing.assert_close(found, expected, **CLOSE)


@torch.no_grad()
def test_without_sizes_sdxl_takes_latents_for_whole_pictures():
    noisy, timesteps = torch.randn(1, 4, 8, 16), torch.tensor([500])
    expected = sdxl_pipeline_prediction(noisy, timesteps, CAPTIONS[:1], [(64, 128)], [(0, 0)], [(64, 128)])
    family = load("sdxl")
    torch.testing.assert_close(family.predict(noisy, timesteps, family.encode_text(CAPTIONS[:1])), expected, **CLOSE)


def test_extra_tokens_of_sdxl_hold_both_encoders_vectors_and_receive_gradients():
    family = load("sdxl")
    fox = clip_tokenizer().encode("fox").ids[0]
    tables = [
        modules_of("sdxl")["text_encoder"].embeddings.token_embedding.weight[fox],
        modules_of("sdxl")["text_encoder_2"].text_model.embeddings.token_embedding.weight[fox],
    ]
    vectors = torch.nn.Parameter(torch.cat(tables)[None].clone())
    found = family.encode_text(["a red zkfox"], {"zkfox": vectors})
    for name, value in family.encode_text(["a red fox"]).items():
        torch.testing.assert_close(found[name].detach(), value, **CLOSE)
    found["hidden"].square().mean().backward()
    assert vectors.grad[0, :WIDTH].abs().sum() > 0
    assert vectors.grad[0, WIDTH:].abs().sum() > 0


@pytest.mark.parametrize("kind", ["sd2", "sdxl"])
def test_gradient_checkpointing_changes_no_gradient(kind):
    gradients = []
    for checkpointing in (False, True):
        family = load_family(ModelSettings(pretrained_model_name_or_path=str(file_of(kind))), torch.float32)
        if checkpointing:
            family.enable_gradient_checkpointing()
        names = [name for name in family.modules if name.startswith("text_encoder")]
        trained = [
            next(t.module.weight for t in family.targets() if t.part == name and t.block == 0) for name in names
        ]
        for parameter in trained:
            parameter.requires_grad_(True)
        noisy = torch.linspace(-1, 1, 256).reshape(1, 4, 8, 8)
        prediction = family.predict(noisy, torch.tensor([500]), family.encode_text(CAPTIONS[:1]))
        prediction.square().mean().backward()
        gradients.append([parameter.grad for parameter in trained])
    for plain, checkpointed in zip(*gradients, strict=True):
        assert plain.abs().sum() > 0
        torch.testing.assert_close(plain, checkpointed, atol=1e-7, rtol=1e-4)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl"])
def test_captions_and_prompts_are_cleaned_alike(kind):
    family = load(kind)
    for encode in (family.encode_text, family.encode_weighted):
        odd, plain, other = (encode([text]) for text in ("a dog’s ﬁne，１", "a dog's fine,1", "a dogs fine,1"))
        assert all(odd[name].equal(plain[name]) for name in plain)
        assert not odd["hidden"].equal(other["hidden"])


def test_the_cache_of_texts_knows_how_they_are_cleaned():
    assert f"ftfy {version('ftfy')}" in load("sd1").text_fingerprint()
