"""What stands with an image while new words are learnt."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from train_core.config.problems import UserError
from train_core.config.sections.embedding import EmbeddingSettings
from train_core.facts.captions.wording import OBJECT, STYLE, Wording, is_named, wording_of


@pytest.mark.parametrize(("caption", "expected"), [
    ("a fox, grass", "zuko mira-1, a fox, grass"), ("Zuko, grass", "Zuko, grass"), ("", "zuko mira-1"),
    ("zukos, grass", "zuko mira-1, zukos, grass"), ("(mira-1:1.2) sits", "(mira-1:1.2) sits"),
])
def test_captions_that_name_no_word_get_them(caption: str, expected: str) -> None:
    assert Wording(("zuko", "mira-1"))(caption, Random(1)) == expected


def test_a_caption_that_names_one_word_is_about_that_one() -> None:
    wording = Wording(("zuko", "mira-1"), ("a photo of [name]",))
    assert wording("mira-1, grass", Random(1)) == "a photo of mira-1"
    assert wording("grass", Random(1)) == "a photo of zuko mira-1"


@pytest.mark.parametrize("template", ["object", "style"])
def test_sentences_change_from_draw_to_draw_and_follow_from_it(template: str) -> None:
    wording = wording_of(EmbeddingSettings(token_string="zuko", caption_template=template))
    said = [wording("grass", Random(number)) for number in range(200)]
    assert said == [wording("grass", Random(number)) for number in range(200)]
    assert len(set(said)) == len({"object": OBJECT, "style": STYLE}[template])
    assert all(is_named("zuko", one) and "[" not in one for one in said)


def test_the_lines_of_a_file_are_sentences_in_either_way_of_writing(tmp_path: Path) -> None:
    file = tmp_path / "mine.txt"
    file.write_text("\ufeff# mine\n\na photo of {}, [filewords]\n[name] {filewords}\n", encoding="utf-8")
    settings = EmbeddingSettings(token_string="zuko", caption_template="file", template_file=str(file))
    said = {wording_of(settings)("grass", Random(number)) for number in range(20)}
    assert said == {"a photo of zuko, grass", "zuko grass"}
    assert wording_of(settings)("", Random(1)) in ("a photo of zuko", "zuko")


@pytest.mark.parametrize(("content", "code"), [
    (b"a photo", "template_without_name"), (b"# none", "template_without_name"),
    (b"\xff\xfe", "template_file_unreadable"), (None, "template_file_unreadable"),
])
def test_a_file_that_does_not_say_where_the_word_goes_is_refused(
    tmp_path: Path, content: bytes | None, code: str
) -> None:
    file = tmp_path / "mine.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(UserError) as raised:
        wording_of(EmbeddingSettings(token_string="zuko", caption_template="file", template_file=str(file)))
    assert [found.code for found in raised.value.problems] == [code]
