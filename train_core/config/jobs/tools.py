"""The settings of the tools for adapters and checkpoints: one job each.

Whatever has the same name in two of them, or in a training, means the same.
"""

from __future__ import annotations

from typing import Any, Literal

from train_core.config.conditions import when, when_set
from train_core.config.job import Tool
from train_core.config.setting import Section, setting

ResultPrecision = Literal["as stored", "float", "bf16", "fp16"]


def _adapter() -> Any:
    return setting(
        "", "The adapter file: a LoRA or one of its relatives.", label="Adapter", path="adapter", required=True
    )


def _rank(**declared: Any) -> Any:
    return setting(32, "Rank of the result, or the maximum it may reach.", label="Rank", ge=1, le=4096, **declared)


def _conv_rank(**declared: Any) -> Any:
    return setting(
        None, "The same for 3x3 convolutions; empty uses the rank above.", label="Rank of convolutions", ge=1, le=4096,
        **declared,
    )


class ResultSettings(Section, title="Result"):
    save_to: str = setting("", "The file to write.", label="Save to", path="result", required=True)
    overwrite: bool = setting(False, "Replace an existing file of this name.", label="Overwrite")
    result_precision: ResultPrecision = setting(
        "as stored", "Number format of the result; calculations always use fp32.", label="Precision",
    )


class MergeLoraSettings(Section, title="Merge adapters"):
    merge_model: str = setting(
        "", "The checkpoint to merge the adapters into; empty merges them into one adapter.", label="Into checkpoint",
        path="file",
    )
    adapters: list[str] = setting(
        [], "The adapter files, one per line, in any mix of algorithms and ranks.", label="Adapters", lines=3,
        path="adapters", required=True,
    )
    strengths: list[str] = setting(
        [], "The strength of each, one per line: a number, a preset of block weights (ALL, INS, IND, INALL, MIDD, "
        "OUTD, OUTS, OUTALL, or your own), a list of them, or a number and one of these, such as 0.8 MIDD. Missing "
        "ones are 1.", label="Strengths", lines=3, plain=True,
    )
    merge_method: Literal["exact", "svd"] = setting(
        "exact", "exact loses nothing, because it puts the ranks side by side; svd gives the closest adapter of a "
        "given rank.", label="Method", applies_to=when("merge_model", ""),
    )
    tool_rank: int = _rank(applies_to=when("merge_method", "svd"))
    tool_conv_rank: int | None = _conv_rank(applies_to=when("merge_method", "svd"))


class MergeLora(Tool, name="merge_lora"):
    """Adapters into a checkpoint, or several into one."""

    merge_lora: MergeLoraSettings = MergeLoraSettings()
    result: ResultSettings = ResultSettings()


class MergeModelsSettings(Section, title="Merge checkpoints"):
    model_a: str = setting("", "The first checkpoint.", label="Model A", path="file", required=True)
    model_b: str = setting("", "The second checkpoint.", label="Model B", path="file", required=True)
    model_c: str = setting(
        "", "With a third model the result is A + (B − C) · α; without it, A · (1 − α) + B · α.", label="Model C",
        path="file",
    )
    merge_alpha: str = setting(
        "0.5", "α: a number, a preset or list of block weights, or a number and one of these, such as 0.7 OUTALL.",
        label="α", min_length=1, plain=True,
    )
    merged_text_encoder: Literal["merged", "A", "B"] = setting(
        "merged", "Where the text encoders come from.", label="Text encoders",
    )
    merged_vae: Literal["A", "B", "merged", "file"] = setting("A", "Where the VAE comes from.", label="VAE")
    merged_vae_file: str = setting(
        "", "A VAE file, or a checkpoint to take the VAE from.", label="VAE file", path="file",
        applies_to=when("merged_vae", "file"),
    )


class MergeModels(Tool, name="merge_models"):
    """Two checkpoints, or what one has and another lacks, into a new one."""

    merge_models: MergeModelsSettings = MergeModelsSettings()
    result: ResultSettings = ResultSettings()


class ResizeLoraSettings(Section, title="Resize"):
    adapter: str = _adapter()
    resize_method: Literal["rank", "sv_ratio", "sv_fro", "sv_cumulative"] = setting(
        "rank", "How each layer's rank is chosen: rank uses the one below; sv_ratio keeps singular values of at least "
        "the largest divided by the value; sv_fro keeps as many as make up this share of the norm, sv_cumulative of "
        "their sum. For these three the rank below is the maximum.", label="Method",
    )
    resize_value: float = setting(
        0.9, "A share for sv_fro and sv_cumulative, such as 0.9; a ratio for sv_ratio, such as 10.", label="Value",
        gt=0, le=1e6, applies_to=when("resize_method", "sv_ratio", "sv_fro", "sv_cumulative"),
    )
    tool_rank: int = _rank()
    tool_conv_rank: int | None = _conv_rank()


class ResizeLora(Tool, name="resize_lora"):
    """A LoRA of lower rank that is as near to the given one as that rank allows."""

    resize_lora: ResizeLoraSettings = ResizeLoraSettings()
    result: ResultSettings = ResultSettings()


