"""The common parts of Stable Diffusion models: text encoders, a U-Net and a VAE (Rombach et al., 2022)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from train_core.config.problems import Problem
from train_core.data.moments import Moments
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.models.unet_names import original_names
from train_core.facts.prompts.attention_syntax import parse_sections, parse_weighted
from train_core.facts.prompts.tokenizer import cleaning, clip_ids
from train_core.kinds import Kind, Names, PredictionType
from train_core.models import autoencoder
from train_core.models.family import Conditioning, Target
from train_core.models.files.stored import Stored, in_memory
from train_core.models.files.writing import write_safetensors
from train_core.models.parts import Part
from train_core.models.targets import projection_targets, sgm_unet_targets, text_encoder_targets, unet_targets
from train_core.models.text.clip_text import PIECE, pieces_needed, tokenise, tokenise_sections
from train_core.models.text.text_states import TextReading, inner_encoder, read_text, weighted

Spare = Mapping[str, Mapping[str, Stored]]


class StableDiffusion:
    """A family of Stable Diffusion models; each kind has its row, and says in its own file what else is its own.

    `modules` by part are diffusers' and transformers'. `spare` holds tensors of the file, by part, that no module has
    and that are written back.
    """

    kind: Kind
    parts: ClassVar[Mapping[str, Part]]
    readings: ClassVar[tuple[TextReading, ...]]

    def __init__(
        self,
        modules: dict[str, Any],
        tokenizer: Tokenizer,
        prediction_type: PredictionType = "epsilon",
        clip_skip: int = 1,
        max_token_length: int = 75,
    ) -> None:
        self.modules = modules  # nn.Modules; Any, since each has methods of its own
        self.denoiser, self.process = self.kind.denoiser, self.kind.process
        self.block_layout = self.kind.block_layout
        self.latent_channels, self.vae_factor = self.kind.latents.channels, self.kind.latents.factor
        self.remarks: tuple[Problem, ...] = ()
        self.files: BaseFiles | None = None
        self.shared_out: frozenset[str] = frozenset()
        self.autocast: dict[str, torch.dtype] = {}
        self.prediction_type = prediction_type
        self.alphas_cumprod = scaled_linear_alphas()
        self._tokenizer = tokenizer
        self._clip_skip = clip_skip
        self._pieces = max_token_length // PIECE
        self.spare: Spare = {}  # what goes back into a file beside the modules' weights
        self._blanks: dict[torch.Size, Tensor] = {}

    @property
    def text_parts(self) -> tuple[str, ...]:
        """The text encoders, in the order in which they are read."""
        return tuple(reading.part for reading in self.readings)

    @property
    def names(self) -> Names:
        """The names by which other software knows this model."""
        return self.kind.names_for(self.prediction_type)

    def targets(self) -> list[Target]:
        """Every layer that an adapter may sit on: the text encoders' in their order, then the U-Net's."""
        keys, unet = self.kind.key_prefixes, self.modules[self.denoiser]
        texts = [
            target for part in self.text_parts
            for target in text_encoder_targets(self.modules[part], f"{keys[part]}_", part)
        ]
        key = f"{keys[self.denoiser]}_"
        if self.kind.original_keys:
            return [*texts, *sgm_unet_targets(unet, original_names(self.kind.unet_attention), key, self.denoiser)]
        return [*texts, *unet_targets(unet, key, self.denoiser)]

    def all_targets(self) -> list[Target]:
        """`targets`, and what only other programs' adapters sit on: projections of pooled text."""
        keys = self.kind.key_prefixes
        more = [
            target for part in self.text_parts
            for target in projection_targets(self.modules[part], f"{keys[part]}_", part)
        ]
        return [*self.targets(), *more]

    @property
    def uses_every_layer(self) -> bool:
        """Whether no text encoder has layers behind the one that is read; where there is a summary, it uses them."""
        return all(reading.pooled or reading.layer_for(self._clip_skip) == 1 for reading in self.readings)

    def token_tables(self) -> list[Tensor]:
        """The table (49408, width) of each text encoder. See `Family.token_tables`."""
        encoders = [inner_encoder(self.modules[part]) for part in self.text_parts]
        return [encoder.get_input_embeddings().weight for encoder in encoders]

    def token_ids(self, text: str) -> list[int]:
        """CLIP's numbers of the tokens of `text`."""
        return clip_ids(self._tokenizer, text)

    def encode_text(
        self, captions: Sequence[str], extra_tokens: Mapping[str, Tensor] | None = None, weighted: bool = False
    ) -> Conditioning:
        """{"hidden": (B, 77 | 152 | 227, width)}, and "pooled" where the family has one; longer captions are cut.

        The widths of several text encoders follow each other. See `Family.encode_text`.
        """
        numbers, vectors = self._number(extra_tokens or {})
        pieces = [parse_weighted(caption) if weighted else [(caption, 1.0)] for caption in captions]
        rows = [tokenise(self._tokenizer, each, numbers) for each in pieces]
        weights = [row.weights[: self._pieces * PIECE] for row in rows] if weighted else ()
        return self._condition([row.ids for row in rows], self._pieces, weights, vectors)

    def encode_weighted(
        self, prompts: Sequence[str], extra_tokens: Mapping[str, Tensor] | None = None
    ) -> Conditioning:
        """As `encode_text`, for prompts of any length: states times their tokens' weights, each prompt's mean kept.

        BREAK begins a new piece of 75 tokens.
        """
        numbers, vectors = self._number(extra_tokens or {})
        rows = [tokenise_sections(self._tokenizer, parse_sections(prompt), numbers) for prompt in prompts]
        pieces = pieces_needed(max(len(row.ids) for row in rows))
        return self._condition([row.ids for row in rows], pieces, [row.weights for row in rows], vectors)

    def _condition(
        self,
        rows: list[list[int]],
        pieces: int,
        weights: Sequence[Sequence[float]] = (),
        vectors: Sequence[Tensor] = (),
    ) -> Conditioning:
        """Conditioning of token rows by all text encoders, each encoder's states weighed for themselves."""
        encoders = [self.modules[reading.part] for reading in self.readings]
        widths = [inner_encoder(encoder).config.hidden_size for encoder in encoders]
        split = [vector.split(widths, dim=-1) for vector in vectors] if len(widths) > 1 else [(v,) for v in vectors]
        found = []
        for place, (encoder, reading) in enumerate(zip(encoders, self.readings, strict=True)):
            with self._calculating(reading.part, next(encoder.parameters()).device):
                vectors_of = [each[place] for each in split]
                found.append(read_text(encoder, reading, rows, pieces, self._clip_skip, vectors_of))
        states = [weighted(one.hidden, weights) if weights else one.hidden for one in found]
        conditioning = {"hidden": states[0] if len(states) == 1 else torch.cat(states, dim=-1)}
        summaries = [one.pooled for one in found if one.pooled is not None]
        return conditioning | ({"pooled": summaries[0]} if summaries else {})

    def _calculating(self, part: str, device: torch.device) -> torch.autocast:
        """Context in which `part` calculates in the format that it is meant to, whatever its weights are in."""
        return torch.autocast(device.type, self.autocast.get(part), enabled=part in self.autocast)

    def _number(self, extra_tokens: Mapping[str, Tensor]) -> tuple[dict[str, range], list[Tensor]]:
        """Numbers beyond the vocabulary for the extra tokens, and their vectors in that order."""
        start = len(self.token_tables()[0])
        numbers = {}
        for word, vectors in extra_tokens.items():
            numbers[word] = range(start, start + len(vectors))
            start += len(vectors)
        return numbers, list(extra_tokens.values())

    def encode_images(self, pixels: Tensor) -> Moments:
        """Unscaled moments, each (B, 4, H/8, W/8), of `pixels` (B, 3, H, W) in [-1, 1]; fp32, where the VAE is."""
        return autoencoder.encode(self.modules["vae"], pixels)

    def to_latents(self, moments: Moments, noise: Tensor | None = None) -> Tensor:
        """Scaled latents (B, 4, h, w): mean or, with `noise`, a draw of `moments`, times the scale."""
        return (moments.mean if noise is None else moments.sample(noise)) * self.kind.latents.scale

    def from_latents(self, latents: Tensor) -> Tensor:
        """Unscaled latents (B, 4, h, w)."""
        return latents / self.kind.latents.scale

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels (B, 3, H, W), about [-1, 1], of scaled `latents`; fp32, where the VAE is."""
        return autoencoder.decode(self.modules["vae"], self.from_latents(latents))

    def predict(
        self, noisy: Tensor, timesteps: Tensor, conditioning: Conditioning, extras: Mapping[str, Tensor] | None = None
    ) -> Tensor:
        """The U-Net's prediction (B, 4, h, w) in the dtype of `noisy`. See `Family.predict`."""
        unet = self.modules[self.denoiser]
        dtype = unet.conv_in.weight.dtype  # unlike unet.dtype, found without a walk over all modules
        added = self._added(noisy, conditioning, extras or {})
        hidden = conditioning["hidden"].to(dtype)
        shown = self._shown(noisy, extras or {}).to(dtype)
        with self._calculating(self.denoiser, noisy.device):
            prediction = unet(shown, timesteps, hidden, added_cond_kwargs=added, return_dict=False)[0]
        return prediction.to(noisy.dtype)

    @property
    def inpaints(self) -> bool:
        """Whether the U-Net also sees where to fill in, and the picture around it."""
        return self.modules[self.denoiser].conv_in.weight.shape[1] == 2 * self.latent_channels + 1

    def _shown(self, noisy: Tensor, extras: Mapping[str, Tensor]) -> Tensor:
        """Input of the U-Net: `noisy` (B, 4, h, w), in inpainting models followed by mask and masked latents."""
        if not self.inpaints:
            return noisy
        masks = extras.get("masks", torch.ones_like(noisy[:, :1]))
        masked = extras["masked_latents"] if "masked_latents" in extras else self._blank(noisy)
        return torch.cat([noisy, masks.to(noisy), masked.to(noisy)], dim=1)

    def _blank(self, noisy: Tensor) -> Tensor:
        """The latents of nothing but hidden picture, (B, 4, h, w); encoded once for each size."""
        size = noisy.shape[2:]
        if size not in self._blanks:
            grey = torch.zeros(1, 3, *(self.vae_factor * side for side in size), device=noisy.device)
            self._blanks[size] = self.to_latents(self.encode_images(grey))
        return self._blanks[size].to(noisy).expand(noisy.shape)

    def _added(
        self, noisy: Tensor, conditioning: Conditioning, extras: Mapping[str, Tensor]
    ) -> dict[str, Tensor] | None:
        """Conditioning of the U-Net besides text and timestep; only some families have any."""
        return None

    def place(self, names: Collection[str], device: torch.device | str, dtype: torch.dtype | None = None) -> None:
        """Have only the modules `names` on `device`, in `dtype` if one is given, and all others on the CPU.

        What is shared out over the processes stays where it is.
        """
        for name, module in self.modules.items():
            if name not in {*names, *self.shared_out}:
                module.to("cpu")
        for name in set(names) - self.shared_out:
            self.modules[name].to(device, dtype)

    def enable_gradient_checkpointing(self, in_main_memory: bool = False) -> None:
        """Recompute activations in the backward pass, in U-Net and text encoders. See `Family`."""
        self.modules[self.denoiser].enable_gradient_checkpointing(_checkpoint_away if in_main_memory else None)
        for reading in self.readings:
            text_encoder = self.modules[reading.part]
            text_encoder.gradient_checkpointing_enable({"use_reentrant": False})
            text_encoder.train()  # transformers checkpoints in training mode only; CLIP has no dropout to wake

    def text_fingerprint(self) -> str:
        """A hash of the text encoders' weights as fp16, their formats, clip skip, length and the cleaning of texts."""
        encoders = [autoencoder.fingerprint(self.modules[reading.part]) for reading in self.readings]
        return " ".join([self.kind.code, *encoders, str(self._clip_skip), str(self._pieces), cleaning()])

    def vae_fingerprint(self) -> str:
        """A hash of the VAE's weights as fp16 and of its number format, the same from whatever file it was read."""
        return autoencoder.fingerprint(self.modules["vae"])

    def save_model(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str] | None = None) -> None:
        """Write the whole model as one `.safetensors` in the original Stability layout, whole or not at all."""
        own = {
            "format": "pt",
            "modelspec.architecture": self.names.architecture,
            "modelspec.prediction_type": self.prediction_type.removesuffix("_prediction"),
        }
        write_safetensors(path, single_file(self.parts, self.stored(), self.spare, dtype), {**own, **(metadata or {})})

    def stored(self) -> dict[str, dict[str, Stored]]:
        """The weights of each part by the module's names."""
        return {name: in_memory(module.state_dict()) for name, module in self.modules.items()}


