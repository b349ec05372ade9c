"""Checks of a training job that need no torch, before any model is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from train_core.config.checks.applicability import not_for_this_model
from train_core.config.checks.embedding import word_contradictions
from train_core.config.checks.loss import prediction_contradictions
from train_core.config.checks.paths import foreign_inputs
from train_core.config.image_settings import DataSettings
from train_core.config.interop.accelerate_file import read_sharding
from train_core.config.job import Job
from train_core.config.jobs.table import named
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problem, problems_of
from train_core.config.sections.method import WHOLE
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.samples import SampleSettings
from train_core.config.syntax.layer_presets import layer_preset
from train_core.config.syntax.new_words import new_words
from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.facts.captions.new_words import cut_captions, start_oddities, word_problems
from train_core.facts.captions.sets import trained_captions
from train_core.facts.captions.wording import wording_of
from train_core.facts.datasets.folders import ImageFolder
from train_core.facts.datasets.holdout import trained_on, validation_problems
from train_core.facts.datasets.mask_checks import examine_draws
from train_core.facts.datasets.subsets import protection, survey
from train_core.facts.images.caption_files import caption_lines
from train_core.facts.models import hub
from train_core.facts.models.embedding_files import look_into
from train_core.facts.models.headers import ModelFile, recognise, recognise_vae
from train_core.facts.models.model_facts import facts_of
from train_core.facts.models.model_files import BaseFiles
from train_core.facts.models.tensor_files import read_tensor_file
from train_core.facts.models.thumbnails import thumbnail_url
from train_core.facts.run.result_names import free_name, longest_names, not_writable
from train_core.facts.run.sample_files import examine_samples
from train_core.facts.run.states import resume_problems
from train_core.facts.run.whole_models import room_for_files, room_in_memory
from train_core.facts.run.writable import UnusableNameError, why_not
from train_core.kinds import KINDS


@dataclass(frozen=True)
class Findings:
    """Findings about a job: problems that stop it, warnings, and notices that are good to know before it starts.

    `base` are the files of its base model, handed on to the job so that they are looked for once.
    """

    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...]
    notices: tuple[Problem, ...] = ()
    base: BaseFiles | None = None


def findings_of(config: Job, run_dir: Path | None = None) -> Findings:
    """Findings of the checks that a job's settings name; none if they name none."""
    if not config.checks:
        return Findings((), ())
    findings: Findings = named(config.checks)(config, run_dir)
    return findings


def examine(config: TrainConfig, run_dir: Path | None = None) -> Findings:
    """Findings on model file, images, captions, buckets, prompts and output folder.

    Empty required settings are left to the check of the settings themselves. `run_dir` is the folder of the run, when
    there is one already.
    """
    elsewhere = foreign_inputs(config)
    if elsewhere:
        return Findings(tuple(elsewhere), ())  # whatever looks for them would say that they are missing
    model = _model(config)
    in_samples, odd_in_samples = examine_samples(config, model.base.model.family if model.base else None)
    problems = [
        *model.problems,
        *in_samples,
        *(output := _output_problems(config.output, config.samples)),
        *_network_problems(config),
        *_hypernetwork_problems(config.hypernetwork.hypernetwork_weights.strip()),
        *(words := _new_words(config)).problems,
        *resume_problems(config, run_dir),
    ]
    images = _images(config)
    if config.saves and config.method.training_method in WHOLE and model.base is not None and not images.problems:
        problems += room_for_files(config, survey(DataSettings.of(config)).subsets)
    sharding = _sharding(config)
    names = [] if output else _output_warnings(config)
    warnings = (*model.warnings, *odd_in_samples, *words.warnings, *images.warnings, *names, *sharding.warnings)
    return Findings((*problems, *images.problems, *sharding.problems), warnings, images.notices, model.base)


def _model(config: TrainConfig) -> Findings:
    """Problems of the model, of a VAE of its own, and of settings that do not suit the model."""
    model = config.model
    problems: list[Problem] = []
    found = vae = None
    base = model.pretrained_model_name_or_path
    if base:
        try:
            found = recognise(hub.resolve(base))
        except UserError as error:
            problems += error.problems
    if model.vae:
        try:
            vae = recognise_vae(hub.resolve(model.vae), found.family if found else "")
        except UserError as error:
            problems += error.problems
    if found is None:
        return Findings(tuple(problems), ())
    unsuited = _unsuited(found, config)
    unused = not_for_this_model(config, facts_of(found, model.v_parameterization), unsuited)
    too_large, may_be_too_large = room_in_memory(config)
    warnings = (
        *_prediction_of(found, config), *_schedule_of(found, config), *_clip_skip_of(found, config), *unused,
        *may_be_too_large,
    )
    return Findings((*problems, *unsuited, *too_large), warnings, base=BaseFiles(found, vae))


