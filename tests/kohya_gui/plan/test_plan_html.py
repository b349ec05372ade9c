"""The panel "what will happen"."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markupsafe import Markup

from kohya_gui.form.validate_form import CheckedForm, check_form
from kohya_gui.i18n.value_kinds import bytes_text
from kohya_gui.plan import plan
from kohya_gui.plan import plan_html as panel
from kohya_gui.plan.figures_html import Figure, figures
from kohya_gui.plan.pictures_html import Pictures
from kohya_gui.plan.plan import free_space, plan_of
from kohya_gui.plan.words import percent_text
from tests.adapters import adapter_on
from tests.event_lines import EventLog
from tests.kohya_gui.views.test_escaping import HOSTILE, Elements
from tests.pictures import image_folder
from tests.tiny import tiny_file
from train_core.config.files import write_toml
from train_core.config.places import runs_dir
from train_core.config.sections.network import NetworkSettings
from train_core.facts.models.model_files import base_files
from train_core.facts.run.costs import work_digest
from train_core.facts.run.run_folders import new_folder
from train_core.models.load import open_model


def plan_html(checked: CheckedForm, language: str, pictures: Pictures | None = None) -> Markup:
    """The whole panel of a form."""
    found = plan_of(checked)
    return panel.notes_card(found, language) + panel.plan_html(found, language, pictures)


def figure(checked, name: str, language: str = "en") -> Figure:
    return next(one for one in figures(plan_of(checked), language) if one.name == name)


def test_the_figures_are_steps_file_and_disk(form):
    checked = form(save_every_n_epochs=1, network_dim=8)
    assert figure(checked, "Steps") == ("Steps", "200", "4 epochs of 50")
    assert figure(checked, "File").note == "4 × fp16"
    assert re.fullmatch(r"[\d.]+ [GTM]iB", figure(checked, "Free disk").value)


def test_the_file_is_as_large_as_the_adapter_of_this_very_model(form):
    family = open_model(base_files(str(tiny_file()))).family
    adapter = adapter_on(family.targets(), NetworkSettings(network_dim=8))
    values = sum(tensor.numel() for layer in adapter.layers.values() for tensor in layer.tensors().values())
    assert figure(form(network_dim=8), "File").value == bytes_text(2 * values)
    assert figure(form(network_dim=8, save_precision="float"), "File").value == bytes_text(4 * values)


def test_the_disk_has_to_take_the_states_of_a_whole_model_too(form):
    whole = {"training_method": "fine-tuning", "optimizer_type": "AdamW", "save_precision": "float"}
    without, with_states = (plan_of(form(**whole, save_state_on_train_end=on)) for on in (False, True))
    assert without.states_bytes == 0
    assert with_states.states_bytes > 2 * without.file_bytes  # weights, and two numbers of AdamW's for each
    note = next(one.note for one in figures(with_states, "en") if one.name == "Free disk")
    assert bytes_text(without.file_bytes + with_states.states_bytes) in note


def test_a_figure_that_is_not_known_says_why(form):
    assert figure(form(pretrained_model_name_or_path=""), "File") == ("File", "–", "Choose a base model.")
    assert figure(form(output_dir=""), "Free disk") == ("Free disk", "–", "Choose an output folder.")
    assert figure(form(train_data_dir=""), "Steps")[1:] == ("–", "Choose an image folder.")
    assert "25 blocks" in figure(form(block_dims="1,2"), "File").note


def test_the_formula_and_the_reasons_for_other_steps_stand_below(form):
    assert "10 images × 10 repeats × 4 epochs ÷ 2 per batch = <strong>200 steps</strong>" in plan_html(form(), "en")
    assert "= 200 → <strong>100 steps</strong>" in plan_html(form(gradient_accumulation_steps=2), "en")


def test_each_folder_has_its_line_and_its_thumbnails_where_there_is_an_address_for_them(form):
    checked = form()
    assert "10 images × 10 repeats = 100 per epoch" in plan_html(checked, "en")
    assert "<img" not in plan_html(checked, "en")
    with_pictures = plan_html(checked, "en", lambda path: f"/thumb/{path.name}?a&b")
    assert with_pictures.count("<img ") == 6
    assert 'src="/thumb/' in with_pictures
    assert "?a&amp;b" in with_pictures


def test_buckets_are_bars_as_high_as_they_are_full(form):
    html = plan_html(form(), "en")
    assert re.findall(r'<i style="height:(\d+)%" title="([^"]+)"', html) == [
        ("100", "64 × 64: 6 images, 60 per epoch"), ("67", "80 × 48: 4 images, 40 per epoch"),
    ]  # fmt: skip
    assert "sizes: 2, cropped: 1 %, at most 2 % of an image" in html


def test_the_rates_are_drawn_with_a_line_for_each_part(form):
    html = plan_html(form(unet_lr=1e-4, text_encoder_lr="5e-5"), "en")
    assert html.count("<polyline") == 2
    assert "U-Net <b>up to 1e-4</b>" in html
    assert "text encoder <b>up to 5e-5</b>" in html
    assert "The optimizer chooses its own" in plan_html(form(optimizer_type="Adafactor"), "en")
    assert "<polyline" not in plan_html(form(train_data_dir=""), "en")


def test_alpha_and_rank_are_shown_as_the_strength_that_they_make(form):
    assert "<b>16 / 32 = 0.5</b>" in plan_html(form(), "en")
    assert "<b>1 / 8 = 0.125</b>" in plan_html(form(conv_dim=8), "en")
    assert "<b>8 / √64 = 1</b>" in plan_html(form(network_dim=64, network_alpha=8.0, rs_lora=True), "en")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_an_empty_form_has_a_panel_too(language):
    html = plan_html(check_form({}, "the form"), language)
    assert html.count("–") >= 3


def test_a_folder_without_a_readable_picture_has_a_panel_too(form, tmp_path: Path):
    (tmp_path / "broken" / "10_dog").mkdir(parents=True)
    (tmp_path / "broken" / "10_dog" / "a.png").write_bytes(bytes(100))
    checked = form(train_data_dir=str(tmp_path / "broken"))
    assert "plan-bars" not in plan_html(checked, "en")
    assert any("a.png" in found.text for found in checked.errors)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_names_stay_text(form, tmp_path: Path, language: str):
    image_folder(tmp_path / "images", "5_" + HOSTILE.replace("/", "∕"), [(64, 64)] * 2, HOSTILE)
    found = Elements(plan_html(form(output_name=HOSTILE), language, lambda path: HOSTILE))
    assert "script" not in found.tags
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "onerror=alert" in found.shown


def test_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Path):
    assert free_space(str(tmp_path / "not" / "yet")) == pytest.approx(free_space(str(tmp_path)), rel=0.01)
    assert free_space("  ") is None


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (144 * 2**20, "144 MiB"), (2**40, "1.0 TiB")]
)
def test_sizes_have_about_three_digits(count, words):
    assert bytes_text(count) == words


@pytest.mark.parametrize(("share", "words"), [(0, "0 %"), (0.004, "0.4 %"), (0.03, "3 %"), (1, "100 %")])
def test_shares_are_percents(share, words):
    assert percent_text(share) == words


def test_time_and_memory_are_those_of_a_past_run_that_did_the_same_work(form):
    checked = form()
    assert figure(checked, "Time") == ("Time", "–", "Known after a run or a try with these settings.")
    folder = new_folder(runs_dir(), "old")
    write_toml(folder / "config.toml", checked.config)
    log = EventLog(folder / "events.jsonl")
    log.write(
        "measured", work=work_digest(checked.config), device="cpu", card="", steps=200, seconds_per_step=3.0,
        peak_memory=2**31,
    )
    log.write("finished", status="completed")
    log.close()
    assert figure(checked, "Time").value == "10:00"  # 200 steps
    assert "3 s a step, as in the run old of " in figure(checked, "Time").note
    assert figure(checked, "Memory") == ("Memory", "2.0 GiB", "of the computer, at its peak")
    assert figure(form(train_batch_size=3), "Time").value == "–"
    assert figure(form(max_train_epochs=8), "Time").value == "20:00"


def test_the_card_is_asked_about_for_its_hint(form, monkeypatch):
    monkeypatch.setattr(plan, "card_memory", lambda: 24 * 2**30)
    assert "hint_batch_large_card" in [advice.code for advice in plan_of(form(train_batch_size=1)).hints]
