"""The recipe's captions and its text encoder: CLIP's architecture and tokens, only the world's words trained."""

import random
import string
from collections.abc import Sequence
from functools import cache

import torch
from tokenizers import Tokenizer
from torch import nn
from transformers import CLIPTextConfig, CLIPTextModel

from demo.world import COLOURS, MASCOT_TRIGGER, ROBOT, SHAPES, Scene, caption
from train_core.facts.prompts.tokenizer import BOS, EOS, clip_tokenizer
from train_core.models.text.clip_text import wrap

WIDTH = 128
TEXT_CONFIG = {
    "vocab_size": 49408,
    "hidden_size": WIDTH,
    "projection_dim": WIDTH,
    "intermediate_size": 4 * WIDTH,
    "num_hidden_layers": 4,
    "num_attention_heads": WIDTH // 64,
    "max_position_embeddings": 77,
    "hidden_act": "quick_gelu",
    "bos_token_id": BOS,
    "eos_token_id": EOS,
    "pad_token_id": EOS,
}
WORDS = (*COLOURS, *SHAPES, ROBOT, "hat", "belly", "background", ",")


@cache
def _tokens(text: str) -> tuple[int, ...]:
    return tuple(_tokenizer().encode(text, add_special_tokens=False).ids)


@cache
def _tokenizer() -> Tokenizer:
    return clip_tokenizer()


def token_ids(captions: Sequence[str]) -> torch.Tensor:
    """CLIP's token numbers, (len(captions), 77), padded with the end token as SD 1.x has it."""
    return torch.tensor([wrap(_tokens(text), 1)[0] for text in captions])


def training_caption(scene: Scene, rng: random.Random) -> str:
    """The scene's caption, sometimes shortened, sometimes with a word that means nothing, sometimes empty.

    Empty captions make classifier-free guidance possible (Ho and Salimans, 2022); meaningless words teach the model
    to pass over a word that it never met, such as a trigger word before anybody trained it.
    """
    draw = rng.random()
    if draw < 0.1:
        return ""
    text = caption(scene)
    if draw < 0.18:
        text = f"{scene.thing}, {scene.background} background"
    elif draw < 0.21:
        text = text.rpartition(", ")[0]
    return f"{_nonsense(rng)} {text}" if rng.random() < 0.15 else text


def _nonsense(rng: random.Random) -> str:
    while True:
        word = "".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 6)))
        if word not in (*WORDS, MASCOT_TRIGGER):
            return word


class PartlyTrainedEmbedding(nn.Module):
    """An embedding table of which only the rows of the world's words are parameters; the rest stays as it began."""

    def __init__(self, table: torch.Tensor, trained: Sequence[int]) -> None:
        super().__init__()
        place = torch.full((len(table),), -1)
        place[list(trained)] = torch.arange(len(trained))
        self.register_buffer("table", table)
        self.register_buffer("place", place)
        self.rows = nn.Parameter(table[list(trained)].clone())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(b, n) token numbers to (b, n, width)."""
        place = self.place[ids]
        return torch.where((place >= 0)[..., None], self.rows[place.clamp(min=0)], self.table[ids])

    @property
    def weight(self) -> torch.Tensor:
        """The whole table, (vocabulary, width)."""
        whole = self.table.clone()
        whole[self.place >= 0] = self.rows[self.place[self.place >= 0]]
        return whole


def new_text_encoder() -> CLIPTextModel:
    """A text encoder with fresh weights, whose token table is partly trained."""
    encoder = CLIPTextModel(CLIPTextConfig(**TEXT_CONFIG))
    ids = {BOS, EOS} | {number for word in WORDS for number in _tokens(word)}
    table = torch.randn(TEXT_CONFIG["vocab_size"], WIDTH) * 0.02
    encoder.embeddings.token_embedding = PartlyTrainedEmbedding(table, sorted(ids))
    return encoder


def with_plain_embedding(encoder: CLIPTextModel) -> CLIPTextModel:
    """The same encoder as anyone loads it: its token table an ordinary embedding again."""
    plain = CLIPTextModel(CLIPTextConfig(**TEXT_CONFIG)).eval().requires_grad_(False)
    state = {name: value for name, value in encoder.state_dict().items() if "token_embedding" not in name}
    state["embeddings.token_embedding.weight"] = encoder.embeddings.token_embedding.weight.detach()
    plain.load_state_dict(state)
    return plain
