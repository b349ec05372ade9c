"""The Evaluate tab in a real browser: grids are walked through by keys, compared, and marked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from kohya_gui.tabs.evaluate import build_grids
from tests.grids import draw, grid_folder
from tests.gui.alone import serve_alone
from train_core.config.places import evaluations_dir
from train_core.facts.grids.folder import GridFolder, OriginalFacts
from train_core.facts.grids.marks import read_marks
from train_core.facts.images.image_files import content_hashes

EPOCHS, PROMPTS, WEIGHTS = ("fox-1", "fox-2", "fox-3"), ("from behind", "blue hair"), ("0.5", "1")
AXES = {"file": EPOCHS, "replace": PROMPTS, "weight": WEIGHTS}
HOSTILE = "\"'><img src=x onerror=hacked=1>"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_alone(build_grids, "evaluate.js", tmp_path_factory.mktemp("home"), 18880) as address:
        yield address


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """`window(folder)` opens the page and that grid in it; `more` are options of the browser."""
    contexts = []
    broken: list[str] = []

    def open_window(folder: GridFolder | None = None, width: int = 1440, height: int = 900, **more: object) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, locale="en-US", **more))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: broken.append(str(error)))
        page.goto(address)
        if folder is not None:
            page.locator("#evaluate-known button", has_text=folder.path.name).click()
            expect(page.locator("#evaluate-grid .current")).to_be_visible()
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert broken == []


def evaluation(name: str, axes: dict = AXES, **more: object) -> GridFolder:
    return grid_folder(evaluations_dir() / name, axes, **more)


def names(folder: GridFolder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of the pictures of all cells, and of those without the adapter."""
    facts = folder.facts()
    assert facts is not None
    return facts.cells, facts.without


def chosen(page: Page) -> Locator:
    return page.locator("#evaluate-grid .current")


def shows(picture: Locator, name: str) -> None:
    """Check that this is the picture of that name, and that it is there."""
    picture.page.wait_for_function(
        "([image, name]) => image.src.endsWith(name) && image.complete && image.naturalWidth > 0",
        arg=[picture.element_handle(), name],
    )


def test_without_evaluations_three_steps_are_taught(window: Callable[..., Page]) -> None:
    page = window()
    expect(page.locator("#evaluate-how li")).to_have_count(3)
    expect(page.locator("#evaluate-known")).to_be_hidden()


def test_arrows_lead_to_the_same_prompt_at_the_next_epoch_in_the_grid_and_in_large(window: Callable[..., Page]) -> None:
    folder = evaluation("arrows")
    cells, without = names(folder)
    page = window(folder)
    about, large = page.locator("#evaluate-about"), page.locator("#evaluate-large .one img")
    expect(page.locator("#evaluate-grid .heads .label")).to_have_text(["without", *EPOCHS])
    expect(page.locator("#evaluate-grid .sides .label")).to_have_text(list(PROMPTS))
    expect(about).to_have_text("fox-1 · from behind · Weight 0.5")
    shows(chosen(page).locator("img"), cells[0])
    page.keyboard.press("ArrowRight")
    expect(about).to_have_text("fox-2 · from behind · Weight 0.5")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")  # there is nothing below
    expect(about).to_have_text("fox-2 · blue hair · Weight 0.5")
    page.keyboard.press("Enter")
    shows(large, cells[6])
    expect(page.locator("#evaluate-facts")).to_contain_text("a red fox, fox-2, blue hair, 0.5")
    page.keyboard.press("ArrowRight")
    shows(large, cells[10])
    page.keyboard.press("Escape")
    expect(about).to_have_text("fox-3 · blue hair · Weight 0.5")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    expect(about).to_have_text("without · blue hair · Weight 0.5")
    shows(chosen(page).locator("img"), without[2])


def test_two_axes_are_chosen_and_the_others_are_sliders_which_is_kept(window: Callable[..., Page]) -> None:
    folder = evaluation("axes")
    cells, _ = names(folder)
    page = window(folder)
    page.locator("#evaluate-down").select_option(label="Weight (2)")
    expect(page.locator("#evaluate-grid .sides .label")).to_have_text(list(WEIGHTS))
    slider = page.locator("#evaluate-axes input")
    slider.fill("1")
    expect(page.locator("#evaluate-axes output")).to_have_text("blue hair")
    page.locator("#evaluate-cell-1-2").click()
    shows(chosen(page).locator("img"), cells[7])
    page.locator("#evaluate-swap").click()
    expect(page.locator("#evaluate-grid .heads .label")).to_have_text(list(WEIGHTS))
    expect(page.locator("#evaluate-grid .sides .label")).to_have_text(["without", *EPOCHS])
    page.reload()
    expect(page.locator("#evaluate-grid .sides .label")).to_have_text(["without", *EPOCHS])
    expect(page.locator("#evaluate-axes output")).to_have_text("blue hair")


