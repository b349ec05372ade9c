"""Every text of the page exists in every language, and says the same placeholders."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import kohya_gui
import train_core
from kohya_gui.i18n.languages import ENGLISH, languages, texts_in
from kohya_gui.i18n.messages import JOBS, dictionary, page_translations, text, translate
from train_core.config.jobs.train import TrainConfig
from train_core.config.parse import parse_values
from train_core.config.phrases import JOINTS
from train_core.config.problems import Problem, problem
from train_core.events.stages import STAGES

PACKAGES = [Path(package.__file__).parent for package in (kohya_gui, train_core)]
FILES = [path for package in PACKAGES for path in sorted(package.rglob("*.py"))]
JOINED = {f"joint.{joint}" for joint in JOINTS}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
LETTERS = {language: JAPANESE if language == "ja" else CHINESE for language in languages() if language != ENGLISH}
OTHERS = list(LETTERS)
# Names, signs and abbreviations, which need no translation.
SAME_IN_EVERY_LANGUAGE = {
    "setting.vae.label", "setting.merged_vae.label", "setting.dora_wd.label", "setting.merge_alpha.label",
    "setting.huber_c.label", "setting.min_snr_gamma.label", "ui.tab.tensorboard", "ui.rate.tenth", "ui.preset.program",
    "ui.plan.part.unet", "ui.fact.sha256", "ui.fact.autov2", "ui.column.fact", "phrase.stage_begins",
    "phrase.import_lllite",
}  # fmt: skip


def calls(function: str) -> Iterator[tuple[str, str, str]]:
    """(place, code, template) of every call of `problem` or `phrase` in the program."""
    for place, node in calls_by_name()[function]:
        texts = [argument.value for argument in node.args[:2] if isinstance(argument, ast.Constant)]
        assert len(texts) == 2, f"{place}: code and template of a {function} must be literal"
        yield place, *texts


@cache
def calls_by_name() -> dict[str, list[tuple[str, ast.Call]]]:
    """Every call of `problem` and `phrase` in the program, with its place: parsing all files takes seconds."""
    found: dict[str, list[tuple[str, ast.Call]]] = {"problem": [], "phrase": []}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in found:
                found[name].append((f"{path.name}:{node.lineno}", node))
    return found


def placeholders(template: str) -> set[str]:
    return set(re.findall(r"{(\w+)", template))


@pytest.mark.parametrize("language", OTHERS)
@pytest.mark.parametrize(("function", "prefix"), [("problem", "message"), ("phrase", "phrase")])
def test_every_message_is_translated_with_the_same_placeholders(function: str, prefix: str, language: str):
    texts = texts_in(language)
    wrong = [
        f"{place} {code}: {template!r} -> {texts.get(f'{prefix}.{code}')!r}"
        for place, code, template in calls(function)
        if f"{prefix}.{code}" not in texts or placeholders(texts[f"{prefix}.{code}"]) != placeholders(template)
    ]
    assert not wrong, "\n" + "\n".join(wrong)


@pytest.mark.parametrize("function", ["problem", "phrase"])
def test_one_code_has_one_set_of_placeholders(function: str):
    seen: dict[str, set[str]] = {}
    for place, code, template in calls(function):
        assert seen.setdefault(code, placeholders(template)) == placeholders(template), (place, code)


@pytest.mark.parametrize("language", OTHERS)
def test_no_translation_is_left_over(language: str):
    known = {f"message.{code}" for _, code, _ in calls("problem")}
    known |= {f"phrase.{code}" for _, code, _ in calls("phrase")} | {"phrase.setting"}
    known |= set(dictionary(ENGLISH)) | JOINED
    assert set(texts_in(language)) - known == set()


@pytest.mark.parametrize("language", OTHERS)
def test_every_setting_section_and_page_text_is_translated(language: str):
    assert (set(dictionary(ENGLISH)) | JOINED) - set(texts_in(language)) == set()


@pytest.mark.parametrize("language", OTHERS)
def test_page_texts_have_the_same_placeholders_in_every_language(language: str):
    for key, english in dictionary(ENGLISH).items():
        if key.startswith("ui."):
            assert placeholders(text(key, language)) == placeholders(english), key


@pytest.mark.parametrize("language", OTHERS)
def test_page_texts_have_the_same_marks_in_every_language(language: str):
    def marks(said: str) -> list[str]:
        return re.findall(r"^#+ |^\d\. |\*\*|`|</?(?:a|b|code|i|br|p|li|ol|ul)\b[^>]*>", said, re.MULTILINE)

    for key, english in dictionary(ENGLISH).items():
        if key.startswith("ui."):
            assert marks(text(key, language)) == marks(english), key


def test_every_help_text_is_in_its_language():
    for s in TrainConfig.settings():
        for language, letters in LETTERS.items():
            assert letters.search(text(f"setting.{s.name}.help", language)), (language, s.name)


@pytest.mark.parametrize("language", OTHERS)
def test_a_text_differs_from_the_english_one_unless_it_is_a_name(language: str):
    english = dictionary(ENGLISH) | {f"message.{code}": template for _, code, template in calls("problem")}
    english |= {f"phrase.{code}": template for _, code, template in calls("phrase")}
    same = {key for key, said in texts_in(language).items() if english.get(key) == said}
    assert same <= SAME_IN_EVERY_LANGUAGE


@pytest.mark.parametrize("language", OTHERS)
def test_a_setting_is_never_named_by_its_raw_name_alone(language: str):
    """Its label goes with it; only `name = value`, which is code, may stand for itself."""
    names = "|".join(sorted((name for name in labels(language) if "_" in name), key=len, reverse=True))
    alone = re.compile(rf"(?<![\w（{{])(?:{names})(?!\w|）| = )|（(?:{names})(?!\w|）)")
    assert {key: said for key, said in texts_in(language).items() if alone.search(said)} == {}


@pytest.mark.parametrize("language", OTHERS)
def test_a_label_beside_a_raw_name_is_that_of_the_field(language: str):
    known = labels(language)
    wrong = [
        (key, name)
        for key, said in texts_in(language).items()
        for name in re.findall(r"（(\w+)）", said)
        if name in known and f"{known[name]}（{name}）" not in said
    ]
    assert wrong == []


def labels(language: str) -> dict[str, str]:
    """The label of each setting by its name."""
    return {s.name: text(f"setting.{s.name}.label", language) for job in JOBS for s in job.settings()}


def test_every_key_that_the_page_asks_for_exists():
    asked = {
        found
        for path in PACKAGES[0].rglob("*.py")
        for found in re.findall(r'"(ui\.[\w.]+)"', path.read_text(encoding="utf-8"))
    }
    assert asked
    assert asked - set(dictionary("en")) == set()


@pytest.mark.parametrize("language", languages())
def test_every_status_and_stage_has_a_name(language: str):
    for status in ("queued", "running", "stopping", "completed", "stopped", "failed", "lost"):
        assert text(f"ui.status.{status}", language)
    for stage in STAGES:
        assert text(f"ui.stage.{stage}", language)


def test_a_message_is_found_by_its_code_and_not_by_its_english():
    found = problem("no_such_preset", "Words that stand in no dictionary: {name}", name="mine")
    assert "mine" in translate(found, "zh-CN")
    assert CHINESE.search(translate(found, "zh-CN"))


def test_a_message_without_translation_stays_english():
    assert translate(Problem("of_a_later_version", "Something new.", {}), "zh-CN") == "Something new."


def test_a_message_that_quotes_a_settings_help_quotes_it_translated():
    given = {"name": "output_name", "value": "a/b", "source": "x", "help": "Some English.", "default": "lora"}
    chinese = translate(Problem("bad_format", "English", given), "zh-CN")
    assert text("setting.output_name.help", "zh-CN") in chinese
    assert "Some English" not in chinese


def test_reasons_in_words_are_translated_too():
    values = {"network_dim": "many", "learning_rate": 200, "bucket_reso_steps": 12}
    unused = parse_values(TrainConfig, {"lr_scheduler_num_cycles": 3, "sample_at_first": True}, "表单").warnings
    found = (*parse_values(TrainConfig, values, "表单").errors, *unused)
    assert len(found) == 5
    for message in (translate(p, "zh-CN") for p in found):
        assert not re.search(r"\b(and|or|is|on|whole|number|multiple|the)\b", message), message


def test_the_browser_gets_no_server_messages():
    for texts in page_translations().values():
        assert not [key for key in texts if key.startswith(("message.", "phrase.", "joint."))]
        assert texts["ui.start"]


@pytest.mark.parametrize(("images", "said"), [(1, "1 image × 1 repeat"), (2, "2 images × 2 repeats"), ("1", "1 image")])
def test_one_is_no_plural(images: object, said: str):
    assert text("ui.steps.images", "en", images=images, repeats=images).startswith(said)


def test_no_english_text_of_the_page_puts_a_number_before_a_plural():
    """`{count:plural}` is there for these; what may stay is named below."""
    never_one = {"ui.opened.console.last", "ui.run.per_second", "ui.cure.caption_files"}
    nouns = "images|files|steps|epochs|problems|pictures|settings|lines|rows|folders|repeats|times|runs"
    found = [key for key, value in texts_in(ENGLISH).items()
             if key.startswith("ui.") and re.search(rf"{{\w+}} (\w+ )?({nouns})\b", value)]
    assert set(found) == never_one
