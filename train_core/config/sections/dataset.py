"""Locations of the images, and how they become batches."""

from __future__ import annotations

from train_core.config.conditions import all_of, when, when_set
from train_core.config.sections.method import ON_FROZEN_MODEL, WITH_CLASS_IMAGES
from train_core.config.setting import Section, setting

LONGEST_SIDE = 8192  # pixels, of a resolution and of a bucket


class DatasetSettings(Section, title="Folders and images"):
    train_data_dir: str = setting(
        "", "The folder that holds your image folders. Each is named <repeats>_<name>, for example 10_zuko dog.",
        label="Image folder", path="folder", required=True, unless=("dataset_config", "in_json"),
    )
    reg_data_dir: str = setting(
        "", "The folder that holds folders of regularisation images, each named after the class alone, for example "
        "1_dog. They keep the rest of the class as it was; as many are used as training images.",
        label="Regularisation folder", path="folder", applies_to=WITH_CLASS_IMAGES,
    )
    diff_output_preservation: bool = setting(
        False, "Regularisation images keep the model drawing what it drew before, instead of teaching it their own "
        "looks. They take up to a third more time.", label="Preserve what the model drew before",
        applies_to=all_of(ON_FROZEN_MODEL, when_set("reg_data_dir", "dataset_config")), advanced=True,
    )
    dataset_config: str = setting(
        "", "A TOML or JSON file that describes the images in sd-scripts' format, instead of the folders here: several "
        "datasets, each with its own settings.", label="Dataset file", path="data", advanced=True,
    )
    in_json: str = setting(
        "", "A JSON or JSONL file with the captions and tags of all images, used instead of folder names and caption "
        "files; its relative paths start at the image folder.", label="Metadata file", path="data", advanced=True,
    )
    class_folders: bool = setting(
        False, "Also train on image folders without a number in their name: the name is the caption.",
        label="Folders without numbers", advanced=True,
    )
    dataset_repeats: int = setting(
        1, "Repeats for the images of a metadata file, of folders without numbers, and of subsets in a dataset file "
        "that do not set them.", label="Dataset repeats", ge=1, le=10000,
        applies_to=when_set("in_json", "class_folders", "dataset_config"), advanced=True,
    )
    resolution: str = setting(
        "512,512", "Training size as width,height or one number; with buckets on, it is the area that counts.",
        label="Resolution", unit="px", pattern=r"^\s*\d+\s*(,\s*\d+\s*)?$", comma_at_end=True,
    )
    enable_bucket: bool = setting(
        True, "Keep each image's aspect ratio by sorting images into buckets of similar shape.", label="Enable buckets",
    )
    bucket_no_upscale: bool = setting(
        True, "Never enlarge small images.", label="Don't upscale in buckets", applies_to=when("enable_bucket", True),
    )
    min_bucket_reso: int = setting(
        256, "Shortest side a bucket may have.", label="Minimum bucket side", unit="px", ge=8, le=LONGEST_SIDE,
        applies_to=when("enable_bucket", True), advanced=True,
    )
    max_bucket_reso: int = setting(
        2048, "Longest side a bucket may have.", label="Maximum bucket side", unit="px", ge=8, le=LONGEST_SIDE,
        applies_to=when("enable_bucket", True), advanced=True,
    )
    bucket_reso_steps: int = setting(
        64, "Bucket sides are multiples of this number; at least 8.", label="Bucket step", unit="px", ge=8, le=512,
        multiple_of=8, applies_to=when("enable_bucket", True), advanced=True,
    )
    cache_latents: bool = setting(
        True, "Encode each image once, before training. Faster, and the VAE no longer takes up memory.",
        label="Cache latents",
    )
    cache_latents_to_disk: bool = setting(
        False, "Keep the encoded images on disk for later runs.", label="Cache latents to disk",
        applies_to=when("cache_latents", True),
    )
    cache_text_encoder_outputs: bool = setting(
        False, "Encode each caption once, before training, and take the text encoders off the card. Needs "
        "network_train_unet_only and captions that are not shuffled or varied; dropping whole captions is fine.",
        label="Cache text encoder outputs", advanced=True,
    )
    cache_text_encoder_outputs_to_disk: bool = setting(
        False, "Keep the encoded captions on disk for later runs.", label="Cache text encoder outputs to disk",
        applies_to=when("cache_text_encoder_outputs", True), advanced=True,
    )
    vae_batch_size: int = setting(
        1, "Images per VAE call while caching.", label="VAE batch size", zero_unset=True, ge=1, le=64, advanced=True,
    )
    max_data_loader_n_workers: int = setting(
        0, "Extra processes that load images. 0 is best when latents are cached.", label="Data loader workers", ge=0,
        le=64, advanced=True,
    )
