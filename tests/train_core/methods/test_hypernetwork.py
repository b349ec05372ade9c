"""A hypernetwork trains, is saved as A1111 reads it, and goes on from such a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.pickles import read_by_a1111
from tests.tiny import TEXT_WIDTH, UNET_WIDTHS, tiny_file
from tests.tiny_families import file_of
from tests.train_core.jobs.conftest import Prepare
from tests.train_core.methods.trainings import pictures, result, trained
from train_core.config.files import read_config
from train_core.config.places import runs_dir
from train_core.config.problems import UserError
from train_core.config.sections.hypernetwork import HypernetworkSettings
from train_core.config.sections.model import ModelSettings
from train_core.events.event import Event
from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.facts.models.about import about
from train_core.jobs.train import open_run
from train_core.methods.hypernetwork import Hypernetwork
from train_core.models.load import load_family
from train_core.run.training import Training

DEEP = {"layer_structure": "1, 1.5, 2, 1", "activation_func": "mish", "add_layer_norm": True, "use_dropout": True}
Run = Callable[..., tuple[Training, list[Event]]]


@pytest.fixture
def run(prepare: Prepare) -> Run:
    def with_settings(name: str, **values: Any) -> tuple[Training, list[Event]]:
        return trained(prepare(name, training_method="hypernetwork", **values), name)

    return with_settings


def as_a1111_has_it(file: Path) -> Callable[[Tensor, int], Tensor]:
    """A1111's arithmetic on its file: x + linear(x), where torch.load may build nothing but tensors."""
    content = torch.load(file, weights_only=True)
    steps: list[nn.Module] = []
    layers, width = content["layer_structure"], TEXT_WIDTH
    for place in range(len(layers) - 1):
        steps.append(nn.Linear(int(width * layers[place]), int(width * layers[place + 1])))
        if content["activation_func"] == "mish" and (content["activate_output"] or place < len(layers) - 2):
            steps.append(nn.Mish())
        if content["is_layer_norm"]:
            steps.append(nn.LayerNorm(int(width * layers[place + 1])))
        if content["dropout_structure"][place + 1]:
            steps.append(nn.Dropout(content["dropout_structure"][place + 1]))

    def through(x: Tensor, side: int) -> Tensor:
        network = nn.Sequential(*steps).eval()
        network.load_state_dict({name.removeprefix("linear."): one for name, one in content[width][side].items()})
        return x + network(x)

    return through


def test_it_learns_and_its_file_is_one_of_a1111s(run: Run) -> None:
    done, said = run("fox", sample_prompts="fox --s 2", sample_at_first=True, sample_every_n_epochs=2)
    path = result(said)
    content = torch.load(path, weights_only=True)
    assert {width for width in content if isinstance(width, int)} == {*UNET_WIDTHS, TEXT_WIDTH}
    assert content["layer_structure"] == [1, 2, 1]
    assert (content["step"], content["name"], content["sd_checkpoint_name"]) == (done.step, "fox", "tiny")
    assert list(content[TEXT_WIDTH][0]) == ["linear.0.weight", "linear.0.bias", "linear.1.weight", "linear.1.bias"]
    assert read_by_a1111(path)
    first, last = pictures(said)
    assert (first != last).any()
    found = about(path)
    assert found is not None
    assert (found.kind, found.place) == ("hypernetwork", "hypernetwork")


def test_keys_and_values_are_computed_as_a1111_does_it(run: Run) -> None:
    done, said = run("deep", **DEEP, learning_rate=0.01)
    through = as_a1111_has_it(result(said))
    family = done.objective.inputs.family
    attention = family.modules["unet"].get_submodule("down_blocks.0.attentions.0.transformer_blocks.0.attn2")
    text = torch.randn(2, 7, TEXT_WIDTH, generator=torch.Generator().manual_seed(1))
    assert isinstance(done.method, Hypernetwork)
    done.method.trainable.eval()
    for side, name in enumerate(("to_k", "to_v")):
        layer = attention.get_submodule(name)
        theirs = nn.functional.linear(through(text, side), layer.weight)  # type: ignore[arg-type]
        assert torch.allclose(layer(text), theirs, atol=1e-5)
    done.method.adapter.attach(0.5)
    half = nn.functional.linear((text + through(text, 1)) / 2, layer.weight)  # type: ignore[arg-type]
    assert torch.allclose(layer(text), half, atol=1e-5)


def test_untrained_it_can_be_asked_what_it_predicted(run: Run) -> None:
    done, _ = run("asked", max_train_epochs=1, learning_rate=0.1)
    predictor = done.accelerator.unwrap_model(done.model)
    question = (torch.ones(1, 4, 8, 8), torch.tensor([500]), ["a zuko dog"])
    base = load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32, "cpu")
    bare = base.predict(*question[:2], base.encode_text(question[2]))
    assert torch.equal(predictor.untrained(*question), bare)
    assert not torch.allclose(predictor(*question), bare)


@pytest.mark.parametrize("more", [{}, DEEP | {"ema_decay": 0.9}])
def test_resumed_it_ends_as_if_it_had_never_stopped(run: Run, tmp_path: Path, more: dict[str, Any]) -> None:
    _, whole = run("undisturbed", output_dir=str(tmp_path / "one"), **more)
    halves = {**more, "output_dir": str(tmp_path / "two"), "save_state_on_train_end": True}
    run("halves", max_train_epochs=1, **halves)
    _, resumed = run("halves", resume="last", **halves)
    ours, theirs = (torch.load(result(one), weights_only=True) for one in (whole, resumed))
    assert ours["step"] == theirs["step"]
    assert all(
        torch.equal(one, theirs[width][side][name])
        for width in ours if isinstance(width, int) for side in (0, 1) for name, one in ours[width][side].items()
    )


