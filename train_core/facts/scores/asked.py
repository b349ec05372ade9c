"""What a scoring asks for: files and weights, pictures, prompts; what it will cost, and what stands in its way."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from train_core.config.image_settings import DataSettings
from train_core.config.jobs.scoring import Score, ScoreSettings
from train_core.config.phrases import joined
from train_core.config.problems import Problem, UserError, problem, problems_of, raise_if_any
from train_core.config.syntax.arguments import parse_numbers
from train_core.facts.datasets.holdout import also_in_training, images_in, in_folder
from train_core.facts.datasets.subsets import Subset, survey
from train_core.facts.images.caption_files import read_caption
from train_core.facts.models.about import PLACES
from train_core.facts.models.headers import identify_file
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.preflight import Findings
from train_core.facts.prompts.prompt_lines import PromptDefaults, SamplePrompt, parse_prompts
from train_core.facts.prompts.prompt_warnings import prompt_warnings
from train_core.facts.run.result_names import by_age
from train_core.facts.run.writable import unwritable
from train_core.facts.scores.measures import ENOUGH, FEW_LEVELS, LEVELS, PULLS, TOO_FEW
from train_core.facts.scores.scores import FILE

SMALLEST_BUCKET = 64
# What is said of folders without pictures, with a rule on names of folders that holds for training alone.
FOR_TRAINING = ("no_images_found", "only_folders_without_repeats", "no_folder_with_number")
MOST_WEIGHT = 10.0
SAMPLER, SPACING = "dpmsolver++", "karras"  # DPM++ 2M Karras needs half the steps that Euler a does
TAGS_GUESSED = 6  # in a caption, with the caption itself
MOST_CAPTIONS = 8  # of the held-out ones that are drawn
MOST_PROMPTS = 4  # of the captions that may have been learnt by heart
# Everyday scenes, which have nothing to do with any training; the class word stands where the braces are.
SCENES = (
    "{}, forest, trees, outdoors", "{}, beach, sea, blue sky", "{}, city street, night, lights",
    "{}, indoors, living room, window", "{}, mountains, snow", "{}, simple background, white background",
    "{}, flower field, sunset", "{}, sketch, monochrome",
)  # fmt: skip


@dataclass(frozen=True)
class Asked:
    """Files from the earliest to the last, weights without 0, trigger words, and the prompts for foreign pictures."""

    files: tuple[Path, ...]
    weights: tuple[float, ...]
    trigger: tuple[str, ...]
    foreign: tuple[SamplePrompt, ...]

    @property
    def points(self) -> int:
        """How many there are to measure, with the base alone."""
        return len(self.files) * len(self.weights) + 1


def asked_of(settings: ScoreSettings) -> Asked:
    """What `settings` ask for. Raises UserError for weights and prompts that mean nothing, and files named alike."""
    files = tuple(sorted(map(Path, filter(None, settings.score_files)), key=by_age))
    wrong = list(_named_alike(files))
    weights: tuple[float, ...] = ()
    try:
        weights = _weights(settings.score_weights)
    except UserError as error:
        wrong += error.problems
    foreign: list[SamplePrompt] = []
    try:
        foreign = parse_prompts(_scenes(settings), _defaults(settings))
    except UserError as error:
        wrong += error.problems
    raise_if_any(wrong)
    return Asked(files, weights, trigger_words(settings.score_trigger), tuple(foreign))


def trigger_words(text: str) -> tuple[str, ...]:
    """The trigger words in `text`, with commas between them."""
    return tuple(word for part in re.split("[,，、]", text) if (word := part.strip()))


def without_words(caption: str, words: Iterable[str]) -> str:
    """`caption` without any of `words`, and without the commas and blanks that they leave behind."""
    for word in words:
        caption = re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", "", caption, flags=re.IGNORECASE)
    tags = (re.sub(r"\s+", " ", tag).strip() for tag in caption.split(","))
    return ", ".join(tag for tag in tags if tag)


def picture_settings(settings: ScoreSettings) -> DataSettings:
    """How pictures are found and cut to size: as trainings do, with buckets."""
    values = {
        "resolution": settings.score_resolution, "caption_extension": settings.score_caption_extension,
        "min_bucket_reso": SMALLEST_BUCKET, "cache_latents": True, "cache_latents_to_disk": True,
    }  # fmt: skip
    return DataSettings().with_values(values)


def subsets_in(settings: ScoreSettings, folder: str) -> tuple[Subset, ...]:
    """The pictures in `folder`. Raises UserError with all that is wrong with them."""
    found = survey(in_folder(picture_settings(settings), folder))
    raise_if_any([_no_pictures(settings, folder) if one.code in FOR_TRAINING else one for one in found.problems])
    return found.subsets


def _no_pictures(settings: ScoreSettings, folder: str) -> Problem:
    return problem(
        "score_no_pictures",
        "{folder} has no pictures to measure. Put png, jpg, webp, bmp or avif files there, with their captions beside "
        "them in files that end in {ending}, or choose the folder that has them.",
        folder=folder, ending=settings.score_caption_extension,
    )


@dataclass(frozen=True)
class Cost:
    """How many pictures go through the model, each at one noise level, to measure and to draw."""

    measuring: int
    drawing: int

    @property
    def drawn(self) -> int:
        """What it is worth in calls altogether."""
        return self.measuring + self.drawing


def cost_of(settings: ScoreSettings, asked: Asked, held_out: int, untriggered: int, trained: int) -> Cost:
    """What measuring that many pictures of each set costs, if no foreign picture is drawn yet."""
    each = LEVELS * held_out + len(FEW_LEVELS) * len(asked.foreign)
    # For each file, at its highest weight.
    once = LEVELS * trained + len(FEW_LEVELS) * untriggered + PULLS * (MOST_PROMPTS + 1)
    sides = 1 if settings.score_scale == 1 else 2  # with and without the prompt
    drawn = min(held_out, MOST_CAPTIONS) * (settings.score_draw + 1) if settings.score_draw else 0
    judged = asked.points * drawn * LEVELS * TAGS_GUESSED
    return Cost(
        asked.points * each + (len(asked.files) + 1) * once + judged,
        (len(asked.foreign) + asked.points * drawn) * settings.score_steps * sides,
    )


def told_cost(settings: ScoreSettings, asked: Asked, cost: Cost) -> Problem:
    """Notice of what a scoring costs, before it begins."""
    per_picture = settings.score_steps * (1 if settings.score_scale == 1 else 2)
    return problem(
        "score_cost",
        "Files: {files}, weights: {weights}, and the base alone. The model predicts noise {measured} times to measure, "
        "and at most {drawn} times to draw, as often as in drawing pictures of {steps} steps, about this many: "
        "{pictures}.",
        files=len(asked.files), weights=len(asked.weights), measured=cost.measuring, drawn=cost.drawing,
        pictures=-(-cost.drawn // per_picture), steps=settings.score_steps,
    )


def examine_scoring(config: Score, _run_dir: Path | None) -> Findings:
    """Findings on model, files, pictures and prompts, which need no torch, and what it all costs."""
    settings = config.score
    try:
        base = base_files(settings.score_model, settings.score_vae, to_train=False)
        asked = asked_of(settings)
        held_out = subsets_in(settings, settings.score_held_out)
        trained = subsets_in(settings, settings.score_trained) if settings.score_trained else ()
        _refuse_copies(held_out, trained)
    except UserError as error:
        return Findings(error.problems, ())
    broken = [found for path in asked.files for found in problems_of(partial(_refuse_other_kinds, path))]
    if (refused := unwritable(Path(settings.score_to) / FILE)) is not None:
        broken.append(refused)
    return _with_cost(settings, asked, base, broken, held_out, trained)


def _with_cost(
    settings: ScoreSettings, asked: Asked, base: BaseFiles, broken: list[Problem], held_out: Sequence[Subset],
    trained: Sequence[Subset],
) -> Findings:  # fmt: skip
    count, named = len(images_in(held_out)), _naming(held_out, asked.trigger)
    most = settings.score_trained_most
    cost = cost_of(settings, asked, count, named, min(len(images_in(trained)), most or len(images_in(trained))))
    warnings = [*prompt_warnings(asked.foreign), *_few(count)]
    if asked.trigger and not named:
        warnings.append(
            problem(
                "score_trigger_nowhere",
                "No caption of the held-out pictures has score_trigger = {words}, so what it does cannot be measured.",
                words=settings.score_trigger,
            )
        )
    in_scenes = [one.prompt for one in asked.foreign if without_words(one.prompt, asked.trigger) != one.prompt.strip()]
    if asked.trigger and in_scenes:
        warnings.append(
            problem(
                "score_foreign_triggers",
                "{prompt}: foreign prompts should not have the trigger words; what they show is not foreign then.",
                prompt=in_scenes[0],
            )
        )
    return Findings(tuple(broken), tuple(warnings), (told_cost(settings, asked, cost),), base)


def _few(count: int) -> Iterator[Problem]:
    if count < TOO_FEW:
        yield problem(
            "score_too_few",
            "{count} held-out pictures are too few to decide anything. Hold out at least {least}, better {good}.",
            count=count, least=TOO_FEW, good=ENOUGH,
        )
    elif count < ENOUGH:
        yield problem(
            "score_few",
            "{count} held-out pictures decide little: the intervals are wide and may still be too narrow. {good} or "
            "more are good.",
            count=count, good=ENOUGH,
        )


def _refuse_other_kinds(path: Path) -> None:
    """Raise UserError for a file that cannot be read, and for one that is known to be no adapter."""
    found = identify_file(read_tensor_file(path), beside=False)
    if found.is_base_model or PLACES.get(found.kind, "adapter") != "adapter":
        raise UserError(
            problem(
                "score_not_an_adapter",
                "{file} is not an adapter ({kind}), and only adapters are scored. Remove it from score_files.",
                file=str(path), kind=found.kind,
            )
        )


def _refuse_copies(held_out: Sequence[Subset], trained: Sequence[Subset]) -> None:
    """Raise UserError where a picture is both held out and trained on."""
    pairs = also_in_training(images_in(held_out), images_in(trained))
    if pairs:
        raise UserError(
            problem(
                "score_held_out_trained",
                "{count} pictures are in both score_held_out and score_trained; for example, {held_out} is the same as "
                "{trained}. Remove them from score_held_out: what was trained on proves nothing.",
                count=len(pairs), held_out=str(pairs[0][0]), trained=str(pairs[0][1]),
            )
        )


def _naming(subsets: Sequence[Subset], trigger: Sequence[str]) -> int:
    """The number of pictures whose captions have a trigger word; captions that cannot be read are told elsewhere."""
    captions = [
        read_caption(image.caption_path) if image.caption_path else subset.folder.class_tokens
        for subset in subsets
        for image in subset.folder.images
    ]
    return sum(without_words(caption, trigger) != without_words(caption, ()) for caption in captions)


def _weights(text: str) -> tuple[float, ...]:
    """The weights in `text` in rising order, each once and without 0, which is the base. Raises UserError."""
    try:
        found = sorted({number for number in parse_numbers(text) if number})
    except ValueError:
        found = []
    if not found or not all(abs(number) <= MOST_WEIGHT for number in found):
        raise UserError(
            problem(
                "score_weights_unreadable",
                "score_weights = {text}: write numbers with commas between them, such as 0.6, 0.8, 1, none beyond "
                "{most}.",
                text=text, most=MOST_WEIGHT,
            )
        )
    return tuple(found)


def _named_alike(files: Iterable[Path]) -> Iterator[Problem]:
    doubled = [name for name, count in Counter(path.name for path in files).items() if count > 1]
    if doubled:
        yield problem(
            "score_files_named_alike",
            "Several of score_files are called {names}, and could not be told apart. Choose one of them.",
            names=joined("comma", doubled),
        )


def _scenes(settings: ScoreSettings) -> str:
    """The foreign prompts, a line each."""
    own = settings.score_foreign.strip()
    if own:
        return own
    return "\n".join(scene.format(settings.score_class).strip(", ") for scene in SCENES)


def _defaults(settings: ScoreSettings) -> PromptDefaults:
    sized = PromptDefaults.at(settings.score_resolution, SAMPLER, SPACING)
    return replace(sized, steps=settings.score_steps, scale=settings.score_scale, seed=settings.score_seed)
