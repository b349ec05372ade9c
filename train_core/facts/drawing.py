"""What a drawing asks for: its prompts, and the files that these name."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

from train_core.config.jobs.drawing import DrawPictures, DrawSettings
from train_core.config.problems import Problem, UserError, problem, problems_of, raise_if_any
from train_core.facts.models.model_files import BaseFiles, base_files
from train_core.facts.preflight import Findings
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.network_files import NamedFiles
from train_core.facts.prompts.network_tags import without_networks
from train_core.facts.prompts.prompt_lines import MAX_SIDE, MIN_SIDE, PromptDefaults, SamplePrompt, parse_prompts
from train_core.facts.prompts.prompt_warnings import prompt_warnings
from train_core.facts.prompts.to_draw import ToDraw, look_into, with_files
from train_core.facts.prompts.wildcards import Wildcards, has_choices
from train_core.facts.run.writable import unwritable
from train_core.kinds import KINDS


def examine_drawing(config: DrawPictures, _run_dir: Path | None) -> Findings:
    """Findings on model, prompts and the files that they name, which need no torch."""
    settings = config.draw_pictures
    try:
        base = base_files(settings.draw_model, settings.draw_vae, to_train=False)
        drawn = to_draw(settings, base)
    except UserError as error:
        return Findings(error.problems, ())
    files = {path: tag for one in drawn for tag, path in one.networks}
    broken = [found for path, tag in files.items() for found in problems_of(partial(look_into, tag, path))]
    if (refused := unwritable(Path(config.drawn.draw_to) / "00000-0.png")) is not None:
        broken.append(refused)
    warnings = prompt_warnings([one.prompt for one in drawn], loads_networks=True)
    return Findings(tuple(broken), tuple(warnings), base=base)


def to_draw(settings: DrawSettings, base: BaseFiles) -> list[ToDraw]:
    """The prompts and the files that they name. Raises UserError for bad prompts, block weights, and missing files.

    What a random seed is to choose in a prompt is one of the choices, and all files are there that it may name.
    """
    files, wildcards = NamedFiles.within(settings.draw_folders), Wildcards.within(settings.draw_wildcards)
    prompts = prompts_of(settings, base)
    texts = [text for prompt in prompts for text in (prompt.prompt, prompt.negative_prompt)]
    named = [tag for text in texts for one in wildcards.possible(text) for tag in without_networks(one).networks]
    raise_if_any(files.missing(tag for tag in named if not has_choices(tag.text)))
    seeded = [replace(prompt, seed=prompt.seed or 0) for prompt in prompts]
    return with_files(seeded, files, base.model.family, wildcards)


def prompts_of(settings: DrawSettings, base: BaseFiles) -> list[SamplePrompt]:
    """The prompts, one at least. Raises UserError for bad ones, and where there is none."""
    prompts = parse_prompts(settings.draw_prompts, _defaults(settings, base))
    if not prompts:
        raise UserError(problem("no_prompts", "There is no prompt in draw_prompts. Write one, or choose another file."))
    raise_if_any([_too_large(number, one) for number, one in enumerate(prompts, 1) if _hires_side(one) > MAX_SIDE])
    return prompts


def _hires_side(prompt: SamplePrompt) -> int:
    """The longer side after the second pass; 0 without one."""
    return prompt.hires.side(max(prompt.width, prompt.height)) if prompt.hires else 0


def _too_large(number: int, prompt: SamplePrompt) -> Problem:
    return problem(
        "draw_hires_too_large",
        "Prompt {number}: draw_hires_scale makes {size} pixels of {width} x {height}; sides may have {most}. Lower it, "
        "or the size.",
        number=number, size=_hires_side(prompt), width=prompt.width, height=prompt.height, most=MAX_SIDE,
    )  # fmt: skip


def _hires(settings: DrawSettings) -> Hires | None:
    if settings.draw_hires_scale == 1:
        return None
    return Hires(
        settings.draw_hires_scale, settings.draw_hires_denoise, settings.draw_hires_steps, settings.draw_hires_upscaler
    )


def _defaults(settings: DrawSettings, base: BaseFiles) -> PromptDefaults:
    """What holds for prompts that say nothing else."""
    names = KINDS[base.model.family].names_for(base.model.prediction_type or "epsilon")
    size = settings.draw_resolution.strip() or str(names.resolution)
    if not all(MIN_SIDE <= int(side) <= MAX_SIDE for side in size.split(",")):
        raise UserError(
            problem(
                "draw_size_out_of_range",
                "draw_resolution = {size}: sides may be {least} to {most} pixels long.",
                size=size, least=MIN_SIDE, most=MAX_SIDE,
            )
        )
    return defaults_of(settings, size)


def defaults_of(settings: DrawSettings, size: str) -> PromptDefaults:
    """What holds for prompts that say nothing else, of a `size` such as "512,768" or "512"."""
    sized = PromptDefaults.at(size, settings.draw_sampler)
    return PromptDefaults(
        sized.width, sized.height, settings.draw_sampler, settings.draw_steps, settings.draw_scale,
        settings.draw_negative, settings.draw_seed, settings.draw_spacing, _hires(settings),
    )  # fmt: skip
