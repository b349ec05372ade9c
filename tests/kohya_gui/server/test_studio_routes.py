"""The routes of the Data tab: lists, marks, captions and pictures, and what nobody may ask for."""

from __future__ import annotations

import io
import json
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
import skimage.data
from PIL import Image
from starlette.applications import Starlette
from starlette.testclient import TestClient

from kohya_gui.files.reach import EVERYWHERE, Reach
from kohya_gui.runs.details.record import record_of
from kohya_gui.server.studio import export_answers, opened_sets
from kohya_gui.server.studio.opened_sets import Studios
from kohya_gui.server.studio.routes import studio_routes
from kohya_gui.server.studio.updated import Program
from tests.photographs import HOPPERS_FACE, hopper
from tests.pictures import noise_image
from tests.trained import trained_run
from train_core.config.places import app_dir
from train_core.config.problems import UserError
from train_core.facts.images.image_files import content_hashes
from train_core.sampling.png import save_png
from train_core.studio import looking
from train_core.studio.dataset import Dataset, dataset_of
from train_core.studio.exporting.export import Exported, Progress, export_kept
from train_core.studio.exporting.plan import Plan
from train_core.studio.listing import Listing
from train_core.studio.looking import Watch
from train_core.studio.studio import Studio
from train_core.studio.tagging.wd_files import demo_tagger
from train_core.studio.vision.box import Box, overlap

NAMES = ("1.png", "2.jpg", "<img src=x onerror=alert(1)>.png", "空 & 'x'.webp", "sideways.jpg", "clear.png", "10.tiff")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, name in enumerate(NAMES):
        picture = noise_image((400, 300), number)
        exif = Image.Exif()
        if name == "sideways.jpg":
            exif[0x0112] = 6
        if name == "clear.png":
            picture.putalpha(128)
        picture.save(folder / name, exif=exif)
        (folder / name).with_suffix(".txt").write_text("1girl, <b>solo</b>", encoding="utf-8")
    (folder / "broken.png").write_bytes(b"nothing")
    return folder


class Unmeasured(Studios):
    """Datasets whose pictures nobody measures, which a process of its own would do meanwhile."""

    def measure(self, listing: Any) -> None: ...


def visit(reach: Reach = EVERYWHERE) -> TestClient:
    return TestClient(Starlette(routes=studio_routes("en", reach, Unmeasured())))


class Page:
    """A visitor with a dataset open."""

    def __init__(self, client: TestClient, source: Path) -> None:
        self.client = client
        self.opened = self.ask("open", path=str(source))
        self.id = self.opened["id"]

    def ask(self, route: str, **asked: Any) -> dict[str, Any]:
        body = {"id": self.id, **asked} if hasattr(self, "id") else asked
        answer = self.client.post(f"/data/{route}", content=json.dumps(body))
        assert answer.status_code == 200
        return answer.json()

    def ids(self) -> dict[str, int]:
        pictures = self.ask("list")["pictures"]
        return dict(zip(pictures["name"], pictures["id"], strict=True))


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """An export is waited for, however busy the machine is."""
    monkeypatch.setattr(export_answers, "PATIENCE", 120)


@pytest.fixture
def page(source: Path) -> Page:
    return Page(visit(), source)


def test_a_folder_opens_with_its_pictures_and_what_was_skipped(page: Page, source: Path):
    assert (page.opened["count"], page.opened["skipped"]) == (7, 1)
    assert page.opened["skipped_names"] == "broken.png"
    assert page.opened["sources"] == [str(source)]
    found = page.ask("list")
    columns = [found["pictures"][name] for name in ("name", "width", "height")]
    assert {("sideways.jpg", 300, 400), ("1.png", 400, 300)} <= set(zip(*columns, strict=True))
    assert len(found["order"]) == 7 and found["bad"] == ""
    assert page.ask("list", revision=found["revision"])["pictures"] is None
    assert page.ask("sets")["sets"][0]["count"] == 7


def test_the_demo_s_pictures_come_with_their_tagger_and_others_without(page: Page):
    assert page.opened["tagger"] == ""
    assert Page(visit(), app_dir() / "demo" / "images").opened["tagger"] == str(demo_tagger())


