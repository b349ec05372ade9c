"""Text such as `5e-3:12000, 1e-4:press, 1e-5`: values, each with the step at which it ends, or until one presses."""

from __future__ import annotations

from dataclasses import dataclass

from train_core.config.phrases import Phrase, phrase
from train_core.config.problems import UserError, problem

PRESS = "press"  # in place of a step


@dataclass(frozen=True)
class Stage:
    """A value for optimizer steps, counted from 0, below `until`; None means until the end.

    With `press` that is not known before: it ends when someone asks for the next stage.
    """

    value: float
    until: int | None
    press: bool = False


def parse_stages(text: str, setting_name: str) -> tuple[Stage, ...]:
    """The stages in their order. The last one may leave its step out, and then holds until the end; others may have
    the word press in its place, and hold until someone presses.

    Raises `UserError` naming `setting_name`, the stage and its place for a value that is no number of 0 or more, a
    step that is no whole number or does not grow, and a step missing before the end.
    """
    parts = [part.strip() for part in text.split(",")]
    if parts[-1] == "" and len(parts) > 1:
        parts.pop()  # a comma at the end is no stage
    stages: list[Stage] = []
    for place, part in enumerate(parts, 1):
        stage = _stage(part, place, setting_name)
        if stage.press and place == len(parts):
            reason = phrase("stage_press_last", "no other stage follows that a press could begin")
            raise _bad(part, place, setting_name, reason)
        if stage.until is None and not stage.press and place < len(parts):
            reason = phrase("stage_without_step", "only the last stage may leave its step out")
            raise _bad(part, place, setting_name, reason)
        before = max((one.until or 0 for one in stages), default=0)
        if stage.until is not None and stage.until <= before:
            later = phrase("stage_step_not_after", "the step must come after {before}", before=before)
            raise _bad(part, place, setting_name, later)
        stages.append(stage)
    return tuple(stages)


def _stage(part: str, place: int, setting_name: str) -> Stage:
    value_text, colon, until_text = (piece.strip() for piece in part.partition(":"))
    try:
        value = float(value_text)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        reason = phrase("stage_no_value", "{value} is not a number of 0 or more", value=repr(value_text))
        raise _bad(part, place, setting_name, reason)
    if not colon:
        return Stage(value, None)
    if until_text.lower() == PRESS:
        return Stage(value, None, press=True)
    if not (until_text.isascii() and until_text.isdecimal()):
        reason = phrase("stage_no_step", "{value} is not a whole number of steps", value=repr(until_text))
        raise _bad(part, place, setting_name, reason)
    return Stage(value, int(until_text))


def _bad(part: str, place: int, setting_name: str, reason: Phrase) -> UserError:
    return UserError(
        problem(
            "bad_stage",
            "{name}: stage {place}, {stage}, cannot be read: {reason}. "
            "Write for example 5e-3:12000, 1e-4:press, 1e-5.",
            name=setting_name, place=place, stage=repr(part), reason=reason,
        )
    )
