"""Sample files carry their parameters as A1111 writes them and never take another file's place."""

from dataclasses import replace
from datetime import datetime

import pytest
from PIL import Image

from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.sampling.png import epoch_mark, parameters_text, sample_path, save_png, step_mark

PROMPT = SamplePrompt("a cat, (red:1.2)", "bad, ugly", 512, 768, 42, 20, 7.0, "k_euler_a")
NOW = datetime(2026, 1, 2, 3, 4, 5)


def test_parameters_are_written_as_a1111_writes_them():
    assert parameters_text(PROMPT, "demo", "abc123") == (
        "a cat, (red:1.2)\n"
        "Negative prompt: bad, ugly\n"
        "Steps: 20, Sampler: Euler a, Schedule type: Uniform, CFG scale: 7, Seed: 42, Size: 512x768, "
        "Model hash: abc123, Model: demo"
    )


def test_a_second_pass_is_named_as_a1111_names_it():
    hires = Hires(1.5, 0.45, 12, "Latent (bicubic)")
    expected = "Denoising strength: 0.45, Hires upscale: 1.5, Hires steps: 12, Hires upscaler: Latent (bicubic)"
    assert parameters_text(replace(PROMPT, hires=hires), "demo").endswith(f"Model: demo, {expected}")
    assert "Hires steps" not in parameters_text(replace(PROMPT, hires=Hires(2, 1)), "demo")


def test_without_negative_prompt_and_hash_their_places_are_left_out():
    bare = SamplePrompt("a", "", 64, 64, 1, 5, 7.5, "ddim")
    expected = "a\nSteps: 5, Sampler: DDIM, Schedule type: Automatic, CFG scale: 7.5, Seed: 1, Size: 64x64, Model: "
    assert parameters_text(bare, "m, v1") == expected + '"m, v1"'


@pytest.mark.parametrize(("sampler", "spacing", "said"), [
    ("dpmsolver++", "karras", "Sampler: DPM++ 2M, Schedule type: Karras,"),
    ("dpmpp_2m_sde", "automatic", "Sampler: DPM++ 2M SDE, Schedule type: Exponential,"),
    ("dpmpp_2m_sde", "uniform", "Sampler: DPM++ 2M SDE, Schedule type: Uniform,"),
    ("k_dpm_2_a", "exponential", "Sampler: DPM2 a, Schedule type: Exponential,"),
    ("lcm", "automatic", "Sampler: LCM, Schedule type: Automatic,"),
])  # fmt: skip
def test_the_spacing_is_named_as_it_was(sampler, spacing, said):
    assert said in parameters_text(replace(PROMPT, sampler=sampler, spacing=spacing), "demo")


def test_files_are_named_by_epoch_or_step_and_never_twice(tmp_path):
    first = sample_path(tmp_path, "cat", epoch_mark(3), 1, 42, NOW)
    assert first == tmp_path / "sample" / "cat_e000003_01_20260102030405_42.png"
    assert sample_path(tmp_path, "cat", step_mark(500), 0, 7, NOW).name == "cat_000500_00_20260102030405_7.png"
    save_png(Image.new("RGB", (8, 8)), first, "")
    again = sample_path(tmp_path, "cat", epoch_mark(3), 1, 42, NOW)
    assert again != first and not again.exists()


def test_the_png_holds_the_picture_and_its_parameters_and_nothing_else_is_left(tmp_path):
    picture = Image.effect_noise((16, 8), 50).convert("RGB")
    text = "ein Kätzchen, 猫\nSteps: 1"
    path = save_png(picture, tmp_path / "sample" / "a.png", text)
    with Image.open(path) as read:
        assert read.text["parameters"] == text
        assert read.tobytes() == picture.tobytes()
    assert list(path.parent.iterdir()) == [path]
