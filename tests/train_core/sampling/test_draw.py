"""Drawing leaves training as it was, and a picture follows from its prompt and seed alone."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
from PIL import Image, ImageStat
from torch import nn

from train_core.config.jobs.drawing import HiresUpscaler
from train_core.diffusion.ddpm import DDPM
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.models.kinds.stable_diffusion import scaled_linear_alphas
from train_core.sampling.draw import PictureDrawer, enlarged, to_image

PROCESS = DDPM(scaled_linear_alphas(), "epsilon")
PROMPT = SamplePrompt("light", "", 64, 96, 7, 8, 2.0, "euler_a")


class GaussianNoise(nn.Module):
    """The exact noise predictor for pictures ~ N(value, 0.2^2), which notes how it was called."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))
        self.drop = nn.Dropout(0.9)
        self.modes = []

    def forward(self, noisy, a, value):
        self.modes.append((self.training, self.drop.training, torch.is_grad_enabled()))
        return (1 - a).sqrt() * (noisy - a.sqrt() * value) / (a * 0.2**2 + 1 - a) * self.weight


class FakeFamily:
    """Prompts are the names of values, and pictures are of that value with a little grain."""

    latent_channels, vae_factor = 4, 8
    values = {"light": 0.2, "dark": -0.2, "": 0.0, "broken": float("nan")}  # noqa: RUF012

    def __init__(self):
        self.alphas_cumprod = scaled_linear_alphas()
        self.modules = {"unet": GaussianNoise(), "vae": nn.Conv2d(1, 1, 1)}
        self.batches = []
        self.asked = []  # for the first value of each call
        self.times = []
        self.places = []

    def encode_weighted(self, prompts, extra_tokens=None):
        return {"value": torch.tensor([self.values[p] for p in prompts])}

    def predict(self, noisy, timesteps, conditioning, extras=None):
        self.batches.append(len(noisy))
        self.times.append(timesteps[0].item())
        self.asked.append(round(conditioning["value"][0].item(), 1))
        torch.rand(1)  # a careless model
        a = self.alphas_cumprod[timesteps.round().long()].view(-1, 1, 1, 1)
        return self.modules["unet"](noisy, a, conditioning["value"].view(-1, 1, 1, 1))

    def decode(self, latents):
        return latents[:, :3].repeat_interleave(8, 2).repeat_interleave(8, 3)

    def place(self, names, device, dtype=None):
        self.places.append((sorted(names), str(device)))
        for name, module in self.modules.items():
            module.to(device if name in names else "cpu")


def fail(problem):
    pytest.fail(str(problem))


def drawer(family, device="cpu", **kwargs):
    return PictureDrawer(family=family, process=PROCESS, device=torch.device(device), **kwargs)


def draw(prompts, family=None, warn=None, **kwargs):
    return list(drawer(family or FakeFamily(), **kwargs).pictures(prompts, 3, warn or fail))


def test_a_prompt_gives_a_picture_of_its_size():
    picture = draw([PROMPT])[0]
    assert picture.image.size == (64, 96) and picture.image.mode == "RGB"
    assert (picture.seed, picture.index) == (7, 0)


def test_an_interruption_gives_up_the_picture_at_hand_and_those_after_it():
    family, asked = FakeFamily(), iter([*[False] * 7, True])
    pictures = draw([replace(PROMPT, steps=5)] * 3, family, interrupted=lambda: next(asked))
    assert [picture.index for picture in pictures] == [0] and len(family.batches) == 7


def test_the_seed_chooses_in_a_prompt_and_the_picture_says_what():
    prompts = [replace(PROMPT, prompt="{light|dark}", seed=seed) for seed in (*range(8), 3)]
    chosen = [picture.prompt.prompt for picture in draw(prompts)]
    assert set(chosen) == {"light", "dark"} and chosen[8] == chosen[3]


