"""The routes of the Settings tab: what is chosen is checked, kept and used; caches are emptied and nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kohya_gui import cli
from kohya_gui.environment.pip import SetupError
from kohya_gui.form.preset_files import start_with
from kohya_gui.form.presets import DEMO, is_program_preset, list_presets, load_preset, save_preset_as
from kohya_gui.preferences import Preferences, preferences
from kohya_gui.preferring import prefer
from kohya_gui.runs import registry
from kohya_gui.server import preferences as routes
from kohya_gui.server.app import Served
from tests.kohya_gui.server.serving import served
from tests.pictures import noise_image
from tests.trained import trained_run
from train_core.config.jobs.train import TrainConfig
from train_core.config.places import caches_dir
from train_core.studio.thumbnails import thumbnail


@pytest.fixture(scope="module")
def page(home: Path) -> Iterator[Served]:
    with served() as page:
        yield page


@pytest.fixture(autouse=True)
def unchosen(home: Path) -> Iterator[None]:
    yield
    (home / "preferences.json").unlink(missing_ok=True)


def ask(client: httpx.Client, act: str, value: object = "", language: str = "en") -> dict[str, Any]:
    answer = client.post(
        "preferences/act", json={"act": act, "value": value}, headers={"Accept-Language": language}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_results_go_to_the_folder_that_was_chosen(client: httpx.Client, home: Path, tmp_path: Path) -> None:
    assert load_preset(DEMO)[0]["output_dir"] == str(home / "outputs")
    folder = tmp_path / "results of 家"
    answer = ask(client, "output_dir", f'"{folder}" ')  # as pasted
    assert (answer["told"], str(folder) in answer["html"]) == ("Saved.", True)
    assert load_preset(DEMO)[0]["output_dir"] == str(folder)
    assert not folder.exists()
    ask(client, "output_dir", "")
    assert load_preset(DEMO)[0]["output_dir"] == str(home / "outputs")


@pytest.mark.parametrize("folder", ["results", "/proc/none/here", f"/{'x' * 300}", "/x\0y"])
def test_a_folder_that_cannot_be_used_is_refused(client: httpx.Client, folder: str) -> None:
    assert "error" in ask(client, "output_dir", folder)
    assert preferences().output_dir == ""


def own_presets() -> list[str]:
    return [key for key in list_presets() if not is_program_preset(key)]


def test_presets_are_kept_in_the_folder_that_was_chosen(client: httpx.Client, home: Path, tmp_path: Path) -> None:
    save_preset_as("at home", TrainConfig())
    start_with("user:at home")
    folder = tmp_path / "presets of 家"
    (folder / "faces").mkdir(parents=True)
    (folder / "faces" / "ann.json").write_text('{"network_dim": 7}', encoding="utf-8")
    assert ask(client, "presets_folder", f'"{folder}"')["told"] == "Saved."
    assert own_presets() == ["user:faces/ann"]
    assert preferences().start_preset == ""  # it is not there
    assert load_preset("user:faces/ann")[0]["network_dim"] == 7
    save_preset_as("faces/bob", TrainConfig())
    assert sorted(path.name for path in (folder / "faces").iterdir()) == ["ann.json", "bob.json"]
    ask(client, "presets_folder", "")
    assert own_presets() == ["user:at home"]
    (home / "presets" / "at home.json").unlink()


def test_a_preset_that_the_new_folder_has_too_is_still_started_with(client: httpx.Client, tmp_path: Path) -> None:
    start_with(DEMO)
    ask(client, "presets_folder", str(tmp_path))
    assert preferences().start_preset == DEMO


def test_a_folder_for_presets_that_is_full_of_other_things_is_refused(
    client: httpx.Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "MOST_ENTRIES", 3)
    (tmp_path / "a").mkdir()
    for name in ("1.json", "a/2.json"):
        (tmp_path / name).touch()
    assert ask(client, "presets_folder", str(tmp_path))["told"] == "Saved."
    (tmp_path / "a" / "3.json").touch()
    assert "more than 3 files" in ask(client, "presets_folder", str(tmp_path))["error"]
    assert "error" in ask(client, "presets_folder", "presets")


def test_a_name_is_answered_to_at_once_and_after_the_next_start(client: httpx.Client) -> None:
    def visit() -> int:
        return client.get("", headers={"Host": "train.example.org:8443"}).status_code

    assert visit() == 403
    assert "no host" in ask(client, "allow_host", "train.example.org, what is this/")["error"]
    assert visit() == 403
    assert ask(client, "allow_host", " box.lan,train.example.org:8443 ")["told"] == "Saved."
    assert visit() == 200
    assert cli.allowed_hosts(["a.lan"]) == ("a.lan", "box.lan", "train.example.org:8443")


def test_what_others_keep_in_the_file_stays(home: Path) -> None:
    (home / "preferences.json").write_text('{"other": [1], "output_dir": 3, "allow_host": ["a", 2]}', encoding="utf-8")
    assert preferences() == Preferences("", ("a",))
    prefer(Preferences("/x"))
    assert '"other"' in (home / "preferences.json").read_text(encoding="utf-8")
    assert preferences() == Preferences("/x")
    for damaged in ("", "[1]", "{", "\udcff"):
        (home / "preferences.json").write_bytes(damaged.encode("utf-8", "surrogateescape"))
        assert preferences() == Preferences()


def test_a_cache_is_emptied_and_nothing_beside_it(client: httpx.Client, tmp_path: Path) -> None:
    mine = [caches_dir() / "latents" / name for name in ("ab/notes.txt", "mine.safetensors", "ab/deep/x.safetensors")]
    made = [caches_dir() / "latents" / "ab" / f"ab{number}.safetensors" for number in range(3)]
    other = caches_dir() / "texts" / "cd" / "cd1.safetensors"
    for path in (*mine, *made, other):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x" * 2**20)
    linked = tmp_path / "base.safetensors"
    linked.write_bytes(b"mine")
    link = made[0].with_name("ab9.safetensors")
    if os.name != "nt":
        link.symlink_to(linked)
    answer = ask(client, "clear", "latents")
    assert answer["told"] == "3.0 MiB are free again."
    assert not any(path.exists() for path in made)
    assert all(path.exists() for path in (*mine, other, linked))
    for name in ("../runs", "gradio", "*", ""):
        assert ask(client, "clear", name)["told"] == "0 B are free again."
    assert all(path.exists() for path in (*mine, other))


def test_the_data_tab_s_small_pictures_are_a_cache_too(client: httpx.Client, tmp_path: Path) -> None:
    noise_image((64, 64), 1).save(tmp_path / "one.png")
    small = thumbnail(tmp_path / "one.png")
    assert "are free again" in ask(client, "clear", "studio")["told"]
    assert not small.exists() and thumbnail(tmp_path / "one.png") == small and small.exists()


def test_no_cache_is_emptied_under_a_run(client: httpx.Client, tmp_path: Path, monkeypatch) -> None:
    trained_run("20260401-000000-elk", tmp_path, "")
    path = caches_dir() / "latents" / "ef" / "ef1.safetensors"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    monkeypatch.setattr(registry, "is_held", lambda folder: folder.name.endswith("elk"))
    assert "有训练正在进行" in ask(client, "clear", "latents", "zh-CN")["error"]
    assert path.exists()


def test_whether_there_is_a_newer_version_is_told(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    for newer, words in ((True, "There is a newer version."), (False, "This is the newest version.")):
        monkeypatch.setattr(routes, "is_newer", lambda newer=newer: newer)
        assert ask(client, "update")["told"] == words

    def fail() -> bool:
        raise SetupError("git says: <no route>")

    monkeypatch.setattr(routes, "is_newer", fail)
    assert "git says: &lt;no route&gt;" in ask(client, "update")["error"]


def test_a_browser_may_send_anything(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "is_newer", lambda: False)
    for act, value in ((None, None), ({}, []), ("output_dir", 7), ("allow_host", None), ("clear", {"a": 1})):
        ask(client, act, value)  # type: ignore[arg-type]
    assert client.post("preferences/act", content=b"[1]").status_code == 400
