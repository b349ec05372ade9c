"""Settings of single adapter algorithms, and the files that an adapter starts from."""

from __future__ import annotations

from train_core.config.conditions import when, when_set
from train_core.config.setting import Section, setting


class AlgorithmSettings(Section, title="Algorithm and start"):
    dora_wd: bool = setting(
        False, "DoRA: train direction and magnitude of the weights apart. Slower, often closer to fine-tuning.",
        label="DoRA", applies_to=when("LoRA_type", "LoRA", "LoHa", "LoKr"),
    )
    wd_on_output: bool = setting(
        False, "DoRA's magnitudes along the outputs, LyCORIS's default since 3.2; along the inputs is what "
        "A1111 and ComfyUI were made for.", label="DoRA on outputs", applies_to=when("dora_wd", True),
    )
    rs_lora: bool = setting(
        False, "Rank-stabilised: divide alpha by the root of the rank, so that high ranks learn as fast as low ones.",
        label="Rank-stabilised",
        applies_to=when("LoRA_type", "LoRA", "LoRA-FA", "LoHa", "LoKr", "GLoRA"),
    )
    use_tucker: bool = setting(
        False, "Split 3x3 convolutions once more (Tucker): much smaller files.", label="Tucker decomposition",
        applies_to=when("LoRA_type", "LoRA", "LoHa", "LoKr"),
    )
    use_scalar: bool = setting(
        False, "Start from a trained factor of 0 instead of a map of zeros.", label="Scalar",
        applies_to=when("LoRA_type", "LoRA", "LoHa", "LoKr", "GLoRA"),
    )
    bypass_mode: bool = setting(
        False, "Compute on what flows through a layer instead of on its weight: the same result, mostly less memory. "
        "LoRA always does.", label="Bypass mode",
        applies_to=when("LoRA_type", "LoKr", "GLoRA", "IA3", "Diag-OFT", "BOFT"),
    )
    unit: int = setting(
        4, "How many ranks are trained at a time; a trained file can be cut between them.", label="DyLoRA unit", ge=1,
        le=1024, applies_to=when("LoRA_type", "DyLoRA"),
    )
    factor: int = setting(
        -1, "How each side of a weight is split: by this number where it divides; -1 is as even as possible and gives "
        "the smallest files.", label="LoKr factor", ge=-1, le=4096, applies_to=when("LoRA_type", "LoKr"),
    )
    decompose_both: bool = setting(
        False, "Make the small map of low rank too.", label="LoKr decompose both",
        applies_to=when("LoRA_type", "LoKr"),
    )
    full_matrix: bool = setting(
        False, "Make no map of low rank, whatever the rank says.", label="LoKr full matrix",
        applies_to=when("LoRA_type", "LoKr"),
    )
    constraint: float = setting(
        0.0, "The furthest that weights may be turned, as a share of the outputs' number; 0 is no bound, 1e-3 usual.",
        label="OFT constraint", ge=0, le=100, applies_to=when("LoRA_type", "Diag-OFT", "BOFT"),
    )
    rescaled: bool = setting(
        False, "Also train a factor for each output.", label="OFT rescaled",
        applies_to=when("LoRA_type", "Diag-OFT", "BOFT"),
    )
    train_on_input: bool = setting(
        False, "Factors for the inputs of a layer instead of its outputs.", label="Train on input",
        applies_to=when("LoRA_type", "IA3"),
    )
    network_weights: str = setting(
        "", "Go on from this adapter file instead of from nothing.", label="Start from adapter", path="adapter",
    )
    dim_from_weights: bool = setting(
        False, "Take layers, ranks and alphas from that file.", label="Ranks from the file",
        applies_to=when_set("network_weights"),
    )
    base_weights: list[str] = setting(
        [], "Adapter files that are merged into the base model before training, one a line.", label="Merge first",
        lines=2, path="adapters",
    )
    base_weights_multiplier: list[str] = setting(
        [], "Their strengths in the same order, one a line: a number, block weights, or both as in 0.8 MIDD; where one "
        "is missing it is 1.", label="Strengths of these", lines=2, applies_to=when_set("base_weights"),
    )
