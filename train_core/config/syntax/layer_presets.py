"""Choice of the layers that get an adapter: presets by name, and files in LyCORIS's preset format."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from train_core.config.problems import UserError, problem
from train_core.config.untrusted import reason_of, text_of, toml_of

Override = Mapping[str, Any]
ATTENTION = ("Transformer2DModel",)
CONVOLUTIONS = ("ResnetBlock2D", "Downsample2D", "Upsample2D")
EVERYWHERE = (*ATTENTION, *CONVOLUTIONS)
TEXT = ("CLIPAttention", "CLIPMLP")
# What diffusers calls attention, trainers with a U-Net of their own call so.
ALIASES = {"Attention": ("CrossAttention", "SelfAttention"), "CLIPAttention": ("CLIPSdpaAttention",)}
ENDS = ("conv_in", "conv_out")
TIME = ("time_embedding.linear_1", "time_embedding.linear_2")


@dataclass(frozen=True)
class LayerPreset:
    """Classes of modules whose layers are all taken, and names of single layers, in the U-Net and the text encoders.

    Names may be whole paths, ends of paths, or patterns: regular expressions from a path's start, or with `use_fnmatch`
    wildcards. `module_algo_map` and `name_algo_map` hold settings of their own: `algo`, `dim`, `alpha`, and options of
    the algorithm. Without `enable_conv` 3x3 convolutions are left out.
    """

    enable_conv: bool = True
    unet_target_module: tuple[str, ...] = ()
    unet_target_name: tuple[str, ...] = ()
    text_encoder_target_module: tuple[str, ...] = TEXT
    text_encoder_target_name: tuple[str, ...] = ()
    module_algo_map: Mapping[str, Override] = field(default_factory=dict)
    name_algo_map: Mapping[str, Override] = field(default_factory=dict)
    use_fnmatch: bool = False
    exclude_name: tuple[str, ...] = ()

    def takes(self, in_unet: bool, paths: Sequence[str], owners: Sequence[str]) -> bool:
        """Whether a layer gets an adapter: by its `paths` within its part, and the classes it lies in and has."""
        if any(self._matches(pattern, path) for pattern in self.exclude_name for path in paths):
            return False
        modules, names = (
            (self.unet_target_module, self.unet_target_name) if in_unet
            else (self.text_encoder_target_module, self.text_encoder_target_name)
        )  # fmt: skip
        if set(modules) & set(with_aliases(owners)):
            return True
        return any(self._matches(pattern, path) for pattern in names for path in paths)

    def override(self, paths: Sequence[str], owners: Sequence[str]) -> Override:
        """The special settings of a layer: by its name, else by the innermost of its classes."""
        for pattern, own in self.name_algo_map.items():
            if any(self._matches(pattern, path) for path in paths):
                return own
        inner = next((name for name in reversed(with_aliases(owners)) if name in self.module_algo_map), None)
        return self.module_algo_map[inner] if inner else {}

    def _matches(self, pattern: str, path: str) -> bool:
        if pattern == path or path.endswith(f".{pattern}"):
            return True
        return fnmatch.fnmatch(path, pattern) if self.use_fnmatch else re.match(pattern, path) is not None


def with_aliases(owners: Sequence[str]) -> list[str]:
    """`owners` with the other names of these classes behind each."""
    return [name for owner in owners for name in (owner, *ALIASES.get(owner, ()))]


PRESETS: dict[str, LayerPreset] = {
    "full": LayerPreset(True, EVERYWHERE, (*ENDS, *TIME)),
    "full-lin": LayerPreset(False, (*ATTENTION, "ResnetBlock2D"), TIME),
    "attn-mlp": LayerPreset(False, ATTENTION),
    "attn-only": LayerPreset(False, ("CrossAttention",), (), ("CLIPAttention",)),
    "unet-only": LayerPreset(True, EVERYWHERE, (*ENDS, *TIME), ()),
    "unet-transformer-only": LayerPreset(False, ATTENTION, (), ()),
    "unet-convblock-only": LayerPreset(True, CONVOLUTIONS, ENDS, ()),
    "ia3": LayerPreset(
        False, (), ("to_k", "to_v", "ff.net.2"), (), ("k_proj", "v_proj", "mlp.fc2"),
        name_algo_map={"mlp.fc2": {"train_on_input": True}, "ff.net.2": {"train_on_input": True}},
    ),
}  # fmt: skip
AUTO = "auto"


def layer_preset(name_or_path: str, with_convolutions: bool) -> LayerPreset:
    """The preset of that name or file; "auto" is a LoRA's layers, and a LoCon's where 3x3 convolutions have a rank.

    Raises `UserError` for an unknown name and a file that is not a preset.
    """
    name = name_or_path.strip()
    if name == AUTO:
        return LayerPreset(True, EVERYWHERE) if with_convolutions else PRESETS["attn-mlp"]
    if name in PRESETS:
        return PRESETS[name]
    if not name.lower().endswith(".toml"):
        known = (AUTO, *PRESETS)
        raise UserError(
            problem(
                "layers_unknown",
                "{name} = {value} is neither one of {known} nor a TOML file. The nearest is {nearest}.",
                name="LyCORIS_preset", value=name, known=", ".join(known),
                nearest=get_close_matches(name, known, 1, cutoff=0.0)[0],
            )
        )
    return _read(Path(name))


def _read(path: Path) -> LayerPreset:
    try:
        said = toml_of(text_of(path))
    except (OSError, ValueError) as error:
        raise UserError(
            problem(
                "layers_file_unreadable",
                "{name} = {path} cannot be read: {reason}. Choose a TOML file in LyCORIS's preset format.",
                name="LyCORIS_preset", path=str(path), reason=reason_of(error),
            )
        ) from error
    kinds = {one.name: type(one.default) if one.name != "module_algo_map" else dict for one in fields(LayerPreset)}
    for key, value in said.items():
        expected = dict if key.endswith("_map") else list if kinds.get(key) is tuple else kinds.get(key)
        if key not in kinds or expected is None or not isinstance(value, expected):
            raise UserError(_bad_key(path, key, list(kinds)))
    _check_patterns(path, said)
    plain: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in said.items()}
    return replace(LayerPreset(unet_target_module=(), text_encoder_target_module=()), **plain)


def _bad_key(path: Path, key: str, known: list[str]) -> Any:
    return problem(
        "layers_file_key",
        "{path}: {key} is unknown or not written as expected. The keys are {known}.",
        path=str(path), key=key, known=", ".join(known),
    )


def _check_patterns(path: Path, said: Mapping[str, Any]) -> None:
    """Raise `UserError` for a pattern that is no regular expression."""
    if said.get("use_fnmatch"):
        return
    lists = ("unet_target_name", "text_encoder_target_name", "exclude_name")
    for pattern in [text for key in lists for text in said.get(key, ())] + list(said.get("name_algo_map", {})):
        try:
            re.compile(str(pattern))
        except re.error as error:
            raise UserError(
                problem(
                    "layers_file_pattern",
                    "{path}: {pattern} is not a valid regular expression ({reason}). Correct it, or set use_fnmatch to "
                    "true to use wildcards.",
                    path=str(path), pattern=str(pattern), reason=str(error),
                )
            ) from error
