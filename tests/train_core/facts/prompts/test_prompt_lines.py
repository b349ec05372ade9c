"""Sample prompts: what the flags mean, where prompts come from, and that every bad line is named at once."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from train_core.config.interop.sampler_words import SPACINGS
from train_core.config.problems import UserError
from train_core.facts.prompts.prompt_lines import SAMPLERS, PromptDefaults, SamplePrompt, parse_prompts

DEFAULTS = PromptDefaults(128, 192, "euler")


def codes(text, **kwargs):
    with pytest.raises(UserError) as caught:
        parse_prompts(text, DEFAULTS, **kwargs)
    return [(p.code, p.params.get("line")) for p in caught.value.problems]


def test_a_bare_line_takes_the_training_size_and_the_usual_defaults():
    assert parse_prompts("a cat", DEFAULTS) == [SamplePrompt("a cat", "", 128, 192, None, 30, 7.5, "euler")]


def test_every_flag_is_read():
    line = "a cat, red --n bad, ugly (worst:1.2) --w 520 --h 30 --d 42 --l 4.5 --s 12 --ss DPM_2_a --sc Karras"
    expected = SamplePrompt("a cat, red", "bad, ugly (worst:1.2)", 520, 64, 42, 12, 4.5, "dpm_2_a", "karras")
    assert parse_prompts(line, DEFAULTS) == [expected]


def test_sizes_are_rounded_down_to_multiples_of_eight():
    prompt = parse_prompts("a --w 511 --h 519", DEFAULTS)[0]
    assert (prompt.width, prompt.height) == (504, 512)


@pytest.mark.parametrize(
    ("resolution", "size"), [("512,768", (512, 768)), ("128", (128, 128)), (" 100 , 30 ", (96, 64))]
)
def test_default_size_follows_the_training_resolution(resolution, size):
    defaults = PromptDefaults.at(resolution, "ddim")
    assert (defaults.width, defaults.height, defaults.sampler) == (*size, "ddim")


def test_comments_and_empty_lines_are_left_out():
    assert [p.prompt for p in parse_prompts("# note\n\na\r\n  # b --x\nc--d e", DEFAULTS)] == ["a", "c--d e"]
    assert parse_prompts("", DEFAULTS) == []


def test_all_bad_lines_are_reported_at_once_with_their_numbers():
    assert codes("a --") == [("prompt_unknown_flag", 1)]
    text = "ok\n# fine\na --w big --zz 1\n--n only\nb --ss eulr --s 0\nc --l -1 --d 1_0\nd --s 5 --s 6"
    assert codes(text) == [
        ("prompt_bad_number", 3), ("prompt_unknown_flag", 3), ("prompt_empty", 4), ("prompt_unknown_sampler", 5),
        ("prompt_bad_number", 5), ("prompt_bad_number", 6), ("prompt_bad_number", 6), ("prompt_flag_twice", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("flag", "nearest"),
    [
        ("--seed 3", "--d"),
        ("--steps 3", "--s"),
        ("--width 64", "--w"),
        ("--w=64", "--w"),
        ("--sampler x", "--ss"),
        ("--scheduler x", "--sc"),
        ("--spacing x", "--sc"),
        ("--cfg 3", "--l"),
        ("--negative x", "--n"),
    ],
)
def test_an_unknown_flag_names_the_nearest(flag, nearest):
    with pytest.raises(UserError) as caught:
        parse_prompts(f"a {flag}", DEFAULTS)
    assert caught.value.problems[0].params["nearest"] == nearest


@pytest.mark.parametrize(
    ("name", "nearest"),
    [("eulr", "euler"), ("Eulr a", "euler_a"), ("dpmsolver+", "dpmsolver++"), ("k_dpmm2", "k_dpm_2")],
)
def test_an_unknown_sampler_names_the_nearest(name, nearest):
    with pytest.raises(UserError) as caught:
        parse_prompts(f"a --ss {name}", DEFAULTS)
    assert caught.value.problems[0].params["nearest"] == nearest


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("--ss DPM++ 2M Karras", ("dpmsolver++", "karras")),
        ("--ss dpmpp_2m karras", ("dpmsolver++", "karras")),
        ("--ss dpm++ 2m sde exponential --s 5", ("dpmpp_2m_sde", "exponential")),
        ("--ss Euler a", ("euler_a", "automatic")),
        ("--ss k_euler_a", ("k_euler_a", "automatic")),
        ("--sc uniform --ss DPM++ SDE Karras", ("dpmpp_sde", "uniform")),
        ("--ss DPM++ SDE Karras --sc uniform", ("dpmpp_sde", "uniform")),
        ("--sc exponential", ("euler", "exponential")),
    ],
)
def test_a_sampler_may_be_named_as_elsewhere_and_with_its_spacing(said, meant):
    (prompt,) = parse_prompts(f"a {said}", DEFAULTS)
    assert (prompt.sampler, prompt.spacing) == meant


def test_a_sampler_without_a_spacing_leaves_that_of_the_settings():
    defaults = PromptDefaults.at("64", "euler", "karras")
    prompts = parse_prompts("a --ss heun\nb --ss heun uniform", defaults)
    assert [p.spacing for p in prompts] == ["karras", "uniform"]


def test_an_unknown_spacing_is_named():
    assert codes("a --sc beta") == [("prompt_unknown_spacing", 1)]


def test_a_path_is_read_as_a_file_with_any_line_ends_and_a_byte_order_mark(tmp_path):
    file = tmp_path / "my prompts é.txt"
    file.write_bytes("\ufeffa\r\n猫 --w 64\r\n".encode())
    expected = [("a", 128), ("猫", 64)]
    for text, folder in ((str(file), None), (f'"{file}"', None), (file.name, tmp_path)):
        assert [(p.prompt, p.width) for p in parse_prompts(text, DEFAULTS, folder)] == expected


def test_a_missing_and_an_unreadable_file_are_named(tmp_path):
    assert codes("not_there.txt", folder=tmp_path) == [("prompt_file_missing", None)]
    (tmp_path / "old.txt").write_bytes("café".encode("latin-1"))
    (tmp_path / "bad.json").write_text("{", encoding="utf-8")
    (tmp_path / "bad.toml").write_text("a = 1", encoding="utf-8")
    for name in ("old.txt", "bad.json", "bad.toml"):
        assert codes(name, folder=tmp_path) == [("prompt_file_unreadable", None)]


def test_json_and_toml_files_hold_the_same_fields(tmp_path):
    entries = ["a --w 64", {"prompt": "b", "sample_steps": 5, "seed": 7, "scale": 2, "width": None}]
    (tmp_path / "p.json").write_text(json.dumps(entries), encoding="utf-8")
    a, b = parse_prompts("p.json", DEFAULTS, tmp_path)
    assert (a.prompt, a.width, b.prompt, b.steps, b.seed, b.scale) == ("a", 64, "b", 5, 7, 2.0)
    toml = """
        [prompt]
        width = 96
        negative_prompt = "bad"
        [[prompt.subset]]
        prompt = "a"
        [[prompt.subset]]
        prompt = "b"
        width = 64
        sample_sampler = "lms"
        sample_spacing = "karras"
    """
    (tmp_path / "p.toml").write_text(toml, encoding="utf-8")
    a, b = parse_prompts("p.toml", DEFAULTS, tmp_path)
    assert (a.prompt, a.width, a.negative_prompt) == ("a", 96, "bad")
    assert (b.prompt, b.width, b.negative_prompt, b.sampler, b.spacing) == ("b", 64, "bad", "lms", "karras")


def test_an_unknown_key_of_a_json_file_is_reported(tmp_path):
    (tmp_path / "p.json").write_text('[{"prompt": "a"}, {"prompt": "b", "steps_": 3}]', encoding="utf-8")
    with pytest.raises(UserError) as caught:
        parse_prompts("p.json", DEFAULTS, tmp_path)
    params = caught.value.problems[0].params
    assert (params["line"], params["flag"], params["nearest"]) == (2, "steps_", "--s")


WORDS = st.text(alphabet="abc猫, ()[]:1.-", min_size=1).map(str.strip).filter(lambda t: t and "--" not in t)


PROMPTS = st.builds(
    SamplePrompt,
    prompt=WORDS,
    negative_prompt=WORDS,
    width=st.integers(8, 64).map(lambda n: 8 * n),
    height=st.integers(8, 64).map(lambda n: 8 * n),
    seed=st.integers(0, 2**63 - 1),
    steps=st.integers(1, 1000),
    scale=st.integers(0, 3000).map(lambda n: n / 100),
    sampler=st.sampled_from(SAMPLERS),
    spacing=st.sampled_from(SPACINGS),
)


@given(PROMPTS)
def test_what_is_written_is_what_is_read(p):
    line = f"{p.prompt} --n {p.negative_prompt} --w {p.width} --h {p.height} --d {p.seed}"
    line += f" --s {p.steps} --l {p.scale} --ss {p.sampler} --sc {p.spacing}"
    assert parse_prompts(line, DEFAULTS) == [p]


@given(st.text())
def test_any_text_is_either_read_or_refused_in_words(text):
    try:
        prompts = parse_prompts(text, DEFAULTS)
    except UserError as error:
        assert error.problems and all(p.text for p in error.problems)
    else:
        assert all(p.prompt and p.width % 8 == 0 for p in prompts)


@pytest.mark.parametrize("line", [
    "a cat —w 512 —d 7 —n bad", "a cat ——w 512 ——d 7 ——n bad", "a cat －－w ５１２ －－d ７ －－n bad",
    "a cat　--w　512　--d　7　--n　bad", "a cat –w 512 –d 7 –n bad",
])
def test_flags_are_read_with_long_dashes_and_full_width_signs(line):
    (prompt,) = parse_prompts(line, DEFAULTS)
    assert (prompt.prompt, prompt.negative_prompt, prompt.width, prompt.seed) == ("a cat", "bad", 512, 7)


def test_dashes_and_full_width_signs_within_a_prompt_stay_in_it():
    text = "一只猫，微笑 — not a flag, well—w done"
    assert parse_prompts(f"{text} --n 差，坏 --l 7。5", DEFAULTS) == [
        SamplePrompt(text, "差，坏", 128, 192, None, 30, 7.5, "euler")
    ]


def test_an_unknown_flag_behind_a_long_dash_is_named():
    assert codes("a cat —fs 3") == [("prompt_unknown_flag", 1)]


@pytest.mark.parametrize("form", ['"{}"', " '{}' ", "file://{}"])
def test_a_pasted_path_of_a_prompt_file_is_found(tmp_path, form):
    (tmp_path / "p.txt").write_text("a cat", encoding="utf-8")
    assert [p.prompt for p in parse_prompts(form.format(tmp_path / "p.txt"), DEFAULTS)] == ["a cat"]
