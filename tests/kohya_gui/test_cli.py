"""Command lines are understood, passed on completely, or answered with one line that names the nearest known word."""

import subprocess
import sys
import types
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kohya_gui import cli
from kohya_gui.job_help import MOST_USED, SECTIONS
from tests.tiers import TIERS
from train_core.config.jobs import table
from train_core.config.jobs.table import job_of
from train_core.config.jobs.train import TrainConfig

APP = Path(__file__).parents[2]


@pytest.fixture
def called(monkeypatch):
    """Arguments with which the page, the demo and the training were called."""
    calls = {}

    def remember(name, code=0):
        def call(*arguments):
            calls[name] = arguments
            return code

        return call

    app, terminal = types.ModuleType("kohya_gui.server.app"), types.ModuleType("kohya_gui.runs.terminal")
    app.serve, terminal.demo, terminal.run = remember("serve"), remember("demo"), remember("run", 3)
    for module in (app, terminal):
        monkeypatch.setitem(sys.modules, module.__name__, module)
        parent, _, name = module.__name__.rpartition(".")
        monkeypatch.setattr(sys.modules[parent] if parent in sys.modules else __import__(parent, fromlist=["x"]),
                            name, module, raising=False)
    return calls


def test_no_word_opens_the_page_in_a_browser(called):
    assert cli.main([]) == 0
    assert called["serve"] == (cli.PageOptions(),)
    assert called["serve"][0].inbrowser


@pytest.mark.parametrize(
    ("word", "job"), [("find-rate", "find_rate"), ("try", "try"), ("class-images", "class_images")]
)
def test_jobs_beside_a_training_take_what_training_takes(called, tmp_path, word, job):
    (tmp_path / "c.toml").touch()
    assert cli.main([word, str(tmp_path / "c.toml"), "--find_rate_steps", "50"]) == 3
    assert called["run"] == (job, tmp_path / "c.toml", {"find_rate_steps": "50"})


def test_a_tool_takes_its_settings_by_name(called, tmp_path):
    assert cli.main(["tool", "resize_lora", "--adapter", "a.safetensors", "--tool_rank=4", "--overwrite"]) == 3
    expected = {"adapter": "a.safetensors", "tool_rank": "4", "overwrite": "true"}
    assert called["run"] == ("resize_lora", None, expected)


