"""The tool that draws: what networks and words do to a picture, that they leave nothing behind, and what is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from tests.train_core.workshop.conftest import RunTool, Write, errors, family, model_file, table
from train_core.config.sections.hypernetwork import HypernetworkSettings
from train_core.config.syntax.hypernetworks import structure_of
from train_core.events.requests import request
from train_core.models.files.embeddings import Origin, write_embedding
from train_core.networks.files.hypernetwork import save_hypernetwork
from train_core.networks.hypernetwork import context_widths, networks_for
from train_core.workshop.common.report import Report

ENDING = "--w 64 --h 64 --s 2 --d 7 --ss ddim --l 3"


@pytest.fixture
def draw(run_tool: RunTool, tmp_path: Path) -> Any:
    """Draws prompts and gives each picture's pixels and text."""

    def drawn(*prompts: str, kind: str = "sd1", **settings: Any) -> list[tuple[bytes, str]]:
        events = run_tool(
            "draw_pictures", draw_model=model_file(kind), draw_to=tmp_path / "drawn", draw_on_cpu=True,
            draw_prompts="\n".join(f"{prompt} {ENDING}" for prompt in prompts),
            **{"draw_folders": [tmp_path / "files"]} | settings,
        )  # fmt: skip
        assert events[-1]["status"] == "completed"
        paths = [Path(event["path"]) for event in events if event["kind"] == "sample"]
        return [(Image.open(path).tobytes(), Image.open(path).text["parameters"]) for path in paths]

    (tmp_path / "files" / "deep").mkdir(parents=True)
    return drawn


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_networks_are_on_the_model_for_their_own_picture_alone(
    draw: Any, write: Write, tmp_path: Path, kind: str
) -> None:
    one, two = (write(name, kind, seed=seed) for name, seed in (("fox", 1), ("owl", 2)))
    one.rename(tmp_path / "files" / "deep" / "fox.safetensors")
    two.rename(tmp_path / "files" / "owl.safetensors")
    prompts = [
        "a cat", "a cat <lora:fox:0>", "a cat <lora:Fox:1>", "a cat <lora:fox:1><lora:owl:0.5>",
        "a cat <lora:fox:te=1:unet=0>", "a cat <lora:fox:1:lbw=NONE>", "a cat <lora:fox.safetensors:1.0>", "a cat",
    ]  # fmt: skip
    pixels = [its for its, _ in draw(*prompts, kind=kind)]
    plain, nothing, full, both, words, blocked, again, last = pixels
    assert plain == nothing == blocked == last
    assert full == again
    assert len({plain, full, both, words}) == 4


@pytest.mark.parametrize("kind", ["sd1", "sdxl"])
def test_a_network_acts_in_the_steps_and_with_the_ranks_that_its_tag_says(
    draw: Any, write: Write, tmp_path: Path, kind: str
) -> None:
    fox = write("fox", kind).rename(tmp_path / "files" / "fox.safetensors")
    tensors = load_file(fox)
    for name, tensor in tensors.items():
        if "lora_up" in name:
            tensor[:, 2:] = 0
    save_file(tensors, tmp_path / "files" / "cut.safetensors", safe_open(fox, "pt").metadata())
    prompts = [
        f"a cat {tag}" for tag in (
            "", "<lora:fox:0:1>", "<lora:fox:0:1:step=1-9>", "<lora:fox:0:1:start=0.5>", "<lora:fox:0:1:dyn=4>",
            "<lora:fox:0:1:start=3>", "<lora:fox:0:1:start=2>", "<lora:fox:0:1:stop=2>",
            "<lora:fox:0:1:dyn=2>", "<lora:cut:0:1>", "<lora:fox:1:start=3>", "",
        )
    ]  # fmt: skip
    plain, full, *rest = [its for its, _ in draw(*prompts, kind=kind)]
    always, by_share, all_ranks, never, second, first, half, cut, as_text, last = rest
    assert full == always == by_share == all_ranks
    assert plain == never == last
    assert half == cut
    assert len({plain, full, second, first, half, as_text}) == 6


