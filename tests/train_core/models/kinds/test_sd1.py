"""The family computes what diffusers and transformers compute from the same weights, and trains what it should."""

from __future__ import annotations

import pytest
import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.schedulers.scheduling_ddpm import DDPMScheduler

from tests.tiny import TEXT_LAYERS, TEXT_WIDTH, tiny_file, tiny_folder, tiny_modules
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.headers import recognise
from train_core.facts.prompts.tokenizer import BOS, EOS, clip_tokenizer
from train_core.models.load import load_family

CAPTIONS = ["a red fox on a hill", "", "many words " * 60]


def load(dtype: torch.dtype = torch.float32, **settings):
    return load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file()), **settings), dtype)


@pytest.fixture(scope="module")
def family():
    return load()


def padded_ids(caption: str, room: int = 75) -> torch.Tensor:
    ids = clip_tokenizer().encode(caption).ids[:room]
    return torch.tensor([[BOS, *ids, EOS, *[EOS] * (room - len(ids))]])


def test_text_is_encoded_as_transformers_does(family):
    hidden = family.encode_text(CAPTIONS)["hidden"]
    assert hidden.shape == (3, 77, TEXT_WIDTH)
    for row, caption in zip(hidden, CAPTIONS, strict=True):
        expected = tiny_modules()["text_encoder"](padded_ids(caption)).last_hidden_state[0]
        torch.testing.assert_close(row, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("clip_skip", range(1, TEXT_LAYERS + 1))
def test_clip_skip_counts_layers_from_the_end_and_keeps_the_final_norm(clip_skip):
    encoder = tiny_modules()["text_encoder"]
    states = encoder(padded_ids(CAPTIONS[0]), output_hidden_states=True).hidden_states
    expected = encoder.final_layer_norm(states[len(states) - clip_skip])
    hidden = load(clip_skip=clip_skip).encode_text(CAPTIONS[:1])["hidden"]
    torch.testing.assert_close(hidden, expected, atol=1e-5, rtol=1e-5)


def test_a_clip_skip_deeper_than_the_encoder_is_refused_with_both_numbers():
    with pytest.raises(UserError, match=f"clip_skip is 9, but .* only {TEXT_LAYERS} layers"):
        load(clip_skip=9)


@pytest.mark.parametrize(("length", "positions"), [(150, 152), (225, 227)])
def test_longer_captions_are_read_in_pieces_of_75(length, positions):
    caption = " ".join(f"word{index}" for index in range(90))
    hidden = load(max_token_length=length).encode_text([caption])["hidden"]
    assert hidden.shape == (1, positions, TEXT_WIDTH)
    ids = clip_tokenizer().encode(caption).ids[:length]
    ids += [EOS] * (length - len(ids))
    pieces = torch.tensor([[BOS, *ids[start : start + 75], EOS] for start in range(0, length, 75)])
    states = tiny_modules()["text_encoder"](pieces).last_hidden_state
    expected = torch.cat([states[0, :1], *states[:, 1:-1], states[-1, -1:]])
    torch.testing.assert_close(hidden[0], expected, atol=1e-5, rtol=1e-5)


def test_prompts_without_weights_are_encoded_as_captions_are(family):
    weighted, plain = family.encode_weighted(CAPTIONS[:2]), family.encode_text(CAPTIONS[:2])
    torch.testing.assert_close(weighted["hidden"], plain["hidden"], atol=1e-6, rtol=1e-5)


def test_a_weight_scales_its_words_states_and_the_mean_is_restored():
    family = load()
    family.modules["text_encoder"].final_layer_norm.bias.data += 0.1  # random weights alone have a mean of zero
    plain = family.encode_text(["a red fox"])["hidden"]
    weights = torch.ones(1, 77, 1)
    weights[0, 2] = 1.5  # "red" is the second word, after the begin token
    restored = plain.mean() / (plain * weights).mean()
    assert abs(restored - 1) > 1e-3
    expected = plain * weights * restored
    torch.testing.assert_close(family.encode_weighted(["a (red:1.5) fox"])["hidden"], expected, atol=1e-5, rtol=1e-5)


def test_weights_do_no_harm_where_the_mean_says_nothing(family):
    plain = family.encode_text(["a red fox"])["hidden"]
    weighted = family.encode_weighted(["a (red:1.5) fox"])["hidden"]
    torch.testing.assert_close(weighted[0, 2], 1.5 * plain[0, 2], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(weighted[0, 3:], plain[0, 3:], atol=1e-5, rtol=1e-5)


def test_prompts_of_different_length_are_padded_to_the_longest(family):
    hidden = family.encode_weighted(["short", CAPTIONS[2]])["hidden"]
    assert hidden.shape == (2, 152, TEXT_WIDTH)


def test_prompts_weigh_for_themselves_alone(family):
    together = family.encode_weighted(["a (red:1.5) fox", "a fox"])["hidden"]
    alone = family.encode_weighted(["a fox"])["hidden"]
    torch.testing.assert_close(together[1:], alone, atol=1e-5, rtol=1e-5)


def test_break_begins_a_piece_of_its_own(family):
    together = family.encode_weighted(["a red fox BREAK (an owl:1.3)"])["hidden"]
    assert together.shape == (1, 152, TEXT_WIDTH)
    fox = family.encode_weighted(["a red fox"])["hidden"]
    torch.testing.assert_close(together[:, :76], fox[:, :76], atol=1e-5, rtol=1e-5)
    owl = family.encode_weighted(["(an owl:1.3)"])["hidden"]
    torch.testing.assert_close(together[:, 76:], owl[:, 1:], atol=1e-5, rtol=1e-5)


def test_extra_tokens_take_their_vectors_and_receive_gradients(family):
    table = tiny_modules()["text_encoder"].get_input_embeddings().weight
    fox = table[padded_ids("fox")[0, 1]]
    vectors = torch.nn.Parameter(fox[None].clone())
    hidden = family.encode_text(["a red zkfox"], {"zkfox": vectors})["hidden"]
    torch.testing.assert_close(hidden.detach(), family.encode_text(["a red fox"])["hidden"], atol=1e-5, rtol=1e-5)
    hidden.square().mean().backward()
    assert vectors.grad.abs().sum() > 0
    assert family.modules["text_encoder"].get_input_embeddings().num_embeddings == len(table)


def test_the_prediction_is_that_of_diffusers_unet(family):
    noisy, timesteps = torch.randn(2, 4, 8, 16), torch.tensor([1, 999])
    conditioning = family.encode_text(CAPTIONS[:2])
    unet = UNet2DConditionModel.from_single_file(str(tiny_file()), config=str(tiny_folder() / "unet"))
    with torch.no_grad():
        expected = unet(noisy, timesteps, conditioning["hidden"]).sample
        found = family.predict(noisy, timesteps, conditioning)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_the_prediction_keeps_the_format_of_the_latents():
    family = load(torch.bfloat16)
    conditioning = family.encode_text(CAPTIONS[:1])
    assert conditioning["hidden"].dtype == torch.bfloat16
    assert family.predict(torch.randn(1, 4, 8, 8), torch.tensor([5]), conditioning).dtype == torch.float32


def test_images_are_encoded_and_decoded_as_by_diffusers_vae(family):
    pixels = torch.rand(2, 3, 64, 32) * 2 - 1
    vae = AutoencoderKL.from_single_file(str(tiny_file()), config=str(tiny_folder() / "vae"))
    with torch.no_grad():
        expected = vae.encode(pixels).latent_dist
        moments = family.encode_images(pixels)
        torch.testing.assert_close(moments.mean, expected.mean, atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(moments.logvar, expected.logvar, atol=1e-5, rtol=1e-4)
        assert moments.mean.shape == (2, family.latent_channels, 64 // family.vae_factor, 32 // family.vae_factor)
        latents = moments.sample(torch.zeros_like(moments.mean)) * family.kind.latents.scale
        torch.testing.assert_close(family.decode(latents), vae.decode(moments.mean).sample, atol=1e-5, rtol=1e-4)


def test_the_noise_schedule_is_that_of_sd1(family):
    theirs = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    assert torch.equal(family.alphas_cumprod, theirs.alphas_cumprod)


def test_gradient_checkpointing_changes_no_gradient():
    gradients = []
    for checkpointing in (False, True):
        family = load()
        if checkpointing:
            family.enable_gradient_checkpointing()
        trained = [
            family.modules["text_encoder"].encoder.layers[0].mlp.fc1.weight,
            family.modules["unet"].mid_block.attentions[0].proj_in.weight,
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


def test_checkpointing_recomputes_both_trained_parts():
    family = load()
    family.enable_gradient_checkpointing()
    calls = {"unet": 0, "text_encoder": 0}

    def count(part):
        def hook(*_):
            calls[part] += 1

        return hook

    layer = family.modules["text_encoder"].encoder.layers[0].mlp
    block = family.modules["unet"].mid_block.attentions[0].transformer_blocks[0].attn1
    layer.register_forward_pre_hook(count("text_encoder"))
    block.register_forward_pre_hook(count("unet"))
    layer.fc1.weight.requires_grad_(True)
    family.predict(torch.randn(1, 4, 8, 8), torch.tensor([5]), family.encode_text(["x"])).sum().backward()
    assert calls == {"unet": 2, "text_encoder": 2}


def test_the_fingerprint_follows_the_vaes_weights_and_format_only(family):
    other = load()
    assert other.vae_fingerprint() == family.vae_fingerprint()
    changed = load()
    changed.modules["vae"].decoder.conv_out.bias.data[0] += 0.01
    halved = load()
    halved.place({"vae"}, "cpu", torch.bfloat16)
    unet_changed = load()
    unet_changed.modules["unet"].conv_in.bias.data += 1
    assert unet_changed.vae_fingerprint() == family.vae_fingerprint()
    assert len({family.vae_fingerprint(), changed.vae_fingerprint(), halved.vae_fingerprint()}) == 3


def test_placing_changes_the_named_modules_format_alone():
    family = load()
    family.place(["unet"], "cpu", torch.bfloat16)
    assert [family.modules[name].dtype for name in ("unet", "text_encoder")] == [torch.bfloat16, torch.float32]


@pytest.mark.parametrize("prediction_type", ["epsilon", "v_prediction"])
def test_a_saved_model_loads_again_with_the_same_weights(tmp_path, prediction_type):
    family = load()
    family.prediction_type = prediction_type
    path = tmp_path / "saved.safetensors"
    family.save_model(path, torch.float32)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert recognise(path).prediction_type == prediction_type
    again = load_family(ModelSettings(pretrained_model_name_or_path=str(path)), torch.float32)
    for part, module in family.modules.items():
        expected, found = module.state_dict(), again.modules[part].state_dict()
        assert expected.keys() == found.keys()
        assert all(torch.equal(expected[name], found[name]) for name in expected)
