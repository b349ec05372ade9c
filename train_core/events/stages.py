"""The stages of jobs: their names in events, and what each is called in English."""

from __future__ import annotations

from train_core.config.phrases import Phrase

TRAINING = "training"
STAGES = {
    "checking": "Checking the settings and images",
    "loading": "Loading the model",
    "caching": "Encoding the images",
    TRAINING: "Training",
    "sampling": "Drawing samples",
    "drawing": "Drawing pictures",
    "saving": "Saving",
    "resizing": "Resizing",
    "merging": "Merging",
    "extracting": "Extracting",
    "splitting": "Splitting",
    "comparing": "Comparing",
    "converting": "Converting",
    "measuring": "Measuring",
    "preprocessing": "Preparing pictures",
    "exporting": "Exporting",
    "looking": "Looking for faces and text",
    "fetching": "Fetching, in percent of a file",
    "tagging": "Tagging pictures",
    "captioning": "Captioning pictures",
    "reading": "Reading",
}


def stage_title(name: str) -> Phrase:
    """What the stage `name` is called; its name itself for one of a job from elsewhere."""
    return Phrase(STAGES.get(name, name), f"ui.stage.{name}")