def test_a_picture_alone_is_the_one_among_others_and_says_how_it_was_made(
    draw: Any, write: Write, tmp_path: Path
) -> None:
    write("fox").rename(tmp_path / "files" / "fox.safetensors")
    among = draw("a cat", "a [dog:cat:0.5], 画 <lora:fox:0.8> --n red, blue", draw_spacing="karras")
    alone = draw("a [dog:cat:0.5], 画 <lora:fox:0.8> --n red, blue --sc karras", draw_clip_skip=1)
    assert alone == among[1:]
    lines = alone[0][1].splitlines()
    assert lines[:2] == ["a [dog:cat:0.5], 画 <lora:fox:0.8>", "Negative prompt: red, blue"]
    assert lines[2].startswith("Steps: 2, Sampler: DDIM, Schedule type: Karras, ")
    assert 'Seed: 7, Size: 64x64, Model hash: ' in lines[2] and 'Lora hashes: "fox: ' in lines[2]
    assert sorted(path.name for path in (tmp_path / "drawn").iterdir()) == [
        "00000-7.png", "00001-7.png", "00002-7.png",
    ]  # fmt: skip


def test_a_stop_ends_the_tool_within_a_picture(
    run_tool: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heed, steps = Report.heed, []

    def heed_and_stop(self: Report) -> None:
        steps.append(1)
        if len(steps) == 3:
            request(self.run_dir, "stop")
        heed(self)

    monkeypatch.setattr(Report, "heed", heed_and_stop)
    events = run_tool(
        "draw_pictures", draw_model=model_file("sd1"), draw_to=tmp_path / "drawn", draw_on_cpu=True, draw_seed=1,
        draw_resolution="64", draw_steps=9, draw_prompts="a cat",
    )  # fmt: skip
    assert events[-1]["status"] == "stopped" and len(steps) == 3
    assert not (tmp_path / "drawn").exists()


def test_embeddings_are_words_and_hypernetworks_are_switched_on_by_their_tag(draw: Any, tmp_path: Path) -> None:
    its = family("sd1")
    widths = [table.shape[1] for table in its.token_tables()]
    vectors = torch.randn(2, sum(widths), generator=torch.Generator().manual_seed(3)).split(widths, dim=1)
    write_embedding(tmp_path / "files" / "Zuko-1.pt", vectors, torch.float32, {}, Origin("other"))
    structure = structure_of(HypernetworkSettings())
    networks = networks_for(context_widths(its.targets()), structure, seed=1)
    for parameter in networks.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    save_hypernetwork(tmp_path / "files" / "hyper.pt", networks, structure, 1, torch.float32, {"name": "hyper"})
    prompts = ["a zuko-1", "a zuko-12", "a zuko-1 <hypernet:hyper:1>", "a zuko-1 <hypernet:hyper:0>"]
    word, plain, hyper, none = [pixels for pixels, _ in draw(*prompts)]
    assert len({word, plain, hyper}) == 3 and word == none


def test_what_is_asked_at_which_step_is_told(run_tool: RunTool, tmp_path: Path) -> None:
    events = run_tool(
        "draw_pictures", draw_model=model_file("sd1"), draw_to=tmp_path / "drawn", draw_on_cpu=True, draw_seed=1,
        draw_resolution="64", draw_steps=2,
        draw_prompts="a cat\na [cat:dog:0.5] --n [red:0.5] --ss heun --s 3\na cat AND a dog :0.5\n[a|b] --s 3",
    )  # fmt: skip
    assert table(events, "asked") == [
        [2, "1–2", "a cat", ""], [2, "3–3", "a dog", "red"],
        [3, "1–2", "a cat :1 AND a dog :0.5", ""],
        [4, "1–2", "a", ""], [4, "3–3", "b", ""],
    ]  # fmt: skip


def test_a_second_pass_makes_a_larger_picture(draw: Any, write: Write, tmp_path: Path) -> None:
    write("fox").rename(tmp_path / "files" / "fox.safetensors")
    settings = {"draw_hires_scale": 1.5, "draw_hires_denoise": 0.6, "draw_hires_steps": 3}
    texts = "a cat", "a cat <lora:fox:0:1:start=3>"  # in the second pass, which counts its own steps
    (plain, text), (other, _), (again, _) = draw(*texts, "a cat", **settings)
    assert len(plain) == 96 * 96 * 3 and plain == again != other
    assert "Denoising strength: 0.6, Hires upscale: 1.5, Hires steps: 3, Hires upscaler: Latent" in text


def test_each_picture_chooses_by_its_seed_and_carries_what_it_chose(
    run_tool: RunTool, write: Write, tmp_path: Path
) -> None:
    (tmp_path / "files").mkdir()
    write("fox").rename(tmp_path / "files" / "fox.safetensors")
    (tmp_path / "animal.txt").write_text("cat\n<lora:fox:1> fox", encoding="utf-8")
    given: dict[str, Any] = {
        "draw_model": model_file("sd1"), "draw_on_cpu": True, "draw_prompts": "{a|one} __animal__, __colour__",
        "draw_resolution": "64", "draw_steps": 1, "draw_seed": 1, "draw_count": 6, "draw_wildcards": tmp_path,
    }  # fmt: skip
    events = run_tool("draw_pictures", draw_to=tmp_path / "drawn", draw_folders=[tmp_path / "files"], **given)
    texts = [Image.open(path).text["parameters"] for path in sorted((tmp_path / "drawn").iterdir())]
    prompts = [text.splitlines()[0] for text in texts]
    assert {prompt.split(" ", 1)[1] for prompt in prompts} == {"cat, __colour__", "<lora:fox:1> fox, __colour__"}
    assert all(("Lora hashes" in text) == ("<lora" in text) for text in texts)
    assert [event["code"] for event in events if event["kind"] == "warning"] == ["prompt_wildcard_unread"]
    alone = run_tool("draw_pictures", draw_to=tmp_path / "alone", **given | {"draw_count": 1})
    assert errors(alone) == ["network_not_found_anywhere"]  # since a picture of another seed would need it


def test_pictures_of_one_prompt_have_seeds_that_follow_each_other(run_tool: RunTool, tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "draw_model": model_file("sd1"), "draw_to": tmp_path / "drawn", "draw_on_cpu": True, "draw_prompts": "a cat",
        "draw_resolution": "64", "draw_steps": 1, "draw_negative": "dog",
    }  # fmt: skip
    run_tool("draw_pictures", draw_count=2, draw_seed=40, **given)
    run_tool("draw_pictures", **given)
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names[:2] == ["00000-40.png", "00001-41.png"] and names[2].startswith("00002-")
    assert "Negative prompt: dog" in Image.open(tmp_path / "drawn" / names[0]).text["parameters"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"draw_prompts": "a <lora:fox:1>"}, "network_not_found_anywhere"),
        ({"draw_prompts": "a <lora:hawl:1>"}, "network_not_found"),
        ({"draw_prompts": "a <lora:owl:1:lbw=1,2>"}, "block_weights_unreadable"),
        ({"draw_prompts": "a <hypernet:owl:1>"}, "no_hypernetwork"),
        ({"draw_prompts": "a --q 3"}, "prompt_unknown_flag"),
        ({"draw_prompts": ""}, "required_setting"),
        ({"draw_folders": "nowhere"}, "network_folder_missing"),
        ({"draw_prompts": "a <lora:word:1>"}, "network_is_embedding"),
        ({"draw_prompts": "a <lora:checkpoint:1>"}, "network_is_model"),
        ({"draw_prompts": "# nothing"}, "no_prompts"),
        ({"draw_resolution": "64, 9000"}, "draw_size_out_of_range"),
        ({"draw_resolution": "4096", "draw_hires_scale": 2.1}, "draw_hires_too_large"),
        ({"draw_resolution": "0"}, "draw_size_out_of_range"),
        ({"draw_to": model_file("sd1")}, "file_not_written"),
        ({"draw_precision": "fp16"}, "draw_fp16_on_cpu"),
        ({"draw_model": "nowhere.safetensors"}, "model_file_missing"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_anything_is_loaded(
    run_tool: RunTool, write: Write, tmp_path: Path, changes: dict[str, Any], code: str
) -> None:
    folders: list[Path] = []
    if code != "network_not_found_anywhere":
        folders = [write("owl").parent]
        write_embedding(tmp_path / "word.pt", [torch.zeros(1, 4)], torch.float32, {}, Origin("word"))
        shutil.copy(model_file("sd1"), tmp_path / "checkpoint.safetensors")
    given = {
        "draw_model": model_file("sd1"), "draw_to": tmp_path / "drawn", "draw_on_cpu": True, "draw_prompts": "a cat",
        "draw_folders": folders,
    }  # fmt: skip
    assert errors(run_tool("draw_pictures", **given | changes)) == [code]
    assert not (tmp_path / "drawn").exists()


def test_a_network_of_another_kind_of_model_is_refused(run_tool: RunTool, write: Write, tmp_path: Path) -> None:
    events = run_tool(
        "draw_pictures", draw_model=model_file("sd1"), draw_to=tmp_path / "drawn", draw_on_cpu=True,
        draw_prompts=f"a <lora:{write('owl', 'sdxl').stem}:1> {ENDING}", draw_folders=[tmp_path],
    )  # fmt: skip
    assert errors(events) == ["adapter_of_another_base"]
