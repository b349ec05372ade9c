"""Captioners on tiny models: batches, prompts and tasks, models that are refused, and no way out to the network."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoProcessor

from tests.captioners import WRITERS, captioner, changed_copy
from tests.pictures import noise_image
from train_core.captioning.captioner import Captioner
from train_core.captioning.choose import captioner_of
from train_core.captioning.florence import Florence
from train_core.captioning.generic import Generic
from train_core.config.problems import UserError
from train_core.studio.captioning.model_folders import find_caption_model
from train_core.studio.captioning.sentences import Asking

PICTURES = [noise_image((30, 20), 1), noise_image((20, 40), 2), Image.new("RGB", (16, 16), "white")]
CODE = {"auto_map": {"AutoModelForCausalLM": "modeling.Model"}}


def loaded(folder: Path) -> Captioner:
    model = find_caption_model(str(folder))
    return captioner_of(model)(model, torch.device("cpu"), torch.float32)


def asking(its: Captioner, prompt: str = "", **values: int) -> Asking:
    return Asking(its.usual(prompt)[0], values.get("beams", 1), values.get("least", 5), values.get("most", 12))


def refused(folder: Path) -> Any:
    with pytest.raises(UserError) as error:
        loaded(folder)
    return error.value.problems[0]


@pytest.mark.parametrize("kind", WRITERS)
def test_a_batch_says_what_each_picture_says_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a captioner asked the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    its = loaded(captioner(kind))
    together = its.captions(PICTURES, asking(its))
    assert together == [text for picture in PICTURES for text in its.captions([picture], asking(its))]
    assert all(len(text.split()) >= 3 for text in together)
    assert its.captions(PICTURES, asking(its, beams=2, most=5))
    assert its.missing is None


@pytest.mark.parametrize("kind", ["blip", "git"])
def test_a_prompt_is_the_beginning_of_the_sentence(kind: str) -> None:
    its = loaded(captioner(kind))
    assert all(text.startswith("a photo of") for text in its.captions(PICTURES, asking(its, "a photo of")))


def test_a_chat_model_repeats_nothing_of_what_it_was_asked() -> None:
    its = loaded(captioner("llava"))
    assert isinstance(its, Generic)
    few = its.captions(PICTURES, asking(its, "describe the fox in detail", most=5))
    assert all(len(text.split()) <= 5 for text in few)


def test_tasks_of_florence() -> None:
    assert [Florence.usual(said) for said in ("", "caption", "<more_detailed_caption>", "<GENERATE_TAGS>")] == [
        ("<DETAILED_CAPTION>", 150), ("<CAPTION>", 75), ("<MORE_DETAILED_CAPTION>", 300), ("<GENERATE_TAGS>", 300),
    ]  # fmt: skip
    with pytest.raises(UserError) as error:
        Florence.usual("<od>")
    assert error.value.problems[0].code == "captioner_task"
    its = loaded(captioner("florence2"))
    assert its.captions(PICTURES, asking(its, "<CAPTION>")) != its.captions(PICTURES, asking(its, "<DETAILED_CAPTION>"))
    with pytest.raises(UserError) as error:  # a task beside other words
        its.captions(PICTURES, asking(its, "<CAPTION> of a fox"))
    assert error.value.problems[0].code == "captioner_broken"


def test_code_of_others_is_never_run(tmp_path: Path) -> None:
    foreign = changed_copy("blip", tmp_path / "moondream", model_type="moondream1", **CODE)
    mark = tmp_path / "ran"
    (foreign / "modeling.py").write_text(f"open({str(mark)!r}, 'w')\nclass Model: pass\n", encoding="utf-8")
    assert refused(foreign).code == "captioner_foreign_code"
    assert refused(changed_copy("blip", tmp_path / "bert", model_type="bert")).code == "captioner_unknown"
    native = changed_copy("blip", tmp_path / "native", **CODE)  # transformers knows it without the code
    (native / "modeling.py").write_text(f"open({str(mark)!r}, 'w')\nclass Model: pass\n", encoding="utf-8")
    its = loaded(native)
    assert its.captions(PICTURES, asking(its))
    processor = json.loads((native / "processor_config.json").read_text("utf-8"))
    processor |= {"auto_map": {"AutoProcessor": "modeling.Model"}, "processor_class": "Unknown"}
    (native / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    tokenizer = json.loads((native / "tokenizer_config.json").read_text("utf-8"))
    tokenizer |= {"auto_map": {"AutoTokenizer": ["modeling.Model", None]}, "tokenizer_class": "Unknown"}
    (native / "tokenizer_config.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    try:
        loaded(native)
    except UserError as error:
        assert error.problems[0].code == "captioner_broken"
    assert not mark.exists()


def test_pickled_weights_run_nothing(tmp_path: Path) -> None:
    mark = tmp_path / "ran"

    class Evil:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(mark), "w"))

    folder = changed_copy("git", tmp_path / "evil")
    (folder / "model.safetensors").unlink()
    torch.save({"git.embeddings.word_embeddings.weight": Evil()}, folder / "pytorch_model.bin")
    assert refused(folder).code == "captioner_broken"
    assert not mark.exists()
    torch.save(load_file(captioner("git") / "model.safetensors"), folder / "pytorch_model.bin")
    its = loaded(folder)
    assert its.captions(PICTURES, asking(its)) == loaded(captioner("git")).captions(PICTURES, asking(its))


def test_a_model_without_its_weights_is_refused_and_one_that_lacks_few_says_so(tmp_path: Path) -> None:
    folder = changed_copy("blip", tmp_path / "half")
    weights = load_file(folder / "model.safetensors")
    lacking = {name: value for name, value in weights.items() if name != "vision_model.post_layernorm.bias"}
    save_file(lacking, folder / "model.safetensors", {"format": "pt"})
    its = loaded(folder)
    assert its.missing is not None
    assert its.missing.params["missing"] == 1
    save_file({name: lacking[name] for name in list(lacking)[:5]}, folder / "model.safetensors", {"format": "pt"})
    assert refused(folder).code == "captioner_incomplete"


@pytest.mark.parametrize(("told", "package"), [
    ("\nX requires the Torchvision library but it was not found", "torchvision"),
    ("Package `num2words` is required. Install it with `pip install num2words`.", "num2words"),
])  # fmt: skip
def test_a_package_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch, told: str, package: str) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ImportError(told)

    monkeypatch.setattr(AutoProcessor, "from_pretrained", fail)
    found = refused(captioner("llava"))
    assert (found.code, found.params["package"]) == ("captioner_package", package)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'{"model_type": 7}', b'{"model_type": ["blip"]}'])
def test_a_config_may_hold_anything(tmp_path: Path, content: bytes) -> None:
    folder = changed_copy("blip", tmp_path / "odd")
    (folder / "config.json").write_bytes(content)
    assert refused(folder).code in ("captioner_config_unreadable", "captioner_unknown")
    (folder / "config.json").write_bytes(b'{"model_type": "blip", "text_config": "no"}')
    assert refused(folder).code == "captioner_broken"
