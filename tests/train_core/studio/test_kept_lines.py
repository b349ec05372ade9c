"""What models said, as lines: read back by model, found by picture while the file grows, torn lines passed over."""

from __future__ import annotations

import json
from pathlib import Path

from train_core.studio.kept_lines import Kept, Line, LinesOfPictures


class Numbers(Kept[int]):
    """A number for each picture."""

    def read(self, line: Line) -> int | None:
        value = line.get("number")
        return value if type(value) is int else None

    def written(self, said: int) -> Line:
        return {"number": said}


def numbers(path: Path, model: str, name: str = "n") -> Numbers:
    return Numbers(path, {"model": model}, {"by": name})


def test_each_model_has_its_own_whatever_it_is_called(tmp_path: Path) -> None:
    path = tmp_path / "numbers.jsonl"
    numbers(path, "m1").add({"aa": 1, "bb": 2})
    numbers(path, "m2").add({"aa": 3})
    numbers(path, "m1").add({"bb": 4})
    assert numbers(path, "m1", "renamed").known == {"aa": 1, "bb": 4}
    assert numbers(path, "m2").known == {"aa": 3}
    assert numbers(path, "m3").known == {}


def test_lines_are_found_by_picture_while_the_file_grows(tmp_path: Path) -> None:
    path = tmp_path / "numbers.jsonl"
    lines = LinesOfPictures(path)
    assert lines.of("aa") == []
    numbers(path, "m1").add({"aa": 1, "bb": 2})
    assert [line["number"] for line in lines.of("aa")] == [1]
    with path.open("ab") as file:
        file.write(b'{"digest": "aa", "number": 7')  # killed within a line
    assert [line["number"] for line in lines.of("aa")] == [1]
    numbers(path, "m2").add({"aa": 3})
    assert [(line["number"], line["model"]) for line in lines.of("aa")] == [(1, "m1"), (3, "m2")]
    assert numbers(path, "m2").known == {"aa": 3}
    path.write_text(json.dumps({"digest": "aa", "number": 9}) + "\n", encoding="utf-8")  # another file
    assert [line["number"] for line in lines.of("aa")] == [9]
    path.unlink()
    assert lines.of("aa") == []
