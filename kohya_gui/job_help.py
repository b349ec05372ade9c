"""The settings that --help of a job names. Written by hand, since reading the declarations would make --help slow."""

from __future__ import annotations

from collections.abc import Mapping

MOST_USED = {
    "training_method": "LoRA, DreamBooth, fine-tuning, textual inversion or hypernetwork",
    "pretrained_model_name_or_path": "base model: a file, a diffusers folder or a hub id",
    "train_data_dir": "folder of the image folders, such as 10_zuko dog",
    "output_dir": "folder of the results",
    "output_name": "name of the result, without a folder",
    "resolution": "training size, such as 1024 or 512,768",
    "network_dim": "rank of the adapter; give network_alpha with it",
    "network_alpha": "strength is alpha / rank",
    "unet_lr": "learning rate of the U-Net",
    "text_encoder_lr": "learning rate of the text encoder",
    "optimizer_type": "optimizer, such as AdamW8bit or Prodigy",
    "max_train_epochs": "length of the training",
    "train_batch_size": "images in each step",
    "save_every_n_epochs": "also save during training",
    "sample_prompts": "prompts of the sample pictures, or a file of them",
    "resume": "a state to go on from, or last",
}
SECTIONS = (
    "Source model", "Folders and images", "Captions", "Augmentation and masks", "Method", "New words", "Whole model",
    "Network", "Algorithm and start", "Hypernetwork", "Parameters", "Memory and speed", "Noise and loss", "Optimizer",
    "Rates of blocks and layers", "Validation", "Samples", "Saving", "Stopping and resuming", "Making class images",
    "Devices",
)  # fmt: skip
WHERE = "docs/settings.md describes all settings and their defaults; the page shows the same help at each field."


def help_of_jobs() -> str:
    """The settings used most and the sections of all, for the jobs that take a training's settings."""
    used = "\n".join(f"  --{name:<32}{meaning}" for name, meaning in MOST_USED.items())
    lines, line = [], " "
    for title in SECTIONS:
        if len(line) + len(title) > 90:
            lines.append(line)
            line = " "
        line += f" {title}," if title != SECTIONS[-1] else f" {title}"
    sections = "\n".join([*lines, line])
    return f"settings used most, each as --name value:\n{used}\n\nsections of all settings:\n{sections}\n\n{WHERE}"


def help_of_command(used_most: Mapping[str, str]) -> str:
    """The settings used most of a tool that is a word of its own, with their meaning."""
    used = "\n".join(f"  --{setting:<32}{meaning}" for setting, meaning in used_most.items())
    return f"settings used most, each as --name value:\n{used}\n\n{WHERE}"


def help_of_tools() -> str:
    """An example of a tool in the terminal, and where the settings of each are described."""
    return (
        "for example:\n"
        "  tool inspect --inspected my.safetensors\n"
        "  tool resize_lora --adapter my.safetensors --tool_rank 8 --save_to smaller.safetensors\n\n"
        "docs/settings.md describes every tool's settings under 'The tools'; a wrong name is answered with those\n"
        "that there are."
    )
