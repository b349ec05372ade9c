"""An open dataset: marks by content, captions that keep their files' form, undo of everything, kills and conflicts."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.pictures import noise_image
from train_core.config.places import app_dir, datasets_dir
from train_core.config.problems import UserError
from train_core.studio import captions
from train_core.studio.dataset import Shot, dataset_of, datasets, find_dataset, with_source
from train_core.studio.decisions import KINDS
from train_core.studio.opened import Outcome
from train_core.studio.studio import Studio
from train_core.studio.tag_edits import edit_of


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    for number in range(12):
        path = folder / ("a" if number % 2 else "b") / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image((40, 30), number).save(path)
        path.with_suffix(".txt").write_bytes(b"1girl, solo, blue eyes" + (b"\r\n" if number % 3 else b""))
    return folder


def opened(source: Path) -> Studio:
    return Studio(dataset_of(source))


def contents(source: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in source.rglob("*") if path.is_file()}


def by_name(studio: Studio) -> dict[str, int]:
    return {picture.path.name: id for id, picture in studio.pictures.items()}


def test_all_pictures_below_a_folder_are_found_in_the_order_in_which_people_count(source: Path):
    names = [picture.path.name for picture in opened(source).pictures.values()]
    assert names == [f"{n}.png" for n in (1, 3, 5, 7, 9, 11, 0, 2, 4, 6, 8, 10)]


def test_a_folder_that_is_opened_again_is_the_same_dataset(source: Path):
    assert dataset_of(source) == dataset_of(source / ".." / source.name) == datasets()[0]
    with pytest.raises(UserError, match="no folder"):
        dataset_of(source / "not there")
    with pytest.raises(UserError, match="no longer known"):
        find_dataset("../x")


def test_a_folder_that_is_opened_twice_at_once_is_one_dataset(source: Path):
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(dataset_of, [source] * 8))
    assert len({one.id for one in found}) == len(datasets()) == 1


def test_marks_hold_for_the_next_time_and_for_moved_pictures(source: Path):
    studio = opened(source)
    ids = by_name(studio)
    studio.mark([ids["1.png"], ids["3.png"]], "k")
    studio.shoot([ids["3.png"]], "portrait")
    (source / "a" / "3.png").rename(source / "moved.png")
    again = opened(source)
    facts = {again.pictures[id].path.name: one for id, one in again.facts.items()}
    assert facts["1.png"].mark == facts["moved.png"].mark == "k"
    assert facts["moved.png"].shot == "portrait"
    assert facts["5.png"].mark == "."


def test_every_kind_of_decision_is_a_fact_about_pictures_and_is_undone(source: Path):
    studio = opened(source)
    id = next(iter(studio.pictures))
    plain = studio.facts[id]
    box = {"name": "Face", "left": 0, "top": 0, "right": 20, "bottom": 20}
    done = {
        "mark": (lambda: studio.mark([id], "k"), "k"),
        "rating": (lambda: studio.rate([id], 4), 4),
        "shot": (lambda: studio.shoot([id], "portrait"), "portrait"),
        "boxes": (lambda: studio.put_boxes(id, [box]), frozenset({"face"})),
        "painted": (
            lambda: studio.paint(id, [{"what": "mask", "radius": 3, "points": [[5, 5]]}]), frozenset({"mask"})
        ),
    }  # fmt: skip
    assert done.keys() == KINDS.keys()
    for name, (do, value) in done.items():
        assert do().decided == {id}
        assert getattr(studio.facts[id], name) == getattr(opened(source).facts[id], name) == value
    for _ in done:
        studio.undo()
    assert studio.facts[id] == plain


@pytest.mark.parametrize("line", ["[]", '{"n":1,"do":[]}', '{"n":1,"do":{}}', '{"n":1,"do":"x","to":{"a":["",""]}}'])
def test_a_line_of_the_journal_that_says_nothing_known_has_no_effect(source: Path, line: str):
    folder = opened(source).dataset.folder
    (folder / "journal.jsonl").write_text(line + "\n")
    studio = opened(source)
    assert studio.last_step is None
    assert studio.mark(list(studio.pictures)[:1], "k").decided


def test_other_content_in_a_picture_is_another_picture(source: Path):
    studio = opened(source)
    studio.mark([by_name(studio)["1.png"]], "r")
    noise_image((40, 30), 99).save(source / "a" / "1.png")
    again = opened(source)
    assert again.facts[by_name(again)["1.png"]].mark == "."


def test_decisions_about_pictures_that_are_gone_cost_one_look_at_all_others(
    source: Path, monkeypatch: pytest.MonkeyPatch
):
    studio = opened(source)
    ids = by_name(studio)
    for number in range(8):
        studio.mark([ids[f"{number}.png"]], "r")
    for number in range(8):
        (source / ("a" if number % 2 else "b") / f"{number}.png").unlink()
    asked: list[int] = []
    identify = Studio.identify
    monkeypatch.setattr(Studio, "identify", lambda self, ids: asked.append(len(ids)) or identify(self, ids))
    assert len(opened(source).pictures) == 4
    assert asked == [4, 4]  # for the journal, and for the pictures


def test_nothing_is_written_beside_the_pictures_by_marks(source: Path):
    before = contents(source)
    studio = opened(source)
    studio.mark(list(studio.pictures), "r")
    studio.shoot(list(studio.pictures), "poses")
    assert contents(source) == before


def test_undo_goes_back_over_everything_also_after_a_restart(source: Path):
    before = contents(source)
    studio = opened(source)
    ids = list(studio.pictures)
    studio.mark(ids[:3], "k")
    studio.edit(ids, edit_of("add", "smile", ""), {"do": "add", "tag": "smile"})
    studio.mark(ids[:1], "r")
    again = opened(source)
    assert again.facts[ids[0]].mark == "r"
    again.undo()
    assert again.facts[ids[0]].mark == "k"
    assert again.undo().captioned == set(ids)
    assert contents(source) == before
    again.undo()
    assert {one.mark for one in again.facts.values()} == {"."}
    assert again.undo() == Outcome()
    assert [again.redo().step.kind for _ in range(3)] == ["mark", "captions", "mark"]
    assert "smile" in (source / "a" / "1.txt").read_text()


def test_neighbouring_changes_of_one_group_are_undone_and_redone_together(source: Path):
    before = contents(source)
    studio = opened(source)
    ids = list(studio.pictures)
    studio.edit(ids[:2], edit_of("add", "hat", ""), {"do": "add", "tag": "hat"})
    first = contents(source)
    for start in range(0, 12, 5):
        studio.edit_each({id: edit_of("add", f"tag {id}", "") for id in ids[start : start + 5]}, {"group": "a"})
    studio.edit(ids[:3], edit_of("add", "smile", ""), {"group": "b"})
    second = contents(source)
    assert len(studio.last_step.change) == 3
    studio.undo()
    assert len(studio.last_step.change) == 12
    outcome = opened(source).undo()
    assert outcome.captioned == set(ids) and len(outcome.step.change) == 12
    assert contents(source) == first
    studio = opened(source)
    assert len(studio.next_step.change) == 12
    studio.undo()
    assert contents(source) == before
    assert [len(studio.redo().step.change) for _ in range(3)] == [2, 12, 3]
    assert contents(source) == second


def test_two_hundred_random_changes_are_all_undone_to_the_byte(source: Path):
    before = contents(source)
    draw = random.Random(7)
    studio = opened(source)
    for _ in range(200):
        ids = draw.sample(list(studio.pictures), draw.randint(1, 6))
        kind = draw.choice(["mark", "shot", "write", "add", "remove", "rename", "front", "replace", "undo", "redo"])
        if kind == "mark":
            studio.mark(ids, draw.choice("krs."))
        elif kind == "shot":
            studio.shoot(ids, draw.choice(["portrait", ""]))
        elif kind == "write":
            text = studio.caption(ids[0]).shown
            studio.write(ids[0], draw.choice(["", "new text", "two\nlines", text + ", é"]), text)
        elif kind in ("undo", "redo"):
            getattr(studio, kind)()
        else:
            tags = draw.sample(["solo", "blue eyes", "smile", "hat", "1girl"], 2)
            studio.edit(ids, edit_of(kind, *tags), {"do": kind})
        if draw.random() < 0.05:
            studio = opened(source)
    while studio.last_step is not None:
        assert not studio.undo().left
    assert contents(source) == before
    assert {(one.mark, one.shot) for one in studio.facts.values()} == {(".", "")}


def test_the_first_state_of_every_caption_is_kept(source: Path):
    before = (source / "a" / "1.txt").read_bytes()
    studio = opened(source)
    id = by_name(studio)["1.png"]
    for text in ("one", "two"):
        studio.write(id, text, studio.caption(id).shown)
    (kept,) = studio.dataset.folder.glob("captions-before/*.zip")
    with zipfile.ZipFile(kept) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a/1.txt": before}
    id = by_name(opened_again := Studio(studio.dataset))["3.png"]
    opened_again.write(id, "three", opened_again.caption(id).shown)
    assert len(list(studio.dataset.folder.glob("captions-before/*.zip"))) == 2


def test_a_caption_that_another_program_has_changed_is_a_conflict(source: Path):
    studio = opened(source)
    id = by_name(studio)["1.png"]
    seen = studio.caption(id).shown
    (source / "a" / "1.txt").write_text("of another program")
    with pytest.raises(UserError, match="changed by another program"):
        studio.write(id, "mine", seen)
    assert (source / "a" / "1.txt").read_text() == "of another program"


def test_undo_leaves_what_was_changed_since_and_names_it(source: Path):
    studio = opened(source)
    ids = by_name(studio)
    studio.edit([ids["1.png"], ids["3.png"]], edit_of("add", "smile", ""), {})
    (source / "a" / "1.txt").write_text("of another program")
    left = studio.undo().left
    assert [one.params["file"] for one in left] == ["1.txt"]
    assert (source / "a" / "1.txt").read_text() == "of another program"
    assert "smile" not in (source / "a" / "3.txt").read_text()


def test_a_caption_in_another_encoding_is_left_and_named(source: Path):
    (source / "a" / "1.txt").write_bytes("少女、微笑".encode("gb18030"))
    studio = opened(source)
    outcome = studio.edit(list(studio.pictures), edit_of("add", "smile", ""), {})
    assert [one.code for one in outcome.left] == ["caption_not_utf8"]
    assert len(outcome.captioned) == 11


def test_captions_in_other_encodings_are_written_as_utf_8_and_back_to_the_byte(source: Path):
    texts = {"1": ("少女，微笑，蓝色的眼睛", "gb18030"), "3": ("女の子、ほほえみ", "cp932"), "5": ("a girl", "utf-16")}
    for name, (text, codec) in texts.items():
        (source / "a" / f"{name}.txt").write_bytes(text.encode(codec))
    before = contents(source)
    studio = opened(source)
    foreign = list(studio.foreign(studio.pictures))
    assert sorted(studio.pictures[id].path.stem for id in foreign) == ["1", "3", "5"]
    assert studio.convert(foreign).captioned == set(foreign)
    for name, (text, _) in texts.items():
        assert (source / "a" / f"{name}.txt").read_text(encoding="utf-8") == text
    assert list(studio.foreign(studio.pictures)) == []
    assert not opened(source).undo().left
    assert contents(source) == before


def test_a_line_of_the_journal_that_was_cut_short_costs_nothing_else(source: Path):
    studio = opened(source)
    ids = list(studio.pictures)
    studio.mark(ids[:1], "k")
    with (studio.dataset.folder / "journal.jsonl").open("ab") as file:
        file.write(b'{"n": 2, "do": "mark", "to": {"abc')
    again = opened(source)
    again.mark(ids[1:2], "r")
    third = opened(source)
    assert [third.facts[id].mark for id in ids[:3]] == ["k", "r", "."]


def test_two_programs_with_one_dataset_see_what_the_other_has_done(source: Path):
    one, other = opened(source), opened(source)
    ids = list(one.pictures)
    one.mark(ids[:1], "k")
    other.mark(ids[1:2], "r")
    assert [other.facts[id].mark for id in ids[:2]] == ["k", "r"]
    one.undo()
    assert [one.facts[id].mark for id in ids[:2]] == ["k", "."]


def test_a_dataset_that_is_open_twice_in_one_process_has_one_journal(source: Path):
    studios = [opened(source) for _ in range(3)]
    ids = list(studios[0].pictures)

    def mark_all(studio: Studio) -> None:
        for number in range(30):
            studio.mark(ids, "krs"[number % 3])

    threads = [threading.Thread(target=mark_all, args=(studio,)) for studio in studios]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = (studios[0].dataset.folder / "journal.jsonl").read_text().splitlines()
    assert [json.loads(line)["n"] for line in lines] == list(range(1, len(lines) + 1))
    studios[0].follow()
    assert studios[0].facts == opened(source).facts


def test_captions_that_another_program_has_written_are_seen_without_looking_at_all_files_again(source: Path):
    one, other = opened(source), opened(source)
    ids, revision = list(one.pictures), one.revision
    other.edit(ids[:4], edit_of("add", "smile", ""), {"do": "add", "tag": "smile"})
    one.follow()
    assert [("smile" in one.facts[id].tags) for id in ids] == [True] * 4 + [False] * 8
    assert one.revision > revision and one.looks == 1
    other.undo()
    assert one.mark(ids[5:6], "k").captioned == set(ids[:4])
    assert not any("smile" in facts.tags for facts in one.facts.values())
    assert one.mark(ids[6:7], "k").captioned == set()


def test_shots_can_be_others(source: Path):
    studio = opened(source)
    studio.set_shots([Shot("back", 3), Shot("face", 8)])
    assert opened(source).dataset.shots == (Shot("back", 3), Shot("face", 8))
    with pytest.raises(UserError):
        studio.set_shots([Shot("back", 3), Shot("back", 4)])


@pytest.mark.parametrize("damage", [b"{", b"[]", b'{"sources": ["relative"]}', b"\xff\xfe", b'{"sources": [3]}'])
def test_a_damaged_description_is_no_dataset(source: Path, damage: bytes):
    made = dataset_of(source)
    (made.folder / "studio.json").write_bytes(damage)
    assert datasets() == []
    assert dataset_of(source).id != made.id


KILLED = """
import sys
import zipfile
from pathlib import Path
from train_core.studio import caption_writing, captions
from train_core.studio.dataset import dataset_of
from train_core.studio.studio import Studio
from train_core.studio.tag_edits import edit_of
studio = Studio(dataset_of(Path(sys.argv[1])))
written, real = [], captions.write
def write(path, whole):
    if len(written) == 5:
        print("half", flush=True)
        sys.stdin.read()
    written.append(path)
    real(path, whole)
