"""All that is wrong with a job, told at once and before any model is loaded."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import image_folder
from tests.train_core.facts.models.test_headers import CONV_IN, SD1, write
from train_core.config.jobs.train import TrainConfig
from train_core.config.sections.dataset import DatasetSettings
from train_core.config.sections.loss import LossSettings
from train_core.config.sections.model import ModelSettings
from train_core.config.sections.output import OutputSettings
from train_core.config.sections.samples import SampleSettings
from train_core.facts.preflight import Findings, examine
from train_core.facts.run import writable


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with two captioned images."""
    return image_folder(tmp_path / "images", "2_dog", [(64, 64), (64, 64)], "a dog")


def configuration(tmp_path: Path, **dataset: object) -> TrainConfig:
    return TrainConfig(
        dataset=DatasetSettings(train_data_dir=str(tmp_path / "images"), **dataset),
        output=OutputSettings(output_dir=str(tmp_path / "out" / "new"), output_name="dog"),
        samples=SampleSettings(sample_prompts="a dog --s 20"),
    )


def codes(findings: Findings) -> tuple[list[str], list[str]]:
    return [p.code for p in findings.problems], [w.code for w in findings.warnings]


@pytest.mark.usefixtures("images")
def test_a_good_job_passes_and_nothing_is_created(tmp_path: Path) -> None:
    assert codes(examine(configuration(tmp_path))) == ([], [])
    assert not (tmp_path / "out").exists()


def test_what_does_not_suit_the_model_is_told_before_it_is_loaded(tmp_path: Path, images: Path) -> None:
    painted = write(tmp_path / "inpaint.safetensors", {**SD1, CONV_IN: (8, 9, 3, 3)})
    velocity = write(tmp_path / "velocity.safetensors", {**SD1, "v_pred": (0,), "ztsnr": (0,)})
    config = configuration(tmp_path)

    def of(model: Path, **loss: object) -> tuple[list[str], list[str]]:
        settings = {"model": ModelSettings(pretrained_model_name_or_path=str(model)), "loss": LossSettings(**loss)}
        return codes(examine(config.model_copy(update=settings)))

    assert of(painted) == (["inpainting_needs_images"], [])
    assert of(painted, zero_terminal_snr=True)[0] == ["zero_terminal_snr_without_v", "inpainting_needs_images"]
    assert of(velocity) == ([], ["zero_terminal_snr_unused"])
    assert of(velocity, zero_terminal_snr=True) == ([], [])
    assert of(velocity, zero_terminal_snr=True, v_pred_like_loss=1)[0] == ["v_pred_like_loss_with_v"]


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(("marks", "header", "said", "against"), [
    ({"v_pred": (0,)}, "", "v", "epsilon"), ({}, "epsilon", "epsilon", "v"), ({}, "", None, None),
])  # fmt: skip
def test_a_prediction_type_against_what_the_model_says_is_told_before_it_is_loaded(
    tmp_path: Path, marks: dict[str, tuple[int, ...]], header: str, said: str | None, against: str | None
) -> None:
    metadata = {"modelspec.prediction_type": header}
    model = write(tmp_path / "base.safetensors", {**SD1, **marks}, metadata)
    for wanted in ("auto", "epsilon", "v"):
        settings = ModelSettings(pretrained_model_name_or_path=str(model), v_parameterization=wanted)
        warnings = examine(configuration(tmp_path).model_copy(update={"model": settings})).warnings
        told = [found.params for found in warnings if found.code == "prediction_type_overridden"]
        assert told == ([{"file": str(model), "said": said, "wanted": wanted}] if wanted == against else [])


