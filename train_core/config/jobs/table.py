"""The table of jobs: everything that can be run, a row each. Imports nothing heavy, so that `--help` is instant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from train_core.config.job import Job

JOBS = "train_core.config.jobs"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A job: its name, where its settings' class is (`module:Class`), and, for one that is a word of its own in the
    terminal, what the word does. A tool with such a word names it as its `command`; `tab` is the page's tab that has
    its form, `used` the settings that its --help names, with their meaning; `grid` says that its pictures are a grid.
    The rest stands in the class."""

    name: str
    settings: str
    about: str = ""
    command: str = ""
    tab: str = "tools"
    used: Mapping[str, str] = field(default_factory=dict)
    grid: bool = False

    @property
    def word(self) -> str:
        """The command that starts the job in the terminal."""
        return self.command or self.name.replace("_", "-")


TRAIN = Row(
    name="train", settings=f"{JOBS}.train:TrainConfig",
    about="train from a TOML or JSON preset; any setting can be overridden by its name",
)
# In the order in which they are listed. Those that say what their word does take a settings file; tools do not have to.
OURS = (
    TRAIN,
    Row(
        name="find_rate", settings=f"{JOBS}.find_rate:FindRateConfig",
        about="search for the learning rate that suits your images; takes the same arguments as train",
    ),
    Row(
        name="try", settings=f"{JOBS}.try_out:TryConfig",
        about="say what a training would take: time, memory, the largest batch; keeps nothing; same arguments as train",
    ),
    Row(
        name="class_images", settings=f"{JOBS}.class_images:ClassImagesConfig",
        about="make the regularisation images that are missing; takes the same arguments as train",
    ),
    Row(name="merge_lora", settings=f"{JOBS}.tools:MergeLora"),
    Row(name="merge_models", settings=f"{JOBS}.tools:MergeModels"),
    Row(name="resize_lora", settings=f"{JOBS}.tools:ResizeLora"),
    Row(name="extract_lora", settings=f"{JOBS}.tools:ExtractLora"),
    Row(name="split_dylora", settings=f"{JOBS}.tools:SplitDylora"),
    Row(name="convert_lora", settings=f"{JOBS}.tools:ConvertLora"),
    Row(name="convert_model", settings=f"{JOBS}.tools:ConvertModel"),
    Row(name="create_embedding", settings=f"{JOBS}.embeddings:CreateEmbedding"),
    Row(name="draw_pictures", settings=f"{JOBS}.drawing:DrawPictures", tab="evaluate"),
    Row(
        name="draw_grid", settings=f"{JOBS}.grids:DrawGrid", command="grid", tab="evaluate", grid=True,
        about="draw pictures for all combinations of epochs, weights, prompts and more; only missing ones are drawn",
        used={
            "draw_model": "base model: a file or a diffusers folder",
            "draw_folders": "folder of the adapters, such as the output folder of a training",
            "draw_prompts": "one prompt a line, or a file of them",
            "grid_axes": "axes such as 'file: zuko-*' or 'weight: 0, 0.5, 1'; given once for each",
            "grid_to": "folder of the grid",
            "grid_sheets": "also write labelled pictures of the whole",
        },
    ),
    Row(
        name="score", settings=f"{JOBS}.scoring:Score", command="score", tab="evaluate",
        about="measure files of a training at several weights on pictures that they never saw, and say which to take",
        used={
            "score_model": "base model: a file or a diffusers folder",
            "score_files": "adapters to compare",
            "score_weights": "strengths, such as '0.6, 0.8, 1'",
            "score_held_out": "folder of pictures with captions that were not trained on",
            "score_trained": "folder of pictures that were trained on",
            "score_trigger": "words that call up what was learnt",
            "score_class": "word for the kind of thing that was learnt",
            "score_to": "folder of scores.json",
        },
    ),
    Row(name="probe_tags", settings=f"{JOBS}.probing:ProbeTags", tab="evaluate", grid=True),
    Row(name="inspect", settings=f"{JOBS}.tools:Inspect"),
    Row(name="edit_metadata", settings=f"{JOBS}.tools:EditMetadata"),
    Row(name="compare_lora", settings=f"{JOBS}.tools:CompareLora"),
    Row(name="measure_pictures", settings=f"{JOBS}.pictures:MeasurePictures"),
    Row(name="find_faces", settings=f"{JOBS}.pictures:FindFaces"),
    Row(name="tag_pictures", settings=f"{JOBS}.pictures:TagPictures"),
    Row(name="caption_pictures", settings=f"{JOBS}.pictures:CaptionPictures"),
    Row(name="export_dataset", settings=f"{JOBS}.pictures:ExportDataset"),
    Row(name="preprocess_pictures", settings=f"{JOBS}.pictures:PreprocessPictures"),
    Row(name="video_frames", settings=f"{JOBS}.videos:VideoFrames"),
    Row(name="fetch_model", settings=f"{JOBS}.fetching:FetchModel"),
)  # fmt: skip

_rows = {row.name: row for row in OURS}


def add(row: Row) -> None:
    """Register a job from elsewhere in this process; subprocesses find the job by `key_of`."""
    _rows[row.name] = row


def rows() -> tuple[Row, ...]:
    """Every job and tool."""
    return tuple(_rows.values())


def commands() -> tuple[Row, ...]:
    """Jobs and tools that are a word of their own in the terminal."""
    return tuple(row for row in rows() if row.about)


def jobs() -> tuple[Row, ...]:
    """The jobs, tools aside."""
    return tuple(row for row in rows() if row.about and not row.command)


def tools() -> tuple[Row, ...]:
    """The tools for finished files and for pictures."""
    return tuple(row for row in rows() if not row.about or row.command)


def job_of(key: str) -> type[Job]:
    """The settings' class of a job, by its name in the table or as `module:Class`.

    Raises KeyError, ImportError or AttributeError where there is none.
    """
    found: type[Job] = named(key if ":" in key else _rows[key].settings)
    return found


def named(place: str) -> Any:
    """The object at `module:name`, whose module is imported only now. Raises ImportError or AttributeError."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


def key_of(job: type[Job]) -> str:
    """Key of a job in files and command lines: its name, or where its class is when that is not one of ours."""
    place = f"{job.__module__}:{job.__qualname__}"
    return job.job_name if any(row.settings == place for row in OURS) else place
