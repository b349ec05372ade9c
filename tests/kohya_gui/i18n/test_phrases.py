"""Conditions and reasons are said in the language of the page, with nothing left in English."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kohya_gui.i18n.languages import languages
from kohya_gui.i18n.messages import JOBS, say, text, translate
from tests.kohya_gui.i18n.test_messages import CHINESE, FILES, LETTERS, OTHERS, calls, placeholders
from train_core.config.checks.consistency import contradictions
from train_core.config.conditions import ALWAYS, Condition, all_of, when, when_fact
from train_core.config.image_settings import DataSettings
from train_core.config.interop.unused_options import ANOTHER_METHOD, NOT_FOLLOWED, UNNEEDED
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.phrases import JOINTS, Phrase, from_plain, joined, setting_name, to_plain
from train_core.config.problems import Problem, UserError, problem
from train_core.config.setting import Setting
from train_core.config.syntax.coerce import bounds, expected, help_of
from train_core.config.syntax.stages import parse_stages
from train_core.events.kinds import WarningEvent
from train_core.events.log import EventLog, emit_problems
from train_core.events.reading import read_events
from train_core.facts.datasets.dataset_files import read_dataset_file

SETTINGS = {f"{job.job_name}.{s.name}": s for job in JOBS for s in job.settings()}
CONDITIONAL = {name: s for name, s in SETTINGS.items() if s.applies_to != ALWAYS}
WORD = re.compile(r"(?<![\w.+-])[A-Za-z_][\w.+-]*", re.ASCII)  # not the e of 1e+06
# Words that people of the field write in Chinese as in English, beside the names of settings and their values.
TERMS = {
    "U-Net", "VAE", "LoRA", "LoKr", "DyLoRA", "DoRA", "OFT", "CLIP", "SDXL", "epsilon", "v", "key", "value", "true",
    "false", "True", "FSDP", "PyTorch", "Python", "TorchScript", "Crucible", "LyCORIS", "textual", "inversion",
    "Windows", "Ctrl-C", "EDM", "CosXL", "accelerate_config", "SD", "LECO", "ControlNet-LLLite", "fp8",
    "image_path", "embedding", "hypernetwork", "latents", "dropout", "Dropout", "Alpha", "alpha",
}  # fmt: skip
NAMES = {s.name for s in SETTINGS.values()}


def english_in(said: str, spared: set[str]) -> set[str]:
    """The words of `said` that are neither names of settings, nor terms of the field, nor `spared`."""
    return set(WORD.findall(said)) - NAMES - TERMS - spared


def spared_of(condition: Condition, language: str) -> set[str]:
    """The words of the labels and values that a condition shows as they are in every language."""
    shown = [text(f"setting.{name}.label", language) for name in condition.settings]
    values = [str(v) for part in getattr(condition, "parts", (condition,)) for v in getattr(part, "accepted", ())]
    return {word for said in (*shown, *values) for word in WORD.findall(said)}


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("s", CONDITIONAL.values(), ids=CONDITIONAL)
def test_a_condition_is_said_in_every_language_with_labels_and_names(s: Setting, language: str):
    said = say(s.applies_to.words, language)
    assert LETTERS[language].search(said)
    assert "{" not in said
    assert not english_in(said, spared_of(s.applies_to, language)), said
    for name in s.applies_to.settings:
        assert f"{text(f'setting.{name}.label', language)}（{name}）" in said


@pytest.mark.parametrize("s", CONDITIONAL.values(), ids=CONDITIONAL)
def test_a_condition_names_its_settings_in_english(s: Setting):
    english = say(s.applies_to.words, "en")
    assert english == str(s.applies_to.words)
    assert not CHINESE.search(english)
    assert all(name in english for name in s.applies_to.settings)


@pytest.mark.parametrize("s", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("language", languages())
def test_what_is_quoted_of_a_setting_is_said_in_every_language(s: Setting, language: str):
    said = [say(words, language) for words in (expected(s), bounds(s), help_of(s))]
    if language == "en":
        assert said == [expected(s), bounds(s), s.help]
    else:
        assert not english_in(said[0], set()) | english_in(said[1], set())
        assert said[2] == text(f"setting.{s.name}.help", language)


@pytest.mark.parametrize("language", OTHERS)
def test_facts_are_said_in_every_language(language: str):
    for condition in (when_fact("family", "SDXL"), when_fact("prediction_type", "epsilon", "v_prediction")):
        said = say(condition.words, language)
        assert LETTERS[language].search(said)
        assert not english_in(said, set())


@pytest.mark.parametrize("template", {code: template for _, code, template in calls("phrase")}.items(), ids=str)
@pytest.mark.parametrize("language", languages())
def test_every_phrase_is_said_in_every_language(template: tuple[str, str], language: str):
    code, english = template
    params = dict.fromkeys(placeholders(english), "7")
    said = say(Phrase(english.format(**params), code, params), language)
    assert "{" not in said
    if language != "en":
        assert not english_in(said, set()), said
        assert said.count("7") == len(params)


def words_put_in(path: Path) -> Iterator[str]:
    """English words that a call of `problem` or `phrase` in `path` puts into its text other than as a phrase."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("problem", "phrase"):
            waiting: list[ast.AST] = [word.value for word in node.keywords if word.arg != "example"]
            while waiting:
                part = waiting.pop()
                if isinstance(part, ast.Call) and getattr(part.func, "id", "") == "phrase":
                    continue
                if isinstance(part, ast.Constant) and re.search(r"[a-z]{2} [a-z]{2}", str(part.value)):
                    yield f"{path.name}:{node.lineno}: {part.value}"
                waiting += ast.iter_child_nodes(part)


