"""PEFT's description of an adapter, in the header or beside the file: how strong each of its layers is."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from train_core.config.problems import Problem, UserError, problem
from train_core.config.untrusted import json_of, reason_of, text_of
from train_core.facts.models.tensor_files import TensorFile
from train_core.networks.files.tensor_names import Place

IN_HEADER, BESIDE = "lora_adapter_metadata", "adapter_config.json"
WEIGHTS = "adapter_model"
# PEFT's own defaults, for what a description leaves out.
DEFAULT_ALPHA, DEFAULT_RANK, DEFAULT_INITIAL_RANK = 8.0, 8, 12
LONGEST_PATTERN = 1000
# A repeated group that repeats within: such patterns can take for ever.
NESTED_REPEATS = re.compile(r"[*+}][^()]*\)+[*+{]")
# Starts of `init_lora_weights` with which the base model's own weights were changed as well.
CHANGES_BASE = ("pissa", "olora", "corda", "loftq", "lora_ga")
# Options with which PEFT computes something else than a change of weights.
OTHER_SUMS = ("alora_invocation_tokens", "use_qalora", "arrow_config", "use_bdlora", "kasa_config", "layer_replication")
# Methods of PEFT that are read, and options with which a file holds more than their tensors.
METHODS = ("LORA", "ADALORA", "LOHA", "LOKR")
MORE_TENSORS = ("modules_to_save", "trainable_token_indices", "velora_config", "monteclora_config")


@dataclass(frozen=True)
class PeftSettings:
    """The descriptions in a file by part, "" for a file that is for one part alone; none where there are none."""

    path: Path
    by_part: Mapping[str, Mapping[str, Any]]

    def more_than_layers(self) -> Problem | None:
        """What the description says of a file with tensors that belong to no layer's adapter; None if nothing."""
        for said in self.by_part.values():
            method = str(said.get("peft_type") or METHODS[0]).upper()
            biases = said.get("bias") or "none"
            options = [
                *([method] if method not in METHODS else ()), *(name for name in MORE_TENSORS if said.get(name)),
                *([f"bias = {biases}"] if biases != "none" else ()),
            ]  # fmt: skip
            if options:
                return _not_supported(self.path, options[0])
        return None

    def strength(self, place: Place, rank: int) -> float | None:
        """The factor on the change of the module at `place`, of this `rank`; None where nothing says it."""
        said = self.by_part.get(place.part, self.by_part.get(""))
        if not said or not place.path:
            return None
        kind = str(said.get("peft_type", "LORA")).upper()
        alpha = self._of_layer(said, "alpha_pattern", place.path)
        if alpha is None:
            alpha = said.get("lora_alpha", DEFAULT_ALPHA) if "LORA" in kind else said.get("alpha", DEFAULT_ALPHA)
        alpha = self._number(alpha, "alpha")
        if kind == "ADALORA":  # ranks were lowered in training, but the strength stayed
            initial = self._number(said.get("init_r", DEFAULT_INITIAL_RANK), "init_r")
            return (alpha if alpha > 0 else initial) / initial
        if rank == 0:  # only PEFT knows it: both of LoKr's maps are whole
            found = self._of_layer(said, "rank_pattern", place.path)
            rank = int(self._number(said.get("r", DEFAULT_RANK) if found is None else found, "r"))
        return alpha / (math.sqrt(rank) if said.get("use_rslora") else rank)

    def _of_layer(self, said: Mapping[str, Any], name: str, path: str) -> Any:
        """What the first pattern of `name` that the `path` matches says; None where none does, as PEFT has it."""
        patterns = said.get(name) or {}
        if not isinstance(patterns, dict):
            raise UserError(_unreadable(self.path, f"{name}: {patterns}"))
        for pattern, value in patterns.items():
            if len(pattern) > LONGEST_PATTERN or NESTED_REPEATS.search(pattern):
                raise UserError(_unreadable(self.path, f"{name}: {pattern[:80]}"))
            try:
                matches = re.match(rf"(.*\.)?({pattern})$", path)
            except re.error as error:
                raise UserError(_unreadable(self.path, f"{name}: {pattern[:80]}: {error}")) from error
            if matches:
                return value
        return None

    def _number(self, value: Any, name: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise UserError(_unreadable(self.path, f"{name}: {value}"))
        if value <= 0 and name != "alpha":
            raise UserError(_unreadable(self.path, f"{name}: {value}"))
        return float(value)


def peft_settings(file: TensorFile, places: Mapping[str, Place]) -> PeftSettings:
    """The description of the adapter in `file`, whose modules have these places by their keys.

    `adapter_config.json` beside it counts only for files that PEFT wrote, by the names in them. Raises `UserError` for
    one that is damaged, and for methods of PEFT that cannot be applied here.
    """
    if IN_HEADER in file.metadata:
        path, said = file.path, _parsed(file.metadata[IN_HEADER], file.path)
        by_part: dict[str, dict[str, Any]] = {}
        parts = {place.part for place in places.values()} | {"unet", "text_encoder", "text_encoder_2"}
        for name, value in said.items():
            part, _, setting = name.partition(".")
            key = (part, setting) if part in parts and setting else ("", name)
            by_part.setdefault(key[0], {})[key[1]] = value
    else:
        path = file.path.with_name(BESIDE)
        if not (file.path.stem == WEIGHTS or _are_pefts(file)) or not path.is_file():
            return PeftSettings(file.path, {})
        try:
            by_part = {"": _parsed(text_of(path), path)}
        except (OSError, ValueError) as error:
            raise UserError(_unreadable(path, reason_of(error))) from error
    for said in by_part.values():
        _require_plain(file.path, said)
    return PeftSettings(path, by_part)


def _are_pefts(file: TensorFile) -> bool:
    return all(name.startswith("base_model.model.") for name in file.tensors)


def _parsed(text: str, path: Path) -> dict[str, Any]:
    try:
        said = json_of(text)
    except ValueError as error:
        raise UserError(_unreadable(path, reason_of(error))) from error
    if not isinstance(said, dict):
        raise UserError(_unreadable(path, type(said).__name__))
    return said


def _require_plain(path: Path, said: Mapping[str, Any]) -> None:
    """Raise `UserError` for what is more than a change of weights that the tensors alone make."""
    start = str(said.get("init_lora_weights", "")).lower()
    if start.startswith(CHANGES_BASE):
        raise UserError(
            problem(
                "peft_changed_base",
                "{file} was trained with init_lora_weights = {option}, which changes the base model's weights too, so "
                "it fits only the model made by that. Save it again in PEFT with "
                "path_initial_model_for_weight_conversion, which makes an ordinary LoRA of it.",
                file=str(path), option=start,
            )
        )
    options = [name for name in OTHER_SUMS if said.get(name)]
    if options:
        raise UserError(_not_supported(path, options[0]))


def _not_supported(path: Path, option: str) -> Problem:
    return problem(
        "peft_option_not_supported",
        "{file} was trained with PEFT's {option}, which Crucible cannot apply. Use a LoRA that was trained without it.",
        file=str(path), option=option[:100],
    )


def _unreadable(path: Path, reason: str) -> Any:
    return problem(
        "peft_settings_unreadable",
        "{file}: PEFT's description of the adapter cannot be read ({reason}). Save the adapter again, or download it "
        "again.",
        file=str(path), reason=reason[:200],
    )