def test_what_is_chosen_stays_so_while_pictures_without_the_adapter_come_and_go_before_it(
    window: Callable[..., Page],
) -> None:
    folder = evaluation("slides", {"file": EPOCHS, "replace": PROMPTS, "weight": ("0", "1")})
    facts = folder.facts()
    assert facts is not None
    at_zero = [bare if place % 2 == 0 else cell for place, (cell, bare) in enumerate(zip(*names(folder), strict=True))]
    folder.write(facts.model_copy(update={"cells": tuple(at_zero)}))
    page = window(folder)
    about, heads = page.locator("#evaluate-about"), page.locator("#evaluate-grid .heads .label")
    expect(heads).to_have_text(list(EPOCHS))
    page.keyboard.press("ArrowRight")
    expect(about).to_have_text("fox-2 · from behind · Weight 0")
    slider = page.locator("#evaluate-axes input")
    for value, shown in (("1", ["without", *EPOCHS]), ("0", list(EPOCHS)), ("1", ["without", *EPOCHS])):
        slider.fill(value)
        expect(heads).to_have_text(shown)
        expect(about).to_have_text(f"fox-2 · from behind · Weight {value}")


def test_the_verdict_is_asked_for_again_by_who_comes_back_from_scoring(window: Callable[..., Page]) -> None:
    page = window(evaluation("scored meanwhile"))
    expect(page.locator("#evaluate-verdict-place")).to_contain_text("No scores")
    button = page.evaluate_handle("document.body.appendChild(document.createElement('button'))").as_element()
    button.evaluate("button => { button.id = 'evaluate-grids-button'; }")  # which the whole page has
    with page.expect_request("**/evaluate/verdict"):
        button.evaluate("button => button.click()")


def test_a_held_key_shows_the_picture_without_the_adapter_and_wiping_and_pinning_compare(
    window: Callable[..., Page],
) -> None:
    folder = evaluation("compare")
    cells, without = names(folder)
    page = window(folder)
    small = chosen(page).locator("img")
    page.keyboard.down("b")
    shows(small, without[0])
    page.keyboard.up("b")
    shows(small, cells[0])
    page.keyboard.press("Enter")
    one, other, line = (page.locator(f"#evaluate-large {place}") for place in (".one", ".other", ".line"))
    page.keyboard.down("b")
    expect(one).to_be_hidden()
    shows(other.locator("img"), without[0])
    page.keyboard.up("b")
    expect(other).to_be_hidden()
    page.locator("#evaluate-large [data-do=without]").hover()
    page.mouse.down()
    expect(other).to_be_visible()
    page.mouse.up()
    expect(other).to_be_hidden()
    page.keyboard.press("w")
    stage = page.locator("#evaluate-large .stage").bounding_box()
    assert stage is not None
    page.mouse.move(stage["x"] + stage["width"] / 2, stage["y"] + 60)
    page.mouse.down()
    page.mouse.move(stage["x"] + stage["width"] / 4, stage["y"] + 60)
    page.mouse.up()
    expect(line).to_have_attribute("style", "left: 25%;")
    expect(other).to_have_attribute("style", "clip-path: inset(0px 75% 0px 0px);")
    page.keyboard.press("p")
    page.keyboard.press("ArrowRight")
    shows(one.locator("img"), cells[4])
    shows(other.locator("img"), cells[0])
    expect(page.locator("#evaluate-large .caption.left")).to_have_text("fox-1 · from behind · Weight 0.5")
    page.mouse.wheel(0, -600)
    zoomed = [layer.locator("img").evaluate("image => image.style.transform") for layer in (one, other)]
    assert zoomed[0] == zoomed[1]
    assert "scale(2." in zoomed[0]
    page.keyboard.press("Escape")
    expect(page.locator("#evaluate-grid .pinned")).to_have_id("evaluate-cell-0-1")


