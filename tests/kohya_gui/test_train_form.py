"""The form keeps what is typed, loads and saves presets, and starts only what can be trained."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gradio as gr
import pytest

from kohya_gui.files.reach import Reach
from kohya_gui.form import presets
from kohya_gui.form.drafts import load_draft
from kohya_gui.form.live import Answer
from kohya_gui.form.opening import Dropped
from kohya_gui.form.own_choices import WHAT
from kohya_gui.form.preset_files import start_with
from kohya_gui.form.session import Session
from kohya_gui.form.widgets import build_form
from kohya_gui.runs import launch
from kohya_gui.tabs import tools, train_form
from kohya_gui.tabs.train_actions import Actions, with_rates
from kohya_gui.tabs.train_form import TrainForm
from kohya_gui.tabs.train_parts import build_output_panel, build_toolbar
from kohya_gui.tabs.train_run import build_run_panel
from tests.event_lines import EventLog
from tests.kohya_gui.plan.test_try_html import FOUND
from tests.pictures import image_folder
from tests.tiny import tiny_file
from train_core.config import whole_files
from train_core.config.job import Job
from train_core.config.jobs.class_images import ClassImagesConfig
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import home, runs_dir
from train_core.facts.models import hub
from train_core.facts.run.costs import work_digest


@pytest.fixture(autouse=True)
def told(tmp_path: Path, monkeypatch) -> Iterator[list[str]]:
    """Messages shown, by key or code; and a separate home."""
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    said: list[str] = []
    monkeypatch.setattr(Session, "tell", lambda self, key, **params: said.append(key))
    monkeypatch.setattr(
        Session, "warn", lambda self, found: said.extend(p.code for p in getattr(found, "problems", (found,)))
    )
    yield said


@pytest.fixture(scope="module")
def page() -> TrainForm:
    with gr.Blocks():
        return TrainForm(
            job=TrainConfig, fields=build_form(TrainConfig), stamp=gr.HTML(), language="en", bar=build_toolbar(),
            config_path=None,
        )


def request(user: str = "") -> Any:
    return SimpleNamespace(username=user or None, headers={}, cookies={})


def shown(form: TrainForm, **values: Any) -> list[Any]:
    """Values of the fields for the defaults with `values` typed over them."""
    fields = form.fields.read(form.fields.show({}))
    return list({**fields, **values}.values())


def values_in(form: TrainForm, updates: dict[Any, Any]) -> dict[str, Any]:
    """What the form shows after `updates`, in which fields that keep their defaults are missing."""
    before = form.complete({})
    return {name: updates.get(widget, before[name]) for name, widget in form.fields.widgets.items()}


def typed(form: TrainForm, user: str = "", **values: Any) -> Answer:
    """The answer to `values` typed over the draft."""
    return form.look(values, form.session(request(user)), {})


def test_the_first_visit_finds_the_demo_ready(page: TrainForm):
    updates = page.opened(request())
    assert updates[page.bar.preset]["value"] == presets.DEMO
    assert values_in(page, updates)["output_name"] == "demo"


def test_what_was_typed_is_there_after_a_reload_for_that_user_only(page: TrainForm):
    typed(page, "ann", output_name="mine", learning_rate="3e-4x")
    again = values_in(page, page.opened(request("ann")))
    assert (again["output_name"], again["learning_rate"]) == ("mine", "3e-4x")
    assert values_in(page, page.opened(request("bob")))["output_name"] == "demo"


def test_a_draft_that_has_no_room_is_told_of_and_the_form_goes_on(page: TrainForm, told: list[str], monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(whole_files, "_rename", full)
    for time in range(3):
        assert "step-line" in typed(page, "full", output_name=f"mine {time}").parts
    assert told == ["draft_not_kept"]


def test_a_file_from_the_command_line_is_opened_once_and_then_the_draft(page: TrainForm, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('config_version = 1\n[output]\noutput_name = "from file"\n', encoding="utf-8")
    page = replace(page, config_path=file, _greeted=set())
    assert values_in(page, page.opened(request()))["output_name"] == "from file"
    typed(page, output_name="typed")
    assert values_in(page, page.opened(request()))["output_name"] == "typed"


def test_what_the_form_opens_with_is_answered_before_gradio_has_asked_for_it(page: TrainForm):
    answer = page.look(None, page.session(request("uma")), {})
    assert "<b>" in answer.parts["step-line"]
    assert load_draft("uma")["values"]["output_name"] == "demo"
    again = typed(page, "uma")  # the plan also says what is free just now
    assert (answer.parts["step-line"], answer.changed) == (again.parts["step-line"], again.changed)
    assert values_in(page, page.opened(request("uma")))["output_name"] == "demo"


def test_a_file_from_the_command_line_is_opened_once_whoever_asks_first(page: TrainForm, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text('config_version = 1\n[output]\noutput_name = "from file"\n', encoding="utf-8")
    typed(page, "kim", output_name="before")
    page = replace(page, config_path=file, _greeted=set())
    with ThreadPoolExecutor() as at_once:
        asked = at_once.submit(page.look, None, page.session(request("kim")), {})
        opened = at_once.submit(page.opened, request("kim"))
        asked.result()
        assert values_in(page, opened.result())["output_name"] == "from file"
    typed(page, "kim", output_name="typed")
    page.look(None, page.session(request("kim")), {})
    assert load_draft("kim")["values"]["output_name"] == "typed"


def test_a_broken_file_is_reported_and_the_demo_opened(page: TrainForm, tmp_path: Path, told: list[str]):
    page = replace(page, config_path=tmp_path / "gone.toml", _greeted=set())
    assert values_in(page, page.opened(request()))["output_name"] == "demo"
    assert told == ["config_not_found"]


def test_a_draft_of_another_version_cannot_keep_the_page_from_opening(page: TrainForm):
    typed(page, output_name="mine")
    draft = next((home() / "drafts").iterdir())
    values = {"lr_scheduler": "gone", "network_dim": "many", "no_such_setting": 1}
    draft.write_text(json.dumps({"preset": "user:gone", "values": values}), encoding="utf-8")
    opened = values_in(page, page.opened(request()))
    assert opened["lr_scheduler"] == TrainConfig().optimizer.lr_scheduler


def test_a_preset_is_saved_with_typed_values_and_loaded_again(page: TrainForm, told: list[str]):
    updates = page.save_preset_as(request(), "dog", *shown(page, learning_rate="3e-4", conv_dim=None))
    assert updates[page.bar.preset]["value"] == "user:dog"
    assert told == ["ui.preset.saved"]
    assert values_in(page, page.load_preset(request(), "user:dog", *shown(page)))["learning_rate"] == "3e-4"


def test_a_form_with_an_unreadable_value_is_not_saved(page: TrainForm, told: list[str]):
    page.save_preset_as(request(), "dog", *shown(page, learning_rate="fast"))
    assert told == ["wrong_type"]
    assert "user:dog" not in presets.list_presets()


def test_what_cannot_be_loaded_is_said_and_changes_nothing(page: TrainForm, told: list[str]):
    assert page.load_preset(request(), "user:gone", *shown(page)) == gr.skip()
    assert told == ["no_such_preset"]


def test_without_a_chosen_preset_nothing_is_loaded_or_saved(page: TrainForm, told: list[str]):
    assert page.load_preset(request(), None, *shown(page)) == gr.skip()
    page.save_preset(request(), None, *shown(page))
    assert told == ["no_preset_chosen"] * 2


OWN = {
    "pretrained_model_name_or_path": "/models/base.safetensors", "train_data_dir": "/pictures/zuko",
    "output_name": "zuko", "output_dir": "/results", "sample_prompts": "a zuko dog", "caption_extension": ".caption",
    "v_parameterization": "epsilon", "metadata_author": "me", "vae": "/models/vae.safetensors",
}  # fmt: skip


def load(page: TrainForm, user: str, preset: str) -> dict[str, Any]:
    """What the form of `user` shows once `preset` is chosen."""
    before = page.complete(page.drafted(page.session(request(user))))
    updates = page.load_preset(request(user), preset, *before.values())
    return {name: updates.get(widget, before[name]) for name, widget in page.fields.widgets.items()}


def test_a_preset_takes_nothing_away_that_a_person_has_chosen_of_their_own(page: TrainForm):
    page.opened(request("lee"))
    typed(page, "lee", **OWN, network_dim=99)
    shown = load(page, "lee", "program:lora/sd15-style")
    assert {name: shown[name] for name in OWN} == OWN
    assert shown["network_dim"] == 64
    answer = typed(page, "lee")
    assert "pill" not in answer.parts["preset-state"]  # what a preset leaves open does not differ from it
    updates = page.undo(request("lee"), *shown.values())
    assert updates[page.fields.widgets["network_dim"]] == 99
    again = load(page, "lee", "program:lora/illustrious-noobai-vpred")
    assert again["v_parameterization"] == "v"


def test_what_a_preset_of_the_program_brought_goes_with_it_unless_it_was_changed(page: TrainForm):
    page.opened(request("max"))  # with the demo
    typed(page, "max", output_name="mine")
    before = page.complete(page.drafted(page.session(request("max"))))
    for _ in range(2):  # gradio may tell of one choice twice, the second time with the fields as they were
        page.load_preset(request("max"), "program:lora/illustrious-noobai-vpred", *before.values())
    shown = page.complete(page.drafted(page.session(request("max"))))
    assert (shown["output_name"], shown["train_data_dir"], shown["sample_prompts"]) == ("mine", "", "")
    assert load(page, "max", "program:lora/sd15-style")["v_parameterization"] == "auto"
    typed(page, "max", v_parameterization="v")
    assert load(page, "max", "program:lora/illustrious-noobai-eps")["v_parameterization"] == "auto"


def test_a_preset_of_ones_own_that_lacks_the_images_leaves_those_in_the_form(page: TrainForm):
    page.save_preset_as(request("sue"), "bare", *shown(page, network_dim=5))
    page.opened(request("sue"))
    typed(page, "sue", **OWN)
    now = load(page, "sue", "user:bare")
    assert (now["network_dim"], now["train_data_dir"], now["vae"]) == (5, OWN["train_data_dir"], OWN["vae"])
    page.save_preset_as(request("sue"), "whole", *shown(page, train_data_dir="/other"))
    assert load(page, "sue", "user:whole")["train_data_dir"] == "/other"


def test_shipped_presets_say_how_and_not_what(page: TrainForm):
    for key in presets.list_presets():
        named = set(presets.load_preset(key).named) & set(WHAT)
        assert key == presets.DEMO or named <= {"v_parameterization"}, key


def test_the_preset_to_start_with_is_loaded_once_for_each_start_of_the_program(page: TrainForm):
    page = replace(page, _greeted=set())
    page.opened(request("ida"))
    typed(page, "ida", output_name="mine", network_dim=9)
    start_with("program:lora/sd15-style")
    fresh = replace(page, _greeted=set(), _histories={})  # the program was started again
    opened = values_in(fresh, fresh.opened(request("ida")))
    assert (opened["network_dim"], opened["output_name"]) == (64, "mine")
    undone = fresh.undo(request("ida"), *opened.values())
    assert undone[fresh.fields.widgets["network_dim"]] == 9
    assert values_in(fresh, fresh.opened(request("ida")))["network_dim"] == 9  # as it was left


def test_the_page_says_for_whom_the_loaded_preset_is(page: TrainForm):
    page.opened(request("joe"))
    load(page, "joe", "program:lora/sd15-style")
    assert "a style, many pictures" in typed(page, "joe").parts["preset-about"]
    page.save_preset_as(request("joe"), "sd15-style", *shown(page))
    assert typed(page, "joe").parts["preset-about"] == ""  # one's own, whatever its name


def test_a_preset_is_loaded_and_the_list_renewed_when_the_script_asks(page: TrainForm):
    fields = shown(page)
    after = page.put(request("tom"), json.dumps({"@preset": "program:lora/sd15-style", "at": 1}), None, *fields)
    assert after[page.fields.widgets["network_dim"]] == 64
    presets.save_preset_as("new", TrainConfig())
    renewed = page.put(request("tom"), json.dumps({"@preset": "", "at": 2}), None, *fields)
    assert set(renewed) == {page.bar.preset}
    assert "user:new" in [key for _, key in renewed[page.bar.preset]["choices"]]


def test_the_export_for_kohya_ss_keeps_what_the_opened_file_says_beside_our_settings(page: TrainForm):
    old = {
        "LoRA_type": "Standard", "network_dim": 12, "no_such_field": "kept", "train_batch_size": 3,
        "max_resolution": "512,512", "lr_warmup": 0, "optimizer": "AdamW", "LyCORIS_preset": "full",
    }  # fmt: skip
    opened = page.open_dropped(Dropped("old.json", json.dumps(old).encode(), 0), page.session(request("pat")))
    with gr.Blocks():
        actions = actions_of(page)
    updates = actions.export_kohya(request("pat"), *{**opened.values, "network_dim": 20}.values())
    written = updates[actions.panel.text]
    assert written["label"] == "JSON"
    exported = json.loads(written["value"])
    assert (exported["no_such_field"], exported["network_dim"], exported["train_batch_size"]) == ("kept", 20, 3)
    assert '.json"' in updates[actions.panel.download]
    page.save_preset_as(request("pat"), "old", *opened.values.values())
    load(page, "pat", "user:old")  # another day, from the preset
    again = actions.export_kohya(request("pat"), *opened.values.values())[actions.panel.text]["value"]
    assert json.loads(again)["no_such_field"] == "kept"


def test_a_hub_id_is_asked_for_once_and_remembered(page: TrainForm, tmp_path: Path, told: list[str], monkeypatch):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr(train_form, "_is_found", lambda found: model.exists() and str(model) in repr(found.config))
    model = tmp_path / "sd15.safetensors"
    typed(page, pretrained_model_name_or_path="runwayml/stable-diffusion-v1-5")
    assert load_draft("")["asked_model"] == "runwayml/stable-diffusion-v1-5"
    typed(page, pretrained_model_name_or_path=str(model)[:-3])
    told.clear()
    model.touch()
    typed(page, pretrained_model_name_or_path=str(model))
    assert told == ["ui.model.remembered"]
    assert hub.local_file_for("runwayml/stable-diffusion-v1-5") == model
    assert load_draft("")["asked_model"] is None


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_model_that_there_is_no_room_to_remember_is_used_all_the_same(
    page: TrainForm, tmp_path: Path, told: list[str], monkeypatch
):
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    typed(page, pretrained_model_name_or_path="runwayml/stable-diffusion-v1-5")
    monkeypatch.setattr(train_form, "_is_found", lambda found: True)
    monkeypatch.setattr(hub, "write_text", full)
    for _ in range(2):
        typed(page, pretrained_model_name_or_path=str(tiny_file()))
    assert told == ["file_not_written"]


def test_own_block_weights_that_there_is_no_room_for_are_told_of(told: list[str], monkeypatch):
    monkeypatch.setattr(tools, "write_text", full)
    tools.keep_own_lines("FACE:" + ",".join(["1"] * 17), Session(user="", language="en"))
    assert told == ["file_not_written"]


def test_values_that_the_script_puts_into_the_form_replace_what_was_there(page: TrainForm):
    fields = shown(page, max_train_steps=7, output_name="mine")
    sent = json.dumps({"max_train_epochs": 5, "max_train_steps": 0, "no_such_setting": 1, "learning_rate": ["x"]})
    after = page.put(request(), sent, None, *fields)
    changed = {name: after[widget] for name, widget in page.fields.widgets.items() if widget in after}
    assert changed == {"max_train_epochs": 5, "max_train_steps": 0}
    assert load_draft("")["values"]["output_name"] == "mine"
    assert page.put(request(), "{}", None, *fields) == gr.skip()


@pytest.mark.parametrize(("shuffled", "kept"), [(True, {"keep_tokens": 2}), (False, {})])
def test_tags_to_keep_in_front_are_put_in_only_where_tags_move(page: TrainForm, shuffled: bool, kept: dict[str, Any]):
    fields = shown(page, output_name="a", shuffle_caption=shuffled)
    sent = json.dumps({"output_name": "b", "when_tags_move": {"keep_tokens": 2}})
    after = page.put(request(), sent, None, *fields)
    assert {name: after[widget] for name, widget in page.fields.widgets.items() if widget in after} == {
        "output_name": "b", **kept,
    }  # fmt: skip


def test_what_was_typed_loaded_and_reset_is_undone_and_redone(page: TrainForm):
    page.opened(request("eva"))
    typed(page, "eva", output_name="m")
    typed(page, "eva", output_name="mine")
    session = page.session(request("eva"))
    typed(page, "eva", learning_rate="3e-4")
    after = page.reset(request("eva"), None, *page.complete(page.drafted(session)).values())
    assert after[page.fields.widgets["output_name"]] != "mine"

    def now() -> tuple[Any, Any]:
        values = page.complete(page.drafted(session))
        return values["output_name"], values["learning_rate"]

    def step(which: Callable[..., Any]) -> Any:
        return which(request("eva"), *page.complete(page.drafted(session)).values())

    step(page.undo)
    assert now() == ("mine", "3e-4")
    step(page.undo)
    step(page.undo)
    assert now()[0] == "demo"
    assert step(page.undo) == gr.skip()
    for _ in range(2):
        step(page.redo)
    assert now() == ("mine", "3e-4")


def test_a_field_that_does_not_apply_says_why_and_one_that_is_wrong_has_its_message(page: TrainForm):
    answer = typed(page, learning_rate="fast", conv_dim="")
    assert "conv_dim" in answer.hidden["conv_alpha"]
    assert "fast" in answer.messages["learning_rate"]
    assert answer.wrong[0] == "learning_rate"
    assert 'href="#setting-learning_rate"' in answer.parts["counts"]


def test_a_folded_section_says_what_it_holds_and_the_bar_what_differs_from_the_preset(page: TrainForm):
    page.load_preset(request("kim"), presets.DEMO, *page.complete({}).values())
    assert "pill" not in typed(page, "kim").parts["preset-state"]
    answer = typed(page, "kim", learning_rate="3e-4", noise_offset="0.05")
    assert "3e-4" in answer.summaries["optimizer"]
    assert "0.05" in answer.summaries["loss"]
    assert "2 changed" in answer.parts["preset-state"]
    assert {"learning_rate", "noise_offset"} <= set(answer.changed)


def test_nothing_starts_while_something_is_wrong(page: TrainForm, told: list[str], monkeypatch):
    with gr.Blocks():
        actions = actions_of(page)
    monkeypatch.setattr(launch, "start", lambda job, settings: pytest.fail("started"))
    updates = actions.starter(TrainConfig)(request(), {}, *shown(page))
    assert told == ["form_not_ready"]
    assert set(updates) == {page.stamp}


class Started(Exception):  # noqa: N818 - nothing is wrong
    """Instead of a real start."""


def actions_of(page: TrainForm) -> Actions:
    starters = {TrainConfig: page.bar.start, **page.bar.preparing}
    run = build_run_panel(starters, page.bar.stop, gr.Radio(["will", "is"]))
    return Actions(page, run, build_output_panel())


def test_class_images_need_no_folder_that_is_there_but_a_class(page: TrainForm, told: list[str], tmp_path, monkeypatch):
    def start(job: type[Job], settings: Job) -> None:
        raise Started(job.job_name)

    monkeypatch.setattr(launch, "start", start)
    with gr.Blocks():
        make = actions_of(page).starter(ClassImagesConfig)
    image_folder(tmp_path / "images", "10_zuko", [(64, 64)] * 2, "a dog")
    fields = {
        "train_data_dir": str(tmp_path / "images"), "reg_data_dir": str(tmp_path / "not there"), "resolution": "64",
        "pretrained_model_name_or_path": str(tiny_file()), "output_dir": str(tmp_path / "out"),
    }
    make(request(), {}, *shown(page, **fields))
    assert told == ["no_class_named"]
    with pytest.raises(Started, match="class_images"):
        make(request(), {}, *shown(page, **fields, class_prompt="dog"))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({"optimizer_type": "AdamW8bit"}, {"unet_lr": 6e-4, "text_encoder_lr": "3e-4"}),
        ({"optimizer_type": "Lion8bit"}, {"unet_lr": 2e-4, "text_encoder_lr": "1e-4", "optimizer_type": "Lion8bit"}),
        ({"optimizer_type": "DAdaptLion", "optimizer_args": "a=1"}, {"optimizer_type": "AdamW8bit", "unet_lr": 6e-4}),
        ({"optimizer_type": "AdamW", "network_train_unet_only": True}, {"unet_lr": 6e-4}),
    ],
)
def test_found_rates_go_where_the_optimizer_wants_them(form: dict, expected: dict):
    found = {
        "AdamW8bit": {"unet_lr": 6e-4, "text_encoder_lr": 3e-4}, "Lion": {"unet_lr": 2e-4, "text_encoder_lr": 1e-4},
    }
    values = with_rates(form, found)
    assert values == {**values, **expected}
    assert ("text_encoder_lr" in values) == ("network_train_unet_only" not in form)
    assert not values.get("optimizer_args")


def test_a_found_rate_of_a_method_without_parts_leaves_their_rates_alone():
    form = {"optimizer_type": "Lion", "unet_lr": 1e-4, "text_encoder_lr": "1e-5"}
    found = {"AdamW8bit": {"learning_rate": 6e-3}, "Lion": {"learning_rate": 2e-3}}
    assert with_rates(form, found) == {**form, "learning_rate": 2e-3}


def test_pasted_paths_are_shown_clean_once_their_field_is_left(page: TrainForm):
    names = [s.name for s in page.fields.paths]
    typed = dict.fromkeys(names, "/as it was") | {
        "vae": ' "C:\\models\\a b.safetensors" ', "train_data_dir": "file:///a%20b", "sample_prompts": '"a dog"',
        "base_weights": "'/a'\n/b \n", "LyCORIS_preset": " full ",
    }
    assert page.show_clean_paths(*(typed[name] for name in names)) == {
        page.fields.widgets["vae"]: "C:\\models\\a b.safetensors", page.fields.widgets["train_data_dir"]: "/a b",
        page.fields.widgets["base_weights"]: "/a\n/b", page.fields.widgets["LyCORIS_preset"]: "full",
    }


def test_clean_paths_are_left_alone(page: TrainForm):
    assert page.show_clean_paths(*(None for _ in page.fields.paths)) == gr.skip()


@pytest.mark.parametrize("status", ["completed", "stopped", "gone"])
def test_what_has_ended_takes_no_requests(page: TrainForm, told: list[str], status: str):
    folder = runs_dir() / "20260101-000000-mine"
    if status != "gone":
        folder.mkdir(parents=True)
        (folder / "config.toml").touch()
        EventLog(folder / "events.jsonl").write("finished", status=status, path="", step=9)
    with gr.Blocks():
        actions = actions_of(page)
    actions.stop(request(), folder.name)
    actions.pause(request(), folder.name)
    actions.save_now(request(), folder.name)
    actions.sample_now(request(), folder.name)
    assert actions.change_rate(request(), folder.name, "1e-4") == gr.skip()
    assert told == ["run_is_gone" if status == "gone" else "run_has_ended"] * 5
    assert not (folder / "control").exists()


def test_rates_that_no_run_has_found_are_not_taken(page: TrainForm, told: list[str]):
    folder = runs_dir() / "20260101-000000-mine"
    folder.mkdir(parents=True)
    (folder / "config.toml").touch()
    EventLog(folder / "events.jsonl").write("finished", status="completed", path="", step=9)
    with gr.Blocks():
        actions = actions_of(page)
    for choice in (folder.name, None):
        assert actions.use_rates(request(), choice, None, *shown(page)) == gr.skip()
    assert told == ["no_rates_found", "run_is_gone"]


def test_the_field_of_a_model_says_what_it_is(page: TrainForm):
    note = typed(page, pretrained_model_name_or_path=str(tiny_file())).notes["pretrained_model_name_or_path"]
    assert "SD 1.x" in note and "fp32" in note and "MiB" in note
    assert "model-about" not in typed(page, pretrained_model_name_or_path="").notes["pretrained_model_name_or_path"]


def test_of_a_model_that_the_page_may_not_show_nothing_is_said(page: TrainForm, tmp_path: Path):
    closed = replace(page, reach=Reach((tmp_path,)))
    notes = typed(closed, pretrained_model_name_or_path=str(tiny_file()), vae=str(tiny_file())).notes
    assert "model-about" not in "".join(notes.values())


def test_a_relative_output_folder_says_where_it_is(page: TrainForm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "results" / "dog") in typed(page, output_dir=' "results/dog" ').notes["output_dir"]
    for folder in ("", "~/results", "{app}/results", str(tmp_path / "results")):
        assert "output_dir" not in typed(page, output_dir=folder).notes
    closed = replace(page, reach=Reach((tmp_path / "elsewhere",)))
    assert "output_dir" not in typed(closed, output_dir="results").notes


def test_undo_brings_back_the_preset_that_was_chosen_then(page: TrainForm):
    page.opened(request("amy"))
    before = page.complete(page.drafted(page.session(request("amy"))))
    load(page, "amy", "program:lora/sd15-style")
    values = page.complete(page.drafted(page.session(request("amy"))))
    undone = page.undo(request("amy"), *values.values())
    assert undone[page.bar.preset]["value"] == "program:lora/demo"
    assert page.complete(page.drafted(page.session(request("amy")))) == before
    redone = page.redo(request("amy"), *before.values())
    assert redone[page.bar.preset]["value"] == "program:lora/sd15-style"


def test_the_values_of_an_opened_file_are_those_of_no_preset(page: TrainForm):
    page.opened(request("bea"))
    fields = page.complete(page.drafted(page.session(request("bea"))))
    sent = json.dumps({"@opened": True, "network_dim": 7})
    after = page.put(request("bea"), sent, "program:lora/demo", *fields.values())
    assert after[page.bar.preset]["value"] is None
    assert after[page.fields.widgets["network_dim"]] == 7


def test_the_outcome_of_a_try_is_told_of_its_own_settings_alone(page: TrainForm):
    page.opened(request("cat"))
    session = page.session(request("cat"))
    work = work_digest(page.check(page.complete(page.drafted(session)), session).config)
    page.tries.found["cat"] = replace(FOUND, work=work, seconds_per_step=0.25)
    assert "0.25 s" in typed(page, "cat").parts["tried"]
    other = typed(page, "cat", train_batch_size=3).parts["tried"]
    assert "0.25 s" not in other
    assert "other settings" in other


def test_a_window_that_was_overtaken_by_another_is_told_and_undo_brings_back_the_other(
    page: TrainForm, told: list[str]
):
    session = replace(page.session(request("dan")), said=[])

    def shows(window: str, **values: Any) -> None:
        page.look(values, session, {"window": window})

    shows("a", output_name="first")
    shows("b", output_name="first")
    shows("b", output_name="second")
    assert "ui.form.elsewhere" not in told
    shows("a", output_name="first")
    assert told.count("ui.form.elsewhere") == 1
    values = page.complete(page.drafted(session))
    assert values["output_name"] == "first"
    page.undo(request("dan"), *values.values())
    assert page.complete(page.drafted(session))["output_name"] == "second"
