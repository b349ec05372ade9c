"""`./gui.sh send`: results of a run go to a WebUI from the terminal."""

from __future__ import annotations

from pathlib import Path

import pytest

from kohya_gui import cli
from tests.trained import trained_run

FOX = "20260101-000000-fox"


@pytest.fixture
def loras(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    (tmp_path / "webui" / "models" / "Stable-diffusion").mkdir(parents=True)
    trained_run(FOX, tmp_path)
    return tmp_path / "webui" / "models" / "Lora"


def sent(loras: Path) -> list[str]:
    return sorted(path.name for path in loras.glob("*.safetensors"))


def test_the_last_file_is_sent_and_then_those_of_epochs_to_the_folder_that_is_known(
    loras: Path, tmp_path: Path, capsys: pytest.CaptureFixture
):
    assert cli.main(["send", "fox", "--to", str(tmp_path / "webui")]) == 0
    assert sent(loras) == ["fox-000003.safetensors"]
    out = capsys.readouterr().out
    assert str(loras / "fox-000003.safetensors") in out and "<lora:fox-000003:1>" in out
    assert cli.main(["send", "1", "--epoch", "1", "--epoch", "3"]) == 0
    assert sent(loras) == ["fox-000001.safetensors", "fox-000003.safetensors"]
    assert "there already" in capsys.readouterr().out


def test_of_runs_of_one_name_the_newest_is_meant(loras: Path, tmp_path: Path):
    trained_run("20260102-000000-fox", tmp_path, epochs=4)
    assert cli.main(["send", "fox", "--to", str(tmp_path / "webui")]) == 0
    assert sent(loras) == ["fox-000004.safetensors"]


@pytest.mark.parametrize(("words", "says"), [
    (["owl", "--to", "WEBUI"], "'owl'"), (["fox"], "--to"), (["fox", "--to", "WEBUI", "--epoch", "9"], "epoch 9"),
    (["fox", "--to", "nowhere"], "models/Stable-diffusion"),
])  # fmt: skip
def test_what_cannot_be_sent_is_told(loras: Path, tmp_path: Path, words: list[str], says: str,
                                     capsys: pytest.CaptureFixture):  # fmt: skip
    assert cli.main(["send", *(str(tmp_path / "webui") if word == "WEBUI" else word for word in words)]) == 1
    assert says in capsys.readouterr().err
    assert sent(loras) == []
