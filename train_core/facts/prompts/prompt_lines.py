"""Sample prompts: one a line with `--n --w --h --d --l --s --ss --sc`, checked in full before anything is trained."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

from train_core.config.interop.sampler_words import SPACINGS, sampler_in
from train_core.config.problems import Problem, problem, raise_if_any
from train_core.config.sections.samples import Sampler
from train_core.config.syntax.signs import plain_signs
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_files import Entry, file_entries, prompt_file, text_entries

SAMPLERS: tuple[str, ...] = get_args(Sampler)
MIN_SIDE, MAX_SIDE, SIDE_STEP = 64, 8192, 8
MAX_STEPS = 1000
MAX_SCALE = 1000
MAX_SEED = 2**63 - 1

FLAGS = {
    "--n": "negative_prompt", "--w": "width", "--h": "height", "--d": "seed", "--l": "scale",
    "--s": "steps", "--ss": "sampler", "--sc": "spacing",
}  # fmt: skip


TEXTS = ("negative_prompt",)  # the others are numbers and names


@dataclass(frozen=True)
class SamplePrompt:
    """One picture to draw. `seed` is None where the prompt names none; sizes are pixels, multiples of 8."""

    prompt: str
    negative_prompt: str
    width: int
    height: int
    seed: int | None
    steps: int
    scale: float
    sampler: str
    spacing: str = "automatic"
    hires: Hires | None = None


@dataclass(frozen=True)
class PromptDefaults:
    """Defaults for a prompt's flags."""

    width: int
    height: int
    sampler: str = "euler_a"
    steps: int = 30
    scale: float = 7.5
    negative_prompt: str = ""
    seed: int | None = None
    spacing: str = "automatic"
    hires: Hires | None = None

    @classmethod
    def at(cls, resolution: str, sampler: str, spacing: str = "automatic") -> PromptDefaults:
        """Defaults for a training `resolution` such as "512,768" or "512": pictures of the size that is trained."""
        width, *rest = (int(part) for part in resolution.split(","))
        return cls(_side(width), _side(rest[0] if rest else width), sampler, spacing=spacing)


def parse_prompts(text_or_file: str, defaults: PromptDefaults, folder: Path | None = None) -> list[SamplePrompt]:
    """The prompts in `text_or_file`: lines of text, or one path of a .txt, .toml or .json file (relative to `folder`).

    Raises `UserError` with every bad line at once; in .toml and .json files the "line" is the number of the entry.
    """
    path = prompt_file(text_or_file, folder)
    entries = file_entries(path) if path else text_entries(text_or_file)
    problems: list[Problem] = []
    prompts = [_checked(entry, defaults, problems) for entry in entries]
    raise_if_any(problems)
    return prompts


def _checked(entry: Entry, defaults: PromptDefaults, problems: list[Problem]) -> SamplePrompt:
    """The prompt that `entry` describes; whatever is wrong with it is added to `problems`."""
    d = defaults
    made = SamplePrompt(
        entry.prompt, d.negative_prompt, d.width, d.height, d.seed, d.steps, d.scale, d.sampler, d.spacing,
        d.hires,
    )  # fmt: skip
    if not entry.prompt:
        problems.append(_no_prompt(entry.line))
    given: set[str] = set()
    for flag, value in entry.flags:
        field = FLAGS.get(flag.lower())
        if field is None:
            problems.append(_unknown_flag(entry.line, flag))
            continue
        if field in given:
            problems.append(_given_twice(entry.line, flag))
        given.add(field)
        try:
            said = READERS[field](value if field in TEXTS else plain_signs(value))
        except ValueError as wanted:
            problems.append(_bad_value(entry.line, flag, value, str(wanted)))
            continue
        if field == "sampler":
            said, spacing = said
            made = replace(made, spacing=spacing) if spacing and "spacing" not in given else made
        made = replace(made, **{field: said})
    return made


def _no_prompt(line: int) -> Problem:
    return problem(
        "prompt_empty",
        "Sample prompts, line {line}: the prompt is missing. Write it at the start of the line.",
        line=line,
    )


