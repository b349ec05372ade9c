"""Every kind of model file is told by its header: what it is, which base model it is for, and where WebUIs keep it."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from tests.tiny import tiny_ckpt, tiny_file
from train_core.config.problems import UserError
from train_core.facts.models.about import about, about_file
from train_core.facts.models.base_of_part import base_of_part
from train_core.facts.models.headers import identify, identify_file, recognise
from train_core.facts.models.tensor_files import TensorFile, read_beginning, read_tensor_file
from train_core.facts.models.tensor_info import TensorInfo
from train_core.facts.models.webuis import A1111, COMFYUI, usual_folders
from train_core.kinds import KINDS
from train_core.models.files.stored import stored_tensors
from train_core.networks.files.real_layers import layers_of

CONV_IN = "model.diffusion_model.input_blocks.0.0.weight"
VAE = {"first_stage_model.decoder.conv_in.weight": (32, 4, 3, 3)}
TEXT_SD1 = {"cond_stage_model.transformer.text_model.final_layer_norm.weight": (64,)}
TEXT_SD2 = {"cond_stage_model.model.ln_final.weight": (8,)}
TEXT_SDXL = {"conditioner.embedders.1.model.ln_final.weight": (8,)}
KOHYA = "lora_unet_down_blocks_1_attentions_0_transformer_blocks_0_attn2_to_k"
SGM = "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k"
PEFT = "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_v"
NETWORK = "control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight"

# Names and shapes in a file -> its kind, its base model, and where it belongs.
FILES = [
    ({CONV_IN: (32, 4, 3, 3), **TEXT_SD1, **VAE}, "SD 1.x", "", "base"),
    ({CONV_IN: (32, 4, 3, 3), **TEXT_SD2, **VAE}, "SD 2.x", "", "base"),
    ({CONV_IN: (32, 4, 3, 3), **TEXT_SDXL, **VAE}, "SDXL", "", "base"),
    ({CONV_IN: (32, 9, 3, 3), **TEXT_SD1, **VAE}, "SD 1.x inpainting", "", "base"),
    ({CONV_IN: (32, 4, 3, 3), "model.diffusion_model.label_emb.0.0.weight": (8, 8)}, "SDXL", "", "unet"),
    ({"double_blocks.0.img_attn.qkv.weight": (8, 8)}, "FLUX", "", "unet"),
    ({"model.diffusion_model.double_blocks.0.img_attn.qkv.weight": (8, 8), "vae.encoder.conv_in.weight": (8,)}, "FLUX",
     "", "base"),
    ({CONV_IN: (32, 4, 3, 3)}, "U-Net", "", "unet"),
    ({"decoder.conv_in.weight": (32, 4, 3, 3)}, "VAE", "", "vae"),
    ({"text_model.encoder.layers.0.mlp.fc1.weight": (8, 8)}, "text encoder", "", "text_encoder"),
    ({"encoder.block.0.layer.0.SelfAttention.k.weight": (8, 8)}, "text encoder", "", "text_encoder"),
    ({f"{KOHYA}.lora_down.weight": (4, 768), f"{KOHYA}.lora_up.weight": (8, 4)}, "LoRA", "SD 1.x", "adapter"),
    ({f"{KOHYA}.lora_down.weight": (4, 1024, 1, 1)}, "LoRA", "SD 2.x", "adapter"),
    ({f"{KOHYA}.lora_down.weight": (4, 2048)}, "LoRA", "SDXL", "adapter"),
    ({f"{SGM}.lokr_w1": (4, 4), f"{SGM}.lokr_w2": (4, 4)}, "LoRA", "SDXL", "adapter"),
    ({f"{KOHYA}.hada_w1_a": (8, 4), f"{KOHYA}.hada_w1_b": (4, 768)}, "LoRA", "SD 1.x", "adapter"),
    ({f"{KOHYA}.diff": (8, 768)}, "LoRA", "SD 1.x", "adapter"),
    ({f"{PEFT}.lora_A.weight": (4, 2048)}, "LoRA", "SDXL", "adapter"),
    ({f"{PEFT.replace('to_v', 'processor.to_v_lora')}.down.weight": (4, 768)}, "LoRA", "SD 1.x", "adapter"),
    ({"lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_down.weight": (4, 768)}, "LoRA", "SD 1.x", "adapter"),
    ({"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight": (4, 1280)}, "LoRA", "SDXL", "adapter"),
    ({"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight": (4, 3072)}, "LoRA", "FLUX", "adapter"),
    ({"lora_unet_joint_blocks_0_x_block_attn_qkv.lora_down.weight": (4, 8)}, "LoRA", "SD 3", "adapter"),
    ({"lora_unet_down_blocks_0_resnets_0_conv1.lora_down.weight": (4, 8, 3, 3)}, "LoRA", "", "adapter"),
    ({NETWORK: (8, 768), "control_model.input_hint_block.0.weight": (8,)}, "ControlNet", "SD 1.x", "controlnet"),
    ({"controlnet_cond_embedding.conv_in.weight": (8,), f"{PEFT[5:-5]}.to_k.weight": (8, 2048)}, "ControlNet", "SDXL",
     "controlnet"),
    ({"lllite_unet_input_blocks_4_1_transformer_blocks_1_attn1_to_q.down.0.weight": (8, 8)}, "ControlNet", "SDXL",
     "controlnet"),
    ({"adapter.body.0.in_conv.weight": (8, 8)}, "ControlNet", "", "controlnet"),
    ({"ip_adapter.1.to_k_ip.weight": (8, 8), "ip_adapter.0.to_q_lora.down.weight": (8, 8)}, "IP-Adapter", "",
     "ip_adapter"),
    ({"emb_params": (2, 768)}, "embedding", "SD 1.x", "embedding"),
    ({"emp_params": (2, 1024), "emp_params_out": (2, 1024)}, "embedding", "SD 2.x", "embedding"),
    ({"clip_l": (2, 768), "clip_g": (2, 1280)}, "embedding", "SDXL", "embedding"),
    ({"<my-cat>": (768,)}, "embedding", "SD 1.x", "embedding"),
    ({"RRDB_trunk.0.RDB1.conv1.weight": (8, 8), "conv_first.weight": (8, 3, 3, 3)}, "upscaler", "", "upscaler"),
    ({"model.1.sub.0.RDB1.conv1.0.weight": (8, 8)}, "upscaler", "", "upscaler"),
    ({"body.0.rdb1.conv1.weight": (8, 8)}, "upscaler", "", "upscaler"),
    ({"body.0.weight": (8, 8), "body.1.weight": (8,)}, "upscaler", "", "upscaler"),
    ({"layers.0.residual_group.blocks.0.attn.qkv.weight": (8, 8)}, "upscaler", "", "upscaler"),
    ({"down_blocks.0.motion_modules.0.temporal_transformer.norm.weight": (8,)}, "", "", None),
    ({"weight": (3, 768), "bias": (3,)}, "", "", None),
    ({"weight": (3, 3, 768)}, "", "", None),
]  # fmt: skip


def saved(path: Path, shapes: dict[str, tuple[int, ...]]) -> Path:
    """A file of zeros of these shapes: pickled, or safetensors, by its name's end."""
    if path.suffix == ".safetensors":
        save_file({name: np.zeros(shape, np.float16) for name, shape in shapes.items()}, path)
    else:
        torch.save({name: torch.zeros(shape, dtype=torch.float16) for name, shape in shapes.items()}, path)
    return path


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
@pytest.mark.parametrize(("shapes", "kind", "base", "place"), FILES)
def test_a_file_is_told_alike_by_its_path_and_by_its_beginning(tmp_path: Path, ending, shapes, kind, base, place):
    path = saved(tmp_path / f"x{ending}", shapes)
    found = about(path)
    assert found is not None
    assert (found.kind, found.base, found.place, found.format) == (kind, base, place, "fp16")
    content = path.read_bytes()
    dropped = about_file(identify_file(read_beginning(Path(path.name), content, len(content)), beside=False), 7)
    assert (dropped.kind, dropped.base, dropped.place, dropped.format) == (kind, base, place, "fp16")
    assert dropped.bytes == 7


