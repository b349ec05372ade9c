"""First half of the recipe: the image autoencoder, trained on drawn pictures, then their cached latents."""

import random
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL

from demo.recipe_loop import Training, start_residuals_at_zero
from demo.world import SIZE, Scene, draw

LATENT_SCALE = 0.18215  # Stable Diffusion's constant: latents times this have about unit variance
CROP = 64
CROPS_SHARE = 0.7  # of the time
# Small, so that latents keep the picture; not nothing, so that the decoder forgives the U-Net small errors.
KL_WEIGHT = 2e-4
# At first three of the four channels are drawn towards the mean colour of their patch, which they would otherwise
# find one after the other and late.
GUIDE_WEIGHT = 0.3
GUIDED_SHARE = 0.3
GUIDE_SCALE = 3.0

VAE_CONFIG = {
    "in_channels": 3,
    "out_channels": 3,
    "down_block_types": ["DownEncoderBlock2D"] * 4,
    "up_block_types": ["UpDecoderBlock2D"] * 4,
    "block_out_channels": [16, 32, 32, 64],
    "layers_per_block": 2,
    "latent_channels": 4,
    "norm_num_groups": 4,
    "sample_size": SIZE,
    "scaling_factor": LATENT_SCALE,
}


def pictures(scenes: list[Scene]) -> torch.Tensor:
    """The drawn scenes, uint8 of shape (n, 3, SIZE, SIZE)."""
    drawn = np.stack([np.asarray(draw(scene)) for scene in scenes])
    return torch.from_numpy(drawn).permute(0, 3, 1, 2).contiguous()


def _pixels(batch: torch.Tensor) -> torch.Tensor:
    """uint8 to float, 0..255 to -1..1."""
    return batch.float() / 127.5 - 1


def _crops(drawn: torch.Tensor, count: int, rng: random.Random) -> torch.Tensor:
    """Random square crops with mirrored sides and swapped colour channels: (count, 3, CROP, CROP), uint8."""
    crops = []
    for _ in range(count):
        x, y = rng.randint(0, SIZE - CROP), rng.randint(0, SIZE - CROP)
        crop = drawn[rng.randrange(len(drawn)), :, y : y + CROP, x : x + CROP]
        crop = crop[rng.sample(range(3), 3)]
        crops.append(crop.flip(rng.choice(([], [1], [2], [1, 2]))))
    return torch.stack(crops)


def train_vae(drawn: torch.Tensor, minutes: float, folder: Path, seed: int = 0) -> AutoencoderKL:
    """Train on ``drawn`` (uint8, (n, 3, SIZE, SIZE)); return the averaged autoencoder with latents at SD's scale.

    Most of the time goes to small crops, which are cheap; the rest to whole pictures, because group norm's
    statistics over a whole picture differ from those over a crop.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed)
    vae = AutoencoderKL(**VAE_CONFIG).to(memory_format=torch.channels_last)
    start_residuals_at_zero(vae)
    training = Training(vae, 2e-3, minutes, folder / "vae.pt")
    while training.progress < 1:
        whole = training.progress >= CROPS_SHARE
        batch = drawn[torch.randint(len(drawn), (6,))] if whole else _crops(drawn, 16, rng)
        guide = GUIDE_WEIGHT * max(0.0, 1 - training.progress / GUIDED_SHARE)
        loss, error = _loss(vae, _pixels(batch).contiguous(memory_format=torch.channels_last), guide)
        training.update(loss)
        if training.step % 50 == 0:
            print(f"vae {training.step} {training.progress:.1%} error {error:.4f}", flush=True)
        if training.step % 100 == 0:
            training.save()
    training.save()
    vae = training.average.eval()
    _rescale(vae, _pixels(drawn[:256]))
    return vae


def _loss(vae: AutoencoderKL, pixels: torch.Tensor, guide: float) -> tuple[torch.Tensor, float]:
    """Loss and mean absolute error for ``pixels`` of shape (b, 3, h, w) in -1..1."""
    with torch.autocast("cpu", torch.bfloat16):
        posterior = vae.encode(pixels).latent_dist
        mean, logvar = posterior.mean.float(), posterior.logvar.float()
        latents = mean + torch.exp(0.5 * logvar) * torch.randn_like(mean)
        decoded = vae.decode(latents).sample
    difference = decoded.float() - pixels
    error = difference.abs().mean()
    divergence = 0.5 * (mean**2 + logvar.exp() - 1 - logvar).mean()
    colours = GUIDE_SCALE * F.avg_pool2d(pixels, 8)
    guidance = F.mse_loss(mean[:, :3], colours)
    return error + difference.pow(2).mean() + KL_WEIGHT * divergence + guide * guidance, float(error.detach())


@torch.no_grad()
def encode(vae: AutoencoderKL, drawn: torch.Tensor, batch: int = 16) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and log-variance of the latents, each (n, 4, SIZE/8, SIZE/8), float, not yet scaled."""
    means, logvars = [], []
    for chunk in drawn.split(batch):
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(_pixels(chunk).contiguous(memory_format=torch.channels_last)).latent_dist
        means.append(posterior.mean.float())
        logvars.append(posterior.logvar.float())
    return torch.cat(means), torch.cat(logvars)


@torch.no_grad()
def _rescale(vae: AutoencoderKL, pixels: torch.Tensor) -> None:
    """Fold shift and factor per channel into the 1x1 convolutions: latents * LATENT_SCALE get mean 0, variance 1."""
    mean = torch.cat([vae.encode(chunk).latent_dist.mean for chunk in pixels.split(16)])
    shift, spread = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
    factor = 1 / (spread * LATENT_SCALE)
    channels = len(factor)
    vae.quant_conv.weight[:channels] *= factor[:, None, None, None]
    vae.quant_conv.bias[:channels] = (vae.quant_conv.bias[:channels] - shift) * factor
    vae.quant_conv.bias[channels:] += 2 * factor.log()  # the other half is the log-variance
    vae.post_quant_conv.bias += (vae.post_quant_conv.weight[:, :, 0, 0] * shift).sum(1)
    vae.post_quant_conv.weight /= factor[None, :, None, None]
