"""Looking at what a run has saved: forms of grids and scores that are filled in from its settings and its files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from kohya_gui.runs.details.sending import metadata_of, results_of, words_of
from train_core.config.files import read_config
from train_core.config.jobs.probing import ProbeTags
from train_core.config.jobs.scoring import Score
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import evaluations_dir
from train_core.config.problems import UserError, problem
from train_core.facts.adapters.trigger import metadata_table
from train_core.facts.grids.of_training import FEW_WEIGHTS, grid_of
from train_core.facts.grids.templates import TEMPLATES
from train_core.facts.run.result_names import by_age
from train_core.facts.run.run_folders import SETTINGS
from train_core.studio.words.categories import USUAL, plain

USUALLY = 0.6  # share of the captions that have what is taken for a trait
MOST_TRAITS, MOST_CLOTHES = 6, 8
TRAITS, CLOTHES = ("hair", "face", "body"), ("clothes",)
SELF = ("1girl", "1boy", "1other", "no humans")  # tags that say what kind of thing a picture shows


def evaluations_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Settings of the grids that a run's files can be looked at with, by name of the template; the first is its own
    prompts. Raises UserError where it has saved no file."""
    config = read_config(folder / SETTINGS).config
    files = [one.path for one in results_of(folder)]
    if not files:
        raise UserError(
            problem("nothing_to_evaluate", "The run has saved no file that is still there, so nothing can be seen.")
        )
    words = prompt_words(files[-1])
    own = {"own": None} if config.samples.sample_prompts.strip() else {}
    templates = {**own, **TEMPLATES}
    return {
        name: grid_of(config, files, _folder(config, name), template, words) for name, template in templates.items()
    }


def measuring_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Settings of the tools that measure a run's adapters: on its own validation pictures, if it has a folder of them.

    Scores say which to take, the other tool what the base and the last one know of their words.
    """
    config = read_config(folder / SETTINGS).config
    files = [one.path for one in results_of(folder)]
    if config.method.training_method != "LoRA" or not files:
        return {}
    words = prompt_words(files[-1])
    scored = {
        "score_model": config.model.pretrained_model_name_or_path, "score_vae": config.model.vae,
        "score_files": "\n".join(str(path) for path in sorted(files, key=by_age)), "score_weights": FEW_WEIGHTS,
        "score_held_out": config.validation.validation_data_dir, "score_trained": config.dataset.train_data_dir,
        "score_trigger": words["trigger"], "score_class": words["class"],
        "score_to": str(_folder(config, "scores")), "score_resolution": config.dataset.resolution,
        "score_clip_skip": config.model.clip_skip or 1,
    }  # fmt: skip
    probed = {
        "probe_model": scored["score_model"], "probe_vae": scored["score_vae"],
        "probe_files": str(max(files, key=by_age)),
        "probe_tags": ", ".join(filter(None, (words[name] for name in ("trigger", "class", "traits", "outfit")))),
        "probe_pictures": scored["score_held_out"], "probe_to": str(_folder(config, "probe_tags")),
        "probe_resolution": scored["score_resolution"], "probe_clip_skip": scored["score_clip_skip"],
    }  # fmt: skip
    return {Score.job_name: scored, ProbeTags.job_name: probed}


def prompt_words(file: Path) -> dict[str, str]:
    """Words for a template's places, from what the file says of the captions that it was trained on."""
    counts: Counter[str] = Counter()
    metadata = metadata_of(file)
    for tags in metadata_table(metadata, "ss_tag_frequency").values():
        counts.update({tag.strip(): count for tag, count in tags.items() if isinstance(count, int)})
    most = max(counts.values(), default=0)
    usual = [tag for tag, count in counts.most_common() if count >= USUALLY * most]
    known = (*SELF, "solo")
    trigger = [
        word for word in words_of(file).split(", ")
        if plain(word) not in known and USUAL.of(word) not in (*TRAITS, *CLOTHES)
    ]  # fmt: skip
    own = set(map(plain, trigger))
    kinds = [tag for tag in usual if plain(tag) in SELF]
    return {
        "trigger": ", ".join(trigger),
        "class": ", ".join(kinds[:1]),
        "traits": ", ".join(_about(usual, TRAITS, own)[:MOST_TRAITS]),
        "outfit": ", ".join(_about(usual, CLOTHES, own)[:MOST_CLOTHES]),
    }


def _about(tags: Sequence[str], categories: Sequence[str], without: set[str]) -> list[str]:
    return [tag for tag in tags if USUAL.of(tag) in categories and plain(tag) not in without]


def _folder(config: TrainConfig, name: str) -> Path:
    """A folder for the grid; drawn again, the same, so that pictures that are there stay."""
    return evaluations_dir() / f"{config.output.output_name} {name}".replace("/", "_")
