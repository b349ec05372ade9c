"""The tool that measures pictures: near-duplicates and cropped copies are known to the Data tab afterwards."""

from __future__ import annotations

from pathlib import Path

import pytest
import skimage.data
from PIL import Image

from tests.train_core.workshop.conftest import RunTool, table
from train_core.studio import cropped
from train_core.studio.dataset import dataset_of
from train_core.studio.listing import Listing
from train_core.studio.studio import Studio


def test_the_tool_finds_them_and_the_data_tab_groups_them(
    run_tool: RunTool, tmp_path: Path
):
    astronaut, chelsea = (Image.fromarray(one()) for one in (skimage.data.astronaut, skimage.data.chelsea))
    source = tmp_path / "pictures"
    source.mkdir()
    astronaut.save(source / "whole.png")
    width, height = astronaut.size
    astronaut.crop((0, 0, round(0.76 * width), round(0.76 * height))).save(source / "part.png")
    chelsea.save(source / "other.png")
    for _ in range(2):  # the second time from what is known
        run_tool("measure_pictures", pictures=source)
        listing = Listing(Studio(dataset_of(source)))
        listing.take_measures()
        [group] = listing.alike()
        names = {listing.studio.pictures[id].path.name for id in group.pictures}
        assert (group.kind, names) == ("alike", {"whole.png", "part.png"})
        [(_, [best, _other])] = listing.copies()
        assert listing.studio.pictures[best].path.name == "whole.png"


def test_a_copy_in_another_folder_is_found_though_each_folder_was_compared_by_itself(
    run_tool: RunTool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    astronaut = Image.fromarray(skimage.data.astronaut())
    source = tmp_path / "pictures"
    for name in ("x", "y"):
        (source / name).mkdir(parents=True)
    astronaut.save(source / "x" / "whole.png")
    astronaut.crop((0, 0, 389, 389)).save(source / "y" / "part.png")
    Image.fromarray(skimage.data.chelsea()).save(source / "y" / "other.png")
    compared: list[int] = []
    compare = cropped.cropped
    monkeypatch.setattr(cropped, "cropped", lambda found, sizes: compared.append(len(found)) or compare(found, sizes))
    for folder in (source / "x", source / "y"):
        events = run_tool("measure_pictures", pictures=folder)
        assert [event["name"] for event in events if event["kind"] == "table"] == ["pictures"]
    for _ in range(2):
        [(likeness, names)] = table(run_tool("measure_pictures", pictures=source), "near_duplicates")
        assert likeness == "alike" and "whole.png" in names and "part.png" in names
    (source / "y" / "other.png").unlink()
    run_tool("measure_pictures", pictures=source)  # the others were compared already
    assert compared == [1, 2, 3]


def test_files_that_are_no_pictures_are_named_the_first_few(run_tool: RunTool, tmp_path: Path):
    Image.new("RGB", (64, 64)).save(tmp_path / "0.png")
    for name in "abcd":
        (tmp_path / f"{name}.png").write_bytes(b"none")
    events = run_tool("measure_pictures", pictures=tmp_path)
    [told] = [event for event in events if event["kind"] == "warning"]
    assert told["code"] == "studio_unreadable"
    assert told["params"] == {"count": 4, "names": "a.png, b.png, c.png, …"}