def test_marks_count_and_are_undone(page: Page):
    ids = page.ids()
    done = page.ask("mark", pictures=[ids["1.png"], ids["2.jpg"]], mark="k")
    assert sorted(done["changed"]) == sorted([[ids["1.png"], "k", -1, 0], [ids["2.jpg"], "k", -1, 0]])
    assert done["counts"] == {"k": 2, "r": 0, "s": 0, ".": 5}
    assert done["undo"] == "Keep (2)"
    shot = page.ask("mark", pictures=[ids["1.png"]], shot=1)
    assert shot["shots"][1] == 1 and shot["undo"] == "portrait (1)"
    assert page.ask("list", filter="shot:portrait mark:keep")["order"] == [ids["1.png"]]
    assert page.ask("undo")["told"] == "portrait (1)"
    assert page.ask("undo")["counts"]["k"] == 0
    again = page.ask("redo")
    assert again["counts"]["k"] == 2 and again["redo"] == "portrait (1)"


@pytest.mark.parametrize("asked", [{"mark": "x"}, {"mark": None}, {"shot": 99}, {"shot": "1"}, {"shot": True},
                                  {"rating": 6}, {"rating": "1"}, {}])
def test_a_mark_that_is_none_is_refused(page: Page, asked: dict[str, Any]):
    assert "Reload" in page.ask("mark", pictures=list(page.ids().values()), **asked)["error"]


@pytest.mark.parametrize("pictures", [None, "x", [None], [-1], ["1"], [1.5], [[]], [{}], [True]])
def test_pictures_that_are_none_are_left_out(page: Page, pictures: Any):
    assert page.ask("mark", pictures=pictures, mark="k")["changed"] == []


def test_captions_are_read_written_and_undone(page: Page, source: Path):
    id = page.ids()["1.png"]
    found = page.ask("caption", pictures=[id])
    assert found["text"] == "1girl, <b>solo</b>" and found["file"] == "1.txt" and found["tokens"] > 5
    done = page.ask("write", picture=id, text="cat, " * 60, seen=found["text"])
    assert done["captions"] == [id] and "cat" in done["over"] and done["conflict"] == ""
    assert page.ask("list", filter="tag:cat")["order"] == [id]
    page.ask("undo")
    assert (source / "1.txt").read_text() == "1girl, <b>solo</b>"


def test_what_another_program_wrote_is_shown_and_kept(page: Page, source: Path):
    id = page.ids()["1.png"]
    (source / "1.txt").write_text("theirs")
    done = page.ask("write", picture=id, text="mine", seen="1girl, <b>solo</b>")
    assert done["text"] == "theirs" and "another program" in done["conflict"]
    assert (source / "1.txt").read_text() == "theirs"


def test_tags_of_many_change_after_a_preview(page: Page, source: Path):
    ids = page.ids()
    chosen = [ids["1.png"], ids["2.jpg"]]
    asked = {"scope": "pictures", "pictures": chosen, "do": "rename", "tag": "1girl", "into": "zuko"}
    shown = page.ask("tags", **asked, preview=True)
    change = ["1girl, <b>solo</b>", "zuko, <b>solo</b>"]
    assert (shown["count"], shown["same"], shown["unread"]) == (2, 0, 0)
    assert shown["examples"] == [[*change, "1.txt"], [*change, "2.txt"]]
    assert "zuko" not in (source / "1.txt").read_text()
    done = page.ask("tags", **asked)
    assert done["count"] == 2 and done["undo"] == "“1girl” → “zuko” in 2 captions"
    assert page.ask("tags", scope="filter", filter="tag:zuko", do="add", tag="hat")["count"] == 2
    assert page.ask("tags", scope="all", do="remove", tag="1girl")["count"] == 5
    assert dict(row[:2] for row in page.ask("side")["tags"])["zuko"] == 2
    assert "missing" in page.ask("tags", scope="all", do="rename", tag="", into="x")["error"]


def test_counts_of_filters_are_of_what_is_shown(page: Page):
    side = page.ask("side", filter="alpha")
    facets = {one["key"]: one["count"] for one in side["facets"]}
    assert facets["alpha"] == facets["captioned"] == 1 and facets["side>=768"] == 0
    assert side["measured"] == [0, 7]
    assert "not understood" in page.ask("list", filter="colour:red")["bad"]


def test_what_is_on_a_picture_is_told_in_pixels_of_it_upright(source: Path):
    with Image.open(hopper()) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(source / "hopper.jpg", exif=exif)
    page = Page(visit(), source)
    id = page.ids()["hopper.jpg"]
    assert page.ask("side")["looked"] == [0, 8]
    assert page.ask("found", picture=id) == {
        "width": 512, "height": 600, "looked": [], "faces": [], "person": None, "text": [],
    }  # fmt: skip
    told = page.ask("found", picture=id, look=True)
    assert told == page.ask("found", picture=id) and told["looked"] == ["faces", "person"]
    [[left, top, right, bottom, score]] = told["faces"]
    assert overlap(Box(left, top, right, bottom), HOPPERS_FACE) >= 0.5 and score > 0.7
    assert told["person"][3] == 600
    assert page.ask("list", filter="faces:1")["order"] == [id] == page.ask("list", filter="person")["order"]
    side = page.ask("side")
    assert side["looked"] == [1, 8] and {"key": "faces:1", "words": "One face", "count": 1} in side["facets"]
    assert "Reload" in page.ask("found", picture=-1)["error"] == page.ask("found", picture="x")["error"]


