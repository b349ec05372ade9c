"""Embedding files: every program's are read, ours are what they read, and a picture keeps its embedding."""

from __future__ import annotations

import json
import zlib
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline
from diffusers.pipelines.stable_diffusion_xl.pipeline_stable_diffusion_xl import StableDiffusionXLPipeline
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.pickles import read_by_a1111
from tests.tiny import tiny_file, tiny_modules
from tests.tiny_families import file_of, modules_of, tokenizer
from train_core.config.problems import UserError
from train_core.config.sections.model import ModelSettings
from train_core.facts.models.embedding_pictures import with_bands
from train_core.models.files.embeddings import Origin, read_embedding, read_vectors, write_embedding
from train_core.models.load import load_family

ORIGIN = Origin("zuko", 120, "abcd1234", "base")
ENDINGS = [".safetensors", ".pt", ".png"]
EACH = settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PROMPT = "a photo of zuko, running"


def vectors_of(count: int, *widths: int, seed: int = 0) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn((count, width), generator=generator) * 0.3 for width in widths)


def written(
    path: Path, vectors: tuple[Tensor, ...], dtype: torch.dtype = torch.float32, picture: Path | None = None
) -> Path:
    write_embedding(path, vectors, dtype, {"modelspec.title": "zuko"}, ORIGIN, picture)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("widths", [(768,), (1024,), (16, 24)])
@EACH
@given(count=st.integers(1, 75), seed=st.integers(0, 99), half=st.booleans())
def test_what_is_written_is_read(
    tmp_path: Path, ending: str, widths: tuple[int, ...], count: int, seed: int, half: bool
) -> None:
    count = min(count, 3) if ending == ".png" and widths[0] > 100 else count  # megabytes of digits take long
    dtype = torch.float16 if half else torch.float32
    vectors = vectors_of(count, *widths, seed=seed)
    path = written(tmp_path / f"zuko{ending}", vectors, dtype)
    expected = torch.cat(vectors, dim=1).to(dtype).float()
    assert torch.equal(read_embedding(path, widths), expected)


def test_the_files_have_the_names_that_other_programs_look_for(tmp_path: Path) -> None:
    one, two = vectors_of(3, 768), vectors_of(3, 768, 1280)
    assert set(load_file(written(tmp_path / "a.safetensors", one))) == {"emb_params"}
    assert set(load_file(written(tmp_path / "b.safetensors", two))) == {"clip_l", "clip_g"}
    pickled = torch.load(written(tmp_path / "a.pt", one), weights_only=True)
    assert pickled.pop("string_to_param")["*"].shape == (3, 768)
    assert pickled == {
        "string_to_token": {"*": 265}, "name": "zuko", "step": 120, "sd_checkpoint": "abcd1234",
        "sd_checkpoint_name": "base",
    }  # fmt: skip
    of_sdxl = torch.load(written(tmp_path / "b.pt", two), weights_only=True)
    assert {name: one.shape[1] for name, one in of_sdxl.items()} == {"clip_l": 768, "clip_g": 1280}


