"""New embeddings: vectors that start as known words or as noise."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor

from train_core.config.jobs.embeddings import CreateEmbedding
from train_core.config.problems import UserError, problem, raise_if_any
from train_core.config.sections.embedding import EmbeddingSettings
from train_core.config.syntax.new_words import new_words
from train_core.facts.captions.new_words import start_oddities, word_problems
from train_core.facts.captions.token_count import tokens_of
from train_core.facts.models.model_files import base_files
from train_core.facts.run.result_names import beside_the_first
from train_core.models.files.embeddings import Origin, write_embedding
from train_core.models.load import Opened, open_model
from train_core.models.vocabulary import Vocabulary
from train_core.workshop.common.report import Report
from train_core.workshop.common.results import dtype_of, require_free

ENDINGS = (".safetensors", ".pt", ".png")
TABLE = "embeddings.token_embedding.weight"


def run(config: CreateEmbedding, report: Report) -> None:
    """Write an embedding for each word, the first to `save_to`, the others beside it."""
    settings, path = config.create_embedding, Path(config.result.save_to)
    words = new_words(
        EmbeddingSettings(
            token_string=settings.token_string, num_vectors_per_token=settings.num_vectors_per_token,
            init_word=settings.init_word,
        )
    )
    raise_if_any(word_problems(words))
    _require_ending(path)
    paths = [path, *(beside_the_first(path, word.word) for word in words[1:])]
    for one in paths:
        require_free(one, config.result.overwrite)
    for found in start_oddities(words):
        report.warning(found)
    opened = open_model(base_files(settings.embedding_model, to_train=False), needs_vae=False)
    vocabulary = Vocabulary(_tables(opened), tokens_of)
    progress = report.stage("saving")
    metadata = {"modelspec.architecture": f"{opened.row.names_for('epsilon').architecture}/textual-inversion"}
    for place, (one, word) in enumerate(zip(paths, words, strict=True)):
        vectors = vocabulary.start_of(word, settings.embedding_seed + place).split(vocabulary.widths, dim=1)
        named = {**metadata, "modelspec.sai_model_spec": "1.0.1", "modelspec.title": word.word}
        origin = Origin(word.word, 0, "", opened.found.path.stem)
        write_embedding(one, vectors, dtype_of(config.result) or torch.float32, named, origin)
        report.saved(one)
        progress(place + 1, len(paths))


def _tables(opened: Opened) -> list[Tensor]:
    """The vectors of the words that the model's text encoders know."""
    return [
        next(tensor.read() for name, tensor in opened.stored[part].items() if name.endswith(TABLE))
        for part in opened.family.text_parts
    ]


def _require_ending(path: Path) -> None:
    if path.suffix.lower() not in ENDINGS:
        raise UserError(
            problem(
                "embedding_ending",
                "save_to = {file} must end in .safetensors, .pt or .png. Use {suggestion}.",
                file=str(path), suggestion=str(path.with_suffix(ENDINGS[0])),
            )
        )
