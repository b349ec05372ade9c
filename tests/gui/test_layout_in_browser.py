"""Where things lie on the page: nothing covers what is to be read or pressed."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from kohya_gui.i18n.languages import languages
from kohya_gui.preferences import preferences
from kohya_gui.preferring import prefer
from kohya_gui.views.charts import Series, line_chart
from tests.gui.opening import settle

# Pairs of tokens (look.css) with too little contrast: words on page and card, and on a pill of their own colour.
CONTRASTS = """() => {
  const probe = document.querySelector(".gradio-container").appendChild(document.createElement("i"));
  const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
  const paint = (colour) => {
    probe.style.color = colour;
    canvas.fillStyle = getComputedStyle(probe).color;
    canvas.fillRect(0, 0, 1, 1);
  };
  const luminance = (...colours) => {
    colours.forEach(paint);
    const part = (v) => v <= 10 ? v / 3294.6 : ((v / 255 + 0.055) / 1.055) ** 2.4;
    const [r, g, b] = canvas.getImageData(0, 0, 1, 1).data;
    return 0.2126 * part(r) + 0.7152 * part(g) + 0.0722 * part(b);
  };
  const contrast = (words, behind) => {
    const [dark, light] = [luminance(words), luminance(...behind)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const pill = (name) => `color-mix(in srgb, var(--${name}) ${name === "warn" ? 16 : 14}%, transparent)`;
  const pairs = ["ink", "soft", "faint", "accent", "ok", "warn", "bad", "blue", "purple", "green", "red"]
    .flatMap((name) => ["bg", "card"].map((behind) => [name, [`var(--${behind})`]]));
  for (const name of ["ok", "warn", "bad"]) {
    pairs.push(...["bg", "card"].map((behind) => [name, [`var(--${behind})`, pill(name)]]));
  }
  pairs.push(["soft", ["var(--chip)"]], ["on-accent", ["var(--accent)"]], ["accent", ["var(--accent-soft)"]]);
  return pairs.filter(([name, behind]) => contrast(`var(--${name})`, behind) < 4.5);
}"""
Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels


def box_of(place: Locator) -> Box:
    box = place.bounding_box()
    assert box is not None
    return box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"]


def overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def words_of(label: Locator) -> Box:
    """The box around the letters themselves."""
    left, top, right, bottom = label.evaluate(
        "label => { const range = document.createRange(); range.selectNodeContents(label);"
        " const box = range.getBoundingClientRect(); return [box.left, box.top, box.right, box.bottom]; }"
    )
    return left, top, right, bottom


@pytest.mark.parametrize(("width", "locale"), [(1280, "en-US"), (1440, "ja")])
def test_a_long_label_does_not_run_under_the_button_in_its_field(
    window: Callable[..., Page], width: int, locale: str
) -> None:
    page = window(width, 720, locale)
    page.locator("#section-optimizer .label-wrap").click()
    settle(page)
    field = page.locator("#setting-text_encoder_lr")
    field.locator("input, textarea").first.fill("3e-5")
    expect(field.locator(".reset-one")).to_be_visible()
    label = field.locator("[data-testid=block-info]")
    assert not overlap(words_of(label), box_of(field.locator(".reset-one")))


@pytest.mark.parametrize("width", [1280, 390])
def test_what_is_told_is_stacked_and_leaves_start_and_queue_free(window: Callable[..., Page], width: int) -> None:
    page = window(width, 720)
    page.locator("#setting-pretrained_model_name_or_path").locator("input, textarea").first.fill("/nowhere/x.ckpt")
    expect(page.locator("#counts .pill.error")).to_be_visible()
    page.locator("#start").click()
    expect(page.locator(".toast-body")).to_be_visible()
    page.evaluate("crucible.toast('the first', true); crucible.toast('the second\\nin two lines', true)")
    expect(page.locator(".told")).to_have_count(2)
    expect(page.locator("#told")).to_have_attribute("style", re.compile("--beside: [1-9]"))
    said = [box_of(one) for one in [*page.locator(".told").all(), page.locator(".toast-body")]]
    assert not [pair for pair in combinations(said, 2) if overlap(*pair)]
    start = box_of(page.locator("#start"))
    assert not [one for one in said if overlap(one, start)]
    if width > 900:
        queue = box_of(page.locator("#queue"))
        assert not [one for one in said if overlap(one, queue)]


def test_a_phone_shows_every_language_and_lets_the_end_of_the_page_be_seen(window: Callable[..., Page]) -> None:
    page = window(390, 844, "zh-CN")
    assert page.locator("#header .languages").evaluate("row => row.scrollWidth <= row.clientWidth")
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    assert box_of(page.locator("#target-steps"))[3] <= box_of(page.locator("#start"))[1]


@pytest.mark.parametrize("locale", languages())
def test_a_phone_has_room_for_every_tab_and_for_what_a_button_shows(window: Callable[..., Page], locale: str) -> None:
    page = window(390, 844, locale)
    tabs = page.locator("#tabs > .tab-wrapper button[role=tab]")
    expect(tabs).to_have_count(8)
    assert box_of(tabs.first)[0] >= 0
    assert box_of(tabs.last)[2] <= 390
    page.locator("#more").click()
    page.locator("#command").click()
    expect(page.locator("#output-command textarea")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_curve_of_one_point_has_its_name_in_the_legend_to_be_read(window: Callable[..., Page]) -> None:
    page = window(1280, 720)
    chart = line_chart("Loss", [Series("validation", [(10, 0.25)])], "")
    page.locator(".gradio-container").evaluate(
        "(page, html) => { page.appendChild(document.createElement('div')).outerHTML = html; }",
        f"<div id=one>{chart}</div>",
    )
    key = page.locator("#one .key")
    assert key.evaluate("key => getComputedStyle(key).backgroundColor") == "rgba(0, 0, 0, 0)"
    assert box_of(key)[3] - box_of(key)[1] >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_what_is_behind_them(window: Callable[..., Page], scheme: str) -> None:
    """Contrasts as WCAG 2.1 asks of text (4.5), for every colour of words on every background there is."""
    page = window(1280, 720, color_scheme=scheme)
    assert page.evaluate(CONTRASTS) == []


@pytest.mark.parametrize("width", [1280, 390])
def test_a_long_folder_of_a_webui_stays_in_its_card_and_off_the_button(
    window: Callable[..., Page], home: Path, width: int
) -> None:
    prefer(replace(preferences(), webuis=("/home/somebody/pictures-and-programs/packages/stable-diffusion-webui",)))
    page = window(1280, 720)
    page.locator("#tab-settings-button").click()
    page.set_viewport_size({"width": width, "height": 720})
    row = page.locator("#prefer-webuis tr")
    expect(row).to_be_visible()
    folder, button = box_of(row.locator("code")), box_of(row.locator("button"))
    assert folder[2] + 8 <= button[0]
    assert button[2] <= box_of(page.locator("#prefer-webuis"))[2] <= width


def test_scrollbars_and_tensorboard_are_dark_where_the_page_is(window: Callable[..., Page]) -> None:
    page = window(1280, 720, color_scheme="light")
    scheme = "getComputedStyle(document.documentElement).colorScheme"
    assert page.evaluate(scheme) == "light"
    page.locator("#theme").click()
    assert page.evaluate(scheme) == "dark"
    page.locator("#tab-tensorboard-button").click()
    page.wait_for_function("JSON.parse(localStorage._tb_global_settings ?? '{}').theme === 'dark'")
    assert page.evaluate("JSON.parse(localStorage._tb_global_settings).timeSeriesSettingsPaneOpened")


def test_tensorboard_gives_a_phone_s_room_to_the_curves(window: Callable[..., Page]) -> None:
    page = window(390, 844)
    page.locator("#tab-tensorboard-button").click()
    kept = "JSON.parse(localStorage._tb_global_settings ?? '{}')"
    page.wait_for_function(f"{kept}.timeSeriesSettingsPaneOpened === false")
