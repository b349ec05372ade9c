"""Hints from tutorials: each with its limits, its cure and its source."""

from __future__ import annotations

import pytest

from tests.train_core.facts.captions.captioned import captions
from train_core.config.jobs.train import TrainConfig
from train_core.facts.advice import Advice, Cure
from train_core.facts.hints import Known, hints
from train_core.facts.run.steps import StepCount
from train_core.kinds import KINDS

QUIET = {"unet_lr": 1e-4, "text_encoder_lr": "5e-5"}
GIB = 2**30
SDXL, SD2, SD1 = KINDS  # in the table's order


def told(known: Known | None = None, **settings: object) -> dict[str, Advice]:
    config = TrainConfig.from_flat({**QUIET, **settings})
    return {advice.code: advice for advice in hints(config, known or Known())}


def steps(total: int, per_epoch: int = 100) -> StepCount:
    return StepCount(100, 100, per_epoch, per_epoch, total // per_epoch, total, total, ())


def test_usual_settings_have_no_hint():
    assert told(Known(SD1, steps(1_600), [captions("zuko, red hair")], 8 * GIB)) == {}


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"network_dim": 65}, Cure("network_dim", 64)), ({"network_dim": 64}, None),
        ({"LoRA_type": "LoHa", "network_dim": 33}, Cure("network_dim", 32)),
        ({"LoRA_type": "LoHa", "network_dim": 32}, None), ({"LoRA_type": "LoKr", "network_dim": 1000}, None),
    ],
)
def test_ranks_are_at_most_64_for_lora_and_32_for_loha(settings, cure):
    hint = told(**settings).get("hint_rank")
    assert (hint.cure if hint else None) == cure


def test_a_locons_convolutions_have_at_most_12():
    assert told(conv_dim=13)["hint_conv_rank"].cure == Cure("conv_dim", 12)
    assert told(conv_dim=12) == {}


@pytest.mark.parametrize(
    ("settings", "cure"),
    [
        ({"text_encoder_lr": "1e-4"}, Cure("text_encoder_lr", "5e-05")),
        ({"text_encoder_lr": "", "learning_rate": 2e-4, "unet_lr": None}, Cure("text_encoder_lr", "0.0001")),
        ({"text_encoder_lr": "5e-5"}, None), ({"text_encoder_lr": "1e-5"}, None),
        ({"text_encoder_lr": "1e-4", "network_train_unet_only": True}, None),
        ({"text_encoder_lr": "1", "unet_lr": 1.0, "optimizer_type": "Prodigy"}, None), ({"unet_lr": 0.0}, None),
    ],
)
def test_the_text_encoder_learns_at_half_the_u_nets_rate_or_less(settings, cure):
    hint = told(**settings).get("hint_text_rate")
    assert (hint.cure if hint else None) == cure


def test_a_larger_batch_wants_a_higher_rate():
    hint = told(train_batch_size=2, gradient_accumulation_steps=4)["hint_batch_rate"]
    assert (hint.found.params["batch"], hint.found.params["full"]) == (8, "0.0008")
    assert told(train_batch_size=2) == {}
    assert told(train_batch_size=8, unet_lr=4e-4, text_encoder_lr="1e-4") == {}
    assert told(train_batch_size=8, unet_lr=1.0, text_encoder_lr="1", optimizer_type="DAdaptAdam") == {}


def test_clip_skip_is_2_for_anime_and_1_for_photographs_where_it_makes_a_difference():
    anime, photos = [captions("1girl, solo", "1girl")], [captions("a photo of a dog", "raw photo, cat")]
    assert told(Known(SD1, sets=anime))["hint_clip_skip_anime"].cure == Cure("clip_skip", 2)
    assert told(Known(SD1, sets=anime), clip_skip=2) == {}
    assert told(Known(SD1, sets=photos), clip_skip=2)["hint_clip_skip_photos"].cure == Cure("clip_skip", 1)
    assert told(Known(SD1, sets=photos)) == {}
    for other in (SD2, SDXL, ""):
        assert told(Known(other, sets=anime)) == {}
        assert told(Known(other, sets=photos), clip_skip=2) == {}


def test_the_batch_suits_the_card():
    assert told(Known(card=6 * GIB), train_batch_size=2)["hint_batch_small_card"].cure == Cure("train_batch_size", 1)
    assert told(Known(card=12 * GIB - 300 * 2**20))["hint_batch_large_card"].cure == Cure("train_batch_size", 2)
    assert told(Known(card=6 * GIB)) == {}
    assert told(Known(card=12 * GIB), train_batch_size=2) == {}
    assert told(Known(card=24 * GIB), use_cpu=True) == {}


@pytest.mark.parametrize(
    ("total", "code", "epochs"),
    [
        (500, "hint_steps_few", 15), (900, "hint_steps_few", 15), (1_000, "hint_steps_at_least", 15),
        (1_400, "hint_steps_at_least", 15), (1_500, None, 0), (2_000, None, 0), (3_000, "hint_steps_many", 20),
    ],
)
def test_steps_lie_between_1000_and_2000(total, code, epochs):
    found = told(Known(count=steps(total)))
    assert list(found) == ([code] if code else [])
    assert all(hint.cure == Cure("max_train_epochs", epochs, "epochs") for hint in found.values())


def test_where_steps_are_set_epochs_are_no_cure():
    assert told(Known(count=steps(500)), max_train_steps=500)["hint_steps_few"].cure is None
    assert told(Known(count=steps(10, per_epoch=1)))["hint_steps_few"].cure is None  # too few images


def test_every_hint_names_its_source():
    known = Known(SD1, steps(500), [captions("1girl")], 24 * GIB)
    found = told(known, network_dim=128, conv_dim=64, text_encoder_lr="1e-4", gradient_accumulation_steps=8)
    assert len(found) == 7
    assert all(hint.source for hint in found.values())
