"""The networks of a hypernetwork: their layers, how these start, and dropouts. Names and choices are A1111's."""

from __future__ import annotations

from typing import Literal

from train_core.config.conditions import all_of, when
from train_core.config.sections.method import FOR_HYPERNETWORK
from train_core.config.setting import Section, setting

ActivationFunc = Literal[
    "linear", "relu", "leakyrelu", "elu", "swish", "tanh", "sigmoid", "celu", "gelu", "hardshrink", "hardsigmoid",
    "hardtanh", "logsigmoid", "mish", "relu6", "selu", "silu", "softplus", "softshrink", "softsign", "tanhshrink",
]
WeightInit = Literal["Normal", "XavierUniform", "XavierNormal", "KaimingUniform", "KaimingNormal"]
NUMBERS = r"^\s*(\d*\.?\d+(\s*,\s*\d*\.?\d+)*)?\s*$"
NEW = when("hypernetwork_weights", "")  # one that is continued has all this in its file


class HypernetworkSettings(Section, title="Hypernetwork", applies_to=FOR_HYPERNETWORK):
    hypernetwork_weights: str = setting(
        "", "Continue this hypernetwork (.pt) instead of starting a new one. Its file says what its networks are like.",
        label="Continue a hypernetwork", path="adapter",
    )
    layer_structure: str = setting(
        "1, 2, 1", "The widths of each network's layers, as multiples of the width of what attention reads; the first "
        "and the last are 1. 1, 2, 1 is usual; 1, 2, 2, 1 or 1, 1.5, 1.5, 1 learn more and are larger.",
        label="Layer structure", pattern=NUMBERS, min_length=1, plain=True, applies_to=NEW,
    )
    activation_func: ActivationFunc = setting(
        "linear", "What is computed between the layers, by A1111's names. linear is nothing, as the first "
        "hypernetworks had it; people use relu, leakyrelu, swish or mish. A1111's swish is Hardswish.",
        label="Activation function", applies_to=NEW,
    )
    weight_init: WeightInit = setting(
        "Normal", "How the weights start. Normal (spread 0.01) starts close to the base model. With relu and leakyrelu "
        "Kaiming is usual, with tanh and sigmoid Xavier; these start far from it and need low rates.",
        label="Weight initialisation", applies_to=NEW,
    )
    add_layer_norm: bool = setting(
        False, "Normalise after each layer; steadier at high rates.", label="Layer normalisation", applies_to=NEW,
    )
    use_dropout: bool = setting(
        False, "Leave out random values between the layers while it trains, which protects deep structures from "
        "learning images by heart.", label="Use dropout", applies_to=NEW,
    )
    dropout_structure: str = setting(
        "", "The share that is left out behind each layer: as many numbers as the layer structure has, the first and "
        "the last 0, such as 0, 0.05, 0.15, 0. Empty is A1111's 0.3 everywhere between.", label="Dropout structure",
        pattern=NUMBERS, plain=True, applies_to=all_of(NEW, when("use_dropout", True)),
    )
    activate_output: bool = setting(
        False, "Also compute the activation function behind the last layer.", label="Activate output", advanced=True,
        applies_to=NEW,
    )
    enable_sizes: str = setting(
        "", "Only train networks for these widths, such as 768, 320: those of text (768 for SD 1.x, 1024 for SD 2.x, "
        "2048 for SDXL) and those within the picture (320, 640, 1280). Empty trains all that the base model has.",
        label="Widths", pattern=r"^\s*(\d+(\s*,\s*\d+)*)?\s*$", plain=True, advanced=True, applies_to=NEW,
    )
