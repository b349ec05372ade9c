"""The files that prompts name: networks by their tags, and embeddings by words of the text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from train_core.config.clean_paths import clean_path
from train_core.config.problems import Problem, UserError, problem
from train_core.facts.models.embedding_files import look_into
from train_core.facts.prompts.folders import files_in
from train_core.facts.prompts.network_tags import NetworkTag

NETWORK_ENDINGS = (".safetensors", ".pt", ".ckpt")
WORD_ENDINGS = (".safetensors", ".pt", ".bin", ".png", ".webp")


@dataclass(frozen=True)
class NamedFiles:
    """All files of some folders by the names that prompts may give them, small letters, the first one found."""

    networks: Mapping[str, Path]
    words: Mapping[str, Path]
    setting: str

    @classmethod
    def within(cls, folders: Iterable[str], setting: str = "draw_folders") -> NamedFiles:
        """The files in `folders`, the value of a `setting`, and in all folders within.

        Raises UserError for a folder that cannot be read.
        """
        networks: dict[str, Path] = {}
        words: dict[str, Path] = {}
        for folder in filter(None, map(clean_path, folders)):
            for path in files_in(Path(folder).expanduser(), setting):
                ending = path.suffix.lower()
                if ending in NETWORK_ENDINGS:
                    networks.setdefault(path.stem.lower(), path)
                if ending in WORD_ENDINGS:
                    words.setdefault(path.stem.lower(), path)
        return cls(networks, words, setting)

    def network(self, tag: NetworkTag) -> Path | None:
        """The file that a tag names, with or without its ending."""
        name = tag.name.lower()
        return self.networks.get(name) or self.networks.get(Path(name).stem)

    def missing(self, tags: Iterable[NetworkTag]) -> list[Problem]:
        """An error for each name that no file has."""
        names = dict.fromkeys(tag.name for tag in tags if self.network(tag) is None)
        return [self._missing(name) for name in names]

    def _missing(self, name: str) -> Problem:
        near = get_close_matches(name.lower(), self.networks, n=1, cutoff=0.0)
        if not near:
            return problem(
                "network_not_found_anywhere",
                "A prompt names {name}, but there is no such file. Add the folder where it lies in {setting}.",
                name=name, setting=self.setting,
            )  # fmt: skip
        return problem(
            "network_not_found",
            "A prompt names {name}, but none of the {count} files there is called so; the nearest is {nearest}. "
            "Correct the name, or add its folder in {setting}.",
            name=name, setting=self.setting, count=len(self.networks), nearest=self.networks[near[0]].stem,
        )  # fmt: skip

    def words_in(self, texts: Sequence[str]) -> dict[str, Path]:
        """The embeddings whose names stand in `texts` as words. Files that hold none are passed over."""
        whole = "\n".join(texts).lower()
        return {
            word: path for word, path in self.words.items()
            if word in whole and re.search(rf"(?<!\w){re.escape(word)}(?!\w)", whole) and is_embedding(path)
        }  # fmt: skip


def is_embedding(path: Path) -> bool:
    """Whether the file holds the vectors of one word."""
    try:
        look_into(path)
    except UserError:
        return False
    return True
