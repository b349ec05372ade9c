"""The demo on the page, in a real browser with the real trainer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.gui.opening import open_page, settle, wait_until_filled
from train_core.config.jobs.train import TrainConfig

TRAINING = 300_000  # milliseconds that a few steps may take on a slow, busy machine
PROMPT = "crux robot, green background --w 64 --h 64 --s 2 --d 1"


def field(page: Page, name: str) -> Locator:
    """The input of the setting `name`."""
    return page.locator(f"#setting-{name}").locator("input, textarea").first


def fill(page: Page, **values: object) -> None:
    """Type values into settings, whose sections are unfolded."""
    for name, value in values.items():
        show_field(page, name)
        field(page, name).fill(str(value))
        field(page, name).blur()


def show_field(page: Page, name: str) -> None:
    """Unfold the section of the setting `name`, with all that is in it."""
    declared = next(s for s in TrainConfig.settings() if s.name == name)
    if declared.traits.advanced:
        page.locator("#depth label").nth(2).click()
    if not page.locator(f"#setting-{name}").count():
        unfold(page, declared.section)


def choose_preset(page: Page, name: str) -> None:
    """Load a preset. Its values may equal those in the form, so one that it must replace is typed before."""
    fill(page, learning_rate="to be replaced")
    expect(page.locator("#problems")).to_contain_text("learning_rate = 'to be replaced'")
    stamp = page.locator("#train-stamp [data-stamp]")
    before = stamp.get_attribute("data-stamp") or ""
    page.locator("#preset input").click()
    page.get_by_role("option", name=name, exact=True).click()
    expect(stamp).not_to_have_attribute("data-stamp", before)
    expect(field(page, "learning_rate")).not_to_have_value("to be replaced")


def press_in_menu(page: Page, button: str) -> None:
    """Press a button of the menu."""
    page.locator("#more").click()
    page.locator(f"#{button}").click()


def unfold(page: Page, section: str) -> None:
    """Unfold a section of the form, if it is not."""
    head = page.locator(f"#section-{section} > .label-wrap")
    if not page.locator(f"#section-{section} .fields").first.is_visible():
        head.click()
    expect(page.locator(f"#section-{section} .fields").first).to_be_visible()
    settle(page)


def show_runs(page: Page) -> None:
    """Show the runs beside the form."""
    page.locator("#panel-mode").get_by_text("What is happening").click()


def start_demo(page: Page, output: Path, **values: object) -> None:
    """Load the demo, change `values`, and press Start."""
    choose_preset(page, "demo")
    expect(field(page, "output_name")).to_have_value("demo")
    fill(page, output_dir=output, **values)
    page.locator("#start").click()


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def address(serve: Callable[..., str], home: Path) -> str:
    return serve(home)


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of its own with an English browser."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-US")
    yield context.new_page()
    context.close()


def test_the_demo_trains_and_shows_what_it_does(page: Page, address: str, tmp_path: Path):
    open_page(page, address)
    short = {"max_train_steps": 6, "train_batch_size": 1, "sample_prompts": PROMPT, "sample_every_n_steps": 3}
    start_demo(page, tmp_path, **short)

    expect(page.locator("#run-step b")).to_contain_text(re.compile(r"[1-6] / 6"), timeout=TRAINING)
    expect(page.locator("#run-state")).to_have_text("finished", timeout=TRAINING)
    expect(page.locator("#chart-loss polyline").first).to_be_visible()
    expect(page.locator("#chart-lr polyline").first).to_be_visible()

    picture = page.locator("#run-samples img").first
    expect(picture).to_be_visible()
    assert picture.evaluate("async image => { await image.decode(); return image.naturalWidth }") == 64
    expect(page.locator("#run-console pre")).not_to_be_empty()

    result = Path(page.locator("#run-result code").inner_text())
    assert result == tmp_path / "demo.safetensors"
    assert result.is_file()


def test_tensorboard_shows_the_loss_in_its_tab(page: Page, address: str):
    open_page(page, address)
    assert page.locator("#tensorboard-frame iframe").count() == 0
    page.get_by_role("tab", name="TensorBoard").click()
    board = page.frame_locator("#tensorboard-frame iframe")
    # TensorBoard looks for new logs every five seconds, its page every thirty.
    expect(board.get_by_text("loss/average").first).to_be_visible(timeout=90_000)


def test_a_run_is_seen_after_a_reload_and_its_file_after_a_stop(page: Page, address: str, tmp_path: Path):
    open_page(page, address)
    long = {"max_train_epochs": 0, "max_train_steps": 100_000, "train_batch_size": 1, "sample_prompts": ""}
    start_demo(page, tmp_path, output_name="long", **long)
    expect(page.locator("#run-step b")).to_contain_text("/ 100,000", timeout=TRAINING)

    page.reload()
    expect(page.locator("#run-state")).to_have_text("running", timeout=30_000)
    expect(page.locator("#run-choice input")).to_have_value(re.compile("^long "))
    expect(page.locator("#start")).to_be_disabled()

    page.locator("#stop").click()
    expect(page.locator("#run-state")).to_have_text("stopped", timeout=TRAINING)
    result = Path(page.locator("#run-result code").inner_text())
    assert result.parent == tmp_path
    assert re.fullmatch(r"long-step\d{8}\.safetensors", result.name)
    assert result.is_file()


def test_earlier_runs_can_be_looked_at(page: Page, address: str):
    open_page(page, address)
    show_runs(page)
    expect(page.locator("#run-choice input")).to_have_value(re.compile("^long "))
    page.locator("#run-choice input").click()
    page.get_by_role("option", name=re.compile("^demo ")).click()
    expect(page.locator("#run-step b")).to_have_text("6 / 6")


def test_what_is_wrong_is_said_beside_the_form_and_nothing_starts(page: Page, address: str):
    open_page(page, address)
    fill(page, learning_rate="fast", network_dim=0)
    problems = page.locator("#problems")
    expect(problems).to_contain_text("learning_rate = 'fast'")
    expect(problems).to_contain_text("network_dim = 0")
    page.locator("#start").click()
    expect(page.get_by_text("Problems to fix before training can start: 2").last).to_be_visible()
    expect(page.locator("#counts .error")).to_have_text("2 to fix")
    expect(page.locator("#start")).to_be_enabled()


def test_settings_that_do_not_apply_are_hidden(page: Page, address: str):
    open_page(page, address)
    unfold(page, "network")
    expect(page.locator("#setting-conv_alpha")).to_be_hidden()
    fill(page, conv_dim=8)
    expect(page.locator("#setting-conv_alpha")).to_be_visible()


def test_a_target_offers_epochs_and_takes_them_over(page: Page, address: str):
    open_page(page, address)
    choose_preset(page, "demo")
    expect(page.locator("#step-line")).to_contain_text("steps")
    page.locator("#target-steps input").fill("1500")
    offer = page.locator("#offers button", has_not_text="repeats").first
    epochs = re.match(r"\d+", offer.inner_text().strip())
    assert epochs
    offer.click()
    expect(field(page, "max_train_epochs")).to_have_value(epochs.group())
    expect(page.locator("#step-line")).to_contain_text(f"{epochs.group()} epochs")


def test_a_preset_is_saved_and_loaded_again(page: Page, address: str):
    open_page(page, address)
    choose_preset(page, "demo")
    expect(field(page, "output_name")).to_have_value("demo")
    fill(page, output_name="zuko", learning_rate="3e-4")
    press_in_menu(page, "save-as")
    page.locator("#preset-name input").fill("my dog")
    page.locator("#preset-confirm").click()
    expect(page.locator("#preset input")).to_have_value(re.compile("my dog"))
    choose_preset(page, "demo")
    expect(field(page, "output_name")).to_have_value("demo")
    choose_preset(page, "my dog (yours)")
    expect(field(page, "output_name")).to_have_value("zuko")
    expect(field(page, "learning_rate")).to_have_value("3e-4")


def test_the_command_and_the_export_are_shown(page: Page, address: str):
    open_page(page, address)
    choose_preset(page, "demo")
    press_in_menu(page, "command")
    expect(page.locator("#output-command textarea")).to_have_value(re.compile("train_core train --config_file"))
    expect(page.locator("#output-text textarea")).to_have_value(re.compile("network_dim"))
    press_in_menu(page, "export")
    expect(page.locator("#output-text textarea")).to_have_value(re.compile('network_module = "networks.lora"'))


def test_the_draft_survives_reload_and_login(browser: Browser, serve: Callable[..., str], tmp_path: Path):
    address = serve(tmp_path, user="ann")
    values = {"output_name": "mein Hund 狗", "learning_rate": "2e-5", "keep_tokens": "3"}
    for visit in range(2):
        context = browser.new_context(locale="en-US")
        page = context.new_page()
        page.goto(address)
        page.get_by_label("username", exact=False).fill("ann")
        page.get_by_label("password", exact=False).fill("ann")
        page.get_by_role("button", name="Login").click()
        wait_until_filled(page)
        unfold(page, "captions")
        if visit == 0:
            fill(page, **values)
            expect(page.locator("#problems")).to_contain_text("keep_tokens = 3")  # so the server has all of it
            page.reload()
        for name, value in values.items():
            show_field(page, name)
            expect(field(page, name)).to_have_value(value)
        context.close()


def test_the_page_speaks_chinese_when_asked(page: Page, address: str):
    open_page(page, address)
    page.locator("#language-zh-CN").click()
    expect(page.locator("#start")).to_have_text("开始训练")
    wait_until_filled(page)
    unfold(page, "optimizer")
    expect(page.locator("#setting-learning_rate")).to_contain_text("学习率")
    expect(page.get_by_role("tab", name="训练", exact=True)).to_be_visible()
    expect(page.locator("#step-line")).to_contain_text("步")
    fill(page, learning_rate="快")
    expect(page.locator("#problems")).to_contain_text("类型不对")
    page.locator("#language-en").click()
    expect(page.locator("#start")).to_have_text("Start")


@pytest.mark.parametrize(
    ("locale", "start", "panel"),
    [
        ("zh-CN", "开始训练", "将会发生什么"), ("zh-TW", "開始訓練", "將會發生什麼"),
        ("zh-HK", "開始訓練", "將會發生什麼"), ("ja-JP", "学習開始", "学習の見通し"),
    ],
)  # fmt: skip
def test_a_browser_is_greeted_in_its_language_and_the_script_of_its_place(
    browser: Browser, address: str, locale: str, start: str, panel: str
):
    context = browser.new_context(locale=locale)
    page = context.new_page()
    page.goto(address)
    expect(page.locator("#start")).to_have_text(start, timeout=30_000)
    expect(page.locator("#panel-mode")).to_contain_text(panel)
    context.close()


def test_a_pasted_path_is_shown_clean(page: Page, address: str, tmp_path: Path):
    open_page(page, address)
    field = page.locator("#setting-train_data_dir :is(input, textarea)")
    field.fill(f' "{tmp_path}" ')
    field.blur()
    expect(field).to_have_value(str(tmp_path))


def test_a_setting_is_found_by_its_words_in_any_language_and_shown_where_it_is(page: Page, address: str):
    open_page(page, address)
    page.keyboard.press("/")
    page.keyboard.type("学习率")
    expect(page.locator("#found .hit").first).to_contain_text("Learning rate")
    page.locator("#search input").fill("noise_offset")
    page.locator("#found .hit", has_text="noise_offset").first.click()
    expect(page.locator("#setting-noise_offset input")).to_be_focused()
    page.locator("#search input").fill("conv_alpha")
    hit = page.locator("#found .hit").first
    expect(hit).to_contain_text("only when conv_dim")
    hit.click()
    expect(page.locator("#setting-conv_alpha")).to_be_visible()


def test_what_was_typed_is_undone_and_redone(page: Page, address: str):
    open_page(page, address)
    choose_preset(page, "demo")
    before = field(page, "output_name").input_value()
    field(page, "output_name").fill("other")
    field(page, "output_name").blur()
    expect(page.locator("#preset-state")).to_contain_text("1 changed")
    page.locator("#undo").click()
    expect(field(page, "output_name")).to_have_value(before)
    page.locator("#redo").click()
    expect(field(page, "output_name")).to_have_value("other")


def test_only_what_differs_is_shown_when_asked_for(page: Page, address: str):
    open_page(page, address)
    choose_preset(page, "demo")
    fill(page, noise_offset="0.05")
    page.locator("#depth label").nth(3).click()
    expect(page.locator("#setting-noise_offset")).to_be_visible()
    expect(page.locator("#section-loss")).to_be_visible()
    expect(page.locator("#setting-multires_noise_iterations")).to_be_hidden()
    expect(page.locator("#section-augmentation")).to_be_hidden()


def test_what_is_wrong_is_counted_in_the_bar_and_said_under_its_field(page: Page, address: str):
    open_page(page, address)
    choose_preset(page, "demo")
    fill(page, network_dim=0)
    expect(page.locator("#setting-network_dim .field-message")).to_contain_text("0")
    page.locator("#section-network > .label-wrap").click()
    expect(page.locator("#setting-network_dim")).to_be_hidden()
    page.locator("#counts a.error").click()
    expect(page.locator("#setting-network_dim input")).to_be_focused()


def test_a_preset_of_kohya_ss_is_opened_reported_on_and_saved_with_what_it_says_beside(
    page: Page, address: str, home: Path, tmp_path: Path
):
    old = {"output_name": "old dog", "learning_rate": "0.0003", "LoRA_type": "Standard", "optimizer": "AdamW",
           "max_resolution": "512,512", "epoch": 7, "no_such_field": "kept"}  # fmt: skip
    (tmp_path / "old.json").write_text(json.dumps(old))
    open_page(page, address)
    page.locator("#more").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#open-file").click()
    chooser.value.set_files(tmp_path / "old.json")
    expect(page.locator("#report")).to_contain_text("no_such_field")
    expect(field(page, "output_name")).to_have_value("old dog")
    expect(field(page, "max_train_epochs")).to_have_value("7")
    page.screenshot(path=tmp_path / "opened.png")
    page.locator("#report-close").click()
    expect(page.locator("#report")).to_be_empty()
    press_in_menu(page, "save-as")
    page.locator("#preset-name input").fill("old dog")
    page.locator("#preset-confirm").click()
    expect(page.locator("#preset input")).to_have_value(re.compile("old dog"))
    kept = json.loads((home / "presets" / "old dog.json").read_text())["imported_from"]["values"]
    assert kept["no_such_field"] == "kept"
    page.locator("#undo").click()
    expect(field(page, "output_name")).not_to_have_value("old dog")


def test_questions_of_a_report_are_counted_down_as_they_are_answered(page: Page, address: str, tmp_path: Path):
    old = {"train_data_dir": "C:\\img", "output_dir": "D:\\out", "output_name": "asked", "LoRA_type": "Standard"}
    (tmp_path / "old.json").write_text(json.dumps(old))
    (tmp_path / "img").mkdir()
    open_page(page, address)
    page.locator("#more").click()
    with page.expect_file_chooser() as chooser:
        page.locator("#open-file").click()
    chooser.value.set_files(tmp_path / "old.json")
    expect(field(page, "output_name")).to_have_value("asked")  # what is typed before that is replaced
    open_questions = page.locator(".import-count.needs > b, #import-needs > summary > b")
    expect(open_questions).to_have_text(["2", "2"])
    fill(page, output_dir=tmp_path / "out")
    expect(open_questions).to_have_text(["1", "1"])
    expect(page.locator("#import-needs dt.answered")).to_have_attribute("data-setting", "output_dir")
    fill(page, train_data_dir=tmp_path / "nowhere")
    expect(page.locator("#setting-train_data_dir .path-mark[data-sign=bad]")).to_be_visible()
    expect(open_questions).to_have_text(["1", "1"])
    fill(page, train_data_dir=tmp_path / "img")
    expect(open_questions).to_have_text(["0", "0"])


def test_a_trained_lora_dropped_on_the_page_puts_its_settings_into_the_form(page: Page, address: str):
    open_page(page, address)
    header = json.dumps({"__metadata__": {
        "ss_network_module": "networks.lora", "ss_network_dim": "12", "ss_output_name": "dropped", "ss_seed": "5",
    }})  # fmt: skip
    page.evaluate(
        """(header) => {
          const head = new TextEncoder().encode(header), length = new Uint8Array(8);
          new DataView(length.buffer).setBigUint64(0, BigInt(head.length), true);
          const files = new DataTransfer();
          files.items.add(new File([length, head], "zuko.safetensors"));
          document.body.dispatchEvent(new DragEvent("drop", {dataTransfer: files, bubbles: true, cancelable: true}));
        }""",
        header,
    )
    expect(page.locator("#report")).to_contain_text("ss_network_module")
    show_field(page, "network_dim")
    expect(field(page, "network_dim")).to_have_value("12")
