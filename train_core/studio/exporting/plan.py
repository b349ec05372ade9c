"""What an export is asked for, and whether that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from train_core.config.existing import exists, is_file
from train_core.config.file_names import refused_name
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.studio.exporting.wording import Wording
from train_core.studio.exporting.writing import LONGEST_NAME, is_empty
from train_core.studio.studio import Studio

MANIFEST = "manifest.json"
# How captions are written: beside the pictures, as sd-scripts' metadata file, or as an imagefolder's.
Form = Literal["folders", "JSON", "JSONL", "imagefolder"]
MOST_REPEATS = 10_000
WANTED = 200  # pictures times repeats that the tutorials come to: 30 x 7
MOST_PROPOSED = 40


@dataclass(frozen=True)
class Plan:
    """What is asked for: the folder to write, the words that name the subject, repeats, and what is held out.

    `whole` exports the pictures themselves, `boxes` the named parts of them. `zipped` makes a zip file of it as well.
    `wording` says what is written of captions with tags and sentences. `by_folder` makes a folder of each sub-folder of
    the pictures, with `own_repeats` by name; `regular_half` makes regularisation pictures of half of them.
    """

    folder: Path
    name: str
    repeats: int
    held_out: int = 0
    seed: int = 0
    whole: bool = True
    boxes: bool = False
    form: Form = "folders"
    zipped: bool = False
    wording: Wording = "whole"
    by_folder: bool = False
    own_repeats: Mapping[str, int] = field(default_factory=dict)
    regular_half: bool = False

    @property
    def archive(self) -> str:
        """The name of the zip file, which lies in the folder."""
        return f"{self.name}.zip"


def proposed_repeats(count: int) -> int:
    """The repeats with which `count` pictures come to some 200 in an epoch."""
    return max(1, min(MOST_PROPOSED, round(WANTED / count))) if count else 1


def check(studio: Studio, ids: Sequence[int], plan: Plan) -> None:
    """Raise UserError for everything in the plan that cannot be."""
    found = name_problems(plan.name)
    if plan.boxes:
        kinds = studio.dataset.boxes
        without = {name for id in ids for name in studio.facts[id].boxes} - {kind.name.lower() for kind in kinds}
        names = [*(kind.folder or kind.name for kind in kinds), *sorted(without)]
        found += [one for name in names for one in name_problems(name)]
    if not all(1 <= repeats <= MOST_REPEATS for repeats in (plan.repeats, *plan.own_repeats.values())):
        found.append(problem("export_repeats", "Repeats have to be from 1 to {most}.", most=MOST_REPEATS))
    if not ids:
        found.append(problem("export_nothing", "No picture is kept. Mark the pictures to train on with K first."))
    elif not plan.whole and not plan.boxes:
        found.append(
            problem("export_neither", "Neither whole pictures nor boxes are asked for. Choose one of them, or both.")
        )
    elif not plan.whole and not (plan.boxes and any(studio.facts[id].boxes for id in ids)):
        found.append(
            problem(
                "export_no_boxes", "No kept picture has a box, and whole pictures are not asked for. Draw boxes under "
                "Crops, or export whole pictures as well.",
            )
        )  # fmt: skip
    inside = [one for one in studio.dataset.sources if plan.folder == one or plan.folder.is_relative_to(one)]
    if inside:
        found.append(
            problem(
                "export_inside",
                "{folder} lies within the folder of the pictures, where copies would be shown as new pictures. Choose "
                "a folder elsewhere.",
                folder=str(plan.folder),
            )
        )
    elif exists(plan.folder) and not is_file(plan.folder / MANIFEST) and not is_empty(plan.folder):
        found.append(
            problem(
                "export_not_empty",
                "{folder} holds other files. Choose a folder that is empty or new, or one that was exported to before.",
                folder=str(plan.folder),
            )
        )
    raise_if_any(found)


def name_problems(name: str) -> list[Problem]:
    """What is wrong with a name that is to be part of a folder's."""
    if not name.strip() or name != name.strip() or not name.isprintable() or len(name) > LONGEST_NAME:
        return [problem("export_name", "The name {name} cannot be that of a folder. Use a word or two.", name=name)]
    if (refused := refused_name(name)) is not None or name[-1] in ". ":
        return [
            problem(
                "export_name_refused", "{name} cannot be the name of a folder: {reason}.", name=name,
                reason=refused or name,
            )
        ]  # fmt: skip
    return []
