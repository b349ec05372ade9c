"""Whole models: what learns and at which rate, in which number format, and that a step is that of plain PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.tiny import original_state_dict, tiny_file, tiny_folder
from tests.tiny_families import file_of, folder_of
from tests.train_core.jobs.conftest import Prepare
from train_core.config.files import read_config
from train_core.config.places import runs_dir
from train_core.config.problems import UserError
from train_core.config.sections.whole_model import WholeModelSettings
from train_core.jobs.train import open_run
from train_core.methods.weights import Weight, chosen, weights_of
from train_core.methods.whole import WholeModel
from train_core.models.files.writing import NotWrittenError
from train_core.models.original import Original
from train_core.optim import half
from train_core.run.loop import train
from train_core.run.training import Training

FILES = {"sd1": tiny_file, "sd2": lambda: file_of("sd2"), "sdxl": lambda: file_of("sdxl")}
TEXTS = {"sd1": ["text_encoder"], "sd2": ["text_encoder"], "sdxl": ["text_encoder", "text_encoder_2"]}
SGD = {"optimizer_type": "SGD", "learning_rate": 1e-2, "max_grad_norm": 0}
Open = Callable[..., Training]


@pytest.fixture
def opened(prepare: Prepare) -> Open:
    """A function that opens a run of a whole model of a kind, ready to start."""

    def open_one(kind: str = "sd1", name: str = "whole", **values: Any) -> Training:
        base = values.pop("base", str(FILES[kind]()))
        settings = {
            "training_method": "fine-tuning", "pretrained_model_name_or_path": base, "v_parameterization": "epsilon",
            "max_train_epochs": 0, "max_train_steps": 1, **SGD, **values,
        }  # fmt: skip
        folder = runs_dir() / name
        folder.mkdir(parents=True, exist_ok=True)
        return open_run(read_config(prepare(name, **settings)).config, folder, lambda event: None)

    return open_one


def method_in(run: Training) -> WholeModel:
    assert isinstance(run.method, WholeModel)
    return run.method


def values_of(run: Training) -> dict[str, Tensor]:
    return {one.key: one.parameter.detach().clone() for one in method_in(run).weights}


def rates_of(run: Training) -> dict[str, float]:
    return {group["name"]: group["lr"] for group in run.stepper.optimizer.param_groups}


@pytest.mark.parametrize("kind", FILES)
def test_a_step_is_that_of_a_plain_loop_on_the_model_of_diffusers(
    opened: Open, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = opened(kind, network_train_unet_only=True)
    asked: list[tuple[Any, ...]] = []
    targets: list[Tensor] = []
    process, plain_loss = run.objective.process, run.objective.loss
    plain_target = process.target

    def target_of(self: Any, *given: Any) -> Tensor:
        targets.append(plain_target(*given))
        return targets[-1]

    def loss(batch: Any, model: Any) -> Tensor:
        return plain_loss(batch, lambda *given: asked.append(given) or model(*given))

    monkeypatch.setattr(type(process), "target", target_of)
    monkeypatch.setattr(run.objective, "loss", loss)
    train(run)
    (noisy, t, captions, extras), (target,) = asked[0], targets
    folder = tiny_folder() if kind == "sd1" else folder_of(kind)
    unet = UNet2DConditionModel.from_single_file(str(FILES[kind]()), config=str(folder / "unet"), local_files_only=True)
    family = run.objective.inputs.family
    with torch.no_grad():
        text = family.encode_text(captions)
    added = {}
    if kind == "sdxl":
        sizes = [extras[name].flip(1) for name in ("original_sizes", "crops", "target_sizes")]
        added = {"text_embeds": text["pooled"], "time_ids": torch.cat(sizes, dim=1).float()}
    optimizer = torch.optim.SGD(unet.parameters(), lr=SGD["learning_rate"])
    prediction = unet(noisy, t, text["hidden"], added_cond_kwargs=added).sample
    torch.nn.functional.mse_loss(prediction, target).backward()
    optimizer.step()
    run.method.save(tmp_path / "new.safetensors", torch.float32, {})
    saved = UNet2DConditionModel.from_single_file(
        str(tmp_path / "new.safetensors"), config=str(folder / "unet"), local_files_only=True
    )
    before = load_file(FILES[kind]())
    moved = max(
        (one - before[name]).abs().max() for name, one in load_file(tmp_path / "new.safetensors").items()
        if one.is_floating_point()
    )
    assert moved > 1e-4
    ours, theirs = saved.state_dict(), unet.state_dict()
    assert ours.keys() == theirs.keys()
    assert max((ours[name] - theirs[name]).abs().max() for name in ours) < 1e-5 * max(1, float(moved))
    with torch.no_grad():
        again = saved(noisy, t, text["hidden"], added_cond_kwargs=added).sample
        assert torch.allclose(again, family.predict(noisy, t, text, extras), atol=1e-5)


@pytest.mark.parametrize("kind", FILES)
def test_every_weight_of_every_part_learns_at_its_parts_rate(opened: Open, kind: str) -> None:
    run = opened(kind, unet_lr=1e-3, text_encoder_lr="5e-4,2e-4" if kind == "sdxl" else "5e-4")
    rates = {"unet": 1e-3, "text_encoder": 5e-4, **({"text_encoder_2": 2e-4} if kind == "sdxl" else {})}
    assert rates_of(run) == rates
    family = run.objective.inputs.family
    for part in rates:
        assert all(parameter.requires_grad for parameter in family.modules[part].parameters())
    assert not any(parameter.requires_grad for parameter in family.modules["vae"].parameters())


@pytest.mark.parametrize(
    ("values", "parts"),
    [
        ({"network_train_unet_only": True}, {"unet"}),
        ({"network_train_text_encoder_only": True}, {"text_encoder", "text_encoder_2"}),
        ({"unet_lr": 0}, {"text_encoder", "text_encoder_2"}),
        ({"text_encoder_lr": "1e-4,0"}, {"unet", "text_encoder"}),
        ({"train_layers": ["text_encoder_2"], "network_train_unet_only": False}, {"text_encoder_2"}),
    ],
)
def test_a_part_that_is_off_or_at_rate_zero_stays_frozen(opened: Open, values: dict[str, Any], parts: set[str]) -> None:
    run = opened("sdxl", **values)
    assert run.method.parts == parts == set(rates_of(run))
    for part, module in run.objective.inputs.family.modules.items():
        assert {parameter.requires_grad for parameter in module.parameters()} == {part in parts}


def test_blocks_of_sdxl_learn_at_their_factors_and_one_at_zero_not_at_all(opened: Open) -> None:
    run = opened(
        "sdxl", network_train_unet_only=True, down_lr_weight="0,0,0,1,1,1,1,1,0.5", mid_lr_weight="1,1,2",
        up_lr_weight="1,1,1,1,1,1,1,1,0",
    )
    rates = rates_of(run)
    assert rates["unet_block9"] == pytest.approx(5e-3)
    assert rates["unet_block12"] == pytest.approx(2e-2)
    assert rates["unet_block0"] == rates["unet_block22"] == pytest.approx(1e-2)
    assert {one.block for one in method_in(run).weights} == set(range(23)) - {1, 2, 3, 21}
    learning = {name.removeprefix("unet_block") for name in rates}
    assert learning == {str(block) for block in set(range(23)) - {1, 2, 3, 21}}
    conv_in = run.objective.inputs.family.modules["unet"].conv_in
    assert not any(parameter.requires_grad for parameter in conv_in.parameters())


def all_weights(kind: str) -> list[Weight]:
    from train_core.config.sections.model import ModelSettings  # noqa: PLC0415
    from train_core.models.load import load_family  # noqa: PLC0415

    family = load_family(
        ModelSettings(pretrained_model_name_or_path=str(FILES[kind]()), v_parameterization="epsilon"), torch.float32
    )
    assert family.files is not None
    return list(weights_of(family, Original(family.files, "epsilon"), ["unet", *TEXTS[kind]]))


@pytest.mark.parametrize(
    ("kind", "pattern", "expected"),
    [
        ("sd1", "*attn2*", lambda one: "attn2" in one.name),
        ("sd1", "input_blocks.1.1", lambda one: one.name.startswith("down_blocks.0.attentions.0.")),
        ("sd1", "model.diffusion_model.input_blocks.1.1", lambda o: o.name.startswith("down_blocks.0.attentions.0.")),
        ("sd1", "down_blocks.0.attentions.0", lambda one: one.name.startswith("down_blocks.0.attentions.0.")),
        ("sd1", "unet", lambda one: one.part == "unet"),
        ("sd1", "text_encoder*embeddings*", lambda one: "embeddings" in one.name),
        ("sd2", "transformer.resblocks.3", lambda one: "encoder.layers.3." in one.name),
        ("sdxl", "conditioner.embedders.1", lambda one: one.part == "text_encoder_2"),
        ("sdxl", "*.bias", lambda one: one.name.endswith(".bias")),
    ],
)
def test_patterns_know_layers_by_all_their_names(kind: str, pattern: str, expected: Callable[[Weight], bool]) -> None:
    known = all_weights(kind)
    wanted = [one for one in known if expected(one)]
    assert 0 < len(wanted) < len(known)
    assert chosen(known, WholeModelSettings(train_layers=[pattern])) == wanted
    assert chosen(known, WholeModelSettings(freeze_layers=[pattern])) == [one for one in known if one not in wanted]


def test_freezing_goes_before_training_and_blank_lines_mean_nothing() -> None:
    settings = WholeModelSettings(train_layers=["down_blocks.0", " "], freeze_layers=["*norm*", ""])
    names = {one.name for one in chosen(all_weights("sd1"), settings)}
    assert names
    assert all(name.startswith("down_blocks.0.") and "norm" not in name for name in names)


def test_patterns_that_match_nothing_are_told_together_with_names_like_them() -> None:
    settings = WholeModelSettings(train_layers=["down_block.0.atention"], freeze_layers=["*qqq*", "unet"])
    with pytest.raises(UserError) as caught:
        chosen(all_weights("sd1"), settings)
    assert [found.code for found in caught.value.problems] == ["no_layer_matches"] * 2
    assert "down_blocks.0.attentions" in caught.value.problems[0].params["nearest"]
    with pytest.raises(UserError) as caught:
        chosen(all_weights("sd1"), WholeModelSettings(freeze_layers=["*"]))
    assert [found.code for found in caught.value.problems] == ["every_layer_frozen"]


def test_text_encoders_stop_at_their_step_and_not_before(opened: Open) -> None:
    run = opened("sdxl", max_train_steps=6, stop_text_encoder_training="2")
    assert run.method.ends() == {"text_encoder": 2, "text_encoder_2": 2}
    assert not run.method.trains_every_step
    for step, still in ((0, True), (1, True), (2, False), (3, False)):
        run.method.begin_step(step)
        for one in method_in(run).weights:
            assert one.parameter.requires_grad == (still or one.part == "unet")


def test_in_mixed_precision_what_learns_is_in_fp32_and_never_was_anything_else(opened: Open) -> None:
    run = opened(mixed_precision="bf16", network_train_unet_only=True)
    unet = run.objective.inputs.family.modules["unet"]
    kept = original_state_dict()
    for name, one in method_in(run).original.opened.stored["unet"].items():
        assert torch.equal(unet.state_dict()[name], one.read())
    assert any(not torch.equal(one, one.bfloat16().float()) for name, one in kept.items() if name.startswith("model."))
    texts = run.objective.inputs.family.modules["text_encoder"].parameters()
    assert {parameter.dtype for parameter in texts} == {torch.bfloat16}


@pytest.mark.parametrize(("kind", "checkpointing"), [("sd1", True), ("sd2", False), ("sdxl", True)])
def test_mixed_precision_learns_nearly_what_fp32_does(opened: Open, kind: str, checkpointing: bool) -> None:
    whole, mixed = (
        opened(kind, name, mixed_precision=precision, gradient_checkpointing=checkpointing and precision == "bf16")
        for name, precision in (("plain", "no"), ("mixed", "bf16"))
    )
    start = values_of(whole)
    for run in (whole, mixed):
        train(run)
    ends = [values_of(run) for run in (whole, mixed)]
    for part in ("unet", *TEXTS[kind]):
        keys = [key for key in start if key.startswith(f"{part}/")]
        first, second = (torch.cat([(end[key] - start[key]).flatten() for key in keys]) for end in ends)
        assert first.norm() > 0
        assert torch.cosine_similarity(first, second, dim=0) > 0.98, part


def test_layers_that_are_frozen_within_a_part_that_learns_calculate_in_half_precision(opened: Open) -> None:
    run = opened(mixed_precision="bf16", train_layers=["*attn2*", "text_encoder.encoder.layers.1.mlp"])
    before = values_of(run)
    for part in ("unet", "text_encoder"):
        for name, parameter in run.objective.inputs.family.modules[part].named_parameters():
            wide = parameter.ndim == 1 or parameter.requires_grad
            assert parameter.dtype == (torch.float32 if wide else torch.bfloat16), name
    train(run)
    assert any(not torch.equal(value, before[key]) for key, value in values_of(run).items() if key.startswith("text"))


def along(run: Training, start: dict[str, Tensor], way: dict[str, Tensor]) -> float:
    """How far `run` has come on the `way` from `start`, as a share of it."""
    end = values_of(run)
    done = sum(((end[key].float() - start[key].float()) * way[key]).sum() for key in way)
    return float(done / sum(one.square().sum() for one in way.values()))


def test_steps_too_small_for_bf16_are_learnt_all_the_same_over_many_of_them(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        "network_train_unet_only": True, "mixed_precision": "bf16", "learning_rate": 2e-4, "max_train_steps": 12,
        "train_layers": ["up_blocks", "mid_block"],
    }
    masters = opened(name="masters", **settings)
    start = values_of(masters)
    train(masters)
    way = {key: value - start[key] for key, value in values_of(masters).items()}
    halves = opened(name="halves", **settings, full_half=True)
    rounded = values_of(halves)
    assert {value.dtype for value in rounded.values()} == {torch.bfloat16}
    train(halves)
    assert along(halves, rounded, way) == pytest.approx(1, abs=0.3)
    monkeypatch.setattr(half, "rounded", lambda values, dtype, seed: values.to(dtype))
    nearest = opened(name="nearest", **settings, full_half=True)
    train(nearest)
    assert abs(along(nearest, rounded, way)) < 0.3


@pytest.mark.parametrize("optimizer", ["AdamW", "Adafactor"])
@pytest.mark.parametrize("full_half", [False, True])
def test_the_fused_step_learns_the_same_and_keeps_no_gradient(opened: Open, optimizer: str, full_half: bool) -> None:
    settings: dict[str, Any] = {
        "optimizer_type": optimizer, "learning_rate": 1e-4, "mixed_precision": "bf16", "full_half": full_half,
        "network_train_unet_only": True, "max_train_steps": 2, "train_layers": ["up_blocks"],
        "optimizer_args": ["relative_step=False", "scale_parameter=False"] if optimizer == "Adafactor" else [],
    }  # fmt: skip
    plain, fused = opened(name="plain", **settings), opened(name="fused", **settings, fused_backward_pass=True)
    start = values_of(plain)
    for run in (plain, fused):
        train(run)
    first, second = values_of(plain), values_of(fused)
    moved = sum((first[key].float() - start[key].float()).square().sum() for key in start) ** 0.5
    apart = sum((first[key].float() - second[key].float()).square().sum() for key in start) ** 0.5
    assert moved > 0
    assert apart < (1.5 if full_half else 1e-3) * moved  # each rounds by chances of its own
    assert all(one.parameter.grad is None for one in method_in(fused).weights)


def test_the_model_as_it_was_is_read_from_its_file_and_gone_again(opened: Open) -> None:
    run = opened(learning_rate=0.1)
    before = values_of(run)
    train(run)
    after = values_of(run)
    with run.method.disabled():
        assert all(torch.equal(value, before[key]) for key, value in values_of(run).items())
    assert all(torch.equal(value, after[key]) for key, value in values_of(run).items())
    assert any(not torch.equal(value, before[key]) for key, value in after.items())


def test_a_base_model_that_changes_meanwhile_costs_nothing_that_was_learnt_and_is_told(
    opened: Open, tmp_path: Path
) -> None:
    base = tmp_path / "base.safetensors"
    save_file(original_state_dict() | {"extra": torch.ones(1)}, base)
    run = opened(base=str(base), network_train_unet_only=True)
    train(run)
    run.method.save(tmp_path / "before.safetensors", torch.float32, {})
    assert not run.method.remarks
    base.write_bytes(b"another file")
    for path in (tmp_path / "after.safetensors", tmp_path / "after.ckpt", tmp_path / "after"):
        run.method.save(path, torch.float32, {})
        assert [found.code for found in run.method.remarks] == ["base_changed_meanwhile"]
    before, after = (load_file(tmp_path / f"{name}.safetensors") for name in ("before", "after"))
    assert before.keys() - after.keys() == {"extra"}
    assert all(torch.equal(before[name], one) for name, one in after.items())


def test_a_folder_that_cannot_be_written_to_is_told_as_ever(opened: Open, tmp_path: Path) -> None:
    run = opened(network_train_unet_only=True, train_layers=["conv_in"])
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(NotWrittenError):
        run.method.save(tmp_path / "file" / "new.safetensors", torch.float32, {})