def _checkpoint_away(module: nn.Module, *inputs: Any) -> Any:
    """`module` of `inputs`, which wait in main memory for the backward pass to compute it once more."""
    with torch.autograd.graph.save_on_cpu(pin_memory=torch.cuda.is_available()):
        return checkpoint(module.__call__, *inputs, use_reentrant=False)


def single_file(
    parts: Mapping[str, Part], stored: Mapping[str, Mapping[str, Stored]], spare: Spare,
    dtype: torch.dtype | None = None,
) -> dict[str, Stored]:
    """The weights of a model's parts under the original Stability names, in `dtype` or as they are stored."""
    tensors: dict[str, Stored] = {}
    for name, part in parts.items():
        written = part.write(stored[name]) | dict(spare.get(name, {}))
        tensors |= {part.prefix + rest: tensor for rest, tensor in written.items()}
    return {name: replace(tensor, dtype=dtype or tensor.dtype) for name, tensor in tensors.items()}


def scaled_linear_alphas(start: float = 0.00085, end: float = 0.012, steps: int = 1000) -> Tensor:
    """Cumulative alphas (steps,) of the DDPM schedule whose betas' square roots are evenly spaced (fp32)."""
    betas = torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float32) ** 2
    return torch.cumprod(1.0 - betas, dim=0)
