"""Florence-2: a caption as long as its task asks for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image
from torch import Tensor

from train_core.captioning.captioner import Captioner
from train_core.config.problems import UserError, problem

TASKS = {"<CAPTION>": 75, "<DETAILED_CAPTION>": 150, "<MORE_DETAILED_CAPTION>": 300}  # with their most new tokens
USUAL = "<DETAILED_CAPTION>"
OF_PLACES = frozenset((  # tasks of the model whose answers are places in the picture, or need one
    "<OD>", "<OCR_WITH_REGION>", "<DENSE_REGION_CAPTION>", "<REGION_PROPOSAL>", "<CAPTION_TO_PHRASE_GROUNDING>",
    "<REFERRING_EXPRESSION_SEGMENTATION>", "<REGION_TO_SEGMENTATION>", "<OPEN_VOCABULARY_DETECTION>",
    "<REGION_TO_CATEGORY>", "<REGION_TO_DESCRIPTION>", "<REGION_TO_OCR>",
))  # fmt: skip
PLACE = re.compile(r"<(?:loc_\d+|/?poly|/?seg|/?od|/?ocr|/?cap|/?grounding|sep|region_cap|[a-z_]*dcap)>")


class Florence(Captioner):
    """Florence-2 (Xiao et al., 2023). The prompt is a task, such as `<CAPTION>`, or one that a fine-tune has learnt."""

    most = 300

    @classmethod
    def usual(cls, prompt: str) -> tuple[str, int]:
        """The task, in capitals, and the most tokens of its answers. Raises UserError for one that finds places."""
        said = prompt.strip()
        name = f"<{said.strip('<>').upper().replace(' ', '_')}>"
        if name in OF_PLACES:
            raise UserError(
                problem(
                    "captioner_task", "The task {task} finds places in pictures and gives no caption. Use {tasks}.",
                    task=name, tasks=", ".join(TASKS),
                )
            )
        task = name if name in TASKS else said or USUAL
        return task, TASKS.get(task, cls.most)

    def inputs(self, pictures: Sequence[Image.Image], prompt: str) -> Any:
        """Pictures, and the task for each."""
        return self.processor(images=list(pictures), text=[prompt] * len(pictures), return_tensors="pt")

    def texts(self, tokens: Tensor, inputs: Mapping[str, Any]) -> list[str]:
        """The captions; answers never repeat the task."""
        return [PLACE.sub(" ", text) for text in super().texts(tokens, {})]