def test_a_tool_s_relative_paths_are_those_of_the_folder_one_is_in(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    (tmp_path / "a.safetensors").write_bytes(b"no adapter")
    assert cli.main(["tool", "inspect", "--inspected", "a.safetensors"]) == 1
    assert str(tmp_path / "a.safetensors") in capfd.readouterr().out


def test_an_unknown_tool_is_told_with_those_there_are(capsys):
    assert cli.main(["tool", "resize"]) == cli.USAGE_ERROR
    assert "resize_lora" in capsys.readouterr().err


def test_every_page_flag_reaches_the_page(called, tmp_path):
    preset = tmp_path / "mein préset.json"
    preset.write_text("{}")
    typed = ["--listen", "0.0.0.0", "--server_port", "7999", "--allow-host", "a.example", "--allow_host=b.example:8443",
             "--root_path", "/crucible", "--headless", "--share", "--username", "ann",
             "--password", "secret", "--language", "zh-CN", "--config", str(preset)]
    assert cli.main(typed) == 0
    assert called["serve"] == (cli.PageOptions(
        listen="0.0.0.0", server_port=7999, allow_host=("a.example", "b.example:8443"), root_path="/crucible",
        headless=True, inbrowser=False, share=True, username="ann",
        password="secret", language="zh-CN", config=preset,
    ),)


@pytest.mark.parametrize(
    ("typed", "tag"),
    [("zh-CN", "zh-CN"), ("ZH_cn", "zh-CN"), ("zh", "zh-CN"), ("zh-TW", "zh-TW"), ("zh_HK", "zh-TW"), ("en-GB", "en")],
)
def test_a_language_may_be_written_as_people_write_it(called, typed, tag):
    assert cli.main(["--language", typed]) == 0
    assert called["serve"][0].language == tag


@pytest.mark.parametrize("typed", ["fr", "french", "-", "中文"])
def test_a_language_that_is_not_there_is_refused_with_those_that_are(called, capsys, typed):
    assert cli.main(["--language", typed]) == cli.USAGE_ERROR
    said = capsys.readouterr().err
    assert all(tag in said and name in said for tag, name in cli.languages().items())
    assert repr(typed) in said
    assert "serve" not in called


def test_allowed_hosts_may_come_from_the_environment(called, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_ALLOW_HOST", "a.example, b.example:8443,")
    cli.main(["--allow-host", "c.example"])
    assert called["serve"][0].allow_host == ("c.example", "a.example", "b.example:8443")


def test_a_host_that_is_none_is_named_before_the_page_starts(called, capsys):
    assert cli.main(["--allow-host", "a b"]) == cli.USAGE_ERROR
    assert "'a b'" in capsys.readouterr().err
    assert "serve" not in called


@pytest.mark.parametrize(("typed", "opens"), [
    (["--headless"], False), (["--headless", "--inbrowser"], True), (["--no-inbrowser"], False),
])
def test_a_headless_machine_opens_no_browser_unless_told_to(called, typed, opens):
    cli.main(typed)
    assert called["serve"][0].inbrowser is opens


def test_the_password_may_come_from_the_environment(called, monkeypatch):
    monkeypatch.setenv("CRUCIBLE_PASSWORD", "hidden")
    cli.main(["--username", "ann"])
    assert called["serve"][0].password == "hidden"


def test_the_demo_is_told_where_to_put_its_results(called, tmp_path):
    assert cli.main(["demo", "--output_dir", str(tmp_path)]) == 0
    assert called["demo"] == (tmp_path,)


def test_train_hands_on_every_override_by_name_and_the_exit_code(called, tmp_path):
    config = tmp_path / "a.toml"
    config.write_text("")
    typed = ["train", str(config), "--unet_lr", "-1e-4", "--prompt=a b=c", "--flip_aug", "--seed", "7"]
    assert cli.main(typed) == 3
    assert called["run"] == ("train", config, {"unet_lr": "-1e-4", "prompt": "a b=c", "flip_aug": "true", "seed": "7"})


@pytest.mark.parametrize(("word", "found"), [
    ("bot", "20260102-000000-bot"), ("20260101-000000-bot", "20260101-000000-bot"), ("mybo", "20260103-000000-mybot"),
    ("1", "20260103-000000-mybot"), ("HOME/runs/20260101-000000-bot", "20260101-000000-bot"),
])  # fmt: skip
def test_a_run_to_resume_is_found_by_its_name_the_newest_first(
    called, tmp_path, monkeypatch: pytest.MonkeyPatch, word: str, found: str
):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    for name in ("20260101-000000-bot", "20260102-000000-bot", "20260103-000000-mybot"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.toml").touch()
    cli.main(["train", word.replace("HOME", str(tmp_path)), "--resume", "last"])
    assert called["run"] == ("train", tmp_path / "runs" / found / "config.toml", {"resume": "last"})


@pytest.mark.parametrize(("word", "says"), [("owl", "'owl' is not a run"), ("bo", "may be any of")])
def test_a_run_to_resume_that_is_not_there_or_one_of_several_is_told(
    called, tmp_path, monkeypatch: pytest.MonkeyPatch, capsys, word: str, says: str
):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path))
    for name in ("20260101-000000-bot", "20260103-000000-mybot"):
        (tmp_path / "runs" / name).mkdir(parents=True)
        (tmp_path / "runs" / name / "config.toml").touch()
    assert cli.main(["train", word, "--resume", "last"]) == 2
    assert says in capsys.readouterr().err
    assert "run" not in called


def test_train_takes_set_up_flags_for_itself(called, tmp_path):
    config = tmp_path / "a.toml"
    config.write_text("")
    cli.main(["train", "--torch-index-url", "https://example.org/whl", "--seed", "7", str(config)])
    assert called["run"] == ("train", config, {"seed": "7"})


NAME = st.from_regex(r"[a-z][a-z_]{0,10}", fullmatch=True)
VALUE = st.text(min_size=1).filter(lambda value: not value.startswith("--"))


@given(st.dictionaries(NAME.filter(lambda name: name not in ("help", "wheels")), VALUE), st.booleans())
def test_any_override_comes_through_unchanged(overrides, joined):
    words = [word for name, value in overrides.items()
             for word in ([f"--{name}={value}"] if joined else [f"--{name}", value])]
    assert cli.split_overrides(["c.toml", *words], cli.parser_for("train")) == (["c.toml"], overrides)


@pytest.mark.parametrize(("typed", "nearest"), [
    (["trian"], "train"), (["demos"], "demo"), (["--listn", "1.2.3.4"], "--listen"), (["--server-port", "1"],
     "--server_port"), (["demo", "--outputdir=x"], "--output_dir"), (["update", "--wheel", "x"], "--wheels"),
])
def test_an_unknown_word_or_flag_gives_one_line_with_the_nearest_known(typed, nearest, capsys):
    assert cli.main(typed) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and f"did you mean {nearest!r}" in captured.err
    assert not captured.out


@pytest.mark.parametrize(("typed", "says"), [
    (["--server_port", "0"], "1 to 65535"), (["--server_port", "many"], "1 to 65535"), (["--listen"], "expected one"),
    (["train"], "CONFIG"), (["train", "nowhere.toml"], "There is no file"), (["--config", "nowhere.json"], "no file"),
    (["--username", "ann"], "go together"), (["--password", "x"], "go together"), (["demo", "extra"], "extra"),
    (["zzzzzz"], "page, demo, train, find-rate, try, class-images, grid, score, tool, import, test, check, update"),
    (["--list", "1.2.3.4"], "Unknown flag"),
])
def test_what_cannot_work_is_one_line_and_exit_code_2(typed, says, capsys, monkeypatch):
    monkeypatch.delenv("CRUCIBLE_PASSWORD", raising=False)
    assert cli.main(typed) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and says in captured.err


def test_a_wrong_command_line_is_told_before_any_set_up(monkeypatch, capsys):
    monkeypatch.setattr(cli.environment_start, "hand_over", lambda *_: pytest.fail("set-up began"))
    assert cli.main(["train", "nowhere.toml"], build_environment=True) == 2
    assert cli.main(["--listn"], build_environment=True) == 2


@pytest.mark.parametrize(("word", "tests"), [("demo", False), ("test", True), ("check", True)])
def test_only_test_and_check_ask_for_the_test_tools(monkeypatch, word, tests):
    asked = []
    monkeypatch.setattr(cli.environment_start, "hand_over", lambda wishes, typed: asked.append((wishes, typed)) or 5)
    typed = [word, "--wheels", "/w", "--torch-index-url", "https://example.org"]
    assert cli.main(typed, build_environment=True) == 5
    assert asked == [(cli.environment.Wishes("https://example.org", "/w", tests), typed)]


def test_a_failing_set_up_is_told_in_words_with_exit_code_1(monkeypatch, capsys):
    def fail(*_):
        raise cli.SetupError("The disk is full.")

    monkeypatch.setattr(cli.environment_start, "hand_over", fail)
    assert cli.main(["demo"], build_environment=True) == 1
    assert capsys.readouterr().err == "The disk is full.\n"


def test_pytest_gets_what_follows_the_word_test(monkeypatch):
    ran = []
    monkeypatch.setattr("kohya_gui.developer.run_module", lambda *arguments: ran.append(arguments) or 4)
    assert cli.main(["test", "-k", "cli and not slow", "--wheels", "w", "tests/kohya_gui"]) == 4
    assert ran == [("pytest", "-k", "cli and not slow", "tests/kohya_gui")]


@pytest.mark.parametrize("tier", TIERS)
def test_a_tier_after_the_word_test_runs_that_tier_alone(monkeypatch, tier):
    ran = []
    monkeypatch.setattr("kohya_gui.developer.run_module", lambda *arguments: ran.append(arguments) or 0)
    assert cli.main(["test", tier, "-x"]) == 0
    assert ran == [("pytest", "-m", tier, "-x")]


def test_check_runs_everything_and_names_what_failed(monkeypatch, capsys):
    ran = []
    monkeypatch.setattr("kohya_gui.developer.run_module", lambda tool, *_: ran.append(tool) or tool == "mypy")
    assert cli.main(["check"]) == 1
    assert ran == ["ruff", "mypy", "codespell_lib", "pytest"]
    assert "mypy found something" in capsys.readouterr().out


HELP_THEN_NAME_WHAT_IS_HEAVY = """
import sys
from kohya_gui import cli
try:
    cli.main(sys.argv[1:])
except SystemExit as end:
    heavy = {"torch", "gradio", "pydantic", "numpy"} & set(sys.modules)
    sys.exit(str(heavy) if heavy else end.code)
"""


@pytest.mark.parametrize("word", ["", *cli.words()])
def test_help_answers_for_every_word_without_loading_anything_heavy(word):
    typed = [*([word] if word else []), "--help"]
    done = subprocess.run([sys.executable, "-c", HELP_THEN_NAME_WHAT_IS_HEAVY, *typed], cwd=APP, text=True,
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    if not word:
        assert all(known in done.stdout for known in cli.words())


@pytest.mark.parametrize("typed", [
    ["--adapters", "a", "--adapters", "b"], ["--adapters", "a", "b"], ["--adapters=a", "--adapters=b"],
    ["--adapters", "a", "--overwrite", "--adapters", "b"],
])
def test_a_list_keeps_every_value_that_it_is_given(called, typed):
    assert cli.main(["tool", "merge_lora", *typed, "--strengths", "0.5", "-0.5"]) == 3
    overrides = called["run"][2]
    assert overrides["adapters"] == ["a", "b"]
    assert overrides["strengths"] == ["0.5", "-0.5"]


def test_the_file_may_stand_behind_a_flag(called, tmp_path):
    (tmp_path / "c.toml").touch()
    assert cli.main(["train", "--seed", "7", str(tmp_path / "c.toml"), "--base_weights", "a", "b"]) == 3
    assert called["run"] == ("train", tmp_path / "c.toml", {"seed": "7", "base_weights": ["a", "b"]})


@pytest.mark.parametrize("form", ['"{}"', "'{}'", " {} ", "file://{}"])
def test_a_pasted_path_is_cleaned(called, tmp_path, form):
    (tmp_path / "c.toml").touch()
    assert cli.main(["train", form.format(tmp_path / "c.toml")]) == 3
    assert called["run"][1] == tmp_path / "c.toml"


def test_both_files_of_a_repeated_list_are_merged_or_missed(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    typed = ["--adapters", "a.safetensors", "--adapters", "b.safetensors", "--save_to", "c.safetensors"]
    assert cli.main(["tool", "merge_lora", *typed]) == 1
    assert str(tmp_path / "a.safetensors") in capfd.readouterr().out
    settings = next((tmp_path / "home" / "tools").rglob("config.toml")).read_text(encoding="utf-8")
    assert str(tmp_path / "a.safetensors") in settings and str(tmp_path / "b.safetensors") in settings


@pytest.mark.parametrize("word", ["train", "find-rate", "try", "class-images"])
def test_the_help_of_a_job_names_the_settings_used_most_and_the_sections_of_all(word):
    shown = cli.parser_for(word).format_help()
    declared = {s.name for s in TrainConfig.settings()}
    assert declared >= MOST_USED.keys()
    assert all(f"--{name} " in shown for name in MOST_USED)
    assert tuple(section.title for section in TrainConfig.sections().values()) == SECTIONS
    assert all(title in shown for title in SECTIONS)
    assert "docs/settings.md" in shown
    assert max(map(len, shown.splitlines())) <= 120


@pytest.mark.parametrize(("word", "name"), [("grid", "draw_grid"), ("score", "score")])
def test_the_help_of_a_tool_with_a_word_of_its_own_names_its_settings(word, name):
    shown = cli.parser_for(word).format_help()
    (used,) = (row.used for row in table.tools() if row.name == name)
    assert {s.name for s in table.job_of(name).settings()} >= used.keys() != set()
    assert all(f"--{setting} " in shown for setting in used)
    assert "--network_dim" not in shown and "--resume" not in shown


def test_the_help_of_tools_shows_how_one_is_used():
    shown = cli.parser_for("tool").format_help()
    for line in (line.split() for line in shown.splitlines() if line.startswith("  tool ")):
        declared = {s.name for s in job_of(line[1]).settings()}
        assert {word[2:] for word in line if word.startswith("--")} <= declared, line


@pytest.mark.parametrize(("typed", "says"), [
    (["inspect", "--adapter"], "Its settings are: inspected."),
    (["inspect", "--inspected"], "--inspected needs a value"),
    (["resize_lora", "--adapter", "--tool_rank", "4"], "--adapter needs a value"),
    (["merge_lora", "--adapters", "--save_to", "x"], "--adapters needs a value"),
])
def test_a_setting_without_its_value_and_one_of_another_tool_are_told(typed, says, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    assert cli.main(["tool", *typed]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "home" / "tools").exists()


def test_a_file_without_its_setting_s_name_is_told_how_settings_are_given(capsys):
    assert cli.main(["tool", "inspect", "a.safetensors"]) == cli.USAGE_ERROR
    assert "--name value" in capsys.readouterr().err


def test_a_text_of_training_without_its_value_is_told(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("CRUCIBLE_HOME", str(tmp_path / "home"))
    (tmp_path / "c.toml").touch()
    assert cli.main(["train", str(tmp_path / "c.toml"), "--output_name", "--flip_aug"]) == 1
    assert "--output_name needs a value" in capsys.readouterr().err
