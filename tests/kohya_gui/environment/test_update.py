"""An update replaces the program's files and nothing else; one that fails leaves everything as it was."""

import shutil
import subprocess
import zipfile

import pytest

from kohya_gui.environment import update
from kohya_gui.environment.ensure import Wishes
from kohya_gui.environment.pip import SetupError

PROGRAM = {"gui.py": "old", "gui.sh": "#!/bin/sh old", "requirements.txt": "torch==1", "kohya_gui/cli.py": "old",
           "kohya_gui/gone.py": "old module", "train_core/__init__.py": "", "presets/lora/demo.json": "{}",
           "docs/install.md": "same"}
NEWEST = {**PROGRAM, "gui.py": "new", "gui.sh": "#!/bin/sh new", "kohya_gui/cli.py": "new", "kohya_gui/fresh.py": "new",
          "presets/lora/style.json": "{}", "bench/step.py": "new"}
del NEWEST["kohya_gui/gone.py"]
MINE = {"presets/lora/mine.json": "my preset", "presets/my folder/画.json": "mine too", "notes.txt": "my notes",
        ".venv/pyvenv.cfg": "home = x", "runs/1/config.toml": "my run"}


def write(folder, files):
    """Write {path: text} below a folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def read(folder):
    """Return {path: text} of every file below a folder, but what was replaced."""
    return {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*")
            if path.is_file() and not path.relative_to(folder).parts[0].startswith(".previous-")}


@pytest.fixture
def app(tmp_path):
    """An unpacked copy of the program in which the user has left things."""
    folder = tmp_path / "my Crücible"
    write(folder, {**PROGRAM, **MINE})
    return folder


@pytest.fixture
def address(tmp_path):
    """Address of the newest version's zip, which has one folder, as source zips do, and gui.sh can be run."""
    packed = tmp_path / "newest.zip"
    with zipfile.ZipFile(packed, "w") as file:
        for name, text in NEWEST.items():
            entry = zipfile.ZipInfo("crucible-main/" + name)
            entry.external_attr = (0o755 if name == "gui.sh" else 0o644) << 16
            file.writestr(entry, text)
    return packed.as_uri()


def test_the_program_is_replaced_and_what_the_user_made_stays(app, address):
    update.replace_from_zip(app, address)
    assert read(app) == {**NEWEST, **MINE}
    assert (app / "gui.sh").stat().st_mode & 0o111


def test_what_was_replaced_can_still_be_found(app, address):
    update.replace_from_zip(app, address)
    [kept] = app.glob(".previous-*")
    assert (kept / "gui.py").read_text() == "old" and (kept / "kohya_gui" / "gone.py").exists()
    assert not (kept / "docs").exists(), "what did not change needs no second copy"


def test_an_update_to_the_same_version_changes_nothing(app, address, capsys):
    update.replace_from_zip(app, address)
    before = read(app)
    update.replace_from_zip(app, address)
    assert read(app) == before and len(list(app.glob(".previous-*"))) == 1
    assert "already the newest" in capsys.readouterr().out


def test_a_file_in_use_puts_everything_back(app, address, monkeypatch):
    before, rename = read(app), type(app).rename

    def refuse_one(path, target):
        if path.name == "presets" and ".update-" not in str(target) and ".previous-" in str(target):
            raise PermissionError("in use")
        return rename(path, target)

    monkeypatch.setattr(type(app), "rename", refuse_one)
    with pytest.raises(SetupError, match="close every running"):
        update.replace_from_zip(app, address)
    assert read(app) == before and not list(app.glob(".*-*"))


def test_what_is_no_crucible_zip_is_refused_and_nothing_changes(app, tmp_path):
    before = read(app)
    torn, other = tmp_path / "torn.zip", tmp_path / "other.zip"
    torn.write_bytes(b"PK\x03\x04 and then nothing")
    with zipfile.ZipFile(other, "w") as file:
        file.writestr("something/else.py", "")
    nowhere = tmp_path / "nowhere.zip"
    for address, says in [(torn.as_uri(), "not a zip"), (other.as_uri(), "not Crucible"),
                          (nowhere.as_uri(), "could not be fetched"), ("http://x.example/a.zip", "https")]:
        with pytest.raises(SetupError, match=says):
            update.replace_from_zip(app, address)
    assert read(app) == before and not list(app.glob(".update-*"))