@pytest.mark.parametrize(("sampler", "steps"), [("euler", [1, 2, 3]), ("heun", [1, 1, 2, 2, 3])])
def test_each_call_of_the_model_says_to_which_step_it_belongs(sampler, steps):
    told = []
    draw([replace(PROMPT, sampler=sampler, steps=3)], at_step=lambda step, of: told.append((step, of)))
    assert told == [(step, 3) for step in steps]


@pytest.mark.parametrize("sampler", ["ddim", "euler_a", "dpmsolver++", "pndm"])
def test_a_picture_shows_what_was_asked_and_guidance_exaggerates_it(sampler):
    def brightness(**changes):
        image = draw([replace(PROMPT, sampler=sampler, steps=30, width=256, height=256, **changes)])[0].image
        return ImageStat.Stat(image).mean[0] / 127.5 - 1

    assert brightness(scale=1.0) == pytest.approx(0.2, abs=0.06)
    assert brightness(scale=1.0, prompt="dark") == pytest.approx(-0.2, abs=0.06)
    assert brightness(scale=3.0) == pytest.approx(0.6, abs=0.06)
    assert brightness(scale=2.0, negative_prompt="dark") == pytest.approx(0.6, abs=0.06)


def test_the_same_seed_draws_the_same_picture_whatever_else_is_drawn():
    alone = draw([PROMPT])[0]
    among = draw([replace(PROMPT, seed=None), PROMPT])[1]
    other = draw([replace(PROMPT, seed=8)])[0]
    assert alone.image.tobytes() == among.image.tobytes() != other.image.tobytes()


@pytest.mark.parametrize("sampler", ["euler", "euler_a", "dpmpp_sde", "dpmpp_3m_sde"])
def test_a_second_pass_walks_the_last_steps_of_a_way_as_long_as_its_strength_says(sampler):
    family, prompt = FakeFamily(), replace(PROMPT, sampler=sampler, scale=1.0)
    picture = draw([replace(prompt, hires=Hires(1.5, 0.5, 4))], family)[0]
    assert picture.image.size == (96, 144)
    first = len(family.times) - (7 if sampler == "dpmpp_sde" else 4)
    whole = FakeFamily()
    draw([replace(prompt, width=96, height=144, steps=8)], whole)
    assert family.times[first:] == whole.times[first - len(family.times) :] and family.times[:first] == whole.times
    mean = ImageStat.Stat(picture.image).mean[0] / 127.5 - 1
    assert mean == pytest.approx(0.2, abs=0.06)


def test_the_second_pass_has_the_same_seed_and_its_own_steps():
    told = []
    hires = replace(PROMPT, hires=Hires(2, 0.7, 3))
    first, again = draw([hires, hires], at_step=lambda step, of: told.append((step, of)))
    assert first.image.tobytes() == again.image.tobytes()
    assert told[:11] == [*((step, 8) for step in range(1, 9)), (1, 3), (2, 3), (3, 3)]


def test_at_strength_0_a_picture_is_only_enlarged():
    plain = draw([PROMPT])[0].image
    large = draw([replace(PROMPT, hires=Hires(2, 0.0, upscaler="Latent (nearest)"))])[0].image
    assert large.tobytes() == plain.resize((128, 192), Image.Resampling.NEAREST).tobytes()


@pytest.mark.parametrize("upscaler", get_args(HiresUpscaler))
def test_every_way_to_enlarge_latents_keeps_what_is_even(upscaler):
    assert enlarged(torch.full((1, 4, 3, 5), 0.5), (7, 9), upscaler) == pytest.approx(torch.full((1, 4, 7, 9), 0.5))


def test_a_prompt_goes_on_in_the_second_pass():
    family = FakeFamily()
    draw([replace(PROMPT, prompt="[light:dark:10]", sampler="euler", hires=Hires(2, 0.7))], family)
    assert family.asked == [0.2] * 8 + [0.2] * 3 + [-0.2] * 5  # until call 10 - 8


