"""Variation of images from draw to draw, and the parts of them that count."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when
from train_core.config.setting import Section, setting

# "linear" and "cubic" are other names that people know two of them by.
Interpolation = Literal["auto", "area", "nearest", "bilinear", "linear", "bicubic", "cubic", "lanczos"]


class AugmentationSettings(Section, title="Augmentation and masks"):
    flip_aug: bool = setting(
        False, "Mirror images half of the time. Not for asymmetrical faces, text or logos.", label="Flip augmentation",
    )
    random_crop: bool = setting(
        False, "Crop at a random position instead of the centre where an image is larger than its bucket. Needs "
        "cache_latents off.", label="Random crop", advanced=True,
    )
    color_aug: bool = setting(
        False, "Vary hue, saturation, brightness and gamma a little each time. Needs cache_latents off.",
        label="Colour augmentation", advanced=True,
    )
    face_crop_aug_range: str = setting(
        "", "Zoom in on the face given in file names as name_x_y_width_height (its centre and size): the smallest and "
        "largest width of the crop in face widths, such as 2.0,4.0. Needs cache_latents off.", label="Face crop range",
        pattern=r"^(\s*\d*\.?\d+\s*,\s*\d*\.?\d+\s*)?$", advanced=True,
    )
    resize_interpolation: Interpolation = setting(
        "auto", "How images are scaled; auto averages areas when shrinking and uses Lanczos otherwise.",
        label="Interpolation", advanced=True,
    )
    alpha_mask: bool = setting(
        False, "Learn only what is not transparent: an image's alpha channel weights its parts.", label="Alpha mask",
        advanced=True,
    )
    masked_loss: bool = setting(
        False, "Learn only what is white in a mask image; each image has a mask of the same name and size.",
        label="Masked loss", advanced=True,
    )
    conditioning_data_dir: str = setting(
        "", "The folder of the mask images; they are directly in it, or in sub-folders named like the image folders.",
        label="Mask folder", path="folder", applies_to=when("masked_loss", True), advanced=True,
    )
