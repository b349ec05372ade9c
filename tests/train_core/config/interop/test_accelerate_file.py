"""Of accelerate's config files the FSDP part is taken; what is not used is named, and what cannot be is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from train_core.config.checks.consistency import contradictions
from train_core.config.interop.accelerate_file import BLOCKS, Sharding, read_sharding
from train_core.config.jobs.find_rate import FindRateConfig
from train_core.config.jobs.train import TrainConfig
from train_core.config.problems import UserError

# What `accelerate config` writes when FSDP is chosen and everything else left as it is offered.
AS_WRITTEN = """
compute_environment: LOCAL_MACHINE
distributed_type: FSDP
downcast_bf16: 'no'
fsdp_config:
  fsdp_activation_checkpointing: false
  fsdp_auto_wrap_policy: TRANSFORMER_BASED_WRAP
  fsdp_cpu_ram_efficient_loading: true
  fsdp_offload_params: false
  fsdp_reshard_after_forward: true
  fsdp_state_dict_type: SHARDED_STATE_DICT
  fsdp_version: 2
machine_rank: 0
mixed_precision: bf16
num_machines: 1
num_processes: 2
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "accelerate.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_as_accelerate_writes_it_is_taken_without_a_word(tmp_path: Path) -> None:
    assert read_sharding(write(tmp_path, AS_WRITTEN)) == (Sharding(BLOCKS, True, False), [])


def test_its_settings_are_followed(tmp_path: Path) -> None:
    said = yaml.safe_load(AS_WRITTEN)
    said["fsdp_config"] |= {
        "fsdp_transformer_layer_cls_to_wrap": "ResnetBlock2D, Transformer2DModel", "fsdp_offload_params": True,
        "fsdp_reshard_after_forward": False,
    }
    sharding, unused = read_sharding(write(tmp_path, yaml.safe_dump(said)))
    assert sharding == Sharding(("ResnetBlock2D", "Transformer2DModel"), False, True)
    assert not unused


def test_what_has_no_effect_is_named(tmp_path: Path) -> None:
    said = yaml.safe_load(AS_WRITTEN)
    said["fsdp_config"] |= {"fsdp_activation_checkpointing": True, "fsdp_min_num_params": 1000}
    _, (warning,) = read_sharding(write(tmp_path, yaml.safe_dump(said)))
    assert warning.params["names"] == "fsdp_activation_checkpointing = True; fsdp_min_num_params = 1000"


def test_shares_that_learn_are_held_in_one_way_and_others_are_named(tmp_path: Path) -> None:
    assert read_sharding(write(tmp_path, AS_WRITTEN), learning=True) == (Sharding(BLOCKS, True, False), [])
    said = yaml.safe_load(AS_WRITTEN)
    said["fsdp_config"] |= {"fsdp_reshard_after_forward": False, "fsdp_offload_params": True}
    sharding, (warning,) = read_sharding(write(tmp_path, yaml.safe_dump(said)), learning=True)
    assert sharding == Sharding(BLOCKS, True, False)
    assert warning.params["names"] == "fsdp_offload_params = True; fsdp_reshard_after_forward = False"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("distributed_type: DEEPSPEED\ndeepspeed_config: {zero_stage: 2}", "deepspeed_refused"),
        ("distributed_type: MULTI_GPU", "accelerate_file_without_fsdp"), ("- 1", "accelerate_file_without_fsdp"),
        ("a: [", "accelerate_file_unreadable"), ("", "accelerate_file_without_fsdp"),
    ],
)
def test_other_files_are_refused_with_what_to_do(tmp_path: Path, text: str, code: str) -> None:
    with pytest.raises(UserError) as refused:
        read_sharding(write(tmp_path, text))
    assert [found.code for found in refused.value.problems] == [code]


def test_sharing_out_goes_with_no_other_way_of_holding_weights() -> None:
    given = {"num_processes": 2, "accelerate_config": "x.yaml", "blocks_to_swap": 3, "base_precision": "fp8"}
    (found,) = [p for p in contradictions(TrainConfig.from_flat(given)) if p.code == "sharding_conflict"]
    assert found.params["conflicts"] == "base_precision = fp8 (same works), blocks_to_swap = 3 (0 works)"
    assert not [p for p in contradictions(TrainConfig.from_flat(given | {"num_processes": 1})) if "shard" in p.code]


WHOLE = {"num_processes": 2, "accelerate_config": "x.yaml", "training_method": "DreamBooth"}


@pytest.mark.parametrize(
    ("values", "conflict"),
    [
        ({"optimizer_type": "Adafactor"}, "optimizer_type = Adafactor (AdamW works)"),
        ({"optimizer_type": "Prodigy"}, "optimizer_type = Prodigy (AdamW works)"),
        ({"optimizer_type": "torch.optim.Muon"}, "optimizer_type = torch.optim.Muon (AdamW works)"),
        ({"mixed_precision": "fp16"}, "mixed_precision = fp16 (bf16 works)"),
        ({"dynamo_backend": "inductor"}, "dynamo_backend = inductor (no works)"),
    ],
)
def test_of_a_whole_model_only_what_each_process_can_do_alone_is_shared_out(
    values: dict[str, str], conflict: str
) -> None:
    (found,) = [p for p in contradictions(TrainConfig.from_flat(WHOLE | values)) if p.code == "sharding_conflict"]
    assert found.params["conflicts"] == conflict


@pytest.mark.parametrize(
    "optimizer", ["AdamW", "AdamW8bit", "Lion", "SGDNesterov", "torch.optim.RAdam", "AdamWScheduleFree"]
)
def test_optimizers_that_step_each_number_alone_go_with_shares(optimizer: str) -> None:
    assert not [p for p in contradictions(TrainConfig.from_flat(WHOLE | {"optimizer_type": optimizer}))
                if p.code == "sharding_conflict"]  # fmt: skip


def test_the_rate_of_a_whole_model_in_shares_is_not_searched_for() -> None:
    search = FindRateConfig.of(TrainConfig.from_flat(WHOLE))
    assert "sharding_conflict" in [found.code for found in contradictions(search)]
