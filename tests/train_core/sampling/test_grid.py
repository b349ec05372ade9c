"""Contact sheets show every picture in its row and column."""

import pytest
from PIL import Image

from train_core.sampling.grid import contact_sheet


def picture(folder, name, colour, size=(20, 30)):
    path = folder / f"{name}.png"
    Image.new("RGB", size, colour).save(path)
    return path


def test_every_picture_is_shown_below_its_caption(tmp_path):
    red, green, blue = (picture(tmp_path, c, c) for c in ("red", "lime", "blue"))
    sheet = Image.open(contact_sheet([("before", [red, green]), ("after", [blue])], tmp_path / "out" / "sheet.png"))
    colours = {colour: n for n, colour in sheet.getcolors(1 << 20)}
    for colour in ((255, 0, 0), (0, 255, 0), (0, 0, 255)):
        assert colours[colour] == 20 * 30
    reds = [y for y in range(sheet.height) for x in range(sheet.width) if sheet.getpixel((x, y)) == (255, 0, 0)]
    blues = [y for y in range(sheet.height) for x in range(sheet.width) if sheet.getpixel((x, y)) == (0, 0, 255)]
    assert max(reds) < min(blues)
    assert any(sum(sheet.getpixel((x, y))) < 200 for y in range(min(reds)) for x in range(sheet.width))  # the caption


def test_a_long_caption_is_not_cut(tmp_path):
    short = Image.open(contact_sheet([("a", [picture(tmp_path, "a", "red")])], tmp_path / "1.png"))
    wide = Image.open(contact_sheet([("a" * 60, [picture(tmp_path, "a", "red")])], tmp_path / "2.png"))
    assert wide.width > short.width + 100


def test_large_pictures_are_made_smaller(tmp_path):
    sheet = Image.open(contact_sheet([("", [picture(tmp_path, "a", "red", (2000, 1000))])], tmp_path / "s.png"))
    assert sheet.width < 600 and sheet.height < 350


def test_a_sheet_without_pictures_is_refused(tmp_path):
    with pytest.raises(ValueError, match="at least one picture"):
        contact_sheet([("empty", [])], tmp_path / "s.png")
    assert not (tmp_path / "s.png").exists()
