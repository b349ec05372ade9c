"""Trains the demo's base model from nothing on the CPU: ``python -m demo.make_base --out DIR [--minutes N]``."""

import argparse
import random
from pathlib import Path

import torch

from demo.base_file import save_base
from demo.recipe_text import with_plain_embedding
from demo.recipe_unet import Drawer, LatentStore, train_drawer
from demo.recipe_vae import encode, pictures, train_vae
from demo.world import ROBOT, Scene, all_scenes, is_held_out, placed

FILE_NAME = "crucible-demo-base.safetensors"
VAE_SHARE = 0.15  # of the time; drawing and encoding the pictures comes on top


def training_scenes(count: int, seed: int = 1) -> list[Scene]:
    """Scenes that the base may see: no held-out combination; robots, which vary more, are a little more than half."""
    rng = random.Random(seed)
    known = [scene for scene in all_scenes() if not is_held_out(scene)]
    robots = [scene for scene in known if scene.thing == ROBOT]
    shapes = [scene for scene in known if scene.thing != ROBOT]
    return [placed(rng.choice(robots if rng.random() < 0.55 else shapes), rng) for _ in range(count)]


def make_base(folder: Path, minutes: float, count: int) -> Path:
    """Train in ``folder``, going on where an interrupted run left off; return the finished file."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes = training_scenes(count)
    drawn = pictures(scenes)
    vae = train_vae(drawn, minutes * VAE_SHARE, folder)
    store = LatentStore(scenes, *encode(vae, drawn))
    del drawn
    drawer = train_drawer(store, minutes * (1 - VAE_SHARE), folder)
    return save_drawer(drawer, vae, folder / FILE_NAME)


def save_drawer(drawer: Drawer, vae: torch.nn.Module, path: Path) -> Path:
    """Write the base file from trained modules."""
    text_encoder = with_plain_embedding(drawer.text_encoder)
    save_base({"unet": drawer.unet, "vae": vae, "text_encoder": text_encoder}, path)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder for checkpoints and the finished file")
    parser.add_argument("--minutes", type=float, default=75, help="training time on an otherwise idle 2-core computer")
    parser.add_argument("--pictures", type=int, default=6000, help="how many pictures to draw")
    arguments = parser.parse_args()
    print(f"wrote {make_base(arguments.out, arguments.minutes, arguments.pictures)}")


if __name__ == "__main__":
    main()
