"""The adapter algorithms by their names in other programs: kohya_ss's LoRA_type, sd-scripts' and LyCORIS's modules."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from train_core.config.sections.network import LoraType


@dataclass(frozen=True)
class Counterpart:
    """Our algorithm for another program's, and the settings that its name implies there."""

    lora_type: LoraType
    implied: dict[str, Any] = field(default_factory=dict)


OF_LYCORIS = {"LyCORIS_preset": "full"}
TUCKER = {"use_tucker": True}

# kohya_ss's LoRA_type for SD 1.x, 2.x and SDXL.
OF_KOHYA_SS: dict[str, Counterpart] = {
    "Standard": Counterpart("LoRA"),
    "Kohya LoCon": Counterpart("LoRA"),
    "Kohya DyLoRA": Counterpart("DyLoRA"),
    "LoRA-FA": Counterpart("LoRA-FA"),
    "Kohya LoHa": Counterpart("LoHa", TUCKER),
    "Kohya LoKr": Counterpart("LoKr", TUCKER),
    "LoCon": Counterpart("LoRA", OF_LYCORIS),
    "LyCORIS/LoCon": Counterpart("LoRA", OF_LYCORIS),
    "LyCORIS/LoHa": Counterpart("LoHa", OF_LYCORIS),
    "LyCORIS/LoKr": Counterpart("LoKr", OF_LYCORIS),
    "LyCORIS/BOFT": Counterpart("BOFT", OF_LYCORIS),
    "LyCORIS/Diag-OFT": Counterpart("Diag-OFT", OF_LYCORIS),
    "LyCORIS/DyLoRA": Counterpart("DyLoRA", OF_LYCORIS),
    "LyCORIS/GLoRA": Counterpart("GLoRA", OF_LYCORIS),
    "LyCORIS/iA3": Counterpart("IA3", OF_LYCORIS),
    "LyCORIS/Native Fine-Tuning": Counterpart("Full", OF_LYCORIS),
}
# sd-scripts' network_module.
OF_MODULES: dict[str, Counterpart] = {
    "networks.lora": Counterpart("LoRA"),
    "networks.dylora": Counterpart("DyLoRA"),
    "networks.lora_fa": Counterpart("LoRA-FA"),
    "networks.loha": Counterpart("LoHa"),
    "networks.lokr": Counterpart("LoKr"),
}
LYCORIS = "lycoris.kohya"


def with_our_lora_type(values: dict[str, Any]) -> dict[str, Any]:
    """`values` with kohya_ss's name of an algorithm replaced by ours, and the settings that it implies added."""
    said = str(values.get("LoRA_type", "")).strip().lower()
    ours = next((ours for theirs, ours in OF_KOHYA_SS.items() if theirs.lower() == said), None)
    return values if ours is None else {**ours.implied, **values, "LoRA_type": ours.lora_type}


# The argument algo of lycoris.kohya.
OF_ALGO: dict[str, LoraType] = {
    "lora": "LoRA", "locon": "LoRA", "loha": "LoHa", "lokr": "LoKr", "dylora": "DyLoRA", "glora": "GLoRA",
    "ia3": "IA3", "diag-oft": "Diag-OFT", "boft": "BOFT", "full": "Full",
}  # fmt: skip
# Arguments of lycoris.kohya by the names that they had before, and by those that they have here.
ARGUMENTS = {
    "preset": "LyCORIS_preset", "block_size": "unit", "use_cp": "use_tucker", "use_conv_cp": "use_tucker",
    "constrain": "constraint", "dropout": "network_dropout",
}  # fmt: skip