def test_pictures_are_sent_small_and_whole_as_browsers_show_them(page: Page):
    for name, id in page.ids().items():
        small = page.client.get(f"/data/{page.id}/small/{id}")
        assert small.headers["content-type"] == "image/jpeg"
        assert Image.open(io.BytesIO(small.content)).size == ((240, 320) if name == "sideways.jpg" else (320, 240))
        whole = page.client.get(f"/data/{page.id}/full/{id}")
        assert whole.headers["content-type"].startswith("image/") and "tiff" not in whole.headers["content-type"]
        assert Image.open(io.BytesIO(whole.content)).size == (400, 300)
        assert whole.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ["{id}/small/1", "x/small/1", "../small/1", "{id}/full/-1", "assets/..%2fstudio.py"])
def test_what_is_not_there_is_not_given(page: Page, path: str):
    assert page.client.get(f"/data/{path.format(id=page.id)}").status_code == 404


def test_a_page_shows_only_folders_within_its_reach(page: Page, source: Path, tmp_path: Path):
    (tmp_path / "other").mkdir()
    stranger = visit(Reach((tmp_path / "other",)))
    assert "outside" in stranger.post("/data/open", json={"path": str(source)}).json()["error"]
    assert "outside" in stranger.post("/data/list", json={"id": page.id}).json()["error"]
    assert stranger.post("/data/sets", json={}).json() == {"sets": []}
    assert stranger.get(f"/data/{page.id}/small/{page.ids()['1.png']}").status_code == 404


def test_a_link_out_of_the_folder_is_not_followed(source: Path, tmp_path: Path):
    noise_image((8, 8), 1).save(tmp_path / "secret.png")
    (source / "link.png").symlink_to(tmp_path / "secret.png")
    (source / "up").symlink_to(tmp_path, target_is_directory=True)
    assert set(Page(visit(), source).ids()) == set(NAMES)


def test_another_server_knows_what_was_decided(page: Page, source: Path):
    id = page.ids()["1.png"]
    page.ask("mark", pictures=[id], mark="r")
    other = visit()
    order = other.post("/data/list", json={"id": page.id, "filter": "mark:reject"}).json()["order"]
    assert order == [id]
    assert "no longer known" in other.post("/data/list", json={"id": "0" * 12}).json()["error"]


def test_the_frame_comes_in_the_pages_language_with_the_words_that_its_scripts_say():
    client = TestClient(Starlette(routes=studio_routes("ja", EVERYWHERE, Unmeasured())))
    shell = client.post("/data/shell", json={}).json()
    assert 'id="studio-grid"' in shell["html"]
    assert shell["words"]["undone"] == "元に戻しました：{what}"
    for name in ("studio.js", "grid.js", "studio.css", "panel.css"):
        assert client.get(f"/data/assets/{name}").status_code == 200
    assert client.get("/data/assets/..%2Fcommon.js").status_code == 404


def test_shots_can_be_others(page: Page):
    done = page.ask("shots", shots=[{"name": " back ", "target": 3}, {"name": "face", "target": 8}])
    assert done["shots"] == page.ask("open")["shots"] == [{"name": "back", "target": 3}, {"name": "face", "target": 8}]
    assert "names" in page.ask("shots", shots=[])["error"]
    assert "names" in page.ask("shots", shots="x")["error"]


def test_what_is_kept_is_exported_and_described(page: Page, tmp_path: Path):
    ids = page.ids()
    assert "No picture is kept" in page.ask("export", folder=str(tmp_path / "out"), name="nagisa", repeats=7)["error"]
    page.ask("mark", pictures=[ids["1.png"], ids["2.jpg"], ids["10.tiff"]], mark="k")
    assert page.ask("plan") == {
        "kept": 3, "both": 0, "folders": 1, "boxed": 0, "name": "pictures", "repeats": 40,
        "folder": str(tmp_path / "home" / "exports" / "pictures"), "writes": False,
    }  # fmt: skip
    done = page.ask("export", folder=str(tmp_path / "out"), name="nagisa", repeats=7, held_out=1)
    assert "to train on: 2, for validation: 1" in done["told"]
    assert len(list((tmp_path / "out" / "train" / "7_nagisa").iterdir())) == 4
    assert done["validation"] == str(tmp_path / "out" / "validation")
    assert "Repeats" in page.ask("export", folder=str(tmp_path / "out"), name="nagisa", repeats="7")["error"]
    listed = page.ask("export", folder=str(tmp_path / "list"), name="nagisa", repeats=7, form="JSON", zip=True)
    assert listed["description"] == str(tmp_path / "list" / "dataset.toml") and "nagisa.zip" in listed["told"]
    assert page.ask("export", folder=str(tmp_path / "in"), name="n", repeats=7, form="imagefolder")["trains"] is False


