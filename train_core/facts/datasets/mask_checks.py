"""Checks of the masks and faces that draws of images need, before a job starts."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from train_core.config.problems import Problem, problem
from train_core.facts.datasets.mask_files import Masked, alpha_warnings, mask_directory, survey_masks
from train_core.facts.datasets.subsets import Subset
from train_core.facts.images.crops import crop_rules
from train_core.facts.images.faces import face_in


@dataclass(frozen=True)
class DrawFindings:
    """Findings that make draws impossible, and those that have no effect on them."""

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]


def examine_draws(subsets: Sequence[Subset]) -> DrawFindings:
    """Everything that is wrong or odd about masks and faces of `subsets`, including regularisation images."""
    by_directory: dict[str, list[Masked]] = defaultdict(list)
    for subset in subsets:
        directory = mask_directory(subset.settings.augmentation)
        if directory:
            images = [Masked(image.path, image.size, needed=not subset.is_reg) for image in subset.folder.images]
            by_directory[directory] += images
    surveys = [survey_masks(images, directory) for directory, images in by_directory.items()]
    warnings = [found for survey in surveys for found in survey.warnings]
    with_alpha = [image.path for s in subsets if s.settings.augmentation.alpha_mask for image in s.folder.images]
    return DrawFindings(
        tuple(found for survey in surveys for found in survey.problems),
        (*warnings, *alpha_warnings(with_alpha), *_faces_missing(subsets)),
    )


def _faces_missing(subsets: Sequence[Subset]) -> list[Problem]:
    zoomed = [subset for subset in subsets if crop_rules(subset.settings.augmentation).face_range]
    without = [image.path for subset in zoomed for image in subset.folder.images if face_in(image.path) is None]
    if not without:
        return []
    return [
        problem(
            "faces_missing",
            "face_crop_aug_range is set, but the names of {count} images give no face position, for example {path}. "
            "They are cropped as usual; to zoom in on the face, name them name_x_y_width_height, with its centre and "
            "size in pixels.",
            count=len(without), path=str(without[0]),
        )
    ]
