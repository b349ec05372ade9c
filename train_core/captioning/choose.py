"""Which captioner reads a model's folder, by the kind that its config.json names."""

from __future__ import annotations

from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES

from train_core.captioning.blip import Blip
from train_core.captioning.captioner import Captioner
from train_core.captioning.florence import Florence
from train_core.captioning.generic import Generic
from train_core.captioning.git import Git
from train_core.studio.captioning.model_folders import CaptionModel, not_native

# By `model_type`; a new one is a file beside these and a row here.
CAPTIONERS: dict[str, type[Captioner]] = {"blip": Blip, "git": Git, "florence2": Florence}


def captioner_of(model: CaptionModel) -> type[Captioner]:
    """The captioner for a model. Raises UserError for one that transformers does not know by itself."""
    if model.kind not in MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING_NAMES:
        raise not_native(model)
    return CAPTIONERS.get(model.kind, Generic)
