"""A kind of base model from outside, by one row and one class: recognised, trained, drawn with, merged into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.tiny import original_state_dict, tiny_file
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.jobs.test_train import difference, kinds, run, weights
from tests.train_core.jobs.test_train_families import learnt
from train_core.config.jobs.tools import MergeLora
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.data.moments import Moments
from train_core.facts.models.headers import identify, recognise, recognise_vae
from train_core.kinds import KINDS, SD1, Latents, Names, Signs
from train_core.models.kinds.stable_diffusion import StableDiffusion
from train_core.models.load import load_family
from train_core.models.parts import Part
from train_core.models.text.text_part import clip_part
from train_core.models.text.text_states import TextReading
from train_core.models.unet_part import unet_part
from train_core.models.vae_part import VAE
from train_core.networks.files.reading import read_adapter
from train_core.workshop.common.report import Report
from train_core.workshop.merge_lora import run as merge_lora

ROW = replace(
    SD1, name="Toy", code="toy", family=f"{__name__}:Toy", denoiser="painter",
    input_tensor="toy_net.input_blocks.0.0.weight", signs=Signs(strong=(r"^toy_net\.",)),
    names=Names("toy_v1", "toy-model"), velocity_names=None, said_as=("toy_v", "toy-model"), text_width=None,
    latents=Latents(scale=0.5), key_prefixes={"painter": "lora_painter", "reader": "lora_reader"}, in_a1111="Toy",
)  # fmt: skip


class Toy(StableDiffusion):
    """SD 1.x under names of its own, with other latents. `modules` are "painter", "reader" and "vae"."""

    kind = ROW
    parts: ClassVar[Mapping[str, Part]] = {
        "reader": clip_part("toy_text."), "painter": replace(unet_part(ROW.unet_attention), prefix="toy_net."),
        "vae": VAE,
    }  # fmt: skip
    readings = (TextReading("reader"),)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A file of the new kind, which is known from now on."""
    monkeypatch.setitem(KINDS, ROW.name, ROW)
    theirs = {"model.diffusion_model.": "toy_net.", "cond_stage_model.transformer.text_model.": "toy_text."}
    tensors = {}
    for name, tensor in original_state_dict().items():
        prefix = next((start for start in theirs if name.startswith(start)), "")
        tensors[theirs.get(prefix, "") + name.removeprefix(prefix)] = tensor.contiguous()
    save_file(tensors, tmp_path / "toy.safetensors")
    return tmp_path / "toy.safetensors"


def test_it_is_recognised_by_its_own_signs_and_not_before_it_is_known(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "other.safetensors"
    save_file({"something": torch.zeros(1)}, other)
    assert recognise(toy).kind == "Toy"
    assert recognise(tiny_file()).kind == "SD 1.x"
    with pytest.raises(UserError, match=r"Toy, SD 1\.x, SD 2\.x, SDXL"):
        recognise(other)
    monkeypatch.delitem(KINDS, ROW.name)
    assert identify(toy).kind == "VAE"
    with pytest.raises(UserError):
        recognise(toy)


def test_strong_signs_decide_before_the_weak_ones_of_relatives(toy: Path, tmp_path: Path):
    tensors = load_file(toy) | {"cond_stage_model.transformer.text_model.final_layer_norm.weight": torch.zeros(4)}
    save_file(tensors, tmp_path / "both.safetensors")
    assert recognise(tmp_path / "both.safetensors").kind == "Toy"


def test_it_predicts_what_the_same_weights_predict_and_has_latents_of_its_own(toy: Path):
    settings = (ModelSettings(pretrained_model_name_or_path=str(path)) for path in (toy, tiny_file()))
    ours, known = (load_family(one, torch.float32) for one in settings)
    assert set(ours.modules) == {"painter", "reader", "vae"}
    noisy, t = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([300])
    predictions = [family.predict(noisy, t, family.encode_text(["a dog"])) for family in (ours, known)]
    assert torch.equal(*predictions)
    mean = torch.ones(1, 4, 8, 8)
    assert torch.equal(ours.to_latents(Moments(mean, mean)), 0.5 * mean)
    assert torch.equal(ours.from_latents(ours.to_latents(Moments(mean, mean))), mean)


def test_the_vae_of_another_kind_is_refused(toy: Path):
    with pytest.raises(UserError, match="does not fit an Toy model"):
        recognise_vae(tiny_file(), "Toy")


def test_it_is_trained_and_drawn_and_its_adapter_names_it_and_is_merged_into_it(toy: Path, prepare: Prepare):
    values = {"max_train_epochs": 1, "unet_lr": 2e-3, "sample_prompts": "a dog --w 64 --h 64 --s 2 --d 1"}
    events = run(prepare("toy", pretrained_model_name_or_path=str(toy), save_card=True, **values))
    assert kinds(events, "progress")[-1]["lr"] == {"painter": 2e-3, "reader": 1e-3}
    assert kinds(events, "sample")
    tensors, path = weights(events), Path(events[-1]["path"])
    assert {name.split("_")[1] for name in tensors} == {"painter", "reader"}
    assert all(learnt(tensors, prefix) > 0 for prefix in ("lora_painter_", "lora_reader_"))
    assert (read_adapter(path).kind, read_adapter(path).metadata["ss_base_model_version"]) == ("Toy", "toy_v1")
    assert '"sd version": "Toy"' in path.with_suffix(".json").read_text("utf-8")

    merged = toy.with_name("merged.safetensors")
    merge_lora(
        MergeLora.from_flat({"merge_model": str(toy), "adapters": [str(path)], "save_to": str(merged)}),
        Report(lambda kind, **fields: None, None),
    )
    assert recognise(merged).kind == "Toy"
    assert difference(load_file(toy), load_file(merged)) > 0
