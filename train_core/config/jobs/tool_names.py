"""The tools by name, for whoever must know them before any package is there."""

from __future__ import annotations

TOOLS = (
    "merge_lora", "merge_models", "resize_lora", "extract_lora", "split_dylora", "convert_lora", "convert_model",
    "inspect", "edit_metadata", "compare_lora",
)  # fmt: skip
