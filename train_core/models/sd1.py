"""Stable Diffusion 1.x: a CLIP text encoder, a U-Net and a VAE (Rombach et al., 2022)."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer
from torch import Tensor, nn

from train_core.data.moments import Moments
from train_core.facts.weights import parse_weighted
from train_core.models.clip_text import PIECE, join, pieces_needed, tokenise, wrap
from train_core.models.family import Conditioning, PredictionType, Target
from train_core.models.sd1_keys import FILE_PREFIXES, is_vae_attention_matrix, to_original
from train_core.models.sd1_targets import text_encoder_targets, unet_targets


class SD1:
    """The family of SD 1.x. `modules` are "unet", "text_encoder" and "vae", from diffusers and transformers."""

    kind = "sd1"
    latent_scale = 0.18215
    latent_channels = 4
    vae_factor = 8

    def __init__(
        self,
        modules: dict[str, Any],
        tokenizer: Tokenizer,
        prediction_type: PredictionType = "epsilon",
        clip_skip: int = 1,
        max_token_length: int = 75,
    ) -> None:
        self.modules = modules  # nn.Modules; Any, since each has methods of its own
        self.prediction_type = prediction_type
        self.alphas_cumprod = scaled_linear_alphas()
        self._tokenizer = tokenizer
        self._clip_skip = clip_skip
        self._pieces = max_token_length // PIECE

    def targets(self) -> list[Target]:
        """The text encoder's layers, then the U-Net's."""
        return [*text_encoder_targets(self.modules["text_encoder"]), *unet_targets(self.modules["unet"])]

    def encode_text(self, captions: Sequence[str], extra_tokens: Mapping[str, Tensor] | None = None) -> Conditioning:
        """{"hidden": (B, 77 | 152 | 227, width)}; longer captions are cut. See `Family.encode_text`."""
        numbers, vectors = self._number(extra_tokens or {})
        rows = [tokenise(self._tokenizer, [(caption, 1.0)], numbers).ids for caption in captions]
        return {"hidden": self._encode(rows, self._pieces, vectors)}

    def encode_weighted(self, prompts: Sequence[str]) -> Conditioning:
        """{"hidden": (B, T, width)}, states times their tokens' weights, scaled so that each prompt keeps its mean."""
        rows = [tokenise(self._tokenizer, parse_weighted(prompt)) for prompt in prompts]
        pieces = pieces_needed(max(len(row.ids) for row in rows))
        hidden = self._encode([row.ids for row in rows], pieces)
        weights = torch.ones(hidden.shape[:2])
        for line, row in zip(weights, rows, strict=True):
            line[1 : 1 + len(row.weights)] = torch.tensor(row.weights)
        weighted = hidden.float() * weights.to(hidden.device)[..., None]
        return {"hidden": _with_mean_of(hidden.float(), weighted).to(hidden.dtype)}

    def _number(self, extra_tokens: Mapping[str, Tensor]) -> tuple[dict[str, range], list[Tensor]]:
        """Numbers beyond the vocabulary for the extra tokens, and their vectors in that order."""
        start = self.modules["text_encoder"].get_input_embeddings().num_embeddings
        numbers = {}
        for word, vectors in extra_tokens.items():
            numbers[word] = range(start, start + len(vectors))
            start += len(vectors)
        return numbers, list(extra_tokens.values())

    def _encode(self, rows: list[list[int]], pieces: int, extra_vectors: Sequence[Tensor] = ()) -> Tensor:
        """Hidden states (B, 75 * pieces + 2, width) of token rows, from the layer that clip skip names."""
        encoder = self.modules["text_encoder"]
        table = encoder.get_input_embeddings().weight
        ids = torch.tensor([wrap(row, pieces) for row in rows], device=table.device).flatten(0, 1)
        overrides = {}
        if extra_vectors:
            overrides["embeddings.token_embedding.weight"] = torch.cat([table, *(v.to(table) for v in extra_vectors)])
        skipping = self._clip_skip > 1
        out = torch.func.functional_call(encoder, overrides, (ids,), {"output_hidden_states": skipping})
        hidden = encoder.final_layer_norm(out.hidden_states[-self._clip_skip]) if skipping else out.last_hidden_state
        return join(hidden.unflatten(0, (len(rows), pieces)))

    @torch.no_grad()
    def encode_images(self, pixels: Tensor) -> Moments:
        """Unscaled moments, each (B, 4, H/8, W/8), of `pixels` (B, 3, H, W) in [-1, 1]; fp32, where the VAE is."""
        vae = self.modules["vae"]
        distribution = vae.encode(pixels.to(vae.quant_conv.weight)).latent_dist
        return Moments(distribution.mean.float(), distribution.logvar.float())

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, 3, H, W), about [-1, 1], of scaled `latents`; fp32, where the VAE is."""
        vae = self.modules["vae"]
        return vae.decode(latents.to(vae.post_quant_conv.weight) / self.latent_scale).sample.float()

    def predict(
        self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, extras: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The U-Net's prediction (B, 4, h, w) in the dtype of `noisy`; SD 1.x needs no extras."""
        unet = self.modules["unet"]
        dtype = unet.conv_in.weight.dtype  # unlike unet.dtype, found without a walk over all modules
        hidden = conditioning["hidden"].to(dtype)
        return unet(noisy.to(dtype), timesteps, hidden, return_dict=False)[0].to(noisy.dtype)

    def place(self, names: Collection[str], device: torch.device | str, dtype: torch.dtype | None = None) -> None:
        """Have just the modules `names` on `device`, in `dtype` where one is given, and all others on the CPU."""
        for name, module in self.modules.items():
            if name not in names:
                module.to("cpu")
        for name in names:
            self.modules[name].to(device, dtype)

    def enable_gradient_checkpointing(self) -> None:
        """Recompute activations in the backward pass, in U-Net and text encoder."""
        self.modules["unet"].enable_gradient_checkpointing()
        text_encoder = self.modules["text_encoder"]
        text_encoder.gradient_checkpointing_enable({"use_reentrant": False})
        text_encoder.train()  # transformers checkpoints in training mode only; CLIP has no dropout that this would wake

    def vae_fingerprint(self) -> str:
        """A hash of the VAE's weights as fp16 and of its number format, the same from whatever file it was read."""
        state = self.modules["vae"].state_dict()
        digest = hashlib.blake2b(digest_size=16)
        for name, value in sorted(state.items()):
            digest.update(f"{name} {value.dtype}".encode())
            digest.update(value.to("cpu", torch.float16).contiguous().numpy().data)
        return digest.hexdigest()

    def save_model(self, path: Path, dtype: torch.dtype) -> None:
        """Write the whole model as one `.safetensors` in the original Stability layout, whole or not at all."""
        metadata = {"format": "pt", "modelspec.prediction_type": self.prediction_type.removesuffix("_prediction")}
        temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        save_file(original_tensors(self.modules, dtype), temporary, metadata)
        temporary.replace(path)


