"""The metadata of a run's files, from the parts of the run."""

from __future__ import annotations

import logging
import secrets
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from train_core.config.jobs.train import TrainConfig
from train_core.data.library import Library
from train_core.data.summary import bucket_summary, dataset_summary, folder_summary, registered, tag_frequency
from train_core.facts.file_cache import shared_database
from train_core.facts.models.thumbnails import thumbnail_url
from train_core.facts.run.steps import StepCount
from train_core.methods.method import Method
from train_core.models.family import Family
from train_core.networks.files.hashes import FileHashes, hashes_in_background
from train_core.run.file_metadata import BaseFacts, DataFacts, RunFacts, training_metadata

logger = logging.getLogger(__name__)


@dataclass
class MetadataWriter:
    """Metadata of the files of one run. The base model's hashes are computed during the run."""

    config: TrainConfig
    method: Method
    library: Library
    length: StepCount
    family: Family
    output_name: str
    optimizer: str
    processes: int
    started_at: float = field(default_factory=time.time)
    session_id: int = field(default_factory=lambda: secrets.randbits(32))

    def __post_init__(self) -> None:
        memory = shared_database()
        files = self.family.files
        assert files is not None
        self.base, self.vae = files.model.path, files.vae_path
        self.base_hashes = hashes_in_background(self.base, memory)
        self.vae_hashes = hashes_in_background(self.vae, memory) if self.vae else None
        if self.config.output.metadata_thumbnail:  # read now, since the picture may be gone when the result is saved
            read = {"metadata_thumbnail": thumbnail_url(self.config.output.metadata_thumbnail)}
            output = self.config.output.model_copy(update=read)
            self.config = self.config.model_copy(update={"output": output})

    def state_dict(self) -> dict[str, Any]:
        """The run's identity, which a resumed one keeps."""
        return {"session_id": self.session_id, "started_at": self.started_at}

    def load_state_dict(self, state_dict: dict[str, Any], /) -> None:
        self.session_id, self.started_at = state_dict["session_id"], state_dict["started_at"]

    def __call__(self, step: int, epoch: int) -> dict[str, str]:
        """The metadata of a file saved after `step` in `epoch`, counted from 1."""
        base = BaseFacts(
            self.base, _found(self.base_hashes), self.family.names, self.family.prediction_type, self.vae,
            _found(self.vae_hashes) if self.vae_hashes else None,
        )
        library, batch_size = self.library, self.config.training.train_batch_size
        data = DataFacts(
            self.length.samples, self.length.batches_per_epoch, folder_summary(library), tag_frequency(library),
            bucket_summary(library), registered(library.subsets, is_reg=True), folder_summary(library, is_reg=True),
            dataset_summary(library, batch_size) if self.config.dataset.dataset_config else None, library.held_out,
        )
        run = RunFacts(
            session_id=self.session_id, output_name=self.output_name, started_at=self.started_at,
            finished_at=time.time(), steps=step, epoch=epoch, total_steps=self.length.total,
            total_epochs=self.length.epochs, optimizer=self.optimizer, processes=self.processes,
        )
        return training_metadata(
            self.config, base, data, run, self.method.metadata(self.config), self.method.modelspec_kind
        )


def _found(hashes: Future[FileHashes]) -> FileHashes:
    """The hashes, empty ones if the file could not be read to its end: what was learnt is saved all the same."""
    try:
        return hashes.result()
    except OSError as error:
        logger.warning("The file's metadata lacks the hashes of the base model: %s", error)
        return FileHashes("", "")
