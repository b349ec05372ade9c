"""What models and adapters predict that are put together: a warning where they differ, and what the result predicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from train_core.config.phrases import Phrase, joined, phrase
from train_core.config.problems import Problem, problem
from train_core.facts.models.noise_signs import meaning
from train_core.models.load import Opened
from train_core.models.noise_kinds import signs_of
from train_core.networks.files.reading import AdapterFile

WORDS = {"epsilon": "epsilon", "v_prediction": "v"}


def of_model(opened: Opened) -> str:
    """The model's prediction or other kind of noise in a word, "" where only the loaded model could tell."""
    return opened.found.other_noise or WORDS.get(opened.found.predicts("auto") or "", "")


def of_adapter(file: AdapterFile) -> str:
    """The prediction of the model that the adapter was made for, as its header says; "" where it does not."""
    predicts, other = meaning(file.metadata.get("modelspec.prediction_type", ""))
    if not predicts and file.metadata.get("ss_base_model_version", "").endswith("_v"):
        predicts = "v_prediction"
    return other or WORDS.get(predicts or "", "")


def unlike_model(file: AdapterFile, opened: Opened) -> Iterator[Problem]:
    """Warn of an adapter that was trained for another prediction than the model's."""
    theirs, ours = of_adapter(file), of_model(opened)
    if theirs and ours and theirs != ours:
        yield problem(
            "adapter_predicts_differently",
            "{file} was made for a model that predicts {theirs}, but {model} predicts {ours}. Such an adapter rarely "
            "works as it should; check the result with test pictures.",
            file=str(file.path), theirs=theirs, model=str(opened.found.path), ours=ours,
        )


def unlike_adapters(files: Sequence[AdapterFile]) -> Iterator[Problem]:
    """Warn of adapters that were trained for different predictions."""
    found = {str(file.path): of_adapter(file) for file in files if of_adapter(file)}
    if len(set(found.values())) > 1:
        yield _unlike(found)


def merged_prediction(models: Sequence[Opened], share: float | None) -> tuple[Opened, list[Problem], list[Problem]]:
    """The first of `models` A, B and maybe C, with the prediction of A · (1 − share) + B · share or
    A + (B − C) · share; and what to warn of and to tell. `share` is None where it differs by block.
    """
    first, second, *third = models
    words = [of_model(one) for one in models]
    found = {str(one.found.path): word for one, word in zip(models, words, strict=True) if word}
    if len(set(found.values())) < 2:
        return first, [], []
    turns = words[1] != words[2] and "" not in words[1:] if third else True  # whether B brings another prediction
    result = _predicting_as(first, second) if turns and (share or 0) > 0.5 else first
    clean = share == 1 and turns and (not third or words[0] in (words[2], ""))
    if clean and third:
        return result, [], [_turned(words[2], words[1])]
    return result, [] if clean or share == 0 else [_unlike(found, of_model(result))], []


def _predicting_as(first: Opened, other: Opened) -> Opened:
    """`first`, said to predict what `other` does."""
    theirs = other.found
    found = replace(
        first.found, prediction_type=theirs.predicts("auto") if not theirs.other_noise else None,
        zero_terminal_snr=theirs.zero_terminal_snr, other_noise=theirs.other_noise,
    )
    return replace(first, found=found, signs=signs_of(other))


def _unlike(found: dict[str, str], result: str = "") -> Problem:
    said = joined("comma", [_predicts(name, word) for name, word in found.items()])
    if result:
        return problem(
            "models_predict_differently",
            "These models predict different things: {said}. A mixture of them usually predicts neither. The result is "
            "marked as {result}; check it with test pictures.", said=said, result=result,
        )
    return problem(
        "adapters_predict_differently",
        "These adapters were made for models that predict different things: {said}. Check the result with test "
        "pictures.", said=said,
    )


def _predicts(name: str, word: str) -> Phrase:
    return phrase("predicts", "{name} ({prediction})", name=name, prediction=word)


def _turned(before: str, after: str) -> Problem:
    return problem(
        "difference_turns_prediction",
        "What is added turns a model that predicts {before} into one that predicts {after}. The result is marked as "
        "{after}.", before=before, after=after,
    )