def test_a_zip_cannot_write_outside_the_program(app, tmp_path):
    evil = tmp_path / "evil.zip"
    with zipfile.ZipFile(evil, "w") as file:
        for name, text in {**NEWEST, "../../escaped.txt": "out"}.items():
            file.writestr("crucible/" + name, text)
    update.replace_from_zip(app, evil.as_uri())
    assert all(path.is_relative_to(app) for path in tmp_path.rglob("escaped.txt"))
    assert (app / "gui.py").read_text() == "new"


def git(folder, *words):
    """Run git in a folder, as somebody."""
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b.example", "-C", str(folder), *words], check=True,
                   capture_output=True)


@pytest.fixture
def clone(tmp_path):
    """A clone of a repository that has since gone forward by one commit."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed here")
    origin, copy = tmp_path / "origin", tmp_path / "clone with space"
    write(origin, PROGRAM)
    git(tmp_path, "init", "-q", str(origin))
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "old")
    git(tmp_path, "clone", "-q", str(origin), str(copy))
    write(origin, NEWEST)
    git(origin, "add", ".")
    git(origin, "commit", "-qm", "new")
    return copy


def test_a_git_clone_goes_forward(clone):
    write(clone, MINE)
    update.pull(clone)
    assert (clone / "gui.py").read_text() == "new" and (clone / "notes.txt").read_text() == "my notes"


def test_a_changed_file_of_the_program_stops_git_and_is_kept(clone):
    write(clone, {"gui.py": "my own change"})
    with pytest.raises(SetupError, match="git could not update"):
        update.pull(clone)
    assert (clone / "gui.py").read_text() == "my own change"


def test_a_zip_copy_that_knows_no_address_says_how_to_give_one(app, monkeypatch):
    monkeypatch.setattr(update, "APP", app)
    monkeypatch.delenv("CRUCIBLE_UPDATE_URL", raising=False)
    with pytest.raises(SetupError, match="CRUCIBLE_UPDATE_URL"):
        update.update(Wishes())


def test_the_new_versions_own_code_refreshes_the_environment(app, address, monkeypatch):
    asked = app / "asked.txt"
    monkeypatch.setattr(update, "APP", app)
    monkeypatch.setenv("CRUCIBLE_UPDATE_URL", address)
    write(app, {"kohya_gui/environment/__main__.py":
                f"import sys\nopen({str(asked)!r}, 'w').write(' '.join(sys.argv[1:]))\n"
                                            "sys.exit(6)\n"})
    # The stub is not in the newest zip and would be left behind as code that is gone.
    monkeypatch.setattr(update, "CODE", ())
    assert update.update(Wishes("https://example.org/whl", "/w")) == 6
    assert asked.read_text() == "--torch-index-url https://example.org/whl --wheels /w"


def test_an_installed_package_is_sent_to_pip(monkeypatch, tmp_path):
    monkeypatch.setattr(update, "APP", tmp_path)
    with pytest.raises(SetupError, match="pip install --upgrade"):
        update.update(Wishes())


def test_a_clone_knows_whether_it_lacks_commits(tmp_path, monkeypatch):
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    write(origin, PROGRAM)
    git(tmp_path, "init", "-q", "-b", "main", str(origin))
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "first")
    git(tmp_path, "clone", "-q", str(origin), str(clone))
    monkeypatch.setattr(update, "APP", clone)
    assert update.is_newer() is False
    write(origin, NEWEST)
    git(origin, "commit", "-qam", "second")
    assert update.is_newer() is True
    assert read(clone / "kohya_gui") == {"cli.py": "old", "gone.py": "old module"}, "nothing of the program is changed"
    git(clone, "checkout", "-q", "--detach")
    with pytest.raises(SetupError, match="git says"):
        update.is_newer()


def test_a_copy_from_a_zip_knows_whether_it_is_the_newest(app, address, monkeypatch, capsys):
    monkeypatch.setattr(update, "APP", app)
    monkeypatch.delenv(update.ADDRESS_VARIABLE, raising=False)
    with pytest.raises(SetupError, match=update.ADDRESS_VARIABLE):
        update.is_newer()
    monkeypatch.setenv(update.ADDRESS_VARIABLE, address)
    before = read(app)
    assert update.check() == 0
    assert "newer version" in capsys.readouterr().out
    assert read(app) == before
    update.replace_from_zip(app, address)
    assert update.is_newer() is False
    monkeypatch.setenv(update.ADDRESS_VARIABLE, "http://example.org/new.zip")
    with pytest.raises(SetupError, match="https"):
        update.is_newer()
