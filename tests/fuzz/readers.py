"""Every reader of text and files from outside: what it is given to start from, and the call that must survive anything.

A reader may answer or raise UserError; nothing else. Those of the lists and languages within values take text.
"""

from __future__ import annotations

import json
import pickle
import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from PIL import Image

from kohya_gui.server.studio.said import _sentence as said_sentence
from kohya_gui.server.studio.said import _tags as said_tags
from kohya_gui.views.import_html import report_html
from kohya_gui.views.import_words import report_lines
from train_core.config.files import read_config, to_toml
from train_core.config.image_settings import DataSettings
from train_core.config.interop.accelerate_file import read_sharding
from train_core.config.interop.kohya_ss_export import export_kohya_ss
from train_core.config.interop.sd_scripts_export import export_toml
from train_core.config.problems import UserError
from train_core.config.syntax.arguments import parse_arguments, words_in
from train_core.config.syntax.block_rates import read_factors
from train_core.config.syntax.block_weights import parse_own_lines, parse_strength
from train_core.config.syntax.layer_presets import layer_preset
from train_core.config.syntax.stages import parse_stages
from train_core.config.tables import dump_tables, read_tables
from train_core.events.reading import parse_lines
from train_core.facts.adapters.hypernetwork_files import read_hypernetwork
from train_core.facts.captions.wording import read_sentences
from train_core.facts.datasets.dataset_files import read_dataset_file
from train_core.facts.datasets.metadata_files import read_metadata
from train_core.facts.images.caption_files import read_caption
from train_core.facts.images.image_files import image_size
from train_core.facts.importing import open_foreign
from train_core.facts.models.about import about_file
from train_core.facts.models.embedding_files import look_into
from train_core.facts.models.headers import identify, identify_file
from train_core.facts.models.noise_signs import noise_of_file
from train_core.facts.models.tensor_files import read_beginning, read_tensor_file
from train_core.facts.models.thumbnails import thumbnail_url
from train_core.facts.prompts.attention_syntax import parse_weighted
from train_core.facts.prompts.prompt_lines import PromptDefaults, parse_prompts
from train_core.facts.run.folder_results import read_notes
from train_core.facts.run.rate_changes import parse_rate_change
from train_core.facts.run.states import read_state
from train_core.facts.scores.scores import read_scores
from train_core.facts.scores.verdict import verdict_of
from train_core.models.files.embeddings import Origin, read_vectors, write_embedding
from train_core.models.files.folders import weights_in_folder
from train_core.networks.files.reading import read_adapter
from train_core.studio.captioning.model_folders import _config
from train_core.studio.captions import read as read_caption_text
from train_core.studio.dataset import read as read_dataset
from train_core.studio.decisions import Decisions, together
from train_core.studio.exporting.export import read_manifest
from train_core.studio.journal import Journal
from train_core.studio.kept_lines import LinesOfPictures
from train_core.studio.query import parse as parse_filter
from train_core.studio.tagging.deepdanbooru_file import read_deepdanbooru
from train_core.studio.tagging.wd_files import read_tags
from train_core.workshop.inspect import _tell_of_training


@dataclass(frozen=True)
class Reader:
    """One reader: the name that its file has, valid contents to change, and the call."""

    file: str
    seeds: tuple[bytes, ...]
    read: Callable[[Path, bytes], object]

    def __call__(self, folder: Path, content: bytes) -> None:
        """Read `content` as a file in `folder`. Raises whatever is not a UserError."""
        path = folder / self.file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        try:
            self.read(path, content)
        except UserError as error:
            assert all(found.text and found.code for found in error.problems)


