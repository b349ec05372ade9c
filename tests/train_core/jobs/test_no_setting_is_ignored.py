"""No option is accepted and ignored: each is changed alone, and does what it is for, as `effects/` state it."""

from __future__ import annotations

import pytest

from tests.train_core.jobs.effects.captions import CAPTIONS
from tests.train_core.jobs.effects.effect import Effect
from tests.train_core.jobs.effects.images import IMAGES
from tests.train_core.jobs.effects.losses import LOSSES
from tests.train_core.jobs.effects.network import NETWORK
from tests.train_core.jobs.effects.noise import NOISE
from tests.train_core.jobs.effects.optimizer import OPTIMIZER
from tests.train_core.jobs.effects.outcome import Runs
from tests.train_core.jobs.effects.results import RESULTS
from tests.train_core.jobs.effects.steps import STEPS
from tests.train_core.jobs.effects.validation import VALIDATION
from train_core.config.interop.sd_scripts_options import fates

DONE = {fate.name for fate in fates() if fate.state == "done"}
EFFECTS = [*CAPTIONS, *IMAGES, *STEPS, *NOISE, *LOSSES, *OPTIMIZER, *NETWORK, *VALIDATION, *RESULTS]

# Changed alone elsewhere, where what they do can be seen better.
SHOWN_BY = {
    "pretrained_model_name_or_path": "test_train: nothing trains without it",
    "train_data_dir": "test_dataset: its images are the batches",
    "reg_data_dir": "test_sources: twice the steps; test_subsets: how often each image is seen",
    "prior_loss_weight": "test_sources: another thing is learnt; test_library: the weights of samples",
    "dataset_config": "test_sources: sizes, batches and folders are the file's",
    "in_json": "test_library: its captions are trained",
    "dataset_repeats": "test_sources: the file says so; test_library: how often each image is seen",
    "face_crop_aug_range": "test_dataset: what of the image is in the batch",
    "alpha_mask": "test_masked_training: the same as with mask images",
    "masked_loss": "test_masked_training: another thing is learnt",
    "conditioning_data_dir": "test_masked_training: where the masks are",
    "output_dir": "test_train: results lie in it",
    "save_last_n_epochs": "test_saving: the files that stay",
    "save_last_n_steps": "test_saving: the files that stay",
    "save_last_n_epochs_state": "test_saving: the states that stay",
    "save_last_n_steps_state": "test_saving: the states that stay",
    "resume": "test_resume: the same bytes in the end",
    "save_model_as": "methods/test_embedding: the result is a picture; methods/test_new_methods: whole models",
    "token_string": "methods/test_embedding: the word that learns, and that captions get",
    "num_vectors_per_token": "methods/test_embedding: as many vectors are in the file",
    "init_word": "methods/test_embedding: the vectors that it starts from",
    "metadata_is_negative_embedding": "methods/test_embedding: what the file says",
    "network_weights": "test_starting: training goes on from the file",
    "dim_from_weights": "test_starting: ranks and layers are the file's",
    "base_weights": "test_starting: the model that is trained has them in it",
    "base_weights_multiplier": "test_starting: at these strengths",
    "vae": "models/test_load: its weights are the VAE's",
    "cache_latents": "test_train: on or off, the same is learnt; test_cache: what is encoded",
    "cache_latents_to_disk": "test_cache: files, and a second run that encodes nothing",
    "cache_text_encoder_outputs": "test_cached_texts: what is encoded, and that the same is learnt",
    "cache_text_encoder_outputs_to_disk": "test_cached_texts: files, and a second run that encodes nothing",
    "vae_batch_size": "test_cache: how many images the VAE sees at once",
    "max_data_loader_n_workers": "test_dataset: processes that load",
    "fused_backward_pass": "test_stepper: the same bits are learnt, and no gradient is left",
    "dynamo_backend": "models/test_fitting: graphs are compiled, and the same is learnt",
    "cpu_offload_checkpointing": "models/test_fitting: what is moved, and that the same is learnt",
    "gradient_checkpointing": "test_train: the same is learnt; models/test_sd1: activations that are not kept",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """The runs that all effects are looked for in; those with equal settings are one."""
    return Runs(tmp_path_factory.mktemp("runs"))


def test_every_option_that_is_done_is_looked_at_here_or_where_named() -> None:
    names = [effect.setting for effect in EFFECTS] + list(SHOWN_BY)
    assert sorted(names) == sorted(DONE)


@pytest.mark.parametrize("effect", EFFECTS, ids=str)
def test_changing_it_does_what_it_is_for(effect: Effect, runs: Runs) -> None:
    effect.holds(runs(**effect.given), runs(**effect.given | {effect.setting: effect.value}))
