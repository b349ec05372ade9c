"""A cell of a grid while the values of its axes change it, until it is a prompt with the networks that it names."""

from __future__ import annotations

from dataclasses import dataclass, replace

from train_core.facts.prompts.network_tags import NetworkTag, without_networks, written
from train_core.facts.prompts.prompt_lines import SamplePrompt


@dataclass(frozen=True)
class Draft:
    """A prompt and what axes set beside its text.

    `base` is a base model, empty for that of the settings. The adapter that the grid compares is `file`, or else the
    first `<lora:…>` of the prompt; `weights` (on text encoders, on the U-Net) and `blocks` are given to it. `bare`
    leaves it out.
    """

    prompt: SamplePrompt
    base: str = ""
    file: str = ""
    weights: tuple[float, float] | None = None
    blocks: str = ""
    bare: bool = False

    @property
    def compared(self) -> NetworkTag | None:
        """The adapter that the grid is about, as strong as it is here; None where there is none."""
        if self.bare:
            return None
        own = NetworkTag("lora", self.file, "") if self.file else first_lora(self.prompt.prompt)
        if own is None:
            return None
        changed = replace(own, blocks=self.blocks or own.blocks)
        if self.weights is not None:
            changed = replace(changed, text_encoder=self.weights[0], unet=self.weights[1])
        return replace(changed, text=written(changed)) if changed != own or self.file else own

    def finished(self) -> SamplePrompt:
        """The prompt with the compared adapter as it is asked for; one of no strength is left out."""
        text, compared = self.prompt.prompt, self.compared
        kept = compared.text if compared is not None and has_effect(compared) else ""
        if self.file:
            text = f"{text} {kept}"
        elif (own := first_lora(text)) is not None:
            text = text.replace(own.text, kept, 1)
        return replace(self.prompt, prompt=without_idle(text).strip())


def first_lora(prompt: str) -> NetworkTag | None:
    """The first adapter that `prompt` names."""
    return next((tag for tag in without_networks(prompt).networks if tag.kind == "lora"), None)


def has_effect(tag: NetworkTag) -> bool:
    """Whether a network is of any strength anywhere."""
    return bool(tag.text_encoder or tag.unet)


def without_idle(prompt: str) -> str:
    """`prompt` without the tags of networks that have no strength, so that equal pictures have equal texts."""
    for tag in without_networks(prompt).networks:
        if not has_effect(tag):
            prompt = prompt.replace(tag.text, "", 1)
    return prompt