def _given_twice(line: int, flag: str) -> Problem:
    return problem(
        "prompt_flag_twice",
        "Sample prompts, line {line}: {flag} is given twice. Remove one.",
        line=line,
        flag=flag,
    )


def _bad_value(line: int, flag: str, value: str, wanted: str) -> Problem:
    if FLAGS[flag.lower()] == "sampler":
        return problem(
            "prompt_unknown_sampler",
            "Sample prompts, line {line}: there is no sampler {value}. Did you mean {nearest}? The samplers are "
            "{known}.",
            line=line, value=value or '""', nearest=wanted, known=", ".join(SAMPLERS),
        )  # fmt: skip
    if FLAGS[flag.lower()] == "spacing":
        return problem(
            "prompt_unknown_spacing",
            "Sample prompts, line {line}: there is no schedule type {value}. Use one of {known}.",
            line=line, value=value or '""', known=", ".join(SPACINGS),
        )  # fmt: skip
    return problem(
        "prompt_bad_number",
        "Sample prompts, line {line}: {flag} needs a number in {wanted}, not {value}. Correct it, or leave {flag} out.",
        line=line, flag=flag, wanted=wanted, value=value or '""',
    )  # fmt: skip


def _unknown_flag(line: int, flag: str) -> Problem:
    """The message for `flag`, with the known one whose letters or long name are most similar."""
    also = {"cfg": "--l", "scheduler": "--sc", "schedule": "--sc"}
    names = {name.strip("-"): name for name in FLAGS} | {field: name for name, field in FLAGS.items()} | also
    word = re.split(r"[^a-z_]", flag.lower().strip("-"))[0]
    nearest = difflib.get_close_matches(word, names, n=1, cutoff=0.0)
    return problem(
        "prompt_unknown_flag",
        "Sample prompts, line {line}: unknown flag {flag}. Did you mean {nearest}? The flags are {known}.",
        line=line, flag=flag, nearest=names[nearest[0]], known=", ".join(FLAGS),
    )  # fmt: skip


def _whole(low: int, high: int) -> Callable[[str], int]:
    """A reader of whole numbers from `low` to `high`; its `ValueError` holds the range."""

    def read(value: str) -> int:
        # int() alone would also take underscores and other scripts' digits, and refuses very long numbers its own way.
        if not re.fullmatch(r"[0-9]{1,19}", value) or not low <= int(value) <= high:
            raise ValueError(f"{low}–{high}")
        return int(value)

    return read


def _side(pixels: int) -> int:
    return max(MIN_SIDE, pixels // SIDE_STEP * SIDE_STEP)


def _read_side(value: str) -> int:
    return _side(_whole(1, MAX_SIDE)(value))


def _read_scale(value: str) -> float:
    if not re.fullmatch(r"[0-9]+\.?[0-9]*|\.[0-9]+", value) or float(value) > MAX_SCALE:
        raise ValueError(f"0–{MAX_SCALE}")
    return float(value)


def _read_sampler(value: str) -> tuple[str, str]:
    """The known sampler that `value` means, and the spacing, if it says one; its `ValueError` holds the nearest."""
    name, spacing = sampler_in(value)
    if not name:
        like = re.sub(r"[\s-]+", "_", value.lower())
        raise ValueError(difflib.get_close_matches(like, SAMPLERS, n=1, cutoff=0.0)[0])
    return name, spacing


def _read_spacing(value: str) -> str:
    if value.lower() not in SPACINGS:
        raise ValueError(", ".join(SPACINGS))
    return value.lower()


READERS: dict[str, Callable[[str], Any]] = {
    "negative_prompt": str,
    "width": _read_side,
    "height": _read_side,
    "seed": _whole(0, MAX_SEED),
    "scale": _read_scale,
    "steps": _whole(1, MAX_STEPS),
    "sampler": _read_sampler,
    "spacing": _read_spacing,
}
