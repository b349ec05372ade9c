"""Checkpoints as they are written: one file, streamed, or a folder."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch

from train_core.config.problems import problem
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.models.files.finite import rounded
from train_core.models.files.stored import Stored
from train_core.models.files.writing import not_written, write_result, write_safetensors
from train_core.models.kinds.stable_diffusion import single_file
from train_core.models.load import Opened
from train_core.workshop.common.noise_kinds import IN_METADATA, scheduler_of, signs_of
from train_core.workshop.common.report import Report

Parts = Mapping[str, Mapping[str, Stored]]
STABILITY = "https://github.com/Stability-AI/generative-models"  # whose layout the file has
END, START = "<|endoftext|>", "<|startoftext|>"


def write_checkpoint(
    path: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report,
    merged_from: Sequence[Path] = (),
) -> None:
    """Write the parts `stored` of a model as one file in Stability's layout, with what the source says of itself.

    A model that is `merged_from` files also says so. `dtype` None keeps each tensor's number format. Only one tensor is
    in memory at a time.
    """
    tensors = single_file(opened.family.parts, stored, opened.spare, dtype)
    _tell_what_is_left(opened, report)
    said = said_of(opened) | (_modelspec(path, opened, merged_from) if merged_from else {})
    write_safetensors(path, _with_signs(opened, tensors), said, report.stage("saving"))
    report.saved(path)


def write_pickled(path: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report) -> None:
    """The same as a pickled checkpoint, which has to be in memory whole."""
    tensors = single_file(opened.family.parts, stored, opened.spare, dtype)
    tensors = _with_signs(opened, tensors, all_kinds=True)  # there are no metadata that could tell
    _tell_what_is_left(opened, report)
    progress, state = report.stage("reading"), {}
    for done, (name, one) in enumerate(tensors.items(), 1):
        state[name] = rounded(one.read(), one.dtype, path, name)
        progress(done, len(tensors))
    report.stage("saving")
    with write_result(path) as temporary:
        try:
            torch.save({"state_dict": state}, temporary)
        except RuntimeError as error:  # so torch tells of a drive that is full
            raise not_written(path, str(error)) from error
    report.saved(path)


def write_folder(path: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report) -> None:
    """The same as a diffusers folder, tokenizers and scheduler included; whole or not at all."""
    _tell_what_is_left(opened, report)
    with write_result(path) as temporary:
        _fill_folder(temporary, path, opened, stored, dtype, report)
    report.saved(path)


def _fill_folder(
    folder: Path, called: Path, opened: Opened, stored: Parts, dtype: torch.dtype | None, report: Report
) -> None:
    """Write the model into `folder`, which will be `called` otherwise once it is complete."""
    index: dict[str, Any] = {"_class_name": f"{opened.row.pipeline}Pipeline"}
    pads = {reading.part: reading.pad for reading in opened.family.readings}
    if "edm_mean" in opened.signs and "edm_std" in opened.signs:
        mean, std = (opened.signs[f"edm_{name}"].read().flatten().tolist() for name in ("mean", "std"))
        opened.family.modules["vae"].register_to_config(latents_mean=mean, latents_std=std)
    for name, module in opened.family.modules.items():
        is_text, own_class = name in pads, type(module).__name__
        tensors = {rest: replace(one, dtype=dtype or one.dtype) for rest, one in stored[name].items()}
        if is_text:  # the name that all versions of transformers know
            tensors = {rest if rest.startswith("text_") else f"text_model.{rest}": one for rest, one in tensors.items()}
        (folder / name).mkdir(parents=True)
        file = "model.safetensors" if is_text else "diffusion_pytorch_model.safetensors"
        progress = report.stage("saving")
        write_safetensors(folder / name / file, tensors, {"format": "pt"}, progress, called / name / file)
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


def said_of(opened: Opened) -> dict[str, str]:
    """The metadata of the file that the model comes from, without hashes that are no longer true."""
    said = opened.found.header.metadata if opened.found.header else {}
    kept = {name: value for name, value in said.items() if "hash" not in name}
    predicts = IN_METADATA.get(opened.found.other_noise, opened.found.prediction_type or "").removesuffix("_prediction")
    if predicts:
        kept["modelspec.prediction_type"] = predicts
    return {"format": "pt", **kept}


def _modelspec(path: Path, opened: Opened, sources: Sequence[Path]) -> dict[str, str]:
    """Stability's model specification of a merged model; what else the first source says of itself stays."""
    names = opened.row.names_for(opened.found.prediction_type or "epsilon")
    said = {
        "sai_model_spec": "1.0.1", "architecture": names.architecture, "implementation": STABILITY, "title": path.stem,
        "resolution": said_of(opened).get("modelspec.resolution", f"{names.resolution}x{names.resolution}"),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "merged_from": ", ".join(source.stem for source in sources),
    }  # fmt: skip
    return {f"modelspec.{name}": value for name, value in said.items()}


def _with_signs(opened: Opened, tensors: Mapping[str, Stored], all_kinds: bool = False) -> dict[str, Stored]:
    """`tensors` with those by which checkpoints of some kinds, or `all_kinds`, say what they predict and how."""
    signs = dict(tensors) | signs_of(opened)
    had = opened.found.header.tensors if opened.found.header else {}
    for name, holds in (("v_pred", opened.found.prediction_type == "v_prediction"),
                        ("ztsnr", opened.found.zero_terminal_snr)):
        if holds and (all_kinds or opened.row.says_by_empty_tensors or name in had):
            signs[name] = Stored((0,), lambda: torch.zeros(0))
    return signs


def tell_of_no_vae(opened: Opened, stored: Parts, report: Report) -> None:
    """Say where the result has no VAE because the source has none."""
    if not stored["vae"]:
        report.notice(
            problem(
                "result_without_vae", "{file} has no VAE, so the result has none either: choose a VAE when you use it.",
                file=str(opened.found.path),
            )
        )


def _tell_what_is_left(opened: Opened, report: Report) -> None:
    """Name the tensors of the source that are not in the result."""
    if opened.left:
        groups = Counter(name.partition(".")[0] for name in opened.left)
        report.notice(
            problem(
                "tensors_left_behind",
                "{file}: {count} tensors belong to no part of the model and stay behind: {names}.",
                file=str(opened.found.path), count=len(opened.left),
                names=", ".join(f"{name} ({count})" if count > 1 else name for name, count in groups.most_common(6)),
            )
        )
