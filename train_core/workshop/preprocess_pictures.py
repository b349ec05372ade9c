"""New pictures out of those of a folder: of one size, with parts erased or cut out, mirrored, with their captions."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from PIL import ImageOps

from train_core.config.existing import exists, is_file
from train_core.config.jobs.pictures import (
    PreprocessPictures,
    PreprocessPicturesSettings,
    TagPictures,
    TagPicturesSettings,
)
from train_core.config.problems import Problem, UserError, problem, raise_if_any
from train_core.facts.images.image_files import content_hashes
from train_core.studio.captions import caption_file, read
from train_core.studio.decoding import decoded
from train_core.studio.exporting.files import png
from train_core.studio.exporting.writing import File, Written, free_name, is_empty, read_list, writing_to
from train_core.studio.looking import no_picture_in, no_pictures, picture_files
from train_core.studio.pixels.backgrounds import colour_of
from train_core.studio.pixels.cut_outs import mask_by, model_here
from train_core.studio.pixels.framing import Frame
from train_core.studio.pixels.mirroring import mirrored_caption, one_sided
from train_core.studio.pixels.treating import Treatment, counted, treated
from train_core.studio.vision.found import Found, look
from train_core.workshop import tag_pictures
from train_core.workshop.common.report import Report

LIST = "preprocessed.json"
PORTION = 20  # pictures after which the list of files is written, so that a killed tool goes on there
MIRRORED = "_mirrored"
MOST_NAMED = 20  # files, and tags, that are told of by name
NOT_OF_PICTURES = ("pictures", "preprocessed_to", "copy_captions", "tagger", "existing_captions", "tag_trigger")


def run(config: PreprocessPictures, report: Report) -> None:
    """Write what is not there yet, and remove what an earlier use has written and this one does not want."""
    settings = config.preprocess_pictures
    source, target = (Path(text).expanduser().resolve() for text in (settings.pictures, settings.preprocessed_to))
    _check(source, target)
    paths = picture_files([source]) if source.is_dir() else []
    if not paths:
        raise no_pictures(settings.pictures)
    work = _Work(settings, source, Written(target, read_list(target / LIST)), report)
    with writing_to(target):
        work.note()
        try:
            work.do(paths)
            work.written.remove_others()
        finally:
            work.note()
        work.tell(paths)
        if settings.tagger:
            _tag(settings, target, report)
            work.take_captions()


def _check(source: Path, target: Path) -> None:
    """Raise UserError for a folder that is not for new pictures."""
    found: list[Problem] = []
    if target == source or target.is_relative_to(source) or source.is_relative_to(target):
        found.append(
            problem(
                "preprocess_inside", "{folder} and the folder of the pictures lie within each other. Choose a folder "
                "elsewhere for the new pictures.", folder=str(target),
            )
        )  # fmt: skip
    elif exists(target) and not is_file(target / LIST) and not is_empty(target):
        found.append(
            problem(
                "preprocess_not_empty", "{folder} holds other files. Choose a folder that is empty or new, or one that "
                "this tool has written before.", folder=str(target),
            )
        )  # fmt: skip
    raise_if_any(found)


class _Work:
    """The pictures of one use of the tool."""

    def __init__(self, settings: PreprocessPicturesSettings, source: Path, written: Written, report: Report) -> None:
        self.settings = settings
        self.written = written
        self._source = source
        self._report = report
        model = None
        if settings.cut_out_by == "model":
            model = Path(settings.cut_out_model).expanduser() if settings.cut_out_model else model_here()
        self._wish = _treatment(settings, model)
        self._asked = _asked(settings, model)
        self._places: dict[str, set[str]] = {}  # names that are taken, by folder
        self._done: Counter[str] = Counter()
        self._unreadable: list[Path] = []
        self._not_cut: list[Path] = []
        self._one_sided: Counter[str] = Counter()

    def do(self, paths: Sequence[Path]) -> None:
        """Write all pictures with their captions."""
        progress = self._report.stage("preprocessing")
        for number, path in enumerate(paths):
            progress(number, len(paths))
            if number % PORTION == PORTION - 1:
                self.note()
            place = self._place(path)
            try:
                digest = content_hashes([path])[path]
                operations = self._pictures(path, digest, place)
            except UserError as error:
                self._unreadable.append(path)
                if len(self._unreadable) <= MOST_NAMED:
                    for found in error.problems:
                        self._report.warning(found)
                continue
            self._done.update(counted(operations))
            if "not_cut_out" in operations:
                self._not_cut.append(path)
            if self.settings.copy_captions:
                self._captions(path, digest, place)
        progress(len(paths), len(paths))

    def _place(self, path: Path) -> str:
        """Where the new picture lies below the target, without its ending."""
        folder = "/".join(free_name(part, set()) for part in path.relative_to(self._source).parts[:-1])
        taken = self._places.setdefault(folder, set())
        name = free_name(path.stem, taken)
        if self.settings.mirrored_copies:
            while f"{name}{MIRRORED}".casefold() in taken:
                name = free_name(path.stem, taken)
            taken.add(f"{name}{MIRRORED}".casefold())
        return f"{folder}/{name}".lstrip("/")

    def _pictures(self, path: Path, digest: str, place: str) -> tuple[str, ...]:
        """Write a picture, and its mirrored copy if that is wanted, unless both are there; what was done to it."""
        wanted = [f"{place}.png"] + ([f"{place}{MIRRORED}.png"] if self.settings.mirrored_copies else [])
        rows = [self.written.before.get(one, {}) for one in wanted]
        if all(row.get("digest") == digest and row.get("asked") == self._asked for row in rows) and all(
            self.written.is_there(one) for one in wanted
        ):
            self.written.find_again(wanted)
            return tuple(str(one) for row in rows for one in row.get("operations", ()))
        picture = decoded(path, self._wish.background)
        found = look(path, self._wish.looks_for) if self._wish.looks_for else Found()
        result, operations = treated(picture, found, self._wish)
        file = File(wanted[0], png(result), path, digest, operations, asked=self._asked)
        self.written.put(file)
        if self.settings.mirrored_copies:
            operations = (*operations, "mirrored")
            mirrored = png(ImageOps.mirror(result))
            self.written.put(replace(file, place=wanted[1], content=mirrored, operations=operations))
        return operations

    def _captions(self, path: Path, digest: str, place: str) -> None:
        caption = read(caption_file(path))
        if caption.problem is not None:
            self._report.warning(caption.problem)
        if caption.whole is None or caption.problem is not None:
            return
        file = File(f"{place}.txt", caption.whole.encode(), path, digest)
        self.written.put(file)
        if self.settings.mirrored_copies:
            self._one_sided.update(one_sided(caption.whole))
            other = mirrored_caption(caption.whole).encode()
            self.written.put(replace(file, place=f"{place}{MIRRORED}.txt", content=other))

    def note(self) -> None:
        """Write the list of files: those of earlier stay in it until they are removed."""
        self.written.note(LIST, {"source": str(self._source)}, self.written.so_far())

    def take_captions(self) -> None:
        """Know the captions that a tagger has written again as what this tool has written."""
        for place in [one for one in self.written.rows if one.endswith(".png")]:
            text = place.removesuffix(".png") + ".txt"
            row = self.written.rows[place]
            self.written.take_over(text, {**row, "operations": ["tagged"]})
        self.note()

    def tell(self, paths: Sequence[Path]) -> None:
        """What was done to how many pictures, and what may not be as it is meant."""
        counts = self.written.counts
        rows = [("read", len(paths) - len(self._unreadable)), ("unreadable", len(self._unreadable))]
        rows += sorted(self._done.items())
        self._report.table("preprocessed", ("fact", "pictures"), [row for row in rows if row[1] or row[0] == "read"])
        files = [(f"files_{name}", counts[name]) for name in ("written", "unchanged", "removed", "left")]
        self._report.table("written_files", ("fact", "files"), files)
        for found in self._warnings():
            self._report.warning(found)

    def _warnings(self) -> Iterator[Problem]:
        yield from self.written.left[:MOST_NAMED]
        if len(self.written.left) > MOST_NAMED:
            yield problem(
                "preprocess_left", "Files in the folder that somebody has changed, and that stay as they are: {count}.",
                count=len(self.written.left),
            )  # fmt: skip
        if len(self._unreadable) > MOST_NAMED:
            yield no_picture_in(self._unreadable)
        if self._not_cut:
            yield problem(
                "preprocess_not_cut", "On {count} pictures nothing was found to cut out, so they have their own "
                "background: {names}.", count=len(self._not_cut),
                names=", ".join(path.name for path in self._not_cut[:MOST_NAMED]),
            )  # fmt: skip
        if self._one_sided:
            yield problem(
                "preprocess_one_sided", "Mirrored copies show these on the other side, or reversed: {tags}. Without "
                "the copies it is learnt where it belongs.",
                tags=", ".join(tag for tag, _ in self._one_sided.most_common(MOST_NAMED)),
            )  # fmt: skip


def _treatment(settings: PreprocessPicturesSettings, model: Path | None) -> Treatment:
    """What the settings ask for. Raises UserError for a colour or a model that is none."""
    frame = Frame(settings.target_width, settings.target_height, settings.fit_by, settings.sides_of_64)
    return Treatment(
        frame, settings.fit_around, colour_of(settings.background_color), mask_by(settings.cut_out_by, model),
        settings.cut_out_by in ("person", "box"), settings.blank_faces, settings.erase_text,
    )  # fmt: skip


def _asked(settings: PreprocessPicturesSettings, model: Path | None) -> str:
    """A digest of all that the pixels of the results depend on besides those of the pictures."""
    said = {name: value for name, value in dict(settings).items() if name not in NOT_OF_PICTURES}
    said["cut_out_model"] = content_hashes([model])[model] if model is not None else ""
    return hashlib.blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=10).hexdigest()


def _tag(settings: PreprocessPicturesSettings, target: Path, report: Report) -> None:
    """Have a tagger caption the results."""
    tagging = TagPicturesSettings(
        pictures=str(target), tagger=settings.tagger, existing_captions=settings.existing_captions,
        tag_trigger=settings.tag_trigger,
    )  # fmt: skip
    tag_pictures.run(TagPictures(tag_pictures=tagging), report)
