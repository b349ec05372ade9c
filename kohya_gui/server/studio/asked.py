"""What a question of the Data tab's page says, in which anything may stand in place of what is meant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from train_core.config.problems import UserError, problem
from train_core.studio.listing import Listing
from train_core.studio.opened import Outcome

MOST_LETTERS, MOST_PATH, MOST_TEXT = 500, 4096, 100_000

Asked = Mapping[str, Any]
Found = dict[str, Any]
Finds = Callable[[Asked], Listing]  # the dataset that is asked about; raises UserError if there is none
Changed = Callable[[Listing, Outcome, str], Found]  # what a change has done, in a language


def text_in(asked: Asked, name: str, most: int = MOST_LETTERS) -> str:
    """A text of up to so many letters; "" for anything else."""
    given = asked.get(name)
    return given[:most] if isinstance(given, str) else ""


def whole_in(asked: Asked, name: str) -> int:
    """A whole number; 0 for anything else."""
    given = asked.get(name)
    return given if type(given) is int else 0


def pictures_in(asked: Asked, listing: Listing) -> list[int]:
    """The pictures that are asked for, those alone that there are."""
    given = asked.get("pictures")
    known = listing.studio.pictures
    return [id for id in given if type(id) is int and id in known] if isinstance(given, list) else []


def picture_in(asked: Asked, listing: Listing) -> int:
    """The picture that is asked about. Raises UserError where there is none."""
    id = asked.get("picture")
    if type(id) is not int or id not in listing.studio.pictures:
        raise UserError(
            problem("studio_no_picture", "This picture is no longer there. Press F5 to look at the folder again.")
        )
    return id


def meaningless() -> UserError:
    """The error for a question that no page of ours asks."""
    return UserError(problem("studio_meaningless", "The page has asked for something that is not there. Reload it."))
