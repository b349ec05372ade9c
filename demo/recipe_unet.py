"""Second half of the recipe: the U-Net and the text encoder, trained together on cached latents."""

import random
from pathlib import Path

import torch
from diffusers import DDPMScheduler, UNet2DConditionModel
from torch import nn

from demo.narrow_attention import NarrowAttention
from demo.recipe_captions import learn_captions
from demo.recipe_loop import Training, start_residuals_at_zero
from demo.recipe_text import WIDTH, new_text_encoder, token_ids, training_caption
from demo.recipe_vae import LATENT_SCALE
from demo.world import ROBOT, Scene

UNET_CONFIG = {
    "sample_size": 16,
    "in_channels": 4,
    "out_channels": 4,
    "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
    "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
    "block_out_channels": [64, 64, 64, 32],
    "layers_per_block": 2,
    "cross_attention_dim": WIDTH,
    "attention_head_dim": 8,
    "norm_num_groups": 8,
}
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear", "num_train_timesteps": 1000}
# This schedule's last step still shows the picture's mean colour; the offset hides it, so that the caption is read.
NOISE_OFFSET = 0.1
# The limit is high while captions are being learnt, lower while shapes are: what nobody can know, such as the place
# of a thing hidden under noise, would otherwise drown the rest.
LIMITS = (20.0, 8.0)
FIRST_LIMIT_SHARE = 0.6  # of the time
CAPTIONS_SHARE = 0.03  # of the time, for the text encoder by itself
BATCH = 32
IMAGES_PER_CAPTION = 2
ROBOTS_SHARE = 0.35  # of the pictures shown; eight shapes need more practice than one robot in many dresses


class Drawer(nn.Module):
    """Module that is trained: text encoder and U-Net together, whose output is the predicted noise."""

    def __init__(self) -> None:
        super().__init__()
        self.text_encoder = new_text_encoder()
        self.unet = UNet2DConditionModel(**UNET_CONFIG)
        self.unet.set_attn_processor(NarrowAttention())
        start_residuals_at_zero(self.unet)

    def forward(self, noisy: torch.Tensor, timesteps: torch.Tensor, ids: torch.Tensor) -> torch.Tensor:
        """Noise of (b, 4, h, w), given (b / IMAGES_PER_CAPTION, 77) token numbers, each for consecutive images."""
        states = self.text_encoder(ids).last_hidden_state
        states = states.repeat_interleave(len(noisy) // len(ids), 0)
        return self.unet(noisy, timesteps, states).sample


class LatentStore:
    """Cached latents grouped by what is drawn, so that one caption can serve several pictures of a batch."""

    def __init__(self, scenes: list[Scene], mean: torch.Tensor, logvar: torch.Tensor) -> None:
        self.mean, self.spread = mean, torch.exp(0.5 * logvar)
        self.robots = [scene for scene in scenes if scene.thing == ROBOT]
        self.shapes = [scene for scene in scenes if scene.thing != ROBOT]
        self.groups: dict[tuple, list[int]] = {}
        for index, scene in enumerate(scenes):
            self.groups.setdefault(scene.parts, []).append(index)

    def batch(self, size: int, rng: random.Random) -> tuple[torch.Tensor, list[str]]:
        """Scaled latents (size, 4, h, w) and a caption for every IMAGES_PER_CAPTION of them."""
        indices, captions = [], []
        for _ in range(size // IMAGES_PER_CAPTION):
            scene = rng.choice(self.robots if rng.random() < ROBOTS_SHARE else self.shapes)
            indices += rng.choices(self.groups[scene.parts], k=IMAGES_PER_CAPTION)
            captions.append(training_caption(scene, rng))
        latents = self.mean[indices] + self.spread[indices] * torch.randn_like(self.mean[indices])
        return latents * LATENT_SCALE, captions


def train_drawer(store: LatentStore, minutes: float, folder: Path, seed: int = 0) -> Drawer:
    """Train on the cached latents; return the averaged text encoder and U-Net."""
    torch.manual_seed(seed)
    rng = random.Random(seed)
    drawer, checkpoint = Drawer(), folder / "drawer.pt"
    if not checkpoint.exists():
        learn_captions(drawer.text_encoder, store.scenes, minutes * CAPTIONS_SHARE, seed)
    training = Training(drawer, 1.5e-3, minutes * (1 - CAPTIONS_SHARE), checkpoint)
    scheduler = DDPMScheduler(**SCHEDULE)
    running = 1.0
    while training.progress < 1:
        latents, captions = store.batch(BATCH, rng)
        limit = LIMITS[training.progress >= FIRST_LIMIT_SHARE]
        loss = _loss(training.module, scheduler, latents, captions, limit)
        training.update(loss)
        running += 0.02 * (float(loss.detach()) - running)
        if training.step % 50 == 0:
            print(f"unet {training.step} {training.progress:.1%} loss {running:.4f}", flush=True)
        if training.step % 150 == 0:
            training.save()
    training.save()
    return training.average.eval()


def _loss(
    drawer: Drawer, scheduler: DDPMScheduler, latents: torch.Tensor, captions: list[str], limit: float
) -> torch.Tensor:
    """Noise error, weighted so that it becomes v-prediction's (Salimans and Ho, 2022), up to ``limit``.

    Only under much noise must the caption say what the picture cannot, and there plain noise error hardly notices.
    """
    noise = torch.randn_like(latents) + NOISE_OFFSET * torch.randn(len(latents), 4, 1, 1)
    timesteps = torch.randint(0, 1000, (len(latents),))
    noisy = scheduler.add_noise(latents, noise, timesteps)
    with torch.autocast("cpu", torch.bfloat16):
        predicted = drawer(noisy, timesteps, token_ids(captions))
    kept = scheduler.alphas_cumprod[timesteps]
    weight = (1 / kept).clamp(max=limit)
    return ((predicted.float() - noise).pow(2).mean((1, 2, 3)) * weight).mean()
