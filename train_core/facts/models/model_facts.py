"""Facts about the base model on which it can depend whether a setting applies."""

from __future__ import annotations

from train_core.config.conditions import Facts
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings, Parameterization
from train_core.facts.models import hub
from train_core.facts.models.headers import ModelFile, recognise


def facts_of(found: ModelFile, wanted: Parameterization) -> Facts:
    """Facts about the model `found` where the prediction type is set to `wanted`."""
    known = {"family": found.family, "prediction_type": found.predicts(wanted)}
    return {name: value for name, value in known.items() if value is not None}


def facts_of_chosen(model: ModelSettings) -> Facts:
    """The same for the chosen model, by its header; if none can be read, only what the settings say."""
    try:
        return facts_of(recognise(hub.resolve(model.pretrained_model_name_or_path)), model.v_parameterization)
    except UserError:
        said = {"epsilon": "epsilon", "v": "v_prediction"}.get(model.v_parameterization)
        return {"prediction_type": said} if said else {}
