"""A probe of tags: what is asked, the words of random letters that tags are compared with, and what the answers are.

A tag is exchanged in the captions of pictures that show it: it is left out, or a made-up word stands in its place. Any
word changes what a model predicts, and the same one in much the same way for all pictures; so leaving the tag out
alone proves nothing, but a model that knows the tag predicts these pictures better with it than with all of the others.
Without such pictures there are those that the model draws without any of these words: a word that it knows pulls
harder at them than made-up words do.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from train_core.config.jobs.drawing import DrawSettings
from train_core.config.jobs.grids import DrawGrid, GridSettings
from train_core.config.jobs.probing import ProbeSettings, ProbeTags
from train_core.config.jobs.scoring import ScoreSettings
from train_core.config.phrases import phrase
from train_core.config.problems import Problem, UserError, problem, problems_of
from train_core.config.whole_files import write_text
from train_core.facts.grids.checks import examine_grid
from train_core.facts.grids.ranking import wilson
from train_core.facts.models.model_files import base_files
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.preflight import Findings
from train_core.facts.prompts.prompt_lines import PromptDefaults, SamplePrompt, parse_prompts
from train_core.facts.run.writable import unwritable
from train_core.facts.scores.asked import subsets_in, without_words
from train_core.facts.scores.intervals import Floats
from train_core.facts.scores.measures import ENOUGH, TOO_FEW
from train_core.facts.scores.tags import tags_in

FILE = "probe.json"
PLACE = "{tag}"  # in the prompt
DRAWN = ENOUGH  # pictures that each model draws without a tag
MADE_UP = 8  # words: one that means nothing is the best of all for one tag in ten
LETTERS, LENGTH = "bcdfghjklmnpqrstvwxz", 6
HALF = 0.5

# `no_more`: it pulls no harder than a made-up word, which is less than that it is not known.
Answer = Literal["known", "not_known", "no_more", "undecided", "too_few"]


@dataclass(frozen=True)
class Probed:
    """What a model (the name of a file, "" for the base) says of a tag.

    On so many `pictures` of so many the tag does better than `rival`: whichever other word does best on all of them, ""
    where that is none at all. `low` to `high` is the 95 % interval of their share.
    """

    tag: str
    model: str
    answer: Answer
    pictures: int
    better: int = 0
    low: float = 0.0
    high: float = 1.0
    rival: str = ""


def probed_tags(text: str) -> list[str]:
    """The tags in `text`, one a line or with commas between them, each once. Raises UserError where there are none."""
    tags = list(dict.fromkeys(tag for part in re.split("[,，、\n]", text) if (tag := part.strip())))
    if not tags:
        raise UserError(problem("probe_no_tags", "probe_tags names no tag. Write tags such as heart, crux."))
    return tags


def made_up_words(tags: Sequence[str], seed: int) -> list[str]:
    """MADE_UP different words of random letters, none of them among `tags`."""
    rng, words = random.Random(seed), dict.fromkeys(tags)
    while len(words) < len(set(tags)) + MADE_UP:
        words.setdefault("".join(rng.choices(LETTERS, k=LENGTH)))
    return list(words)[-MADE_UP:]


def exchanged(captions: Mapping[int, str], tag: str, other: str) -> dict[int, str]:
    """Those of `captions` that have `tag`, with `other` in its place, or nothing.

    It is looked for among whole tags, and only if no caption has it there as a word within them, such as a trigger.
    """
    whole = {place: text for place, text in captions.items() if tag.lower() in map(str.lower, tags_in(text))}
    if whole:
        return {place: _with_tags(text, tag, other) for place, text in whole.items()}
    word = re.compile(rf"(?<!\w){re.escape(tag)}(?!\w)", re.IGNORECASE)
    return {
        place: without_words(word.sub(lambda _: other, text), ())
        for place, text in captions.items() if word.search(text)
    }


def _with_tags(caption: str, tag: str, other: str) -> str:
    return ", ".join(filter(None, (other if one.lower() == tag.lower() else one for one in tags_in(caption))))


def judged(
    tag: str, model: str, fits: Floats, others: Mapping[str, Floats], worse: Answer = "not_known"
) -> Probed:  # fmt: skip
    """The answer to how well each picture fits the tag (pictures,), and `others` by the word in its place, "" for none.

    `worse` is the answer where another surely fits better.
    """
    count = len(fits)
    if count < TOO_FEW:
        return Probed(tag, model, "too_few", count)
    rival = max(others, key=lambda word: float(others[word].mean()))
    better = int((fits > others[rival]).sum())
    low, _, high = wilson(better, count - better)
    answer: Answer = "known" if low > HALF else worse if high < HALF else "undecided"
    return Probed(tag, model, answer, count, better, low, high, rival)


def share_in_words(found: Probed) -> str:
    """The share of pictures with its interval, in percent; a dash for too few."""
    if found.answer == "too_few":
        return "–"
    return f"{100 * found.better / found.pictures:.0f} % [{100 * found.low:.0f}, {100 * found.high:.0f}]"


def rival_in_words(found: Probed) -> str:
    """The strongest rival; a dash for too few pictures."""
    if found.answer == "too_few":
        return "–"
    return found.rival or phrase("probe_left_out", "left out")


def answer_in_words(answer: Answer) -> str:
    """The answer as a cell of a table."""
    if answer == "known":
        return phrase("probe_known", "known")
    if answer == "not_known":
        return phrase("probe_not_known", "not known")
    if answer == "no_more":
        return phrase("probe_no_more", "no more than a made-up word")
    if answer == "undecided":
        return phrase("probe_undecided", "undecided")
    return phrase("score_undecided", "too few to decide")


def write_probe(found: Sequence[Probed], made_up: Sequence[str], settings: ProbeSettings) -> Path:
    """Write probe.json: the answers, and with what they were found. Raises OSError."""
    path = Path(settings.probe_to) / FILE
    told = {
        "version": 1, "model": Path(settings.probe_model).name, "weight": settings.probe_weight,
        "by": "pictures" if settings.probe_pictures else "pull", "seed": settings.probe_seed,
        "made_up_words": list(made_up), "answers": [asdict(one) for one in found],
    }  # fmt: skip
    write_text(path, json.dumps(told, ensure_ascii=False, indent=1) + "\n")
    return path


def as_scoring(settings: ProbeSettings) -> ScoreSettings:
    """The settings of a scoring that measures as the probe does."""
    return ScoreSettings(
        score_model=settings.probe_model, score_vae=settings.probe_vae, score_to=settings.probe_to,
        score_caption_extension=settings.probe_caption_extension, score_resolution=settings.probe_resolution,
        score_clip_skip=settings.probe_clip_skip, score_seed=settings.probe_seed, score_on_cpu=settings.probe_on_cpu,
    )  # fmt: skip


def context_of(settings: ProbeSettings) -> SamplePrompt:
    """The prompt in which tags stand. Raises UserError for one that cannot be read, or without a place for a tag."""
    sized = PromptDefaults.at(settings.probe_resolution, "euler_a")
    defaults = replace(sized, steps=settings.probe_steps, scale=settings.probe_scale, seed=settings.probe_seed)
    prompts = parse_prompts(settings.probe_context, defaults)
    if len(prompts) != 1 or PLACE not in prompts[0].prompt:
        raise UserError(
            problem(
                "probe_context_without_tag",
                "probe_context = {text} has to be one prompt with {place} where tags stand, such as robot, {place}.",
                text=settings.probe_context, place=PLACE,
            )
        )
    return prompts[0]


def within(context: str, word: str) -> str:
    """The prompt `context` with `word` in its place, or without any."""
    return without_words(context.replace(PLACE, word), ())


def grid_of(settings: ProbeSettings) -> DrawGrid:
    """The grid of pictures to look at: prompts with each tag and without any, seeds, and adapters."""
    words, files = [*probed_tags(settings.probe_tags), ""], [Path(path) for path in settings.probe_files if path]
    seeds = ", ".join(str(settings.probe_seed + number) for number in range(settings.probe_draw))
    names = ", ".join(f'"{path.stem}:{settings.probe_weight:g}"' for path in files)
    return DrawGrid(
        draw_grid=GridSettings(
            grid_axes=[*([f"file: {names}"] if files else []), f"seed: {seeds}"], grid_to=settings.probe_to,
            grid_sheets=True,
        ),
        draw_pictures=DrawSettings(
            draw_model=settings.probe_model, draw_vae=settings.probe_vae,
            draw_prompts="\n".join(filter(None, (within(settings.probe_context, word) for word in words))),
            draw_folders=list(dict.fromkeys(str(path.parent) for path in files)),
            draw_resolution=settings.probe_resolution, draw_steps=settings.probe_steps,
            draw_scale=settings.probe_scale, draw_clip_skip=settings.probe_clip_skip,
            draw_on_cpu=settings.probe_on_cpu,
        ),
    )  # fmt: skip


def examine_probe(config: ProbeTags, _run_dir: Path | None) -> Findings:
    """Findings on model, tags, adapters, pictures and what is drawn, which need no torch."""
    settings = config.probe_tags
    found: list[Problem] = []
    base = None
    try:
        base = base_files(settings.probe_model, settings.probe_vae, to_train=False)
    except UserError as error:
        found += error.problems
    found += problems_of(partial(probed_tags, settings.probe_tags))
    found += problems_of(partial(context_of, settings))
    if settings.probe_pictures:
        found += problems_of(partial(subsets_in, as_scoring(settings), settings.probe_pictures))
    for path in filter(None, settings.probe_files):
        found += problems_of(partial(read_tensor_file, Path(path)))
    if (refused := unwritable(Path(settings.probe_to) / FILE)) is not None:
        found.append(refused)
    if found or not settings.probe_draw:
        return Findings(tuple(found), (), base=base)
    return replace(examine_grid(grid_of(settings), None), base=base)
