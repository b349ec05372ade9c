"""Tags in prompts that name networks, `<lora:name:0.8>`, by the rules of A1111 and of LoRA Block Weight."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import Any

from train_core.config.syntax.signs import plain_signs

KINDS = {"lora": "lora", "lyco": "lora", "hypernet": "hypernet"}
HIGH_WEIGHT = 1.2  # above, pictures tend to break
_TAG = re.compile(r"[<＜]\s*(\w+)\s*[:：]([^<>＜＞]*)[>＞]")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_WHEN = r"\d+|0?\.\d*[1-9]\d*"  # a step, or a share of the steps
_STEP = re.compile(rf"({_WHEN})?(?:-({_WHEN})?)?")


@dataclass(frozen=True)
class NetworkTag:
    """A network that a prompt names, with its strengths on text encoders and U-Net.

    `text` is the tag as it stands there. `rank` is A1111's `dyn`, how many of its ranks count. `blocks` and
    `block_effects` are LoRA Block Weight's `lbw` and `lbwe`; `start` and `stop` the steps, counted from 1, at which the
    network begins and ends to act on the U-Net. Below 1 they are shares of the steps.
    """

    kind: str
    name: str
    text: str = field(compare=False)
    text_encoder: float = 1.0
    unet: float = 1.0
    rank: int | None = None
    blocks: str = ""
    block_effects: str = ""
    start: float | None = None
    stop: float | None = None
    scheduled: bool = field(default=False, compare=False)  # it stands within square brackets

    @property
    def changes(self) -> bool:
        """Whether it acts in some steps and not in others."""
        return self.start is not None or self.stop is not None

    def acts(self, step: int, steps: int) -> bool:
        """Whether it acts on the U-Net in `step`, counted from 1, of `steps`."""
        begun = self.start is None or step >= _step(self.start, steps)
        return begun and (self.stop is None or step < _step(self.stop, steps))


@dataclass(frozen=True)
class Tagged:
    """A prompt without its network tags, those tags, and texts that look like one but are none."""

    prompt: str
    networks: tuple[NetworkTag, ...]
    unread: tuple[str, ...] = ()


def without_networks(prompt: str) -> Tagged:
    """`prompt` without the tags that name networks. A tag that does not parse stays in the text and is named."""
    networks: list[NetworkTag] = []
    unread: list[str] = []

    def take(found: re.Match[str]) -> str:
        tag = _read(found)
        if tag is None:
            unread.append(found[0])
            return found[0]
        networks.append(replace(tag, scheduled=_within_brackets(prompt, found.start())))
        return ""

    return Tagged(_TAG.sub(take, prompt), tuple(networks), tuple(unread))


def written(tag: NetworkTag) -> str:
    """`tag` as it stands in a prompt."""
    same = tag.unet == tag.text_encoder
    strengths = [f"{tag.unet:g}"] if same else [f"te={tag.text_encoder:g}", f"unet={tag.unet:g}"]
    others = {
        "dyn": tag.rank, "lbw": tag.blocks, "lbwe": tag.block_effects, "start": tag.start, "stop": tag.stop,
    }  # fmt: skip
    said = [f"{name}={value}" for name, value in others.items() if value not in (None, "")]
    return f"<{':'.join([tag.kind, tag.name, *strengths, *said])}>"


def _read(found: re.Match[str]) -> NetworkTag | None:
    """The tag; None where its kind is unknown or a part of it has no meaning."""
    kind = KINDS.get(found[1].lower())
    name, *others = (part.strip() for part in re.split("[:：]", found[2]))
    parts = [plain_signs(part) for part in others]
    if kind is None or not name:
        return None
    tag = NetworkTag(kind, name, found[0])
    places = iter(("te", "unet", "dyn"))
    given: set[str] = set()
    for part in parts:
        key, equals, value = (one.strip() for one in part.partition("="))
        key = key.lower() if equals else next(places, "")
        changed = _with(tag, key, value if equals else part)
        if changed is None or key in given:
            return None
        given.add(key)
        tag = changed
    return tag if "unet" in given else replace(tag, unet=tag.text_encoder)


def _with(tag: NetworkTag, key: str, value: str) -> NetworkTag | None:
    """`tag` with one argument more; None where there is no such argument or value."""
    changes: dict[str, Any] = {}
    match key:
        case "te" | "unet" | "x" if _NUMBER.fullmatch(value):
            changes = {"text_encoder" if key == "te" else "unet": float(value)}
        case "dyn" if value.isdecimal():
            changes = {"rank": int(value)}
        case "lbw" if value:
            changes = {"blocks": value}
        case "lbwe" if value:
            changes = {"block_effects": value}
        case "start" | "stop" if re.fullmatch(_WHEN, value):
            changes = {key: float(value)}
        case "step" if (found := _STEP.fullmatch(value)) and "-" in value and value != "-":
            changes = {name: float(when) for name, when in zip(("start", "stop"), found.groups(), strict=True) if when}
    return replace(tag, **changes) if changes else None


def _step(when: float, steps: int) -> int:
    """The step that `when` means, by LoRA Block Weight's rule."""
    return max(1, round(when * steps)) if 0 < when < 1 else int(when)


def _within_brackets(prompt: str, place: int) -> bool:
    """Whether a square bracket that has not ended stands before `place`."""
    before = re.sub(r"\\.", "", prompt[:place])
    return before.count("[") > before.count("]")
