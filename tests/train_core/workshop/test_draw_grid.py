"""Grids of pictures: their cells, that each picture is drawn once, and that what is there is not drawn again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.train_core.workshop.conftest import RunTool, Write, errors, kill_halfway, model_file
from train_core.config.jobs.train import TrainConfig
from train_core.facts.grids.effects import effects
from train_core.facts.grids.folder import GridFacts, GridFolder
from train_core.facts.grids.of_training import grid_of
from train_core.facts.grids.templates import TEMPLATES

SMALL = {"draw_resolution": "64", "draw_steps": 2, "draw_sampler": "ddim", "draw_scale": 3, "draw_on_cpu": True}


@pytest.fixture
def files(write: Write, tmp_path: Path) -> Path:
    """Adapters of three epochs."""
    folder = tmp_path / "files"
    folder.mkdir()
    for epoch in (1, 2, 10):
        write("fox", "sd1", seed=epoch).rename(folder / f"fox-{epoch:06d}.safetensors")
    return folder


@pytest.fixture
def grid(run_tool: RunTool, files: Path, tmp_path: Path) -> Any:
    """Draws a grid; gives its facts and the pictures that were drawn now."""

    def drawn(*axes: str, prompts: str = "a cat", **settings: Any) -> tuple[GridFacts, list[str]]:
        usual = {"draw_model": model_file("sd1"), "grid_to": tmp_path / "grid", "draw_folders": [files], **SMALL}
        events = run_tool("draw_grid", grid_axes=list(axes), draw_prompts=prompts, **usual | settings)
        assert events[-1]["status"] == "completed"
        facts = GridFolder(tmp_path / "grid").facts()
        assert facts is not None
        return facts, [Path(event["path"]).stem for event in events if event["kind"] == "sample"]

    return drawn


def pixels(tmp_path: Path, name: str) -> bytes:
    return Image.open(GridFolder(tmp_path / "grid").picture(name)).tobytes()


def test_three_epochs_by_three_weights_by_two_seeds_draw_weight_0_once_a_seed_and_a_new_epoch_its_cells_alone(
    grid: Any, tmp_path: Path
) -> None:
    axes = ("file: fox-000001, fox-000002", "weight: 0, 0.5, 1", "seed: -1, 7")
    facts, drawn = grid(*axes)
    assert [(axis.kind, len(axis.labels)) for axis in facts.axes] == [("file", 2), ("weight", 3), ("seed", 2)]
    assert len(facts.cells) == 12
    assert len(set(facts.cells)) == len(drawn) == 2 + 2 * 2 * 2
    assert set(facts.without) == {facts.cells[0], facts.cells[1]} == {facts.cells[6], facts.cells[7]}
    assert len({pixels(tmp_path, name) for name in drawn}) == len(drawn)
    again, now = grid("file: fox-*", *axes[1:])
    assert again.axes[0].labels == ("fox-000001", "fox-000002", "fox-000010")
    assert again.cells[:12] == facts.cells
    assert sorted(now) == sorted(set(again.cells) - set(facts.cells))
    assert len(now) == 4
    assert grid("file: fox-*", *axes[1:])[1] == []


def test_a_picture_stands_beside_what_is_drawn_from_its_caption(grid: Any, tmp_path: Path) -> None:
    held_out = tmp_path / "held out"
    held_out.mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (8, 8), "red" if name == "a" else "blue").save(held_out / f"{name}.png")
        (held_out / f"{name}.txt").write_text(f"{name} cat, sitting", encoding="utf-8")
    facts, drawn = grid("file: fox-000001", prompts="zuko, {caption}", grid_originals=held_out)
    assert [(axis.kind, axis.labels) for axis in facts.axes] == [
        ("file", ("fox-000001",)), ("prompt", ("zuko, a cat, sitting", "zuko, b cat, sitting")),
    ]  # fmt: skip
    assert [one and Path(one.path).name for one in facts.originals] == ["a.png", "b.png"]
    assert len(drawn) == 4
    alone, now = grid("file: fox-000001", prompts="zuko, {caption}", grid_captions="b cat, sitting")
    assert alone.originals == (None,) and alone.cells == facts.cells[1:] and now == []


# Waits to be killed when it is about to keep the seventh picture.
KILLED = """
import sys
from train_core.__main__ import main
from train_core.workshop import draw_grid
kept, real = [], draw_grid.save_png
def save_png(image, path, text):
    if len(kept) == 6:
        print("half", flush=True)
        sys.stdin.read()
    kept.append(path)
    real(image, path, text)
