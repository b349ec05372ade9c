"""Settings of new words, checked against each other and against the rates."""

from __future__ import annotations

from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import Problem, UserError, problem, problems_of
from train_core.config.syntax.new_words import new_words
from train_core.config.syntax.stages import parse_stages

NOTHING_GAINED = 60  # vectors
LEAST_RATE = 1e-6


def word_contradictions(config: TrainConfig) -> list[Problem]:
    """What makes the new words impossible; nothing where none are trained."""
    if config.method.training_method != "textual inversion":
        return []
    return list(problems_of(lambda: new_words(config.embedding)))


def word_oddities(config: TrainConfig) -> list[Problem]:
    """Warnings for words with more vectors than help, and for rates at which vectors stand still."""
    if config.method.training_method != "textual inversion" or word_contradictions(config):
        return []
    return [*_many_vectors(config), *_small_rates(config)]


def _many_vectors(config: TrainConfig) -> list[Problem]:
    return [
        problem(
            "many_vectors",
            "num_vectors_per_token = {count} for {word}: beyond {most} vectors nothing is gained, and hardly any room "
            "is left in prompts. 3 to 5 are clear, 6 to 25 the useful range.",
            count=one.vectors, word=one.word, most=NOTHING_GAINED,
        )
        for one in new_words(config.embedding) if one.vectors > NOTHING_GAINED
    ]  # fmt: skip


def _small_rates(config: TrainConfig) -> list[Problem]:
    """A warning for rates below 1e-6: of a schedule in stages its stages count, else the learning rate."""
    optimizer = config.optimizer
    rates = [optimizer.learning_rate]
    if optimizer.lr_scheduler == "staged":
        try:
            rates = [stage.value for stage in parse_stages(optimizer.lr_stages, "lr_stages")]
        except UserError:
            return []  # said elsewhere
    small = [rate for rate in rates if 0 < rate < LEAST_RATE]
    if not small:
        return []
    return [
        problem(
            "word_small_rate",
            "A learning rate of {rate} hardly moves the vectors of a word: below {least} nothing more is learnt. Usual "
            "are 0.005, then 0.0001, then 0.00001.",
            rate=f"{small[0]:g}", least=f"{LEAST_RATE:f}",
        )
    ]
