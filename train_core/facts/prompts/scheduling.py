"""Prompts that change while a picture is drawn: `[from:to:when]` and `[a|b]`, by the rules of AUTOMATIC1111's web UI.

    text       = { plain | group | bracket }
    bracket    = "[" [text ":"] text ":" when "]"      from the first text, or nothing, to the second one
               | "[" text { "|" text } "]"             one text after the other, call by call
               | "[" text "]"                          a weight, which stays in the text
    group      = "(" text [":" text] ")"               a weight, which stays in the text

`when` is a share of the steps if it has a point, and a call of the denoiser otherwise. What does not parse stays as it
is. Signs may be full-width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from operator import itemgetter

from train_core.config.syntax.signs import plain_signs
from train_core.facts.prompts.emoticons import emoticons

DEEPEST = 50  # brackets within each other that are read; deeper ones stay as they are
NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*")
_SIGNS = re.compile(r"\\.|[\[\]()|:［］（）｜：]", re.DOTALL)


@dataclass(frozen=True)
class _Change:
    """From `before` to `after`, when the call `when` has been made, or that share of all calls."""

    before: _Text
    after: _Text
    when: str


@dataclass(frozen=True)
class _Turns:
    """Texts that take turns."""

    texts: tuple[_Text, ...]


_Piece = str | _Change | _Turns
_Text = tuple[_Piece, ...]


def schedule(prompt: str, calls: int, earlier: int | None = None) -> list[tuple[int, str]]:
    """What `prompt` says in each of `calls` calls of the denoiser: (last call, text), calls counted from 0.

    The last one's number is `calls`. In a second pass over a picture, `earlier` is the number of calls of the first
    one, from which whole numbers count on, as shares do above 1.
    """
    text = _parse(prompt)
    changes = {at for change in _changes(text) if 1 <= (at := _call(change.when, calls, earlier)) < calls}
    ends = range(1, calls + 1) if _has_turns(text) else sorted(changes | {calls})
    said = [(end, _said(text, end, calls, earlier)) for end in ends]
    return [list(alike)[-1] for _, alike in groupby(said, key=itemgetter(1))]


def unread(prompt: str) -> list[str]:
    """The brackets in `prompt` that look like a change but are none, and stay in the text as they are."""
    reader = _Reader(prompt)
    reader.text()
    return reader.unread


def _parse(prompt: str) -> _Text:
    return _Reader(prompt).text()


def _call(when: str, calls: int, earlier: int | None) -> int:
    """The last call before the change."""
    number = float(when)
    if "." in when:
        return min(calls, int((number - (earlier is not None)) * calls))
    return min(calls, int(number) - (earlier or 0))


def _said(text: _Text, call: int, calls: int, earlier: int | None) -> str:
    words = []
    for piece in text:
        match piece:
            case str():
                words.append(piece)
            case _Change():
                now = piece.before if call <= _call(piece.when, calls, earlier) else piece.after
                words.append(_said(now, call, calls, earlier))
            case _Turns():
                now = piece.texts[(call - 1) % len(piece.texts)]
                words.append(_said(now, call, calls, earlier))
    return "".join(words)


def _changes(text: _Text) -> Iterator[_Change]:
    for piece in text:
        match piece:
            case _Change():
                yield piece
                yield from _changes(piece.before)
                yield from _changes(piece.after)
            case _Turns():
                for one in piece.texts:
                    yield from _changes(one)


def _has_turns(text: _Text) -> bool:
    return any(
        _has_turns(piece.before) or _has_turns(piece.after) if isinstance(piece, _Change) else isinstance(piece, _Turns)
        for piece in text
    )


@dataclass
class _Open:
    """A bracket whose end has not been read: `start` is its place, `cuts` are the signs between its `texts`."""

    sign: str
    start: int
    texts: list[list[_Piece]] = field(default_factory=lambda: [[]])
    cuts: list[str] = field(default_factory=list)

    def as_text(self) -> list[_Piece]:
        """What was read, as if the bracket were a letter."""
        pieces: list[_Piece] = [self.sign, *self.texts[0]]
        for cut, text in zip(self.cuts, self.texts[1:], strict=True):
            pieces += [cut, *text]
        return pieces


class _Reader:
    """Reads a prompt once from left to right; what is open stands on a stack, whose first entry is the prompt."""

    def __init__(self, prompt: str) -> None:
        self._prompt = prompt
        self._stack = [_Open("", 0)]
        self.unread: list[str] = []

    def text(self) -> _Text:
        """The prompt's pieces."""
        for sign, place in self._signs():
            plain = plain_signs(sign)
            if plain in ("[", "(") and len(self._stack) <= DEEPEST:
                self._stack.append(_Open(sign, place))
            elif plain == ":" or (plain == "|" and self._stack[-1].sign in ("[", "［")):
                self._cut(sign)
            elif plain in ("]", ")") and self._opened("[" if plain == "]" else "("):
                self._close(sign, place)
            else:
                self._stack[-1].texts[-1].append(sign)
        while len(self._stack) > 1:
            self._give_up()
        return _joined(self._stack[0].as_text())

    def _signs(self) -> Iterator[tuple[str, int]]:
        """The prompt cut into signs that may mean something and the text between them, with their places."""
        faces, end = emoticons(self._prompt), 0
        for found in _SIGNS.finditer(self._prompt):
            if any(start <= found.start() < stop for start, stop in faces) or found.start() < end:
                continue
            if found.start() > end:
                yield self._prompt[end : found.start()], end
            yield found[0], found.start()
            end = found.end()
        if end < len(self._prompt):
            yield self._prompt[end:], end

    def _cut(self, sign: str) -> None:
        self._stack[-1].cuts.append(sign)
        self._stack[-1].texts.append([])

    def _opened(self, bracket: str) -> bool:
        """Whether such a bracket is open, with nothing of another kind between; other brackets in it are letters."""
        return plain_signs(self._stack[-1].sign) == bracket

    def _give_up(self) -> None:
        """The innermost open bracket has no end: it is a letter."""
        lost = self._stack.pop()
        self._stack[-1].texts[-1] += lost.as_text()

    def _close(self, sign: str, place: int) -> None:
        done = self._stack.pop()
        self._stack[-1].texts[-1] += self._meaning(done) or self._as_it_is(done, sign, place)

    def _meaning(self, done: _Open) -> list[_Piece]:
        """The change that a whole bracket asks for; nothing where it asks for none."""
        if plain_signs(done.sign) != "[" or not done.cuts:
            return []
        cuts = [plain_signs(cut) for cut in done.cuts]
        texts = [_joined(text) for text in done.texts]
        if ":" not in cuts:
            return [_Turns(tuple(texts))]
        places = [place for place, cut in enumerate(cuts) if cut == ":"]
        when = _number(texts[-1])
        if when is None or len(places) > 2 or places[-1] != len(cuts) - 1:
            return []
        halves = _split(done, places)
        return [_Change(halves[0] if len(halves) > 1 else (), halves[-1], when)]

    def _as_it_is(self, done: _Open, sign: str, place: int) -> list[_Piece]:
        if plain_signs(done.sign) == "[" and done.cuts:
            self.unread.append(self._prompt[done.start : place + 1])
        return [*done.as_text(), sign]


def _split(done: _Open, places: Sequence[int]) -> list[_Text]:
    """The texts of a change without its last one, cut at its colons alone."""
    halves: list[list[_Piece]] = [list(done.texts[0])]
    for place, text in enumerate(done.texts[1:-1]):
        if place in places:
            halves.append(list(text))
        else:
            halves[-1] += [done.cuts[place], *text]
    return [_joined(half) for half in halves]


def _number(text: _Text) -> str | None:
    """The number that `text` is, with plain signs."""
    if len(text) != 1 or not isinstance(text[0], str):
        return None
    found = NUMBER.fullmatch(plain_signs(text[0]))
    return found[1] if found else None


def _joined(pieces: Sequence[_Piece]) -> _Text:
    """`pieces` with neighbouring texts in one."""
    joined: list[_Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)
