"""Words on the Data tab in a real browser: tags are completed while they are typed, grouped and put in order."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.gui import test_studio_in_browser as studio

address, pictures, window, cell = studio.address, studio.pictures, studio.window, studio.cell


def test_tags_are_completed_by_keys_and_mouse_and_never_in_the_way(window: Callable[..., Page], pictures: Path):
    page = window(pictures)
    page.locator("[data-mode=captions]").first.click()
    cell(page, "01.png").click()
    text, listed = page.locator("#studio-text"), page.locator("#studio-complete")
    expect(page.locator("#studio-caption-file")).to_have_text("01.txt")
    text.press_sequentially("1g")
    expect(listed.locator(".offer").first).to_contain_text("1girl")
    expect(listed.locator(".offer b").first).to_have_text("6")
    text.press("Tab")
    expect(text).to_have_value("1girl, ")
    expect(listed).to_be_hidden()
    text.press_sequentially("cowb")
    expect(listed).to_be_visible()
    text.press("ArrowDown")
    expect(listed.locator("[aria-selected=true]")).to_contain_text("cowboy shot")
    text.press("Enter")
    expect(text).to_have_value("1girl, cowboy shot, ")
    text.press_sequentially("ha")
    expect(listed).to_be_visible()
    text.press("Escape")
    expect(listed).to_be_hidden()
    expect(text).to_be_focused()
    text.press("Backspace")
    listed.locator(".offer", has_text="hat").first.click()
    expect(text).to_have_value("1girl, cowboy shot, hat, ")
    text.press_sequentially("smil")
    expect(listed).to_be_visible()
    text.press("Control+Enter")
    expect(listed).to_be_hidden()
    expect(page.locator("#studio-saved")).to_contain_text("01.txt")
    assert (pictures / "01.txt").read_text() == "1girl, cowboy shot, hat, smil"
    text.press_sequentially(", ")
    text.press("Control+Enter")
    expect(text).to_have_value("1girl, cowboy shot, hat, smil")
    assert (pictures / "01.txt").read_text() == "1girl, cowboy shot, hat, smil"
    page.locator("#studio-bulk [name=tag]").press_sequentially("oliv")
    page.locator("#studio-complete .offer").first.wait_for()
    page.keyboard.press("Tab")
    expect(page.locator("#studio-bulk [name=tag]")).to_have_value("olive")


def test_tags_are_shown_by_category_and_sorted_in_another_order(window: Callable[..., Page], pictures: Path):
    page = window(pictures)
    page.locator("[data-mode=captions]").first.click()
    page.locator("#studio-tags-kind").select_option("groups")
    expect(page.locator("#studio-tags h4").filter(has_text="Clothes")).to_be_visible()
    page.locator("#studio-tags-kind").select_option("clothes")
    expect(page.locator("#studio-tags .tag-row")).to_have_count(1)
    page.locator("[data-categories]").first.click()
    dialog = page.locator("#studio-categories")
    dialog.locator("[data-order=quality]").click()
    expect(dialog.locator("li").first).to_contain_text("Quality")
    dialog.locator("li").nth(1).locator("[data-way='-1']").click()
    expect(dialog.locator("li").first).to_contain_text("Character")
    dialog.locator("[name=tag]").fill("hat")
    dialog.locator("[name=category]").select_option("object")
    dialog.locator("[type=submit]").click()
    expect(dialog.locator(".of-several")).to_contain_text("Object")
    dialog.locator("[data-gone=hat]").click()
    expect(dialog.locator(".of-several")).to_have_count(0)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()


def test_what_is_there_leads_to_its_pictures(window: Callable[..., Page], pictures: Path):
    page = window(pictures)
    page.locator("[data-mode=proofread]").first.click()
    missing = page.locator("#studio-coverage .finding", has_text="Without a caption: 6 of 12.")
    expect(page.locator("#studio-coverage")).to_contain_text("No picture from behind.")
    missing.locator("button").click()
    expect(page.locator("#studio-count")).to_have_text("6 of 12")


def test_what_becomes_of_captions_in_other_encodings_is_shown_before_it_does(
    window: Callable[..., Page], pictures: Path
):
    (pictures / "00.txt").write_bytes("渚、女の子".encode("cp932"))
    (pictures / "02.txt").write_bytes(b"a hat\0, 1girl")
    page = window(pictures)
    page.locator("[data-mode=proofread]").first.click()
    found = page.locator("#studio-findings .finding.encoding")
    expect(found.locator(".read")).to_have_text("00.txt, read as Shift-JIS:渚、女の子")
    expect(found).to_contain_text("not certain how to read them (1): 02.txt")
    found.get_by_text("Write as UTF-8").click()
    expect(found.locator(".read")).to_have_count(0)
    assert (pictures / "00.txt").read_text(encoding="utf-8") == "渚、女の子"
    expect(found).to_contain_text("02.txt")
    expect(found.get_by_text("Write as UTF-8")).to_have_count(0)


def test_pictures_are_grouped_by_what_is_known_of_them_under_heads(window: Callable[..., Page], pictures: Path):
    (pictures / "more").mkdir()
    for name in ("00.png", "00.txt"):
        (pictures / name).rename(pictures / "more" / name)
    page = window(pictures)
    heads = page.locator("#studio-grid .head b")
    cell(page, "03.png").click()
    page.keyboard.press("k")
    page.locator("#studio-group").select_option("mark")
    expect(heads).to_have_text(["keep", "undecided"])
    page.locator("#studio-group").select_option("folder")
    expect(heads).to_have_text(["The folder itself", "more"])
    page.locator("#studio-grid .head button").last.click()
    page.keyboard.press("r")
    expect(cell(page, "00.png")).to_have_attribute("data-mark", "r")
    page.locator("#studio-group").select_option("caption")
    expect(heads).to_have_text(["captioned", "no caption"])
    page.keyboard.press("End")
    expect(page.locator("#studio-about")).to_contain_text("11.png")
    page.locator("#studio-group").select_option("")
    expect(heads).to_have_count(0)


def test_tags_and_a_sentence_are_edited_side_by_side_and_undone(window: Callable[..., Page], pictures: Path):
    (pictures / "02.caption").write_text("A blue square, and nothing else.\n", encoding="utf-8")
    page = window(pictures)
    page.locator("[data-mode=captions]").first.click()
    cell(page, "02.png").click()
    tags, sentence = page.locator("#studio-text"), page.locator("#studio-sentence")
    expect(tags).to_have_value("1girl, blue, hat")
    expect(sentence).to_be_hidden()
    page.locator("#studio-apart-on").check()
    page.locator("#studio-beside").click()
    expect(sentence).to_have_value("A blue square, and nothing else.")
    expect(page.locator("#studio-beside")).to_be_hidden()
    tags.fill("1girl, blue")
    tags.press("Control+Enter")
    expect(page.locator("#studio-saved")).to_contain_text("02.txt")
    assert (pictures / "02.txt").read_text() == "1girl, blue\nA blue square, and nothing else.\n"
    page.locator("#studio-grid").focus()
    page.keyboard.press("z")
    expect(tags).to_have_value("1girl, blue, hat")


def test_the_weight_of_sub_folders_is_shown_and_changed_before_writing(window: Callable[..., Page], pictures: Path):
    for name in ("cat", "dog"):
        (pictures / name).mkdir()
    for number in range(12):
        (pictures / f"{number:02d}.png").rename(pictures / ("cat" if number < 9 else "dog") / f"{number:02d}.png")
    page = window(pictures)
    page.locator("#studio-grid").focus()
    page.keyboard.press("Control+a")
    page.keyboard.press("k")
    page.locator("#studio-export-open").click()
    expect(page.locator("#studio-export [name=folder]")).not_to_have_value("")  # what is proposed comes a moment later
    page.locator("#studio-export [name=by_folder]").check()
    table = page.locator("#studio-export-folders")
    expect(table.locator("tr td:last-child")).to_have_text(["198", "120"])
    table.locator("input").last.fill("30")
    expect(table.locator("tr td:last-child")).to_have_text(["198", "90"])
    page.locator("#studio-export [name=folder]").fill(str(pictures.parent / "out"))
    page.locator("#studio-export-go").click()
    expect(page.locator("#studio-export-told .done")).to_be_visible()
    assert {path.name for path in (pictures.parent / "out" / "train").iterdir()} == {"22_cat", "30_dog"}


def test_what_another_window_does_is_seen_without_asking(window: Callable[..., Page], pictures: Path):
    one, other = window(pictures), window(pictures)
    cell(one, "03.png").click()
    one.keyboard.press("k")
    expect(cell(other, "03.png")).to_have_attribute("data-mark", "k")
    one.keyboard.press("z")
    expect(cell(other, "03.png")).to_have_attribute("data-mark", ".")


def test_findings_are_those_of_the_pictures_that_the_filter_shows(window: Callable[..., Page], pictures: Path):
    (pictures / "01.txt").write_text("1girl, hat, hat")
    page = window(pictures)
    page.locator("[data-mode=proofread]").first.click()
    doubled = page.locator("#studio-findings .finding.doubled")
    expect(doubled).to_have_count(1)
    page.locator("#studio-filter").fill("name:02")
    page.locator("#studio-filter").press("Enter")
    expect(doubled).to_have_count(0)