@pytest.mark.parametrize(
    ("thumbnail", "code"),
    [
        ("data:image/png;base64,AAAA", None), ("data:nonsense", "thumbnail_not_an_image"),
        ("gone", "thumbnail_unreadable"),
    ],
)
def test_a_thumbnail_that_is_no_picture_is_told_before_the_run(
    tmp_path: Path, images: Path, thumbnail: str, code: str | None
) -> None:
    config = configuration(tmp_path)
    output = config.output.model_copy(update={"metadata_thumbnail": thumbnail})
    assert codes(examine(config.model_copy(update={"output": output})))[0] == ([code] if code else [])


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3_000, "画" * 100, "a\0b"])
@pytest.mark.parametrize(
    ("section", "setting"),
    [
        ("model", "pretrained_model_name_or_path"), ("model", "vae"), ("dataset", "train_data_dir"),
        ("dataset", "reg_data_dir"), ("dataset", "in_json"), ("validation", "validation_data_dir"),
        ("algorithm", "network_weights"), ("output", "output_dir"), ("resume", "resume"),
    ],
)
def test_a_path_that_cannot_be_is_a_problem_like_one_that_is_not_there(
    tmp_path: Path, images: Path, section: str, setting: str, name: str
) -> None:
    config = configuration(tmp_path)
    changed = getattr(config, section).model_copy(update={setting: str(tmp_path / name)})
    found = examine(config.model_copy(update={section: changed}))
    assert any(str(tmp_path / name) in problem.text for problem in found.problems)


def test_everything_wrong_is_told_at_once(tmp_path: Path, images: Path) -> None:
    (images / "00.txt").write_bytes("ä".encode("cp1252"))
    (images / "01.png").write_bytes(b"")
    (tmp_path / "out").touch()
    config = configuration(tmp_path, bucket_reso_steps=512, resolution="256")
    config = config.model_copy(
        update={
            "model": ModelSettings(pretrained_model_name_or_path=str(tmp_path / "none.safetensors")),
            "samples": SampleSettings(sample_prompts="a dog --s many"),
        }
    )
    found = [p.code for p in examine(config).problems]
    expected = {"resolution_below_step", "output_not_writable", "caption_not_utf8", "image_unreadable"}
    assert expected < set(found)
    assert len(found) == 6


@pytest.mark.usefixtures("images")
def test_what_is_wrong_with_a_dataset_file_is_told_beside_all_else(tmp_path: Path) -> None:
    path = tmp_path / "images.toml"
    path.write_text("[[datasets]]\nresolutoin = 64\n[[datasets.subsets]]\nimage_dir = 'gone'\n", encoding="utf-8")
    config = configuration(tmp_path).model_copy(
        update={
            "dataset": DatasetSettings(dataset_config=str(path)), "samples": SampleSettings(sample_prompts="a --s x"),
        }
    )  # fmt: skip
    found = [p.code for p in examine(config).problems]
    assert {"dataset_key_unknown_near", "dataset_folder_missing"} < set(found)
    assert len(found) == 3


@pytest.mark.usefixtures("images")
def test_captions_of_regularisation_images_are_checked_if_there_are_any(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "reg", "1_dog", [(80, 64)])
    (folder / "00.txt").write_bytes("ä".encode("cp1252"))
    found = examine(configuration(tmp_path, reg_data_dir=str(tmp_path / "reg"))).problems
    assert [p.code for p in found] == ["caption_not_utf8"]


@pytest.mark.usefixtures("images")
def test_what_regularisation_protects_is_said_of_what_is_trained_on(tmp_path: Path) -> None:
    image_folder(tmp_path / "reg", "1_dog", [(80, 64)])
    config = configuration(tmp_path, reg_data_dir=str(tmp_path / "reg"))
    (notice,) = examine(config).notices
    assert (notice.code, notice.params["samples"]) == ("regularisation_protects", 4)
    split = config.validation.model_copy(update={"validation_split": 0.5})
    (notice,) = examine(config.model_copy(update={"validation": split})).notices
    assert notice.params["samples"] == 2


def test_a_wrong_model_and_a_wrong_vae_are_both_told(tmp_path: Path) -> None:
    settings = ModelSettings(pretrained_model_name_or_path=str(tmp_path / "a"), vae=str(tmp_path / "b"))
    texts = [p.text for p in examine(TrainConfig(model=settings)).problems]
    assert len(texts) == 2
    assert str(tmp_path / "a") in texts[0]
    assert str(tmp_path / "b") in texts[1]