def test_no_message_is_filled_in_with_words_that_stay_english():
    assert [found for path in FILES for found in words_put_in(path)] == []


@pytest.mark.parametrize("joint", JOINTS)
def test_every_way_to_join_a_list_is_said_in_every_language(joint: str):
    assert say(joined(joint, [1, 2]), "en") == f"1{JOINTS[joint]}2"
    assert not any(WORD.search(say(joined(joint, [1, 2]), language)) for language in OTHERS)


def reasons(folder: Path) -> Iterator[Problem]:
    """Messages that hold a reason, a list in words, or a place."""
    for stages in ("1e-4,1e-5", "1e-4:100,1e-5:50", "fast", "1e-4:soon"):
        with pytest.raises(UserError) as caught:
            parse_stages(stages, "lr_stages")
        yield from caught.value.problems
    fused = {"fused_backward_pass": True, "gradient_accumulation_steps": 2, "num_processes": 2}
    yield from contradictions(TrainConfig.from_flat(fused))
    yield from contradictions(TrainConfig.from_flat({"optimizer_type": "Prodigy", "unet_lr": 1.0}))
    yield from parse_values(TrainConfig, {"network_dim": 0, "learning_rate": "x"}, "x").errors
    dataset = folder / "data.toml"
    dataset.write_text(
        '[[datasets]]\nresolution = 60\n[[datasets.subsets]]\nnum_repeats = "x"\nclass_tokens = "a"\n',
        encoding="utf-8",
    )
    yield from read_dataset_file(dataset, DataSettings()).problems


@pytest.mark.parametrize("language", OTHERS)
def test_reasons_are_said_in_every_language(language: str, tmp_path: Path):
    found = list(reasons(tmp_path))
    assert len(found) >= 10
    for one in found:
        said = translate(one, language)
        assert not re.search(
            r"\b(and|or|only|the|no|has|works|of|number|whole|subset|expected|is)\b", said.replace(str(tmp_path), "")
        ), said


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize("table", [ANOTHER_METHOD, NOT_FOLLOWED, UNNEEDED], ids=["method", "refused", "unneeded"])
def test_why_an_option_of_sd_scripts_is_not_followed_is_said_in_every_language(table: dict[str, Phrase], language: str):
    for reason in table.values():
        assert LETTERS[language].search(say(reason, language)) or reason.code == "textual_inversion", reason


def test_a_phrase_survives_the_events_of_a_run(tmp_path: Path):
    log = EventLog(tmp_path / "events.jsonl")
    condition = all_of(when("enable_bucket", True), when("LoRA_type", "LoRA", "LoHa")).words
    emit_problems(log.write, WarningEvent, [problem("x", "{condition} {path}", condition=condition, path=tmp_path)])
    log.close()
    line = json.loads((tmp_path / "events.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    assert line["text"] == f"{condition} {tmp_path}"
    assert (line["params"]["condition"]["text"], line["params"]["path"]) == (str(condition), str(tmp_path))
    event = read_events(tmp_path / "events.jsonl")[-1]
    assert isinstance(event, WarningEvent)
    assert say(event.problem.params["condition"], "zh-CN") == say(condition, "zh-CN")


def test_events_of_earlier_versions_are_said_in_chinese_too():
    params = {
        "name": "conv_alpha", "value": "2.0", "source": "x.toml", "condition": "conv_dim is set",
    }  # fmt: skip
    chinese = translate(WarningEvent("not_applicable", "English", params).problem, "zh-CN")
    assert "conv_dim" in chinese
    assert " is set" not in chinese


@pytest.mark.parametrize(
    "params",
    [{}, {"condition": {"code": "or", "text": "a or b"}}, {"condition": {"code": "is_set", "text": "x", "params": 3}}],
)
def test_a_message_whose_parameters_do_not_fit_stays_english(params: dict[str, Any]):
    event = WarningEvent("not_applicable", "English", params)
    assert translate(event.problem, "zh-CN") == "English"
    assert say(from_plain({"code": "is_set", "text": "x", "params": 3}), "zh-CN") == "x"


@pytest.mark.parametrize("value", [1, 0.5, "text", None, True, [1, "a"], {"a": 1}, {"code": 3, "text": "a"}])
def test_plain_parameters_stay_as_they_are(value: Any):
    assert from_plain(json.loads(json.dumps(to_plain(value)))) == value


def test_a_phrase_is_its_english_text_wherever_text_is_wanted():
    assert f"{setting_name('network_dim')}!" == "network_dim!"
    assert joined("or", ["a", "b"]) == "a or b"
