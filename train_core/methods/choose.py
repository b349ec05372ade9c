"""The table of training methods. A new one is a file in this folder and a line here."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.methods.adapter import AdapterMethod
from train_core.methods.embedding import Embedding
from train_core.methods.hypernetwork import Hypernetwork
from train_core.methods.method import Method
from train_core.methods.whole import WholeModel
from train_core.models.family import Family

# By `training_method`.
METHODS: dict[str, type[Method]] = {
    "LoRA": AdapterMethod, "DreamBooth": WholeModel, "fine-tuning": WholeModel, "textual inversion": Embedding,
    "hypernetwork": Hypernetwork,
}  # fmt: skip


def method_of(config: TrainConfig, family: Family, total_steps: int) -> Method:
    """The method that `config` asks for, in place on `family`. Raises `UserError` for settings that do not suit."""
    return METHODS[config.method.training_method].of(config, family, total_steps)
