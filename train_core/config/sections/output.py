"""Places of results, and the metadata they carry."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import when
from train_core.config.sections.method import FOR_FORMATS
from train_core.config.setting import Section, setting

FileKind = Literal["safetensors", "ckpt", "diffusers", "pt", "png"]
SavePrecision = Literal["float", "fp16", "bf16"]
MetadataDepth = Literal["full", "no names", "minimal"]


class OutputSettings(Section, title="Saving"):
    output_dir: str = setting(
        "", "Where results, samples and a copy of the settings are written.", label="Output folder", path="output",
        required=True,
    )
    output_name: str = setting(
        "lora", "Name of the result, without a file extension.", label="Output name", min_length=1,
        pattern=r'^[^\\/:*?"<>|]+$', folder_setting="output_dir",
    )
    save_model_as: FileKind = setting(
        "safetensors", "Format of the result. Whole models: safetensors or ckpt, which A1111, Forge and ComfyUI read, "
        "or a diffusers folder. Embeddings: safetensors, pt as A1111 writes it, or png, a picture that carries it.",
        label="Save as", applies_to=FOR_FORMATS,
    )
    save_precision: SavePrecision = setting("fp16", "Number format of the saved file.", label="Save precision")
    save_every_n_epochs: int = setting(
        0, "Also save every n epochs; 0 saves at the end only.", label="Save every n epochs", unit="epochs", ge=0,
    )
    save_every_n_steps: int = setting(
        0, "Also save every n steps; 0 is off.", label="Save every n steps", unit="steps", ge=0, advanced=True,
    )
    save_n_epoch_ratio: int = setting(
        0, "Instead of every n epochs: save about this many files over the whole run; 0 is off.", label="Save n files",
        unit="files", ge=0, advanced=True,
    )
    save_last_n_epochs: int = setting(
        0, "Keep only the newest n of this run's epoch files; 0 keeps all.", label="Keep last n epochs", unit="files",
        ge=0, advanced=True,
    )
    save_last_n_steps: int = setting(
        0, "Remove this run's step files that are more than n steps old; 0 keeps all.", label="Keep last n steps",
        unit="steps", ge=0, advanced=True,
    )
    number_last: bool = setting(
        False, "Number the last file like the others instead of giving it the plain name.", label="Number last file",
    )
    save_card: bool = setting(
        False, "With the result, also write NAME.preview.png, from the newest sample picture, and NAME.json with "
        "trigger phrase, weight and kind of model. A1111 and Forge show both.", label="Preview and card",
    )
    preferred_weight: float = setting(
        0.0, "The strength that the card suggests; 0 leaves it to the software.", label="Preferred weight", ge=0, le=10,
        applies_to=when("save_card", True), advanced=True,
    )
    metadata_depth: MetadataDepth = setting(
        "full", "What the file says about its training: everything, everything but the names of folders and files, or "
        "only what other software needs to load it.", label="Metadata", advanced=True,
    )
    training_comment: str = setting("", "Any text, saved in the file.", label="Training comment", advanced=True)
    metadata_title: str = setting(
        "", "Title saved in the file; empty uses the output name.", label="Title", advanced=True,
    )
    metadata_author: str = setting("", "Author saved in the file.", label="Author", advanced=True)
    metadata_description: str = setting("", "Description saved in the file.", label="Description", advanced=True)
    metadata_license: str = setting("", "Licence saved in the file.", label="Licence", advanced=True)
    metadata_tags: str = setting("", "Tags saved in the file.", label="Tags", advanced=True)
    metadata_trigger_phrase: str = setting(
        "", "Words that trigger what was learnt, saved in the file.", label="Trigger phrase", advanced=True,
    )
    metadata_usage_hint: str = setting(
        "", "How to use the file, saved in it: for example a strength or a sampler.", label="Usage hint", advanced=True,
    )
    metadata_thumbnail: str = setting(
        "", "A picture saved in the file, which model managers show: its path, or a data URL.", label="Thumbnail",
        path="image", advanced=True,
    )
    metadata_merged_from: str = setting(
        "", "Names of the models it was made from, saved in the file.", label="Merged from", advanced=True,
    )
    metadata_preprocessor: str = setting(
        "", "How the images were prepared, saved in the file.", label="Preprocessor", advanced=True,
    )