def original_tensors(modules: Mapping[str, nn.Module], dtype: torch.dtype) -> dict[str, Tensor]:
    """The weights of "unet", "vae" and "text_encoder" under the original Stability names, on the CPU in `dtype`."""
    tensors = {}
    for part, module in modules.items():
        for name, value in module.state_dict().items():
            kernel = value[:, :, None, None] if part == "vae" and is_vae_attention_matrix(name) else value
            tensors[FILE_PREFIXES[part] + to_original(part, name)] = kernel.to("cpu", dtype).contiguous()
    return tensors


def _with_mean_of(plain: Tensor, weighted: Tensor) -> Tensor:
    """`weighted` (B, T, width) scaled so that each prompt's mean is that of `plain`, as A1111 does.

    Means that are nothing beside the spread are left alone: their quotient would be chance.
    """
    old, new = plain.mean((1, 2), keepdim=True), weighted.mean((1, 2), keepdim=True)
    tells = torch.minimum(old.abs(), new.abs()) > 1e-4 * plain.std((1, 2), keepdim=True)
    return weighted * torch.where(tells, old / new, torch.ones_like(old))


def scaled_linear_alphas(start: float = 0.00085, end: float = 0.012, steps: int = 1000) -> Tensor:
    """Cumulative alphas (steps,) of the DDPM schedule whose betas' square roots are evenly spaced (fp32)."""
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float32) ** 2
    return torch.cumprod(1.0 - betas, dim=0)
