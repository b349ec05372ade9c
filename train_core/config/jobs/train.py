"""The training job: every setting it has, section by section. Names are sd-scripts' where one exists."""

from __future__ import annotations

from typing import ClassVar

from train_core.config.job import Job
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.augmentation import AugmentationSettings
from train_core.config.sections.captions import CaptionSettings
from train_core.config.sections.class_images import ClassImageSettings
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.embedding import EmbeddingSettings
from train_core.config.sections.hypernetwork import HypernetworkSettings
from train_core.config.sections.launch import LaunchSettings
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.memory import MemorySettings
from train_core.config.sections.method import MethodSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.optimizer import OptimizerSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.rates import RateSettings
from train_core.config.sections.resume import ResumeSettings
from train_core.config.sections.samples import SampleSettings
from train_core.config.sections.training import TrainingSettings
from train_core.config.sections.validation import ValidationSettings
from train_core.config.sections.whole_model import WholeModelSettings


class TrainConfig(
    Job, name="train", entry="train_core.jobs.train:run_training",
    checks="train_core.facts.preflight:examine", uses="processes",
):
    """The training job's settings, section by section."""

    title: ClassVar[str] = "Training"
    saves: ClassVar[bool] = True  # whether files stay

    model: ModelSettings = ModelSettings()
    dataset: DatasetSettings = DatasetSettings()
    captions: CaptionSettings = CaptionSettings()
    augmentation: AugmentationSettings = AugmentationSettings()
    method: MethodSettings = MethodSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    whole_model: WholeModelSettings = WholeModelSettings()
    network: NetworkSettings = NetworkSettings()
    algorithm: AlgorithmSettings = AlgorithmSettings()
    hypernetwork: HypernetworkSettings = HypernetworkSettings()
    training: TrainingSettings = TrainingSettings()
    memory: MemorySettings = MemorySettings()
    loss: LossSettings = LossSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    rates: RateSettings = RateSettings()
    validation: ValidationSettings = ValidationSettings()
    samples: SampleSettings = SampleSettings()
    output: OutputSettings = OutputSettings()
    resume: ResumeSettings = ResumeSettings()
    class_images: ClassImageSettings = ClassImageSettings()
    launch: LaunchSettings = LaunchSettings()

    def run_name(self) -> str:
        """The name of the run's results."""
        return self.output.output_name