draw_grid.save_png = save_png
sys.exit(main(sys.argv[1:]))
"""


def test_three_by_three_by_two_killed_at_the_seventh_goes_on_without_drawing_one_again(
    grid: Any, files: Path, tmp_path: Path
) -> None:
    axes = ("file: fox-*", "weight: 0, 0.5, 1", "seed: 7, 8")
    kill_halfway(KILLED, "draw_grid", {
        "draw_model": model_file("sd1"), "grid_to": tmp_path / "grid", "grid_axes": "\n".join(axes),
        "draw_prompts": "a cat", "draw_folders": files, **SMALL,
    })  # fmt: skip
    there = {name: pixels(tmp_path, name) for name in GridFolder(tmp_path / "grid").drawn()}
    assert len(there) == 6
    facts, drawn = grid(*axes)
    assert len(facts.cells) == 18 and len(set(facts.cells)) == 2 + 3 * 2 * 2
    assert sorted(drawn) == sorted({*facts.cells} - there.keys())
    assert {name: pixels(tmp_path, name) for name in there} == there


CAPTIONS = "grid_captions"
WORDS = {"trigger": "zuko", "class": "1girl", "traits": "short hair", "outfit": "blue skirt", "other": ""}


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_runs(grid: Any, files: Path, tmp_path: Path, name: str) -> None:
    config = TrainConfig.from_flat({"pretrained_model_name_or_path": str(model_file("sd1"))})
    paths = [files / "fox-000001.safetensors", files / "fox-000002.safetensors"]
    asked = grid_of(config, paths, tmp_path / "grid", TEMPLATES[name], WORDS)
    asked |= SMALL | {"draw_steps": 1, CAPTIONS: "1boy, sitting" if "{caption}" in asked["draw_prompts"] else ""}
    axes, prompts = asked.pop("grid_axes"), asked.pop("draw_prompts")
    small = axes.replace("768x768, 768x512, 512x768", "64x64, 128x64, 64x128")
    facts, drawn = grid(*small.splitlines(), prompts=prompts, **asked)
    assert set(drawn) == {*facts.cells, *facts.without}
    assert any(facts.pictures[picture].compared for picture in facts.cells)


def test_eleven_columns_begin_with_the_base_and_a_cell_is_the_picture_that_is_drawn_alone(
    grid: Any, run_tool: RunTool, write: Write, files: Path, tmp_path: Path
) -> None:
    for epoch in range(3, 10):
        write("fox", "sd1", seed=epoch).rename(files / f"fox-{epoch:06d}.safetensors")
    columns = ["000001:0", *(f"{epoch:06d}:1" for epoch in range(1, 11))]
    facts, _ = grid(f"replace: {', '.join(columns)}", prompts="a cat <lora:fox-000001:0>, (hat:1.2)", draw_seed=5)
    assert facts.axes[0].labels == tuple(columns)
    assert facts.without == (facts.cells[0],) * 11
    assert len(set(facts.cells)) == 11
    events = run_tool(
        "draw_pictures", draw_model=model_file("sd1"), draw_to=tmp_path / "alone", draw_folders=[files],
        draw_prompts="a cat , (hat:1.2)\na cat <lora:fox-000010:1>, (hat:1.2)", draw_seed=5, **SMALL,
    )  # fmt: skip
    alone = [Path(event["path"]) for event in events if event["kind"] == "sample"]
    cells = [GridFolder(tmp_path / "grid").picture(facts.cells[place]) for place in (0, 10)]
    assert [path.read_bytes() for path in alone] == [path.read_bytes() for path in cells]


def test_what_each_cell_is_without_the_adapter_is_drawn_too(grid: Any) -> None:
    facts, drawn = grid("file: fox-000001, fox-000002", draw_seed=1)
    assert len(facts.cells) == 2
    assert len(drawn) == 3
    assert facts.without[0] == facts.without[1] not in facts.cells
    facts, drawn = grid("replace: cat, dog", prompts="a cat <lora:fox-000001:1>\na cat, day <lora:fox-000001:1>",
                        draw_seed=1)  # fmt: skip
    assert [axis.kind for axis in facts.axes] == ["replace", "prompt"]
    assert len({*facts.cells, *facts.without}) == 8
    assert set(drawn) < {*facts.cells, *facts.without}
    facts, _ = grid("seed: 1, 2", draw_seed=1)
    assert facts.without == facts.cells


def test_every_kind_of_axis_changes_what_it_says(grid: Any, files: Path, write: Write) -> None:
    write("owl", "sd1", seed=9).rename(files / "owl.safetensors")
    facts, drawn = grid(
        "blocks: ALL, MIDD", "size: 64x64, 128x64", "Sampler: Euler a, DPM++ 2M Karras", "lora: none, <lora:owl:0.5>",
        prompts="a cat <lora:fox-000001:1>", draw_seed=1,
    )  # fmt: skip
    assert len(facts.cells) == 2 * 2 * 2 * 2
    told = facts.pictures[facts.cells[-1]]
    assert (told.width, told.height, told.sampler) == (128, 64, "dpmsolver++")
    assert [(one.name, one.unet, one.blocks) for one in told.networks] == [("fox-000001", 1, "MIDD"), ("owl", 0.5, "")]
    assert len(drawn) == len({*facts.cells, *facts.without})
    facts, _ = grid("steps: 1-2", "cfg: 2, 4", "negative: none, dark", "prompt: one, \"two, three\"", draw_seed=1)
    told = facts.pictures[facts.cells[-1]]
    assert (told.steps, told.scale, told.negative_prompt, told.prompt) == (2, 4, "dark", "two, three")


def test_each_block_that_an_adapter_has_is_left_out_in_turn_and_ranked(grid: Any, tmp_path: Path) -> None:
    facts, _ = grid("file: fox-000001", "blocks: each", draw_seed=1)
    labels = facts.axes[1].labels
    assert labels[0] == "ALL" and {"−BASE", "−IN01", "−M00", "−OUT11"} <= {*labels}
    assert "−IN00" not in labels  # where a LoRA of attention has no layer
    found = effects(GridFolder(tmp_path / "grid"), facts)
    assert {f"−{one.block}" for one in found} == {*labels[1:]}
    assert found[0].share > found[-1].share >= 0


def test_another_grid_in_the_folder_is_set_aside_and_one_with_more_is_not(grid: Any, tmp_path: Path) -> None:
    first, _ = grid("weight: 0, 1", prompts="a cat <lora:fox-000001:1>", draw_seed=1)
    grid("weight: 0, 1, 2", prompts="a cat <lora:fox-000001:1>", draw_seed=1)
    assert not (tmp_path / "grid (2)").exists()
    grid("seed: 4, 5")
    assert GridFolder(tmp_path / "grid (2)").facts().axes[0].labels == ("0", "1", "2")
    assert {*first.cells} <= GridFolder(tmp_path / "grid (2)").drawn()


def test_sheets_show_all_of_it_with_the_base_before_the_others_once(grid: Any, tmp_path: Path) -> None:
    axes = ("file: fox-000001, fox-000002", "seed: 1, 2", "scale: 2, 4")
    grid(*axes, grid_sheets=True)
    sheets = sorted((tmp_path / "grid" / "sheets").iterdir())
    assert [path.name for path in sheets] == ["001-01.png", "002-01.png"]
    with_base = Image.open(sheets[0])
    assert "Y Type: Seed" in with_base.text["parameters"]
    grid("weight: 0, 1, 2", "seed: 1, 2", prompts="a cat <lora:fox-000001:1>", grid_sheets=True)
    (sheet,) = (tmp_path / "grid" / "sheets").iterdir()
    assert Image.open(sheet).width == with_base.width  # three columns, of which the first is the base


@pytest.mark.parametrize(("axes", "code"), [
    (["epoch: fox-000003"], "network_not_found"),
    (["replace: dog, cow"], "grid_replace_missing"),
    (["replace: cat, dog", "replace: cat, cow"], "grid_replace_removed"),
    (["weight: 0, 1"], "grid_without_adapter"),
    (["colour: red"], "grid_axis_unknown"),
    (["seed:"], "grid_axis_empty"),
    (["seed: 1", "Seeds: 2"], "grid_axis_twice"),
    (["sampler: Euler b"], "grid_value_unreadable"),
    (["file: owl-*"], "grid_value_unreadable"),
    (["file: fox:high"], "network_not_found"),
    (["file: <img src=x>"], "network_not_found"),
    (["lora: none, wolf:0.5"], "network_not_found"),
    (["seed: 1-150", "steps: 1-150"], "grid_too_large"),
    (["base: none.safetensors"], "model_file_missing"),
    (["file: fox-000001", 'blocks: "1,2"'], "block_weights_unreadable"),
])  # fmt: skip
def test_what_cannot_work_is_refused_before_anything_is_drawn(
    run_tool: RunTool, files: Path, tmp_path: Path, axes: list[str], code: str
) -> None:
    events = run_tool(
        "draw_grid", draw_model=model_file("sd1"), grid_to=tmp_path / "grid", grid_axes=axes, draw_prompts="a cat",
        draw_folders=[files], **SMALL,
    )  # fmt: skip
    assert code in errors(events)
    assert not (tmp_path / "grid").exists()
