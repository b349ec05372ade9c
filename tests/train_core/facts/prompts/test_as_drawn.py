"""What pictures say of how they were made, read back and as settings of a drawing."""

from __future__ import annotations

import io
import re
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_core.config.jobs.drawing import HiresUpscaler
from train_core.facts.prompts.as_drawn import as_drawn
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.parameters import EXIF, USER_COMMENT, Parameters, parameters_in, read_parameters
from train_core.facts.prompts.prompt_lines import SAMPLERS, SamplePrompt
from train_core.sampling.png import parameters_text

FROM_A1111 = """a fox, (red:1.2),
in snow <lora:fox:0.8>
Negative prompt: blurry, "bad"
second: line
Steps: 20, Sampler: DPM++ 2M, Schedule type: Automatic, CFG scale: 7, Seed: 3741, Size: 512x768, \
Model hash: 6ce0161689, Model: v1-5-pruned, VAE: vae.safetensors, Denoising strength: 0.55, \
Clip skip: 2, RNG: CPU, Hires upscale: 1.5, Hires steps: 12, Hires upscaler: Latent (bicubic), \
Lora hashes: "fox: 0123456789ab", Version: v1.10.1"""

LETTERS = st.characters(exclude_categories=["Cs", "Cc", "Z"])
TEXT = st.text(st.sampled_from('ab画狐，,:;"\\\'()[]{}<>=|0.5 \U0001f98a-') | LETTERS)
LINE = TEXT.map(lambda text: re.sub(r"^#+|--+|\s+", " ", text).strip())


def test_a_text_of_a1111_fills_every_setting_that_it_speaks_of():
    drawn = as_drawn(read_parameters(FROM_A1111))
    assert drawn.values == {
        "draw_prompts": "a fox, (red:1.2), in snow <lora:fox:0.8>",
        "draw_negative": 'blurry, "bad" second: line', "draw_steps": 20, "draw_sampler": "dpmsolver++",
        "draw_spacing": "karras", "draw_scale": 7.0, "draw_seed": 3741, "draw_resolution": "512,768",
        "draw_clip_skip": 2, "draw_hires_scale": 1.5, "draw_hires_steps": 12, "draw_hires_denoise": 0.55,
        "draw_hires_upscaler": "Latent (bicubic)",
    }  # fmt: skip
    assert (drawn.model, drawn.vae, drawn.left) == ("v1-5-pruned", "vae.safetensors", {"RNG": "CPU"})


@given(
    prompt=LINE.filter(bool), negative=LINE, model=TEXT.map(str.strip), sampler=st.sampled_from(SAMPLERS),
    spacing=st.sampled_from(["automatic", "uniform", "karras", "exponential"]), seed=st.integers(0, 2**32 - 1),
    hires=st.none() | st.builds(
        Hires, st.floats(1.25, 4).map(lambda x: round(x, 2)), st.floats(0, 1).map(lambda x: round(x, 2)),
        st.integers(0, 40), st.sampled_from(get_args(HiresUpscaler)),
    ),
)  # fmt: skip
def test_what_this_program_writes_it_reads_back(prompt, negative, model, sampler, spacing, seed, hires):
    written = SamplePrompt(prompt, negative, 512, 768, seed, 24, 6.5, sampler, spacing, hires)
    text = parameters_text(written, model, "0123456789", {"Clip skip": 2, "Lora hashes": "a: b"})
    drawn = as_drawn(read_parameters(text))
    values, model_read = drawn.values, drawn.model
    assert (values["draw_prompts"], values["draw_negative"], model_read) == (prompt, negative, model)
    assert (values["draw_seed"], values["draw_steps"], values["draw_scale"]) == (seed, 24, 6.5)
    assert (values["draw_resolution"], values["draw_clip_skip"]) == ("512,768", 2)
    assert values["draw_sampler"] == sampler.removeprefix("k_") and not drawn.left
    again = Hires(
        values["draw_hires_scale"], values["draw_hires_denoise"], values["draw_hires_steps"],
        values["draw_hires_upscaler"],
    ) if values["draw_hires_scale"] > 1 else None  # fmt: skip
    assert again == hires
    redrawn = SamplePrompt(prompt, negative, 512, 768, seed, 24, 6.5, sampler, values["draw_spacing"], again)
    assert parameters_text(redrawn, model, "0123456789", {"Clip skip": 2, "Lora hashes": "a: b"}) == text


