"""The Data tab in a real browser: pictures are culled by keys, filtered and captioned, and all of it can be undone."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, Request, Route, expect

from kohya_gui.server.studio.updated import Program
from kohya_gui.tabs.data import build_data_tab
from tests.gui.alone import serve_alone
from train_core.config.problems import UserError, problem
from train_core.facts.images.image_files import content_hashes
from train_core.studio.dataset import dataset_of

COLOURS = ("red", "green", "blue", "gold", "navy", "teal", "pink", "gray", "olive", "brown", "black", "white")
HOSTILE = "\"'><img src=x onerror=hacked=1>" if os.name != "nt" else "'&lt;b&gt;&amp;"
HOSTILE_CAPTION = "<script>hacked=1</script>, \"q\", <img src=x onerror=hacked=1>,\nsecond"
KEEP, REJECT, SKIP, UNDECIDED = "k", "r", "s", "."


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_alone(build_data_tab, "studio.js", tmp_path_factory.mktemp("home"), 18860) as address:
        yield address


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder with twelve pictures of other colours, 00.png and on; those with an even number have captions."""
    folder = tmp_path / "twelve"
    folder.mkdir()
    for number, colour in enumerate(COLOURS):
        Image.new("RGB", (48 + number, 64), colour).save(folder / f"{number:02d}.png")
        if number % 2 == 0:
            (folder / f"{number:02d}.txt").write_text(f"1girl, {colour}, hat\n", encoding="utf-8")
    return folder


@pytest.fixture
def window(browser: Browser, address: str) -> Iterator[Callable[..., Page]]:
    """`window(folder)` opens the page and the folder in it; `more` are options of the browser."""
    contexts = []

    def open_window(folder: Path, width: int = 1440, height: int = 900, **more: object) -> Page:
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, locale="en-US", **more))
        page = contexts[-1].new_page()
        page.goto(address)
        page.locator("#studio-path").fill(str(folder))
        page.locator("#studio-open [type=submit]").click()
        expect(page.locator("#studio-grid .cell").first).to_be_visible()
        return page

    yield open_window
    for context in contexts:
        context.close()


def cell(page: Page, name: str) -> Locator:
    return page.locator(f'#studio-grid .cell[title="{name}"]')


def is_marked(page: Page, marks: dict[str, str]) -> None:
    """Check the marks of pictures in the grid by their numbers."""
    for number, mark in marks.items():
        expect(cell(page, f"{number}.png")).to_have_attribute("data-mark", mark)


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def counts(page: Page, *wanted: str) -> None:
    """Check how many are kept, rejected, skipped and undecided."""
    for place, count in enumerate(wanted):
        expect(page.locator("#studio-counts .count b").nth(place)).to_have_text(count)


def answered(page: Page, what: str, doing: Callable[[], object]) -> None:
    """Do something, and wait until the server has answered `what`."""
    with page.expect_response(lambda response: response.url.endswith(f"data/{what}")):
        doing()


def test_pictures_are_culled_by_keys_alone_and_all_of_it_is_undone_redone_and_kept(
    window: Callable[..., Page], pictures: Path
) -> None:
    before = {path.name: path.read_bytes() for path in pictures.iterdir()}
    page = window(pictures)
    expect(page.locator("#studio-count")).to_have_text("12 pictures")
    press(page, "k", "R", "s", "k", "1", "k")
    is_marked(page, {"00": KEEP, "01": REJECT, "02": SKIP, "03": KEEP, "04": KEEP, "05": UNDECIDED})
    expect(cell(page, "04.png")).to_have_attribute("data-shot", "close-up")
    expect(cell(page, "01.png")).to_have_attribute("data-sign", "✕")  # colour is not the only sign
    counts(page, "3", "1", "1", "7")
    expect(page.locator("#studio-shots .shot").first).to_contain_text("1 / 5")
    press(page, "z", "z", "z")
    is_marked(page, {"03": UNDECIDED, "04": UNDECIDED})
    expect(cell(page, "04.png")).to_have_attribute("data-shot", "")
    expect(page.locator("#studio-about")).to_contain_text("Undone")
    press(page, "Shift+Z")
    is_marked(page, {"03": KEEP, "04": UNDECIDED})
    press(page, "Home", "Shift+ArrowRight", "Shift+ArrowRight")
    expect(page.locator("#studio-about")).to_have_text("3 chosen")
    answered(page, "mark", lambda: press(page, "u"))
    counts(page, "1", "0", "0", "11")
    page.reload()
    expect(cell(page, "03.png")).to_have_attribute("data-mark", KEEP)
    counts(page, "1", "0", "0", "11")
    assert {path.name: path.read_bytes() for path in pictures.iterdir()} == before


