"""kohya_ss's fields of the network: which of them its type of LoRA really has."""

from __future__ import annotations

from typing import Any

from train_core.config.interop.imports.kohya_fields import TYPES_OF_FAMILIES
from train_core.config.interop.imports.ledger import Ledger, is_empty, is_off
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import EMPTY, OFF, overruled
from train_core.config.interop.lora_types import ARGUMENTS, OF_KOHYA_SS
from train_core.config.phrases import phrase

BLOCKS = frozenset({
    "down_lr_weight", "mid_lr_weight", "up_lr_weight", "block_lr_zero_threshold", "block_dims", "block_alphas",
    "conv_block_dims", "conv_block_alphas", "conv_dims", "conv_alphas",
})  # fmt: skip
DROPOUTS = frozenset({"rank_dropout", "module_dropout"})
CONV = frozenset({"conv_dim", "conv_alpha"})
TUCKER = frozenset({"use_tucker", "use_cp"})
PLAIN = BLOCKS | DROPOUTS
LYCORIS = CONV | DROPOUTS | TUCKER | {
    "LyCORIS_preset", "bypass_mode", "dora_wd", "use_scalar", "rank_dropout_scale", "train_norm",
}  # fmt: skip
BOFT = CONV | DROPOUTS | TUCKER | {"LyCORIS_preset", "rank_dropout_scale", "train_norm"}
# The fields that each type gives to its network; the others stand in the file and have no effect.
GIVEN: dict[str, frozenset[str]] = {
    "Standard": PLAIN, "Kohya LoCon": PLAIN | CONV, "Kohya DyLoRA": PLAIN | CONV | {"unit"}, "LoRA-FA": PLAIN,
    "Kohya LoHa": CONV | DROPOUTS, "Kohya LoKr": CONV | DROPOUTS | {"factor"},
    "LoCon": LYCORIS, "LyCORIS/LoCon": LYCORIS, "LyCORIS/LoHa": LYCORIS,
    "LyCORIS/LoKr": LYCORIS | {"factor", "decompose_both"}, "LyCORIS/BOFT": BOFT,
    "LyCORIS/Diag-OFT": BOFT | {"constrain", "constraint", "rescaled"},
    "LyCORIS/DyLoRA": CONV | DROPOUTS | TUCKER | {"LyCORIS_preset", "unit", "train_norm"}, "LyCORIS/GLoRA": BOFT,
    "LyCORIS/iA3": CONV | {"LyCORIS_preset", "train_on_input"},
    "LyCORIS/Native Fine-Tuning": DROPOUTS | {"LyCORIS_preset", "rank_dropout_scale", "train_norm"},
}  # fmt: skip
NETWORK_FIELDS = frozenset().union(*GIVEN.values())
OURS = ARGUMENTS | {"conv_dims": "conv_block_dims", "conv_alphas": "conv_block_alphas"}


def say_network(ledger: Ledger) -> None:
    """Put the type and the fields that it has into our words; all other fields of networks are left out."""
    kind = _say_type(ledger)
    for key in ledger.open():
        if key not in NETWORK_FIELDS:
            continue
        value = ledger.given[key]
        name = OURS.get(key, key)
        if key not in GIVEN[kind]:
            reason = phrase("import_of_other_type", "{type} does not use it there", type=kind)
            ledger.leave(key, EMPTY if is_empty(value) else OFF if _is_unused(value) else reason)
        elif _is_unused(value) and (key in BLOCKS or name != key):
            ledger.leave(key, OFF)
        elif name != key and not _is_unused(ledger.given.get(name)):
            ledger.leave(key, overruled(name))
        else:
            ledger.say(key, name, value)


def _is_unused(value: Any) -> bool:
    """Whether a field says that it is not used."""
    return is_empty(value) or is_off(value) or str(value).strip().lower() == "none" or number_of(value) == 0


def _say_type(ledger: Ledger) -> str:
    """Say the type of LoRA and return its name there."""
    said = str(ledger.given.get("LoRA_type") or "").strip()
    if not said:
        return "Standard"
    kind = next((known for known in OF_KOHYA_SS if known.lower() == said.lower()), None)
    if kind is not None:
        counterpart = OF_KOHYA_SS[kind]
        reason = phrase("import_type", "this is its name here")
        ledger.say("LoRA_type", "LoRA_type", counterpart.lora_type, None if counterpart.lora_type == said else reason)
        for name, value in counterpart.implied.items():
            if is_empty(ledger.given.get(name)):
                ledger.say("LoRA_type", name, value, reason)
        return kind
    if said in TYPES_OF_FAMILIES:
        reason = phrase("import_of_family", "it is for {family} models", family=TYPES_OF_FAMILIES[said])
        ledger.leave("LoRA_type", reason)
    elif said in {counterpart.lora_type for counterpart in OF_KOHYA_SS.values()}:
        ledger.say("LoRA_type", "LoRA_type", said)
        return next(known for known, counterpart in reversed(OF_KOHYA_SS.items()) if counterpart.lora_type == said)
    else:
        ledger.puzzle("LoRA_type", ledger.given["LoRA_type"], phrase("import_no_type", "no such type is known"))
    return "Standard"