def hypernetwork(path: Path, widths: tuple[int, ...] = (768, 320), **options: bool) -> Path:
    """A hypernetwork as A1111 saves it, for attention of these widths."""
    def network(width: int) -> dict[str, torch.Tensor]:
        return {"linear.0.weight": torch.zeros(2 * width, width), "linear.0.bias": torch.zeros(2 * width),
                "linear.2.weight": torch.ones(width, 2 * width), "linear.2.bias": torch.zeros(width)}

    state = {width: (network(width), network(width)) for width in widths}
    said = {"step": 5000, "name": "fox", "layer_structure": [1, 2, 1], "activation_func": "relu", "use_dropout": False,
            "sd_checkpoint": "abcdef12", "sd_checkpoint_name": "nai", "optional_info": None}
    torch.save({**state, **said}, path, **options)
    return path


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize(
    ("widths", "base"), [((768, 320, 640, 1280), "SD 1.x"), ((320, 1024), "SD 2.x"), ((320, 640), "")]
)
def test_a_hypernetwork_is_told_with_what_it_says_of_itself(tmp_path: Path, widths, base: str, zipped: bool):
    path = hypernetwork(tmp_path / "fox.pt", widths, _use_new_zipfile_serialization=zipped)
    found = about(path)
    assert found is not None
    assert (found.kind, found.base, found.place, found.format) == ("hypernetwork", base, "hypernetwork", "fp32")
    file = read_tensor_file(path)
    assert len(file.tensors) == 8 * len(widths)
    assert file.tensors["320.1.linear.2.weight"].shape == (320, 640)
    said = file.metadata
    assert (said["name"], said["step"], said["layer_structure"]) == ("fox", "5000", "1, 2, 1")
    assert "optional_info" not in file.metadata