@pytest.mark.parametrize(("sampler", "same"), [("euler_a", "uniform"), ("dpmpp_sde", "karras")])
def test_a_picture_has_the_spacing_that_its_prompt_asks_for(sampler, same):
    drawn = {
        spacing: draw([replace(PROMPT, sampler=sampler, spacing=spacing)])[0].image.tobytes()
        for spacing in ("automatic", "uniform", "karras", "exponential")
    }
    assert len(set(drawn.values())) == 3 and drawn["automatic"] == drawn[same]


@pytest.mark.parametrize("sampler", ["dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde", "lcm"])
def test_all_noise_follows_from_the_seed(sampler):
    first, again, other = draw([replace(PROMPT, sampler=sampler, seed=seed) for seed in (7, 7, 8)])
    assert first.image.tobytes() == again.image.tobytes() != other.image.tobytes()


def test_a_prompt_without_seed_gets_one_that_is_the_same_next_time():
    unseeded = [replace(PROMPT, seed=None)] * 2
    first, second = draw(unseeded), draw(unseeded)
    assert [p.seed for p in first] == [p.seed for p in second]
    assert first[0].seed != first[1].seed
    repeated = draw([replace(PROMPT, seed=first[1].seed)])[0]
    assert repeated.image.tobytes() == first[1].image.tobytes()


def test_guidance_predicts_both_prompts_in_one_call_and_scale_one_only_the_prompt():
    family = FakeFamily()
    draw([PROMPT, replace(PROMPT, scale=1.0)], family)
    assert family.batches == [2] * 8 + [1] * 8


def test_modes_gradients_and_generators_are_left_as_they_were():
    family, adapter = FakeFamily(), nn.Sequential(nn.Dropout(0.5))
    unet = family.modules["unet"]
    unet.train()
    unet.drop.eval()
    before = torch.get_rng_state()
    for _ in drawer(family, trained=adapter).pictures([PROMPT], 3, fail):
        assert torch.is_grad_enabled() and unet.training  # already so while the caller looks at the picture
    assert set(unet.modes) == {(False, False, False)}
    assert (unet.training, unet.drop.training, adapter[0].training) == (True, False, True)
    assert torch.equal(before, torch.get_rng_state())


def test_a_broken_picture_is_a_warning_and_the_next_is_drawn():
    warnings = []
    pictures = draw([replace(PROMPT, prompt="broken"), PROMPT], warn=warnings.append)
    assert [p.index for p in pictures] == [1]
    assert [(w.code, w.params["number"]) for w in warnings] == [("sample_not_finite", 1)]


def test_parked_modules_are_fetched_and_parked_again():
    family = FakeFamily()
    family.modules["unet"].to("meta")
    family.modules["vae"].to("cpu")
    with pytest.raises(NotImplementedError):  # the meta device stands for the card; nothing can be drawn there
        list(drawer(family, "meta").pictures([PROMPT], 3, fail))
    assert family.places == [(["unet", "vae"], "meta"), (["unet"], "meta")]


def test_pixels_are_rounded_and_cut_to_eight_bits():
    pixels = torch.tensor([-2.0, -1.0, 0.0, 1.0, 3.0, 1 / 127.5]).view(1, 1, 6).expand(3, 1, 6)
    assert [p[0] for p in to_image(pixels).get_flattened_data()] == [0, 0, 128, 255, 255, 128]


@pytest.mark.parametrize(
    ("sampler", "when", "first"), [("euler", "0.5", 5), ("dpm_2", "0.5", 9), ("euler", "4", 5), ("dpm_2", "4", 5)]
)
def test_shares_are_of_the_steps_and_whole_numbers_count_calls(sampler, when, first):
    family = FakeFamily()
    draw([replace(PROMPT, prompt=f"[light:dark:{when}]", sampler=sampler)], family)
    assert family.asked == [0.2] * first + [-0.2] * (len(family.asked) - first)
    assert len(family.asked) == (8 if sampler == "euler" else 15)


def test_a_prompt_that_does_not_change_is_drawn_as_before_and_tags_of_networks_are_no_words():
    plain, tagged = draw([PROMPT])[0], draw([replace(PROMPT, prompt="light<lora:x:1>")])[0]
    assert plain.image.tobytes() == tagged.image.tobytes()
