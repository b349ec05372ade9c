"""Losses with an adapter: small changes go the way that the first-order formula says, at both signs of the weight."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.pictures import image_folder
from tests.train_core.workshop.conftest import family, random_adapter
from train_core.config.image_settings import DataSettings
from train_core.config.sections.loss import LossSettings
from train_core.data.heldout import measured_folder
from train_core.diffusion.noise import noise_for
from train_core.diffusion.processes import process_of
from train_core.facts.prompts.prompt_lines import PromptDefaults, parse_prompts
from train_core.facts.scores.measures import EVERY_LEVEL, PULLS
from train_core.facts.seeds import seed_for
from train_core.run.model_inputs import ModelInputs
from train_core.run.objective import LEVELS
from train_core.scoring.measuring import Conditioned, Measurer, PictureSet, opened
from train_core.scoring.prompting import Pull

SEED, COUNT = 3, 4


def opened_at(tmp_path: Path, levels: tuple[int, ...]) -> PictureSet:
    settings = DataSettings().with_values({"resolution": "64", "min_bucket_reso": 64})
    library = measured_folder(settings, str(tmp_path / "held"), 0, 0)
    return opened(library, family("sd1"), torch.device("cpu"), 8, 0, lambda done, total: None, levels)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PictureSet:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    image_folder(tmp_path, "held", [(64, 64), (128, 64)] * (COUNT // 2), "crux fox")
    return opened_at(tmp_path, EVERY_LEVEL)


@torch.no_grad()
def first_order(pictures: PictureSet, inputs: ModelInputs, weight: float) -> torch.Tensor:
    """2 <eps - noise, change of eps> (COUNT,): the change of each picture's loss, as far as the change is small."""
    adapter, found = random_adapter("sd1", seed=5, network_dim=2, size=0.1), torch.zeros(COUNT)
    for batch in pictures.batches:
        for row, index in enumerate(batch.indices.tolist()):
            one = batch.rows([row])
            latents = inputs.family.to_latents(inputs.moments(one)).expand(LEVELS, -1, -1, -1)
            seeds = [seed_for(SEED, 0, index, f"validation noise {level}") for level in range(LEVELS)]
            noise = noise_for(seeds, latents.shape[1:])
            golden = (0.5 + index * (5**0.5 - 1) / 2) % 1
            t = inputs.process.sample_t(torch.tensor([(n + golden) / LEVELS for n in range(LEVELS)]).double())
            given = (inputs.noisy(latents, noise, t), t, one.captions * LEVELS, {})
            base = Conditioned(inputs.family)(*given)
            adapter.attach(weight)
            changed = Conditioned(inputs.family)(*given)
            adapter.detach()
            found[index] = 2 * ((base - noise) * (changed - base)).mean()
    return found


@pytest.mark.parametrize("weight", [0.01, -0.01])
def test_each_pictures_loss_changes_as_the_first_order_formula_says_and_back_to_the_bit(
    pictures: PictureSet, weight: float
) -> None:
    its = family("sd1")
    inputs = ModelInputs(its, process_of(its, LossSettings()), torch.float32)
    measurer = Measurer(inputs, SEED)
    predictions: list[int] = []
    before = measurer.losses(pictures, Conditioned(its), predictions.append)
    assert sum(predictions) == COUNT * LEVELS
    adapter = random_adapter("sd1", seed=5, network_dim=2, size=0.1)
    adapter.attach(weight)
    now = measurer.losses(pictures, Conditioned(its), lambda more: None)
    adapter.detach()
    change = torch.tensor(now).double().mean(1) - torch.tensor(before).double().mean(1)
    expected = first_order(pictures, inputs, weight).double()
    assert expected.abs().min() > 1e-5
    torch.testing.assert_close(change, expected, rtol=0.2, atol=1e-5)
    assert torch.equal(change.sign(), expected.sign())
    assert measurer.losses(pictures, Conditioned(its), lambda more: None) == before


def test_only_pictures_with_the_word_are_measured_without_it_and_with_their_own_noise(pictures: PictureSet) -> None:
    its = family("sd1")
    measurer = Measurer(ModelInputs(its, process_of(its, LossSettings()), torch.float32), SEED)
    whole = measurer.losses(pictures, Conditioned(its), lambda more: None)
    some = pictures.reworded(lambda text: text.replace("crux ", "crux  ") if text.endswith(("1", "2")) else text)
    assert [picture.name for picture in some.pictures] == ["held/01.png", "held/02.png"]
    assert some.pictures[0].caption == "crux  fox, number 1"  # the tokenizer reads both alike
    found = measurer.losses(some, Conditioned(its), lambda more: None)
    torch.testing.assert_close(torch.tensor(found), torch.tensor(whole)[[1, 2]])


def test_at_some_noise_levels_pictures_lose_what_they_lose_there_among_all(
    pictures: PictureSet, tmp_path: Path
) -> None:
    its = family("sd1")
    measurer = Measurer(ModelInputs(its, process_of(its, LossSettings()), torch.float32), SEED)
    whole = measurer.losses(pictures, Conditioned(its), lambda more: None)
    predictions: list[int] = []
    some = opened_at(tmp_path, (1, 3)).reworded(lambda text: text.replace("crux ", "crux  "))
    found = measurer.losses(some, Conditioned(its), predictions.append)
    assert sum(predictions) == COUNT * 2
    torch.testing.assert_close(torch.tensor(found), torch.tensor(whole)[:, [1, 3]])


@torch.no_grad()
def test_captions_that_are_encoded_together_are_read_as_each_alone() -> None:
    its = family("sd1")
    noisy, t = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.full((3,), 500.0)
    captions = ["a fox", "crux fox, on grass", "sky"]
    together = Conditioned(its)(noisy, t, captions, {})
    alone = [
        Conditioned(its)(noisy[row : row + 1], t[:1], [caption], {}) for row, caption in enumerate(captions)
    ]
    torch.testing.assert_close(together, torch.cat(alone), rtol=1e-4, atol=1e-5)
    assert not torch.allclose(together, Conditioned(its)(noisy, t, captions[::-1], {}), rtol=1e-4, atol=1e-5)


def test_prompts_pull_the_same_however_many_are_asked_together() -> None:
    its = family("sd1")
    inputs = ModelInputs(its, process_of(its, LossSettings()), torch.float32)
    (drawn,) = parse_prompts("a fox", PromptDefaults.at("64", "euler_a"))
    found = []
    for batch_size in (1, 6, 100):
        predictions: list[int] = []
        pull = Pull(inputs, drawn, SEED, batch_size)
        prompts = ["a fox", "crux fox, on grass", ""]
        found.append(pull.norms(prompts, Conditioned(its), torch.device("cpu"), predictions.append))
        assert sum(predictions) == 4 * PULLS
    for other in found[1:]:
        torch.testing.assert_close(torch.tensor(other), torch.tensor(found[0]), rtol=1e-3, atol=1e-6)
    assert min(*found[0][0], *found[0][1]) > 1e-5 and max(found[0][2]) < 1e-6