def test_odd_captions_are_warnings(tmp_path: Path, images: Path) -> None:
    (images / "00.txt").write_text("", encoding="utf-8")
    (images / "01.txt").write_text("a\nb\n", encoding="utf-8")
    assert codes(examine(configuration(tmp_path))) == ([], ["captions_empty", "captions_with_several_lines"])


@pytest.mark.usefixtures("images")
def test_a_taken_name_is_numbered(tmp_path: Path) -> None:
    (tmp_path / "out" / "new").mkdir(parents=True)
    (tmp_path / "out" / "new" / "dog.safetensors").touch()
    findings = examine(configuration(tmp_path))
    assert codes(findings) == ([], ["output_name_taken"])
    assert findings.warnings[0].params["name"] == "dog-2"


@pytest.mark.usefixtures("images")
def test_a_write_protected_output_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, name: str) -> None:
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr(writable, "_try_name", refuse)
    (found,) = examine(configuration(tmp_path)).problems
    assert found.code == "output_not_writable"
    assert os.strerror(13) in found.text


def test_empty_settings_are_left_to_the_settings_check() -> None:
    assert not examine(TrainConfig()).problems


def test_no_torch_is_loaded() -> None:
    code = "import sys, train_core.facts.preflight, train_core.facts.run.steps; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_captions_in_another_encoding_are_one_message_for_each(tmp_path: Path) -> None:
    folder = image_folder(tmp_path / "images", "2_dog", [(64, 64)] * 14, "a dog")
    for number in range(14):
        encoding = "gbk" if number < 12 else "utf-16"
        (folder / f"{number:02d}.txt").write_text("一只可爱的小狗在草地上", encoding=encoding)
    found = {p.params["encoding"]: p for p in examine(configuration(tmp_path)).problems}
    assert {name: (p.code, p.params["count"]) for name, p in found.items()} == {
        "GBK": ("captions_not_utf8", 12), "UTF-16": ("captions_not_utf8", 2),
    }


@pytest.mark.skipif(os.name == "nt", reason="says what other systems do with Windows' paths")
def test_a_path_of_another_system_is_asked_for_instead_of_missed(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    dataset = config.dataset.model_copy(update={"train_data_dir": "F:\\images"})
    assert codes(examine(config.model_copy(update={"dataset": dataset}))) == (["path_of_another_system"], [])


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("x" * 250, "output_name_refused"), ("家" * 82, "output_name_refused"), ("家" * 76, None), ("x" * 214, None),
        ("nul\0", "output_name_refused"),
    ],
)
def test_a_name_that_is_too_long_for_what_is_written_is_refused_before_anything_is_loaded(
    tmp_path: Path, name: str, code: str | None
) -> None:
    config = configuration(tmp_path).model_copy(update={"samples": SampleSettings()})
    output = config.output.model_copy(update={"output_name": name})
    assert codes(examine(config.model_copy(update={"output": output}))) == ([code] if code else [], [])


@pytest.mark.usefixtures("images")
def test_a_name_that_only_its_sample_pictures_make_too_long_is_refused_with_prompts_alone(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    config = config.model_copy(update={"output": config.output.model_copy(update={"output_name": "x" * 225})})
    assert codes(examine(config))[0] == ["output_name_refused"]
    assert codes(examine(config.model_copy(update={"samples": SampleSettings()})))[0] == []


@pytest.mark.usefixtures("images")
@pytest.mark.parametrize("folder", ["x" * 300, "a/" + "家" * 90, "a\0b"])
def test_an_output_folder_that_no_drive_can_hold_is_refused(tmp_path: Path, folder: str) -> None:
    config = configuration(tmp_path)
    output = config.output.model_copy(update={"output_dir": str(tmp_path / folder)})
    assert codes(examine(config.model_copy(update={"output": output})))[0] == ["output_not_writable"]
    assert [path.name for path in tmp_path.iterdir()] == ["images"]
