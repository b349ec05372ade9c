"""Settings of single adapter algorithms, and the files that an adapter starts from."""

from __future__ import annotations

from train_core.config.conditions import when, when_set
from train_core.config.sections.method import FOR_ADAPTER
from train_core.config.setting import Section, setting


class AlgorithmSettings(Section, title="Algorithm and start", applies_to=FOR_ADAPTER):
    dora_wd: bool = setting(
        False, "DoRA: train the direction and magnitude of the weights separately. Slower, often closer to full "
        "fine-tuning.", label="DoRA", applies_to=when("LoRA_type", "LoRA", "LoHa", "LoKr"),
    )
    wd_on_output: bool = setting(
        False, "DoRA magnitudes along the outputs, LyCORIS's default since 3.2, and all that its own loader reads; "
        "A1111 and ComfyUI were made for magnitudes along the inputs.", label="DoRA on outputs",
        applies_to=when("dora_wd", True),
    )
    rs_lora: bool = setting(
        False, "Rank-stabilised LoRA: divide alpha by the square root of the rank, so that high ranks learn as fast as "
        "low ones.", label="Rank-stabilised", applies_to=when("LoRA_type", "LoRA", "LoRA-FA", "LoHa", "LoKr", "GLoRA"),
    )
    use_tucker: bool = setting(
        False, "Also decompose 3x3 convolutions (Tucker): much smaller files.", label="Tucker decomposition",
        applies_to=when("LoRA_type", "LoRA", "LoHa", "LoKr"),
    )
    use_scalar: bool = setting(
        False, "Start from a trainable factor of 0 instead of a matrix of zeros.", label="Scalar",
        applies_to=when("LoRA_type", "LoRA", "LoHa", "LoKr", "GLoRA"),
    )
    bypass_mode: bool = setting(
        False, "Compute on the data flowing through a layer instead of on its weights: same result, usually less "
        "memory. LoRA always does this.", label="Bypass mode",
        applies_to=when("LoRA_type", "LoKr", "GLoRA", "IA3", "Diag-OFT", "BOFT"),
    )
    unit: int = setting(
        4, "How many ranks are trained at a time; the trained file can later be split at multiples of it.",
        label="DyLoRA unit", ge=1, le=1024, applies_to=when("LoRA_type", "DyLoRA"),
    )
    factor: int = setting(
        -1, "How each side of a weight is split: by this number if it divides evenly; -1 splits as evenly as possible "
        "and gives the smallest files.", label="LoKr factor", ge=-1, le=4096, applies_to=when("LoRA_type", "LoKr"),
    )
    decompose_both: bool = setting(
        False, "Also make the smaller matrix low-rank.", label="LoKr decompose both",
        applies_to=when("LoRA_type", "LoKr"),
    )
    full_matrix: bool = setting(
        False, "Never use low-rank matrices, whatever the rank.", label="LoKr full matrix",
        applies_to=when("LoRA_type", "LoKr"),
    )
    constraint: float = setting(
        0.0, "How far weights may be rotated at most, relative to the number of outputs; 0 is no limit, 1e-3 is usual.",
        label="OFT constraint", ge=0, le=100, applies_to=when("LoRA_type", "Diag-OFT", "BOFT"),
    )
    rescaled: bool = setting(
        False, "Also train a scale for each output.", label="OFT rescaled",
        applies_to=when("LoRA_type", "Diag-OFT", "BOFT"),
    )
    train_on_input: bool = setting(
        False, "Scale a layer's inputs instead of its outputs.", label="Train on input",
        applies_to=when("LoRA_type", "IA3"),
    )
    network_weights: str = setting(
        "", "Continue from this adapter file instead of starting from scratch.", label="Start from adapter",
        path="adapter",
    )
    dim_from_weights: bool = setting(
        False, "Take layers, ranks and alphas from that file.", label="Ranks from the file",
        applies_to=when_set("network_weights"),
    )
    base_weights: list[str] = setting(
        [], "Adapter files to merge into the base model before training, one per line.", label="Merge first", lines=2,
        path="adapters",
    )
    base_weights_multiplier: list[str] = setting(
        [], "Strengths in the same order, one per line: a number, block weights, or both, such as 0.8 MIDD. Missing "
        "ones are 1.", label="Their strengths", lines=2, plain=True,
        applies_to=when_set("base_weights"),
    )
