"""Loading of the base model that the settings name."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from train_core.config.problems import UserError, problem
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.headers import ModelFile, read_config
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.models.noise_signs import EDM_TENSORS
from train_core.facts.prompts.tokenizer import clip_tokenizer
from train_core.kinds import KINDS, Kind
from train_core.models.family import Family, Target
from train_core.models.files.folders import weights_in_folder
from train_core.models.files.stored import Stored, in_memory, open_weights, stored_tensors
from train_core.models.fitting import hold_base, parts_to_hold
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.parts import Part, build_part, fill
from train_core.models.prediction import settle_prediction
from train_core.models.text.text_part import PROJECTION
from train_core.models.text.text_states import inner_encoder

# The noise schedule and the like, which every program makes for itself.
CONSTANTS = re.compile(
    r"betas|alphas_cumprod(_prev)?|sqrt_\w+|log_one_minus_alphas_cumprod|posterior_\w+|lvlb_weights|logvar|scale_factor"
    r"|denoiser\.sigmas|v_pred|ztsnr|.*\.(logit_scale|position_ids)"
)
Files = dict[str, dict[str, Stored]]
# Changes a model's tensors while they are read: (part -> module's tensor -> stored, layers, kind) -> the same, changed.
Changes = Callable[[Files, Sequence[Target], str], Files]


@dataclass(frozen=True)
class Opened:
    """A base model whose files have been looked into: `family` has no weights yet, `stored` says where these are.

    `stored` and `spare` hold, by part, tensors by the module's names, and what goes back into a file beside them.
    `signs` are small tensors that tell of a kind of noise, `left` the names of what no part of the model has.
    """

    found: ModelFile
    family: StableDiffusion
    stored: Files
    spare: Files
    signs: Mapping[str, Stored] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The name of the kind of base model, such as SDXL."""
        return self.found.family

    @property
    def row(self) -> Kind:
        """The row of that kind."""
        return KINDS[self.kind]


def family_class(kind: Kind) -> type[StableDiffusion]:
    """The class that the row of `kind` names."""
    module, _, name = kind.family.partition(":")
    return getattr(importlib.import_module(module), name)


def open_model(
    files: BaseFiles, clip_skip: int = 1, max_token_length: int = 75, needs_vae: bool = True
) -> Opened:
    """The base model in `files`, with another's VAE where they have one; no weight is read yet.

    Without `needs_vae` it may lack one: then it has no such module, and no tensors of it. Raises UserError where the
    model cannot be used.
    """
    found, other = files.model, files.vae or files.model
    family = family_class(KINDS[found.family])
    tensors, rest = _open_parts(found, family.parts)
    if other is not found:
        tensors["vae"] = _open_parts(other, {"vae": family.parts["vae"]})[0].get("vae", {})
    modules: dict[str, Any] = {}
    stored: Files = {}
    for name, part in family.parts.items():
        source = other if name == "vae" else found
        stored[name] = part.read(tensors.get(name, {}))
        if stored[name]:
            modules[name] = build_part(part, stored[name], source.path, _config(source, name))
        elif needs_vae or name != "vae":
            raise _part_missing(source.path, name, part)
    _check_clip_skip(clip_skip, min(_layers(modules[reading.part]) for reading in family.readings))
    spare = {name: part.spare(tensors.get(name, {})) for name, part in family.parts.items()}
    empty = family(modules, clip_tokenizer(), "epsilon", clip_skip, max_token_length)
    signs = {name: tensor for name, tensor in rest.items() if EDM_TENSORS.fullmatch(name)}
    unused = [
        f"{part.shortest_prefix}{PROJECTION}" for name, part in family.parts.items()
        if PROJECTION in tensors.get(name, {}) and PROJECTION not in stored[name]
    ]
    left = [name for name in rest if name not in signs and not CONSTANTS.fullmatch(name)]
    return Opened(found, empty, stored, spare, signs, tuple(sorted([*left, *unused])))