FOREIGN: dict[str, tuple[str, Any]] = {
    "A1111": ("x.pt", {"string_to_token": {"*": 265}, "string_to_param": {"*": torch.ones(2, 768)}, "name": "x"}),
    "A1111 of torch 1.11": ("x.pt", {
        "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(torch.ones(2, 768))}), "step": 5,
    }),
    "diffusers": ("x.bin", {"<cat>": torch.ones(768)}),
    "OneTrainer": ("x.safetensors", {"emp_params": torch.ones(2, 768), "emp_params_out": torch.ones(2, 768)}),
    "invoke": ("x.safetensors", {"emb_params": torch.ones(2, 768)}),
    "a lone row": ("x.safetensors", {"anything": torch.ones(768)}),
    "SDXL": ("x.safetensors", {"clip_l": torch.ones(2, 768), "clip_g": torch.ones(2, 1280)}),
    "SDXL with outputs": ("x.safetensors", {
        "clip_l": torch.ones(2, 768), "clip_g": torch.ones(2, 1280), "clip_l_out": torch.ones(2, 768),
        "clip_g_out": torch.ones(2, 1280),
    }),
    "halves": ("x.safetensors", {"emb_params": torch.ones(2, 1024, dtype=torch.bfloat16)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FOREIGN)
def test_files_of_other_programs_are_read(tmp_path: Path, name: str) -> None:
    file, contents = FOREIGN[name]
    path = tmp_path / file
    if path.suffix == ".safetensors":
        save_file(contents, path)
    else:
        torch.save(contents, path)
    found = read_vectors(path)
    assert [tuple(one.shape) for one in found] == {
        "diffusers": [(1, 768)], "a lone row": [(1, 768)], "SDXL": [(2, 768), (2, 1280)],
        "SDXL with outputs": [(2, 768), (2, 1280)], "halves": [(2, 1024)],
    }.get(name, [(2, 768)])  # fmt: skip
    assert all(torch.equal(one, torch.ones_like(one)) and one.dtype == torch.float32 for one in found)


@pytest.mark.parametrize(("contents", "code"), [
    ({"a": torch.ones(2, 768), "b": torch.ones(2, 768)}, "embedding_of_several"),
    ({"a": torch.ones(2, 3, 4)}, "no_embedding"), ({"a": torch.ones(0, 768)}, "no_embedding"),
    ({"clip_l": torch.ones(2, 768), "clip_g": torch.ones(3, 1280)}, "no_embedding"),
    ({"emb_params": torch.ones(2, 1024)}, "embedding_of_another_kind"),
    ({"emb_params": torch.full((2, 768), torch.nan)}, "file_not_finite"),
])  # fmt: skip
def test_what_is_no_embedding_for_this_model_is_said(tmp_path: Path, contents: dict[str, Tensor], code: str) -> None:
    save_file(contents, tmp_path / "x.safetensors")
    with pytest.raises(UserError) as raised:
        read_embedding(tmp_path / "x.safetensors", (768,))
    assert [found.code for found in raised.value.problems] == [code]


def test_a_pickle_has_no_entry_that_a1111_refuses(tmp_path: Path) -> None:
    assert read_by_a1111(written(tmp_path / "zuko.pt", vectors_of(3, 768)))


def test_a_picture_keeps_its_embedding_where_only_its_pixels_are_kept(tmp_path: Path) -> None:
    shown = tmp_path / "sample.png"
    Image.effect_noise((96, 128), 60).convert("RGB").save(shown)
    path = written(tmp_path / "zuko.png", vectors_of(4, 768), picture=shown)
    (expected,) = read_vectors(path)
    with Image.open(path) as picture:
        width = (picture.width - 96 - 2) // 2
        within = picture.crop((width + 1, 0, width + 97, 128))
        assert np.array_equal(np.asarray(within), np.asarray(Image.open(shown)))
        bare = Image.fromarray(np.asarray(picture))  # as of a program that knows of no texts
    framed = Image.new("RGB", (bare.width + 20, bare.height + 10))
    framed.paste(bare, (10, 5))
    for name, copy in (("bare.png", bare), ("framed.png", framed)):
        copy.save(tmp_path / name)
    bare.save(tmp_path / "bare.webp", lossless=True)
    for name in ("bare.png", "framed.png", "bare.webp"):
        (found,) = read_vectors(tmp_path / name)
        assert torch.equal(found, expected)


def test_the_bands_are_those_that_a1111_reads() -> None:
    """Read here as that program does, one value after the other, by what is published of the format."""
    text = json.dumps({"name": "zuko" * 200})
    picture = np.asarray(with_bands(Image.new("RGB", (64, 64), (90, 0, 0)), text))
    low_bits = picture & 0x0F
    black = [x for x in range(low_bits.shape[1]) if not low_bits[:, x].any()]
    halves = []
    for band in (low_bits[:, : min(black)], low_bits[:, max(black) + 1 :]):
        seed, values = 0, []
        for value in band.reshape(-1).tolist():
            seed = (1664525 * seed + 1013904223) % 2**32
            values.append(value ^ (seed % 255 & 0x0F))
        halves.append(values)
    data = bytes(high << 4 | low for low, high in zip(*halves, strict=True))
    assert zlib.decompressobj().decompress(data).decode() == text
    assert picture[:, : min(black)].min() > 0  # what is black at the edge is cut off


@pytest.mark.parametrize("content", ["photo", "text", "nothing"])
def test_a_picture_without_an_embedding_is_said_to_have_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.png"
    if content == "photo":
        Image.effect_noise((64, 64), 60).convert("RGB").save(path)
    else:
        path.write_text("" if content == "nothing" else "no picture")
    with pytest.raises(UserError) as raised:
        read_vectors(path)
    expected = "no_embedding" if content == "photo" else "embedding_picture_unreadable"
    assert raised.value.problems[0].code == expected


@pytest.mark.parametrize("ending", [".safetensors", ".pt"])
@torch.no_grad()
def test_diffusers_gives_the_same_prompt_embeddings(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"zuko{ending}", vectors_of(3, 64))
    own: dict[str, Any] = {**deepcopy(tiny_modules()), "tokenizer": tokenizer("<|endoftext|>")}
    pipeline = StableDiffusionPipeline(
        **own, scheduler=DDIMScheduler(), safety_checker=None, feature_extractor=None, requires_safety_checker=False
    )
    pipeline.load_textual_inversion(str(path), token="zuko")
    theirs, _ = pipeline.encode_prompt(PROMPT, "cpu", 1, False)
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(tiny_file())), torch.float32, "cpu")
    ours = family.encode_text([PROMPT], {"zuko": read_embedding(path, (64,))})["hidden"]
    torch.testing.assert_close(ours, theirs, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_diffusers_gives_the_same_prompt_embeddings_of_sdxl(tmp_path: Path) -> None:
    path = written(tmp_path / "zuko.safetensors", vectors_of(2, 64, 128))
    own: dict[str, Any] = dict(deepcopy(modules_of("sdxl")))
    pipeline = StableDiffusionXLPipeline(
        **own, scheduler=DDIMScheduler(), tokenizer=tokenizer("<|endoftext|>"), tokenizer_2=tokenizer("!"),
    )
    saved = load_file(path)
    for name, place in (("clip_l", ""), ("clip_g", "_2")):
        pipeline.load_textual_inversion(
            saved[name], token="zuko", text_encoder=getattr(pipeline, f"text_encoder{place}"),
            tokenizer=getattr(pipeline, f"tokenizer{place}"),
        )
    theirs, _, pooled, _ = pipeline.encode_prompt(PROMPT, device="cpu", do_classifier_free_guidance=False)
    family = load_family(ModelSettings(pretrained_model_name_or_path=str(file_of("sdxl"))), torch.float32, "cpu")
    ours = family.encode_text([PROMPT], {"zuko": read_embedding(path, (64, 128))})
    torch.testing.assert_close(ours["hidden"], theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(ours["pooled"], pooled, atol=1e-5, rtol=1e-5)
