"""The LoRA tools, as a person uses them on the page after a training."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from playwright.sync_api import Browser, Locator, Page, expect
from safetensors.torch import load_file

from tests.gui.opening import open_page, settle
from tests.gui.test_upload_in_browser import drop
from tests.photographs import astronaut, coffee, hopper
from tests.pictures import image_folder
from tests.taggers import BLUE, RED, Tag, write_tagger
from tests.tiny import tiny_file
from tests.train_core.workshop.conftest import VERSIONS, random_adapter
from train_core.config.places import app_dir
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.networks.files.adapter_file import save_adapter
from train_core.sampling.png import parameters_text

WORKING = 60_000  # milliseconds that a tool may take on a slow, busy machine


@pytest.fixture
def page(browser: Browser, serve: Callable[..., str], tmp_path: Path) -> Iterator[Page]:
    """The tab with the tools, opened in a browser of its own."""
    context = browser.new_context(viewport={"width": 1400, "height": 1100}, locale="en-US")
    page = context.new_page()
    open_page(page, serve(tmp_path / "home"))
    page.get_by_role("tab", name="Tools").click()
    yield page
    context.close()


def adapter(path: Path, **settings: object) -> Path:
    said = {"ss_base_model_version": VERSIONS["sd1"], "modelspec.title": "mine"}
    save_adapter(path, random_adapter("sd1", **settings).state_dict_for_file(), said)
    return path


def choose(page: Page, tool: str) -> None:
    page.get_by_role("tab", name=tool, exact=True).click()
    settle(page)


def fill(page: Page, tool: str, **values: object) -> None:
    for name, value in values.items():
        field = page.locator(f"#{tool}-setting-{name} :is(input,textarea)").first
        field.fill(str(value))
        field.press("Tab")


def run(page: Page, tool: str, ends: str = "finished") -> None:
    page.locator(f"#run-{tool}").click()
    expect(page.locator("#tool-state")).to_have_text(ends, timeout=WORKING)


def test_pictures_are_tagged_and_a_folder_without_a_tagger_is_told(page: Page, tmp_path: Path) -> None:
    tagger = write_tagger(tmp_path / "wd-tiny", [Tag("red_dress", channel=RED), Tag("blue_sky", channel=BLUE)])
    pictures = image_folder(tmp_path, "pictures", [(32, 24)] * 3)
    for path in pictures.glob("*.png"):
        Image.new("RGB", (32, 32), "red").save(path)
    (pictures / "01.txt").write_text("by hand")
    choose(page, "Tag pictures")
    expect(page.locator("#tag_pictures-setting-character_threshold")).to_be_visible()
    page.locator("#tag_pictures-setting-tagger_mcut input").check()
    expect(page.locator("#tag_pictures-setting-character_threshold")).to_be_hidden()
    fill(page, "tag_pictures", pictures=pictures, tagger=pictures, tag_trigger="mascot")
    run(page, "tag_pictures", "failed")
    expect(page.locator("#tool-view")).to_contain_text("SmilingWolf/wd-vit-tagger-v3")
    fill(page, "tag_pictures", tagger=tagger)
    run(page, "tag_pictures")
    expect(page.locator("#table-tags")).to_contain_text("red dress")
    page.screenshot(path=tmp_path / "tagged.png", full_page=True)
    captions = [(pictures / f"{number:02d}.txt").read_text() for number in range(3)]
    assert captions == ["mascot, red dress", "by hand", "mascot, red dress"]


def test_faces_are_looked_for_from_the_data_tab_which_then_filters_by_them(page: Page, tmp_path: Path) -> None:
    pictures = tmp_path / "pictures"
    pictures.mkdir()
    for path in (astronaut(), coffee(), hopper()):
        shutil.copy(path, pictures)
    page.locator("#tab-data-button").click()
    page.locator("#studio-path").fill(str(pictures))
    page.locator("#studio-open [type=submit]").click()
    facets = page.locator("#studio-facets .facet")
    expect(facets.filter(has_text="Without a caption")).to_contain_text("3")
    expect(facets.filter(has_text="No face")).to_have_count(0)
    page.locator("#studio-finder").click()
    expect(page.locator("#find_faces-setting-pictures input")).to_have_value(str(pictures))
    run(page, "find_faces")
    expect(page.locator("#table-found")).to_contain_text("faces:1")
    page.screenshot(path=tmp_path / "found.png", full_page=True)
    page.locator("#tab-data-button").click()
    facets.filter(has_text="One face").click()
    expect(page.locator("#studio-count")).to_have_text("2 of 3")
    facets.filter(has_text="No face").click()  # in place of the other
    expect(page.locator("#studio-filter")).to_have_value("faces:0")
    expect(page.locator("#studio-count")).to_have_text("1 of 3")
    page.screenshot(path=tmp_path / "filtered.png", full_page=True)


def test_from_the_demo_s_pictures_the_tool_opens_with_their_tagger(page: Page) -> None:
    images = app_dir() / "demo" / "images"
    page.locator("#tab-data-button").click()
    page.locator("#studio-path").fill(str(images))
    page.keyboard.press("Enter")
    expect(page.locator("#studio-count")).to_have_text("16 pictures")
    page.locator("[data-mode=captions]").click()
    page.locator("#studio-tagger").click()
    expect(page.locator("#tag_pictures-setting-tagger input")).to_have_value(str(images.parent / "tagger"))
    expect(page.locator("#tag_pictures-setting-pictures input")).to_have_value(str(images))
    expect(page.locator("#tag_pictures-setting-pictures input")).to_be_focused()


def test_a_lora_is_resized_looked_into_and_merged(page: Page, tmp_path: Path) -> None:
    file = adapter(tmp_path / "a.safetensors")
    small, merged = tmp_path / "small.safetensors", tmp_path / "m.safetensors"
    choose(page, "Resize")
    expect(page.locator("#resize_lora-setting-resize_value")).to_be_hidden()
    fill(page, "resize_lora", adapter=file, tool_rank=2, save_to=small)
    run(page, "resize_lora")
    expect(page.locator("#table-resized")).to_contain_text("M00")
    assert all(len(t) == 2 for name, t in load_file(small).items() if name.endswith("lora_down.weight"))
    page.screenshot(path=tmp_path / "resized.png", full_page=True)

    choose(page, "Look into a file")
    fill(page, "inspect", inspected=small)
    page.locator("#run-inspect").click()
    expect(page.locator("#table-facts")).to_contain_text("SD 1.x", timeout=WORKING)
    expect(page.locator("#table-norms .cell-bar").first).to_be_visible()
    page.screenshot(path=tmp_path / "inspected.png", full_page=True)

    choose(page, "Merge adapters")
    fill(page, "merge_lora", merge_model=tiny_file(), adapters=f"{file}\n{small}", strengths="0.5\n0.5 OUTALL",
         save_to=merged)
    expect(page.locator("#merge_lora-setting-merge_method")).to_be_hidden()
    page.locator("#run-merge_lora").click()
    expect(page.locator("#tool-view .run-note.result")).to_contain_text("m.safetensors", timeout=WORKING)
    assert load_file(merged).keys() == load_file(tiny_file()).keys()


def test_what_is_wrong_is_said_and_nothing_is_overwritten(page: Page, tmp_path: Path) -> None:
    file, taken = adapter(tmp_path / "a.safetensors"), tmp_path / "taken.safetensors"
    taken.write_bytes(b"mine")
    choose(page, "Resize")
    page.locator("#run-resize_lora").click()
    expect(page.locator(".toast-body").first).to_contain_text("adapter is empty")  # a press before this does nothing
    fill(page, "resize_lora", adapter=file, save_to=taken)
    run(page, "resize_lora", "failed")
    expect(page.locator("#tool-view .run-note.error")).to_contain_text("already exists")
    assert taken.read_bytes() == b"mine"


def test_own_block_weights_are_kept_and_used(page: Page, tmp_path: Path) -> None:
    line = "FACE:" + ",".join(["0"] * 7 + ["1"] + ["0"] * 9)
    page.locator("#own-blocks .label-wrap").click()
    settle(page)
    lines = page.locator("#own-block-lines textarea")
    lines.fill("FACE:1,2")
    page.locator("#save-block-lines").click()
    expect(page.get_by_text("Line 1 is not written").first).to_be_visible()
    lines.fill(line)
    page.locator("#save-block-lines").click()
    expect(page.get_by_text("Saved 1 line.").first).to_be_visible()
    result = tmp_path / "part.safetensors"
    choose(page, "Merge adapters")
    fill(page, "merge_lora", adapters=adapter(tmp_path / "a.safetensors"), strengths="face", save_to=result)
    run(page, "merge_lora")
    assert all("mid_block" in name for name in load_file(result))


def test_a_picture_that_is_dropped_fills_the_form_of_drawing(page: Page, tmp_path: Path) -> None:
    said = SamplePrompt("a 狐, (red:1.2)", "bad, ugly", 512, 768, 42, 24, 6.5, "dpmpp_2m_sde")
    said, info = replace(said, hires=Hires(1.5, 0.55, 12, "Latent (bicubic)")), PngInfo()
    info.add_text("parameters", parameters_text(said, "elsewhere", more={"RNG": "CPU"}))
    Image.new("RGB", (8, 8)).save(tmp_path / "fox.png", pnginfo=info)
    page.get_by_role("tab", name="Evaluate", exact=True).click()
    choose(page, "Draw pictures")
    fill(page, "draw_pictures", draw_clip_skip=2)
    drop(page, tmp_path / "fox.png")

    def shown(name: str) -> Locator:
        return page.locator(f"#draw_pictures-setting-draw_{name} :is(input,textarea)").first

    for name, value in {
        "prompts": "a 狐, (red:1.2)", "negative": "bad, ugly", "seed": "42", "steps": "24", "resolution": "512,768",
        "sampler": "dpmpp_2m_sde", "spacing": "exponential", "clip_skip": "1", "hires_scale": "1.5",
        "hires_steps": "12", "hires_upscaler": "Latent (bicubic)",
    }.items():
        expect(shown(name)).to_have_value(value)
    report = page.locator("#draw_pictures-report")
    expect(report).to_contain_text("elsewhere, which was not found")
    expect(report).to_contain_text("RNG")
    page.screenshot(path=tmp_path / "filled.png")
    drop(page, named={"empty.png": b"nothing"})
    expect(page.locator(".told").last).to_contain_text("empty.png does not say how it was drawn")
    report.locator(".close").click()
    expect(report).to_be_empty()
    fill(page, "draw_pictures", draw_prompts="a [fox:owl:0.5], (red:1.9)")
    field = page.locator("#draw_pictures-setting-draw_prompts")
    expect(field.locator(".asked tr")).to_have_count(4)  # with the heading; the second pass is past the change
    expect(field.locator(".asked tr").nth(2)).to_contain_text("a owl, (red:1.9)")
    expect(field.locator(".field-message .warning")).to_contain_text("1.9")
    page.screenshot(path=tmp_path / "asked.png")
    page.locator("#evaluate-grids-button").click()  # where no form of drawing is shown
    drop(page, tmp_path / "fox.png")
    expect(shown("prompts")).to_be_visible()
    expect(shown("prompts")).to_have_value("a 狐, (red:1.2)")