def load_family(
    model: ModelSettings, dtype: torch.dtype, device: torch.device | str = "cpu",
    memory: MemorySettings = MemorySettings(),  # noqa: B008 - settings are frozen
    changes: Changes | None = None, files: BaseFiles | None = None,
) -> Family:
    """The base model that the settings name, frozen, on `device`: U-Net and text encoders in `dtype`.

    What `memory` wants held in fewer bits goes to the device only as such. The VAE is in fp32 with `no_half_vae`, else
    in `dtype` too. `changes` are made to the weights before they are rounded to that. `files` are those
    that the settings name, where they have been looked for already. Raises UserError where the model cannot be used.
    """
    files = files or base_files(model.pretrained_model_name_or_path, model.vae)
    opened = open_model(files, model.clip_skip, model.max_token_length)
    loaded, stored = opened.family, opened.stored
    stored = changes(stored, loaded.all_targets(), opened.kind) if changes else stored
    loaded.spare = {part: in_memory({n: one.read() for n, one in its.items()}) for part, its in opened.spare.items()}
    held = parts_to_hold(loaded, memory)
    for name, module in loaded.modules.items():
        place = "cpu" if name in held else device
        fill(module, stored[name], place, torch.float32 if name == "vae" and model.no_half_vae else dtype)
    hold_base(loaded, memory, device)
    loaded.files = files
    settle_prediction(loaded, opened.found, model.v_parameterization)
    return loaded


def _open_parts(found: ModelFile, parts: Mapping[str, Part]) -> tuple[Files, dict[str, Stored]]:
    """The weights in the file or folder `found`: part -> name without the part's prefix -> tensor; and all others."""
    if found.layout == "diffusers":
        folders = {name: _part_folder(found, name) for name in parts}
        return {name: weights_in_folder(folder) for name, folder in folders.items() if folder.is_dir()}, {}
    tensors = stored_tensors(found.header) if found.header else open_weights(found.path)
    split: Files = {}
    others: dict[str, Stored] = {}
    for name, tensor in tensors.items():
        owner, rest = place_of(name, parts)
        if owner is None:
            others[name] = tensor
        else:
            split.setdefault(owner, {})[rest] = tensor
    if found.kind == "VAE" and "vae" not in split:
        split["vae"] = tensors
    return split, others


def place_of(name: str, parts: Mapping[str, Part]) -> tuple[str | None, str]:
    """The part that a whole checkpoint's tensor belongs to, None for none, and the name without the part's prefix."""
    owner = next((part for part, its in parts.items() if name.startswith(its.shortest_prefix)), None)
    if owner is None:
        return None, name
    return owner, name.removeprefix(parts[owner].shortest_prefix).removeprefix("text_model.")


def _part_folder(found: ModelFile, part: str) -> Path:
    """Folder of `part` within a diffusers folder; a folder that is a VAE keeps it at its top."""
    at_top = found.kind == "VAE" and part == "vae" and not (found.path / part).is_dir()
    return found.path if at_top else found.path / part


def _config(found: ModelFile, part: str) -> dict[str, object]:
    return read_config(_part_folder(found, part) / "config.json") if found.layout == "diffusers" else {}


def _layers(text_encoder: Any) -> int:
    return inner_encoder(text_encoder).config.num_hidden_layers


def _check_clip_skip(clip_skip: int, layers: int) -> None:
    if clip_skip > layers:
        raise UserError(
            problem(
                "clip_skip_too_deep",
                "clip_skip is {clip_skip}, but this model's text encoder has only {layers} layers. Lower it.",
                clip_skip=clip_skip,
                layers=layers,
            )
        )


def _part_missing(path: Path, name: str, part: Part) -> UserError:
    if name == "vae":
        return UserError(
            problem(
                "model_part_missing",
                "{file} has no {part}. Use a complete model; if the VAE is missing, choose one in the VAE field.",
                file=str(path),
                part=part.title,
            )
        )
    return UserError(
        problem(
            "model_encoder_missing",
            "{file} has no {part}. It holds only some parts of a model, as U-Nets for ComfyUI do; choose a complete "
            "checkpoint.",
            file=str(path), part=part.title,
        )
    )
