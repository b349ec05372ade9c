"""What all captioners have in common: a model and its processor from a folder, and pictures to sentences in batches."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from PIL import Image
from torch import Tensor
from transformers import AutoModelForImageTextToText, AutoProcessor
from transformers.utils import logging

from train_core.config.problems import Problem, UserError, problem
from train_core.studio.captioning.model_folders import CaptionModel
from train_core.studio.captioning.sentences import Asking

LEAST = 5  # new tokens of a caption
LARGEST_GAP = 0.1  # share of a model's weights that may be missing
# Nothing from anywhere but the folder, no code of others, no pickled objects.
SAFELY: Mapping[str, Any] = {"local_files_only": True, "trust_remote_code": False}
PACKAGE = re.compile(r"pip install `?([\w.-]+)|requires the ([\w.-]+) library", re.IGNORECASE)  # in transformers' words
OF_MEMORY = ("MemoryError", "OutOfMemoryError")  # told by whoever started the job, with what to do


class Captioner(ABC):
    """A loaded captioning model. `most` are the new tokens of a caption where a person has not said how many."""

    most: ClassVar[int] = 75

    def __init__(self, model: CaptionModel, device: torch.device, dtype: torch.dtype) -> None:
        """Load the model. Raises UserError for a folder that is none, or lacks much of one."""
        self.folder = model.folder
        self.device, self.dtype = device, dtype
        self.missing: Problem | None = None  # some of its weights
        logging.set_verbosity_error()  # what matters of its remarks is told by `missing`
        logging.disable_progress_bar()
        try:
            self.processor = AutoProcessor.from_pretrained(model.folder, **SAFELY)
            both: Any = AutoModelForImageTextToText.from_pretrained(
                model.folder, **SAFELY, weights_only=True, dtype=dtype, output_loading_info=True
            )
        except Exception as error:  # whatever the files make transformers raise
            raise self._broken(error) from error
        loaded, told = both
        self._look_for_gaps(sorted(told["missing_keys"]), len(loaded.state_dict()))
        self.model = loaded.to(device).eval()

    @classmethod
    def usual(cls, prompt: str) -> tuple[str, int]:
        """The prompt in the form that the model takes it, or its usual one for "", and its most new tokens."""
        return prompt, cls.most

    def captions(self, pictures: Sequence[Image.Image], asking: Asking) -> list[str]:
        """What the model says of each picture (RGB), any text. Raises UserError where the model fails."""
        try:
            with torch.inference_mode():
                inputs = self.inputs(pictures, asking.prompt).to(self.device, self.dtype)
                tokens = self.model.generate(
                    **inputs, num_beams=asking.beams, min_new_tokens=asking.least, max_new_tokens=asking.most,
                    do_sample=False,
                )
                return self.texts(tokens.cpu(), inputs)
        except Exception as error:
            raise self._broken(error) from error

    @abstractmethod
    def inputs(self, pictures: Sequence[Image.Image], prompt: str) -> Any:
        """What `generate` takes, a `BatchFeature`."""

    def texts(self, tokens: Tensor, inputs: Mapping[str, Any]) -> list[str]:
        """The texts of `tokens` (pictures, length), without what was asked."""
        asked = inputs.get("input_ids")
        if asked is not None:
            begins = asked.cpu()
            if begins.shape[1] <= tokens.shape[1] and bool((tokens[:, : begins.shape[1]] == begins).all()):
                tokens = tokens[:, begins.shape[1] :]
        found: list[str] = self.processor.batch_decode(tokens, skip_special_tokens=True)
        return found

    def _look_for_gaps(self, missing: Sequence[str], count: int) -> None:
        """Note weights that the folder lacks. Raises UserError where they are so many that captions would be noise."""
        if not missing:
            return
        found = problem(
            "captioner_incomplete",
            "{folder} lacks {missing} of the {count} weights that its kind of model has, such as {example}. Download "
            "it again; of Florence-2 take {repository}, whose names fit.",
            folder=str(self.folder), missing=len(missing), count=count, example=missing[0],
            repository="florence-community/Florence-2-base",
        )
        if len(missing) > LARGEST_GAP * count:
            raise UserError(found)
        self.missing = found

    def _broken(self, error: Exception) -> Exception:
        """The error to tell of what the model raised; errors of memory stay as they are."""
        if isinstance(error, UserError) or type(error).__name__ in OF_MEMORY:
            return error
        if isinstance(error, ImportError):
            return self._needs_package(str(error))
        return UserError(
            problem(
                "captioner_broken",
                "The captioner {folder} cannot be used ({reason}). Download its files again, or use another model.",
                folder=str(self.folder), reason=(str(error).strip() or type(error).__name__).splitlines()[0][:300],
            )
        )

    def _needs_package(self, told: str) -> UserError:
        """The error for a kind of model that needs a package which does not come with the program."""
        found = PACKAGE.search(told)
        return UserError(
            problem(
                "captioner_package",
                "Models such as {folder} need the Python package {package}, which does not come with this program. "
                "Install it into the program's environment, in the build that belongs to its torch, or use BLIP, GIT "
                "or Florence-2, which need none.",
                folder=str(self.folder), package=(found[1] or found[2]).lower() if found else told.strip()[:100],
            )
        )
