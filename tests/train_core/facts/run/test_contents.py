"""What differs from the files that a state was trained on is named, all of it at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from train_core.config.problems import UserError
from train_core.facts.run.contents import Contents, require_same_contents
from train_core.facts.run.states import State

DOG, CAT = ("dogs/1.png", "d1", "u1"), ("cats/1.png", "c1", "u2")


def state(contents: dict[str, Any], data: str = "order") -> State:
    return State(
        path=Path("x-state"), step=1, total_steps=2, written=0.0, output_name="x", name="x", run_dir=Path("run"),
        data=data, settings={}, files=[], contents=contents,
    )  # fmt: skip


def refused(then: Contents, now: Contents, order: str = "order") -> list[tuple[str, Any]]:
    """Code and named files of every problem."""
    try:
        require_same_contents(state(then.fields()), now, order)
    except UserError as error:
        return [(found.code, found.params.get("files", found.params.get("name"))) for found in error.problems]
    return []


@pytest.mark.parametrize(
    ("now", "named"),
    [
        ((DOG, CAT), None),
        ((DOG, ("cats/1.png", "c2", "u2")), "cats/1.png"),
        ((DOG, ("cats/1.png", "c1", "u3")), "cats/1.png"),
        ((DOG,), "cats/1.png"),
        ((DOG, CAT, ("cats/2.png", "c3", "u2")), "cats/2.png"),
        ((DOG, ("cats/3.png", "c1", "u2")), "cats/1.png, cats/3.png"),
        ((DOG, DOG, CAT), "dogs/1.png"),
    ],
)
def test_pictures_that_are_other_missing_new_or_renamed_are_named(now: Any, named: str | None) -> None:
    expected = [("resume_images_differ", named)] if named else []
    assert refused(Contents((DOG, CAT), {}), Contents(now, {})) == expected


def test_models_are_named_by_their_setting_beside_pictures() -> None:
    then = Contents((DOG,), {"vae": "1", "pretrained_model_name_or_path": "2"})
    now = Contents((CAT,), {"vae": "3", "pretrained_model_name_or_path": "2"}, {"vae": Path("v.safetensors")})
    assert refused(then, now) == [("resume_images_differ", "cats/1.png, dogs/1.png"), ("resume_model_differs", "vae")]


def test_another_order_is_refused_and_many_names_are_cut_short() -> None:
    assert refused(Contents((DOG, CAT), {}), Contents((DOG, CAT), {}), "other") == [("resume_order_differs", None)]
    many = tuple((f"dogs/{number:02}.png", "d", "u") for number in range(20))
    ((_, files),) = refused(Contents(many, {}), Contents((), {}))
    assert files.count(".png") == 8
    assert files.endswith(" …")


def test_a_state_without_contents_is_compared_by_the_order_alone() -> None:
    require_same_contents(state({}), Contents((DOG,), {"vae": "1"}), "order")
    with pytest.raises(UserError):
        require_same_contents(state({}), Contents((DOG,), {}), "other")
