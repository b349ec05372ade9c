"""Inspection of a file: its metadata, in the order in which people look for it, and the strength of its parts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from train_core.config.jobs.tools import Inspect
from train_core.config.problems import Problem, problem
from train_core.config.syntax.block_weights import label_of, order_of
from train_core.facts.adapters.trigger import metadata_table, trigger_words
from train_core.facts.models.about import about_file
from train_core.facts.models.headers import ModelFile, identify
from train_core.facts.models.tensor_files import TensorFile
from train_core.facts.models.webuis import ModelKind, usual_folders
from train_core.models.files.finite import NotFiniteError
from train_core.models.files.stored import Stored, stored_tensors
from train_core.networks.files.hashes import file_hashes, tensor_hashes
from train_core.networks.files.merging import needs_weight
from train_core.networks.files.reading import AdapterFile, adapter_in
from train_core.workshop.common.changes import change_of, norm_of_change
from train_core.workshop.common.report import Report

MOST_TAGS = 50
# Beside the tensors' own hash, which A1111 and Civitai know a file by whatever its metadata.
AUTO_V2, AUTO_V3 = 10, 12
SETTINGS = (
    "ss_network_module", "ss_network_dim", "ss_network_alpha", "ss_network_args", "ss_learning_rate", "ss_unet_lr",
    "ss_text_encoder_lr", "ss_optimizer", "ss_lr_scheduler", "ss_lr_warmup_steps", "ss_steps", "ss_max_train_steps",
    "ss_epoch", "ss_num_epochs", "ss_num_train_images", "ss_num_reg_images", "ss_total_batch_size",
    "ss_batch_size_per_device", "ss_gradient_accumulation_steps", "ss_resolution", "ss_clip_skip", "ss_seed",
    "ss_mixed_precision", "ss_noise_offset", "ss_min_snr_gamma", "ss_loss_type", "ss_caption_dropout_rate",
    "ss_training_started_at", "ss_training_finished_at", "ss_training_comment",
)  # fmt: skip
OF_TENSORS = ("sshs_model_hash", "modelspec.hash_sha256")  # hashes in headers
TABLES = ("ss_dataset_dirs", "ss_tag_frequency")


def run(config: Inspect, report: Report) -> None:
    """Report everything known of an adapter or a checkpoint."""
    path = Path(config.inspect.inspected)
    found = identify(path)
    file = found.header
    if file is None or found.kind != "LoRA":
        _tell_of_model(found, report)
        return
    adapter = adapter_in(file)
    for remark in adapter.remarks:
        report.warning(remark)
    hashes = _hashes(file, True, report)
    report.table("facts", ("fact", "value"), [*_facts(path, adapter, file), *hashes])
    _tell_of_training(file.metadata, report)
    _tell_of_norms(adapter, report)


def _facts(path: Path, adapter: AdapterFile, file: TensorFile) -> list[tuple[str, Any]]:
    said = file.metadata
    ranks = Counter(
        module.algorithm.rank_in(module.looks()) for module in adapter.modules.values()
        if {"lora_down.weight", "hada_w1_b", "lokr_w2_b"} & module.tensors.keys()
    )
    formats = sorted({info.dtype for info in file.tensors.values() if info.dtype and info.shape})
    facts = {
        "base": adapter.kind, "algorithm": ", ".join(adapter.algorithms), "layers": len(adapter.modules),
        "rank": ", ".join(str(r) if len(ranks) == 1 else f"{r} ({count})" for r, count in sorted(ranks.items())),
        "format": ", ".join(formats), "size": f"{path.stat().st_size / 2**20:.1f} MiB",
        "title": said.get("modelspec.title", ""), "author": said.get("modelspec.author", ""),
        "description": said.get("modelspec.description", ""), "license": said.get("modelspec.license", ""),
        "trigger": trigger_words(said), "base_model": said.get("ss_sd_model_name", ""),
        "prediction": said.get("modelspec.prediction_type", ""), "belongs": _belongs("adapter"),
    }  # fmt: skip
    return _said(facts.items())


def _belongs(place: ModelKind | None) -> str:
    """The folders of WebUIs in which files of this sort belong."""
    return ", ".join(f"{folder} ({program})" for program, folder in usual_folders(place).items()) if place else ""


def _hashes(file: TensorFile, is_adapter: bool, report: Report) -> list[tuple[str, Any]]:
    """The hashes by which others know the file. A header's that are not those of its tensors are warned of, and
    replaced by the right ones, as are those that it lacks."""
    said, of_file = file.metadata, file_hashes(file.path)
    facts = {"sha256": of_file.sha256, "autov2": of_file.sha256[:AUTO_V2]}
    if file.layout != "safetensors":
        return [*facts.items(), ("legacy_hash", of_file.legacy)]
    found = tensor_hashes(file)
    stale = {name: said[name] for name in OF_TENSORS if said.get(name) and not found.match(said[name])}
    for name, stored in stale.items():
        report.warning(_stale(file.path, name, stored, found.in_file))
    of_header = "" if "sshs_model_hash" in stale else said.get("sshs_model_hash", "")
    facts["autov3"] = (of_header or found.in_file)[:AUTO_V3]
    facts["legacy_hash"] = ((said.get("sshs_legacy_hash") if of_header else "") or found.legacy) if is_adapter else (
        of_file.legacy
    )
    return [*facts.items()]


def _stale(path: Path, name: str, stored: str, found: str) -> Problem:
    return problem(
        "stored_hash_stale",
        "{file}: {name} = {stored} is stale: its tensors have the hash {found}. Another program changed them and kept "
        "the old header. convert_lora writes an adapter with the right one.",
        file=str(path), name=name, stored=stored, found=found,
    )


def _said(facts: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """The facts that there is something to say of."""
    return [(name, value) for name, value in facts if value not in ("", 0)]


def _tell_of_training(said: Mapping[str, str], report: Report) -> None:
    settings = [(name.removeprefix("ss_"), said[name]) for name in SETTINGS if said.get(name) not in (None, "", "None")]
    if settings:
        report.table("settings", ("setting", "value"), settings)
    tables = {name: metadata_table(said, name) for name in TABLES}
    folders = tables["ss_dataset_dirs"]
    if folders:
        rows = [(name, its.get("n_repeats"), its.get("img_count")) for name, its in folders.items()]
        report.table("folders", ("folder", "repeats", "images"), rows)
    counts: Counter[str] = Counter()
    for tags in tables["ss_tag_frequency"].values():
        counts.update({tag.strip(): count for tag, count in tags.items() if type(count) is int})
    if counts:
        report.table("tags", ("tag", "count"), counts.most_common(MOST_TAGS))
    told = {name for name, table in tables.items() if table or said.get(name) == "{}"}  # others are shown as they are
    others = sorted(said.keys() - set(SETTINGS) - told - {"modelspec.thumbnail"})
    if others:
        report.table("metadata", ("name", "value"), [(name, said[name]) for name in others])


def _tell_of_norms(adapter: AdapterFile, report: Report) -> None:
    """Report how far each block is changed, and layers that hold only zeros or non-finite numbers."""
    progress = report.stage("measuring")
    blocks: dict[str, list[float]] = {}
    empty, broken = [], []
    for done, (key, module) in enumerate(adapter.modules.items(), 1):
        if not _is_sound(module.read):
            broken.append(key)
        elif not needs_weight(module):
            norm = norm_of_change(change_of(module))
            blocks.setdefault(label_of(key), []).append(norm)
            if not norm:
                empty.append(key)
        progress(done, len(adapter.modules))
    rows = [(label, len(its), round(sum(norm**2 for norm in its) ** 0.5, 4), round(max(its), 4))
            for label, its in sorted(blocks.items(), key=lambda item: order_of(item[0]))]
    if rows:
        report.table("norms", ("block", "layers", "norm", "largest"), rows)
    for problem_of, keys in ((_broken, broken), (_empty, empty)):
        if keys:
            report.warning(problem_of(adapter.path, keys))
    if any(needs_weight(module) for module in adapter.modules.values()):
        report.notice(
            problem(
                "norms_need_base",
                "{file}: what its layers change depends on the weights they are applied to, so it has no norms of its "
                "own.", file=str(adapter.path),
            )
        )


def _is_sound(read: Callable[[], object]) -> bool:
    """Whether what `read` reads holds nothing but numbers."""
    try:
        read()
    except NotFiniteError:
        return False
    return True


def _broken(path: Path, keys: list[str]) -> Problem:
    return problem(
        "tensors_not_finite",
        "{file}: {count} layers contain invalid values (NaN or infinity), for example {name}. The file makes black "
        "pictures; use an earlier one from this training.",
        file=str(path), count=len(keys), name=keys[0],
    )


def _empty(path: Path, keys: list[str]) -> Problem:
    return problem(
        "tensors_all_zero",
        "{file}: {count} layers change nothing, for example {name}. They were not trained, or their values were too "
        "small for the number format.",
        file=str(path), count=len(keys), name=keys[0],
    )


def _tell_of_model(found: ModelFile, report: Report) -> None:
    """Kind, number formats, leftovers and hashes of a checkpoint or another weight file, and whether it is whole."""
    path, file = found.path, found.header
    predicts = [("prediction", found.other_noise or (found.prediction_type or "").removesuffix("_prediction"))]
    if file is None:
        report.table("facts", ("fact", "value"), _said([("kind", found.kind), ("layout", found.layout), *predicts]))
        return
    formats = Counter(info.dtype for info in file.tensors.values() if info.dtype)
    leftovers = [name for name in file.tensors if name.startswith(("model_ema.", "optimizer", "state"))]
    model = about_file(found, path.stat().st_size)
    facts = {
        "kind": found.kind, "base": model.base, "layout": file.layout, **dict(predicts), "layers": len(file.tensors),
        "format": ", ".join(f"{name} ({count})" for name, count in formats.most_common()),
        "size": f"{model.bytes / 2**30:.2f} GiB" if model.bytes >= 2**27 else f"{model.bytes / 2**20:.2f} MiB",
        "leftovers": len(leftovers), "belongs": _belongs(model.place),
    }  # fmt: skip
    hashes = _hashes(file, False, report)
    report.table("facts", ("fact", "value"), [*_said(facts.items()), *hashes])
    if file.metadata:
        report.table("metadata", ("name", "value"), sorted(file.metadata.items()))
    broken = _not_finite(stored_tensors(file).items(), report)
    if broken:
        report.warning(_broken(path, broken))


def _not_finite(tensors: Iterable[tuple[str, Stored]], report: Report) -> list[str]:
    named, progress, broken = list(tensors), report.stage("measuring"), []
    for done, (name, stored) in enumerate(named, 1):
        if not _is_sound(stored.read):
            broken.append(name)
        progress(done, len(named))
    return broken
