"""What a training takes: which settings time and memory depend on, and how long the whole of it is."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict

from train_core.config.checks.consistency import learning_rates
from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.samples import SampleSettings
from train_core.facts.adapters.model_measures import measures_of_chosen
from train_core.facts.run.steps import StepCount

# The settings that time and memory of a step depend on; whatever is not here makes no difference worth telling.
COSTLY = (
    "resolution", "enable_bucket", "bucket_no_upscale", "max_bucket_reso", "dataset_config", "diff_output_preservation",
    "train_batch_size", "gradient_accumulation_steps", "mixed_precision", "cache_latents", "vae_batch_size",
    "cache_text_encoder_outputs", "max_data_loader_n_workers", "max_token_length", "gradient_checkpointing",
    "cpu_offload_checkpointing", "full_half", "base_precision", "base_precision_parts", "blocks_to_swap", "attention",
    "dynamo_backend", "dynamo_mode", "LoRA_type", "network_dim", "conv_dim", "optimizer_type", "optimizer_args",
    "fused_backward_pass", "ema_decay", "use_cpu", "num_processes", "num_machines", "num_cpu_threads_per_process",
    "accelerate_config",
)  # fmt: skip
OF_OTHER_METHODS = (  # besides, where no adapter is trained
    "training_method", "train_layers", "freeze_layers", "stop_text_encoder_training", "num_vectors_per_token",
    "layer_structure", "add_layer_norm", "use_dropout", "activation_func", "enable_sizes",
)  # fmt: skip
DIGITS = 16


def work_digest(config: TrainConfig) -> str:
    """A digest of all that time and memory of a step depend on: equal ones mean equal work on equal devices.

    Of the base model the sizes count, not the file.
    """
    values = config.applicable()
    measures = measures_of_chosen(config.model)
    parts = sorted(part for part, rate in learning_rates(config).items() if rate)
    names = COSTLY if values["training_method"] == "LoRA" else (*COSTLY, *OF_OTHER_METHODS)
    told = [measures and asdict(measures), parts, [[name, values.get(name)] for name in names]]
    return hashlib.sha256(json.dumps(told, default=str).encode()).hexdigest()[:DIGITS]


def times_drawn(samples: SampleSettings, count: StepCount) -> int:
    """How often a training of this length draws its sample prompts."""
    steps = count.total // samples.sample_every_n_steps if samples.sample_every_n_steps else 0
    epochs = count.epochs // samples.sample_every_n_epochs if samples.sample_every_n_epochs else 0
    return steps + epochs + samples.sample_at_first
