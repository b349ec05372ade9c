"""The kept samples: how they get a place of their own to be used in, and how what they say is compared.

Files name other files by absolute paths. In the samples those begin with {ROOT}, which stands for the folder that
`plant` puts them in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from kohya_gui.runs.follow import RunView
from tests.samples.arithmetic import write_base

VERSION_1 = Path(__file__).parent / "v1"
ROOT = "{ROOT}"
TEXTS = (".toml", ".json", ".jsonl", ".log", ".yaml", ".txt")
OF_THE_END = ("ss_training_finished_at", "modelspec.date")  # metadata that the clock says when a file is written
OF_THE_START = ("ss_training_started_at", "ss_session_id")  # and when a run begins, which a resumed one keeps


def plant(samples: Path, root: Path) -> Path:
    """Copy `samples`' tree into `root`, with the base models that its runs are of. Returns `root`."""
    tree = samples / "root"
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        target = root / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix in TEXTS:
            target.write_text(rooted(path.read_text(encoding="utf-8"), root), encoding="utf-8", newline="\n")
        else:
            shutil.copyfile(path, target)
    write_bases(samples, root)
    return root


def write_bases(samples: Path, root: Path) -> None:
    """Write the base models that the samples' runs were trained on."""
    for listing in samples.glob("*.shapes"):
        write_base(listing, root / "base" / f"{listing.stem}.safetensors")


def rooted(text: str, root: Path) -> str:
    """`text` of a JSON or TOML file with its paths under `root`, written as this system has them."""
    beginning, separator = (json.dumps(part, ensure_ascii=False)[1:-1] for part in (str(root), os.sep))

    def path(found: re.Match[str]) -> str:
        return beginning + found[1].replace("/", separator)

    return re.sub(re.escape(ROOT) + r'([^"\n]*)', path, text)


def unrooted(text: str, root: Path) -> str:
    """`text` with paths under `root` as the samples have them."""
    return text.replace(str(root), ROOT).replace(os.sep, "/") if str(root) in text else text


def curves(run_dir: Path) -> list[list[Any]]:
    """Every scalar in TensorBoard's files as curve, step and value, ordered by curve and step."""
    found = []
    for path in sorted((run_dir / "logs").glob("events.out.tfevents.*")):
        for event in LegacyEventFileLoader(str(path)).Load():
            found += [[value.tag, event.step, value.simple_value] for value in event.summary.value]
    return sorted(point for point in found if not point[0].startswith(("settings", "requests")))


def split_file(path: Path, without: Collection[str] = OF_THE_END) -> tuple[bytes, dict[str, str], dict[str, Any]]:
    """A safetensors file as its tensors' bytes, its metadata `without` some, and the rest of its header.

    Both tables are in the file's order.
    """
    content = path.read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:end])
    metadata = header.pop("__metadata__")
    return content[end:], {name: value for name, value in metadata.items() if name not in without}, header


def shown(view: RunView, root: Path) -> dict[str, Any]:
    """The page's view of a run, as JSON has it; problems by their codes, since texts may be said better."""
    values = asdict(view)
    values.pop("console")
    for name in ("notices", "warnings", "errors"):
        values[name] = [problem["code"] for problem in values[name]]
    values["tables"] = [{name: table[name] for name in ("name", "columns", "rows")} for table in values["tables"]]
    return json.loads(json.dumps(values, default=str), object_hook=lambda its: _unrooted_values(its, root))


def _unrooted_values(values: dict[str, Any], root: Path) -> dict[str, Any]:
    return {name: unrooted(value, root) if isinstance(value, str) else value for name, value in values.items()}


def read_json(name: str, samples: Path = VERSION_1) -> Any:
    """One of the samples' own tables: what is expected of the rest."""
    return json.loads((samples / name).read_text(encoding="utf-8"))
