"""The text encoder's first training: telling what captions say, as CLIP did before it was used for drawing."""

import random

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPTextModel

from demo.recipe_loop import Budget, cosine_rate
from demo.recipe_text import WIDTH, token_ids, training_caption
from demo.world import COLOURS, ROBOT, SHAPES, Scene

THINGS = (*SHAPES, ROBOT)
CHOICES = len(THINGS) + 1  # of every attribute; the first means that the caption does not say
RATE = 1e-3
BATCH = 32


def attributes(text: str) -> list[int]:
    """Attributes named by a caption (thing, colour, background, hat, belly): indices in their lists from 1, or 0."""
    words = text.replace(",", "").split()
    pairs = dict(zip(words[1:], words, strict=False))  # the word before each word
    thing = next((word for word in words if word in THINGS), None)
    colours = [pairs.get(part) for part in (thing, "background", "hat", "belly")]
    places = [1 + list(COLOURS).index(colour) if colour in COLOURS else 0 for colour in colours]
    return [1 + THINGS.index(thing) if thing else 0, *places]


def learn_captions(encoder: CLIPTextModel, scenes: list[Scene], minutes: float, seed: int = 0) -> float:
    """Train until a linear reading of the mean state tells every attribute; return the last batches' share of hits.

    The mean is what an untrained cross-attention reads, so that the U-Net starts with captions it can understand.
    """
    rng = random.Random(seed)
    heads = nn.Linear(WIDTH, 5 * CHOICES)
    optimizer = torch.optim.AdamW([*encoder.parameters(), *heads.parameters()], lr=RATE, betas=(0.9, 0.98))
    budget, progress, hits, step = Budget(minutes), 0.0, 0.0, 0
    while progress < 1:
        captions = [training_caption(rng.choice(scenes), rng) for _ in range(BATCH)]
        wanted = torch.tensor([attributes(text) for text in captions])
        with torch.autocast("cpu", torch.bfloat16):
            read = heads(encoder(token_ids(captions)).last_hidden_state.mean(1)).float().unflatten(-1, (5, CHOICES))
        loss = F.cross_entropy(read.transpose(1, 2), wanted)
        optimizer.param_groups[0]["lr"] = RATE * cosine_rate(progress)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(encoder.parameters(), 1.0)
        optimizer.step()
        hits += 0.05 * ((read.argmax(-1) == wanted).float().mean().item() - hits)
        progress, step = budget.tick(), step + 1
        if step % 25 == 0:
            print(f"captions {step} {progress:.1%} read {hits:.1%}", flush=True)
    return hits