def test_the_numbers_of_a_hypernetwork_are_read_from_where_they_lie(tmp_path: Path):
    stored = stored_tensors(read_tensor_file(hypernetwork(tmp_path / "fox.pt")))
    assert torch.equal(stored["768.1.linear.2.weight"].read(), torch.ones(768, 1536))


def test_the_first_hypernetworks_had_other_names(tmp_path: Path):
    pair = tuple({"linear1.weight": torch.zeros(8, 4), "linear2.weight": torch.zeros(4, 8)} for _ in range(2))
    torch.save({320: pair, 768: pair, "step": 1}, tmp_path / "old.pt")
    assert identify(tmp_path / "old.pt").kind == "hypernetwork"


@pytest.mark.parametrize(
    "root",
    [
        {320: ({"linear.0.weight": torch.zeros(2)},)}, {320: torch.zeros(2)}, {True: (1, 2)}, {320: ({}, {})},
        {320: ({"conv.weight": torch.zeros(2)}, {"linear.0.weight": torch.zeros(2)})}, {"320": "x"}, [], 5,
    ],
)
def test_what_only_resembles_a_hypernetwork_is_none(tmp_path: Path, root):
    torch.save(root, tmp_path / "x.pt")
    assert identify(tmp_path / "x.pt").kind != "hypernetwork"


def test_an_embedding_of_a1111_says_what_it_was_made_with(tmp_path: Path):
    saved = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": torch.zeros(2, 768)}, "name": "me",
             "step": 10, "sd_checkpoint": None, "sd_checkpoint_name": "nai"}
    torch.save(saved, tmp_path / "me.pt")
    assert read_tensor_file(tmp_path / "me.pt").metadata == {"name": "me", "step": "10", "sd_checkpoint_name": "nai"}
    found = about(tmp_path / "me.pt")
    assert found is not None
    assert (found.kind, found.base, found.place) == ("embedding", "SD 1.x", "embedding")


@pytest.mark.parametrize("kind", ["hypernetwork", "upscaler", "IP-Adapter"])
def test_what_is_no_base_model_is_refused_by_name(tmp_path: Path, kind: str):
    path = hypernetwork(tmp_path / "x.pt") if kind == "hypernetwork" else saved(
        tmp_path / "x.pt", next(shapes for shapes, its, *_ in FILES if its == kind)
    )
    with pytest.raises(UserError, match=f"another kind of file: {kind}"):
        recognise(path)


