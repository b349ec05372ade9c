"""Model cards for software that lists adapters: a picture, and a card with trigger words and weight."""

from __future__ import annotations

import shutil
from pathlib import Path

from train_core.config.sections.output import OutputSettings
from train_core.config.whole_files import write_text, write_whole
from train_core.facts.adapters.webui_card import webui_card
from train_core.models.family import Family
from train_core.models.files.writing import telling
from train_core.run.outputs.manifest import Manifest


def write_card(result: Path, picture: Path | None, output: OutputSettings, family: Family, manifest: Manifest) -> None:
    """Write NAME.json and, of the sample at `picture`, NAME.preview.png beside the file `result`.

    Raises UserError if they cannot be written.
    """
    card = webui_card(
        description=output.metadata_description, version=family.kind.in_a1111, trigger=output.metadata_trigger_phrase,
        weight=output.preferred_weight, notes=output.metadata_usage_hint,
    )
    with telling(result.with_suffix(".json")):
        path = manifest.claim(result.with_suffix(".json"), "final", 0, 0)
        write_text(path, card)
    if picture is not None and picture.is_file():
        with telling(result.with_suffix(".preview.png")):
            path = manifest.claim(result.with_suffix(".preview.png"), "final", 0, 0)
            with write_whole(path) as temporary:
                shutil.copyfile(picture, temporary)