def test_an_export_tells_how_far_it_is_and_can_be_stopped(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    page.ask("mark", pictures=list(page.ids().values()), mark="k")
    seen, goes_on = threading.Event(), threading.Event()

    def slowly(listing: Listing, plan: Plan, progress: Progress) -> Exported:
        progress(1, 7)
        seen.set()
        goes_on.wait()
        return export_kept(listing, plan, progress)

    monkeypatch.setattr(export_answers, "PATIENCE", 0.01)
    monkeypatch.setattr(export_answers, "export_kept", slowly)
    page.ask("export", folder=str(tmp_path / "out"), name="nagisa", repeats=7)
    seen.wait()
    assert page.ask("plan")["writes"] is True
    assert page.ask("exported", stop=True)["writes"] == [1, 7]
    monkeypatch.setattr(export_answers, "PATIENCE", 60)
    goes_on.set()
    assert "was stopped" in page.ask("exported")["error"]
    assert page.ask("plan")["writes"] is False


class Ended:
    """A process that has measured everything."""

    def poll(self) -> int:
        return 0


def test_a_dataset_that_was_closed_for_others_is_measured_when_it_is_opened_again(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    started: list[str] = []
    monkeypatch.setattr(opened_sets, "MOST_OPEN", 2)
    monkeypatch.setattr(opened_sets, "_start", lambda dataset: started.append(dataset.name) or Ended())
    folders = [source, tmp_path / "b", tmp_path / "c"]
    for folder in folders[1:]:
        folder.mkdir()
    studios = Studios()
    first, second = (studios.open_folder(folder) for folder in folders[:2])
    for _ in range(2):
        studios.measure(first)
        studios.measure(second)
    studios.find(first.studio.dataset.id)
    studios.open_folder(folders[2])
    assert studios.opened(first.studio.dataset.id) is first  # the other one is longer unused
    assert studios.opened(second.studio.dataset.id) is None
    studios.measure(studios.find(second.studio.dataset.id))
    assert started == ["pictures", "b", "b"]


def test_while_a_large_dataset_is_being_opened_others_are_measured_and_it_is_opened_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    begun, goes_on, opened = threading.Event(), threading.Event(), []

    def slowly(dataset: Dataset, watch: Watch | None) -> Studio:
        begun.set()
        goes_on.wait()
        return Studio(dataset, watch)

    monkeypatch.setattr(opened_sets, "_start", lambda dataset: Ended())
    studios = Studios()
    other = studios.open_folder(source)
    (tmp_path / "large").mkdir()
    monkeypatch.setattr(opened_sets, "Studio", slowly)
    openers = [
        threading.Thread(target=lambda: opened.append(studios.open_folder(tmp_path / "large"))) for _ in range(2)
    ]
    dataset_of(tmp_path / "large")
    for opener in openers:
        opener.start()
    begun.wait()
    measuring = threading.Thread(target=studios.measure, args=(other,))
    measuring.start()
    measuring.join()  # for ever if it had to wait
    goes_on.set()
    for opener in openers:
        opener.join()
    assert opened[0] is opened[1]


def test_a_known_dataset_is_looked_at_once_when_it_is_opened(page: Page, monkeypatch: pytest.MonkeyPatch):
    looks: list[str] = []
    look = Studio.look
    monkeypatch.setattr(Studio, "look", lambda one, watch=None: looks.append(one.dataset.id) or look(one, watch))
    visit().post("/data/open", content=json.dumps({"id": page.id}))
    assert looks == [page.id]
    page.ask("open")
    assert looks == [page.id] * 2


def test_what_is_painted_comes_back_and_is_undone(page: Page):
    id = page.ask("list")["order"][0]
    stroke = {"what": "mask", "radius": 3, "points": [[1, 2], [5, 6]]}
    done = page.ask("paint", picture=id, strokes=[stroke, {"what": "else"}, 7])
    assert done["strokes"] == [stroke] == page.ask("painted", picture=id)["strokes"]
    assert page.ask("list", filter="painted")["order"] == [id]
    assert page.client.get(f"/data/{page.id}/erased/{id}").headers["content-type"] == "image/png"
    assert page.client.get(f"/data/{page.id}/erased/1").status_code == 404
    assert page.ask("undo", seen=done["undo"])["told"] == done["undo"]
    assert page.ask("painted", picture=id) == {"strokes": []}
    assert "error" in page.ask("paint", picture=-1, strokes=[stroke])


def test_boxes_are_kept_within_the_picture_and_exported_into_the_folders_of_their_names(page: Page, tmp_path: Path):
    id = page.ids()["1.png"]
    assert page.ask("boxes", picture=id) == {"boxes": []}
    drawn = {"name": "face", "left": -5, "top": 2, "right": 10_000, "bottom": 9, "snap": "1:1"}
    done = page.ask("put_boxes", picture=id, boxes=[drawn])
    [box] = done["boxes"]
    assert box["left"] >= 0 and box["right"] - box["left"] == box["bottom"] - box["top"]
    assert done["undo"] == "boxes of a picture" and page.ask("boxes", picture=id)["boxes"] == [box]
    assert page.ask("list", filter="box:face")["order"] == [id]
    kinds = page.ask("box_kinds", kinds=[{"name": "face", "repeats": 3, "use": "reg", "folder": "a face"}])["kinds"]
    assert kinds == page.ask("open")["kinds"]
    page.ask("mark", pictures=list(page.ids().values()), mark="k")
    told = page.ask("export", folder=str(tmp_path / "out"), name="nagisa", repeats=7, boxes=True)
    assert "Regularisation pictures: 1." in told["told"] and told["regularisation"] == str(tmp_path / "out" / "reg")
    assert (tmp_path / "out" / "reg" / "3_a face" / "1_face.png").is_file()
    assert "no longer there" in page.ask("boxes", picture=0)["error"]
    assert "need names" in page.ask("put_boxes", picture=id, boxes=[{"name": ""}])["error"]
    assert "only once" in page.ask("box_kinds", kinds="x")["error"]


def test_boxes_are_proposed_for_the_face_and_the_person_of_a_photograph(tmp_path: Path):
    source = tmp_path / "photographs"
    source.mkdir()
    Image.fromarray(skimage.data.astronaut()).save(source / "astronaut.jpg")
    noise_image((256, 256), 1).save(source / "noise.png")
    page = Page(visit(), source)
    id = page.ids()["astronaut.jpg"]
    done = page.ask("propose", picture=id, snap="64")
    assert [(box["name"], box["minus"]) for box in done["boxes"]] == [("face", ""), ("body", "face")]
    face, body = done["boxes"]
    assert all((box["right"] - box["left"]) % 64 == (box["bottom"] - box["top"]) % 64 == 0 for box in (face, body))
    assert face["left"] < 224 < face["right"] and face["top"] < 120 < face["bottom"]
    again = page.ask("propose", picture=id, snap="64")
    assert (again["proposed"], again["boxes"]) == (0, done["boxes"])
    assert page.ask("propose", picture=page.ids()["noise.png"])["boxes"] == []


def test_an_export_without_a_whole_path_is_refused(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    page.ask("mark", pictures=list(page.ids().values()), mark="k")
    assert "Say in which folder" in page.ask("export", folder=" ", name="nagisa", repeats=7)["error"]
    told = page.ask("export", folder="relative/x", name="nagisa", repeats=7)["error"]
    assert "says not where it begins" in told and not (tmp_path / "relative").exists()
    told = page.ask("export", folder=str(tmp_path / "out"), name="a<b", repeats=7, whole=False)["error"]
    assert "a&lt;b cannot be the name of a folder" in told and "Neither whole pictures nor boxes" in told


def test_an_export_goes_only_where_the_page_may_look(source: Path, tmp_path: Path):
    page = Page(visit(Reach((source,))), source)
    page.ask("mark", pictures=list(page.ids().values()), mark="k")
    answer = page.ask("export", folder=str(tmp_path / "out"), name="nagisa", repeats=7)
    assert "outside" in answer["error"] and not (tmp_path / "out").exists()


def test_proofreading_names_what_is_odd_and_why(page: Page, source: Path):
    (source / "1.txt").write_text("1girl, solo, skirt, blue skirt")
    (source / "2.txt").write_text("1girl, 1boy, solo, hat")
    page.ask("open")
    found = {(one["kind"], one["tag"]): one for one in page.ask("proofread")["findings"]}
    ids = page.ids()
    assert found["part", "skirt"]["pictures"] == [ids["1.png"]]
    assert "“1boy” beside “1girl, solo”" in found["contradiction", "1boy"]["words"]
    page.ask("tags", scope="pictures", pictures=[ids["1.png"]], do="sort", tag="skirt")
    assert (source / "1.txt").read_text().startswith("skirt, 1girl, solo")
    done = page.ask("tags", scope="all", do="bind", tag="nagisa", into="1girl, solo")
    assert (source / "2.txt").read_text() == "nagisa, 1boy, hat" and "bound into" in done["undo"]


def test_a_zip_file_opens_as_the_folder_of_its_pictures(source: Path, tmp_path: Path):
    archive = tmp_path / "mine & yours.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for folder in ("a", "b"):
            opened.write(source / "1.png", f"{folder}/1.png")
            opened.write(source / "2.jpg", f"{folder}/2.jpg")
            opened.writestr(f"{folder}/1.txt", f"tag of {folder}")
        opened.writestr("../out.png", b"x")
        opened.writestr("tool.exe", b"MZ")
    page = Page(visit(), archive)
    assert page.opened["count"] == 4
    page.ask("mark", pictures=list(page.ids().values()), mark="k")
    assert Page(visit(), archive).id == page.id
    assert not (tmp_path / "home" / "out.png").exists()
    (tmp_path / "broken.zip").write_bytes(b"PK nothing")
    assert "cannot be opened" in page.ask("open", path=str(tmp_path / "broken.zip"))["error"]


def test_captions_of_a_metadata_file_are_shown_and_written_when_somebody_agrees(source: Path, tmp_path: Path):
    (source / "1.txt").unlink()
    (source / "list.json").write_text(json.dumps({"1.png": {"tags": "hat"}, "2.jpg": {"tags": "theirs"}}))
    page = Page(visit(), source / "list.json")
    assert page.opened["sources"] == [str(source)]
    assert page.opened["listed"] == {"count": 1, "files": ["list.json"], "examples": [["1.png", "hat"]]}
    assert page.ask("said", pictures=[page.ids()["1.png"]])["said"][0]["text"] == "hat"
    done = page.ask("take_listed")
    assert (done["count"], done["listed"]["count"], done["undo"]) == (1, 0, "Captions from list.json (1)")
    assert (source / "1.txt").read_text() == "hat" and "solo" in (source / "2.txt").read_text()
    assert page.ask("undo")["captions"] and not (source / "1.txt").exists()


def test_a_zip_of_an_imagefolder_opens_with_its_captions(source: Path, tmp_path: Path):
    archive = tmp_path / "set.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        for folder in ("a", "b"):
            opened.write(source / "1.png", f"train/{folder}/1.png")
        lines = [json.dumps({"file_name": f"{folder}/1.png", "text": folder}) for folder in ("a", "b")]
        opened.writestr("train/metadata.jsonl", "\n".join(lines))
    page = Page(visit(), archive)
    assert page.opened["listed"]["count"] == 2
    assert sorted(row[1] for row in page.opened["listed"]["examples"]) == ["a", "b"]


def test_folders_are_added_and_removed_and_datasets_forgotten(page: Page, source: Path, tmp_path: Path):
    other = tmp_path / "other"
    other.mkdir()
    noise_image((64, 64), 50).save(other / "more.png")
    assert page.ask("add_source", path=str(other))["sources"] == [str(source), str(other)]
    assert "more.png" in page.ids() and page.ask("open")["count"] == 8
    assert "no folder" in page.ask("add_source", path=str(tmp_path / "none"))["error"]
    assert page.ask("remove_source", path=str(other))["sources"] == [str(source)]
    assert Path(page.ask("forget")["folder"]).parent == tmp_path / "home" / "trash"
    assert page.ask("sets")["sets"] == [] and "no longer known" in page.ask("list")["error"]
    assert "no longer known" in page.ask("forget")["error"]


def test_pictures_that_were_sent_belong_to_the_dataset(page: Page):
    place = Path(page.ask("place")["folder"])
    save_png(noise_image((64, 64), 60), place / "1_added" / "new.png", "a cat\nSteps: 20, Sampler: x")
    done = page.ask("added")
    assert done["sources"][1:] == [str(place)] and done["undo"] == "Prompts as captions (1)"
    assert done["new"] == page.ask("list", filter="generated")["order"] == [page.ids()["new.png"]]
    assert page.ask("caption", pictures=done["new"])["text"] == "a cat"


def test_a_sample_of_a_run_is_copied_into_the_dataset_that_is_chosen(page: Page, tmp_path: Path):
    run = trained_run("20260101-000000-fox", tmp_path / "place")
    sample = Path(record_of(run).samples[0].path)
    save_png(noise_image((64, 64), 70), sample, "a fox\nSteps: 20, Sampler: x")
    asked = {"run": run.name, "name": sample.name}
    assert page.id in page.ask("to_data", **asked)["html"]
    told = page.ask("to_data", **asked, set=page.id)["told"]
    assert told.startswith("Copied to pictures: ")
    [new] = page.ask("list", filter="generated")["order"]
    assert page.ask("caption", pictures=[new])["text"] == "a fox"
    other = dataset_of(tmp_path / "place")  # which is not open
    assert "error" not in page.ask("to_data", **asked, set=other.id)
    assert len(dataset_of(tmp_path / "place").sources) == 2
    for wrong in ({"name": "../config.toml"}, {"run": "..", "name": sample.name}, {"run": None, "name": None}):
        assert "no longer there" in page.ask("to_data", **{**asked, **wrong}, set=page.id)["error"]
    assert "no longer known" in page.ask("to_data", **asked, set="x")["error"]
    elsewhere = Page(visit(Reach((tmp_path / "pictures", tmp_path / "home"))), tmp_path / "pictures")
    assert "outside" in elsewhere.ask("to_data", **asked, set=other.id)["error"]


def test_a_folder_out_of_reach_is_not_added(source: Path, tmp_path: Path):
    page = Page(visit(Reach((source,))), source)
    assert "outside" in page.ask("add_source", path=str(tmp_path))["error"]


def test_another_windows_change_is_not_taken_back_by_mistake(page: Page, source: Path):
    ids = page.ids()
    seen = page.ask("mark", pictures=[ids["1.png"]], mark="k")["undo"]
    page.ask("mark", pictures=[ids["2.jpg"], ids["10.tiff"]], mark="r")
    refused = page.ask("undo", seen=seen)["error"]
    assert "Another window" in refused and "Reject (2)" in refused
    assert page.ask("side")["counts"] == {"k": 1, "r": 2, "s": 0, ".": 4}
    assert page.ask("undo", seen="Reject (2)")["counts"]["r"] == 0


def test_what_is_gone_is_told_and_breaks_nothing(page: Page, source: Path, tmp_path: Path):
    id = page.ids()["1.png"]
    (source / "1.png").unlink()
    assert page.client.get(f"/data/{page.id}/full/{id}").status_code == 404
    source.rename(tmp_path / "elsewhere")
    assert "no folder" in page.ask("open")["error"]


def test_captions_in_other_encodings_are_found_and_converted(page: Page, source: Path):
    (source / "1.txt").write_bytes("少女，微笑".encode("gb18030"))
    page.ask("open")
    id = page.ids()["1.png"]
    found = page.ask("proofread")["findings"][0]
    assert (found["kind"], found["pictures"]) == ("encoding", [id]) and "GBK" in found["words"]
    assert "not UTF-8" in page.ask("caption", pictures=[id])["conflict"]
    done = page.ask("convert", pictures=[id])
    assert (done["count"], done["undo"]) == (1, "Captions written as UTF-8 (1)")
    assert page.ask("caption", pictures=[id])["text"] == "少女，微笑"

def test_a_preview_says_why_the_other_captions_stay(page: Page, source: Path):
    (source / "1.txt").write_bytes("渚、女の子".encode("cp932"))
    page.ask("open")
    shown = page.ask("tags", scope="all", do="add", tag="hat", preview=True)
    assert (shown["count"] + shown["same"], shown["unread"], shown["unread_names"]) == (6, 1, "1.txt")


def test_what_would_be_written_of_captions_in_other_encodings_is_shown_before(page: Page, source: Path):
    (source / "1.txt").write_bytes("渚、女の子".encode("cp932"))
    (source / "2.txt").write_bytes(b"a hat\0, 1girl")
    page.ask("open")
    found = page.ask("proofread")["findings"][0]
    ids = page.ids()
    assert found["reads"] == [["1.txt", "Shift-JIS", "渚、女の子"]] and found["clear"] == [ids["1.png"]]
    assert "(1): 2.txt" in found["doubtful"]
    done = page.ask("convert", pictures=list(ids.values()))
    assert done["count"] == 1 and "2.txt" in done["left"]
    assert (source / "1.txt").read_text(encoding="utf-8") == "渚、女の子"
    assert (source / "2.txt").read_bytes() == b"a hat\0, 1girl"


def keep(source: Path, name: str, *lines: dict[str, Any]) -> None:
    """Have lines in a file of the dataset, each about the picture 1.png."""
    picture = source / "1.png"
    digest = content_hashes([picture])[picture]
    with (dataset_of(source).folder / name).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({"digest": digest, **line}) + "\n" for line in lines)


def test_what_models_said_of_a_picture_is_shown_as_text_the_newest_of_each(page: Page, source: Path):
    id, other = page.ids()["1.png"], page.ids()["2.jpg"]
    assert page.ask("said", pictures=[id]) == {"said": []}
    tags = {"red_dress": 0.9, "<b>x</b>": 0.5, "faint": 0.2, "saber": 0.9, "miku": 0.5, "general": 0.99}
    keep(
        source, "tags.jsonl",
        {"model": "a", "tagger": "wd", "at": "2026-01-02T10:00:00", "tags": tags, "cuts": [0, 0],
         "categories": {"saber": 4, "miku": 4, "general": 9}},
    )  # fmt: skip
    one = {"model": "b", "settings": "s", "captioner": "<img src=x onerror=alert(1)>", "prompt": "a photo"}
    keep(
        source, "captions.jsonl", {**one, "at": "2026-01-01T09:00:00", "text": "old"},
        {**one, "at": "2026-01-03T09:30:00", "text": "<script>alert(1)</script>\u2028a fox"},
        {**one, "settings": "t", "at": "2026-01-01T08:00:00", "text": "in another way"}, {"text": 7},
        {"at": [], "text": ""},
    )  # fmt: skip
    newest, tagged, *rest = page.ask("said", pictures=[id])["said"]
    assert newest == {
        "by": "<img src=x onerror=alert(1)>", "prompt": "a photo", "at": "2026-01-03 09:30", "tags": [],
        "text": "<script>alert(1)</script> a fox",
    }  # fmt: skip
    assert tagged["tags"] == [["saber", 0.9], ["red dress", 0.9], ["<b>x</b>", 0.5]]
    assert tagged["text"] == "saber, red dress, <b>x</b>"
    assert [one["text"] for one in rest] == ["in another way", ""]
    assert page.ask("said", pictures=[other]) == page.ask("said", pictures=[id, other]) == {"said": []}
    keep(source, "captions.jsonl", {**one, "at": "2026-01-04T09:30:00", "text": "newer"})
    assert page.ask("said", pictures=[id])["said"][0]["text"] == "newer"


def test_what_models_said_is_added_once(page: Page):
    assert page.ask("merge", text="1girl, red_dress", tags=["red dress", "hat"])["text"] == "1girl, red_dress, hat"
    assert page.ask("merge", text="1girl", sentence="A fox.")["text"] == "1girl, A fox."
    assert page.ask("merge", text="1girl, A fox.", sentence="A fox.")["text"] == "1girl, A fox."
    assert page.ask("merge", text="", sentence="A fox.")["text"] == "A fox."
    assert page.ask("merge", text="x", tags=[{"a": 1}, None, 7])["text"].startswith("x, ")
    assert page.ask("merge", text=["x"], tags="x")["text"] == ""


def test_whoever_opens_a_large_folder_sees_how_far_it_is_stops_it_and_nothing_is_written(
    source: Path, monkeypatch: pytest.MonkeyPatch
):
    client = visit()
    seen: list[int] = []

    def asked(path: Path) -> Any:
        answer = client.post("/data/opening", content=json.dumps({"token": "t", "stop": True}))
        seen.append(answer.json()["looked"])
        return picture_header(path)

    picture_header = looking._header
    monkeypatch.setattr(looking, "_header", asked)
    answer = client.post("/data/open", content=json.dumps({"path": str(source), "token": "t"})).json()
    assert "Stopped" in answer["error"]
    assert seen[0] == 2 * len(NAMES) + 1  # pictures, captions, and a broken one
    assert client.post("/data/sets", content="{}").json()["sets"] == []
    monkeypatch.undo()
    monkeypatch.setenv("CRUCIBLE_HOME", str(source.parent / "home"))
    assert Page(client, source).opened["count"] == 7


def test_a_page_that_is_newer_than_the_program_is_told_to_restart_it(tmp_path: Path):
    (tmp_path / "one.py").write_text("1", encoding="utf-8")
    program = Program(tmp_path)
    program.must_be_as_started()
    (tmp_path / "two.py").write_text("2", encoding="utf-8")
    with pytest.raises(UserError) as refused:
        program.must_be_as_started()
    assert refused.value.problems[0].code == "studio_updated"