def _network_problems(config: TrainConfig) -> list[Problem]:
    """Problems of the layers' preset and of adapter files to start from: their ends tell damaged ones."""
    network, algorithm = config.network, config.algorithm
    problems = list(problems_of(lambda: layer_preset(network.LyCORIS_preset, network.conv_dim is not None)))
    for path in (*algorithm.base_weights, algorithm.network_weights):
        if path.strip():
            problems += problems_of(partial(read_tensor_file, Path(path.strip())))
    return problems


def _hypernetwork_problems(path: str) -> tuple[Problem, ...]:
    """Problems of a hypernetwork that is continued."""
    return problems_of(partial(read_hypernetwork, Path(path))) if path else ()


def _new_words(config: TrainConfig) -> Findings:
    """Problems of new words, of their sentences and files, and warnings on captions that they make too long."""
    if config.method.training_method != "textual inversion" or word_contradictions(config):
        return Findings((), ())
    words = new_words(config.embedding)
    problems = [*word_problems(words), *problems_of(lambda: wording_of(config.embedding))]
    problems += [found for word in words if word.file for found in problems_of(partial(look_into, Path(word.file)))]
    if problems:
        return Findings(tuple(problems), ())
    captions, wording = trained_captions(survey(DataSettings.of(config)).subsets), wording_of(config.embedding)
    warnings = [*start_oddities(words), *cut_captions(captions, words, wording, config.model.max_token_length)]
    return Findings((), tuple(warnings))


def _sharding(config: TrainConfig) -> Findings:
    """Problems of a config file of accelerate's, and what of it is not used."""
    path = config.applicable().get("accelerate_config")
    if not path:
        return Findings((), ())
    try:
        _, unused = read_sharding(Path(path), learning=config.method.training_method in WHOLE)
    except UserError as error:
        return Findings(error.problems, ())
    return Findings((), tuple(unused))


def _unsuited(found: ModelFile, config: TrainConfig) -> list[Problem]:
    """Reasons why a model of this kind cannot be trained with these settings."""
    predicts = found.predicts(config.model.v_parameterization)
    problems = [] if predicts is None else prediction_contradictions(config.loss, predicts)
    if found.inpaints and config.dataset.cache_latents:
        problems.append(
            problem(
                "inpainting_needs_images",
                "{file} is an inpainting model: every step hides different parts of the images, so they cannot be "
                "encoded just once. Turn cache_latents off.",
                file=str(found.path),
            )
        )
    return problems


def _prediction_of(found: ModelFile, config: TrainConfig) -> tuple[Problem, ...]:
    """A warning where the model says that it predicts something else than the setting has it learn."""
    wanted, said = config.model.v_parameterization, found.prediction_type
    if said in (None, found.predicts(wanted)):
        return ()
    return (
        problem(
            "prediction_type_overridden",
            "{file} says that it predicts {said}, but v_parameterization = {wanted} is used instead. Set it to auto "
            "unless the file is wrong.",
            file=str(found.path), said="epsilon" if said == "epsilon" else "v", wanted=wanted,
        ),
    )


def _schedule_of(found: ModelFile, config: TrainConfig) -> tuple[Problem, ...]:
    """A warning where the model knows a noise schedule that would not be used."""
    if not found.zero_terminal_snr or config.loss.zero_terminal_snr:
        return ()
    return (
        problem(
            "zero_terminal_snr_unused",
            "{file} says that its noise schedule ends in pure noise. Turn on {name} to train it the way it was made.",
            file=str(found.path), name="zero_terminal_snr",
        ),
    )


def _clip_skip_of(found: ModelFile, config: TrainConfig) -> tuple[Problem, ...]:
    """A warning where the text encoder is read at another layer than all models of this kind are made for."""
    known, skip = KINDS[found.family].clip_skips, config.model.clip_skip
    if len(known) != 1 or skip in known:
        return ()
    return (
        problem(
            "clip_skip_unsuited",
            "clip_skip = {skip}: {family} models are used without clip skip, so what is trained with it does not fit "
            "other programs. Set it to {known}.",
            skip=skip, family=found.family, known=known[0],
        ),
    )


