"""kohya_ss's tabs besides LoRA: what their files train, and the fields that only these tabs have."""

from __future__ import annotations

from typing import Any

from train_core.config.interop.imports.command_line import flags_in, words_of
from train_core.config.interop.imports.kohya_fields import METHODS, method_in_words
from train_core.config.interop.imports.kohya_network import NETWORK_FIELDS
from train_core.config.interop.imports.ledger import Ledger, is_empty
from train_core.config.interop.imports.methods import (
    NO_EFFECT,
    ONLY_SDXL,
    leave_without_effect,
    say_format,
    say_whole,
)
from train_core.config.interop.imports.repairs import number_of
from train_core.config.interop.imports.report import EMPTY, OFF, overruled
from train_core.config.interop.sd_scripts_methods import OPTIONS, RATES, asks, of_whole_model
from train_core.config.jobs.train import TrainConfig
from train_core.config.phrases import phrase
from train_core.config.problems import problem
from train_core.config.sections.method import WHOLE
from train_core.kinds import KINDS, SDXL

SETTINGS = frozenset(s.name for s in TrainConfig.settings())
TABS = {"Dreambooth": "DreamBooth", "Finetuning": "fine-tuning", "Textual inversion": "textual inversion"}
ADAPTER_RATES = ("unet_lr", "text_encoder_lr")
OF_NETWORK = frozenset({
    *NETWORK_FIELDS, "LoRA_type", "network_dim", "network_alpha", "network_dropout", "network_weights",
    "lora_network_weights", "dim_from_weights", "scale_weight_norms", *ADAPTER_RATES,
})  # fmt: skip
TEMPLATES = {"caption": "captions", "object template": "object", "style template": "style"}
NO_KEYS: dict[str, str] = {}
FLAGS = "additional_parameters"  # of the command line, which go before the fields


def trains_adapter(ledger: Ledger) -> bool:
    """Whether the file is read as one of an adapter: its own tab's, or one of a tab that nothing here is like."""
    return ledger.method not in TABS


def say_method(ledger: Ledger) -> None:
    """Say what the file trains, with the fields that only its tab has, and leave those of other tabs out."""
    mine = METHODS.get(ledger.method, frozenset())
    if ledger.method in ("Dreambooth", "Finetuning"):
        mine = METHODS["Dreambooth"] | METHODS["Finetuning"]
    for tab, names in METHODS.items():
        reason = phrase("import_of_method", "it is for {method}", method=method_in_words(tab))
        ledger.leave_all(sorted(names - mine - SETTINGS), reason)
    if ledger.method == "LoRA":
        return
    if trains_adapter(ledger):
        _say_unlike(ledger)
        return
    method = TABS[ledger.method]
    ledger.imply("training_method", method)
    reason = phrase("import_of_method", "it is for {method}", method=phrase("adapter", "an adapter"))
    ledger.leave_all(sorted(OF_NETWORK & ledger.given.keys()), reason)
    ledger.leave_all(("fp8_base", "fp8_base_unet"), NO_EFFECT)
    if method in WHOLE:
        _say_whole(ledger, method)
    else:
        _say_words(ledger)
    if ledger.has("save_model_as"):
        ledger.leave_all(("use_safetensors",), OFF)
        say_format(ledger, ledger.given, NO_KEYS, method)


def _say_unlike(ledger: Ledger) -> None:
    """Tell that there is nothing like what the file trains; its rates would mean something else for an adapter."""
    ledger.notes.append(
        problem(
            "import_other_method",
            "This is a preset of kohya_ss's tab {tab}, for {method}. Here an adapter is trained: what both have in "
            "common is taken, but not the learning rates, which are others for an adapter.",
            tab=ledger.method, method=method_in_words(ledger.method),
        )
    )
    reason = phrase("import_other_rate", "an adapter needs another learning rate")
    ledger.leave_all(("learning_rate", *ADAPTER_RATES, *RATES), reason)


