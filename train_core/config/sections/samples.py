"""Pictures drawn while training."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import all_of, when, when_set
from train_core.config.setting import Section, setting

Sampler = Literal[
    "ddim", "pndm", "lms", "euler", "euler_a", "heun", "dpm_2", "dpm_2_a", "dpmsolver", "dpmsolver++", "dpmsingle",
    "dpmpp_2s_a", "dpmpp_sde", "dpmpp_2m_sde", "dpmpp_3m_sde", "unipc", "lcm",
    "k_lms", "k_euler", "k_euler_a", "k_dpm_2", "k_dpm_2_a",
]
SampleSpacing = Literal["automatic", "uniform", "karras", "exponential"]


class SampleSettings(Section, title="Samples"):
    sample_prompts: str = setting(
        "", "One prompt per line, with --n negative, --w --h size, --d seed, --s steps, --l scale, --ss sampler, "
        "--sc schedule type; or the path of a .txt file.", label="Sample prompts", lines=4, path="prompts",
    )
    sample_every_n_epochs: int = setting(
        1, "Draw sample pictures every n epochs; 0 is off.", label="Sample every n epochs", unit="epochs", ge=0,
        applies_to=when_set("sample_prompts"),
    )
    sample_every_n_steps: int = setting(
        0, "Draw sample pictures every n steps; 0 is off.", label="Sample every n steps", unit="steps", ge=0,
        applies_to=when_set("sample_prompts"),
    )
    sample_at_first: bool = setting(
        False, "Draw samples before the first step, for comparison.", label="Sample before training",
        applies_to=when_set("sample_prompts"),
    )
    sample_folders: list[str] = setting(
        [], "Where the files are that sample prompts name, one folder per line: other LoRAs as <lora:name:0.8>, "
        "hypernetworks and embeddings, which are loaded beside what is trained while pictures are drawn.",
        label="Folders of networks", lines=2, advanced=True,
        applies_to=all_of(when_set("sample_prompts"), when("dynamo_backend", "no"), when("accelerate_config", "")),
    )
    sample_sampler: Sampler = setting(
        "euler_a", "Sampler for prompts that do not name one.", label="Sampler", applies_to=when_set("sample_prompts"),
    )
    sample_spacing: SampleSpacing = setting(
        "automatic", "How the noise levels of a picture are spaced: evenly in time (uniform), or with smaller steps "
        "where there is little noise (karras, exponential). With automatic, dpmpp_2s_a and dpmpp_sde use karras, "
        "dpmpp_2m_sde and dpmpp_3m_sde exponential, and all others are even in time.",
        label="Schedule type", applies_to=when_set("sample_prompts"),
    )
