"""Ready grids: what to look at in the files of a training, in the order in which tutorials ask it.

Prompts are patterns: {lora} is the adapter's tag, {trigger} the words that call up what was learnt, {class} what kind
of thing that is, {traits} what always belongs to it, {outfit} what it mostly wears, {other} the tag of another LoRA;
{caption} stays, for the captions of pictures.
Parts for which there are no words are left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

EXPRESSIONS = "closed eyes, one eye closed, frown, crying, :d, :o"
VIEWS = "full body, from behind, from above, dutch angle, fisheye, foreshortening"
POSES = "sitting, bent over, arms up, knees up, hands on hips, on stomach"
WEIGHTS = "0, 0.5, 0.6, 0.7, 0.8, 0.9, 1"
PLACES = ("lora", "trigger", "class", "traits", "outfit", "other")


@dataclass(frozen=True)
class Template:
    """A grid: its axes beside those of files and weights, and the patterns of its prompts.

    `compares` says whether all files are drawn at full weight, at several weights, or the last file alone, and
    `draws_held_out` that captions are those of the training's held-out pictures.
    """

    prompts: tuple[str, ...]
    axes: tuple[str, ...] = ()
    compares: Literal["files", "weights", "one"] = "files"
    draws_held_out: bool = False

    def filled(self, words: Mapping[str, str]) -> list[str]:
        """The prompts with `words` at their places, one a line."""
        return [fill(prompt, words) for prompt in self.prompts]


def fill(pattern: str, words: Mapping[str, str]) -> str:
    """`pattern` with `words` in place of their names; what has no words is left out with its comma."""
    for name in PLACES:
        said = words.get(name, "").strip(" ,")
        pattern = pattern.replace(f"{{{name}}}", said) if said else re.sub(rf"\{{{name}\}},?\s*", "", pattern)
    return re.sub(r",\s*\(\)", "", re.sub(r"\s+,", ",", pattern)).strip(" ,")


_PHOTO = "best quality, masterpiece, ultra high res, (photorealistic:1.4), depth of field"
_QUALITY = "(masterpiece, best quality)"
_ROAD = "outdoors, (road), bush, tree, petals, (sunset, orange theme)"
_POINTING = f"{{outfit}}, (outstretched arm, index finger raised), school bag, holding bag, {_ROAD}"
_SIMPLE = "(white background), simple background"
_LOOK = "looking at viewer"

TEMPLATES = {
    # The four questions that decide about a file.
    "fidelity": Template((
        f"{{lora}}, (monochrome), solo, {{class}}, {{trigger}}, (close-up), upper body, {_LOOK}, {{traits}}, "
        "(parted lips), {outfit}, tree, cherry blossoms, petals",
        f"{{lora}}, solo, {{class}}, {{trigger}}, (cowboy shot), {_LOOK}, {{traits}}, parted lips, smile, {_POINTING}",
        f"{{lora}}, solo, {{class}}, {{trigger}}, (cowshot body), {_LOOK}, {{traits}}, parted lips, smile, {_POINTING}",
    )),
    "held_out": Template(("{lora}, {caption}",), draws_held_out=True),
    "semantics": Template((
        f"{{lora}}, (monochrome), solo, {{class}}, (close-up), upper body, {_LOOK}, {{trigger}}, {{traits}}, "
        "(closed eyes), {outfit}, tree, cherry blossoms, petals",
        f"{{lora}}, solo, {{class}}, (dutch angle, lying, on back, from above), {{trigger}}, {_LOOK}, {{traits}}, "
        "parted lips, {outfit}, (outstretched arms, open hands), petals, pink background",
        f"{{lora}}, solo, {{class}}, (sitting), {{trigger}}, {_LOOK}, {{traits}}, parted lips, {{outfit}}, petals, "
        "pink background",
    )),
    "generalisation": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, (close-up), {_LOOK}, (long hair, blue hair), {{traits}}, "
        "(blue eyes, parted lips), (black jacket, yellow skirt), tree, cherry blossoms, petals",
        f"{{lora}}, solo, {{class}}, {{trigger}}, cowboy shot, {_LOOK}, (twintails, pink hair), parted lips, smile, "
        f"(white dress), outstretched arm, index finger raised, {_ROAD}",
    )),
    "contamination": Template((
        f"{{lora}}, solo, (1boy), dutch angle, lying, on back, from above, {{trigger}}, {_LOOK}, "
        "(blonde hair, green eyes), parted lips, (white coat, black pants), petals, simple background",
        "{lora}, {class}, standing in a kitchen, apron, indoors",
        "{lora}, no humans, scenery, mountain, lake, blue sky, clouds",
    )),
    # Which weight, and whether it is the same for other noise.
    "weights": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, (close-up), upper body, {_LOOK}, {{traits}}, {{outfit}}",
    ), compares="weights"),
    "seeds": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, (cowboy shot), {_LOOK}, {{traits}}, smile, {{outfit}}, outdoors",
    ), ("seed: -1, -1, -1",)),
    # Sweeps: what stands first in an axis is replaced by what follows.
    "expressions": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, (close-up), upper body, {_LOOK}, {{traits}}, closed eyes, {{outfit}}",
    ), (f"replace: {EXPRESSIONS}",)),
    "views": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, full body, {_LOOK}, {{traits}}, {{outfit}}, simple background",
    ), (f"replace: {VIEWS}",)),
    "poses": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, sitting, {_LOOK}, {{traits}}, {{outfit}}, simple background",
    ), (f"replace: {POSES}",)),
    "sizes": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, cowboy shot, {_LOOK}, {{traits}}, {{outfit}}, outdoors",
    ), ("size: 768x768, 768x512, 512x768",)),
    # Which blocks matter: all of them, none, and parts of the U-Net alone.
    "blocks": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, (cowboy shot), {_LOOK}, {{traits}}, {{outfit}}, outdoors",
    ), ("blocks: ALL, INS, IND, INALL, MIDD, OUTD, OUTS, OUTALL",), compares="one"),
    "each_block": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, (cowboy shot), {_LOOK}, {{traits}}, {{outfit}}, outdoors",
    ), ("blocks: each",), compares="one"),
    # The test set, for a file that is chosen.
    "similar": Template((
        "{lora}, solo, {class}, {trigger}, cowboy shot, from side, facing viewer, {traits}, (^^, closed eyes, open "
        f"mouth, smile), (hand up, fist, hand over own mouth), {{outfit}}, {_SIMPLE}",
        f"{{lora}}, solo, {{class}}, {{trigger}}, upper body, from side, {_LOOK}, {{traits}}, (adjusting hair, tying "
        f"hair), smile, mouth hold, (arms up, arms behind head), {{outfit}}, {_SIMPLE}",
        f"{{lora}}, solo, {{class}}, {{trigger}}, full body, standing, {_LOOK}, {{traits}}, (one eye closed, open "
        "mouth), (arm behind back, finger to mouth), {outfit}, (pink background), simple background",
    ), compares="one"),
    "others": Template(("{lora}, {class}, {trigger}, {traits}, {outfit}, {caption}",), compares="one"),
    "creative": Template((
        f"{{lora}}, solo, {{class}}, {{trigger}}, from side, full body, {_LOOK}, {{traits}}, :d, {{outfit}}, doll, "
        "doll hug",
        "{lora}, solo, {class}, {trigger}, from above, upper body, {traits}, eating, bread, holding food, {outfit}",
        "{lora}, solo, {class}, {trigger}, sitting, wariza, {traits}, {outfit}",
    ), compares="one"),
    "other_bases": Template((
        f"{_PHOTO}, {{lora}}, solo, {{class}}, upper body, {{trigger}}, {{traits}}, ({{outfit}}), v arms",
        f"{_QUALITY}, {{lora}}, solo, {{class}}, {{trigger}}, cowboy shot, {{traits}}, {{outfit}}",
        f"{_QUALITY}, {{lora}}, solo, {{class}}, {{trigger}}, full body, {{traits}}, {{outfit}}",
    ), compares="one"),
    "other_loras": Template((
        f"{_QUALITY}, {{lora}}, solo, {{class}}, {{trigger}}, cowboy shot, {{traits}}, {{other}}, astronaut, "
        "spacesuit, space helmet, gloves, space",
        f"{_QUALITY}, {{lora}}, {{other}}, chibi, solo, {{class}}, {{trigger}}, full body, {{traits}}, {{outfit}}",
        f"{_PHOTO}, {{lora}}, solo, {{class}}, full body, {{trigger}}, {{traits}}, ({{outfit}}), {{other}}, (doll, dd)",
    ), compares="one"),
}  # fmt: skip
