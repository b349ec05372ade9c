"""The axes of a grid, `kind: value, value, …` each, and what their values change in a cell."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path

from train_core.config.existing import exists
from train_core.config.interop.sampler_words import SPACINGS, label_of, sampler_in
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.config.syntax.block_weights import LABELS
from train_core.config.syntax.signs import plain_signs
from train_core.facts.grids.draft import Draft
from train_core.facts.grids.each_block import each_left_out, is_each, short_label
from train_core.facts.grids.values import numbers_in, values_in
from train_core.facts.prompts.network_files import NamedFiles
from train_core.facts.prompts.network_tags import NetworkTag, without_networks, written
from train_core.facts.prompts.prompt_lines import MAX_SCALE, MAX_SEED, MAX_SIDE, MAX_STEPS, MIN_SIDE, SIDE_STEP
from train_core.facts.run.result_names import by_age

RANDOM, SEEDS = -1, 2**32
UNWRITABLE = set("<>:＜＞：")  # signs that no tag of a prompt can have in a name
NUMBERS = ("weight", "seed", "steps", "scale")  # kinds of axes whose values are numbers
NONE = ("none", "无", "無", "なし")  # the value that adds nothing
MODEL_ENDINGS = (".safetensors", ".ckpt")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)"
_SIZE = re.compile(r"(\d+)\s*[x×*]\s*(\d+)", re.IGNORECASE)
Change = Callable[[Draft], Draft]


@dataclass(frozen=True)
class Value:
    """A value of an axis: what it is called, and what it makes of a cell."""

    label: str
    change: Change


@dataclass(frozen=True)
class Axis:
    """An axis with its values. `search` is the text that an axis of the kind `replace` looks for."""

    kind: str
    values: tuple[Value, ...]
    search: str = ""


@dataclass
class Seeds:
    """The seeds of a grid that nobody chose: those of an earlier run of it first, then new ones."""

    earlier: Sequence[int] = ()
    used: list[int] = field(default_factory=list)

    def next(self) -> int:
        """A seed that stays the same however often the grid is drawn."""
        place = len(self.used)
        self.used.append(self.earlier[place] if place < len(self.earlier) else random.randrange(SEEDS))
        return self.used[-1]


@dataclass(frozen=True)
class Surroundings:
    """What values may refer to: files by name, the folder of the base model and its kind, and seeds.

    `named` are the adapters of prompts, for axes that change these.
    """

    files: NamedFiles
    models: Path
    kind: str
    seeds: Seeds
    named: tuple[NetworkTag, ...] = ()


Reader = Callable[[str, Surroundings], Iterable[Value]]


def read_axes(lines: Sequence[str], around: Surroundings) -> list[Axis]:
    """The axes that `lines` describe; empty lines are none. Raises UserError with all that is wrong in them."""
    axes: list[Axis] = []
    problems: list[Problem] = []
    around = replace(around, named=(*around.named, *_of_files(lines, around)))
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            axis = _axis(number, line, around)
        except UserError as error:
            problems += error.problems
            continue
        if axis.kind != "replace" and any(other.kind == axis.kind for other in axes):
            problems.append(_twice(number, axis.kind))
        axes.append(axis)
    raise_if_any(problems)
    return axes


def _of_files(lines: Sequence[str], around: Surroundings) -> Iterator[NetworkTag]:
    """The adapters that a line of files names."""
    for word, _, rest in map(_parted, lines):
        if KNOWN.get(_letters(word)) == "file":
            for value in values_in(rest):
                name = _name_and_weight(_untagged(value))[0]
                pattern = name.lower()
                yield from (NetworkTag("lora", path.stem, "") for word, path in around.files.networks.items()
                            if fnmatchcase(word, pattern))  # fmt: skip


def _axis(number: int, line: str, around: Surroundings) -> Axis:
    word, colon, rest = _parted(line)
    kind = KNOWN.get(_letters(word)) if colon else None
    if kind is None:
        raise UserError(_unknown(number, word or line))
    given = values_in(rest.replace("、", ",") if kind in NUMBERS else rest)
    if not given:
        raise UserError(
            problem(
                "grid_axis_empty", "Axes, line {line}: {kind} has no values. Write them after the colon.", line=number,
                kind=kind,
            )
        )  # fmt: skip
    read = KINDS[kind].read
    if read is None:
        return Axis(kind, tuple(Value(value, _replacing(given[0], value)) for value in given), given[0])
    if kind == "blocks" and len(given) in LABELS and all(re.fullmatch(_NUMBER, value) for value in given):
        given = [",".join(given)]  # one list, whose quotes were forgotten
    if kind in ("file", "lora"):
        given = [_untagged(value) for value in given]
        _require_files(given, around.files)
    values: list[Value] = []
    for value in given:
        try:
            values += read(value, around)
        except ValueError:
            raise UserError(_bad_value(number, kind, value)) from None
    return Axis(kind, tuple(values))


def _untagged(value: str) -> str:
    """`name:0.8` for the whole tag of a prompt."""
    tags = without_networks(value).networks
    return f"{tags[0].name}:{tags[0].unet:g}" if len(tags) == 1 and tags[0].text == value else value


def _require_files(given: Sequence[str], files: NamedFiles) -> None:
    """Raise UserError with all values that name no file."""
    names = [_name_and_weight(value)[0] for value in given if value.lower() not in NONE]
    raise_if_any(files.missing(NetworkTag("lora", name, "") for name in names if not set("*?") & set(name)))


def _parted(line: str) -> tuple[str, str, str]:
    """The kind of an axis, the colon, and the values."""
    found = re.match(r"\s*([^:：]*?)\s*([:：])(.*)", line, re.DOTALL)
    return (found[1], found[2], found[3]) if found else (line.strip(), "", "")


def replaced(draft: Draft, search: str, value: str) -> Draft:
    """`draft` with `value` wherever its prompts say `search`."""
    prompt = draft.prompt
    return replace(
        draft,
        prompt=replace(
            prompt, prompt=prompt.prompt.replace(search, value),
            negative_prompt=prompt.negative_prompt.replace(search, value),
        ),
    )  # fmt: skip


def _replacing(search: str, value: str) -> Change:
    return lambda draft: replaced(draft, search, value)


def _prompting(**changes: object) -> Change:
    return lambda draft: replace(draft, prompt=replace(draft.prompt, **changes))  # type: ignore[arg-type]


def _drafting(**changes: object) -> Change:
    return lambda draft: replace(draft, **changes)  # type: ignore[arg-type]


def _files(value: str, around: Surroundings) -> Iterator[Value]:
    """Adapters by name, with their weight after a colon; * and ? stand for any letters, earlier epochs first."""
    name, weights = _name_and_weight(value)
    for found in _matching(name, around.files):
        if UNWRITABLE & set(found):
            raise ValueError(value)
        changes: dict[str, object] = {"file": found} | ({"weights": weights} if weights else {})
        yield Value(value.replace(name, found, 1), _drafting(**changes))


def _matching(name: str, files: NamedFiles) -> list[str]:
    if not set("*?") & set(name):
        return [name]
    found = [
        path for word, path in files.networks.items()
        if fnmatchcase(word, name.lower()) and not UNWRITABLE & set(word)
    ]  # fmt: skip
    if not found:
        raise ValueError(name)
    return [path.stem for path in sorted(found, key=by_age)]


def _weights(value: str, _around: Surroundings) -> Iterator[Value]:
    """Strengths, such as 0.8, a range, or 0.5/0.8 for text encoders and U-Net."""
    said = plain_signs(value).strip().removeprefix(":").strip()
    pair = re.fullmatch(rf"({_NUMBER})\s*/\s*({_NUMBER})", said)
    for label in [said] if pair else numbers_in(said):
        both = (float(pair[1]), float(pair[2])) if pair else (float(label),) * 2
        yield Value(label, _drafting(weights=both))


def _blocks(value: str, around: Surroundings) -> Iterator[Value]:
    """Block weights by name, a list of them, or each block of the compared adapters left out in turn."""
    paths = [path for tag in around.named if (path := around.files.network(tag)) is not None]
    for one in each_left_out(paths, around.kind) if is_each(value) else [value]:
        yield Value(short_label(one), _drafting(blocks=one))


def _prompt(value: str, _around: Surroundings) -> Iterator[Value]:
    yield Value(value, _prompting(prompt=value))


def _negative(value: str, _around: Surroundings) -> Iterator[Value]:
    yield Value(value, _prompting(negative_prompt="" if value.lower() in NONE else value))


def _seeds(value: str, around: Surroundings) -> Iterator[Value]:
    for number in numbers_in(value):
        seed = int(number) if number != str(RANDOM) else around.seeds.next()
        yield Value(str(_within(seed, 0, MAX_SEED)), _prompting(seed=seed))


def _steps(value: str, _around: Surroundings) -> Iterator[Value]:
    for number in numbers_in(value):
        yield Value(number, _prompting(steps=int(_within(int(number), 1, MAX_STEPS))))


def _scale(value: str, _around: Surroundings) -> Iterator[Value]:
    for number in numbers_in(value):
        yield Value(number, _prompting(scale=_within(float(number), 0, MAX_SCALE)))


def _sampler(value: str, _around: Surroundings) -> Iterator[Value]:
    name, spacing = sampler_in(value)
    if not name:
        raise ValueError(value)
    changes = {"sampler": name} | ({"spacing": spacing} if spacing else {})
    yield Value(" ".join(filter(None, (label_of(name), spacing))), _prompting(**changes))


def _schedule(value: str, _around: Surroundings) -> Iterator[Value]:
    name = value.lower()
    if name not in SPACINGS:
        raise ValueError(value)
    yield Value(name, _prompting(spacing=name))


def _size(value: str, _around: Surroundings) -> Iterator[Value]:
    found = _SIZE.fullmatch(plain_signs(value).strip())
    if found is None:
        raise ValueError(value)
    width, height = (int(_within(int(side), MIN_SIDE, MAX_SIDE)) // SIDE_STEP * SIDE_STEP for side in found.groups())
    yield Value(f"{width}×{height}", _prompting(width=width, height=height))


def _base(value: str, around: Surroundings) -> Iterator[Value]:
    """A base model: a path, a hub's id, or the name of a file beside that of the settings."""
    beside = [around.models / f"{value}{ending}" for ending in ("", *MODEL_ENDINGS)]
    path = next((path for path in beside if exists(path)), value)
    yield Value(Path(value).name, _drafting(base=str(path)))