def of_file(read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    return lambda path, content: read(path)


def decided(folder: Path) -> Decisions:
    """What a journal of the studio says was decided, and could be undone."""
    decisions = Decisions()
    for entry in Journal(folder).new():
        decisions.take(entry)
    together(decisions.done), together(decisions.undone)
    return decisions


def of_text(read: Callable[[str], object]) -> Callable[[Path, bytes], object]:
    return lambda path, content: read(content.decode("utf-8", errors="replace"))


def safetensors(metadata: object = None, **tensors: object) -> bytes:
    """A file whose header says what is given, followed by 4 KiB."""
    header = json.dumps({**({} if metadata is None else {"__metadata__": metadata}), **tensors}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(4096)


def archive(content: bytes) -> bytes:
    """A zip archive as torch.save makes it, around a pickle."""
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        file.writestr("archive/data.pkl", content)
        file.writestr("archive/version", b"3\n")
        file.writestr("archive/data/0", bytes(16))
    return out.getvalue()


def tensor(*shape: int, at: int = 0) -> dict[str, object]:
    size = 4
    for side in shape:
        size *= side
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}


def saved(root: object, zipped: bool = True) -> bytes:
    """What torch.save writes."""
    out = BytesIO()
    torch.save(root, out, _use_new_zipfile_serialization=zipped)
    return out.getvalue()


NETWORK = {"linear.0.weight": torch.zeros(2, 1), "linear.1.weight": torch.zeros(1, 2)}
HYPERNETWORK = {768: (NETWORK, NETWORK), 320: (NETWORK, NETWORK), "step": 3, "name": "x", "layer_structure": [1, 2, 1]}
SMALL = {"linear.0.weight": torch.zeros(8, 4), "linear.0.bias": torch.zeros(8), "linear.2.weight": torch.zeros(4, 8),
         "linear.2.bias": torch.zeros(4)}  # fmt: skip
CONTINUED = {4: (SMALL, SMALL), "step": 3, "layer_structure": [1, 2, 1], "activation_func": "relu",
             "activate_output": False, "dropout_structure": [0, 0, 0], "__metadata__": {"ss_steps": "3"}}  # fmt: skip
EMBEDDING = {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": torch.zeros(1, 4)}, "name": "x"}
LAYER = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
ADAPTER = {f"{LAYER}.lora_down.weight": tensor(2, 8), f"{LAYER}.lora_up.weight": tensor(8, 2, at=64),
           f"{LAYER}.alpha": tensor(at=128)}  # fmt: skip
TAGS = {"ss_tag_frequency": '{"5_dog": {"dog": 3}}', "ss_dataset_dirs": '{"5_dog": {"n_repeats": 5}}'}
PEFT = {"lora_adapter_metadata": '{"lora_alpha": 4, "r": 2}'}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000020000000208020000"
    "00fdd49a730000000c4944415478da6360606000000004000176dd8d9b0000000049454e44ae426082"
)
SETTINGS = b'output_name = "x"\nnetwork_dim = 8\n[loss]\nmin_snr_gamma = 5.0\noptimizer_args = ["weight_decay=0.1"]\n'
DATASET = b'[general]\nresolution = 64\n[[datasets]]\n[[datasets.subsets]]\nimage_dir = "x"\nnum_repeats = 2\n'


KOHYA_SS = (
    b'{"LoRA_type": "LyCORIS/LoKr", "max_resolution": "512,512", "lr_warmup": "10", "optimizer": "Prodigy", '
    b'"epoch": 1.0, "additional_parameters": "--min_snr_gamma=5 --network_args \\"algo=loha\\" --x", '
    b'"lr_scheduler_args": "T_max=10", "v2": "True", "conv_dim": 100000, "network_dim": 100000}',
    b'{"token_string": "x", "max_resolution": null, "train_data_dir": "C:\\\\x", "stop_text_encoder_training": -1}',
)
LORA_SCRIPTS = (
    b'model_train_type = "sdxl-lora"\nnetwork_module = "lycoris.kohya"\nlycoris_algo = "lokr"\nlokr_factor = 8\n'
    b'optimizer_type = "Prodigy"\nprodigy_d_coef = "2.0"\noptimizer_args_custom = ["a=1"]\nnetwork_args = ["x=1"]\n'
    b'network_args_custom = ["conv_dim=4", "y=2"]\nui_custom_params = "seed = 1"\nenable_preview = true\n'
    b'positive_prompts = "a"\nsample_width = 64\nenable_base_weight = true\nbase_weights = "a\\nb"\n'
)
LORA_SCRIPTS_TEMPLATE = b'[metadata]\nname = "a"\nversion = "1"\n[data]\nresolution = "768,768"\n'
TRAIN_SH = (
    b'#!/bin/bash\npretrained_model="./m.ckpt" # base\nlr="1e-4"\nalgo="loha"\nnetwork_module="lycoris.kohya"\n'
    b'export A="b"\next=()\npython "train_network.py" \\\n --learning_rate=$lr --seed="1" '
    b'--output_dir=./$algo ${ext[@]}\n'
)
TRAIN_PS1 = (
    b'$train_data_dir = "./train" # x\n$resolution = "512,512"\n$Env:HF_HOME = "h"\n$on = $true\n'
    b'python "./sd-scripts/train_network.py" `\n --train_data_dir=$train_data_dir --enable_bucket'
)
LORA_EASY = (
    b'[[subsets]]\nimage_dir = "x"\nnum_repeats = 2\n[train_mode]\ntrain_mode = "lora"\n[general_args.args]\nseed = 1\n'
    b'[general_args.dataset_args]\nresolution = [64, 64]\n[network_args.args.network_args]\nalgo = "loha"\n'
    b'block_dims = [1, 2]\n[optimizer_args.args]\nwarmup_ratio = 0.1\n'
    b'[optimizer_args.args.optimizer_args]\nweight_decay = "0.1"\n'
)
TRAIN_BAT = (
    b'@echo off\r\nrem x\r\nset "LR=1e-4"\r\nset OUT=C:\\a b\r\naccelerate launch train_network.py ^\r\n'
    b' --learning_rate=%LR% ^\r\n --output_dir="%OUT%" --network_args "a=1" b=2 --max_train_epochs 3\r\npause\r\n'
)
AI_TOOLKIT = (
    b"job: extension\nconfig:\n  name: x\n  process:\n    - type: sd_trainer\n      network:\n        type: lora\n"
    b"        linear: 16\n      train:\n        steps: 2000\n        lr: 1e-4\n",
    b'{"job": "extension", "config": {"name": "x", "process": [{"type": "sd_trainer"}]}}',
)
ONE_TRAINER = (
    b'{"__version": 6, "training_method": "LORA", "model_type": "STABLE_DIFFUSION_15", "learning_rate": 0.0003, '
    b'"concept_file_name": "c.json", "optimizer": {"optimizer": "ADAMW", "weight_decay": 0.01}}',
    b'[{"name": "x", "path": "C:/x", "image": {"enable_crop_jitter": true}, "text": {"prompt_source": "sample"}}]',
)
CHECKPOINT_YAML = (
    b"model:\n  target: ldm.models.diffusion.ddpm.LatentDiffusion\n  params:\n    parameterization: \"v\"\n",
    b"model:\n  params:\n    denoiser_config:\n      params:\n        scaling_config:\n"
    b"          target: sgm.modules.diffusionmodules.denoiser_scaling.VScalingWithEDMcNoise\n",
)
PEFT_FILE = (
    b'{"peft_type": "LORA", "r": 2, "lora_alpha": 8, "target_modules": ["to_q"], "use_rslora": true, '
    b'"use_dora": false, "rank_pattern": {"to_k": 1}, "alpha_pattern": {"attn1.to_q": 16, ".*up.*": 2.5}, '
    b'"init_lora_weights": true}',
    b'{"peft_type": "LOKR", "r": 2, "alpha": 4, "decompose_both": true, "rank_pattern": {}, '
    b'"base_model_name_or_path": 1}',
)
SHARDS = (
    b'{"metadata": {"total_size": 8}, "weight_map": {"a": "diffusion_pytorch_model-00001-of-00002.safetensors", '
    b'"b": "diffusion_pytorch_model-00002-of-00002.safetensors"}}',
)
TRAINED = {
    "ss_learning_rate": "0.0001", "ss_optimizer": "a.B(c=1,d=(1, 2))", "ss_resolution": "(64, 64)",
    "ss_network_module": "networks.lora", "ss_network_args": '{"conv_dim": 4}', "ss_num_epochs": "2",
    "ss_max_train_steps": "10", "ss_sd_model_name": "m", "ss_dataset_dirs": '{"5_dog": {}}', "modelspec.author": "x",
    "ss_datasets": '[{"resolution": [64, 64], "subsets": [{"keep_tokens": 1}]}]', "ss_unet_lr": "None",
}  # fmt: skip


DEFAULTS = PromptDefaults.at("512", "euler_a")


class Said:
    """A report that keeps nothing."""

    def table(self, name: str, columns: object, rows: object) -> None:
        list(rows)  # type: ignore[call-overload]


def tell_of_training(path: Path) -> None:
    _tell_of_training(read_adapter(path).metadata, Said())  # type: ignore[arg-type]


def told(path: Path, content: bytes) -> None:
    """Tell what a model's file is, as its field and the tool do."""
    about_file(identify(path), len(content))


def dropped(path: Path, content: bytes) -> None:
    """Tell what a model's file is by its beginning, once of all that there is and once of the half."""
    for start in (content[: len(content) // 2], content):
        try:
            about_file(identify_file(read_beginning(Path(path.name), start, len(content)), beside=False), len(content))
        except UserError as error:
            assert all(found.text for found in error.problems)


def opened(path: Path, content: bytes) -> None:
    """Open another program's file and do with it all that is done with one: show it, and write it in three ways."""
    found = open_foreign(path)
    listed = (found.report.taken, found.report.changed, found.report.left_out, found.report.needs)
    names = [one.name for entries in listed for one in entries]
    assert len(names) == len(set(names))
    for language in ("en", "zh-CN"):
        assert list(report_lines(found.report, language))
        report_html(found.report, language)
    to_toml(found.settings)
    export_toml(found.settings)
    export_kohya_ss(found.settings, found.kept, found.report.family)
    dump_tables(found.report.dataset)


def both_ways(path: Path, content: bytes) -> None:
    """Open a file as somebody else's settings, and as ours, which tells whose it is."""
    for read in (opened, of_file(read_config)):
        try:
            read(path, content)
        except UserError as error:
            assert all(found.text for found in error.problems)


def beside(name: str, partner: bytes, read: Callable[[Path], object]) -> Callable[[Path, bytes], object]:
    """Read the file called `name` beside the one that is given, which `partner` is written into first."""

    def call(path: Path, content: bytes) -> object:
        path.with_name(name).write_bytes(partner)
        return read(path.with_name(name))

    return call


def in_shards(path: Path, content: bytes) -> object:
    """Read a folder's weights, whose index is given."""
    for number in (1, 2):
        shard = path.with_name(f"diffusion_pytorch_model-{number:05d}-of-00002.safetensors")
        shard.write_bytes(safetensors(None, **{"ab"[number - 1]: tensor(2)}))
    return weights_in_folder(path.parent)


PEFTS_OWN = safetensors(None, **{
    f"base_model.model.{block}.lora_{side}.weight": tensor(*shape, at=256 * (2 * number + (side == "B")))
    for number, block in enumerate(("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q",
                                    "up_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k"))
    for side, shape in (("A", (2, 32)), ("B", (32, 2)))
})  # fmt: skip


def embedding_picture(bands_alone: bool = False) -> bytes:
    """A picture with an embedding in it; with `bands_alone` without its text."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.png"
        write_embedding(path, (torch.ones(1, 4),), torch.float32, {}, Origin("x"))
        if bands_alone:
            Image.open(path).convert("RGB").save(path)
        return path.read_bytes()


SCORES = (
    b'{"version":1,"made_with":{"seed":0,"model":"m"},"files":[{"name":"a","sha256":"0f","epoch":1}],'
    b'"pictures":{"held_out":[{"name":"a/1.png","content":"c","caption":"x"}]},'
    b'"base":{"file":"","weight":0.0,"losses":{"held_out":[[1.0,0.5]]}},"points":[{"file":"a","weight":1.0,'
    b'"losses":{"held_out":[[0.9,0.4]]},"measures":{"fidelity":{"state":"few","pictures":4,"value":0.1,"low":0.0,'
    b'"high":0.2,"levels":[0.1,0.1]}}}]}'
)

READERS: dict[str, Reader] = {
    "embedding.safetensors": Reader("e.safetensors", (safetensors(None, emb_params=tensor(2, 8)),),
                                    lambda path, content: (look_into(path), read_vectors(path))),
    "embedding of A1111": Reader("e.pt", (saved(EMBEDDING), saved({"<cat>": torch.ones(4)})),
                           lambda path, content: (look_into(path), read_vectors(path))),
    "embedding.png": Reader("e.png", (embedding_picture(), embedding_picture(bands_alone=True)),
                            lambda path, content: (look_into(path), read_vectors(path))),
    "sentences": Reader("s.txt", (b"a photo of [name]\n# no\n{} in [filewords]\n",),
                        of_file(lambda path: read_sentences(str(path)))),
    "settings.toml": Reader("a.toml", (SETTINGS,), of_file(read_config)),
    "settings.json": Reader("a.json", (b'{"output_name": "x", "network_dim": 8, "optimizer_args": "a=1 b=2"}',),
                            of_file(read_config)),
    "kohya_ss": Reader("k.json", KOHYA_SS, opened),
    "lora-scripts": Reader("ls.toml", (LORA_SCRIPTS, LORA_SCRIPTS_TEMPLATE), opened),
    "train.sh": Reader("train.sh", (TRAIN_SH,), opened),
    "train.ps1": Reader("train.ps1", (TRAIN_PS1,), opened),
    "LoRA Easy": Reader("le.toml", (LORA_EASY,), opened),
    "train.bat": Reader("train.bat", (TRAIN_BAT,), opened),
    "ai-toolkit": Reader("ai.yaml", AI_TOOLKIT, both_ways),
    "ai-toolkit.json": Reader("ai.json", AI_TOOLKIT, both_ways),
    "OneTrainer": Reader("ot.json", ONE_TRAINER, both_ways),
    "trained file": Reader("t.safetensors", (safetensors(TRAINED, a=tensor(2)),), opened),
    "tables": Reader("b.toml", (SETTINGS, DATASET), of_file(read_tables)),
    "dataset.toml": Reader("d.toml", (DATASET,), of_file(lambda path: read_dataset_file(path, DataSettings()))),
    "dataset.json": Reader("d.json", (b'{"datasets": [{"subsets": [{"image_dir": "x", "num_repeats": 2}]}]}',),
                           of_file(lambda path: read_dataset_file(path, DataSettings()))),
    "metadata.json": Reader("m.json", (b'{"a.png": {"caption": "x", "tags": "a, b", "train_resolution": [64, 64]}}',),
                            of_file(lambda path: read_metadata(path, None, 1, ","))),
    "metadata.jsonl": Reader("m.jsonl", (b'{"image_path": "a.png", "caption": "x"}\n{"image_path": "b"}\n',),
                             of_file(lambda path: read_metadata(path, None, 1, ","))),
    "prompts.txt": Reader("p.txt", (b"a fox --n bad --w 512 --h 768 --d 1 --l 7 --ss euler_a --sc karras\n# no\n",),
                          of_file(lambda path: parse_prompts(str(path), DEFAULTS))),
    "prompts.toml": Reader("p.toml", (b'[prompt]\nwidth = 512\n[[prompt.subset]]\nprompt = "a fox"\nseed = 1\n',),
                           of_file(lambda path: parse_prompts(str(path), DEFAULTS))),
    "prompts.json": Reader("p.json", (b'["a fox --s 20", {"prompt": "b", "sample_steps": 5}]',),
                           of_file(lambda path: parse_prompts(str(path), DEFAULTS))),
    "layer preset": Reader("l.toml", (b'unet_target_name = ["conv_in"]\n[name_algo_map."attn2"]\nalgo = "lokr"\n',),
                           of_file(lambda path: layer_preset(str(path), False))),
    "accelerate file": Reader("a.yaml", (b"fsdp_config:\n  fsdp_version: 2\n  fsdp_offload_params: true\n",),
                              of_file(read_sharding)),
    "caption": Reader("c.txt", ("a dog, 狗\nsecond".encode(),), of_file(read_caption)),
    "dataset of the studio": Reader(
        "studio.json", (b'{"version":1,"name":"n","sources":["/a"],"shots":[{"name":"face","target":5}]}',),
        of_file(lambda path: read_dataset(path.parent)),
    ),
    "journal of the studio": Reader(
        "journal.jsonl",
        (b'{"n":1,"at":"2026-01-01T00:00:00","do":"mark","to":{"ab":[".","k"]},"words":{"value":"k"}}\n'
         b'{"n":2,"do":"captions","to":{"/a.txt":["x","y"]},"words":{"do":"add","group":"g"}}\n{"n":3,"do":"undo","of":2}\n',),
        of_file(lambda path: decided(path.parent)),
    ),
    "list of an export": Reader(
        "manifest.json", (b'{"version":1,"files":{"train/7_a/1.png":{"source":"/1.png","written":"ab"}}}',),
        of_file(lambda path: read_manifest(path.parent)),
    ),
    "caption in the studio": Reader(
        "c.txt", ("\ufeffa dog, 狗\r\nsecond".encode(),), of_file(lambda path: read_caption_text(path).shown)
    ),
    "what models said of pictures": Reader(
        "tags.jsonl",
        (b'{"digest": "ab", "model": "cd", "tagger": "t", "at": "2026-01-01T00:00:00", "tags": {"a_b": 0.5, "c": 1},'
         b' "cuts": [0.4, 0], "categories": {"c": 4}}\n{"digest": "ab", "captioner": "c", "text": "A fox.\\u0000"}\n',),
        of_file(lambda path: [(said_tags(line), said_sentence(line)) for line in LinesOfPictures(path).of("ab")]),
    ),
    "DeepDanbooru": Reader("model-resnet_custom_v3.pt", (archive(pickle.dumps({"tags": ["a_b", "rating:safe"]}, 2)),),
                           of_file(lambda path: read_deepdanbooru(path.parent))),
    "config of a captioner": Reader("config.json", (b'{"model_type": "blip", "auto_map": {"AutoModel": "a.B"}}',),
                                    of_file(_config)),
    "filter of pictures": Reader("x", (b'tag:"a b" -mark:keep side>=3 alpha',), of_text(parse_filter)),
    "tags of a tagger": Reader(
        "selected_tags.csv", (b"tag_id,name,category,count\n1,general,9,5\n2,1girl,0,7\n3,a_(b),4,1\n",),
        of_file(read_tags),
    ),
    "picture": Reader("i.png", (PNG,), of_file(image_size)),
    "thumbnail": Reader("t.png", (PNG,), of_file(lambda path: thumbnail_url(str(path)))),
    "model.safetensors": Reader("m.safetensors", (safetensors(TAGS, **ADAPTER), safetensors(None, a=tensor(2))),
                                of_file(identify)),
    "model.ckpt": Reader("m.ckpt", (archive(pickle.dumps({"state_dict": {}}, 2)), pickle.dumps({"a": [1]}, 2)),
                         of_file(identify)),
    "model folder": Reader("model_index.json", (b'{"_class_name": "StableDiffusionPipeline"}',),
                           of_file(lambda path: identify(path.parent))),
    "folder's scheduler": Reader("f/scheduler/scheduler_config.json", (b'{"prediction_type": "epsilon"}',),
                                 of_file(lambda path: identify(path.parents[1]))),
    "hypernetwork": Reader("h.pt", tuple(saved(HYPERNETWORK, zipped) for zipped in (True, False)), told),
    "hypernetwork to continue": Reader(
        "c.pt", tuple(saved(one, True) for one in (HYPERNETWORK, CONTINUED)), of_file(read_hypernetwork)
    ),
    "embedding.pt": Reader("e.pt", (saved(EMBEDDING),), told),
    "dropped.safetensors": Reader(
        "d.safetensors", (safetensors(TAGS, **ADAPTER), safetensors({}, emb_params=tensor(2))), dropped
    ),
    "dropped.pt": Reader("d.pt", tuple(saved(one, zipped) for one in (HYPERNETWORK, EMBEDDING)
                                       for zipped in (True, False)), dropped),
    "adapter": Reader("a.safetensors", (safetensors(TAGS, **ADAPTER), safetensors(PEFT, **ADAPTER)),
                      of_file(tell_of_training)),
    "adapter.pt": Reader("a.pt", (archive(pickle.dumps({}, 2)),), of_file(read_adapter)),
    "adapter_config.json": Reader("p/adapter_config.json", PEFT_FILE,
                                  beside("adapter_model.safetensors", PEFTS_OWN, read_adapter)),
    "index of shards": Reader("s/diffusion_pytorch_model.safetensors.index.json", SHARDS, in_shards),
    "checkpoint's yaml": Reader("y/model.yaml", CHECKPOINT_YAML,
                                beside("model.safetensors", safetensors(None, a=tensor(2)),
                                       lambda path: noise_of_file(read_tensor_file(path)))),
    "notes of a folder": Reader("m/crucible.json", (b'{"metadata": {"ss_steps": "3"}, "files": ["a/b", "../x"]}',),
                                of_file(lambda path: (read_notes(path.parent), open_foreign(path)))),
    "state": Reader("x-state/state.json", (b'{"format": 1, "step": 2, "run_dir": "x"}',),
                    of_file(lambda path: read_state(path.parent))),
    "events": Reader("e.jsonl", (b'{"kind": "progress", "step": 1}\n{"kind": "saved", "path": "x"}\n',),
                     lambda path, content: parse_lines(content)),
    "arguments": Reader("x", (b'weight_decay=0.1 betas=(0.9, 0.99) name="x" flag=True',),
                        of_text(lambda text: parse_arguments(words_in(text), "optimizer_args"))),
    "stages": Reader("x", (b"5e-3:12000, 1e-4:20000, 1e-5",), of_text(lambda text: parse_stages(text, "lr_stages"))),
    "block factors": Reader("x", (b"1,0.5,0", b"cosine+.2"), of_text(lambda text: read_factors(text, 12, "x"))),
    "strength": Reader("x", (b"0.8 MIDD", b"0.8:1,0,0"), of_text(lambda text: parse_strength(text, "SDXL"))),
    "own lines": Reader("x", (b"A:1,0,0\n# x\nB:0.5\n",), of_text(parse_own_lines)),
    "weights in prompts": Reader("x", (b"(a:1.2), [b], \\(c\\) ((d))",), of_text(parse_weighted)),
    "scores": Reader("scores.json", (SCORES,), of_file(lambda path: verdict_of(read_scores(path)))),
    "rate change": Reader("x", (b"x0.1", b"1e-4"), of_text(parse_rate_change)),
}  # fmt: skip
