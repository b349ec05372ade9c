"""DeepDanbooru against its layers worked out one by one, and how it comes into captions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.deepdanbooru import expected_scores, layers, write_deepdanbooru
from tests.pictures import noise_image
from tests.train_core.workshop.conftest import RunTool, errors, run_tool  # noqa: F401 - a fixture
from train_core.captioning.deepdanbooru import DeepDanbooru, fitted
from train_core.config.problems import UserError
from train_core.studio.dataset import dataset_of
from train_core.studio.tagging.deepdanbooru_file import FILE, read_deepdanbooru

TAGS = ("1girl", "red_dress", "saber_(fate)", "^_^", "rating:safe")


def test_the_layers_are_those_of_the_real_file() -> None:
    names = [name for name, *_ in layers()]
    assert len(names) == 179
    assert [number for number, name in enumerate(names) if name == "shortcut"] == [1, 11, 36, 100, 158, 168]
    assert [number for number, (_, size, _, _, stride) in enumerate(layers()) if (size, stride) == (3, 2)] == [
        13, 38, 98, 160, 170,
    ]  # fmt: skip


def test_scores_are_those_of_the_layers_one_by_one(tmp_path: Path) -> None:
    weights = write_deepdanbooru(tmp_path, TAGS)
    tagger = read_deepdanbooru(tmp_path)
    assert tagger is not None
    model = DeepDanbooru(tagger)
    for side in (512, 128):
        pictures = torch.rand((2, 3, side, side), generator=torch.Generator().manual_seed(1))
        found, wanted = model.scores(pictures), expected_scores(weights, pictures)
        assert found.shape == (2, len(TAGS))
        torch.testing.assert_close(found, wanted)
        assert wanted.std() > 0.01


def test_pictures_are_fitted_and_their_edges_go_on() -> None:
    pixels = np.zeros((8, 4, 3), np.uint8)
    pixels[:, :2, 0], pixels[:, 2:, 2] = 255, 255  # red on the left, blue on the right
    square = fitted(Image.fromarray(pixels))
    assert square.shape == (512, 512, 3)
    assert np.allclose(square[:, :150], (1, 0, 0), atol=0.05) and np.allclose(square[:, -150:], (0, 0, 1), atol=0.05)
    assert fitted(noise_image((1000, 3))).shape == (512, 512, 3)


def test_its_tags_become_captions(run_tool: RunTool, tmp_path: Path) -> None:  # noqa: F811
    source = tmp_path / "pictures"
    source.mkdir()
    noise_image((20, 30)).save(source / "1.png")
    weights = write_deepdanbooru(tmp_path / "dd", TAGS)
    picture = torch.from_numpy(fitted(noise_image((20, 30)))).permute(2, 0, 1)[None]
    scores = dict(zip(TAGS, expected_scores(weights, picture)[0].tolist(), strict=True))
    sure = sorted((tag for tag in TAGS[:-1] if scores[tag] >= 0.5), key=lambda tag: -scores[tag])
    spelled = {"1girl": "1girl", "red_dress": "red dress", "saber_(fate)": r"saber \(fate\)", "^_^": "^_^"}
    run_tool("tag_pictures", pictures=source, tagger=tmp_path / "dd", escape_brackets=True)
    assert (source / "1.txt").read_text("utf-8") == ", ".join(spelled[tag] for tag in sure)
    run_tool(
        "tag_pictures", pictures=source, tagger=tmp_path / "dd", general_threshold=0.05, rating_tag=True,
        existing_captions="replace",
    )  # fmt: skip
    assert (source / "1.txt").read_text("utf-8").endswith(", rating:safe")
    assert b'"threshold": 0.5' in (dataset_of(source).folder / "tags.jsonl").read_bytes()


def test_files_that_are_none_are_refused(run_tool: RunTool, tmp_path: Path) -> None:  # noqa: F811
    assert read_deepdanbooru(tmp_path) is None
    source, folder = tmp_path / "pictures", tmp_path / "dd"
    source.mkdir()
    noise_image((20, 30)).save(source / "1.png")
    write_deepdanbooru(folder, TAGS)
    whole = (folder / FILE).read_bytes()
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (open, (str(mark), "w"))

    weights = torch.load(folder / FILE, weights_only=True)
    for content in (b"", b"no zip", whole[: len(whole) // 2]):
        (folder / FILE).write_bytes(content)
        with pytest.raises(UserError):
            read_deepdanbooru(folder)
    for wrong in ({}, {"tags": "1girl"}, {"tags": [Evil()]}, {**weights, "tags": [Evil()]}):
        torch.save(wrong, folder / FILE)
        with pytest.raises(UserError):
            read_deepdanbooru(folder)
    for odd in ({**weights, "evil": Evil()}, {**weights, "tags": list(TAGS[1:])},
                {name: value for name, value in weights.items() if name != "n_Conv_7.weight"},
                {**weights, "n_Conv_7.weight": torch.zeros(3, 3)}):  # fmt: skip
        torch.save(odd, folder / FILE)
        assert errors(run_tool("tag_pictures", pictures=source, tagger=folder))[0] in (
            "tagger_broken", "model_file_pickled_code",
        )  # fmt: skip
    assert not mark.exists()