class ExtractLoraSettings(Section, title="Extract"):
    tuned_model: str = setting("", "The trained checkpoint.", label="Tuned model", path="file", required=True)
    base_model: str = setting("", "The checkpoint it was trained from.", label="Base model", path="file", required=True)
    extract_type: Literal["LoRA", "LoCon", "LoKr"] = setting(
        "LoRA", "LoRA covers attention and linear layers, LoCon convolutions too; LoKr is smaller but less exact.",
        label="Algorithm",
    )
    extract_method: Literal["rank", "quantile", "threshold"] = setting(
        "rank", "How each layer's rank is chosen: rank uses the one below; quantile keeps as many singular values as "
        "make up this share of their sum, threshold those above the value. For these two the rank below is the "
        "maximum.", label="Method", applies_to=when("extract_type", "LoRA", "LoCon"),
    )
    extract_value: float = setting(
        0.9, "A share for quantile, such as 0.9; a singular value for threshold, such as 0.01.", label="Value", gt=0,
        le=1e6, applies_to=when("extract_method", "quantile", "threshold"),
    )
    tool_rank: int = _rank(applies_to=when("extract_type", "LoRA", "LoCon"))
    tool_conv_rank: int | None = _conv_rank(applies_to=when("extract_type", "LoCon"))
    factor: int = setting(
        -1, "How each side of a weight is split: by this number if it divides evenly; -1 splits as evenly as possible "
        "and gives the smallest files.", label="LoKr factor", ge=-1, le=4096, applies_to=when("extract_type", "LoKr"),
    )
    min_difference: float = setting(
        1e-4, "Layers whose weights all differ by no more than this are left out: that is rounding, not training.",
        label="Smallest difference", ge=0, le=1,
    )


class ExtractLora(Tool, name="extract_lora"):
    """The difference of two checkpoints as an adapter."""

    extract_lora: ExtractLoraSettings = ExtractLoraSettings()
    result: ResultSettings = ResultSettings()


class SplitDyloraSettings(Section, title="Split DyLoRA"):
    adapter: str = _adapter()
    unit: int = setting(
        4, "How many ranks are trained at a time; the trained file can later be split at multiples of it.",
        label="DyLoRA unit", ge=1, le=1024,
    )


class SplitDylora(Tool, name="split_dylora"):
    """A file for each rank that a DyLoRA was trained to work with; the rank is added to the name."""

    split_dylora: SplitDyloraSettings = SplitDyloraSettings()
    result: ResultSettings = ResultSettings()


class ConvertLoraSettings(Section, title="Convert adapter"):
    adapter: str = _adapter()
    adapter_format: Literal["kohya", "diffusers", "PEFT"] = setting(
        "kohya", "How its tensors are named: A1111, Forge and ComfyUI read kohya's names.", label="Names",
    )


class ConvertLora(Tool, name="convert_lora"):
    """An adapter under other names or in another number format."""

    convert_lora: ConvertLoraSettings = ConvertLoraSettings()
    result: ResultSettings = ResultSettings()


class ConvertModelSettings(Section, title="Convert checkpoint"):
    model_file: str = setting("", "The checkpoint, or a diffusers folder.", label="Model", path="file", required=True)
    model_format: Literal["safetensors", "ckpt", "diffusers"] = setting(
        "safetensors", "What to write: one file, or a diffusers folder. Leftovers such as EMA weights are dropped.",
        label="Format",
    )
    model_vae: str = setting("", "Use the VAE from this file instead.", label="Another VAE", path="file")


class ConvertModel(Tool, name="convert_model"):
    """A checkpoint in another layout or number format."""

    convert_model: ConvertModelSettings = ConvertModelSettings()
    result: ResultSettings = ResultSettings()


class InspectSettings(Section, title="Look into a file"):
    inspected: str = setting("", "An adapter or a checkpoint.", label="File", path="file", required=True)


class Inspect(Tool, name="inspect"):
    """A file's own description, and how strong each part of an adapter is."""

    inspect: InspectSettings = InspectSettings()


class EditMetadataSettings(Section, title="Edit metadata"):
    adapter: str = _adapter()
    edit_title: str = setting(
        "", "Empty leaves it unchanged, a single - removes it; the same goes for the fields below.", label="New title",
    )
    edit_author: str = setting("", "Who made it.", label="New author")
    edit_description: str = setting("", "What it is.", label="New description", lines=2)
    edit_license: str = setting("", "The terms under which it may be used.", label="New licence")
    edit_tags: str = setting("", "Words to find it by, separated by commas.", label="New tags")
    edit_trigger_phrase: str = setting("", "The words that trigger it.", label="New trigger phrase")
    edit_usage_hint: str = setting("", "How to use it.", label="New usage hint")
    edit_thumbnail: str = setting("", "A picture file, or a data URL.", label="New thumbnail", path="image")
    edited_copy: str = setting(
        "", "Write a copy here; empty changes the file itself. The tensors stay unchanged.", label="Save a copy to",
        path="result",
    )
    overwrite: bool = setting(
        False, "Replace an existing file of this name.", label="Overwrite", applies_to=when_set("edited_copy"),
    )


class EditMetadata(Tool, name="edit_metadata"):
    """Title, author and the like of an adapter, without touching what it has learnt."""

    edit_metadata: EditMetadataSettings = EditMetadataSettings()


class CompareLoraSettings(Section, title="Compare"):
    adapter: str = _adapter()
    other_adapter: str = setting(
        "", "The adapter to compare it with.", label="Other adapter", path="adapter", required=True,
    )


class CompareLora(Tool, name="compare_lora"):
    """How alike two adapters are: the cosine of their changes, by block and overall."""

    compare_lora: CompareLoraSettings = CompareLoraSettings()
