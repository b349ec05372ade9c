"""The list of a site's tags that people have beside their WebUI for completing words: `name,type,count,"aliases"`.

Kept compact, since such lists have some 140,000 tags with as many aliases: one row of bytes, the most frequent first.
"""

from __future__ import annotations

import csv
import io
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from train_core.config.untrusted import text_of
from train_core.studio.words.categories import plain, plain_anew

MOST_BYTES, LONGEST = 64 << 20, 200  # of a file; letters of a name
LARGEST_COUNT = 2**31 - 1
# Danbooru's types of tags that say what a tag is about.
ARTIST, COPYRIGHT, CHARACTER, META = 1, 3, 4, 5


class Match(NamedTuple):
    """A tag of the list, how many of the site's pictures have it, its type, and the alias that led to it, or ""."""

    tag: str
    pictures: int
    type: int
    alias: str = ""


@dataclass(frozen=True)
class TagList:
    """Names and aliases, each between line ends in `text`, in lower case with blanks for underscores.

    `starts` are the places behind the line ends; `tags` is for each name or alias the number of the tag that it is or
    leads to; `counts` and `types` belong to those numbers, which are also the order of the tags.
    """

    text: bytes
    starts: array[int]
    tags: array[int]
    counts: array[int]
    types: array[int]
    names: array[int]  # for each tag the number of its own name among the lines
    sorted: array[int]  # the lines in the order of their names

    def __len__(self) -> int:
        return len(self.counts)

    def matches(self, letters: str, most: int) -> list[Match]:
        """The most frequent tags that begin with `letters`, then those of which a later word does, each once."""
        wanted = plain(letters).encode("utf-8", "surrogatepass")
        found: dict[int, Match] = {}
        for before in (b"\n", b" ") if wanted else ():
            for line in self._lines(before + wanted):
                number = self.tags[line]
                if number not in found:
                    found[number] = self._match(line, number)
                if len(found) >= most:
                    return list(found.values())
        return list(found.values())

    def type_of(self, tag: str) -> int | None:
        """The type of a tag, None for one that is not in the list."""
        name = plain(tag)
        place = bisect_left(self.sorted, name, key=self._name)
        if place == len(self.sorted) or self._name(self.sorted[place]) != name:
            return None
        return self.types[self.tags[self.sorted[place]]]

    def _match(self, line: int, number: int) -> Match:
        own = self.names[number]
        alias = self._name(line) if line != own else ""
        return Match(self._name(own), self.counts[number], self.types[number], alias)

    def _lines(self, wanted: bytes) -> Iterator[int]:
        """The lines in which `wanted` occurs, in their order."""
        place = self.text.find(wanted)
        while place >= 0:
            line = self._line(place + 1)
            yield line
            place = self.text.find(wanted, self._end(line))

    def _line(self, place: int) -> int:
        return bisect_right(self.starts, place) - 1

    def _end(self, line: int) -> int:
        """The place of the line end behind a line."""
        return self.starts[line + 1] - 1 if line + 1 < len(self.starts) else len(self.text) - 1

    def _name(self, line: int) -> str:
        return self.text[self.starts[line] : self._end(line)].decode("utf-8", "surrogatepass")


def read(path: Path) -> TagList:
    """The list in a file; lines that are none are left out. Raises OSError and ValueError for a file that is none."""
    try:
        rows = sorted(_rows(text_of(path, most=MOST_BYTES)), key=lambda row: -row[1])
    except csv.Error as error:
        raise ValueError(str(error)) from error
    text, starts, tags = bytearray(b"\n"), array("I"), array("I")
    counts, types, names = array("I"), array("b"), array("I")
    taken: dict[str, int] = {}

    def add(name: str) -> bool:
        if name in taken:
            return False
        taken[name] = len(starts)
        starts.append(len(text))
        tags.append(len(counts))
        text.extend(name.encode("utf-8", "surrogatepass") + b"\n")
        return True

    for name, count, kind, aliases in rows:
        own = len(starts)
        if not add(name):
            continue
        for alias in aliases:
            add(alias)
        names.append(own)
        counts.append(count)
        types.append(kind)
    in_order = array("I", (taken[name] for name in sorted(taken)))
    return TagList(bytes(text), starts, tags, counts, types, names, in_order)


def _rows(text: str) -> Iterator[tuple[str, int, int, list[str]]]:
    for row in csv.reader(io.StringIO(text.replace("\0", ""))):
        if len(row) < 3 or not (name := plain_anew(row[0])) or len(name) > LONGEST:
            continue
        kind, count = (int(one) if re.fullmatch(r"\d{1,12}", one.strip()) else -1 for one in row[1:3])
        if kind < 0 or count < 0:  # a head, or a line of something else
            continue
        aliases = [one for given in ",".join(row[3:]).split(",") if (one := plain_anew(given)) and len(one) <= LONGEST]
        yield name, min(count, LARGEST_COUNT), kind if kind < 100 else 0, aliases
