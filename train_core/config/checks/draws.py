"""Settings of captions and augmentation checked against each other and against caching."""

from __future__ import annotations

from train_core.config.problems import Problem, problem
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.captions import CaptionSettings
from train_core.config.sections.dataset import DatasetSettings


def draw_contradictions(
    dataset: DatasetSettings, captions: CaptionSettings, augmentation: AugmentationSettings
) -> list[Problem]:
    """Contradictions that make the draws of images with these settings impossible."""
    return [
        *_not_with_cached_latents(dataset, augmentation),
        *_not_with_cached_texts(dataset, captions),
        *_face_range(augmentation),
        *_mask_folder(dataset, augmentation),
        *_separators(captions),
    ]


def draw_oddities(captions: CaptionSettings) -> list[Problem]:
    """Warnings for what works but has no effect."""
    moves_tags = captions.shuffle_caption or captions.caption_tag_dropout_rate or captions.token_warmup_step
    if moves_tags:
        return []
    found = []
    if captions.keep_tokens:
        found.append(
            problem(
                "keep_tokens_without_shuffle",
                "keep_tokens = {keep_tokens} has no effect while shuffle_caption, caption_tag_dropout_rate and "
                "token_warmup_step are off.",
                keep_tokens=captions.keep_tokens,
            )
        )
    if captions.caption_separator.strip() != "," and not captions.keep_tokens_separator:
        found.append(
            problem(
                "separator_without_shuffle",
                "caption_separator = {separator} has no effect while shuffle_caption, caption_tag_dropout_rate and "
                "token_warmup_step are off.",
                separator=repr(captions.caption_separator),
            )
        )
    return found


def _not_with_cached_latents(dataset: DatasetSettings, augmentation: AugmentationSettings) -> list[Problem]:
    names = [name for name in ("random_crop", "color_aug", "face_crop_aug_range") if getattr(augmentation, name)]
    if not names or not dataset.cache_latents:
        return []
    return [
        problem(
            "augmentation_with_cached_latents",
            "{names} and cache_latents are both on, but a cached image is the same every time. Turn off cache_latents "
            "to vary the images, or turn off {names} to train faster.",
            names=", ".join(names),
        )
    ]


def _not_with_cached_texts(dataset: DatasetSettings, captions: CaptionSettings) -> list[Problem]:
    varying = ("shuffle_caption", "caption_tag_dropout_rate", "token_warmup_step", "enable_wildcard")
    names = [name for name in varying if getattr(captions, name)]
    if not names or not dataset.cache_text_encoder_outputs:
        return []
    return [
        problem(
            "captions_vary_with_cached_texts",
            "{names} and cache_text_encoder_outputs are both on, but a caption that is encoded only once is the same "
            "every time. Turn off cache_text_encoder_outputs, or turn off {names}.",
            names=", ".join(names),
        )
    ]


def _face_range(augmentation: AugmentationSettings) -> list[Problem]:
    text = augmentation.face_crop_aug_range
    if not text.strip():
        return []
    low, high = (float(part) for part in text.split(","))
    if 1 <= low <= high:
        return []
    return [
        problem(
            "bad_face_range",
            "face_crop_aug_range = {range} is not valid. It is the short side of the crop in face widths, smallest and "
            "largest: two numbers of at least 1, the smaller one first, such as 2.0,4.0.",
            range=text,
        )
    ]


def _mask_folder(dataset: DatasetSettings, augmentation: AugmentationSettings) -> list[Problem]:
    """A dataset file names the folder for some of its images, and may leave others without masks."""
    if not augmentation.masked_loss or augmentation.conditioning_data_dir.strip() or dataset.dataset_config.strip():
        return []
    return [
        problem(
            "masked_loss_without_folder",
            "masked_loss is on, but conditioning_data_dir is empty. Set it to the folder of the mask images; if the "
            "images' own transparency is the mask, turn alpha_mask on and masked_loss off.",
        )
    ]


def _separators(captions: CaptionSettings) -> list[Problem]:
    marks = {name: getattr(captions, name) for name in ("secondary_separator", "keep_tokens_separator")}
    return [
        problem(
            "separator_in_separator",
            "{name} = {mark} contains caption_separator = {separator}, so captions would be split in the middle of it. "
            "Choose another mark, such as ||| or ;;;.",
            name=name, mark=repr(mark), separator=repr(captions.caption_separator),
        )
        for name, mark in marks.items()
        if captions.caption_separator in mark
    ]