def test_it_goes_on_from_a_file_with_the_structure_that_it_has(run: Run, tmp_path: Path) -> None:
    _, said = run("first", **DEEP, enable_sizes=str(TEXT_WIDTH), save_precision="float")
    first = result(said)
    done, said = run("second", hypernetwork_weights=str(first), learning_rate=1e-30, optimizer_type="SGDNesterov")
    ours, theirs = (torch.load(one, weights_only=True) for one in (result(said), first))
    assert ours["step"] == 2 * theirs["step"]
    assert ours["layer_structure"] == [1, 1.5, 2, 1]
    assert torch.equal(ours[TEXT_WIDTH][1]["linear.0.weight"], theirs[TEXT_WIDTH][1]["linear.0.weight"])
    assert isinstance(done.method, Hypernetwork)
    assert list(done.method.trainable) == [str(TEXT_WIDTH)]


def test_the_first_files_of_2022_are_read(tmp_path: Path) -> None:
    pair = tuple(
        {"linear1.weight": torch.ones(8, 4), "linear1.bias": torch.zeros(8), "linear2.weight": torch.ones(4, 8),
         "linear2.bias": torch.zeros(4)} for _ in range(2)
    )  # fmt: skip
    torch.save({4: pair, "step": 7, "name": "old"}, tmp_path / "old.pt")
    found = read_hypernetwork(tmp_path / "old.pt")
    assert (found.step, found.widths, found.structure.activation) == (7, [4], "linear")
    assert "4.1.linear.1.weight" in found.tensors


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"layer_structure": [1, 3, 1]}, "hypernetwork_contradicts_itself"),
        ({"activation_func": "prelu"}, "hypernetwork_activation_unknown"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    network = {"linear.0.weight": torch.ones(8, 4), "linear.0.bias": torch.zeros(8),
               "linear.1.weight": torch.ones(4, 8), "linear.1.bias": torch.zeros(4)}  # fmt: skip
    torch.save({4: (network, network), "layer_structure": [1, 2, 1], **change}, tmp_path / "odd.pt")
    with pytest.raises(UserError) as caught:
        read_hypernetwork(tmp_path / "odd.pt")
    assert caught.value.problems[0].code == code


@pytest.mark.parametrize(("kind", "text"), [("sd2", 64), ("sdxl", 192)])
def test_other_kinds_of_model_have_a_pair_for_each_width_that_attention_reads(kind: str, text: int) -> None:
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(file_of(kind))), torch.float32, "cpu")
    reading = [
        module.in_features for name, module in family.modules["unet"].named_modules()
        if name.endswith("to_k") and isinstance(module, nn.Linear)
    ]
    method = Hypernetwork(family, HypernetworkSettings(), 5)
    assert sorted(map(int, method.trainable)) == sorted(set(reading))
    assert text in reading
    assert len(method.adapter.layers) == 2 * len(reading)
    method.adapter.detach()


def test_a_width_that_the_model_has_not_is_named(prepare: Prepare) -> None:
    config = read_config(prepare(training_method="hypernetwork", enable_sizes="768")).config
    with pytest.raises(UserError, match="enable_sizes has a network for the width 768"):
        open_run(config, runs_dir(), lambda event: None)


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ({"layer_structure": "2, 1"}, "layer_structure_unusable"),
        ({"layer_structure": "1"}, "layer_structure_unusable"),
        ({"use_dropout": True, "dropout_structure": "0, 0.1"}, "dropout_structure_unusable"),
        ({"use_dropout": True, "dropout_structure": "0, 1, 0"}, "dropout_structure_unusable"),
    ],
)
def test_a_structure_that_makes_no_network_is_refused(prepare: Prepare, values: dict[str, Any], code: str) -> None:
    with pytest.raises(UserError) as caught:
        prepare(training_method="hypernetwork", **values)
    assert [found.code for found in caught.value.problems] == [code]


@pytest.mark.parametrize("weight_init", ["Normal", "XavierUniform", "XavierNormal", "KaimingUniform", "KaimingNormal"])
def test_each_start_has_the_spread_that_it_is_named_for(weight_init: Any) -> None:
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32, "cpu")
    method = Hypernetwork(family, HypernetworkSettings(weight_init=weight_init, activation_func="relu"), 5)
    first = method.trainable[str(TEXT_WIDTH)][0].linear[0].weight  # type: ignore[index,union-attr]
    inputs, outputs = TEXT_WIDTH, 2 * TEXT_WIDTH
    expected = {"Normal": 0.01, "Xavier": (2 / (inputs + outputs)) ** 0.5, "Kaiming": (2 / inputs) ** 0.5}
    wanted = expected[weight_init.removesuffix("Uniform").removesuffix("Normal") or "Normal"]
    assert float(first.std()) == pytest.approx(wanted, rel=0.05)
    again = Hypernetwork(family, HypernetworkSettings(weight_init=weight_init, activation_func="relu"), 5)
    assert torch.equal(first, again.trainable[str(TEXT_WIDTH)][0].linear[0].weight)  # type: ignore[index,union-attr]
