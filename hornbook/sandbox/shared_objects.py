"""Lists, dicts and other mutables that both ends hold, kept in step: what one end changes, the other end finds changed.

In: plain mutable values that cross (arguments, results, attributes, parts of such). Out: a number
each, under which it crosses from then on, and news with every frame: which mutables are new, what
those that changed since the last frame hold now, which ones this end gave up. So aliases stay
aliases, what contains itself crosses, and depth is no limit. A change is noticed by comparing a
mutable's parts, by identity, with those it had: nothing of theirs is called. Only one end runs at a
time, so both cannot have changed. A link ends as soon as one end is the only holder, by its count
of references; a result that nobody but the call holds gets none. The other end names numbers only:
it changes what it was given or gave, by the methods of the kind that it has here, and nothing in
the middle of a question like a comparison. Not kept: more than MOST links, after WORK comparisons
what is no part of the call at hand; what two threads change.
"""

from __future__ import annotations

import array
import collections
from collections.abc import Callable
from operator import is_not
from sys import getrefcount
from typing import Any

from hornbook.sandbox.codec import MUTABLE, Codec, ProtocolError

MOST = 20_000
WORK = 20_000_000  # parts compared, in all; about 0.4 s. A list of 1,000 that both ends hold lasts for 20,000 calls
VISIT = 10  # what looking at a link costs, in parts
KINDS: dict[str, type] = {kind.__name__: kind for kind in MUTABLE}
MAPPINGS = {dict, collections.Counter, collections.OrderedDict, collections.defaultdict}


class Link:
    """One mutable of this end, and its parts when both ends were last in step (None: the other end has yet to hear)."""

    __slots__ = ("number", "parts", "value")

    def __init__(self, number: int, value: Any) -> None:
        self.number, self.value = number, value
        self.parts: Any = None


