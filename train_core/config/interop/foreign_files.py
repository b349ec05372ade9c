"""Settings files of other programs that are not read, recognised and called by their names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem, UserError, problem

# Names that only kohya_ss's own presets have, beside those that its trainer knows too.
KOHYA_SS = frozenset({
    "max_resolution", "additional_parameters", "model_list", "lr_warmup", "sdxl_no_half_vae", "t5xxl_lr",
    "sdxl_cache_text_encoder_outputs", "train_lora_ggpo", "extra_accelerate_launch_args", "use_latent_files",
    "stop_text_encoder_training_pct",
})  # fmt: skip
ONE_TRAINER = frozenset({
    "training_method", "concept_file_name", "output_model_destination", "learning_rate_scheduler", "base_model_name",
    "train_dtype", "output_dtype", "workspace_dir",
})  # fmt: skip
# Programs whose settings are read, for a training.
READ = ("kohya_ss", "LoRA Easy Training Scripts")
YAML = (".yaml", ".yml")
_AI_TOOLKIT_YAML = [re.compile(sign, re.MULTILINE) for sign in (r"^job:", r"^config:", r"^[ \t]+process:")]


def refuse_foreign(tables: Mapping[str, Any], path: Path) -> None:
    """Raise `UserError` where `tables` of the file at `path` are another program's settings, or describe images."""
    if "config_version" in tables:
        return
    if isinstance(tables.get("datasets"), list):
        raise UserError(
            problem(
                "settings_are_a_dataset_file",
                "{path} describes images. Name it in dataset_config, in a file of settings.", path=str(path),
            )
        )
    program = program_of(tables)
    if program:
        raise UserError(_foreign(path, program))


def refuse_yaml(path: Path, text: str) -> None:
    """Raise `UserError` for a YAML file, which no settings are read from."""
    if path.suffix.lower() not in YAML:
        return
    if all(sign.search(text) for sign in _AI_TOOLKIT_YAML):
        raise UserError(_foreign(path, "ai-toolkit"))
    raise UserError(
        problem(
            "settings_in_yaml", "{path} is a YAML file. Settings are read from TOML and JSON files.", path=str(path)
        )
    )


def refuse_list(content: Any, path: Path) -> None:
    """Raise `UserError` for a list of another program's, such as OneTrainer's concepts and samples."""
    first = content[0] if isinstance(content, list) and content else None
    if isinstance(first, dict) and "path" in first and {"image", "text"} & first.keys():
        raise UserError(_foreign(path, "OneTrainer"))


def program_of(tables: Mapping[str, Any]) -> str | None:
    """The program whose settings `tables` are, as far as it is another one whose files are not read."""
    names, config = tables.keys(), tables.get("config")
    signs = {
        "OneTrainer": len(ONE_TRAINER & names) > 1,
        "LoRA Easy Training Scripts": any(_is_of_lora_easy(name, table) for name, table in tables.items()),
        "ai-toolkit": isinstance(config, dict) and "process" in config,
        "SimpleTuner": bool({"data_backend_config", "--data_backend_config"} & names),
        "ComfyUI": isinstance(tables.get("nodes"), list) and "links" in names,
        "kohya_ss": bool(KOHYA_SS & names) or ("epoch" in names and isinstance(tables.get("optimizer"), str)),
    }
    return next((program for program, seen in signs.items() if seen), None)


def _is_of_lora_easy(name: str, table: Any) -> bool:
    parts = ("args", "dataset_args")
    return name.endswith("_args") and isinstance(table, dict) and any(isinstance(table.get(p), dict) for p in parts)


def _foreign(path: Path, program: str) -> Problem:
    if program in READ:
        return problem(
            "settings_for_training",
            "{path} holds settings of {program} for a training, and this is another job. Choose a file with the "
            "settings of this one.",
            path=str(path), program=program,
        )
    return problem(
        "settings_of_another_program",
        "{path} holds settings of {program}, which cannot be read. What can be read are files of Crucible, presets of "
        "kohya_ss, TOML files of sd-scripts, lora-scripts and LoRA Easy Training Scripts, and trained .safetensors "
        "files, with `./gui.sh import`.",
        path=str(path), program=program,
    )