def _images(config: TrainConfig) -> Findings:
    """Problems and oddities of the images and their captions, wherever they come from."""
    sources = survey(DataSettings.of(config))
    problems, warnings = list(sources.problems), list(sources.warnings)
    unreadable: list[Problem] = []
    for subset in {subset.folder.path: subset for subset in sources.subsets}.values():
        caption_problems, caption_warnings = _captions(subset.folder, subset.settings.captions.enable_wildcard)
        unreadable += caption_problems
        warnings += caption_warnings
    problems += _told_together(unreadable)
    drawn = examine_draws(sources.subsets)
    problems += drawn.problems
    warnings += drawn.warnings
    if not sources.problems:
        problems += validation_problems(config, sources.subsets)
    notices = () if problems else protection(trained_on(config, sources.subsets))
    return Findings(tuple(problems), tuple(warnings), tuple(notices))


def _captions(folder: ImageFolder, all_lines_used: bool) -> tuple[list[Problem], list[Problem]]:
    problems: list[Problem] = []
    empty, longer = [], []
    for path in (image.caption_path for image in folder.images if image.caption_path):
        try:
            lines = caption_lines(path)
        except UserError as error:
            problems += error.problems
            continue
        if not lines:
            empty.append(path)
        elif len(lines) > 1 and not all_lines_used:
            longer.append(path)
    return problems, [*_empty_captions(empty), *_longer_captions(longer)]


def _told_together(problems: list[Problem]) -> list[Problem]:
    """`problems` of captions, those in another encoding as one for each encoding."""
    by_encoding: dict[str, list[Problem]] = {}
    for found in problems:
        by_encoding.setdefault(found.params.get("encoding", found.text), []).append(found)
    return [
        alike[0] if len(alike) == 1 else problem(
            "captions_not_utf8",
            "{count} captions are not UTF-8; they look like {encoding}, for example {path}. Proofread › Write as "
            "UTF-8 on the Data tab converts them; or open and save each with this encoding in a text editor.",
            count=len(alike), encoding=encoding, path=alike[0].params["path"],
        )
        for encoding, alike in by_encoding.items()
    ]


def _empty_captions(paths: list[Path]) -> list[Problem]:
    if not paths:
        return []
    return [
        problem(
            "captions_empty",
            "{count} caption files are empty, for example {path}. Their images are trained without a caption; delete "
            "the files to use the folder's name instead.",
            count=len(paths),
            path=str(paths[0]),
        )
    ]


def _longer_captions(paths: list[Path]) -> list[Problem]:
    if not paths:
        return []
    return [
        problem(
            "captions_with_several_lines",
            "{count} caption files have several lines, for example {path}. Only the first line is used; turn on "
            "enable_wildcard to pick a random one each time.",
            count=len(paths),
            path=str(paths[0]),
        )
    ]


def _output_problems(output: OutputSettings, samples: SampleSettings) -> list[Problem]:
    """Reasons why results cannot be written to the output folder, which may not exist yet."""
    if output.metadata_thumbnail and (problems := problems_of(lambda: thumbnail_url(output.metadata_thumbnail))):
        return list(problems)
    if not output.output_dir:
        return []
    folder = Path(output.output_dir)
    for name in longest_names(output.output_name, bool(samples.sample_prompts.strip())):
        try:
            reason = why_not(folder / name)
        except UnusableNameError as error:
            return [_name_refused(folder, name, error.reason)]
        if reason is not None:
            return [not_writable(folder, reason)]
    return []


def _name_refused(folder: Path, name: str, reason: str) -> Problem:
    return problem(
        "output_name_refused",
        "The drive of {folder} does not accept a file named {file} ({reason}), which this run would write. Choose a "
        "shorter output_name; letters outside ASCII count as two to four.",
        folder=str(folder), file=name, reason=reason,
    )


def _output_warnings(config: TrainConfig) -> list[Problem]:
    """A warning if the name of the results is already taken in the output folder."""
    output = config.output
    if not output.output_dir or config.resume.resume:
        return []
    name = free_name(Path(output.output_dir), output.output_name)
    if name == output.output_name:
        return []
    return [
        problem(
            "output_name_taken",
            "{folder} already has results named {taken}. They are kept; this run's are named {name}.",
            folder=output.output_dir,
            taken=output.output_name,
            name=name,
        )
    ]
