"""The right PyTorch build is chosen for the hardware, and the user's word goes before it."""

import os

import pytest

from kohya_gui.environment import torch_build as environment_torch
from kohya_gui.environment.torch_build import WHEELS, Build, Nvidia, Source, choose, nvidia_build

CUDA = Build("NVIDIA", WHEELS + "cu130", "for the card")
NO_WHEELS = Source((), "")
PART = Source(("--find-links", "/w"), "the folder /w, and the network for the rest")
ALL = Source(("--no-index", "--find-links", "/w"), "the folder /w")


@pytest.mark.parametrize(("listing", "card"), [
    ("580.65.06, 9.0\n", Nvidia(580, (9, 0))), ("470.82.01\n", Nvidia(470, (0, 0))),
    ("551.86, 8.6\n551.86, 6.1\n", Nvidia(551, (8, 6))), ("No devices were found\n", None), ("", None),
])
def test_nvidia_smi_is_read(listing, card):
    assert environment_torch.parse_nvidia(listing) == card


@pytest.mark.parametrize(("card", "system", "index"), [
    (Nvidia(580, (8, 6)), "Linux", ""),  # PyPI's own build has CUDA on Linux
    (Nvidia(580, (8, 6)), "Windows", WHEELS + "cu130"),
    (Nvidia(0, (0, 0)), "Windows", WHEELS + "cu130"),
    (Nvidia(551, (8, 6)), "Windows", WHEELS + "cu126"),
    (Nvidia(550, (9, 0)), "Linux", WHEELS + "cu126"),
    (Nvidia(580, (6, 1)), "Linux", WHEELS + "cu126"),  # Pascal is not in the CUDA 13 build
    (Nvidia(580, (7, 0)), "Windows", WHEELS + "cu126"),
    (Nvidia(570, (12, 0)), "Linux", ""),  # Blackwell is not in the CUDA 12.6 build
])
def test_the_cuda_build_fits_card_and_driver(card, system, index):
    build = nvidia_build(card, system)
    assert (build.kind, build.index_url) == ("NVIDIA", index)


@pytest.mark.parametrize(("card", "driver"), [(Nvidia(470, (6, 1)), 525), (Nvidia(570, (12, 0)), 580)])
def test_a_driver_that_no_build_runs_on_is_told_with_the_one_needed(card, driver):
    assert f"update it to {driver}" in nvidia_build(card, "Linux").why


def test_without_a_card_the_cpu_index_is_used(monkeypatch):
    monkeypatch.setattr(environment_torch, "find_nvidia", lambda: None)
    monkeypatch.setattr(environment_torch, "has_rocm_chip", lambda _: False)
    monkeypatch.setattr(environment_torch.platform, "system", lambda: "Linux")
    assert environment_torch.detect().index_url == "https://download.pytorch.org/whl/cpu"


@pytest.mark.parametrize(("system", "kind"), [("Linux", "AMD"), ("Windows", "CPU"), ("Darwin", "Apple")])
def test_rocm_is_for_linux_only_and_macs_need_no_search(monkeypatch, system, kind):
    monkeypatch.setattr(environment_torch, "find_nvidia", lambda: None)
    monkeypatch.setattr(environment_torch, "has_rocm_chip", lambda _: True)
    monkeypatch.setattr(environment_torch.platform, "system", lambda: system)
    assert environment_torch.detect().kind == kind


@pytest.mark.parametrize(("version", "has"), [("110000", True), ("90010", True), ("100306", False), ("0", False)])
def test_only_amd_chips_with_a_rocm_build_count(tmp_path, version, has):
    for node, text in enumerate(["cpu_cores_count 16\ngfx_target_version 0\n", f"gfx_target_version {version}\n"]):
        (tmp_path / str(node)).mkdir()
        (tmp_path / str(node) / "properties").write_text(text)
    assert environment_torch.has_rocm_chip(tmp_path) is has
    assert not environment_torch.has_rocm_chip(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="the stub nvidia-smi is a shell script")
def test_the_card_is_asked_for_through_nvidia_smi_on_path(tmp_path, monkeypatch):
    stub = tmp_path / "nvidia-smi"
    stub.write_text("#!/bin/sh\ncase $1 in *compute_cap*) exit 2;; esac\necho 470.82.01\n")
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path) + os.pathsep + os.environ["PATH"])
    assert environment_torch.find_nvidia() == Nvidia(470, (0, 0))


def test_nvidia_smi_that_does_not_run_is_no_card(tmp_path, monkeypatch):
    monkeypatch.setattr(environment_torch, "nvidia_smi", lambda: str(tmp_path / "nowhere"))
    assert environment_torch.find_nvidia() is None


def test_the_nearest_word_of_the_user_wins():
    everything = {"flag": "F", "wheels": ALL, "remembered": "R", "configured": "C", "build": CUDA}
    assert choose(**everything).arguments == ("--index-url", "F")
    assert choose(**{**everything, "flag": ""}) == ALL
    assert choose(**{**everything, "flag": "", "wheels": NO_WHEELS}).arguments == ("--index-url", "R")
    only_configured = choose("", NO_WHEELS, "", "index-url https://mirror.example", CUDA)
    assert only_configured.arguments == () and "https://mirror.example" in only_configured.name
    assert choose("", NO_WHEELS, "", "", CUDA).arguments == ("--index-url", WHEELS + "cu130")
    assert choose("", NO_WHEELS, "", "", Build("Apple", "", "")).arguments == ()


def test_a_wheels_folder_that_lacks_something_goes_before_the_index():
    source = choose("", PART, "", "", CUDA)
    assert source.arguments == ("--find-links", "/w", "--index-url", WHEELS + "cu130")
    assert "/w" in source.name and "cu130" in source.name


@pytest.mark.parametrize(("version", "kind", "system", "speaks"), [
    ("2.13.0+cpu", "NVIDIA", "Windows", True), ("2.13.0", "NVIDIA", "Windows", True),
    ("2.13.0", "NVIDIA", "Linux", False), ("2.13.0+cu130", "NVIDIA", "Windows", False),
    ("2.13.0", "AMD", "Linux", True), ("2.13.0+rocm7.2", "AMD", "Linux", False), ("2.13.0+cpu", "CPU", "Linux", False),
])
def test_a_torch_that_leaves_the_card_unused_is_told_with_the_index_that_has_one(version, kind, system, speaks):
    advice = environment_torch.advice(version, Build(kind, WHEELS + "x", ""), system)
    assert bool(advice) is speaks
    assert not speaks or "--torch-index-url " + WHEELS + "x" in advice