def test_what_the_server_refuses_is_told_and_taken_back(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    page.route("**/data/mark", lambda route: route.fulfill(json={"error": "<b>no room</b>"}))
    press(page, "k", "k")
    expect(page.locator(".told")).to_have_text("no room")
    is_marked(page, {"00": UNDECIDED, "01": UNDECIDED})
    page.unroute("**/data/mark")
    page.route("**/data/mark", lambda route: route.abort())
    press(page, "Home", "k")
    expect(page.locator(".told").last).to_contain_text("does not answer")
    is_marked(page, {"00": UNDECIDED})
    page.unroute("**/data/mark")
    press(page, "Home", "k")
    counts(page, "1", "0", "0", "11")


def test_keys_go_to_the_server_one_after_the_other_while_the_grid_is_ahead(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/data/mark", hold)
    press(page, "k", "r", "k")
    is_marked(page, {"00": KEEP, "01": REJECT, "02": KEEP})  # nothing is answered yet
    asked: list[Request] = []
    for number in range(3):
        while len(held) <= number:
            page.evaluate("new Promise(requestAnimationFrame)")
        asked.append(held[number].request)
        assert len(held) == number + 1
        held[number].continue_()
    counts(page, "2", "1", "0", "9")
    assert [request.post_data_json["mark"] for request in asked] == [KEEP, REJECT, KEEP]


def test_filters_are_typed_clicked_refused_and_applied_again(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    count = page.locator("#studio-count")
    press(page, "/")
    page.keyboard.type("tag:hat")
    expect(count).to_have_text("6 of 12")
    press(page, "Enter", "k")  # the field has no focus any more
    counts(page, "1", "0", "0", "11")
    page.locator("#studio-tags .tag-row", has_text="blue").click()
    expect(page.locator("#studio-filter")).to_have_value("tag:hat tag:blue")
    expect(count).to_have_text("1 of 12")
    page.locator("#studio-filter-clear").click()
    expect(count).to_have_text("12 pictures")
    page.locator("#studio-counts .count").nth(3).click()
    expect(count).to_have_text("11 of 12")
    press(page, "Home", "k")
    expect(count).to_have_text("11 of 12")  # nothing moves while pictures are marked
    page.locator("#studio-again").click()
    expect(count).to_have_text("10 of 12")
    page.locator("#studio-counts .count").first.click()  # only one mark can hold
    expect(page.locator("#studio-filter")).to_have_value("mark:keep")
    expect(count).to_have_text("2 of 12")
    page.locator("#studio-filter").fill("side>=much")
    expect(page.locator("#studio-filter-bad")).to_contain_text("side>=much")
    expect(count).to_have_text("2 of 12")
    page.locator("#studio-filter").fill("nothing-like-this")
    expect(page.locator("#studio-none")).to_be_visible()


def test_the_order_is_chosen_and_turned_round(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    page.locator("#studio-sort").select_option("aspect")
    first = page.locator('#studio-grid .cell[aria-posinset="1"]')
    expect(first).to_have_attribute("title", "00.png")
    page.locator("#studio-down").click()
    expect(first).to_have_attribute("title", "11.png")


def test_a_caption_is_edited_in_place_and_never_written_over_another_ones_words(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    text, file = page.locator("#studio-text"), pictures / "00.txt"
    press(page, "e")
    expect(text).to_be_focused()
    expect(text).to_have_value("1girl, red, hat")
    expect(page.locator("#studio-tokens")).to_have_text(re.compile(r"Tokens: \d+ of 75"))
    text.fill("1girl, red, hat, k r s")  # letters are no keys in here
    press(page, "Control+Enter")
    expect(page.locator("#studio-saved")).to_have_text("Saved in 00.txt")
    assert file.read_text(encoding="utf-8") == "1girl, red, hat, k r s\n"
    counts(page, "0", "0", "0", "12")
    text.fill("mine")
    file.write_text("theirs\n", encoding="utf-8")
    answered(page, "write", lambda: press(page, "Escape"))  # leaving the field writes
    expect(page.locator("#studio-conflict button")).to_have_count(2)
    assert file.read_text(encoding="utf-8") == "theirs\n"
    cell(page, "02.png").click()
    expect(text).to_have_value("1girl, blue, hat")
    cell(page, "00.png").click()
    expect(text).to_have_value("mine")  # nothing that was typed is lost
    page.locator("#studio-conflict button").nth(1).click()
    expect(page.locator("#studio-saved")).to_have_text("Saved in 00.txt")
    assert file.read_text(encoding="utf-8") == "mine\n"
    cell(page, "01.png").click()
    expect(text).to_have_value("")
    text.fill("a new one")
    answered(page, "write", lambda: cell(page, "02.png").click())
    expect(text).to_have_value("1girl, blue, hat")
    assert (pictures / "01.txt").read_text(encoding="utf-8").strip() == "a new one"
    answered(page, "undo", lambda: press(page, "z"))
    expect(text).to_have_value("")


def test_many_captions_are_changed_after_a_preview_and_changed_back(
    window: Callable[..., Page], pictures: Path
) -> None:
    before = {path.name: path.read_bytes() for path in pictures.glob("*.txt")}
    page = window(pictures)
    page.locator("button[data-mode=captions]").click()
    bulk, go = page.locator("#studio-bulk"), page.locator("#studio-bulk-go")
    bulk.locator("[name=do]").select_option("rename")
    bulk.locator("[name=tag]").fill("hat")
    bulk.locator("[name=into]").fill("cap")
    press(page, "Enter")
    expect(page.locator("#studio-examples p").first).to_have_text("Captions that change: 6")
    expect(page.locator("#studio-examples")).to_contain_text("since nothing in them changes: 6")
    expect(page.locator("#studio-examples .example small").first).to_have_text("00.txt")
    expect(page.locator("#studio-examples del").first).to_have_text("hat")
    assert {path.name: path.read_bytes() for path in pictures.glob("*.txt")} == before
    bulk.locator("[name=into]").fill("caps")  # what was not looked at cannot be done
    expect(go).to_be_hidden()
    press(page, "Enter")
    expect(go).to_have_text("Change 6 captions")
    go.click()
    expect(page.locator("#studio-examples")).to_contain_text("Changed: 6")
    assert (pictures / "02.txt").read_text(encoding="utf-8") == "1girl, blue, caps\n"
    expect(page.locator("#studio-tags .tag-row", has_text="caps")).to_contain_text("6")
    page.locator("#studio-grid").focus()
    answered(page, "undo", lambda: press(page, "z"))
    assert {path.name: path.read_bytes() for path in pictures.glob("*.txt")} == before
    expect(page.locator("#studio-examples")).to_be_empty()
    cell(page, "00.png").click()
    cell(page, "04.png").click(modifiers=["Control"])
    row = page.locator("#studio-caption-many .of-several", has_text="1girl")
    expect(row).to_contain_text("2 / 2")
    row.locator("button").click()
    expect(page.locator("#studio-examples p").first).to_have_text("Captions that change: 2")
    go.click()
    expect(page.locator("#studio-examples")).to_contain_text("Changed: 2")
    assert (pictures / "04.txt").read_text(encoding="utf-8") == "navy, hat\n"
    assert (pictures / "02.txt").read_bytes() == before["02.txt"]


def test_a_picture_is_shown_large_culled_there_zoomed_and_compared(
    window: Callable[..., Page], pictures: Path
) -> None:
    Image.new("RGB", (2400, 1800), "red").save(pictures / "00.png")
    page = window(pictures)
    viewer, image = page.locator("#studio-viewer"), page.locator("#studio-viewer .stage img")
    press(page, "Enter")
    expect(viewer).to_be_visible()
    expect(image).to_have_attribute("alt", "00.png")
    expect(image).to_have_js_property("naturalWidth", 2400)
    assert image.evaluate("image => image.clientWidth") <= 1440
    press(page, "Space")
    expect(image).to_have_js_property("clientWidth", 2400)
    press(page, "Space", "k")
    expect(image).to_have_attribute("alt", "01.png")
    expect(image).to_have_js_property("complete", True)
    press(page, "ArrowRight", "r", "Enter")
    expect(viewer).to_be_hidden()
    is_marked(page, {"00": KEEP, "01": UNDECIDED, "02": REJECT})
    cell(page, "05.png").click()
    cell(page, "08.png").click(modifiers=["Control"])
    press(page, "c")
    expect(image).to_have_count(2)
    press(page, "r", "ArrowRight", "k", "Escape")
    is_marked(page, {"05": REJECT, "08": KEEP})
    cell(page, "03.png").dblclick()
    expect(viewer).to_be_visible()


def test_keys_are_listed_changed_kept_and_no_key_does_two_things(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    sheet = page.locator("#studio-keys")
    press(page, "?")
    expect(sheet.locator(".key")).to_have_count(21)
    assert all(one.strip() for one in sheet.locator(".key kbd").all_inner_texts())
    sheet.locator("[data-act=keep]").click()
    press(page, "r")
    expect(page.locator("#studio-keys-refused")).to_contain_text("Reject")
    press(page, "Home")
    expect(page.locator("#studio-keys-refused")).to_contain_text("move about")
    press(page, "g")
    expect(sheet.locator("[data-act=keep]")).to_have_text("G")
    press(page, "Escape")
    expect(sheet).to_be_hidden()
    press(page, "k", "g")
    is_marked(page, {"00": KEEP, "01": UNDECIDED})
    page.reload()
    expect(page.locator("#studio-acts [data-do=keep] kbd")).to_have_text("G")
    expect(cell(page, "00.png")).to_have_attribute("data-mark", KEEP)
    page.locator("#studio-acts [data-do=help]").click()
    page.locator("#studio-keys-default").click()
    expect(sheet.locator("[data-act=keep]")).to_have_text("K")


def test_shots_get_other_names_and_targets(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    page.locator("#studio-shots-edit").click()
    page.locator("#studio-shots input[name=name]").first.fill("<b>face</b>")
    page.locator("#studio-shots input[name=target]").first.fill("1")
    page.locator("#studio-shots [type=submit]").click()
    row = page.locator("#studio-shots .shot").first
    expect(row).to_contain_text("<b>face</b>")
    expect(row).to_contain_text("0 / 1")
    page.locator("#studio-grid").focus()
    press(page, "1", "k")
    expect(row).to_contain_text("1 / 1 ✓")


def test_copies_are_shown_in_groups_and_all_but_the_best_rejected(window: Callable[..., Page], tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    for name, other in (("one", 0), ("two", 1)):
        picture = Image.radial_gradient("L").convert("RGB").crop((60 * other, 0, 200 + 50 * other, 180))
        picture.save(folder / f"{name}.png")
        if not other:
            picture.resize((70, 63)).save(folder / "small.png")
    Image.linear_gradient("L").convert("RGB").save(folder / "else.png")
    page = window(folder)
    press(page, "d")
    expect(page.locator("#studio-grid .head")).to_have_count(1, timeout=60_000)  # once they are measured
    expect(page.locator("#studio-groups")).to_be_visible()
    page.locator("#studio-grid .head button").first.click()
    expect(cell(page, "small.png")).to_have_attribute("data-mark", REJECT)
    expect(cell(page, "one.png")).to_have_attribute("data-mark", UNDECIDED)
    press(page, "d")
    expect(page.locator("#studio-count")).to_have_text("4 pictures")
    page.locator("#studio-filter").fill("name:small")
    expect(page.locator("#studio-count")).to_have_text("1 of 4")
    page.locator("#studio-filter").press("Enter")
    press(page, "d")  # among the pictures that the filter shows there is no copy
    expect(page.locator("#studio-groups")).to_be_visible()
    expect(page.locator("#studio-grid .head")).to_have_count(0)


def test_hostile_names_and_captions_stay_text(window: Callable[..., Page], tmp_path: Path) -> None:
    folder = tmp_path / f"set {HOSTILE}".replace("/", "")
    folder.mkdir()
    for name in (HOSTILE, *(["new\nline", '"', "a&b;c"] if os.name != "nt" else [])):
        Image.new("RGB", (40, 40), "red").save(folder / f"{name}.png")
        (folder / f"{name}.txt").write_text(HOSTILE_CAPTION, encoding="utf-8")
    page = window(folder)
    total = len(list(folder.glob("*.png")))
    expect(page.locator("#studio-grid .cell")).to_have_count(total)
    expect(page.locator("#studio-tags")).to_contain_text("<img src=x onerror=hacked=1>")
    page.locator("#studio-tags .tag-row", has_text='"q"').click()
    expect(page.locator("#studio-count")).to_have_text(f"{total} pictures")
    page.locator("#studio-filter-clear").click()
    press(page, "e")
    expect(page.locator("#studio-text")).to_have_value(re.compile("<script>"))
    bulk = page.locator("#studio-bulk")
    bulk.locator("[name=do]").select_option("replace")
    bulk.locator("[name=tag]").fill("hacked")
    bulk.locator("[name=into]").fill("<img src=x onerror=hacked=1>")
    press(page, "Enter")
    expect(page.locator("#studio-examples .example").first).to_be_visible()
    press(page, "Escape")
    page.locator("#studio-grid").focus()
    press(page, "Enter", "ArrowRight", "k", "Escape")
    page.locator("#studio-name").click()
    expect(page.locator("#studio-known .set").first).to_be_visible()
    assert page.evaluate("typeof hacked") == "undefined"
    assert page.locator("#studio [src=x], #studio script").count() == 0


def test_of_thousands_of_pictures_only_those_in_view_have_cells(window: Callable[..., Page], tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    Image.new("RGB", (8, 8), "red").save(folder / "0000.png")
    content = (folder / "0000.png").read_bytes()
    for number in range(1, 3000):
        (folder / f"{number:04d}.png").write_bytes(content)
    page = window(folder)
    expect(page.locator("#studio-count")).to_have_text("3,000 pictures")
    assert page.locator("#studio-grid *").count() <= 150
    press(page, "End")
    expect(cell(page, "2999.png")).to_be_in_viewport()
    assert page.locator("#studio-grid *").count() <= 150
    press(page, "Control+a")
    expect(page.locator("#studio-about")).to_have_text("3,000 chosen")


def test_a_path_that_is_none_is_refused_and_a_dataset_is_opened_again_by_its_card(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    page.locator("#studio-name").click()
    page.locator("#studio-path").fill(str(pictures / "gone"))
    press(page, "Enter")
    expect(page.locator("#studio-refused .note")).to_contain_text("gone")
    page.locator("#studio-known .set", has_text="twelve").first.click()
    expect(cell(page, "00.png")).to_be_visible()


def test_what_somebody_opens_last_wins_and_what_is_being_opened_is_stopped(
    window: Callable[..., Page], pictures: Path, tmp_path: Path
) -> None:
    page = window(pictures)
    page.locator("#studio-name").click()
    other = tmp_path / "other"
    other.mkdir()
    Image.new("RGB", (30, 30), "red").save(other / "alone.png")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/data/open", hold)
    page.route("**/data/opening", lambda route: route.fulfill(json={"looked": 1234}))
    for folder in (pictures, other):
        page.locator("#studio-path").fill(str(folder))
        page.locator("#studio-open [type=submit]").click()
        expect(page.locator("#studio-wait")).to_contain_text("1,234 files")
    with page.expect_request(lambda request: request.url.endswith("/data/opening") and "stop" in request.post_data):
        page.locator("#studio-wait button").click()
    for route in reversed(held):
        route.continue_()
    expect(page.locator("#studio-name")).to_contain_text("other")
    expect(page.locator("#studio-count")).to_have_text("1 picture")
    expect(page.locator("#studio-wait")).to_be_hidden()


def test_a_program_that_was_updated_meanwhile_is_told_in_place_of_the_tab(
    browser: Browser, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def differs(_program: Program) -> None:
        raise UserError(problem("studio_updated", "Crucible was updated. Start it again."))

    monkeypatch.setattr(Program, "must_be_as_started", differs)
    context = browser.new_context(locale="en-US")
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#studio-place")).to_contain_text("Start it again")
    context.close()


def test_a_window_draws_what_another_one_has_decided_when_somebody_comes_to_it(
    window: Callable[..., Page], pictures: Path
) -> None:
    first, second = window(pictures), window(pictures)
    press(second, "k")
    is_marked(second, {"00": KEEP})
    first.evaluate("window.dispatchEvent(new Event('focus'))")
    is_marked(first, {"00": KEEP})


def test_a_phone_shows_the_grid_with_buttons_for_the_keys_and_the_panel_below(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures, 390, 844, has_touch=True, is_mobile=True)
    page.locator("#studio-acts [data-do=keep]").tap()
    page.locator("#studio-acts [data-do=reject]").tap()
    is_marked(page, {"00": KEEP, "01": REJECT})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    grid, side = page.locator("#studio-grid").bounding_box(), page.locator("#studio-side").bounding_box()
    assert grid is not None
    assert side is not None
    assert grid["y"] + grid["height"] <= side["y"]
    expect(page.locator("#studio-acts [data-do=undo]")).to_be_in_viewport()
    page.locator("#studio-facets .facet", has_text="Without a caption").tap()
    expect(page.locator("#studio-count")).to_have_text("6 of 12")
    expect(page.locator("#studio-grid")).to_be_in_viewport()  # where the answer is
    cell(page, "03.png").tap()
    cell(page, "03.png").dblclick()
    page.locator("#studio-viewer .kinds button").nth(1).tap()
    expect(page.locator("#studio-viewer-about")).to_contain_text("portrait")


def test_what_was_typed_outlasts_a_reload_and_a_change_by_another_program(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    press(page, "ArrowRight", "ArrowRight", "e")
    text = page.locator("#studio-text")
    expect(text).to_have_value("1girl, blue, hat")
    page.route("**/data/write", lambda route: route.abort())  # the server is away
    text.fill("typed for long")
    (pictures / "02.txt").write_text("of another program", encoding="utf-8")
    page.reload()
    expect(page.locator("#studio-about")).to_contain_text("02.png")  # where one has left off
    expect(text).to_have_value("typed for long")
    expect(page.locator("#studio-conflict pre")).to_have_text("of another program")
    assert (pictures / "02.txt").read_text(encoding="utf-8") == "of another program"
    page.unroute("**/data/write")
    answered(page, "write", page.locator("#studio-conflict button").last.click)
    assert (pictures / "02.txt").read_text(encoding="utf-8") == "typed for long"
    page.reload()
    expect(text).to_have_value("typed for long")
    expect(page.locator("#studio-conflict pre")).to_have_count(0)


def test_undo_shows_the_caption_as_it_is_again(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    press(page, "e")
    text = page.locator("#studio-text")
    expect(text).to_have_value("1girl, red, hat")
    text.fill("other words")
    answered(page, "write", lambda: press(page, "Control+Enter"))
    press(page, "Escape", "z")
    expect(text).to_have_value("1girl, red, hat")
    assert (pictures / "00.txt").read_text(encoding="utf-8") == "1girl, red, hat\n"


def test_a_filter_is_what_a_change_of_many_means_and_pictures_out_of_sight_are_not_chosen(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    press(page, "e", "Escape")
    scope = page.locator("#studio-bulk [name=scope]")
    expect(scope).to_have_value("all")
    page.locator("#studio-filter").fill("tag:red")
    expect(page.locator("#studio-count")).to_have_text("1 of 12")
    expect(scope).to_have_value("filter")
    page.locator("#studio-filter").fill("tag:hat")
    expect(page.locator("#studio-count")).to_have_text("6 of 12")
    press(page, "Enter", "Control+a")
    expect(page.locator("#studio-about")).to_have_text("6 chosen")
    page.locator("#studio-filter-clear").click()
    expect(page.locator("#studio-count")).to_have_text("12 pictures")
    answered(page, "mark", lambda: press(page, "r"))
    counts(page, "0", "1", "0", "11")


def test_what_models_said_is_taken_or_added_and_undone_like_any_edit(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    folder, digest = dataset_of(pictures).folder, content_hashes([pictures / "00.png"])[pictures / "00.png"]
    line = {"digest": digest, "model": "a", "at": "2026-01-01T00:00:00"}
    said = {"tags.jsonl": {**line, "tagger": "wd", "tags": {"hat": 0.9, "<i>smile</i>": 0.5}, "cuts": [0, 0]},
            "captions.jsonl": {**line, "captioner": HOSTILE, "prompt": "", "text": "<img src=x onerror=hacked=1> fox."}}
    page.locator("#studio [data-mode=captions]").first.click()
    box, field = page.locator("#studio-said"), page.locator("#studio-text")
    expect(field).to_have_value("1girl, red, hat")
    expect(box).to_be_hidden()
    for name, one in said.items():
        (folder / name).write_text(json.dumps(one) + "\n", encoding="utf-8")
    cell(page, "01.png").click()
    expect(field).to_have_value("")
    expect(box).to_be_hidden()
    cell(page, "00.png").click()
    box.locator("summary").click()
    expect(box.locator("article")).to_have_count(2)
    tags, sentence = box.locator("article", has_text="wd"), box.locator("article", has_text="fox")
    expect(tags).to_contain_text("hat 0.90")
    tags.get_by_role("button", name="Add").click()
    expect(field).to_have_value("1girl, red, hat, <i>smile</i>")
    assert (pictures / "00.txt").read_text("utf-8") == "1girl, red, hat\n"  # not written yet
    sentence.get_by_role("button", name="Use").click()
    expect(field).to_have_value("<img src=x onerror=hacked=1> fox.")
    answered(page, "write", page.locator("#studio-save").click)
    assert (pictures / "00.txt").read_text("utf-8") == "<img src=x onerror=hacked=1> fox.\n"
    page.locator("#studio-grid").focus()
    press(page, "z")
    expect(field).to_have_value("1girl, red, hat")
    assert (pictures / "00.txt").read_text("utf-8") == "1girl, red, hat\n"
    assert page.evaluate("window.hacked === undefined")


def drag(page: Page, route: str, *shares: tuple[float, float]) -> None:
    """Draw through places given in shares of the picture's width and height, and wait until it is kept by `route`."""
    area = page.locator("#studio-crops .sheet").bounding_box()
    assert area is not None
    places = [(area["x"] + across * area["width"], area["y"] + down * area["height"]) for across, down in shares]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=3)
    answered(page, route, page.mouse.up)


def draw_box(page: Page, left: float, top: float, right: float, bottom: float) -> None:
    drag(page, "put_boxes", (left, top), (right, bottom))


@pytest.fixture
def one_large(tmp_path: Path) -> Path:
    """A folder with a picture that is large enough to draw on."""
    folder = tmp_path / "large"
    folder.mkdir()
    Image.effect_noise((640, 960), 40).convert("RGB").save(folder / "one.png")
    return folder


def crops_of(window: Callable[..., Page], folder: Path) -> Page:
    """A page that shows the crops of the folder's first picture, which is kept."""
    page = window(folder)
    press(page, "k")
    page.locator("button[data-mode=crops]").click()
    expect(page.locator("#studio-crops .sheet img")).to_be_visible()
    return page


def test_boxes_are_drawn_moved_named_and_undone_and_become_folders(
    window: Callable[..., Page], one_large: Path, tmp_path: Path
) -> None:
    page = crops_of(window, one_large)
    boxes = page.locator("#studio-crops .box")
    draw_box(page, 0.2, 0.1, 0.6, 0.37)
    expect(boxes).to_have_text(["face · 256 × 256"])
    page.locator("#studio-crops-kind").fill("body")
    draw_box(page, 0.02, 0.42, 0.98, 0.98)
    expect(boxes).to_have_count(2)
    page.locator("#studio-crops-kind").fill("shoes")
    draw_box(page, 0.3, 0.6, 0.6, 0.8)
    expect(boxes).to_have_text(["face · 256 × 256", re.compile("body"), re.compile("shoes")])
    boxes.nth(2).press("Delete")
    expect(boxes).to_have_count(2)
    page.locator("#studio-crops .sheet").click(position={"x": 20, "y": 400})
    page.locator("#studio-crops-rows .on select").first.select_option("face")
    expect(page.locator("#studio-crops-rows .on select").nth(1)).to_be_visible()
    boxes.first.focus()
    answered(page, "put_boxes", lambda: press(page, "Shift+ArrowRight"))
    name = page.locator("#studio-crops-rows .on input")
    name.fill(HOSTILE)
    answered(page, "put_boxes", lambda: press(page, "Tab"))
    expect(boxes.first).to_contain_text(HOSTILE[:20])
    assert page.evaluate("window.hacked") is None
    page.locator("#studio-grid").focus()
    answered(page, "undo", lambda: press(page, "z"))
    expect(boxes.first).to_have_text("face · 256 × 256")
    page.reload()
    expect(boxes).to_have_count(2)
    page.locator("#studio-export-open").click()
    expect(page.locator("#studio-export [name=folder]")).not_to_have_value("")  # what is proposed comes a moment later
    page.locator("#studio-export [name=folder]").fill(str(tmp_path / "out"))
    expect(page.locator("#studio-export [name=boxes]")).to_be_checked()
    answered(page, "export", page.locator("#studio-export-go").click)
    expect(page.locator("#studio-export .done")).to_be_visible()
    assert sorted(path.name for path in (tmp_path / "out" / "train").iterdir()) == [
        "40_body", "40_face", "40_large",
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "out").rglob("one_face.png")] == ["one_face.png"]


def test_strokes_and_lassos_are_drawn_undone_and_erased_by_the_export(
    window: Callable[..., Page], one_large: Path, tmp_path: Path
) -> None:
    page = crops_of(window, one_large)

    draw = partial(drag, page, "paint")
    page.locator("button[data-draws=brush]").click()
    draw((0.2, 0.2), (0.4, 0.2))
    page.locator("button[data-paints=mask]").click()
    page.locator("button[data-draws=lasso]").click()
    draw((0.1, 0.6), (0.5, 0.6), (0.5, 0.9), (0.1, 0.9))
    draw((0.7, 0.7), (0.9, 0.7), (0.9, 0.8))
    painted = page.locator("#studio-paint g path")
    expect(painted).to_have_count(3)
    with page.expect_response(lambda response: "/erased/" in response.url) as erased:
        page.locator("#studio-paint-result").click()
    with Image.open(io.BytesIO(erased.value.body())) as result:
        assert result.getpixel((160, 192)) == result.getpixel((220, 196))
    expect(painted.first).to_be_hidden()
    answered(page, "undo", lambda: press(page, "z"))
    expect(painted).to_have_count(2)
    page.reload()
    expect(painted).to_have_count(2)
    expect(page.locator("#studio-crops .box")).to_have_count(0)
    expect(page.locator("#studio-preprocessor")).to_have_attribute("data-path", str(one_large))
    page.locator("#studio-export-open").click()
    expect(page.locator("#studio-export [name=folder]")).not_to_have_value("")  # what is proposed comes a moment later
    page.locator("#studio-export [name=folder]").fill(str(tmp_path / "out"))
    answered(page, "export", page.locator("#studio-export-go").click)
    expect(page.locator("#studio-export .done")).to_be_visible()
    exported = next((tmp_path / "out").rglob("train/*/one.png"))
    with Image.open(one_large / "one.png") as before, Image.open(exported) as after:
        assert before.getpixel((20, 900)) == after.getpixel((20, 900))
        assert after.getpixel((160, 192)) == after.getpixel((220, 196)) != before.getpixel((160, 192))
    with Image.open(next((tmp_path / "out").rglob("masks/*/one.png"))) as mask:
        assert (mask.getpixel((200, 720)), mask.getpixel((500, 720))) == (0, 255)


def test_kinds_of_boxes_are_added_and_say_what_their_folders_are_for(
    window: Callable[..., Page], pictures: Path
) -> None:
    page = window(pictures)
    page.locator("button[data-mode=crops]").click()
    page.locator("#studio-kinds-add").click()
    row = page.locator("#studio-kinds-rows .kind").last
    row.locator("[name=name]").fill("hands")
    row.locator("[name=use]").select_option("reg")
    answered(page, "box_kinds", page.locator("#studio-kinds [type=submit]").click)
    page.reload()
    expect(page.locator("#studio-kinds-rows .kind").last.locator("[name=name]")).to_have_value("hands")
    expect(page.locator("#studio-kinds-rows .kind").last.locator("[name=use]")).to_have_value("reg")
    page.locator("#studio-kinds-rows .kind").last.locator("[name=name]").fill("face")
    answered(page, "box_kinds", page.locator("#studio-kinds [type=submit]").click)
    expect(page.locator("#told")).to_contain_text("only once")


def test_pictures_are_rated_by_keys_and_stars_and_found_by_them(window: Callable[..., Page], pictures: Path) -> None:
    page = window(pictures)
    press(page, "+", "+")
    expect(cell(page, "00.png")).to_have_attribute("data-shot", "★★")
    press(page, "ArrowRight")
    answered(page, "mark", page.locator("#studio-rating [data-stars='5']").click)
    expect(page.locator("#studio-rating .on")).to_have_count(5)
    page.locator("#studio-filter").fill("rating>=3")
    expect(page.locator("#studio-count")).to_have_text("1 of 12")
    expect(page.locator("#studio-grid .cell:visible")).to_have_attribute("title", "01.png")
    page.locator("#studio-grid").focus()
    answered(page, "undo", lambda: press(page, "z"))
    expect(page.locator("#studio-rating .on")).to_have_count(0)
    answered(page, "undo", lambda: press(page, "z"))
    page.locator("#studio-filter").fill("rating=1")
    expect(page.locator("#studio-count")).to_have_text("1 of 12")
