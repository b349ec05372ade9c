"""Attention for very narrow heads on a CPU, where the fused kernel's backward pass takes most of a training step."""

import torch
from diffusers.models.attention_processor import Attention


class NarrowAttention:
    """A diffusers attention processor by plain matrix products, with the softmax in the products' own precision."""

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor | None = None,
        **_: object,
    ) -> torch.Tensor:
        """(b, n, width) attending to itself or to (b, m, context width); returns (b, n, width)."""
        context = hidden_states if encoder_hidden_states is None else encoder_hidden_states
        query, key, value = (
            project(source).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for project, source in ((attn.to_q, hidden_states), (attn.to_k, context), (attn.to_v, context))
        )
        with torch.autocast("cpu", enabled=False):  # which would make the softmax fp32, and the largest tensors with it
            weights = ((query * attn.scale) @ key.transpose(-1, -2)).softmax(-1)
            mixed = (weights @ value).transpose(1, 2).flatten(2)
        return attn.to_out[0](mixed)