def flags_of_whole(ledger: Ledger) -> dict[str, Any]:
    """The flags that the file adds to the command line and that only whole models have; {} for other files.

    So are those that the scripts for SD 1.x and 2.x do not look at.
    """
    if TABS.get(ledger.method) not in WHOLE or not ledger.has(FLAGS):
        return {}
    flags, _ = flags_in(words_of(str(ledger.given[FLAGS])))
    mine = OPTIONS if ledger.family == SDXL.name else OPTIONS.union(ONLY_SDXL)
    return {name: value for name, value in flags.items() if name in mine}


def _say_whole(ledger: Ledger, method: str) -> None:
    """Rates of parts and blocks, of which those for the other kinds of model say nothing; and the images."""
    sdxl, flags = ledger.family == SDXL.name, flags_of_whole(ledger)
    unused = RATES[:1] if sdxl else (*RATES[1:], "block_lr", "fused_optimizer_groups")
    options: dict[str, Any] = {**ledger.given, **flags}
    options = {name: value for name, value in options.items() if name not in unused}
    trains_text: bool | None = None
    if method == "DreamBooth":
        ledger.leave_all(("train_text_encoder",), NO_EFFECT)
        if "train_text_encoder" not in flags:
            options.pop("train_text_encoder", None)
            trains_text = any(asks(options.get(name)) for name in RATES[1:]) if sdxl else True
    others = [kind for kind in KINDS if (kind == SDXL.name) != sdxl]
    other = phrase("import_of_family", "it is for {family} models", family=", ".join(others))
    ledger.leave_all(unused, other)
    say_whole(ledger, options, dict.fromkeys(flags, FLAGS), of_whole_model(options, method, trains_text))
    ledger.left_out.pop(FLAGS, None)  # one flag says nothing about the others
    ledger.shares.pop(FLAGS, None)
    if sdxl:
        _leave_end_of_text(ledger)
    else:
        leave_without_effect(ledger, NO_KEYS)
    own = {name for name in OPTIONS & ledger.given.keys() if name in ledger.open()}
    ledger.leave_all(sorted(own & flags.keys()), overruled(FLAGS))
    ledger.leave_all(sorted(own - flags.keys()), OFF)
    if method == "fine-tuning":
        _say_metadata_file(ledger)
    preparing = phrase("import_preparing", "it is for the program's own preparation of images")
    ledger.leave_all(sorted(METHODS["Finetuning"] & set(ledger.open())), preparing)


def _leave_end_of_text(ledger: Ledger) -> None:
    """Leave out the end of the text encoder's training, which only train_db has."""
    for name in ("stop_text_encoder_training", "stop_text_encoder_training_pct"):
        if name in ledger.given:
            ledger.leave(name, NO_EFFECT if number_of(ledger.given[name]) else OFF)


def _say_metadata_file(ledger: Ledger) -> None:
    """The images of the Finetuning tab: one folder, and a metadata file that the program has made."""
    images, place = ledger.given.get("image_folder"), ledger.given.get("train_dir")
    if not ledger.has("image_folder") or ledger.has("dataset_config"):
        return
    ledger.say("image_folder", "train_data_dir", images)
    cached = str(ledger.given.get("use_latent_files")).strip().lower() == "yes"
    field, usual = (
        ("latent_metadata_filename", "meta_lat.json") if cached else ("caption_metadata_filename", "meta_cap.json")
    )
    if ledger.has("train_dir"):
        name = str(ledger.given.get(field) or usual)
        ledger.say("train_dir", "in_json", f"{str(place).rstrip('/')}/{name}",
                   phrase("import_metadata_file", "the metadata file that kohya_ss has made of the images"))


def _say_words(ledger: Ledger) -> None:
    """The sentences of textual inversion, and the file that it goes on from."""
    if "template" in ledger.given:
        said = str(ledger.given["template"]).strip().lower()
        if is_empty(ledger.given["template"]):
            ledger.leave("template", EMPTY)
        elif said in TEMPLATES:
            ledger.say("template", "caption_template", TEMPLATES[said])
        else:
            ledger.puzzle("template", ledger.given["template"], phrase("import_no_type", "no such type is known"))
    if "weights" in ledger.given:
        if ledger.has("weights"):
            ledger.say("weights", "embedding_weights", [ledger.given["weights"]])
        else:
            ledger.leave("weights", EMPTY)
    _leave_end_of_text(ledger)
