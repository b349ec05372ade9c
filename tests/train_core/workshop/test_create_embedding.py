"""The tool that creates embeddings: what is in its files, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.train_core.workshop.conftest import RunTool, errors, family, model_file
from train_core.models.files.embeddings import read_embedding


@pytest.mark.parametrize("kind", ["sd1", "sd2", "sdxl"])
@pytest.mark.parametrize("ending", [".safetensors", ".pt", ".png"])
def test_a_new_embedding_starts_as_the_words_named_or_as_noise(
    run_tool: RunTool, tmp_path: Path, kind: str, ending: str
) -> None:
    result = tmp_path / f"new{ending}"
    given = {
        "token_string": "zuko-1, mira-1", "num_vectors_per_token": "3", "embedding_model": model_file(kind),
        "save_to": result,
    }  # fmt: skip
    assert run_tool("create_embedding", init_word="red fox", **given)[-1]["status"] == "completed"
    tables, ids = family(kind).token_tables(), family(kind).token_ids("red fox")
    widths = [table.shape[1] for table in tables]
    expected = torch.cat([table[[*ids, ids[0]]] for table in tables], dim=1)
    for path in (result, tmp_path / f"new-mira-1{ending}"):
        assert torch.allclose(read_embedding(path, widths), expected)
    assert run_tool("create_embedding", overwrite=True, **given)[-1]["status"] == "completed"
    one, two = (read_embedding(path, widths) for path in (result, tmp_path / f"new-mira-1{ending}"))
    assert one.shape == expected.shape
    assert not torch.allclose(one, two)


def test_what_cannot_be_created_is_said(run_tool: RunTool, tmp_path: Path) -> None:
    given = {"token_string": "zuko-1", "embedding_model": model_file("sd1"), "save_to": tmp_path / "a.pt"}
    assert errors(run_tool("create_embedding", **given | {"save_to": tmp_path / "a.bin"})) == ["embedding_ending"]
    assert errors(run_tool("create_embedding", **given | {"token_string": "dog"})) == ["new_word_known"]
    assert run_tool("create_embedding", **given)[-1]["status"] == "completed"
    assert errors(run_tool("create_embedding", **given)) == ["result_exists"]