def _lora(value: str, _around: Surroundings) -> Iterator[Value]:
    yield _tagged("lora", value)


def _hypernetwork(value: str, _around: Surroundings) -> Iterator[Value]:
    yield _tagged("hypernet", value)


def _tagged(kind: str, value: str) -> Value:
    """Another network in the prompt, with its weight after a colon."""
    if value.lower() in NONE:
        return Value("–", lambda draft: draft)
    name, weights = _name_and_weight(value)
    words, unet = weights or (1.0, 1.0)
    return Value(value, _adding(written(NetworkTag(kind, name, "", words, unet)), " "))


def _embedding(value: str, _around: Surroundings) -> Iterator[Value]:
    """A word at the end of the prompt, or of the negative one after a minus sign."""
    if value.lower() in NONE:
        yield Value("–", lambda draft: draft)
    elif value.startswith("-"):
        yield Value(value, _adding(value[1:].strip(), ", ", "negative_prompt"))
    else:
        yield Value(value, _adding(value, ", "))


def _adding(words: str, between: str, where: str = "prompt") -> Change:
    def change(draft: Draft) -> Draft:
        before = getattr(draft.prompt, where)
        return _prompting(**{where: f"{before}{between if before else ''}{words}"})(draft)

    return change


def _name_and_weight(value: str) -> tuple[str, tuple[float, float] | None]:
    """The parts of `name:0.8`; the weights are None where none is given."""
    name, colon, said = value.rpartition(":") if ":" in value else value.rpartition("：")
    if colon and re.fullmatch(_NUMBER, weight := plain_signs(said).strip()):
        return name.strip(), (float(weight), float(weight))
    return value, None


