"""Tiny captioners with random weights, as folders that transformers reads: BLIP, GIT, Florence-2, and one for chats."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPImageProcessor,
    Florence2Config,
    Florence2ForConditionalGeneration,
    Florence2Processor,
    GitConfig,
    GitForCausalLM,
    GitProcessor,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    ProcessorMixin,
)

WORDS = [
    "a", "fox", "in", "the", "snow", "<script>", "</script>", "(", ")", ",", "red", "blue", "dress", "what", "does",
    "image", "describe", "?", "detail", "is", "shown", ".", "photo", "of",
]  # fmt: skip
SIDE = 16
LOUDER = 20


def _bert() -> BertTokenizerFast:
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "[ENC]"]
    words = {word: number for number, word in enumerate([*special, *WORDS])}
    return BertTokenizerFast(vocab=words, bos_token="[DEC]", model_input_names=["input_ids", "attention_mask"])


def _saved(folder: Path, model: PreTrainedModel, processor: ProcessorMixin) -> Path:
    """The folder with both, its weights so large that what is said depends on the picture."""
    for parameter in model.parameters():
        if parameter.dim() > 1:
            parameter.data *= LOUDER
    model.save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def write_blip(folder: Path) -> Path:
    """A BLIP of one layer for pictures of 16 pixels."""
    torch.manual_seed(1)
    tokenizer = _bert()
    text = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "encoder_hidden_size": 16, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "bos_token_id": tokenizer.bos_token_id,
        "pad_token_id": tokenizer.pad_token_id, "sep_token_id": tokenizer.sep_token_id,
        "eos_token_id": tokenizer.sep_token_id,
    }  # fmt: skip
    vision = {
        "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": SIDE, "patch_size": 8,
    }  # fmt: skip
    config = BlipConfig(text_config=text, vision_config=vision, projection_dim=16, image_text_hidden_size=16)
    images = BlipImageProcessor(size={"height": SIDE, "width": SIDE})
    return _saved(folder, BlipForConditionalGeneration(config), BlipProcessor(images, tokenizer))


def write_git(folder: Path) -> Path:
    """A GIT of one layer."""
    torch.manual_seed(2)
    tokenizer = _bert()
    config = GitConfig(
        vision_config={
            "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": SIDE, "patch_size": 8,
        },
        vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        pad_token_id=tokenizer.pad_token_id, bos_token_id=tokenizer.cls_token_id, eos_token_id=tokenizer.sep_token_id,
    )  # fmt: skip
    images = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    return _saved(folder, GitForCausalLM(config), GitProcessor(images, tokenizer))


def _words() -> PreTrainedTokenizerFast:
    special = ["<s>", "<pad>", "</s>", "<unk>", "<image>"]
    words = {word: number for number, word in enumerate([*special, *WORDS])}
    plain = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=plain, bos_token="<s>", eos_token="</s>", pad_token="<pad>", unk_token="<unk>",
        extra_special_tokens={"image_token": "<image>"},
    )  # fmt: skip


def write_florence(folder: Path) -> Path:
    """A Florence-2 of two stages."""
    torch.manual_seed(3)
    tokenizer = _words()
    text = {
        "model_type": "bart", "vocab_size": len(tokenizer), "d_model": 16, "encoder_layers": 1, "decoder_layers": 1,
        "encoder_attention_heads": 2, "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
        "max_position_embeddings": 64, "bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2,
        "decoder_start_token_id": 2, "forced_eos_token_id": 2,
    }  # fmt: skip
    vision = {
        "depths": (1, 1), "patch_size": (7, 3), "patch_stride": (4, 2), "patch_padding": (3, 1),
        "patch_prenorm": (False, True), "embed_dim": (8, 16), "num_heads": (2, 2), "num_groups": (2, 2),
        "window_size": 2, "projection_dim": 16, "max_position_embeddings": 8, "max_temporal_embeddings": 8,
    }  # fmt: skip
    config = Florence2Config(
        text_config=text, vision_config=vision, image_token_id=4, bos_token_id=0, pad_token_id=1, eos_token_id=2,
    )  # fmt: skip
    images = CLIPImageProcessor(
        size={"height": SIDE, "width": SIDE}, crop_size={"height": SIDE, "width": SIDE}, do_center_crop=False,
    )  # fmt: skip
    images.image_seq_length = 5  # a picture's four places, and one for all of them
    return _saved(folder, Florence2ForConditionalGeneration(config), Florence2Processor(images, tokenizer))


def write_chat(folder: Path) -> Path:
    """A LLaVA of one layer, which is asked as a user."""
    torch.manual_seed(4)
    tokenizer = _words()
    text = {
        "model_type": "llama", "vocab_size": len(tokenizer), "hidden_size": 16, "intermediate_size": 16,
        "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2, "bos_token_id": 0,
        "pad_token_id": 1, "eos_token_id": 2,
    }  # fmt: skip
    vision = {
        "model_type": "clip_vision_model", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "image_size": SIDE, "patch_size": 8, "projection_dim": 16,
    }  # fmt: skip
    config = LlavaConfig(
        text_config=text, vision_config=vision, image_token_id=4, vision_feature_layer=-1,
        vision_feature_select_strategy="default",
    )  # fmt: skip
    images = CLIPImageProcessor(size={"shortest_edge": SIDE}, crop_size={"height": SIDE, "width": SIDE})
    processor = LlavaProcessor(
        images, tokenizer, patch_size=8, vision_feature_select_strategy="default", num_additional_image_tokens=1,
        chat_template="{% for m in messages %}a {% for c in m.content %}{% if c.type == 'image' %}<image>"
        "{% else %}{{ c.text }}{% endif %}{% endfor %}{% endfor %} what",
    )  # fmt: skip
    return _saved(folder, LlavaForConditionalGeneration(config), processor)


WRITERS: dict[str, Callable[[Path], Path]] = {
    "blip": write_blip, "git": write_git, "florence2": write_florence, "llava": write_chat,
}  # fmt: skip


@cache
def captioner(kind: str) -> Path:
    """The folder of a tiny captioner, written once per test session."""
    folder = Path(tempfile.mkdtemp(prefix="tiny-captioner-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    with torch.random.fork_rng(devices=[]):
        return WRITERS[kind](folder / f"tiny-{kind}")


def changed_copy(kind: str, to: Path, **values: object) -> Path:
    """A copy of a tiny captioner with other values in its config.json."""
    shutil.copytree(captioner(kind), to)
    changed_config(to, **values)
    return to


def changed_config(folder: Path, **values: object) -> None:
    """Have other values in the config.json of a model."""
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), **values}), encoding="utf-8")
