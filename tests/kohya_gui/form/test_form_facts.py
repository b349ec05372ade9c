"""Parts around the form that follow what is typed: steps, problems, hidden fields, paths."""

from __future__ import annotations

import html
import json
import os
import re
from pathlib import Path
from typing import Any

import gradio as gr
import pytest
from markupsafe import Markup, escape

from kohya_gui.files.reach import Reach
from kohya_gui.form.form_facts import (
    field_messages,
    offered_paths,
    offers_html,
    step_line_html,
    step_words,
)
from kohya_gui.form.validate_form import CheckedForm, check_form
from kohya_gui.form.widgets import Form, build_form
from kohya_gui.plan.plan import plan_of
from kohya_gui.plan.plan_html import notes_card
from kohya_gui.preferring import name_webui
from kohya_gui.views.sources_html import sources_html
from tests.pictures import image_folder, noise_image
from tests.train_core.facts.models.test_headers import SD1, write
from train_core.config.jobs.pictures import TagPictures
from train_core.config.jobs.train import TrainConfig
from train_core.config.tables import dump_tables
from train_core.studio.tagging.wd_files import demo_tagger


@pytest.fixture(scope="module")
def form() -> Form:
    with gr.Blocks():
        return build_form(TrainConfig)


@pytest.fixture
def images(tmp_path: Path, monkeypatch) -> Path:
    """Ten square images with ten repeats; caches are kept beside them."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    parent = tmp_path / "images"
    image_folder(parent, "10_zuko dog", [(64, 64)] * 10, "a dog")
    return parent


def checked(images: Path, **values: Any) -> CheckedForm:
    given = {"train_data_dir": str(images), "resolution": "64", "max_train_epochs": "4", "train_batch_size": 2}
    return check_form({**given, **values}, "the form")


def test_the_step_line_is_the_formula_people_know(images: Path):
    line = step_line_html(checked(images), "en")
    assert "<b>200 steps</b>" in line
    assert "10 images × 10 repeats × 4 epochs ÷ 2 per batch<" in line
    assert "why" not in line


def test_where_other_steps_will_run_the_line_says_how_many_and_why(images: Path):
    line = step_line_html(checked(images, gradient_accumulation_steps=2), "en")
    assert "<b>100 steps</b>" in line
    assert "2 per batch = 200" in line
    assert 'class="reasons"' in line


def test_the_plan_never_says_that_one_number_is_another(images: Path):
    assert "÷ 2 per batch = <strong>200 steps</strong>" in step_words(checked(images), "en")
    ended = step_words(checked(images, max_train_epochs="0", max_train_steps="30"), "en")
    assert "÷ 2 per batch = 50 → <strong>30 steps</strong>" in ended
    assert "max_train_steps ends the run after 30 steps" in ended


def test_folders_with_different_repeats_are_added_up(images: Path):
    image_folder(images, "3_cat", [(64, 64)] * 5, "a cat")
    assert "15 images with their repeats = 115" in step_line_html(checked(images), "en")


def test_an_image_that_is_added_is_counted_at_once(images: Path):
    before = step_line_html(checked(images), "en")
    image_folder(images, "1_new", [(64, 64)], "new")
    assert step_line_html(checked(images), "en") != before


def test_the_line_is_counted_even_while_another_field_is_wrong(images: Path):
    assert "200 steps" in step_line_html(checked(images, learning_rate="fast"), "en")


def test_without_images_the_line_asks_for_them(images: Path):
    assert "Choose an image folder" in step_line_html(checked(images, train_data_dir=""), "en")
    assert "选好图片文件夹" in step_line_html(checked(images, train_data_dir=""), "zh-CN")


def notes(found: CheckedForm, language: str) -> Markup:
    return notes_card(plan_of(found), language)


def test_every_problem_is_shown_with_the_label_of_its_setting(images: Path):
    found = checked(images, learning_rate="fast", network_dim=0)
    shown = notes(found, "en")
    assert '<a href="#setting-learning_rate">Learning rate</a>' in shown
    assert '<a href="#setting-network_dim">' in shown
    assert {"learning_rate", "network_dim"} <= set(field_messages(found, "en"))


def test_what_users_type_cannot_become_part_of_the_page(images: Path):
    found = checked(images, learning_rate="<img src=x onerror=alert(1)>", vae='"><script>')
    for shown in (notes(found, "en"), *field_messages(found, "en").values()):
        assert "<img" not in shown
        assert "<script" not in shown


def hidden_in(form: Form, found: CheckedForm) -> list[str]:
    return form.hidden(found.config.flat(), found.facts)


def test_only_what_applies_is_shown(form: Form, images: Path):
    assert "conv_alpha" in hidden_in(form, checked(images))
    assert "conv_alpha" not in hidden_in(form, checked(images, conv_dim=4))


@pytest.mark.parametrize(
    ("model", "away"),
    [
        (SD1, ["zero_terminal_snr", "scale_v_pred_loss_like_noise_pred"]),
        ({**SD1, "v_pred": (0,)}, ["v_pred_like_loss"]), (None, []),
    ],
    ids=["noise", "velocity", "none chosen"],
)  # fmt: skip
def test_what_only_other_base_models_use_is_not_shown(
    form: Form, images: Path, model: dict[str, tuple[int, ...]] | None, away: list[str]
):
    path = str(write(images.parent / "model.safetensors", model)) if model else ""
    hidden = hidden_in(form, checked(images, pretrained_model_name_or_path=path))
    for name in ("zero_terminal_snr", "scale_v_pred_loss_like_noise_pred", "v_pred_like_loss"):
        assert (name in hidden) == (name in away), name


def test_what_the_base_model_cannot_use_stays_in_sight_while_it_is_on(form: Form, images: Path):
    path = write(images.parent / "model.safetensors", SD1)
    found = checked(images, pretrained_model_name_or_path=str(path), zero_terminal_snr=True)
    assert '<a href="#setting-zero_terminal_snr">Zero terminal SNR</a>' in notes(found, "en")
    assert "zero_terminal_snr" not in hidden_in(form, found)
    assert "scale_v_pred_loss_like_noise_pred" in hidden_in(form, found)


def test_offers_reach_the_target_and_say_which_folders_to_rename(images: Path):
    shown = offers_html(checked(images), "1,500 steps", "en")
    puts = [json.loads(html.unescape(put)) for put in re.findall(r'data-put="([^"]+)"', shown)]
    assert len(puts) >= 2
    assert all(put["max_train_steps"] == 0 and put["max_train_epochs"] > 0 for put in puts)
    assert re.search(r"10_zuko dog.*\d+_zuko dog", shown)
    assert re.search(r">\d+ epochs = [\d,]+ steps<", shown)


def test_no_offers_without_a_target_or_images(images: Path):
    assert offers_html(checked(images), "soon", "en") == ""
    assert offers_html(checked(images, train_data_dir=""), "1500", "en") == ""


def test_only_fields_of_one_path_offer_paths(form: Form, tmp_path: Path):
    (tmp_path / "base.safetensors").touch()
    assert offered_paths(form, "pretrained_model_name_or_path", f"{tmp_path}/") == [str(tmp_path / "base.safetensors")]
    assert offered_paths(form, "learning_rate", f"{tmp_path}/") is None
    assert offered_paths(form, "no_such_setting", f"{tmp_path}/") is None


def test_regularisation_is_why_the_steps_double(images: Path, tmp_path: Path):
    folder = image_folder(tmp_path / "reg", "1_dog", [])
    for number in range(3):
        noise_image((64, 64), 50 + number).save(folder / f"{number}.png")
    line = step_line_html(checked(images, reg_data_dir=str(tmp_path / "reg")), "en")
    assert "10 images × 10 repeats × 4 epochs ÷ 2 per batch = 200<" in line
    assert "<b>400 steps</b>" in line
    assert "doubles the steps" in line


def test_what_regularisation_protects_is_shown(images: Path, tmp_path: Path):
    image_folder(tmp_path / "reg", "1_dog", [(64, 80)])
    shown = notes(checked(images, reg_data_dir=str(tmp_path / "reg")), "en")
    assert '<span class="plan-dot info">' in shown
    assert escape('protects "dog" while "zuko dog" is learnt') in shown


def test_a_regularisation_folder_left_unused_is_offered_with_its_setting(images: Path, tmp_path: Path):
    image_folder(tmp_path / "reg", "1_dog", [(64, 80)])
    shown = notes(checked(images), "en")
    assert '<a href="#setting-reg_data_dir">Regularisation folder</a>' in shown


def test_a_dataset_file_is_counted_and_followed_as_it_changes(images: Path, tmp_path: Path):
    def line(repeats: int) -> str:
        path = tmp_path / "images.toml"
        subset = {"image_dir": str(images / "10_zuko dog"), "num_repeats": repeats}
        path.write_text(dump_tables({"datasets": [{"subsets": [subset]}]}), encoding="utf-8")
        os.utime(path, (repeats, repeats))
        return step_line_html(checked(images, train_data_dir="", dataset_config=str(path)), "en")

    assert "<b>60 steps</b>" in line(3)
    assert "10 images × 5 repeats × 4 epochs ÷ 2 per batch" in line(5)


def test_a_size_that_fits_no_bucket_is_not_counted_even_beside_another_mistake(images: Path, tmp_path: Path):
    path = tmp_path / "images.toml"
    subset = {"image_dir": str(images / "10_zuko dog")}
    path.write_text(
        dump_tables({"datasets": [{"resolution": 64, "bucket_reso_steps": 128, "subsets": [subset]}]}), encoding="utf-8"
    )
    found = checked(images, dataset_config=str(path), bucket_no_upscale=False)
    assert "two_image_sources" in {p.code for p in found.errors}
    assert "once the errors are put right" in step_line_html(found, "en")


def test_repeats_that_stand_in_no_folders_name_are_not_offered_for_renaming(images: Path, tmp_path: Path):
    path = tmp_path / "images.toml"
    subset = {"image_dir": str(images / "10_zuko dog"), "num_repeats": 3}
    path.write_text(dump_tables({"datasets": [{"subsets": [subset]}]}), encoding="utf-8")
    found = checked(images, train_data_dir="", dataset_config=str(path))
    shown = offers_html(found, "1500", "en")
    assert "data-put" in shown
    assert "rename" not in shown


def test_dataset_files_are_offered_where_one_is_asked_for(form: Form, tmp_path: Path):
    for name in ("images.toml", "meta.jsonl", "model.safetensors"):
        (tmp_path / name).touch()
    offered = offered_paths(form, "dataset_config", f"{tmp_path}/")
    assert offered == [str(tmp_path / "images.toml"), str(tmp_path / "meta.jsonl")]


def table_of(found: CheckedForm) -> str:
    return sources_html(found.trained, found.config.training.train_batch_size, "en")


def test_a_table_says_what_an_epoch_sees_of_each_folder(images: Path, tmp_path: Path):
    image_folder(tmp_path, "1_dog", [(64, 80)])
    path = tmp_path / "images.toml"
    own, regular = {"image_dir": "images/10_zuko dog"}, {"image_dir": "1_dog", "is_reg": True, "class_tokens": "dog"}
    datasets = [{"subsets": [own, regular]}, {"resolution": [128, 64], "batch_size": 7, "subsets": [own]}]
    path.write_text(dump_tables({"datasets": datasets}), encoding="utf-8")
    shown = table_of(checked(images, train_data_dir="", dataset_config=str(path)))
    table = shown.partition('<table id="sources"')[2].partition("</table>")[0]
    rows = [re.findall(r"<td>(?:<span[^>]*>)?([^<]*)", row) for row in table.split("<tr>")[2:]]
    assert rows == [
        ["10_zuko dog", "training", "10", "10", "64", "2"],
        ["1_dog", "regularisation", "1", "10", "64", "2"],
        ["10_zuko dog", "training", "10", "10", "128 × 64", "7"],
    ]


def test_plain_training_folders_need_no_table(images: Path):
    assert table_of(checked(images)) == ""


def test_models_of_a_webui_are_offered_by_their_names(form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    bases = tmp_path / "webui" / "models" / "Stable-diffusion"
    bases.mkdir(parents=True)
    name_webui(str(tmp_path / "webui"))
    for name in ("Anything v5.safetensors", "realistic.safetensors", "notes.txt"):
        (bases / name).touch()
    offered = [str(bases / "Anything v5.safetensors"), str(bases / "realistic.safetensors")]
    assert offered_paths(form, "pretrained_model_name_or_path", "")[:2] == offered
    assert offered_paths(form, "pretrained_model_name_or_path", "anyTH")[0] == offered[0]
    assert str(bases / "realistic.safetensors") not in offered_paths(form, "pretrained_model_name_or_path", "anyTH")
    assert not set(offered) & set(offered_paths(form, "vae", ""))
    elsewhere = Reach((tmp_path / "home",))
    assert not set(offered) & set(offered_paths(form, "pretrained_model_name_or_path", "", elsewhere))


def test_steps_that_cannot_be_counted_say_why(images: Path):
    assert "once the errors are put right" in step_line_html(checked(images, max_train_epochs="2.5"), "en")


def test_absurd_repeats_are_not_offered(images: Path):
    offered = offers_html(checked(images), "900000", "en")
    assert "epochs" in offered
    assert "repeats" not in offered


def test_the_demo_s_tagger_is_offered_where_one_is_asked_for(tmp_path: Path) -> None:
    with gr.Blocks():
        tools = build_form(TagPictures, "tag_pictures-")
    for typed in ("", "Demo", "tag"):
        assert offered_paths(tools, "tagger", typed)[0] == str(demo_tagger())
    for name, typed in (("pictures", ""), ("tagger", f"{tmp_path}/")):
        assert str(demo_tagger()) not in offered_paths(tools, name, typed)
    assert offered_paths(tools, "tagger", "", Reach((tmp_path,))) == [str(tmp_path)]
