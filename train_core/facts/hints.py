"""Hints from the tutorials that people follow, each with its source. docs/folklore.md says where these disagree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from train_core.config.checks.consistency import learning_rates
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import phrase
from train_core.config.problems import problem
from train_core.config.sections.network import LOW_RANK_TYPES
from train_core.config.syntax.optimizer_traits import adapts_rate, normalises_steps
from train_core.facts.advice import Advice, Cure
from train_core.facts.captions.sets import CaptionSet
from train_core.facts.images.caption_draws import tags_in
from train_core.facts.run.steps import StepCount
from train_core.kinds import KINDS

TUTORIALS = phrase("source_tutorials", "widely followed LoRA tutorials")
MODEL_MAKERS = phrase("source_model_makers", "how these base models were made")

MOST_RANK = {**dict.fromkeys(LOW_RANK_TYPES, 64), "LoHa": 32}
MOST_CONV_RANK = 12
FEW_STEPS, ENOUGH_STEPS, MANY_STEPS = 1_000, 1_500, 2_000
MOST_EPOCHS = 100  # that are advised
USUAL_RATE = 1e-4
LARGE_BATCH = 4
SMALL_CARD, LARGE_CARD = 6.5 * 2**30, 11 * 2**30  # bytes: cards sold as 6 GB and as 12 GB have a little less or more
ANIME, PHOTOGRAPHS = 2, 1  # clip skip
DRAWN_TAGS = frozenset({"1girl", "1boy", "2girls", "2boys", "multiple girls", "no humans", "looking at viewer"})
PHOTO_WORDS = ("photo", "photograph", "photography", "photorealistic", "film grain", "dslr")


@dataclass(frozen=True)
class Known:
    """What is known of a run besides its settings; None or empty is not known. `card` is a card's memory in bytes."""

    kind: str = ""
    count: StepCount | None = None
    sets: Sequence[CaptionSet] = ()
    card: int | None = None


def hints(config: TrainConfig, known: Known) -> list[Advice]:
    """The hints for these settings, those about the adapter first."""
    return [
        *_ranks(config), *_text_rate(config, known), *_batch_rate(config), *_clip_skip(config, known),
        *_batch_on_card(config, known), *_steps(config, known),
    ]  # fmt: skip


def _ranks(config: TrainConfig) -> Iterator[Advice]:
    network = config.network
    most = MOST_RANK.get(network.LoRA_type)
    if most and network.network_dim > most:
        yield Advice(
            problem(
                "hint_rank",
                "A rank of {rank}: tutorials advise at most {most} for {algorithm}. Higher ranks make larger files and "
                "overfit sooner.",
                rank=network.network_dim, most=most, algorithm=network.LoRA_type, name="network_dim",
            ),
            Cure("network_dim", most), source=TUTORIALS,
        )
    if network.LoRA_type in LOW_RANK_TYPES and (network.conv_dim or 0) > MOST_CONV_RANK:
        yield Advice(
            problem(
                "hint_conv_rank",
                "A convolution rank of {rank}: tutorials advise at most {most} for LoCon. A rank of a 3x3 convolution "
                "has up to nine times the numbers of another layer's.",
                rank=network.conv_dim, most=MOST_CONV_RANK, name="conv_dim",
            ),
            Cure("conv_dim", MOST_CONV_RANK), source=TUTORIALS,
        )


def _text_rate(config: TrainConfig, known: Known) -> Iterator[Advice]:
    """A hint where a text encoder learns at more than half of the U-Net's rate."""
    parts = tuple(KINDS[known.kind].text_sizes) if known.kind else ("text_encoder",)
    rates = learning_rates(config, "unet", parts)
    unet = rates.pop("unet", 0.0)
    highest = max(rates.values(), default=0.0)
    if not unet or highest <= unet / 2 * 1.001 or adapts_rate(config.optimizer.optimizer_type):
        return
    yield Advice(
        problem(
            "hint_text_rate",
            "The text encoder learns at {rate}, the U-Net at {unet}. Tutorials give the text encoder half or a tenth "
            "of the U-Net's rate: {half} or {tenth}.",
            rate=f"{highest:g}", unet=f"{unet:g}", half=f"{unet / 2:g}", tenth=f"{unet / 10:g}", name="text_encoder_lr",
        ),
        Cure("text_encoder_lr", f"{unet / 2:g}"), source=TUTORIALS,
    )


def _batch_rate(config: TrainConfig) -> Iterator[Advice]:
    """A hint where many images share a step, and the rate is that for one."""
    training, rates = config.training, learning_rates(config)
    batch = training.train_batch_size * training.gradient_accumulation_steps * config.launch.num_processes
    optimizer = config.optimizer
    rate = max(rates.values(), default=0.0)
    usual = normalises_steps(optimizer) and not adapts_rate(optimizer.optimizer_type)
    if batch < LARGE_BATCH or not usual or not 0 < rate <= USUAL_RATE:
        return
    yield Advice(
        problem(
            "hint_batch_rate",
            "{batch} images share each step at a rate of {rate}, which is usual for one. Tutorials raise the rate for "
            "a larger batch: between {root} (by the square root) and {full} (in proportion).",
            batch=batch, rate=f"{rate:g}", root=f"{rate * batch**0.5:.1g}", full=f"{rate * batch:g}",
            name="learning_rate",
        ),
        source=TUTORIALS,
    )


