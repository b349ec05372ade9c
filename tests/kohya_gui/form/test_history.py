"""Steps back through a form: what is typed into one field is one step, what is put there at once another."""

from __future__ import annotations

from kohya_gui.form.history import History


def test_what_is_typed_into_one_field_in_a_row_is_one_step():
    history = History()
    for steps in ("", "1", "15", "150"):
        history.note({"steps": steps, "rate": ""})
    assert history.undo() == {"steps": "", "rate": ""}


def test_a_value_that_is_put_into_the_field_that_was_just_typed_into_is_a_step_of_its_own():
    history = History()
    for batch in (2, 5):
        history.note({"batch": batch})
    history.put({"batch": 2})
    history.note({"batch": 2})  # the page says what it shows
    history.note({"batch": 7})
    assert history.undo() == {"batch": 2}
    assert history.undo() == {"batch": 5}
    assert history.undo() == {"batch": 2}
    assert history.undo() is None


def test_an_undone_step_is_not_taken_for_a_new_one_when_it_is_put_into_the_form():
    history = History()
    for batch in (2, 5):
        history.note({"batch": batch})
    history.put(history.undo() or {})
    assert history.redo() == {"batch": 5}


def test_what_stands_beside_the_form_is_no_step_of_its_own() -> None:
    history = History()
    history.note({"x": 1, "@preset": "a"})
    history.note({"x": 2, "@preset": "a"})
    history.note({"x": 2, "@preset": "b"})  # saved under another name
    assert history.undo() == {"x": 1, "@preset": "a"}
    assert history.redo() == {"x": 2, "@preset": "b"}


def test_typing_back_to_what_was_before_is_no_step() -> None:
    history = History()
    for value in ("9%", "0"):
        history.put({"warmup": value})
    for value in ("9%", "0"):  # what a browser sent late, and then what it has
        history.note({"warmup": value})
    assert history.undo() == {"warmup": "9%"}
