"""The method that learns new words: vectors beyond the vocabulary, which the frozen model reads (Gal et al., 2022)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn

from train_core.config.jobs.train import TrainConfig
from train_core.config.syntax.new_words import NewWord, new_words
from train_core.facts.run.result_names import beside_the_first
from train_core.methods.method import Method
from train_core.models.family import Family
from train_core.models.files.embeddings import Origin, write_embedding
from train_core.models.vocabulary import Vocabulary


class Embedding(Method):
    """Holds the vectors of the new words (n, width) in fp32; nothing of the vocabulary's own table is trained.

    With `keeps_length` they stay as long as the table's.
    """

    modelspec_kind: ClassVar[str] = "textual-inversion"

    def __init__(self, family: Family, words: Sequence[NewWord], keeps_length: bool, seed: int) -> None:
        self.family, self.off = family, False
        vocabulary = Vocabulary(family.token_tables(), family.token_ids)
        self.words = tuple(one.word for one in words)
        starts = [vocabulary.start_of(word, seed + place) for place, word in enumerate(words)]
        self.trainable = self.vectors = nn.ParameterList([nn.Parameter(start) for start in starts])
        self.widths = vocabulary.widths
        self.lengths = vocabulary.usual_lengths() if keeps_length else None

    @classmethod
    def of(cls, config: TrainConfig, family: Family, total_steps: int) -> Self:
        settings = config.embedding
        return cls(family, new_words(settings), settings.preserve_embedding_norm, config.training.seed)

    @property
    def parts(self) -> set[str]:
        return set(self.family.text_parts)

    def parameter_groups(self, rates: Mapping[str, float]) -> list[dict[str, Any]]:
        part = self.family.text_parts[0]
        return [{"params": list(self.vectors), "lr": rates[part], "name": part}]

    @contextmanager
    def disabled(self) -> Iterator[None]:
        before, self.off = self.off, True
        try:
            yield
        finally:
            self.off = before

    def extra_tokens(self) -> Mapping[str, Tensor]:
        return {} if self.off else dict(zip(self.words, self.vectors, strict=True))

    def end_step(self) -> None:
        """Note how long the vectors are, and bring those that left the table's usual lengths back to them."""
        with torch.no_grad():
            split = [vectors.split(self.widths, dim=1) for vectors in self.vectors]
            self.norms = torch.cat([part.norm(dim=1) for parts in split for part in parts])
            if self.lengths is None:
                return
            for parts in split:
                for part, (least, most) in zip(parts, self.lengths, strict=True):
                    norm = part.norm(dim=1, keepdim=True)
                    part.mul_(norm.clamp(least, most) / norm.clamp(min=1e-12))

    def files(self, path: Path) -> list[Path]:
        return [path, *(beside_the_first(path, word) for word in self.words[1:])]

    def save(self, path: Path, dtype: torch.dtype, metadata: Mapping[str, str]) -> None:
        """Write each word into a file of its own, the first one to `path`."""
        for file, word, vectors in zip(self.files(path), self.words, self.vectors, strict=True):
            origin = Origin(
                word, int(metadata["ss_steps"]) if "ss_steps" in metadata else None,
                metadata.get("ss_sd_model_hash", ""), Path(metadata.get("ss_sd_model_name", "")).stem,
            )  # fmt: skip
            write_embedding(
                file, vectors.detach().split(self.widths, dim=1), dtype, metadata, origin, self.newest_picture
            )

    def metadata(self, config: TrainConfig) -> dict[str, Any]:
        settings = config.embedding
        named = config.output.metadata_depth == "full"
        negative = {"modelspec.is_negative_embedding": "true"} if settings.metadata_is_negative_embedding else {}
        return {
            **negative,
            "ss_token_string": settings.token_string if named else None, "ss_init_word": settings.init_word or None,
            "ss_num_vectors_per_token": settings.num_vectors_per_token,
        }  # fmt: skip
