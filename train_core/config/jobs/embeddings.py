"""Settings of the tool that creates embeddings to train or to use."""

from __future__ import annotations

from train_core.config.job import Tool
from train_core.config.jobs.tools import ResultSettings
from train_core.config.sections.embedding import new_word, start_of_word, vectors_per_word
from train_core.config.setting import Section, setting


class CreateEmbeddingSettings(Section, title="Create embedding"):
    token_string: str = new_word(required=True)
    num_vectors_per_token: str = vectors_per_word()
    init_word: str = start_of_word()
    embedding_model: str = setting(
        "", "The base model that it is for: the vectors are as wide as its words, and start from them.",
        label="For base model", path="file", required=True,
    )
    embedding_seed: int = setting(
        0, "Another number gives other noise, where a word starts from noise.", label="Seed of the noise", ge=0,
        le=2**32 - 1,
    )


class CreateEmbedding(Tool, name="create_embedding"):
    """Embeddings that start as known words or as noise, to be trained later, as .safetensors, .pt or .png."""

    create_embedding: CreateEmbeddingSettings = CreateEmbeddingSettings()
    result: ResultSettings = ResultSettings()