def _within(value: float, low: float, high: float) -> float:
    if not low <= value <= high:
        raise ValueError(value)
    return value


@dataclass(frozen=True)
class Kind:
    """A kind of axis: how a value is read, the other names that people have for it, and an example.

    Without a reader, the first value is the text that all values take the place of.
    """

    read: Reader | None
    words: tuple[str, ...]
    example: str


KINDS = {
    "file": Kind(_files, ("epoch", "epochs", "files", "文件", "轮", "檔案", "輪"), "nagisa-000001, nagisa-*"),
    "weight": Kind(_weights, ("weights", "strength", "权重", "權重"), "0, 0.5, 0.6-1 (+0.1)"),
    "blocks": Kind(_blocks, ("lbw", "blockweight", "blockweights", "分层"), 'ALL, MIDD, "1,0,0,0,1,1,1,1,1,1,1,1"'),
    "replace": Kind(None, ("promptsr", "sr", "searchreplace", "替换", "取代"), "closed eyes, frown, crying"),
    "prompt": Kind(_prompt, ("prompts", "提示词", "提示詞"), '"a cat, outdoors", "a dog, indoors"'),
    "negative": Kind(_negative, ("negativeprompt", "反向提示词", "反向提示詞"), 'none, "lowres, blurry"'),
    "seed": Kind(_seeds, ("seeds", "种子", "種子"), "-1, -1, 42"),
    "steps": Kind(_steps, ("step", "步数", "步數"), "10-30 (+10)"),
    "scale": Kind(_scale, ("cfg", "cfgscale"), "4, 7.5, 11"),
    "sampler": Kind(_sampler, ("samplers", "采样器", "採樣器", "取樣器"), "Euler a, DPM++ 2M Karras"),
    "schedule": Kind(_schedule, ("scheduletype", "spacing", "scheduler"), "karras, exponential"),
    "size": Kind(_size, ("sizes", "尺寸", "resolution"), "768x768, 768x512"),
    "base": Kind(_base, ("checkpoint", "checkpointname", "basemodel", "底模", "model"), "anime.safetensors"),
    "lora": Kind(_lora, ("loras", "otherlora", "network"), "none, spacesuit:0.6"),
    "embedding": Kind(_embedding, ("embeddings", "textualinversion", "嵌入"), "none, -easynegative"),
    "hypernetwork": Kind(_hypernetwork, ("hypernet", "超网络", "超網路"), "none, style:0.8"),
}


