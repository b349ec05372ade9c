"""A model as a diffusers folder: weights, configurations, tokenizers and scheduler."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.files.stored import Stored
from train_core.models.files.writing import write_safetensors
from train_core.models.load import Opened
from train_core.models.noise_kinds import scheduler_of

END, START = "<|endoftext|>", "<|startoftext|>"
Progress = Callable[[int, int], None]


def no_stage() -> Progress:
    """Nobody is told how far the writing is."""
    return lambda done, total: None


def plain_names(part: str, tensors: Mapping[str, Stored]) -> dict[str, Stored]:
    """The tensors of a module by the names that all versions of diffusers and transformers know."""
    if not part.startswith("text_encoder"):
        return dict(tensors)
    return {name if name.startswith("text_") else f"text_model.{name}": one for name, one in tensors.items()}


def fill_folder(
    folder: Path, called: Path, opened: Opened, stored: Mapping[str, Mapping[str, Stored]],
    stage: Callable[[], Progress] = no_stage,
) -> None:
    """Write the model into `folder`, which will be `called` otherwise once it is complete.

    `stored` are its parts, by the names that they are to have. `stage` is called for each part, for whom to tell of its
    progress.
    """
    index: dict[str, Any] = {"_class_name": f"{opened.row.pipeline}Pipeline"}
    pads = {reading.part: reading.pad for reading in opened.family.readings}
    if "edm_mean" in opened.signs and "edm_std" in opened.signs:
        mean, std = (opened.signs[f"edm_{name}"].read().flatten().tolist() for name in ("mean", "std"))
        opened.family.modules["vae"].register_to_config(latents_mean=mean, latents_std=std)
    for name, module in opened.family.modules.items():
        is_text, own_class = name in pads, type(module).__name__
        (folder / name).mkdir(parents=True)
        file = "model.safetensors" if is_text else "diffusion_pytorch_model.safetensors"
        write_safetensors(folder / name / file, stored[name], {"format": "pt"}, stage(), called / name / file)
        if is_text:
            said = module.config.to_dict() | {"architectures": [own_class], "model_type": "clip_text_model"}
            _write_json(folder / name / "config.json", said)
            tokenizer = name.replace("text_encoder", "tokenizer")
            _write_tokenizer(folder / tokenizer, "!" if pads[name] == 0 else END)
            index |= {name: ["transformers", own_class], tokenizer: ["transformers", "CLIPTokenizer"]}
        else:
            module.save_config(folder / name)
            index[name] = ["diffusers", own_class]
    (folder / "scheduler").mkdir()
    scheduler = scheduler_of(opened)
    _write_json(folder / "scheduler" / "scheduler_config.json", scheduler)
    index["scheduler"] = ["diffusers", scheduler["_class_name"]]
    _write_json(folder / "model_index.json", {**index, **opened.row.pipeline_index})


def _write_tokenizer(folder: Path, pad: str) -> None:
    ours = json.loads(clip_tokenizer().to_str())["model"]
    merges = [" ".join(pair) if isinstance(pair, list) else pair for pair in ours["merges"]]
    folder.mkdir()
    _write_json(folder / "vocab.json", ours["vocab"])
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8", newline="\n")
    special = {"bos_token": START, "eos_token": END, "unk_token": END, "pad_token": pad}
    _write_json(folder / "special_tokens_map.json", special)
    _write_json(
        folder / "tokenizer_config.json",
        {**special, "tokenizer_class": "CLIPTokenizer", "model_max_length": 77, "do_lower_case": True,
         "add_prefix_space": False, "errors": "replace"},
    )


def _write_json(path: Path, said: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(said, indent=2, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")