def _clip_skip(config: TrainConfig, known: Known) -> Iterator[Advice]:
    """A hint where the captions are those of drawings or of photographs, and clip skip is the other one's."""
    skip, allowed = config.model.clip_skip, KINDS[known.kind].clip_skips if known.kind else ()
    if ANIME in allowed and skip == 1 and _share_with(known.sets, DRAWN_TAGS) >= 0.5:
        yield Advice(
            problem(
                "hint_clip_skip_anime",
                "The captions have tags of anime pictures. Most anime base models want clip skip {better}.",
                better=ANIME, name="clip_skip",
            ),
            Cure("clip_skip", ANIME), source=MODEL_MAKERS,
        )
    if ANIME in allowed and skip == ANIME and _share_of_photos(known.sets) >= 0.5:
        yield Advice(
            problem(
                "hint_clip_skip_photos",
                "The captions speak of photographs. Base models for photographs want clip skip {better}.",
                better=PHOTOGRAPHS, name="clip_skip",
            ),
            Cure("clip_skip", PHOTOGRAPHS), source=MODEL_MAKERS,
        )


def _share_with(sets: Sequence[CaptionSet], tags: frozenset[str]) -> float:
    """The share of the captions that have one of `tags`."""
    texts = [(one.rules, c.text) for one in sets if not one.is_reg for c in one.captions if c.text]
    fitting = sum(
        any(tag.lower().replace("_", " ") in tags for tag in tags_in(text.split("\n")[0], rules))
        for rules, text in texts
    )
    return fitting / len(texts) if texts else 0.0


def _share_of_photos(sets: Sequence[CaptionSet]) -> float:
    texts = [c.text.lower() for one in sets if not one.is_reg for c in one.captions if c.text]
    return sum(any(word in text for word in PHOTO_WORDS) for text in texts) / len(texts) if texts else 0.0


def _batch_on_card(config: TrainConfig, known: Known) -> Iterator[Advice]:
    """A hint where the batch is not what tutorials advise for the memory of the card."""
    batch = config.training.train_batch_size
    if known.card is None or config.launch.use_cpu:
        return
    size = f"{known.card / 2**30:.0f}"
    if known.card <= SMALL_CARD and batch > 1:
        yield Advice(
            problem(
                "hint_batch_small_card", "A batch of {batch} on a card with {size} GB: tutorials advise 1 up to 6 GB.",
                batch=batch, size=size, name="train_batch_size",
            ),
            Cure("train_batch_size", 1), source=TUTORIALS,
        )
    if known.card >= LARGE_CARD and batch == 1:
        yield Advice(
            problem(
                "hint_batch_large_card",
                "A card with {size} GB has room for more than one image per step: tutorials advise 2 to 6 from 12 GB.",
                size=size, name="train_batch_size",
            ),
            Cure("train_batch_size", 2), source=TUTORIALS,
        )


def _steps(config: TrainConfig, known: Known) -> Iterator[Advice]:
    """A hint where the run is shorter or longer than tutorials advise for one subject."""
    count = known.count
    if count is None or not count.total:
        return
    if count.total < FEW_STEPS:
        yield Advice(
            problem(
                "hint_steps_few",
                "{steps} steps are few: tutorials aim for 1,000 to 2,000 for one subject, some for at least 1,500.",
                steps=f"{count.total:,}",
            ),
            _epochs_for(ENOUGH_STEPS, config, count), source=TUTORIALS,
        )
    elif count.total < ENOUGH_STEPS:
        yield Advice(
            problem(
                "hint_steps_at_least",
                "{steps} steps: within the 1,000 to 2,000 that tutorials aim for, though some advise at least 1,500.",
                steps=f"{count.total:,}",
            ),
            _epochs_for(ENOUGH_STEPS, config, count), source=TUTORIALS,
        )
    elif count.total > MANY_STEPS:
        yield Advice(
            problem(
                "hint_steps_many",
                "{steps} steps: tutorials aim for 1,000 to 2,000 for one subject. Save files on the way, so that you "
                "can go back to an earlier one.",
                steps=f"{count.total:,}",
            ),
            _epochs_for(MANY_STEPS, config, count), source=TUTORIALS,
        )


def _epochs_for(target: int, config: TrainConfig, count: StepCount) -> Cure | None:
    """The number of epochs that comes nearest to `target` steps.

    None where it is the present one, where steps count, and where so few images would only be learnt by heart.
    """
    training = config.training
    epochs = max(1, round(target / count.steps_per_epoch))
    if training.max_train_steps or epochs == training.max_train_epochs or epochs > MOST_EPOCHS:
        return None
    return Cure("max_train_epochs", epochs, "epochs")