def test_marks_are_shown_at_once_rank_and_survive(window: Callable[..., Page]) -> None:
    folder = evaluation("marks")
    cells, _ = names(folder)
    page = window(folder)
    page.keyboard.press("1")
    expect(chosen(page)).to_have_attribute("data-mark", "g")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("2")
    expect(page.locator("#evaluate-large [data-do=bad]")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("0")
    page.keyboard.press("Escape")
    first = page.locator("#evaluate-ranking li").first
    expect(first).to_contain_text("fox-1")
    expect(first).to_contain_text("1 of 1")
    expect(page.locator("#evaluate-ranking section").nth(1).locator("li")).to_have_count(1)
    page.reload()
    expect(page.locator("#evaluate-grid .cell[data-mark=g]")).to_have_count(1)
    expect(page.locator("#evaluate-grid .cell[data-mark=b]")).to_have_count(1)
    assert read_marks(folder.path) == {cells[0]: "good", cells[4]: "bad"}


def test_cells_appear_while_they_are_drawn(window: Callable[..., Page]) -> None:
    folder = evaluation("drawing", missing=(0,))
    cells, _ = names(folder)
    page = window(folder)
    expect(chosen(page)).to_have_attribute("data-state", "waits")
    expect(page.locator("#evaluate-count")).to_have_text("11 of 12 drawn")
    draw(folder, cells[0])
    shows(chosen(page).locator("img"), cells[0])
    expect(page.locator("#evaluate-count")).to_have_text("12 cells")


def test_a_grid_that_is_drawn_anew_is_shown_where_somebody_looks(window: Callable[..., Page]) -> None:
    folder = evaluation("anew", {"file": EPOCHS})
    facts = folder.facts()
    assert facts is not None
    page = window(folder)
    page.keyboard.press("Enter")
    expect(page.locator("#evaluate-large-about")).to_have_text("fox-1")
    axes = (facts.axes[0].model_copy(update={"labels": ("fox-0", "fox-2", "fox-3")}),)
    folder.write(facts.model_copy(update={"axes": axes, "cells": tuple(reversed(facts.cells))}))
    expect(page.locator("#evaluate-large-about")).to_have_text("fox-0")
    shows(page.locator("#evaluate-large .one img"), facts.cells[2])
    page.keyboard.press("Escape")
    expect(page.locator("#evaluate-grid .heads .label")).to_have_text(["without", "fox-0", "fox-2", "fox-3"])


def test_of_thousands_of_cells_only_those_in_view_are_there(window: Callable[..., Page]) -> None:
    seeds, files = [str(number) for number in range(60)], [f"fox-{number}" for number in range(50)]
    folder = evaluation("large", {"file": files, "seed": seeds}, missing=range(3000))
    page = window(folder)
    assert page.locator("#evaluate-grid .cell").count() < 120
    page.keyboard.press("PageDown")
    page.keyboard.press("End")
    expect(page.locator("#evaluate-about")).to_have_text("fox-49 · Seed 59")
    expect(chosen(page)).to_be_in_viewport()
    assert page.locator("#evaluate-grid .cell").count() < 150


def test_a_finger_opens_and_turns_pictures_on_a_phone(window: Callable[..., Page]) -> None:
    folder = evaluation("phone")
    page = window(folder, 400, 800, has_touch=True, is_mobile=True)
    page.locator("#evaluate-cell-0-1").tap()
    about, stage = page.locator("#evaluate-large-about"), page.locator("#evaluate-large .stage")
    expect(about).to_have_text("fox-1 · from behind · Weight 0.5")
    swipe(stage, -120, 0)
    expect(about).to_have_text("fox-2 · from behind · Weight 0.5")
    swipe(stage, 0, -120)
    expect(about).to_have_text("fox-2 · blue hair · Weight 0.5")
    stage.evaluate(
        """(place) => {
          const send = (type, id, x) => place.dispatchEvent(new PointerEvent(
            type, {pointerId: id, clientX: x, clientY: 300, pointerType: "touch", bubbles: true}));
          const two = [["down", 1, 150], ["down", 2, 250], ["move", 2, 350], ["up", 1, 150], ["up", 2, 350]];
          for (const [type, id, x] of two) send(`pointer${type}`, id, x);
        }"""
    )
    expect(page.locator("#evaluate-large-zoom")).to_have_text("× 2.0")
    expect(about).to_have_text("fox-2 · blue hair · Weight 0.5")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def swipe(place: Locator, across: int, down: int) -> None:
    """Move a finger over a place."""
    place.evaluate(
        """(place, [across, down]) => {
          const send = (type, x, y) => place.dispatchEvent(new PointerEvent(
            type, {clientX: x, clientY: y, pointerType: "touch", bubbles: true, isPrimary: true}));
          send("pointerdown", 200, 300);
          send("pointermove", 200 + across, 300 + down);
          send("pointerup", 200 + across, 300 + down);
        }""",
        [across, down],
    )


def test_hostile_labels_and_prompts_are_text(window: Callable[..., Page]) -> None:
    axes = {"file": (HOSTILE, "2"), "prompt": (HOSTILE,), "seed": (HOSTILE, "3")}
    folder = evaluation("hostile", axes, prompt=HOSTILE)
    page = window(folder)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#evaluate-facts")).to_contain_text(HOSTILE)
    expect(page.locator("#evaluate-large-about")).to_contain_text(HOSTILE)
    expect(page.locator("#evaluate-ranking")).to_contain_text(HOSTILE)
    assert page.evaluate("window.hacked") is None
    assert page.locator('#evaluate img[src="x"]').count() == 0


def test_blind_mode_hides_all_that_tells_and_shows_it_again(window: Callable[..., Page]) -> None:
    labels = ("secret-one", "secret-two", "secret-three")
    folder = evaluation("blind", {"file": labels, "replace": ("secret view", "other")}, prompt="secret prompt")
    cells, _ = names(folder)
    page = window(folder)
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    expect(page.locator("#evaluate-facts")).to_contain_text("secret prompt")
    page.keyboard.press("Escape")
    expect(page.locator("#evaluate-verdict-place")).to_contain_text("secret-one")
    page.keyboard.press("h")
    expect(page.locator("#evaluate-blind-count")).to_have_text("1 of 6 marked")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    seen = []
    for place in range(6):
        expect(page.locator("#evaluate-about")).to_have_text(f"{place + 1} of 6")
        seen.append(chosen(page).locator("img").get_attribute("src").rpartition("/")[2])
        page.keyboard.press("ArrowRight")
    assert sorted(seen) == sorted(cells)
    page.keyboard.press("Enter")
    expect(page.locator("#evaluate-large-about")).to_have_text("6 of 6")
    page.keyboard.press("w")
    page.keyboard.press("p")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("2")
    expect(page.locator("#evaluate-large [data-do=bad]")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("#evaluate-facts")).to_be_hidden()
    assert "secret" not in page.locator("#evaluate").evaluate("place => place.outerHTML")
    assert "Epoch" not in page.locator("#evaluate").inner_text()
    assert not [address for address in asked if "facts" in address]
    page.keyboard.press("Escape")
    page.reload()
    expect(page.locator("#evaluate-blind-count")).to_have_text(f"{len({cells[0], seen[4]})} of 6 marked")
    assert "secret" not in page.locator("#evaluate").evaluate("place => place.outerHTML")
    page.locator("#evaluate-reveal").click()
    expect(page.locator("#evaluate-grid .heads .label")).to_have_text(["without", *labels])
    expect(page.locator("#evaluate-ranking")).to_contain_text("secret-one")


def test_a_file_of_its_own_is_looked_through_with_the_same_keys(window: Callable[..., Page], tmp_path: Path) -> None:
    folder = evaluation("alone", {"file": EPOCHS, "prompt": (HOSTILE, "2")})
    page = window(folder)
    page.keyboard.press("1")
    expect(chosen(page)).to_have_attribute("data-mark", "g")
    with page.expect_download() as found:
        page.locator("#evaluate-export summary").click()
        page.locator("[data-export=page]").click()
    assert found.value.suggested_filename == "alone.html"
    found.value.save_as(tmp_path / "alone.html")
    page.context.set_offline(True)
    page.goto((tmp_path / "alone.html").as_uri())
    expect(page.locator("#evaluate-grid .heads .label")).to_have_text(["without", *EPOCHS])
    expect(page.locator("#evaluate-grid .cell[data-state=ready]")).to_have_count(8)
    expect(page.locator("#evaluate-grid .cell[data-mark=g]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator("#evaluate-large-about")).to_have_text(f"fox-1 · {HOSTILE}")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#evaluate-large-about")).to_have_text(f"fox-2 · {HOSTILE}")
    expect(page.locator("#evaluate-facts")).to_contain_text(HOSTILE)
    page.wait_for_function("document.querySelector('#evaluate-large .one img').naturalWidth === 64")
    assert page.evaluate("window.hacked") is None


def test_originals_stand_beside_their_rows_and_beside_the_large_picture(
    window: Callable[..., Page], tmp_path: Path
) -> None:
    folder = evaluation("originals", {"file": EPOCHS, "prompt": PROMPTS})
    facts, found = folder.facts(), []
    assert facts is not None
    for name in ("red", "blue"):
        Image.new("RGB", (40, 20), name).save(tmp_path / f"{name}.png")
        content = content_hashes([tmp_path / f"{name}.png"])[tmp_path / f"{name}.png"]
        found.append(OriginalFacts(path=str(tmp_path / f"{name}.png"), content=content))
    folder.write(facts.model_copy(update={"originals": tuple(found)}))
    page = window(folder)
    labels = page.locator("#evaluate-grid .sides .label img")
    expect(labels).to_have_count(2)
    assert labels.first.evaluate("async image => { await image.decode(); return image.naturalWidth }") == 40
    page.keyboard.press("Enter")
    shown = page.locator("#evaluate-facts .original img")
    expect(shown).to_have_attribute("src", "evaluate/originals/original/0")
    page.keyboard.press("ArrowDown")
    expect(shown).to_have_attribute("src", "evaluate/originals/original/1")