@pytest.mark.parametrize(
    ("line", "values", "left"),
    [
        ("Sampler: DPM++ 2M SDE Karras", {"draw_sampler": "dpmpp_2m_sde", "draw_spacing": "karras"}, {}),
        ("Sampler: DPM++ 2S a", {"draw_sampler": "dpmpp_2s_a", "draw_spacing": "uniform"}, {}),
        ("Sampler: UniPC", {"draw_sampler": "unipc", "draw_spacing": "automatic"}, {}),
        ("Sampler: DPM fast", {}, {"Sampler": "DPM fast"}),
        ("Sampler: Euler, Schedule type: Polyexponential", {"draw_sampler": "euler"},
         {"Schedule type": "Polyexponential"}),
        ("Hires resize: 1024x1024", {"draw_hires_scale": 2.0}, {}),
        ("Hires resize: 1024x0, Hires upscaler: Latent", {"draw_hires_scale": 2.0}, {}),
        ("Hires resize: 1024x1280", {"draw_hires_scale": 1.0}, {"Hires resize": "1024x1280"}),
        ("Hires upscale: 2, Hires upscaler: R-ESRGAN 4x+", {"draw_hires_scale": 1.0},
         {"Hires upscale": "2", "Hires upscaler": "R-ESRGAN 4x+"}),
        ("Denoising strength: 0.4", {"draw_hires_scale": 1.0}, {"Denoising strength": "0.4"}),
        ("Clip skip: 40", {"draw_clip_skip": 1}, {"Clip skip": "40"}),
        ("VAE: Automatic", {}, {}),
    ],
)  # fmt: skip
def test_what_no_setting_can_hold_is_left_and_named(line, values, left):
    drawn = as_drawn(read_parameters(f"a\nSteps: 20, Seed: 1, Size: 512x512, {line}"))
    assert values.items() <= drawn.values.items()
    assert (drawn.left, drawn.vae) == (left, "")


@pytest.mark.parametrize("prompt", ["# a", "a --n b", "prompts.txt"])
def test_a_prompt_that_would_be_read_as_something_else_is_left(prompt):
    drawn = as_drawn(Parameters(prompt, "", {}))
    assert drawn.left == {"Prompt": prompt} and "draw_prompts" not in drawn.values


def test_a_last_line_with_few_facts_belongs_to_the_prompt():
    assert read_parameters("a fox\nit says: yes, no: no") == Parameters("a fox\nit says: yes, no: no", "", {})


@given(st.text(max_size=200))
def test_any_text_is_read(text):
    as_drawn(read_parameters(text))
    as_drawn(read_parameters(f"{text}\nSteps: {text}, Sampler: {text}, Seed: {text}, Hires upscale: {text}"))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_the_text_is_found_in_each_kind_of_picture(format):
    file, image = io.BytesIO(), Image.new("RGB", (8, 8))
    if format == "PNG":
        info = PngInfo()
        info.add_text("parameters", FROM_A1111 + "狐")
        image.save(file, format, pnginfo=info)
    else:
        exif = Image.Exif()
        exif.get_ifd(EXIF)[USER_COMMENT] = b"UNICODE\0" + (FROM_A1111 + "狐").encode("utf-16-be")
        image.save(file, format, exif=exif)
    assert parameters_in(file.getvalue()) == FROM_A1111 + "狐"
    assert parameters_in(b"\x89PNG nonsense") == parameters_in(b"") == ""
