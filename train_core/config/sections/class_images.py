"""Pictures of a class, made by the base model itself, to be used as regularisation images."""

from __future__ import annotations

from train_core.config.sections.samples import Sampler
from train_core.config.setting import Section, setting


class ClassImageSettings(Section, title="Making class images"):
    class_data_dir: str = setting(
        "", "Where the job class_images puts the regularisation images it makes; empty uses the regularisation folder, "
        "or a folder named reg beside the image folder. Training itself does not use this or the settings below.",
        label="Class image folder", path="folder", advanced=True,
    )
    class_prompt: str = setting(
        "", "What to draw, such as a photo of a {class}; empty uses the class alone: what follows the trigger word in "
        "the image folder's name.", label="Class prompt", advanced=True,
    )
    class_negative_prompt: str = setting(
        "", "What should not be in the images.", label="Negative prompt", advanced=True,
    )
    num_class_images: int = setting(
        0, "How many images each class should have in total, including existing ones; 0 is as many as training images "
        "with their repeats.", label="Number of class images", unit="images", ge=0, le=100_000, advanced=True,
    )
    class_sample_steps: int = setting(
        28, "Sampling steps for each image.", label="Class image steps", ge=1, le=1000, advanced=True,
    )
    class_scale: float = setting(
        7.0, "How closely the images follow the prompt (CFG scale).", label="Class image CFG scale", ge=1, le=100,
        advanced=True,
    )
    class_sampler: Sampler = setting(
        "euler_a", "The sampler for these images.", label="Class image sampler", advanced=True,
    )