class Linked(Codec):
    """A codec that keeps mutables in step. One end counts in odd numbers, the other in even ones."""

    fewest = (
        0,
        0,
    )  # references to a result that nobody but the call holds, and to a part of one (wire.py counts)

    def __init__(self, first: int) -> None:
        self._links: dict[int, Link] = {}
        self._linked: dict[int, Link] = {}  # by id
        self._unsaid: list[Link] = []
        self._touched: list[Link] = []  # by the call at hand
        self._parity, self._next, self._work = first % 2, first, 0
        self._given: dict[
            int, int
        ] = {}  # tuples among the arguments of the call that is answered, by id
        self._loose = False  # whether what is encoded may be held by nobody else
        self.printed: list[list[str]] = []  # since the last frame (streams.py)
        self._quiet = 0  # a question is under way that must change nothing

    def shared(self, value: Any, depth: int) -> object:
        if type(value) is tuple:
            at = self._given.get(id(value))
            return None if at is None else {"a": at}
        link = self._linked.get(id(value))
        if link is None:
            if self._loose and getrefcount(value) <= self.fewest[depth > 0]:
                return None
            if len(self._links) >= MOST:
                return None
            link = self._add(self._next, value)
            self._next += 2
            self._unsaid.append(link)
        self._touched.append(link)
        return {"l": link.number}

    def linked(self, number: Any) -> object:
        """The mutable of this number, from a frame."""
        link = self._links[number]
        self._touched.append(link)
        return link.value

    def _add(self, number: int, value: Any) -> Link:
        link = Link(number, value)
        self._links[number] = self._linked[id(value)] = link
        return link

    def news(self) -> list[Any] | None:
        """What the other end must know before it reads the frame: [records, numbers given up, what was printed]."""
        if not self._links:
            return [[], [], self._words_said()] if self.printed else None
        loose, self._loose = self._loose, False
        records = [] if self._quiet else self._changes()
        said = list(self._unsaid)
        for link in said:  # grows on the way
            value = link.value
            records.append(
                [link.number, type(value).__name__, self._extra(value), self._contents(value)]
            )
            link.parts = _parts(value)
            said += self._unsaid[len(said) :]
        self._unsaid.clear()
        self._loose, value = loose, None
        given_up = self._given_up()
        self._touched.clear()
        return (
            [records, given_up, self._words_said()] if records or given_up or self.printed else None
        )

    def _words_said(self) -> list[list[str]]:
        said, self.printed = self.printed, []
        return said

    def _looked_at(self) -> list[Link]:
        return list(self._links.values() if self._work < WORK else dict.fromkeys(self._touched))

    def _changes(self) -> list[Any]:
        records = []
        for link in self._looked_at():
            if link.parts is not None and link.value is not None:
                self._work += VISIT + len(link.value)
                if _changed(link):
                    records.append([link.number, self._contents(link.value)])
                    link.parts = _parts(link.value)
        return records

    def _given_up(self) -> list[int]:
        """Forget what nobody here holds. Those around others come first, for links are made from outside in."""
        found = []
        for link in self._looked_at():
            if link.value is not None and getrefcount(link.value) <= ALONE:
                found.append(link.number)
                self._forget(link)
        return found

    def _forget(self, link: Link) -> None:
        del self._links[link.number], self._linked[id(link.value)]
        link.value = link.parts = None

    def unsent(self, news: list[Any]) -> None:
        """The frame could not be sent: the other end does not know its news."""
        for record in news[0]:
            link = self._links.get(record[0])
            if link is not None and len(record) == 4:
                self._forget(link)
            elif link is not None:
                link.parts = ()

    def learn(self, news: Any) -> list[int]:
        """Bring this end's mutables in step; the numbers that the other end gave up, for `end` once all is decoded."""
        records, given_up, printed = news
        if printed:
            self.hear(printed)
        filled = []
        for record in records:
            if len(record) == 2:
                if self._quiet:
                    raise ProtocolError("a change in the middle of a comparison")
                link = self._links[record[0]]
            else:
                link = self._made(*record)
            filled.append((link, record[-1]))
        for link, contents in filled:
            self._fill(link.value, contents)
            link.parts = _parts(link.value)
        return [number for number in given_up if type(number) is int]

    def hear(self, printed: Any) -> None:
        raise ProtocolError("nobody listens")

    def end(self, numbers: list[int]) -> None:
        for number in numbers:
            if number in self._links:
                self._forget(self._links[number])

    def _made(self, number: int, name: str, extra: Any, contents: Any) -> Link:
        if type(number) is not int or number in self._links or number % 2 == self._parity:
            raise ProtocolError("a list under a number of another")
        if len(self._links) >= 2 * MOST:
            raise ProtocolError("lists without end")
        kind: Callable[..., Any] = KINDS[name]
        if kind is collections.deque:
            return self._add(number, kind((), extra))
        if kind is collections.defaultdict:
            return self._add(number, kind(self.decode(extra)))
        return self._add(number, kind(extra) if kind is array.array else kind())

    def _extra(self, value: Any) -> Any:
        """What its kind alone does not say."""
        kind = type(value)
        if kind is collections.deque:
            return value.maxlen
        if kind is collections.defaultdict:
            return self.encode(value.default_factory)
        return value.typecode if kind is array.array else None

    def _contents(self, value: Any) -> Any:
        kind = type(value)
        if kind in MAPPINGS:
            return [self._items(value.keys(), 0), self._items(value.values(), 0)]
        if kind is bytearray:
            return value.decode("latin-1")
        return self._items(value.tolist() if kind is array.array else value, 0)

    def _fill(self, value: Any, contents: Any) -> None:
        kind = type(value)
        if kind in MAPPINGS:
            keys, values = map(self._listed, contents)
            if len(keys) != len(value) or any(
                map(is_not, keys, value)
            ):  # else leave the order, somebody may iterate
                value.clear()
            (collections.OrderedDict if kind is collections.OrderedDict else dict).update(
                value, zip(keys, values, strict=True)
            )
        elif kind is bytearray:
            value[:] = contents.encode("latin-1")
        elif kind is array.array:
            value[:] = array.array(value.typecode, contents)
        else:
            items = self._listed(contents)
            if kind is list:
                value[:] = items
            else:
                value.clear()
                (value.extend if kind is collections.deque else value.update)(items)

    def _listed(self, trees: Any) -> list[Any]:
        if type(trees) is not list:
            raise ProtocolError("contents that are no list")
        return self.decode(trees)  # type: ignore[no-any-return]


def _parts(value: Any) -> Any:
    kind = type(value)
    if kind in MAPPINGS:
        return [*value, *value.values()]
    return value[:] if kind is bytearray or kind is array.array else list(value)


def _changed(link: Link) -> bool:
    value, before = link.value, link.parts
    kind = type(value)
    if kind is bytearray or kind is array.array:
        return len(value) != len(before) or bytes(value) != bytes(before)
    now = [*value, *value.values()] if kind in MAPPINGS else value
    try:
        return len(now) != len(before) or any(map(is_not, now, before))
    except RuntimeError:  # a thread changes it just now: the next look will tell
        return False


# How many references the interpreter counts to a link's value that nobody else holds; versions of
# Python differ.
_ALONE = Link(0, [])
ALONE = getrefcount(_ALONE.value)
