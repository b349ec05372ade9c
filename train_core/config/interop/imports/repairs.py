"""Values that other programs allow and that are written differently here, by the setting that they are for."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from train_core.config.phrases import Phrase, phrase
from train_core.config.syntax.signs import plain_signs

TOKEN_LENGTHS = (75, 150, 225)
# A value as it is written here, and why it differs; the reason is None where it says the same.
Repaired = tuple[Any, Phrase | None]


def repaired(name: str, value: Any) -> Repaired:
    """The `value` that another program has for the setting `name` as it is written here."""
    if name in REPAIRS:
        return REPAIRS[name](value)
    return value, None


def number_of(value: Any) -> float | None:
    """The number that `value` is or is written as, also in full-width digits; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(plain_signs(value) if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e300 else None


def _size(value: Any) -> Repaired:
    """Both sides with a comma between them, however they were written."""
    if isinstance(value, str):
        return re.sub(r"\s*[xX×*]\s*", ",", plain_signs(value)), None
    number = number_of(value)
    return (int(number), None) if number is not None and number == int(number) else (value, None)


def _bucket_step(value: Any) -> Repaired:
    """The nearest step that latents can be cut by."""
    number = number_of(value)
    if number is None or number <= 0 or number % 8 == 0:
        return value, None
    return min(512, max(8, 8 * round(number / 8))), phrase("import_multiple_of_8", "sides must be multiples of 8")


def _token_length(value: Any) -> Repaired:
    number = number_of(value)
    if number is None or number <= 0 or number in TOKEN_LENGTHS:
        return value, None
    nearest = min(TOKEN_LENGTHS, key=lambda length: abs(length - number))
    return nearest, phrase("import_nearest_length", "the nearest possible length")


def _extension(value: Any) -> Repaired:
    """A file extension of letters and digits; people write impossible ones to have no caption files read."""
    plain = "." + re.sub(r"\W", "", str(value)) if isinstance(value, str) else value
    same = not isinstance(value, str) or re.fullmatch(r"\.?\w+", value.strip())
    return (value, None) if same else (plain, phrase("import_extension", "an extension holds letters and digits only"))


def _precision(value: Any) -> Repaired:
    word = str(value).strip().lower()
    if word == "fp8":
        return "bf16", phrase("import_fp8_precision", "base_precision is what makes weights fp8 here")
    return ("no" if word in ("float", "fp32", "float32", "none", "false") else value), None


def _stored_precision(value: Any) -> Repaired:
    return ("float" if str(value).strip().lower() in ("fp32", "float32", "no") else value), None


def _steps(value: Any) -> Repaired:
    """Steps without a decimal point, which would make them a share."""
    number = number_of(value)
    return (str(int(number)), None) if number is not None and (number >= 1 or number == 0) and number == int(
        number) else (value, None)


def _rates(value: Any) -> Repaired:
    """Rates of text encoders without the brackets of a list; of several only as many as there can be."""
    if isinstance(value, list | tuple):
        value = ",".join(str(item) for item in value)
    if not isinstance(value, str):
        return value, None
    rates = [rate.strip() for rate in re.split(r"[,\s]+", plain_signs(value).strip(" []()")) if rate.strip()]
    return ",".join(rates[:1] if len(set(rates)) == 1 else rates), None


REPAIRS: dict[str, Callable[[Any], Repaired]] = {
    "resolution": _size, "bucket_reso_steps": _bucket_step, "max_token_length": _token_length,
    "caption_extension": _extension, "mixed_precision": _precision, "save_precision": _stored_precision,
    "lr_warmup_steps": _steps, "lr_decay_steps": _steps, "text_encoder_lr": _rates,
}  # fmt: skip
