"""The notes of the panel: order, cures, sources and files."""

from __future__ import annotations

import json
import re
from html import unescape
from pathlib import Path

import pytest

from kohya_gui.i18n.languages import languages
from kohya_gui.plan.notes_html import all_notes, notes_html
from kohya_gui.plan.plan import plan_of
from kohya_gui.views.cure_html import cure_html, cure_words
from tests.kohya_gui.views.test_escaping import HOSTILE, Elements
from tests.tiny_families import file_of
from train_core.facts.advice import CURES, Cure

BUTTON = re.compile(r'<button class="cure" data-put="([^"]*)" type="button"(?: title="[^"]*")?>([^<]*)</button>')


def buttons(html: str) -> list[tuple[dict, str]]:
    """The settings that each button puts into the form, and its words."""
    return [(json.loads(unescape(put)), unescape(words)) for put, words in BUTTON.findall(html)]


def codes(checked) -> list[tuple[str, str]]:
    return [(kind, advice.code) for kind, advice in all_notes(plan_of(checked))]


def test_errors_come_first_then_warnings_then_hints(form):
    found = codes(form(output_dir="", network_dim=128, optimizer_type="Prodigy"))
    order = [kind for kind, _ in found]
    assert order == sorted(order, key=["bad", "warn", "hint", "info"].index)
    assert {kind for kind, _ in found} >= {"bad", "warn", "hint"}


def test_a_hint_has_a_button_that_sets_the_value_and_names_its_source(form):
    html = notes_html(plan_of(form(network_dim=128)), "en")
    assert ({"network_dim": 64}, "Set “Network rank (dimension)” to 64") in buttons(html)
    assert "Source: widely followed LoRA tutorials" in html


def test_an_error_has_the_cure_that_it_names(form, tmp_path: Path):
    html = notes_html(plan_of(form(train_data_dir=str(tmp_path / "images" / "10_zuko dog"))), "en")
    assert {"train_data_dir": str(tmp_path / "images")} in [put for put, _ in buttons(html)]


def test_captions_are_linted_and_a_change_is_seen_at_once(form, tmp_path: Path):
    folder = tmp_path / "images" / "10_zuko dog"
    assert ("warn", "lint_full_width_commas") not in codes(form())
    for name in ("00", "01"):
        (folder / f"{name}.txt").write_text("zuko，red hair", encoding="utf-8")
    assert ("warn", "lint_full_width_commas") in codes(form())
    html = notes_html(plan_of(form()), "en")
    assert "<summary>2 files</summary>" in html
    assert f'<li title="{folder / "00.txt"}">00.txt</li>' in html


def test_missing_captions_are_told_once(form, tmp_path: Path):
    (tmp_path / "images" / "10_zuko dog" / "00.txt").unlink()
    found = [code for _, code in codes(form()) if "missing" in code]
    assert found == ["captions_missing"]


def test_shuffled_captions_get_a_proposal_of_keep_tokens(form):
    html = notes_html(plan_of(form(shuffle_caption=True)), "en")
    assert {"keep_tokens": 1} in [put for put, _ in buttons(html)]


def test_clip_skip_is_warned_of_where_no_model_of_the_kind_has_it(form):
    sd2 = {"pretrained_model_name_or_path": str(file_of("sd2"))}
    assert ("warn", "clip_skip_unsuited") in codes(form(clip_skip=2, **sd2))
    assert ("warn", "clip_skip_unsuited") not in codes(form(**sd2))
    assert ("warn", "clip_skip_unsuited") not in codes(form(clip_skip=2))


@pytest.mark.parametrize(
    ("cure", "words"),
    [
        (Cure("flip_aug", False), "Turn off “Flip augmentation”"),
        (Cure("class_folders", True), "Turn on “Folders without numbers”"),
        (Cure("clip_skip", 2), "Set “Clip skip” to 2"),
        (Cure("learning_rate", 1e-4), "Set “Learning rate” to 1e-4"),
        (Cure("text_encoder_lr", "5e-05"), "Set “Text encoder learning rate” to 5e-5"),
        (Cure("caption_extension", ".'\"<&>"), "Set “Caption extension” to .'\"<&>"),
        (Cure("caption_extension", ".caption", "caption_files"), "Read captions from .caption files"),
        (Cure("train_data_dir", "/a/\"b", "parent_folder"), "Choose the parent folder"),
        (Cure("train_data_dir", "/a/b/c", "inner_folder"), "Choose the folder inside it"),
        (Cure("reg_data_dir", "/a/b", "regularisation"), "Use them as regularisation images"),
        (Cure("vae", "/mnt/c/a.pt", "here"), "Use its path on this computer"),
        (Cure("max_train_epochs", 12, "epochs"), "Train for 12 epochs"),
        (Cure("ema_decay", 0.0, "off"), "Turn off “EMA decay”"),
        (Cure("validate_every_n_epochs", 1, "validate_each_epoch"), "Validate after every epoch"),
        (Cure("save_every_n_epochs", 1, "save_each_epoch"), "Save after every epoch"),
    ],
)
def test_a_button_says_what_it_puts_into_the_form(cure, words):
    assert cure_words(cure, "en") == words
    assert buttons(cure_html(cure, "en")) == [({cure.setting: cure.value}, words)]
    assert cure_html(None, "en") == ""


def test_what_the_words_of_a_button_leave_out_is_its_tooltip():
    assert ' title="/a/&#34;b&lt;"' in cure_html(Cure("train_data_dir", '/a/"b<', "parent_folder"), "en")
    for said in (Cure("caption_extension", ".caption", "caption_files"), Cure("train_data_dir", "/a"), Cure("seed", 1)):
        assert "title" not in cure_html(said, "en")


@pytest.mark.parametrize("language", languages())
def test_every_cure_has_words_in_every_language(language: str):
    cures = [one for one in CURES.values() if isinstance(one, Cure)]
    assert len(cures) > 20
    assert all(cure_words(cure, language) for cure in cures)


@pytest.mark.parametrize("language", ["en", "zh-CN"])
def test_captions_and_paths_stay_text(form, tmp_path: Path, language: str):
    folder = tmp_path / "images" / "10_zuko dog"
    for name in ("00", "01"):
        (folder / f"{name}.txt").write_text(f"zuko, {HOSTILE} (x:1.2), a_b c，{HOSTILE * 9}", encoding="utf-8")
    checked = form(flip_aug=True, shuffle_caption=True, train_data_dir=str(tmp_path / "images"))
    html = notes_html(plan_of(checked), language) + str(cure_html(Cure("output_dir", HOSTILE), language))
    found = Elements(html)
    assert "script" not in found.tags
    assert "img" not in found.tags
    assert not [name for name in found.attributes if name.startswith("on")]
    assert "onerror=alert" in found.shown


def test_chinese_notes_are_chinese(form):
    html = notes_html(plan_of(form(network_dim=128)), "zh-CN")
    assert "教程建议" in html
    assert not re.search(r"Source|Set ", html)
