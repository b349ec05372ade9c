"""What is shown of an open dataset: its pictures filtered and sorted, counts, frequent tags, and near-duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any

from train_core.studio import cropped, measures
from train_core.studio.arriving.listed_captions import Listed, captions_in, metadata_files
from train_core.studio.captions import all_tags
from train_core.studio.decisions import MARKS, REJECT
from train_core.studio.likeness.alike import Group, groups
from train_core.studio.likeness.copies import Copy, Kept, kept_by, ranked
from train_core.studio.looking import Watch
from train_core.studio.measures import Measures
from train_core.studio.query import Facts, parse
from train_core.studio.studio import Studio
from train_core.studio.vision import found
from train_core.studio.vision.found import FACES, PERSON, TEXT

MOST_TAGS = 300
PORTION = 500  # pictures whose measures are read together
# Filters that are offered with how many pictures each would show.
FACETS = (
    "side>=768", "side>=1024", "sharp>=20", "dark", "light", "aspect>1.3", "aspect<0.6", "alpha", "animated",
    "captioned", "uncaptioned", "same", "alike", "boxes", "painted", "rating>=4", "generated",
)
# The same, by what somebody has to look for before.
FOUND_FACETS = {FACES: ("faces:0", "faces:1", "faces>=2"), PERSON: ("person",), TEXT: ("text",)}  # fmt: skip
SORTS = ("name", "changed", "size", "aspect", "sharpness", "brightness", "tags", "faces", "mark", "alike", "rating")


@dataclass(frozen=True)
class AlikeGroup:
    """Near-duplicates: their kind, the pictures, which are mirrored as against most, and what their files keep."""

    kind: str
    pictures: tuple[int, ...]
    mirrored: frozenset[int] = frozenset()
    kept: Mapping[int, Kept] = field(default_factory=dict)


class Listing:
    """Questions about an open dataset. Measures come in as they are taken by whoever measures the pictures."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._sharpness: dict[int, float] = {}  # of the measured pictures
        self._broken: set[int] = set()  # pictures that could not be measured
        self._looks = 0  # at the folders, when that was taken in
        self._found = (0, -1)  # looks at the folders, and the last time that somebody looked for faces
        self.looked: dict[str, int] = {}  # how many pictures were looked at, by what was looked for
        self.listed: dict[int, Listed] = {}  # captions that a metadata file has for pictures
        self._files: set[Path] = set()  # metadata files that were opened themselves
        self._groups: list[AlikeGroup] | None = None
        self._to_compare = 0  # another number when there is something else to compare
        self._comparing = RLock()
        self._place: dict[int, int] = {}  # of a picture in the list of groups

    def take_measures(self) -> int:
        """Take in what was measured since this was asked last, and return of how many pictures that is known."""
        studio = self.studio
        with studio.lock:
            if self._looks != studio.looks:
                self._looks, self._sharpness, self._broken = studio.looks, {}, set()
                self._forget_groups()
            paths = {
                picture.path: id for id, picture in studio.pictures.items()
                if id not in self._sharpness and id not in self._broken
            }
            looks, before = self._looks, len(self._sharpness)
        for portion in _portions(list(paths)):
            with studio.lock:
                if studio.looks != looks:  # the folders were looked at again meanwhile
                    return self.take_measures()
                self._take(paths, portion)
        with studio.lock:
            if studio.looks == looks and len(self._sharpness) > before:
                self._rank()
            return len(self._sharpness) + len(self._broken)

    def _take(self, paths: Mapping[Path, int], portion: Mapping[Path, Measures | None]) -> None:
        facts = self.studio.facts
        for path, one in portion.items():
            id = paths[path]
            if one is None:
                self._broken.add(id)
                continue
            self._sharpness[id] = one.sharpness
            facts[id] = replace(facts[id], brightness=one.brightness)

    def _rank(self) -> None:
        """Note how sharp each picture is among all that are measured."""
        facts = self.studio.facts
        shares = measures.percentiles(self._sharpness.values())
        for id, share in zip(self._sharpness, shares, strict=True):
            if facts[id].sharp != share:
                facts[id] = replace(facts[id], sharp=share)
        self._forget_groups()
        self.studio.revision += 1

    def take_found(self) -> None:
        """Take in what was found on pictures since this was asked last."""
        studio = self.studio
        with studio.lock:
            state = (studio.looks, found.last_look())
            if self._found == state:
                return
            paths = {picture.path: id for id, picture in studio.pictures.items()}
        known = found.known(list(paths))
        with studio.lock:
            self._found = state
            self.looked = dict(Counter(what for one in known.values() for what in one.looked))
            for path, one in known.items():
                facts = studio.facts.get(paths[path])
                if facts is not None and facts != (more := _with_found(facts, one)):
                    studio.facts[paths[path]] = more
                    studio.revision += 1

    def take_listed(self, file: Path | None = None, watch: Watch | None = None) -> None:
        """Look for captions in metadata files below the folders, and in `file`, which somebody has opened."""
        if file is not None:
            self._files.add(file)
        pictures = {id: picture.path for id, picture in self.studio.pictures.items()}
        files = [*sorted(self._files), *metadata_files(self.studio.dataset.sources, watch)]
        self.listed = captions_in(files, pictures) if files else {}

    def unwritten(self) -> dict[int, Listed]:
        """The captions that stand only in a metadata file, as far as is known without reading captions again."""
        facts = self.studio.facts
        return {id: one for id, one in self.listed.items() if id in facts and not facts[id].captioned}

    def compare_again(self) -> None:
        """Find near-duplicates anew when they are asked for next."""
        with self.studio.lock:
            self._forget_groups()

    def _forget_groups(self) -> None:
        self._groups = None
        self._to_compare += 1

    def alike(self) -> list[AlikeGroup]:
        """Near-duplicates among the measured pictures, those that are the same first.

        Thousands of pictures take seconds to compare, in which the dataset is not locked.
        """
        with self._comparing:
            while True:
                with self.studio.lock:
                    if self._looks != self.studio.looks:  # what was measured is of pictures that may be gone
                        self.take_measures()
                    if self._groups is not None:
                        return self._groups
                    looks, compared = self._looks, self._to_compare
                    paths = {self.studio.pictures[id].path: id for id in self._sharpness}
                ids: list[int] = []
                found = groups(_measured(paths, ids), self._parts(ids, paths))
                known = _as_groups(ids, found, {id: path for path, id in paths.items()})
                with self.studio.lock:
                    if looks != self.studio.looks:
                        continue
                    if compared == self._to_compare:
                        self._groups = known
                    self._note_groups(known)
                    return known

    def _note_groups(self, found: Sequence[AlikeGroup]) -> None:
        places = list(enumerate(found))[::-1]
        self._place = {id: place for place, one in places for id in one.pictures}
        kinds = {id: one.kind for one in reversed(found) for id in one.pictures}
        for id, facts in self.studio.facts.items():
            if facts.group != kinds.get(id, ""):
                self.studio.facts[id] = replace(facts, group=kinds.get(id, ""))
        self.studio.revision += 1

    def _parts(self, ids: list[int], paths: Mapping[Path, int]) -> Iterator[tuple[int, int]]:
        """Pairs of places in `ids`, once that is filled, of pictures of which one is a cropped copy of the other."""
        place = {id: number for number, id in enumerate(ids)}
        known = cropped.known(list(paths))
        by_path = {path: wholes for path, wholes in known.items() if wholes and paths[path] in place}
        digests = self.studio.identify(ids) if by_path else {}
        by_content = {digest: id for id, digest in digests.items()}
        for path, wholes in by_path.items():
            yield from ((place[by_content[one]], place[paths[path]]) for one in wholes if one in by_content)

    def copies(self, filter: str = "") -> list[tuple[str, list[int]]]:
        """Groups among the pictures that a filter shows, each with its kind, the best one first by what is decided now.

        Raises UserError for a filter that is none.
        """
        found = self.alike()
        with self.studio.lock:
            shown = set(self.order(filter))
            inside = [(one, [id for id in one.pictures if id in shown]) for one in found]
            same = {tuple(ids) for one, ids in inside if one.kind == "same"}
            return [
                (one.kind, ranked({id: self._copy(id, one) for id in ids}))
                for one, ids in inside if len(ids) > 1 and (one.kind == "same" or tuple(ids) not in same)
            ]

    def _copy(self, id: int, group: AlikeGroup) -> Copy:
        facts, kept = self.studio.facts[id], group.kept.get(id, Kept())
        pixels, sharpness = facts.width * facts.height, self._sharpness.get(id, 0.0)
        return Copy(pixels, facts.captioned, id in group.mirrored, kept, sharpness, facts.mark)

    def order(self, filter: str, sort: str = "name", down: bool = False) -> list[int]:
        """The pictures that the filter shows, sorted. Raises UserError for a filter that is none."""
        with self.studio.lock:
            known = [shot.name for shot in self.studio.dataset.shots]
            given = {facts.shot for facts in self.studio.facts.values()} - {"", *known}
            test = parse(filter, [*known, *sorted(given)])
            shown = [id for id, facts in self.studio.facts.items() if test(facts)]
            if sort in SORTS and sort != "name":
                shown.sort(key=self._key(sort))
        return shown[::-1] if down else shown

    def _key(self, sort: str) -> Callable[[int], Any]:
        facts, pictures = self.studio.facts, self.studio.pictures
        first: dict[str, Callable[[int], Any]] = {
            "changed": lambda id: pictures[id].seconds,
            "size": lambda id: facts[id].width * facts[id].height,
            "aspect": lambda id: facts[id].width / facts[id].height,
            "sharpness": lambda id: self._sharpness.get(id, -1),
            "brightness": lambda id: -1 if (mean := facts[id].brightness) is None else mean,
            "tags": lambda id: len(facts[id].tags),
            "faces": lambda id: -1 if (count := facts[id].faces) is None else count,
            "mark": lambda id: MARKS.index(facts[id].mark),
            "rating": lambda id: -facts[id].rating,
            "alike": lambda id: self._place.get(id, len(facts)),
        }
        return first[sort]

    def counts(self) -> dict[str, int]:
        """How many pictures have each mark."""
        found = Counter(facts.mark for facts in self.studio.facts.values())
        return {mark: found[mark] for mark in MARKS}

    def shots(self) -> list[int]:
        """How many pictures there are of each kind, those that were rejected not counted."""
        found = Counter(facts.shot for facts in self.studio.facts.values() if facts.mark != REJECT)
        return [found[shot.name] for shot in self.studio.dataset.shots]

    def tags(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        """The most frequent tags of these pictures, each with the number of pictures that have it."""
        facts = self.studio.facts
        found: Counter[str] = Counter()
        for id in ids:
            if id in facts:
                found.update(set(all_tags(facts[id].caption)))
        return found.most_common(MOST_TAGS)

    def facets(self, ids: Sequence[int]) -> list[tuple[str, int]]:
        """The filters that are offered, each with how many of these pictures it would leave."""
        shown = [self.studio.facts[id] for id in ids if id in self.studio.facts]
        more = (facet for what, facets in FOUND_FACETS.items() if self.looked.get(what) for facet in facets)
        return [(facet, sum(map(parse(facet), shown))) for facet in (*FACETS, *more)]

    def column(self, of: Callable[[Facts], Any]) -> list[Any]:
        """Something of all pictures, in the order of their names."""
        return [of(facts) for facts in self.studio.facts.values()]


def _as_groups(ids: Sequence[int], found: Sequence[Group], paths: Mapping[int, Path]) -> list[AlikeGroup]:
    """Groups of places in `ids` as groups of pictures, with what their files keep."""
    told, kept = [], kept_by([paths[id] for id in {ids[place] for group in found for place in group.members}])
    for group in found:
        members = tuple(ids[place] for place in group.members)
        keeps = {id: kept[paths[id]] for id in members if paths[id] in kept}
        told.append(AlikeGroup(group.kind, members, frozenset(ids[place] for place in group.mirrored), keeps))
    return told


def _measured(paths: Mapping[Path, int], ids: list[int]) -> Iterator[Measures]:
    """The measures of these pictures; `ids` are filled with whose they are."""
    for portion in _portions(list(paths)):
        for path, one in portion.items():
            if one is not None:
                ids.append(paths[path])
                yield one


def _portions(paths: Sequence[Path]) -> Iterator[dict[Path, Measures | None]]:
    """What is known of pictures, portion by portion, up to one of which nothing is: they are measured in order."""
    for start in range(0, len(paths), PORTION):
        known = measures.known(paths[start : start + PORTION])
        if not known:
            return
        yield known


def _with_found(facts: Facts, one: found.Found) -> Facts:
    """The facts of a picture with what was found on it."""
    return replace(
        facts, faces=len(one.faces) if FACES in one.looked else None,
        person=one.person is not None if PERSON in one.looked else None,
        text=bool(one.text) if TEXT in one.looked else None,
    )  # fmt: skip
