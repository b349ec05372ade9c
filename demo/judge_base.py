"""Measures the base: ``python -m demo.judge_base [BASE] [--lora FILE]`` prints how often prompts are obeyed."""

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

from demo.base_file import load_pipeline
from demo.judge import is_mascot, obeys
from demo.world import MASCOT_BACKGROUNDS, ROBOT, SIZE, Scene, all_scenes, caption, is_held_out, mascot_caption

BASE = Path(__file__).parent / "base" / "crucible-demo-base.safetensors"
STEPS = 25
GUIDANCE = 5.0
BATCH = 16


@dataclass(frozen=True)
class Verdict:
    """Pictures drawn from prompts, and which of them are right."""

    pictures: list[Image.Image]
    right: list[bool]

    @property
    def share(self) -> float:
        return sum(self.right) / len(self.right)


def held_out_scenes(count: int = 64, seed: int = 0) -> list[Scene]:
    """Combinations that the base was never shown, half of them robots."""
    rng = random.Random(seed)
    unseen = [scene for scene in all_scenes() if is_held_out(scene)]
    robots = [scene for scene in unseen if scene.thing == ROBOT]
    shapes = [scene for scene in unseen if scene.thing != ROBOT]
    return rng.sample(shapes, count // 2) + rng.sample(robots, count - count // 2)


def draw_prompts(pipeline: StableDiffusionPipeline, prompts: Sequence[str], seed: int = 0) -> list[Image.Image]:
    """One picture per prompt; picture k depends on ``seed`` + k only."""
    pictures: list[Image.Image] = []
    for start in range(0, len(prompts), BATCH):
        batch = list(prompts[start : start + BATCH])
        generators = [torch.Generator().manual_seed(seed + start + k) for k in range(len(batch))]
        pictures += pipeline(
            batch, num_inference_steps=STEPS, guidance_scale=GUIDANCE, height=SIZE, width=SIZE, generator=generators
        ).images
    return pictures


def judge_obedience(pipeline: StableDiffusionPipeline, scenes: Sequence[Scene]) -> Verdict:
    """Prompts the scenes' captions."""
    pictures = draw_prompts(pipeline, [caption(scene) for scene in scenes])
    return Verdict(pictures, [obeys(*pair) for pair in zip(pictures, scenes, strict=True)])


def judge_mascot(
    pipeline: StableDiffusionPipeline, count: int = 32, prompt: Callable[[str], str] = mascot_caption
) -> Verdict:
    """Asks for the mascot on its backgrounds in turn, by its trigger and class word unless `prompt` says otherwise."""
    backgrounds = [MASCOT_BACKGROUNDS[k % len(MASCOT_BACKGROUNDS)] for k in range(count)]
    pictures = draw_prompts(pipeline, [prompt(name) for name in backgrounds], seed=1000)
    return Verdict(pictures, [is_mascot(*pair) for pair in zip(pictures, backgrounds, strict=True)])


def sheet(verdict: Verdict, path: Path, columns: int = 8) -> None:
    """Save the pictures side by side, the wrong ones marked by a grey bar below."""
    rows = -(-len(verdict.pictures) // columns)
    canvas = Image.new("RGB", (columns * (SIZE + 4), rows * (SIZE + 12)), (255, 255, 255))
    for index, (picture, right) in enumerate(zip(verdict.pictures, verdict.right, strict=True)):
        x, y = index % columns * (SIZE + 4), index // columns * (SIZE + 12)
        canvas.paste(picture, (x, y))
        if not right:
            canvas.paste((128, 128, 128), (x, y + SIZE + 2, x + SIZE, y + SIZE + 8))
    canvas.save(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("base", type=Path, nargs="?", default=BASE)
    parser.add_argument("--lora", type=Path, help="a LoRA of the mascot; without one, the base itself is measured")
    parser.add_argument("--sheets", type=Path, help="folder for the pictures")
    parser.add_argument("--prompts", type=int, default=64, help="how many held-out prompts")
    arguments = parser.parse_args()
    pipeline = load_pipeline(arguments.base)
    verdicts = {}
    if arguments.lora:
        pipeline.load_lora_weights(arguments.lora.parent, weight_name=arguments.lora.name)
        verdicts["mascot with the LoRA"] = judge_mascot(pipeline)
    else:
        verdicts["held-out prompts obeyed"] = judge_obedience(pipeline, held_out_scenes(arguments.prompts))
        verdicts["mascot without a LoRA"] = judge_mascot(pipeline)
    for title, verdict in verdicts.items():
        print(f"{title}: {sum(verdict.right)} of {len(verdict.right)} ({verdict.share:.0%})")
        if arguments.sheets:
            arguments.sheets.mkdir(parents=True, exist_ok=True)
            sheet(verdict, arguments.sheets / f"{title.replace(' ', '-')}.png")


if __name__ == "__main__":
    main()
