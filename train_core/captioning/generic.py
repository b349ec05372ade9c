"""Any other model that transformers knows for pictures to text: asked as a user in a chat, or by a plain prompt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL import Image

from train_core.captioning.captioner import Captioner

USUAL = "Describe this picture in one or two sentences."


class Generic(Captioner):
    """A model such as Qwen-VL, LLaVA or SmolVLM, which follows instructions, or BLIP-2, which goes on from words."""

    most = 200

    @classmethod
    def usual(cls, prompt: str) -> tuple[str, int]:
        """The instruction, and the most tokens of the answer."""
        return prompt.strip() or USUAL, cls.most

    def inputs(self, pictures: Sequence[Image.Image], prompt: str) -> Any:
        """For each picture its part of a chat; for models without chats, the prompt if it is no instruction."""
        tokenizer = getattr(self.processor, "tokenizer", None)
        if tokenizer is not None:
            tokenizer.padding_side = "left"  # answers begin behind what was asked
            tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
        if not getattr(self.processor, "chat_template", None):
            text = {} if prompt == USUAL else {"text": [prompt] * len(pictures), "padding": True}
            return self.processor(images=list(pictures), **text, return_tensors="pt")
        asked = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}
        text = self.processor.apply_chat_template([asked], add_generation_prompt=True, tokenize=False)
        return self.processor(
            text=[text] * len(pictures), images=[[one] for one in pictures], padding=True, return_tensors="pt"
        )
