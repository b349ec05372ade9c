"""What a button cannot do, it says itself: no handler of the page leaves gradio without the updates it expects."""

from __future__ import annotations

from typing import Any

import gradio as gr
import pytest
from gradio.state_holder import SessionState

from kohya_gui.page import build_page
from kohya_gui.tabs.context import PageContext
from tests.loops import in_its_own_loop
from train_core.config.places import runs_dir

PRESSED = ("click", "submit", "input", "select")
RUN = "20260101-000000-broken"


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> Any:
    """The page in a home with one run whose settings cannot be read."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CRUCIBLE_HOME", str(tmp_path_factory.mktemp("home")))
        folder = runs_dir() / RUN
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text("learning_rate = [")
        (folder / "events.jsonl").touch()
        yield build_page(PageContext(language="en", headless=True))


def handlers(page: gr.Blocks) -> list[Any]:
    """The handlers on the server; some of the page's are scripts alone."""
    return [fn for fn in page.fns.values() if fn.fn and any(event in PRESSED for _, event in fn.targets)]


def shown(component: Any, kind: str) -> Any:
    """What a browser sends for a component: as it is at first, or with nonsense typed into it."""
    if isinstance(component, gr.Dropdown) and component.elem_id == "run-choice":
        return RUN if kind == "nonsense" else None
    if isinstance(component, gr.Textbox) and kind != "nothing":
        return "abc"
    return component.value if kind != "nothing" or isinstance(component, gr.State) else None


@pytest.mark.parametrize("kind", ["nothing", "nonsense"])
@in_its_own_loop
async def test_every_button_that_must_refuse_does_so_without_an_error_of_gradio_s(page, kind):
    pressed = handlers(page)
    assert len(pressed) > 30
    state, failed = SessionState(page), {}
    for opened in [fn for fn in page.fns.values() if fn.fn and any(event == "load" for _, event in fn.targets)]:
        # Only now does the list of runs know the one that is chosen.
        values = [component.value for component in opened.inputs]
        await page.process_api(opened, values, state=state, request=gr.Request())
    for fn in pressed:
        inputs = [shown(component, kind) for component in fn.inputs]
        try:
            await page.process_api(fn, inputs, state=state, request=gr.Request())
        except Exception as error:  # whatever a handler raises is seen as an error in the page's corner
            failed[fn.name, tuple(fn.targets)] = f"{type(error).__name__}: {error}"[:300]
    assert failed == {}
    assert [folder.name for folder in runs_dir().iterdir()] == [RUN]


@in_its_own_loop
async def test_a_page_that_was_open_before_the_server_was_started_again_still_puts_values_in(page):
    [put] = [fn for fn in page.fns.values() if fn.fn and any(one.elem_id == "put" for one in fn.inputs)]
    inputs = [shown(component, "as it is") for component in put.inputs]
    for place, component in enumerate(put.inputs):
        if component.elem_id == "put":
            inputs[place] = '{"output_name": "zuko"}'
        if component.elem_id == "preset":
            inputs[place] = "program:lora/demo"
    answer = await page.process_api(put, inputs, state=SessionState(page), request=gr.Request())
    assert "zuko" in repr(answer["data"])
