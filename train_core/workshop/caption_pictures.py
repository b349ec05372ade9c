"""Captions in sentences by a model of the user's for all pictures of a folder; the Data tab can undo them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PIL import Image

from train_core.captioning.captioner import LEAST, Captioner
from train_core.captioning.choose import captioner_of
from train_core.config.jobs.pictures import CaptionPictures, CaptionPicturesSettings
from train_core.config.problems import problem
from train_core.studio.captioning.model_folders import find_caption_model
from train_core.studio.captioning.sentences import Asking, KeptSentences, cleaned, escaped, with_sentence
from train_core.studio.captions import tags_of
from train_core.studio.decoding import decoded
from train_core.workshop.common.computing import device_and_dtype
from train_core.workshop.common.describing import Looking, described, opened, step_words, wanted, write
from train_core.workshop.common.report import Report

MOST_ROWS = 50  # of the table


def run(config: CaptionPictures, report: Report) -> None:
    """Caption what is to be captioned."""
    settings = config.caption_pictures
    model = find_caption_model(settings.captioner)
    kind = captioner_of(model)
    asking = _asking(kind, settings)
    refused = problem("captioner_fp16", "Precision fp16 does not work on a processor. Set it to auto.")
    device, dtype = device_and_dtype(settings.caption_precision, settings.caption_on_cpu, refused)
    studio = opened(settings.pictures, report)
    kept = KeptSentences(studio.dataset.folder, model, asking)
    looking = Looking(studio, kept, lambda: LoadedCaptioner(kind(model, device, dtype), asking, report), report)
    ids, words = wanted(studio, settings.existing_captions), step_words("captioner", model.name)
    rows: list[tuple[str, str]] = []
    for sentences in described(ids, looking, settings.caption_batch_size, "captioning", report):
        edits = {
            id: partial(
                with_sentence, sentence=escaped(its) if settings.escape_brackets else its,
                existing=settings.existing_captions, trigger=tags_of(settings.tag_trigger),
                behind=settings.sentence_suffix,
            )
            for id, its in sentences.items()
        }  # fmt: skip
        write(studio, edits, words, report)
        rows += [(studio.facts[id].name, its) for id, its in sentences.items()][: MOST_ROWS - len(rows)]
    report.table("captions", ("picture", "caption"), rows)


def _asking(kind: type[Captioner], settings: CaptionPicturesSettings) -> Asking:
    """How the model is asked, with its own values where a person has given none."""
    prompt, usual = kind.usual(settings.caption_prompt.strip())
    most = settings.caption_most_tokens or usual
    return Asking(prompt, settings.caption_beams, min(LEAST, most) if settings.caption_least_tokens is None
                  else min(settings.caption_least_tokens, most), most)  # fmt: skip


class LoadedCaptioner:
    """A captioner that looks at pictures."""

    def __init__(self, captioner: Captioner, asking: Asking, report: Report) -> None:
        self._captioner = captioner
        self._asking = asking
        if captioner.missing is not None:
            report.warning(captioner.missing)

    def prepared(self, path: Path) -> Image.Image:
        """A picture upright and on white. Raises UserError for what is no picture."""
        return decoded(path)

    def look(self, pictures: Sequence[Image.Image]) -> list[str]:
        """A sentence for each picture."""
        return [cleaned(text) for text in self._captioner.captions(pictures, self._asking)]
