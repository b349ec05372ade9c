"""Captions of pictures as prompts: where they come from, and what of them is left beside other tags."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from train_core.config.jobs.grids import GridSettings
from train_core.config.problems import UserError
from train_core.facts.grids.originals import PLACE, Original, injected, originals_of, worded
from train_core.facts.prompts.prompt_lines import SamplePrompt

CARRIED = "a fox,\nred <lora:fur:0.8>\nNegative prompt: bad\nSteps: 2, Seed: 1, Size: 8x8"
WORDS = st.text(st.characters(codec="utf-8", exclude_characters=",，、\n\r<>{}"), max_size=12)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures with a caption file, with a prompt within, with neither, and one in a folder below."""
    (tmp_path / "more").mkdir()
    for name in ("a", "b", "c", "more/d"):
        info = PngImagePlugin.PngInfo()
        if name == "b":
            info.add_text("parameters", CARRIED)
        Image.new("RGB", (8, 8)).save(tmp_path / f"{name}.png", pnginfo=info)
    (tmp_path / "a.txt").write_text("an owl,\nat night\n", encoding="utf-8")
    (tmp_path / "more" / "d.caption").write_text("一只猫", encoding="utf-8")
    return tmp_path


def prompt_of(text: str) -> SamplePrompt:
    return SamplePrompt(text, "", 64, 64, seed=1, steps=2, scale=3.0, sampler="ddim")


def captions(settings: GridSettings) -> list[tuple[str, str]]:
    return [(one.caption, one.path.name if one.path else "") for one in originals_of(settings)]


def test_captions_are_what_was_written_then_what_lies_beside_pictures_or_within_them(folder: Path) -> None:
    settings = GridSettings(grid_originals=str(folder), grid_captions=["a  hare", " "])
    assert captions(settings) == [
        ("a hare", ""), ("an owl, at night", "a.png"), ("a fox, red", "b.png"), ("一只猫", "d.png"),
    ]  # fmt: skip
    assert len(captions(settings.model_copy(update={"grid_originals_most": 2}))) == 3


def test_a_folder_that_is_not_there_or_has_no_caption_is_refused(folder: Path) -> None:
    with pytest.raises(UserError) as gone:
        originals_of(GridSettings(grid_originals=str(folder / "gone")))
    (folder / "empty").mkdir()
    Image.new("RGB", (8, 8)).save(folder / "empty" / "x.png")
    with pytest.raises(UserError) as none:
        originals_of(GridSettings(grid_originals=str(folder / "empty")))
    codes = [found.value.problems[0].code for found in (gone, none)]
    assert codes == ["grid_no_originals_folder", "grid_no_originals"]


def test_each_caption_is_a_prompt_and_other_prompts_stay() -> None:
    prompts = [prompt_of(text) for text in ("a cat", f"zuko, {PLACE}")]
    owl, fox = Original("an owl"), Original("a fox", Path("fox.png"))
    said, whose = worded(prompts, [owl, fox])
    assert [one.prompt for one in said] == ["a cat", "zuko, an owl", "zuko, a fox"]
    assert whose == [None, owl, fox]


@pytest.mark.parametrize(
    ("prompt", "originals", "code"),
    [(PLACE, [], "grid_caption_of_none"), ("a cat", [Original("an owl")], "grid_originals_unused")],
)
def test_a_place_without_captions_and_captions_without_a_place_are_refused(
    prompt: str, originals: list[Original], code: str
) -> None:
    with pytest.raises(UserError) as refused:
        worded([prompt_of(prompt)], originals)
    assert refused.value.problems[0].code == code


def test_key_tags_win_over_what_a_caption_says_of_the_same() -> None:
    pattern = "<lora:zuko:1>, solo, zuko dog, (brown_hair:1.2), black jacket, {caption}"
    caption = "solo, 1girl, blue hair, (white jacket:1.1), long sleeves, brown hair, hair, sitting"
    assert injected(pattern, caption) == (
        "<lora:zuko:1>, solo, zuko dog, (brown_hair:1.2), black jacket, 1girl, long sleeves, hair, sitting"
    )
    assert injected("{caption}", "a cat, sitting") == "a cat, sitting"
    assert injected("红发, {caption}", "红发，坐着、户外") == "红发, 坐着, 户外"


@given(st.lists(WORDS, max_size=6), st.lists(WORDS, max_size=6))
def test_whatever_captions_hold_the_pattern_stays_and_nothing_is_said_twice(own: list[str], tags: list[str]) -> None:
    pattern = [tag.strip() for tag in own if tag.strip()]
    said = injected(", ".join([*pattern, PLACE]), ", ".join(tags))
    found = [tag for part in said.split(",") if (tag := part.strip())]
    assert found[: len(pattern)] == pattern
    assert all(tag in [one.strip() for one in tags] for tag in found[len(pattern) :])
