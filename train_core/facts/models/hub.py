"""Models named by their hub id, as old presets do: matched to a file on this computer that the user chose once."""

from __future__ import annotations

import json
import os
from pathlib import Path

from train_core.config.existing import exists
from train_core.config.paths import HUB_ID
from train_core.config.places import home, real_path
from train_core.config.problems import UserError, problem
from train_core.config.whole_files import write_text

# Mirrors of one model; the first name stands for all.
SAME_MODEL = (
    (
        "runwayml/stable-diffusion-v1-5",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        "sd-legacy/stable-diffusion-v1-5",
        "benjamin-paine/stable-diffusion-v1-5",
        "botp/stable-diffusion-v1-5",
    ),
    ("compvis/stable-diffusion-v1-4", "compvis/stable-diffusion-v-1-4-original"),
)


def is_hub_id(text: str) -> bool:
    """Whether `text` has the form owner/name and is no file or folder here."""
    return HUB_ID.fullmatch(text.strip()) is not None and not exists(Path(text.strip()))


def resolve(text: str) -> Path:
    """The local path that `text`, a path or a hub id, stands for. Raises UserError for a hub id not yet matched."""
    if not is_hub_id(text):
        return Path(text).expanduser()
    path = local_file_for(text)
    if path is None:
        raise UserError(
            problem(
                "hub_model_not_here",
                "{id} is the name of a model on a hub, and nothing is downloaded without your consent. Download the "
                "model, then choose its file or folder once; it is remembered for this name.",
                id=text.strip(),
            )
        )
    return path


def local_file_for(hub_id: str) -> Path | None:
    """The remembered file or folder of `hub_id` or a mirror of it, else a copy in Hugging Face's cache, else None."""
    remembered = _load().get(_canonical(hub_id))
    if remembered and exists(Path(remembered)):
        return Path(remembered)
    return _in_hugging_face_cache(hub_id)


def remember(hub_id: str, path: Path) -> None:
    """Remember the file or folder `path` for `hub_id` and its mirrors. Raises OSError."""
    table = _load() | {_canonical(hub_id): str(real_path(path))}
    write_text(table_path(), json.dumps(table, indent=2, ensure_ascii=False) + "\n")


def _canonical(hub_id: str) -> str:
    name = hub_id.strip().lower()
    return next((group[0] for group in SAME_MODEL if name in group), name)


def table_path() -> Path:
    """The file that remembers the matches."""
    return home() / "hub_models.json"


def _load() -> dict[str, str]:
    """The remembered matches; none where the file is missing or damaged, since the user can be asked again."""
    try:
        table = json.loads(table_path().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {str(key): str(value) for key, value in table.items()} if isinstance(table, dict) else {}


def _in_hugging_face_cache(hub_id: str) -> Path | None:
    """A complete diffusers folder of `hub_id` or a mirror that other software has downloaded, else None."""
    cache = os.environ.get("HF_HUB_CACHE") or Path(os.environ.get("HF_HOME") or "~/.cache/huggingface") / "hub"
    name = _canonical(hub_id)
    mirrors = next((group for group in SAME_MODEL if name in group), (name,))
    wanted = {f"models--{mirror.replace('/', '--')}" for mirror in mirrors}
    root = Path(cache).expanduser()
    repositories = [folder for folder in root.glob("models--*") if folder.name.lower() in wanted]
    for folder in repositories:
        for index in sorted(folder.glob("snapshots/*/model_index.json")):
            if any(index.parent.glob("unet/diffusion_pytorch_model*.*")):
                return index.parent
    return None
