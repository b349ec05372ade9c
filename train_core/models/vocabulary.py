"""The vectors of the words that a base model knows, as those of new ones start from them and are measured by them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor

from train_core.config.syntax.new_words import NewWord
from train_core.models.files.embeddings import read_embedding

USUAL = (0.01, 0.99)  # the shares of the table's words that are shorter than its usual lengths begin and end


class Vocabulary:
    """The `tables` of a model's text encoders, (words, width) each; vectors are theirs in a row, fp32.

    `ids_of` gives the places in them of a text's tokens.
    """

    def __init__(self, tables: Sequence[Tensor], ids_of: Callable[[str], list[int]]) -> None:
        self.tables, self.ids_of = tables, ids_of

    @property
    def widths(self) -> list[int]:
        return [table.shape[1] for table in self.tables]

    @property
    def device(self) -> torch.device:
        return self.tables[0].device

    def start_of(self, word: NewWord, seed: int) -> Tensor:
        """The vectors (n, width) that a new word starts from. Raises `UserError` for a file that does not suit."""
        if word.file:
            return read_embedding(Path(word.file), self.widths).to(self.device)
        return self.of_text(word.start, word.vectors) if word.start else self.noise(word.vectors, seed)

    def of_text(self, text: str, count: int) -> Tensor:
        """The vectors (count, width) of the tokens of `text`, over again until there are enough, or the first ones."""
        ids = self.ids_of(text)
        chosen = [ids[place % len(ids)] for place in range(count)]
        return torch.cat([table[chosen].detach().float() for table in self.tables], dim=1)

    def noise(self, count: int, seed: int) -> Tensor:
        """Vectors (count, width) drawn like the table's: each number with the mean and spread that it has there."""
        generator = torch.Generator().manual_seed(seed)
        drawn = []
        for table in self.tables:
            numbers = table.detach().float()
            noise = torch.randn((count, table.shape[1]), generator=generator).to(table.device)
            drawn.append(numbers.mean(0) + noise * numbers.std(0))
        return torch.cat(drawn, dim=1)

    def usual_lengths(self) -> list[tuple[float, float]]:
        """The least and the greatest usual length of a word's vector, for each text encoder."""
        shares = torch.tensor(USUAL)
        found = [torch.quantile(table.detach().float().norm(dim=1).cpu(), shares).tolist() for table in self.tables]
        return [(least, most) for least, most in found]
