"""The form is made from the declarations, and gives back what was put into it."""

from __future__ import annotations

from typing import Literal

import gradio as gr
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui.form.widgets import Form, build_form
from kohya_gui.i18n.value_kinds import number_text
from train_core.config.conditions import when
from train_core.config.job import Job
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.setting import Section, setting


class Things(Section, title="Things"):
    many: int = setting(3, "How many.", ge=1, le=10)
    seed: int = setting(0, "Any.", ge=0, le=2**63 - 1)
    maybe: int | None = setting(None, "Or none.", ge=1)
    rate: float = setting(1e-4, "How fast.")
    shape: Literal["round", "square"] = setting("round", "Which.")
    size: Literal[75, 150] = setting(75, "How long.")
    on: bool = setting(False, "Whether.")
    words: list[str] = setting([], "Which ones.", lines=2)
    place: str = setting("", "Where.", path="folder")
    kind: str = setting("a", "A name.", suggestions=("a", "b"), applies_to=when("on", True))
    rare: float = setting(0.0, "Seldom.", advanced=True)


class Work(Job, name="work"):
    things: Things = Things()


def built(job: type[Job]) -> Form:
    with gr.Blocks():
        return build_form(job)


@pytest.fixture(scope="module")
def form() -> Form:
    return built(Work)


def test_each_kind_of_setting_has_its_widget(form: Form):
    kinds = {name: type(widget) for name, widget in form.widgets.items()}
    assert kinds == {
        "many": gr.Number, "seed": gr.Textbox, "maybe": gr.Textbox, "rate": gr.Textbox, "shape": gr.Dropdown,
        "size": gr.Dropdown, "on": gr.Checkbox, "words": gr.Textbox, "place": gr.Textbox, "kind": gr.Dropdown,
        "rare": gr.Textbox,
    }  # fmt: skip


def test_suggestions_can_be_overruled_and_choices_cannot(form: Form):
    assert form.widgets["kind"].allow_custom_value
    assert not form.widgets["shape"].allow_custom_value


def test_numbers_have_no_limits_in_the_browser_because_the_message_would_not_name_the_setting(form: Form):
    assert form.widgets["many"].minimum is None
    assert form.widgets["many"].maximum is None


def test_widgets_are_known_by_stable_ids_and_translated_labels(form: Form):
    widget = form.widgets["rate"]
    assert widget.elem_id == "setting-rate"
    assert "setting.rate.label" in str(widget.label)
    assert "setting.rate.help" in str(widget.info)


def test_the_training_form_has_one_widget_per_setting_in_the_order_of_declaration():
    assert list(built(TrainConfig).widgets) == [s.name for s in TrainConfig.settings()]


def test_what_is_shown_is_read_back_and_means_the_same():
    form = built(TrainConfig)
    values = {
        "learning_rate": 1e-4, "unet_lr": None, "conv_dim": 8, "seed": 2**63 - 1, "optimizer_args": ["a=1", "b=2"],
        "max_token_length": 150, "shuffle_caption": True, "sample_prompts": "one\ntwo", "network_alpha": 0.5,
    }  # fmt: skip
    parsed = parse_values(TrainConfig, form.read(form.show(values)))
    assert parsed.errors == ()
    assert parsed.config is not None
    assert parsed.config.flat() == {**TrainConfig().flat(), **values}


def test_missing_values_show_their_defaults(form: Form):
    shown = form.read(form.show({}))
    assert shown["many"] == 3
    assert shown["rate"] == "1e-4"
    assert shown["maybe"] == ""


def test_settings_that_do_not_apply_are_hidden(form: Form):
    assert form.hidden({"on": False}) == ["kind"]
    assert form.hidden({"on": True}) == []


def test_a_section_of_which_nothing_applies_is_hidden_as_a_whole():
    class Rare(Section, title="Rare", applies_to=when("on", True)):
        many_more: int = setting(3, "How many.")
        place: str = setting("", "Where.", applies_to=when("many_more", 3))

    class Usual(Section, title="Usual"):
        on: bool = setting(False, "Whether.")

    class Both(Job, name="both"):
        usual: Usual = Usual()
        rare: Rare = Rare()

    form = built(Both)
    off, on = (form.hidden({"on": on, "many_more": 3, "place": ""}) for on in (False, True))
    assert (off, form.empty_sections(off)) == (["many_more", "place"], ["rare"])
    assert (on, form.empty_sections(on)) == ([], [])


def test_what_matters_stands_on_a_card_and_in_no_section():
    with gr.Blocks():
        form = build_form(Work, essential=("many", "place"))
    assert list(form.widgets) == [s.name for s in Work.settings()]
    rest = [s.name for s in Work.settings() if s.name not in ("many", "place")]
    assert form.empty_sections(rest) == ["things"]


@pytest.mark.parametrize(
    ("value", "text"), [(1e-4, "1e-4"), (5e-5, "5e-5"), (0.05, "0.05"), (16.0, "16"), (0.0, "0"), (1.25e-4, "1.25e-4")]
)
def test_numbers_are_written_as_the_field_writes_them(value: float, text: str):
    assert number_text(value) == text


@given(st.floats(-100, 100, allow_subnormal=False))
def test_a_written_number_means_the_same_number(value: float):
    assert float(number_text(value)) == pytest.approx(value, rel=1e-11)
