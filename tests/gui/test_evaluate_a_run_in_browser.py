"""From a training to a grid of its files: chosen in the list of runs, filled in, drawn, looked at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.gui.opening import settle
from tests.tiny import tiny_file
from tests.train_core.workshop.conftest import VERSIONS, random_adapter
from tests.trained import trained_run
from train_core.networks.files.adapter_file import save_adapter

RUN = "20260101-000000-fox"
SAID = {
    "ss_base_model_version": VERSIONS["sd1"], "ss_dataset_dirs": '{"1_fox": {"n_repeats": 1, "img_count": 4}}',
    "ss_tag_frequency": '{"1_fox": {"zorro": 4, "1girl": 4, "red hair": 4, "school uniform": 3, "smile": 1}}',
}  # fmt: skip
WORKING = 120_000  # milliseconds that drawing may take on a slow, busy machine


def test_who_has_no_grid_is_led_to_the_form_that_draws_one(window: Callable[..., Page]) -> None:
    page = window(1440)
    page.get_by_role("tab", name="Evaluate", exact=True).click()
    page.locator("#evaluate-draw").click()
    expect(page.locator("#run-draw_grid")).to_be_visible()


def test_a_training_s_files_are_drawn_side_by_side(
    window: Callable[..., Page], home: Path, tmp_path: Path
) -> None:
    trained_run(
        RUN, tmp_path, epochs=2, pretrained_model_name_or_path=str(tiny_file()), sample_prompts="a fox --w 64 --h 64"
    )
    for epoch in (1, 2):
        path = tmp_path / "out" / f"fox-{epoch:06d}.safetensors"
        save_adapter(path, random_adapter("sd1", seed=epoch).state_dict_for_file(), SAID)
    page = window(1440)
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.locator(f'[data-dialog="evaluate"][data-run="{RUN}"]').click()
    dialog = page.locator("#runs-dialog")
    page.screenshot(path=tmp_path / "templates.png")
    dialog.get_by_role("button", name="Views").click()

    def shown(name: str):
        return page.locator(f"#draw_grid-setting-{name} :is(input,textarea)").first

    expect(shown("grid_axes")).to_have_value(
        "file: fox-000001, fox-000002\n"
        "replace: full body, from behind, from above, dutch angle, fisheye, foreshortening"
    )
    expect(shown("draw_prompts")).to_have_value(
        "solo, 1girl, zorro, full body, looking at viewer, red hair, school uniform, simple background"
    )
    page.screenshot(path=tmp_path / "filled.png")
    settle(page)
    for name, value in {
        "grid_axes": "file: fox-000001, fox-000002\nreplace: full body, from behind", "draw_steps": "2",
    }.items():
        shown(name).fill(value)
        shown(name).press("Tab")
    page.locator("#run-draw_grid").click()
    expect(page.locator("#evaluate-tool #tool-state.completed")).to_be_visible(timeout=WORKING)
    expect(page.locator("#draw_grid-setting-grid_axes")).to_contain_text("Cells of the grid: 4. Different pictures: 6")
    expect(page.locator("#evaluate-tool")).to_contain_text("Cells of the grid: 4. Different pictures: 6")
    page.screenshot(path=tmp_path / "drawn.png", full_page=True)
    page.locator("#evaluate-tool [data-grids]").click()
    page.locator("#evaluate-known button").first.click()
    expect(page.locator("#evaluate-count")).to_have_text("4 cells")
    page.screenshot(path=tmp_path / "grid.png")
    page.locator("#tool-draw_grid-button").click()
    settle(page)
    shown("draw_steps").fill("9")
    shown("draw_steps").press("Tab")
    page.locator("#evaluate-grids-button").click()
    page.get_by_role("button", name="Draw more").click()
    expect(shown("draw_steps")).to_have_value("2")
    expect(shown("grid_axes")).to_have_value("file: fox-000001, fox-000002\nreplace: full body, from behind")
    page.get_by_role("tab", name="Runs", exact=True).click()
    page.locator(f'[data-dialog="evaluate"][data-run="{RUN}"]').click()
    dialog.get_by_role("button", name="Words").click()
    words = page.locator("#probe_tags-setting-probe_tags textarea")
    expect(words).to_have_value("zorro, 1girl, red hair, school uniform")
    expect(page.locator("#probe_tags-setting-probe_files textarea")).to_have_value(
        str(tmp_path / "out" / "fox-000002.safetensors")
    )
