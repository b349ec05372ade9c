"""The tagger's network and its training, on some thousands of drawn pictures."""

import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from demo.recipe_loop import cosine_rate
from demo.tagged import RATING_TAG, SIGNS, signs_of, training_picture

SIDE = 64  # pixels that it looks at, for speed
WIDTHS = (24, 48, 64, 96, 96)  # channels after each convolution
STRIDES = (2, 2, 1, 2, 1)
PICTURES, STEPS, BATCH, RATE = 16_000, 1600, 64, 3e-3


class Tagger(nn.Module):
    """Convolutions, what they find on average and at most, and what that says of each sign."""

    def __init__(self) -> None:
        super().__init__()
        before = (3, *WIDTHS)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before[k], WIDTHS[k], 3, STRIDES[k], 1, bias=False) for k in range(len(WIDTHS))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(width) for width in WIDTHS)
        self.reading = nn.Linear(2 * WIDTHS[-1], len(SIGNS))
        nn.init.constant_(self.reading.bias, -2.0)  # most signs are not seen in most pictures

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Logits (n, signs) of pictures (n, SIDE, SIDE, 3): blue first, 0 to 255."""
        x = pixels.permute(0, 3, 1, 2) / 127.5 - 1
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = F.relu(norm(convolution(x)))
        return self.reading(torch.cat((x.mean((2, 3)), x.amax((2, 3))), 1))


def seen(picture: Image.Image) -> np.ndarray:
    """The picture as WD taggers are shown it: (SIDE, SIDE, 3), uint8, blue first."""
    return np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BICUBIC))[:, :, ::-1]


@dataclass(frozen=True)
class Lesson:
    """Pictures (n, SIDE, SIDE, 3) as uint8, which signs are seen in them (n, signs), and how many have each tag."""

    pictures: torch.Tensor
    truth: torch.Tensor
    counts: Mapping[str, int]

    def batch(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Some of the pictures, 0 to 255, in other light and half of them mirrored; and their truth."""
        chosen = torch.randint(len(self.pictures), (BATCH,))
        pixels = self.pictures[chosen].float()
        pixels = torch.where(torch.rand(BATCH, 1, 1, 1) < 0.5, pixels.flip(2), pixels)
        light = torch.rand(2, BATCH, 1, 1, 3)
        pixels = pixels * (0.94 + 0.1 * light[0]) + 12 * (light[1] - 0.5)
        return pixels.clamp(0, 255), self.truth[chosen].float()


def lesson(count: int = PICTURES, seed: int = 0) -> Lesson:
    """Draw `count` pictures to learn from."""
    rng = random.Random(f"training {seed}")
    pictures, truth, counts = [], [], Counter[str]()
    for picture, tags in (training_picture(rng) for _ in range(count)):
        true = (RATING_TAG, *tags)
        signs = {sign for tag in true for sign in signs_of(tag)}
        pictures.append(seen(picture))
        truth.append([sign in signs for sign in SIGNS])
        counts.update(true)
    return Lesson(torch.from_numpy(np.stack(pictures)), torch.tensor(truth), counts)


def train_tagger(drawn: Lesson, steps: int = STEPS, seed: int = 0) -> Tagger:
    """Train a tagger; the same numbers give the same one on the same computer."""
    torch.manual_seed(seed)
    tagger = Tagger()
    optimizer = torch.optim.AdamW(tagger.parameters(), lr=RATE, weight_decay=1e-2)
    for step in range(steps):
        pixels, truth = drawn.batch()
        loss = F.binary_cross_entropy_with_logits(tagger(pixels), truth, reduction="sum") / BATCH
        optimizer.param_groups[0]["lr"] = RATE * cosine_rate(step / steps)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(tagger.parameters(), 5.0)
        optimizer.step()
        if (step + 1) % 100 == 0:
            print(f"tagger {step + 1} of {steps}, loss {loss.item():.4f}", flush=True)
    return tagger.eval()