def _letters(word: str) -> str:
    return "".join(sign for sign in plain_signs(word).lower() if sign.isalnum())


KNOWN = {word: name for name, kind in KINDS.items() for word in (name, *kind.words)}


def _unknown(number: int, word: str) -> Problem:
    near = get_close_matches(_letters(word), KNOWN, n=1, cutoff=0.0)
    searched = not any(sign.isalpha() for sign in word)  # the values of A1111's S/R, such as 000001:0, 000001:1, alone
    return problem(
        "grid_axis_unknown",
        "Axes, line {line}: there is no axis {word}. Did you mean {nearest}? Write one of {known}, a colon, and its "
        "values.",
        line=number, word=word.strip()[:60], nearest="replace" if searched else KNOWN[near[0]],
        known=", ".join(KINDS),
    )  # fmt: skip


def _twice(number: int, kind: str) -> Problem:
    return problem(
        "grid_axis_twice",
        "Axes, line {line}: there is a line of {kind} already. Put all values into one of them.",
        line=number, kind=kind,
    )  # fmt: skip


def _bad_value(number: int, kind: str, value: str) -> Problem:
    return problem(
        "grid_value_unreadable",
        "Axes, line {line}: {value} is no value of {kind}, or stands for none or for too many. Write it as in "
        "{example}.",
        line=number, kind=kind, value=value, example=KINDS[kind].example,
    )  # fmt: skip
