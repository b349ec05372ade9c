"""Imports that a start does not need are left out."""

from __future__ import annotations

import subprocess
import sys

from tests.tiny import tiny_file
from train_core.config.places import app_dir

# peft comes with the tests alone, and it imports bitsandbytes as well.
LOAD = """
import sys
sys.modules["peft"] = None
import torch
from train_core.config.sections.model import ModelSettings
from train_core.models.load import load_family
load_family(ModelSettings(pretrained_model_name_or_path=sys.argv[1]), torch.float32)
from diffusers.utils import is_bitsandbytes_available
assert is_bitsandbytes_available(), "diffusers knows no more what is installed"
sys.exit("bitsandbytes was imported" if "bitsandbytes" in sys.modules else 0)
"""


def test_a_model_is_loaded_without_bitsandbytes() -> None:
    words = [sys.executable, "-c", LOAD, str(tiny_file())]
    done = subprocess.run(words, cwd=app_dir(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
