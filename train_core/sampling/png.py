"""Sample files: their names, and PNGs that carry their parameters as AUTOMATIC1111 writes them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import count
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from train_core.config.interop.sampler_words import label_of
from train_core.config.whole_files import write_whole
from train_core.facts.images.prompts_in_pictures import quoted
from train_core.facts.prompts.hires import Hires
from train_core.facts.prompts.prompt_lines import SamplePrompt
from train_core.facts.run.result_names import sample_file
from train_core.sampling.sampler_names import SAMPLERS

# The spacing that was used, since automatic is another one there for some samplers; those that have one of their own
# have nothing to choose there.
SCHEDULE_TYPES = {"uniform": "Uniform", "karras": "Karras", "exponential": "Exponential"}


def parameters_text(
    prompt: SamplePrompt, model: str, model_hash: str = "", more: Mapping[str, str | int] | None = None
) -> str:
    """The text of a PNG's `parameters` chunk: prompt, negative prompt if there is one, then one line of facts.

    `more` are facts by A1111's names for them.
    """
    facts = {
        "Steps": prompt.steps,
        "Sampler": label_of(prompt.sampler),
        "Schedule type": SCHEDULE_TYPES.get(SAMPLERS[prompt.sampler].spacing_for(prompt.spacing), "Automatic"),
        "CFG scale": f"{prompt.scale:g}",
        "Seed": prompt.seed,
        "Size": f"{prompt.width}x{prompt.height}",
        "Model hash": model_hash,
        "Model": model,
        **_hires_facts(prompt.hires),
        **(more or {}),
    }
    negative = [f"Negative prompt: {prompt.negative_prompt}"] if prompt.negative_prompt else []
    line = ", ".join(f"{name}: {quoted(value)}" for name, value in facts.items() if value != "")
    return "\n".join([prompt.prompt, *negative, line])


def _hires_facts(hires: Hires | None) -> dict[str, str | int]:
    """A second pass in A1111's words; it names steps only where they differ from the first pass's."""
    if hires is None:
        return {}
    return {
        "Denoising strength": f"{hires.strength:g}", "Hires upscale": f"{hires.scale:g}",
        **({"Hires steps": hires.steps} if hires.steps else {}), "Hires upscaler": hires.upscaler,
    }  # fmt: skip


def epoch_mark(epoch: int) -> str:
    """Mark in a file name of a picture drawn after `epoch`, such as e000003."""
    return f"e{epoch:06d}"


def step_mark(step: int) -> str:
    """Mark in a file name of a picture drawn after `step`, such as 000500."""
    return f"{step:06d}"


def sample_path(
    output_dir: Path, output_name: str, mark: str, index: int, seed: int, now: datetime | None = None
) -> Path:
    """A file in `output_dir`/sample that does not exist: name, epoch or step, prompt, time and seed."""
    when = (now or datetime.now()).strftime("%Y%m%d%H%M%S")
    names = (sample_file(output_name, mark, index, when, seed, copy) for copy in count(1))
    return next(path for name in names if not (path := output_dir / "sample" / name).exists())


def save_png(image: Image.Image, path: Path, parameters: str) -> Path:
    """Write `image` with its `parameters` to `path`, completely or not at all, making the folder; returns `path`."""
    info = PngInfo()
    info.add_text("parameters", parameters)
    with write_whole(path) as temporary:
        image.save(temporary, "PNG", pnginfo=info)
    return path
