"""The programs that draw with finished models: their folders on this machine, and which models lie in them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from train_core.config.existing import is_dir
from train_core.config.problems import UserError, problem

ModelKind = Literal[
    "base", "vae", "adapter", "embedding", "hypernetwork", "controlnet", "ip_adapter", "upscaler", "unet",
    "text_encoder",
]  # fmt: skip
ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin")
MOST_FILES, MOST_FOLDERS = 2_000, 2_000  # that are looked at of one kind
MOST_BESIDE = 60  # folders in which a WebUI is looked for, of a bundle that holds one
DEEPEST_BUNDLE = 2  # folders above a WebUI, such as sd-webui-aki/sd-webui-aki-v4.9


@dataclass(frozen=True)
class Program:
    """A program, and where it keeps models: folders by their kind, the usual one first.

    `signs` are paths of which one is in its folder and in no other program's.
    """

    name: str
    signs: tuple[str, ...]
    folders: Mapping[ModelKind, tuple[str, ...]]


A1111 = Program(
    "A1111 / Forge",
    ("modules/shared.py", "webui.py", "webui-user.bat", "models/Stable-diffusion"),
    {
        "base": ("models/Stable-diffusion",), "vae": ("models/VAE",),
        "adapter": (
            "models/Lora", "models/LyCORIS", "extensions/sd-webui-additional-networks/models/lora",
        ),
        "embedding": ("embeddings",), "hypernetwork": ("models/hypernetworks",),
        "controlnet": ("models/ControlNet", "extensions/sd-webui-controlnet/models"),
        "ip_adapter": ("models/ControlNet", "extensions/sd-webui-controlnet/models"),
        "upscaler": ("models/ESRGAN",), "unet": ("models/Stable-diffusion",), "text_encoder": ("models/text_encoder",),
    },
)  # fmt: skip
COMFYUI = Program(
    "ComfyUI",
    ("comfy/sd.py", "nodes.py", "models/checkpoints"),
    {
        "base": ("models/checkpoints",), "vae": ("models/vae",), "adapter": ("models/loras",),
        "embedding": ("models/embeddings",), "hypernetwork": ("models/hypernetworks",),
        "controlnet": ("models/controlnet",), "ip_adapter": ("models/ipadapter",),
        "upscaler": ("models/upscale_models",), "unet": ("models/diffusion_models", "models/unet"),
        "text_encoder": ("models/text_encoders", "models/clip"),
    },
)  # fmt: skip
PROGRAMS = (COMFYUI, A1111)


def usual_folders(kind: ModelKind) -> dict[str, str]:
    """Where a model of this `kind` belongs, within the folder of each program, by the program's name."""
    return {one.name: one.folders[kind][0] for one in (A1111, COMFYUI)}


@dataclass(frozen=True)
class WebUI:
    """A WebUI in the folder `root`."""

    root: Path
    program: Program = field(compare=False)

    def folder(self, kind: ModelKind) -> Path:
        """Where a new model of this `kind` belongs: the first of its folders that exists, else the usual one."""
        places = [self.root / name for name in self.program.folders[kind]]
        return next((place for place in places if is_dir(place)), places[0])

    def models(self, kind: ModelKind) -> list[Path]:
        """The model files of this `kind`, by name, in all of its folders and in folders within them."""
        places = (self.root / name for name in self.program.folders[kind])
        return sorted((path for place in places for path in _files_in(place)), key=lambda path: path.name.lower())


def find_webui(folder: Path) -> WebUI:
    """The WebUI in `folder`, or in the bundle that `folder` is. Raises UserError where there is none."""
    candidates = [folder, *folder.parents[:2]] if folder.name.lower() == "models" else [folder]
    found = next((one for place in candidates if (one := _webui_at(place)) is not None), None)
    found = found or next((one for place in _beside(folder) if (one := _webui_at(place)) is not None), None)
    if found is None:
        raise UserError(
            problem(
                "no_webui",
                "{folder} is no folder of A1111, Forge or ComfyUI: neither models/Stable-diffusion nor "
                "models/checkpoints is in it. Choose the folder that has the folder models in it.",
                folder=str(folder),
            )
        )
    return found


def _webui_at(place: Path) -> WebUI | None:
    program = next(
        (one for one in PROGRAMS if is_dir(place / "models") and any((place / s).exists() for s in one.signs)), None
    )
    return WebUI(place, program) if program is not None else None


def _beside(folder: Path) -> Iterator[Path]:
    """The folders within `folder`, the nearest first, that a bundle may have its WebUI in."""
    level = [folder]
    for _ in range(DEEPEST_BUNDLE):
        level = [inner for outer in level for inner in _folders_in(outer)][:MOST_BESIDE]
        yield from level


def _folders_in(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:  # what cannot be looked into has none
        return []


def _files_in(place: Path) -> Iterator[Path]:
    """The model files in `place`, with the folders in it; links to folders are followed, each folder once."""
    waiting, seen, count = [place], set[Path](), 0
    while waiting and len(seen) < MOST_FOLDERS:
        folder = waiting.pop(0)
        try:
            whole = folder.resolve()
            inside = sorted(folder.iterdir())
        except (OSError, RuntimeError):  # gone, not readable, or a link to itself
            continue
        if whole in seen:
            continue
        seen.add(whole)
        for path in inside:
            if path.is_dir():
                waiting.append(path)
            elif path.suffix.lower() in ENDINGS and path.is_file():
                count += 1
                if count > MOST_FILES:
                    return
                yield path