captions.write = write
studio.edit(list(studio.pictures), edit_of("add", "smile", ""), {})
"""


def test_a_change_of_many_captions_that_was_killed_halfway_is_finished_and_can_be_undone(source: Path):
    before = contents(source)
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, str(source)], cwd=app_dir(), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONUTF8": "1"},
    ) as process:  # fmt: skip
        assert process.stdout is not None and process.stdout.readline().strip() == b"half"
        process.kill()
    changed = [name for name, content in contents(source).items() if content != before.get(name)]
    assert len(changed) == 5
    studio = opened(source)
    assert all("smile" in one.tags for one in studio.facts.values())
    assert studio.finished == studio.last_step and studio.finished is not None
    studio.undo()
    assert contents(source) == before


def test_a_change_of_which_nothing_could_be_written_is_no_step(source: Path, monkeypatch: pytest.MonkeyPatch):
    studio = opened(source)
    ids = list(studio.pictures)
    studio.mark(ids[:1], "k")

    def refused(path: Path, whole: str | None) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(captions, "write", refused)
        outcome = studio.edit(ids, edit_of("add", "smile", ""), {})
    assert not outcome.captioned and len(outcome.left) == 12
    for one in (studio, opened(source)):
        assert one.last_step is not None and one.last_step.kind == "mark" and one.next_step is None


def test_a_dataset_without_its_folder_is_told(source: Path):
    made = dataset_of(source)
    shutil.rmtree(source)
    assert Studio(made).pictures == {}
    assert datasets_dir().is_dir()


def test_a_folder_that_is_gone_is_told_and_never_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    source = tmp_path / "drive" / "pictures"
    source.mkdir(parents=True)
    noise_image((64, 64), 1).save(source / "one.png")
    noise_image((64, 64), 2).save(source / "two.png")
    studio = Studio(dataset_of(source))
    one, two = studio.pictures
    (source / "two.png").unlink()
    done = studio.mark([one, two], "k")
    assert done.decided == {one} and [left.code for left in done.left] == ["studio_gone_pictures"]
    source.rename(tmp_path / "elsewhere")
    with pytest.raises(UserError) as refused:
        studio.mark([two], "k")
    assert "two.png" in refused.value.problems[0].text
    done = studio.write(one, "1girl", "")
    assert [left.code for left in done.left] == ["studio_caption_not_written"]
    assert not source.exists()


def test_a_whole_drive_and_a_home_folder_are_no_sets_of_pictures(source: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(source))
    monkeypatch.setenv("USERPROFILE", str(source))
    for folder in (source, Path(source.anchor)):
        with pytest.raises(UserError) as refused:
            dataset_of(folder)
        assert refused.value.problems[0].code == "studio_too_wide"
    assert datasets() == []


def test_a_folder_that_is_part_of_a_dataset_already_is_told_so(source: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    dataset = with_source(dataset_of(source), other)
    for folder in (source, other):
        with pytest.raises(UserError) as refused:
            with_source(dataset, folder)
        assert refused.value.problems[0].code == "studio_source_part"
