"""An adapter's algorithm and form in the words of sd-scripts and LyCORIS: `network_module` and `network_args`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from train_core.config.interop.given_twice import merged
from train_core.config.interop.lora_types import ARGUMENTS, LYCORIS, OF_ALGO, OF_LYCORIS, OF_MODULES
from train_core.config.problems import UserError, problem
from train_core.config.sections.algorithm import AlgorithmSettings
from train_core.config.sections.network import NetworkSettings
from train_core.config.sections.rates import RateSettings
from train_core.config.syntax.arguments import parse_arguments, parse_numbers
from train_core.config.syntax.coerce import arguments_in

Values = dict[str, Any]

# Options of the script itself, and what starting from a file takes; everything else is an argument of the network.
OPTIONS = frozenset({
    "LoRA_type", "network_dim", "network_alpha", "network_dropout", "network_train_unet_only",
    "network_train_text_encoder_only", "scale_weight_norms", "network_weights", "dim_from_weights", "base_weights",
    "base_weights_multiplier",
})  # fmt: skip
ARGUMENT_NAMES = frozenset({*NetworkSettings.model_fields, *AlgorithmSettings.model_fields}) - OPTIONS
RATES = frozenset(RateSettings.model_fields)
PLAIN = {"LoRA": "networks.lora", "LoRA-FA": "networks.lora_fa", "DyLoRA": "networks.dylora"}
# What sd-scripts' own networks take; LyCORIS's has its own blocks and rates, and all the rest of ours.
PLAIN_ARGUMENTS = frozenset({
    "conv_dim", "conv_alpha", "rank_dropout", "module_dropout", "block_dims", "block_alphas", "conv_block_dims",
    "conv_block_alphas", "unit",
}) | RATES  # fmt: skip
LYCORIS_ARGUMENTS = ARGUMENT_NAMES - {"block_dims", "block_alphas", "conv_block_dims", "conv_block_alphas"}
LYCORIS_NAMES = {"LyCORIS_preset": "preset", "unit": "block_size"}
LYCORIS_ALGOS = {
    "LoRA": "locon", "LoHa": "loha", "LoKr": "lokr", "DyLoRA": "dylora", "GLoRA": "glora", "IA3": "ia3",
    "Diag-OFT": "diag-oft", "BOFT": "boft", "Full": "full",
}  # fmt: skip
OFF_WHEN_ZERO = frozenset({"rank_dropout", "module_dropout", "constraint"})


def network_in_our_words(values: Values, source_of: Callable[[str], str]) -> Values:
    """`values` with what `network_module` and `network_args` say in our settings, where they are given.

    Raises `UserError` for a network that is not known here, and for arguments of it that are not.
    """
    ours = dict(values)
    module, said = ours.pop("network_module", None), ours.pop("network_args", None)
    if not module and not said:
        return ours
    place = "network_args" if said else "network_module"
    source = source_of(place)
    words = arguments_in("network_args", said, source)
    arguments = {ARGUMENTS.get(name, name): value for name, value in parse_arguments(words, "network_args").items()}
    if module:
        arguments = {**_of_module(str(module).strip(), arguments, source), **arguments}
    if "algo" in arguments:
        arguments = {"LoRA_type": _algo(arguments.pop("algo"), source), **arguments}
    unknown = sorted(arguments.keys() - ARGUMENT_NAMES - RATES - {"LoRA_type", "network_dropout", "LyCORIS_preset"})
    if unknown:
        raise UserError(
            problem(
                "network_args_unknown",
                "network_args in {source} has arguments that Crucible does not know: {names}. Remove them to train "
                "without them.",
                source=source, names=", ".join(unknown),
            )
        )
    return merged(ours, arguments, place, source)


def _of_module(module: str, arguments: Values, source: str) -> Values:
    """What the module's name says by itself."""
    if module == LYCORIS:
        return {**OF_LYCORIS, "algo": arguments.get("algo", "lora")}
    if module in OF_MODULES:
        return {"LoRA_type": OF_MODULES[module].lora_type}
    raise UserError(
        problem(
            "network_module_unknown",
            "network_module = {module} in {source} is not supported. Use one of {known}.",
            module=repr(module), source=source, known=", ".join([*OF_MODULES, LYCORIS]),
        )
    )


def _algo(said: Any, source: str) -> str:
    algo = str(said).lower()
    if algo not in OF_ALGO:
        raise UserError(
            problem(
                "lycoris_algo_unknown",
                "algo={algo} in network_args of {source} is not supported. Use one of {known}.",
                algo=algo, source=source, known=", ".join(OF_ALGO),
            )
        )
    return OF_ALGO[algo]


def network_in_their_words(values: Values, defaults: Values) -> tuple[Values, set[str]]:
    """`network_module` and `network_args` for `values` (those that apply), and the names of ours that are in them."""
    lora_type = values["LoRA_type"]
    shaping = {name for name in LYCORIS_ARGUMENTS if name in values and values[name] != defaults[name]}
    if lora_type in PLAIN and not shaping - PLAIN_ARGUMENTS:
        said = {name for name in PLAIN_ARGUMENTS if _is_said(name, values)}
        table: Values = {"network_module": PLAIN[lora_type]}
        words = [f"{name}={values[name]}" for name in values if name in said]
        if "conv_block_dims" in said and "block_dims" not in said:  # there it is only read beside block_dims
            blocks = len(parse_numbers(values["conv_block_dims"]))
            words.append("block_dims=" + ",".join([str(values["network_dim"])] * blocks))
    else:
        said = {name for name in LYCORIS_ARGUMENTS if _is_said(name, values)}
        table = {"network_module": LYCORIS}
        words = [f"algo={LYCORIS_ALGOS.get(lora_type, 'locon')}"]
        words += [f"{LYCORIS_NAMES.get(name, name)}={_in_lycoris(name, values)}" for name in values if name in said]
    return table | ({"network_args": words} if words else {}), said


def _is_said(name: str, values: Values) -> bool:
    value = values.get(name)
    return value not in (None, "", False) and not (name in OFF_WHEN_ZERO and value == 0)


def _in_lycoris(name: str, values: Values) -> Any:
    """The value there: our own choice of layers has no name there, so the nearest one that has a few more is used."""
    if name == "LyCORIS_preset" and values[name] == "auto":
        return "full" if values.get("conv_dim") else "attn-mlp"
    return values[name]
