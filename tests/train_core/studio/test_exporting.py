"""Export: folders that train without a remark, rewritten only where something differs, nothing of others touched."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from tests.pictures import noise_image
from train_core.config.image_settings import DataSettings
from train_core.config.problems import UserError, problem
from train_core.facts.datasets.dataset_files import read_dataset_file
from train_core.facts.datasets.folders import look
from train_core.facts.datasets.metadata_files import read_metadata
from train_core.studio.dataset import BoxKind, dataset_of
from train_core.studio.exporting.dividing import divided, weights
from train_core.studio.exporting.export import Exported, export
from train_core.studio.exporting.plan import Form, Plan, proposed_repeats
from train_core.studio.exporting.wording import Wording
from train_core.studio.holding_out import hold_out
from train_core.studio.studio import Studio


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    source = tmp_path / "pictures"
    for number in range(8):
        path = source / f"{number % 2}" / f"{number // 2}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image((64, 64), number).save(path)
        path.with_suffix(".txt").write_bytes(f"\ufeffnagisa, tag {number}\r\n".encode())
    return Studio(dataset_of(source))


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_pictures_and_captions_are_copied_to_the_byte_and_train_without_a_remark(studio: Studio, tmp_path: Path):
    before = files(tmp_path / "pictures")
    done = export(studio, list(studio.pictures), Plan(tmp_path / "out", "nagisa", 7))
    assert (done.trained, done.held_out, done.written, done.left) == (8, 0, 16, ())
    assert files(tmp_path / "pictures") == before
    copied = files(tmp_path / "out" / "train" / "7_nagisa")
    assert sorted(copied.values()) == sorted(before.values())
    found = look(done.train, ".txt")
    assert (found.problems, found.warnings) == ((), ())
    assert [len(one.images) for one in found.folders] == [8]
    described = read_dataset_file(tmp_path / "out" / "dataset.toml", DataSettings())
    assert described.problems == ()
    assert [one.repeats for one in described.subsets] == [7]


def test_sub_folders_become_folders_that_weigh_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    for number, place in enumerate(["cat"] * 8 + ["deep/dog"] * 4 + ["3_fox"] * 2 + ["."]):
        path = tmp_path / "animals" / place / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise_image((64, 64), number).save(path)
    studio = Studio(dataset_of(tmp_path / "animals"))
    ids, plan = list(studio.pictures), Plan(tmp_path / "out", "animals", 5, by_folder=True, own_repeats={"dog": 30})
    found = {(one.name, one.pictures, one.repeats) for one in weights(divided(studio, ids, plan, ()).pieces)}
    assert found == {("cat", 8, 25), ("dog", 4, 30), ("fox", 2, 3), ("animals", 1, 5)}
    done = export(studio, ids, plan)
    assert {path.name for path in done.train.iterdir()} == {"25_cat", "30_dog", "3_fox", "5_animals"}
    with pytest.raises(UserError, match="Repeats"):
        export(studio, ids, replace(plan, own_repeats={"dog": 0}))


def test_half_regularises_the_same_half_for_the_same_seed_and_groups_stay_together(studio: Studio, tmp_path: Path):
    ids = list(studio.pictures)
    plan, groups = Plan(tmp_path / "out", "ink", 4, held_out=2, regular_half=True), [ids[:3], ids[3:5]]
    parts = divided(studio, ids, plan, groups).pieces
    assert parts == divided(studio, ids[::-1], plan, groups[::-1]).pieces[::-1]
    uses = {part.id: part.use for part in parts}
    assert all(len({uses[id] for id in group}) == 1 for group in groups)
    assert {*uses.values()} == {"train", "validation", "reg"} and list(uses.values()).count("reg") in (2, 3)
    one_group = export(studio, ids, replace(plan, held_out=0), [ids])
    assert one_group.regular == 0 and [one.code for one in one_group.left] == ["export_less_than_half"]
    done = export(studio, ids, plan, groups)
    assert done.regularisation is not None and done.regular + done.trained + done.held_out == 8
    assert read_dataset_file(tmp_path / "out" / "dataset.toml", DataSettings()).problems == ()


BOTH = "\ufeffnagisa, tag 0\r\nA hat, red.\r\n"


@pytest.mark.parametrize(
    ("wording", "written"),
    [
        ("whole", (BOTH, "\ufeffnagisa, tag 1\r\n")), ("tags", ("nagisa, tag 0\n", "nagisa, tag 1\n")),
        ("sentence", ("A hat, red.\n", "nagisa, tag 1\n")),
        ("together", ("nagisa, tag 0, A hat, red.\n", "nagisa, tag 1\n")),
    ],
)  # fmt: skip
def test_of_tags_and_sentences_that_is_written_which_was_chosen(
    studio: Studio, tmp_path: Path, wording: Wording, written: tuple[str, str]
):
    by_name = {str(picture.path.relative_to(tmp_path / "pictures")): id for id, picture in studio.pictures.items()}
    ids = [by_name[str(Path("0", "0.png"))], by_name[str(Path("1", "0.png"))]]
    studio.write(ids[0], "nagisa, tag 0\nA hat, red.", "nagisa, tag 0")
    done = export(studio, ids, Plan(tmp_path / "out", "nagisa", 7, wording=wording))
    texts = {path.read_bytes().decode() for path in done.train.rglob("*.txt")}
    assert texts == {*written} and not done.picks_lines
    assert done.keep_tokens == int(wording != "sentence")


def test_lines_of_captions_are_for_the_trainer_to_pick(studio: Studio, tmp_path: Path):
    plan = Plan(tmp_path / "out", "nagisa", 7, wording="lines")
    ids = list(studio.pictures)
    assert not export(studio, ids, plan).picks_lines
    studio.write(ids[0], "nagisa\nA hat.", studio.caption(ids[0]).shown)
    assert export(studio, ids, plan).picks_lines
    (subset,) = read_dataset_file(tmp_path / "out" / "dataset.toml", DataSettings()).subsets
    assert subset.settings.captions.enable_wildcard


def test_tags_that_open_every_caption_are_kept_in_front(studio: Studio, tmp_path: Path):
    ids = list(studio.pictures)
    plan = Plan(tmp_path / "out", "nagisa", 7, boxes=True)
    assert export(studio, ids, plan).keep_tokens == 1
    (subset,) = read_dataset_file(tmp_path / "out" / "dataset.toml", DataSettings()).subsets
    assert subset.settings.captions.keep_tokens == 1
    studio.put_boxes(ids[0], [{"name": "face", "left": 0, "top": 0, "right": 64, "bottom": 64, "caption": "a face"}])
    assert export(studio, ids, plan).keep_tokens == 0
    assert "keep_tokens" not in (tmp_path / "out" / "dataset.toml").read_text()


def test_what_is_the_same_is_not_written_again_and_what_is_not_wanted_goes(studio: Studio, tmp_path: Path):
    plan = Plan(tmp_path / "out", "nagisa", 7)
    ids = list(studio.pictures)
    export(studio, ids, plan)
    again = export(studio, ids, plan)
    assert (again.written, again.unchanged, again.removed) == (0, 16, 0)
    fewer = export(studio, ids[:3], plan)
    assert (fewer.written, fewer.unchanged, fewer.removed) == (0, 6, 10)
    other = export(studio, ids[:3], Plan(tmp_path / "out", "nagisa", 10))
    assert other.written == 6
    assert [path.name for path in (tmp_path / "out" / "train").iterdir()] == ["10_nagisa"]


def test_what_somebody_changed_in_the_folder_stays(studio: Studio, tmp_path: Path):
    plan = Plan(tmp_path / "out", "nagisa", 7)
    ids = list(studio.pictures)
    export(studio, ids, plan)
    folder = tmp_path / "out" / "train" / "7_nagisa"
    (folder / "0.txt").write_text("mine")
    (folder / "own.png").write_bytes(b"mine")
    done = export(studio, ids[-1:], plan)
    assert [one.code for one in done.left] == ["export_foreign"]
    assert (folder / "0.txt").read_text() == "mine" and (folder / "own.png").read_bytes() == b"mine"


def test_a_folder_of_other_files_is_refused(studio: Studio, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.doc").touch()
    with pytest.raises(UserError, match="holds other files"):
        export(studio, list(studio.pictures), Plan(tmp_path / "out", "nagisa", 7))
    with pytest.raises(UserError, match="lies within"):
        export(studio, list(studio.pictures), Plan(tmp_path / "pictures" / "out", "nagisa", 7))
    with pytest.raises(UserError, match="No picture is kept"):
        export(studio, [], Plan(tmp_path / "new", "nagisa", 7))


@pytest.mark.parametrize("name", ["", " a", "a/b", "..", "a\nb", "con", "x" * 101, "a."])
def test_a_name_that_no_folder_can_have_is_refused(studio: Studio, tmp_path: Path, name: str):
    with pytest.raises(UserError, match="cannot be"):
        export(studio, list(studio.pictures), Plan(tmp_path / "out", name, 7))
    assert not (tmp_path / "out").exists()


def test_what_a_picture_with_an_unreadable_caption_is_trained_on_is_told(studio: Studio, tmp_path: Path):
    ids = list(studio.pictures)
    path = studio.pictures[ids[0]].path.with_suffix(".txt")
    path.write_bytes("女の子".encode("cp932"))
    done = export(studio, ids, Plan(tmp_path / "out", "nagisa", 2))
    told, named = done.left
    assert (told.code, told.params["count"], told.params["word"]) == ("export_without_caption", 1, "nagisa")
    assert (named.code, named.params["path"]) == ("caption_not_utf8", str(path))
    listed = export(studio, ids, Plan(tmp_path / "listed", "nagisa", 2, form="JSONL"))
    assert [one.code for one in listed.left] == ["export_listed_without_caption", "caption_not_utf8"]


def test_what_trainers_do_not_read_becomes_png(studio: Studio, tmp_path: Path):
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "pictures" / "moving.gif", save_all=True, append_images=frames[1:])
    noise_image((64, 64), 50).save(tmp_path / "pictures" / "scan.tiff")
    studio.look()
    export(studio, list(studio.pictures), Plan(tmp_path / "out", "nagisa", 7))
    said = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
    assert said["train/7_nagisa/moving.png"]["operations"] == ["png"]
    assert Image.open(tmp_path / "out" / "train" / "7_nagisa" / "scan.png").size == (64, 64)


def test_held_out_pictures_are_a_folder_to_validate_on(studio: Studio, tmp_path: Path):
    done = export(studio, list(studio.pictures), Plan(tmp_path / "out", "nagisa", 7, held_out=2))
    assert (done.trained, done.held_out) == (6, 2)
    assert done.validation is not None
    found = look(done.validation, ".txt")
    assert (found.problems, found.warnings, len(found.folders[0].images)) == ((), (), 2)


def test_fewer_held_out_than_asked_for_is_told(studio: Studio, tmp_path: Path):
    ids = list(studio.pictures)
    done = export(studio, ids, Plan(tmp_path / "out", "nagisa", 7, held_out=2), groups=[ids])
    assert (done.held_out, [one.code for one in done.left]) == (0, ["export_held_fewer"])


def test_a_killed_export_is_done_again(studio: Studio, tmp_path: Path):
    plan = Plan(tmp_path / "out", "nagisa", 7)

    def killed(done: int, total: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export(studio, list(studio.pictures), plan, progress=killed)
    done = export(studio, list(studio.pictures), plan)
    assert (done.trained, done.left) == (8, ())


def test_what_a_stopped_export_has_written_is_replaced_and_removed_by_the_next_one(studio: Studio, tmp_path: Path):
    plan, ids = Plan(tmp_path / "out", "nagisa", 7), list(studio.pictures)

    def stopped(done: int, total: int) -> None:
        if done == 5:
            raise UserError(problem("export_stopped", "Stopped."))

    with pytest.raises(UserError):
        export(studio, ids, plan, progress=stopped)
    studio.write(ids[0], "nagisa, hat", studio.caption(ids[0]).shown)
    done = export(studio, [ids[0], *ids[5:]], plan)
    assert (done.trained, done.left, done.removed) == (4, (), 1)  # others have the names of those that are gone
    copied = files(tmp_path / "out" / "train" / "7_nagisa")
    assert len(copied) == 8 and any("hat" in content.decode("utf-8", "replace") for content in copied.values())


def exported(studio: Studio, form: Form, folder: Path, **more: Any) -> Exported:
    texts = ("nagisa, solo", "A girl stands.\nShe smiles.", "“空”, 帽子", "")
    for id, text in zip(studio.pictures, texts, strict=False):
        studio.write(id, text, studio.caption(id).shown)
    return export(studio, list(studio.pictures), Plan(folder, "nagisa", 7, form=form, **more))


@pytest.mark.parametrize("form", ["JSON", "JSONL"])
def test_metadata_is_read_back_by_the_house_with_every_caption(studio: Studio, tmp_path: Path, form: Form):
    done = exported(studio, form, tmp_path / "out", held_out=1)
    assert done.left == () and done.description == tmp_path / "out" / "dataset.toml"
    assert not list((tmp_path / "out" / "train").rglob("*.txt"))
    if form == "JSON":  # as sd-scripts' older versions want it
        assert all("." not in key for key in json.loads(next((tmp_path / "out").rglob("metadata.json")).read_text()))
    described = read_dataset_file(done.description, DataSettings())
    assert described.problems == ()
    [subset] = described.subsets
    assert subset.metadata_file is not None and subset.repeats == 7
    found = read_metadata(subset.metadata_file, subset.image_dir, 7, ", ")
    assert found.problems == ()
    said = {one.path.name: one.caption for one in found.folders[0].images}
    rows = json.loads((tmp_path / "out" / "manifest.json").read_text())["files"]
    expected = {
        Path(place).name: studio.caption(id).shown.strip() for id, one in studio.pictures.items()
        for place, row in rows.items() if row["source"] == str(one.path) and place.startswith("train/7_nagisa/")
        and place.endswith(".png")
    }  # fmt: skip
    assert said == expected and len(said) == 7
    assert done.validation is not None and look(done.validation, ".txt").problems == ()
    tags = {one.tags for one in found.folders[0].images}
    assert not any("smiles" in (one or "") for one in tags) and "nagisa, tag 1" in tags


def test_an_imagefolder_lists_every_picture_with_its_text(studio: Studio, tmp_path: Path):
    export(studio, list(studio.pictures), Plan(tmp_path / "out", "nagisa", 7))
    done = exported(studio, "imagefolder", tmp_path / "out", held_out=2)
    assert not list((tmp_path / "out").rglob("*.txt")) and not (tmp_path / "out" / "dataset.toml").exists()
    texts = []
    for part in ("train", "validation"):
        lines = (tmp_path / "out" / part / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
        rows = [json.loads(line) for line in lines]
        assert all((tmp_path / "out" / part / row["file_name"]).is_file() for row in rows)
        texts += [row["text"] for row in rows]
    assert sorted(texts) == sorted(one.caption.strip() for one in studio.facts.values())
    assert (done.trained, done.held_out, done.description) == (6, 2, None)


def test_a_zip_holds_what_is_trained_on_and_is_written_over_only_if_it_is_ours(studio: Studio, tmp_path: Path):
    done = exported(studio, "folders", tmp_path / "out", zipped=True)
    assert done.archive == tmp_path / "out" / "nagisa.zip"
    with zipfile.ZipFile(done.archive) as opened:
        packed = {name: opened.read(name) for name in opened.namelist()}
    there = {place.replace("\\", "/"): content for place, content in files(tmp_path / "out").items()}
    del there["manifest.json"], there["nagisa.zip"]
    assert packed == there
    before = done.archive.read_bytes()
    assert exported(studio, "folders", tmp_path / "out", zipped=True).left == ()
    assert done.archive.read_bytes() == before
    done.archive.write_bytes(b"mine")
    assert [one.code for one in exported(studio, "folders", tmp_path / "out", zipped=True).left] == ["export_foreign"]
    assert done.archive.read_bytes() == b"mine"


def test_regularisation_and_masks_have_no_place_in_a_list(studio: Studio, tmp_path: Path):
    studio.set_box_kinds([BoxKind("face", use="reg")])
    id = next(iter(studio.pictures))
    studio.put_boxes(id, [{"name": "face", "left": 0, "top": 0, "right": 64, "bottom": 64}])
    plan = Plan(tmp_path / "out", "nagisa", 7, whole=False, boxes=True, form="JSON")
    with pytest.raises(UserError, match="no place for regularisation"):
        export(studio, [id], plan)
    assert not (tmp_path / "out").exists()


HASH = st.text("abcdef0123456789", min_size=4, max_size=4)


@given(st.lists(HASH, min_size=2, max_size=20), st.integers(0, 10), st.integers(0, 3), st.data())
def test_no_near_duplicate_crosses_over(digests, count, seed, data):
    pictures = dict(enumerate(digests))
    groups = data.draw(st.lists(st.lists(st.sampled_from(sorted(pictures)), max_size=3), max_size=4))
    held = hold_out(pictures, groups, count, seed)
    assert len(held) == len({*held}) <= min(count, len(pictures) - 1)
    for group in groups:
        assert len({id in held for id in group}) <= 1
    assert {digests[id] for id in held} & {digest for id, digest in pictures.items() if id not in held} == set()
    moved = {len(digests) - 1 - id: digest for id, digest in reversed(list(pictures.items()))}
    mirrored = [[len(digests) - 1 - id for id in group] for group in groups]
    assert sorted(moved[id] for id in hold_out(moved, mirrored, count, seed)) == sorted(digests[id] for id in held)


@pytest.mark.parametrize(("count", "repeats"), [(30, 7), (20, 10), (1, 40), (5000, 1), (0, 1)])
def test_repeats_come_to_what_tutorials_do(count: int, repeats: int):
    assert proposed_repeats(count) == repeats
