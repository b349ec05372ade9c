"""The base model that an adapter is for is told by its layers, and by metadata only where these leave it open."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save_file

from train_core.kinds import KINDS
from train_core.models.targets import unet_targets
from train_core.networks.files.reading import read_adapter
from train_core.networks.files.real_layers import layers_of


def lora_of(kind: str, chosen: Callable[[str], bool], path: Path, metadata: dict[str, str] | None = None) -> Path:
    """A LoRA as large as real ones on the layers of `kind` whose keys are `chosen`; its numbers are zeros."""
    tensors = {}
    for key, shapes in layers_of(kind).items():
        if chosen(key) and len(shapes) == 1 and len(shape := next(iter(shapes))) > 1:
            outputs, inputs, *kernel = shape
            ups, downs = (outputs, 1, *[1] * len(kernel)), (1, inputs, *kernel)
            for end, size in (("lora_up", ups), ("lora_down", downs)):
                tensors[f"{key}.{end}.weight"] = torch.zeros(size, dtype=torch.float8_e4m3fn)
    assert tensors
    save_file(tensors, path, metadata)
    return path


DIFFUSERS, ORIGINAL = tuple(f"lora_unet_{name}_" for name in ("down", "mid", "up")), tuple(
    f"lora_unet_{name}_" for name in ("input", "middle", "output")
)
KEYS: dict[str, Callable[[str], bool]] = {
    "self-attention, diffusers' names": lambda key: "_attn1_" in key and key.startswith(DIFFUSERS),
    "self-attention, original names": lambda key: "_attn1_" in key and key.startswith(ORIGINAL),
    "cross-attention": lambda key: "_attn2_to_k" in key and key.startswith(DIFFUSERS),
    "convolutions, diffusers' names": lambda key: "resnets" in key or "samplers" in key,
    "convolutions, original names": lambda key: "_in_layers_2" in key or "_out_layers_3" in key or "_0_op" in key,
}


@pytest.mark.parametrize("part", KEYS)
@pytest.mark.parametrize("kind", ["SD 1.x", "SD 2.x", "SDXL"])
def test_the_kind_is_told_by_the_layers_of_any_part(kind: str, part: str, tmp_path: Path) -> None:
    """SD 1.x and 2.x differ in cross-attention alone; elsewhere their metadata say which it is."""
    path = lora_of(kind, KEYS[part], tmp_path / "a.safetensors")
    alike = kind != "SDXL" and part != "cross-attention"
    assert read_adapter(path).kind == ("" if alike else kind)
    stated = {"SD 1.x": "sd_v1", "SD 2.x": "sd_v2_v", "SDXL": "sdxl_base_v1-0"}[kind]
    file = read_adapter(lora_of(kind, KEYS[part], path, {"ss_base_model_version": stated}))
    assert (file.kind, file.remarks) == (kind, ())


@pytest.mark.parametrize(
    ("kind", "start", "expected"),
    [
        ("SDXL", "lora_te1_", "SDXL"), ("SDXL", "lora_te2_", "SDXL"), ("SD 1.x", "lora_te_", "SD 1.x"),
        ("SD 2.x", "lora_te_", "SD 2.x"), ("SD 1.x", "text_encoder_", ""),
    ],
)  # fmt: skip
def test_the_kind_is_told_by_a_text_encoder_alone(kind: str, start: str, expected: str, tmp_path: Path) -> None:
    """diffusers' names of SD 1.x's text encoder and SDXL's first are the same, and so are their sizes."""
    path = lora_of(kind, lambda key: key.startswith(start) and key.endswith("_q_proj"), tmp_path / "a.safetensors")
    assert read_adapter(path).kind == expected


@pytest.mark.parametrize(("kind", "stated"), [("SDXL", "sd_v1"), ("SD 1.x", "sdxl_base_v1-0"), ("SD 1.x", "sd_v2")])
def test_metadata_do_not_outweigh_the_layers(kind: str, stated: str, tmp_path: Path) -> None:
    path = lora_of(kind, KEYS["cross-attention"], tmp_path / "a.safetensors", {"ss_base_model_version": stated})
    file = read_adapter(path)
    assert file.kind == kind
    assert [remark.code for remark in file.remarks] == ["adapter_metadata_denied"]


@pytest.mark.parametrize("kind", ["SD 1.x", "SD 2.x", "SDXL"])
def test_the_table_of_layers_is_diffusers_own(kind: str) -> None:
    row = KINDS[kind]
    down = ["CrossAttnDownBlock2D" if depth else "DownBlock2D" for depth in row.unet_depths]
    up = ["CrossAttnUpBlock2D" if depth else "UpBlock2D" for depth in reversed(row.unet_depths)]
    added = {"addition_embed_type": "text_time", "addition_time_embed_dim": 256,
             "projection_class_embeddings_input_dim": 2816} if row.pooled_width else {}  # fmt: skip
    with torch.device("meta"):
        unet = UNet2DConditionModel(
            block_out_channels=row.unet_widths, down_block_types=down, up_block_types=up,
            cross_attention_dim=row.text_width, use_linear_projection=True,
            transformer_layers_per_block=[depth or 1 for depth in row.unet_depths], attention_head_dim=8, **added,
        )  # fmt: skip
    table = layers_of(kind)
    for target in unet_targets(unet):
        assert table[target.file_key] == {tuple(target.module.weight.shape)}, target.file_key
    diffusers = [key for key in table if key.startswith("lora_unet_") and ("down_blocks" in key or "up_blocks" in key)]
    assert len(diffusers) == sum("down_blocks" in t.path or "up_blocks" in t.path for t in unet_targets(unet))
