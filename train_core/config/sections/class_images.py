"""Pictures of a class, made by the base model itself, to be used as regularisation images."""

from __future__ import annotations

from train_core.config.sections.samples import Sampler
from train_core.config.setting import Section, setting


class ClassImageSettings(Section, title="Making class images"):
    class_data_dir: str = setting(
        "", "Where the job class_images puts regularisation images that it makes; empty takes the regularisation "
        "folder, or a folder reg beside the image folder. A training does not use this or what follows.",
        label="Folder of class images", path="folder", advanced=True,
    )
    class_prompt: str = setting(
        "", "What is drawn, such as a photo of a {class}; empty is the class alone, as the image folder's name has it "
        "behind the trigger word.", label="Class prompt", advanced=True,
    )
    class_negative_prompt: str = setting("", "What should not be in them.", label="Negative prompt", advanced=True)
    num_class_images: int = setting(
        0, "How many there should be of each class, those that are there already included; 0 is as many as training "
        "images with their repeats.", label="Number of class images", unit="images", ge=0, le=100_000, advanced=True,
    )
    class_sample_steps: int = setting(
        28, "Steps of each picture.", label="Steps of class images", ge=1, le=1000, advanced=True,
    )
    class_scale: float = setting(
        7.0, "How closely they follow the prompt (CFG scale).", label="Scale of class images", ge=1, le=100,
        advanced=True,
    )
    class_sampler: Sampler = setting(
        "euler_a", "The sampler of these pictures.", label="Sampler of class images", advanced=True,
    )