@pytest.mark.parametrize("make", [tiny_file, tiny_ckpt])
def test_a_whole_checkpoint_is_told_by_a_beginning_that_holds_its_list(make):
    path = make()
    start = path.read_bytes()[: 1 << 20]
    found = identify_file(read_beginning(Path(path.name), start, path.stat().st_size), beside=False)
    assert (found.kind, found.path.parent) == ("SD 1.x", Path())


@pytest.mark.parametrize("zipped", [True, False])
def test_a_beginning_that_ends_within_the_list_is_said_to_be_too_short(tmp_path: Path, zipped: bool):
    path = hypernetwork(tmp_path / "fox.pt", _use_new_zipfile_serialization=zipped)
    short, whole = path.read_bytes()[:600], path.stat().st_size
    for name, start, size, code in (
        ("fox.pt", short, whole, "model_file_beginning"), ("fox.pt", short, len(short), "model_file_broken"),
        ("a.safetensors", (600).to_bytes(8, "little") + b'{"a"', 5000, "model_file_beginning"),
        ("a.safetensors", (600).to_bytes(8, "little") + b'{"a"', 300, "model_file_truncated"),
        ("a.safetensors", b"nonsense, whatever", 18, "model_file_broken"),
        ("a.pt", b"nonsense", 8, "model_file_old_pickle"),
        ("a.pt", b"", 0, "model_file_empty"), ("a.pt", b"<html>", 6, "model_file_web_page"),
        ("a.txt", b"a", 1, "model_file_ending"),
    ):
        with pytest.raises(UserError) as refused:
            read_beginning(Path(name), start, size)
        assert [one.code for one in refused.value.problems] == [code], (name, start)


def test_a_beginning_names_program_code_too(tmp_path: Path):
    class Evil:
        def __reduce__(self):
            return print, ("ran",)

    torch.save({"state_dict": {}, "evil": Evil()}, tmp_path / "x.ckpt", pickle_module=pickle)
    content = (tmp_path / "x.ckpt").read_bytes()
    with pytest.raises(UserError) as refused:
        read_beginning(Path("x.ckpt"), content, len(content))
    assert [one.code for one in refused.value.problems] == ["model_file_pickled_code"]


def test_a_dropped_file_is_not_described_by_what_lies_here_under_its_name(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x.yaml").write_text("parameterization: v\n", encoding="utf-8")
    content = saved(tmp_path / "x.safetensors", FILES[0][0]).read_bytes()
    read = read_beginning(Path("x.safetensors"), content, len(content))
    assert identify_file(read).prediction_type == "v_prediction"
    assert identify_file(read, beside=False).prediction_type is None


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_on_all_layers_of_a_base_model_is_told_by_them_alone(kind: str):
    """The same layers as those by which the tools tell it."""
    tensors = {
        f"{key}.lora_down.weight": TensorInfo((4, *shape[1:]), "F16")
        for key, shapes in layers_of(kind).items() for shape in shapes if len(shape) > 1
    }  # fmt: skip
    assert len(tensors) > 100
    assert base_of_part(TensorFile(Path("a.safetensors"), "safetensors", tensors, {})) == kind


def test_every_kind_has_its_folder_in_every_program():
    for program in (A1111, COMFYUI):
        assert {place for *_, place in FILES if place} | {"hypernetwork"} == set(program.folders)
    assert usual_folders("adapter") == {"A1111 / Forge": "models/Lora", "ComfyUI": "models/loras"}


def test_what_a_header_states_counts_only_where_the_layers_say_nothing(tmp_path: Path):
    metadata = {"ss_base_model_version": "sdxl_base_v1-0"}
    for name, shape, base in ((KOHYA, (4, 768), "SD 1.x"), ("lora_unet_conv_in", (4, 4, 3, 3), "SDXL")):
        header = json.dumps({
            "__metadata__": metadata,
            f"{name}.lora_down.weight": {"dtype": "F16", "shape": shape, "data_offsets": [0, 2 * int(np.prod(shape))]},
        }).encode()  # fmt: skip
        start = len(header).to_bytes(8, "little") + header
        found = identify_file(read_beginning(Path("a.safetensors"), start, len(start) + 2 * int(np.prod(shape))))
        assert about_file(found, 1).base == base
