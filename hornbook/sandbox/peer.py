"""One program and its judge talk: calls, results, exceptions (raised.py), and handles for the rest.

In: a connected socket. Out: `Peer`, the same class on both ends. A value of plain data crosses as a
copy (values.py), one that can be changed is kept in step from then on (links.py); anything else
stays where it is and crosses as a handle, which becomes a Remote on the other end: its attributes,
calls and operators are forwarded. What the other end may do with a handle is asked of `permits`
each time. Frames: a request [op, number, name or names of named arguments, trees], a result ["r",
tree], an exception ["x", tree] or, of one that ends all, ["X", tree]; each with news of what is in
step at its end, where there are any. Trust: a comparison of a Remote with a plain value is never
decided by the Remote's own methods; one of two objects is, if the tests built one of them
themselves by calling a class (then its comparisons are what is being tested). Not covered: `a is b`
for immutable values; threads of the tests that wait for one another inside calls.
"""

from __future__ import annotations

import copy
import re
import struct
import threading
import types
from collections.abc import Callable, Sequence
from os import read, write
from sys import getrefcount
from typing import Any, NoReturn

from hornbook.sandbox.codec import Codec, ProtocolError, from_bytes, to_bytes
from hornbook.sandbox.exceptions import again, forget_frames
from hornbook.sandbox.proxies import (
    ANSWERS,
    DUNDERS,
    FACES,
    KINDS,
    NOT,
    OWN,
    SLOTS,
    Remote,
    face_of,
    kind_of,
    mask_of,
    plain_of,
    remote_class,
)
from hornbook.sandbox.shared_objects import Linked
from hornbook.sandbox.streams import Streaming, run, step

FRAME_BYTES = 8 << 20
# What reading a hostile frame raises; it ends the conversation, for it must not be caught among the
# tests.
MALFORMED = (ProtocolError, RecursionError, TypeError, ValueError, LookupError, AttributeError)
HOMES = (
    "program",
    "tests",
)  # modules of which the classes are made by whoever wrote them, on either end
CAPWORDS = re.compile(r"[A-Z]+[a-z][A-Za-z0-9]*|[A-Z]")
OF: dict[str, Callable[..., Any]] = {
    "repr": repr,
    "str": str,
    "hash": hash,
    "type": type,
    "dir": dir,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "format": format,
    "isinstance": isinstance,
    "issubclass": issubclass,
    "plain": lambda value: plain_of(value),
    "await": run,
    "anext": lambda generator: run(step(generator)),
}


class Gone(BaseException):
    """The other process ended, or broke the protocol: nothing that it says counts from now on."""


def anything(op: str, target: object, name: str) -> bool:
    return True


class Peer(Streaming):
    """One end of the conversation. `broken` says why it ended, "" while it lives."""

    def __init__(
        self,
        handle: int,
        permits: Callable[[str, object, str], bool] = anything,
        trusts: bool = False,
    ) -> None:
        """`trusts`: the other end's objects may answer for themselves, as the tests' may towards the program."""
        super().__init__(2 if trusts else 1, trusts)
        self._fd, self._permits = handle, permits
        self._remotes: dict[int, Any] = {}
        self._lock = threading.RLock()
        self._sent: list[Sequence[Any]] = []
        self.broken = ""

    # what the program using this end does

    def call(
        self, number: int, args: tuple[Any, ...], named: dict[str, Any], own: int = NOT
    ) -> Any:
        """Call the other end's object; arguments that it changes are changed here too."""
        values = [*args, *named.values()] if named else args
        sent = [self.encode(value) for value in values]
        self._sent.append(values)
        try:
            return self.ask("call", number, list(named), sent, own)
        finally:
            self._sent.pop()

    def do(self, op: str, number: int, name: str, *args: Any, own: int = NOT) -> Any:
        """Ask something of an object of the other end; an object that it gives speaks for itself as far as `own`."""
        return self.ask(op, number, name, [self.encode(arg) for arg in args], own)

    def ask(
        self, op: str, number: int, name: str | list[str], trees: list[Any], own: int = NOT
    ) -> Any:
        """Send a request and answer the other end's own until its reply comes."""
        with self._lock:
            if op != "io":
                self.tell_streams()
            self.send([op, number, name, trees])
            self._quiet += op == "of"
            try:
                while True:
                    frame = self.receive()
                    if frame[0] in ("r", "x", "X"):
                        return self._replied(frame, own, op == "do" and name == "__next__")
                    self.answer(frame)
            finally:
                self._quiet -= op == "of"

    def _replied(self, frame: list[Any], own: int, steps: bool) -> Any:
        given_up = self._learned(frame, 2)
        if frame[0] != "r":
            error = self._raised(frame, steps)
            self.end(given_up)
            again(error)
        value = self._owned(frame[1], own)
        if given_up:
            self.end(given_up)
        return value

    def _learned(self, frame: list[Any], size: int) -> list[int]:
        """The frame's news, which stand behind its own parts, and the links that end with it."""
        if len(frame) <= size:
            return []
        try:
            news = frame[size]
            return self.learn(news)
        except MALFORMED as error:
            return self.give_up(f"the program broke the protocol: {error}")

    def serve(self) -> None:
        """Answer until the other end is gone."""
        while True:
            self.answer(self.receive())

    def offer(self, named: dict[str, object]) -> None:
        """Answer the question for the program's functions and classes by name."""
        self.send(["r", [[name, self.encode(value)] for name, value in named.items()]])

    def offered(self, wanted: Sequence[str], classes: Sequence[str] | None) -> dict[str, Any]:
        """What the other end has under these names, `classes` among them; with None, names in CapWords are classes."""
        frame = self.receive()
        if frame[0] != "r" or len(frame) < 2 or type(frame[1]) is not list:
            self.give_up("the program broke the protocol: no offer")
        given_up = self._learned(frame, 2)
        found = {}
        for pair in frame[1]:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
                self.give_up("the program broke the protocol: no offer")
            if (
                pair[0] in wanted
            ):  # else a program could put functions of its own in the place of built-in ones
                known = CAPWORDS.fullmatch(pair[0]) if classes is None else pair[0] in classes
                found[pair[0]] = self._owned(pair[1], OWN if known else NOT)
        self.end(given_up)
        return found

    # frames

    def send(self, frame: list[Any]) -> None:
        news = self.news()
        data = to_bytes(frame if news is None else [*frame, news])
        if len(data) > FRAME_BYTES:
            if news is not None:
                self.unsent(news)
            raise ValueError(
                f"a value of {len(data):,} bytes does not cross: the limit is {FRAME_BYTES:,}"
            )
        data = struct.pack("=I", len(data)) + data
        try:
            sent = write(self._fd, data)
            while sent < len(data):
                sent += write(self._fd, data[sent : sent + (1 << 16)])
        except OSError:
            self.give_up("the program ended")

    def receive(self) -> list[Any]:
        data = self._read(65536)
        size = int.from_bytes(data[:4], "little")
        if len(data) < 4 or size > FRAME_BYTES:
            self.give_up("the program broke the protocol: a frame of no proper size")
        if len(data) < size + 4:
            parts, have = [data], len(data)
            while have < size + 4:
                parts.append(self._read(1 << 20))
                have += len(parts[-1])
            data = b"".join(parts)
        if len(data) != size + 4:
            self.give_up("the program broke the protocol: it spoke out of turn")
        try:
            frame = from_bytes(data[4:])
        except ProtocolError as error:
            self.give_up(f"the program broke the protocol: {error}")
        if type(frame) is not list or not frame:
            self.give_up("the program broke the protocol: no frame")
        return frame

    def _read(self, size: int) -> bytes:
        try:
            data = read(self._fd, size)
        except OSError:
            data = b""
        if not data:
            self.give_up("the program ended")
        return data

    def give_up(self, why: str) -> NoReturn:
        self.broken = self.broken or why
        raise Gone(self.broken)

    def decode(self, tree: Any) -> Any:
        try:
            return Codec.decode(self, tree)
        except MALFORMED as error:
            return self.give_up(f"the program broke the protocol: {error}")

    # answering

    def answer(self, frame: list[Any]) -> None:
        """Do one request of the other end and reply with its result or its exception."""
        given_up = self._learned(frame, 4)
        quiet = frame[0] == "of"
        self._quiet += quiet
        try:
            self._reply(frame, given_up)
        finally:
            self._quiet -= quiet

    def _reply(self, frame: list[Any], given_up: list[int]) -> None:
        try:
            reply = ["r", self._done(frame, given_up)]
        except Gone:
            raise
        except (
            BaseException
        ) as error:  # SystemExit, KeyboardInterrupt, a subclass of its own end all
            reply = ["x" if isinstance(error, Exception) else "X", self._exception(error)]
            if self._trusts:
                forget_frames(error)
        try:
            self.send(reply)
        except (ValueError, RecursionError) as error:
            self.send(["x", self._exception(error)])

    def _done(self, frame: list[Any], given_up: list[int]) -> Any:
        if len(frame) < 4 or type(frame[1]) is not int or type(frame[3]) is not list:
            self.give_up("the program broke the protocol: no request")
        op, number, name, trees = frame[:4]
        values = [self.decode(tree) for tree in trees]
        self.end(given_up)
        if op == "io":
            result = self.stream(str(name), values)
            return self._tree(result, ())
        target: Any = self._mine.get(number)
        if op == "call":
            if type(name) is not list or not self._permits(op, target, ""):
                raise TypeError("this object of the tests can not be called from the program")
            cut = len(values) - len(name)
            result = target(*values[:cut], **dict(zip(name, values[cut:], strict=True)))
            return self._tree(result, values)
        if type(name) is not str or not self._permits(op, target, name):
            raise AttributeError(f"the program has no access to {name!r} of an object of the tests")
        if op == "get":
            result = getattr(target, name)
        elif op == "set":
            (delattr if not values else setattr)(target, name, *values)
            return None
        elif op == "do":
            result = getattr(type(target), name)(target, *values)
        else:
            result = OF[name](target, *values)
        return self._tree(result, ())

    def _tree(self, result: Any, values: Sequence[Any]) -> Any:
        """A result, with tuples among the arguments named as such, so that the caller finds the very ones it passed."""
        self._given = {
            id(value): at for at, value in enumerate(values) if type(value) is tuple and value
        }
        self._loose = True
        try:
            return self.encode(result)
        finally:
            self._given, self._loose = {}, False

    # handles

    def handle(self, value: Any) -> object:
        kind = type(value)
        if issubclass(kind, Remote) and value._hb_peer is self:
            return {"p": value._hb_number}
        if kind is types.TracebackType:
            return self._trace(value)
        if isinstance(value, BaseException):
            return {"E": self._exception(value)}
        if isinstance(value, type) and issubclass(value, BaseException):
            return self._class(value)
        if id(value) in self._stand_ins:
            return {"p": self._stand_ins[id(value)][1]}
        number, known = self._number(value)
        if known:
            return {"o": [number]}
        home = self._number(kind)[0] if kind.__module__ in HOMES else 0
        return {
            "o": [number, face_of(kind), mask_of(kind), kind.__name__[:80], kind_of(value), home]
        }

    def unhandle(self, tag: str, body: Any) -> object:
        if tag == "a" and type(body) is int and self._sent and 0 <= body < len(self._sent[-1]):
            return self._sent[-1][body]
        if tag == "l":
            return self.linked(body)
        if tag == "p" and type(body) is int and body in self._mine:
            return self._mine[body]
        if tag == "o":
            return self._remote(body, NOT)
        if tag == "E":
            return self._rebuilt(body)
        if tag == "X":
            return self._mirror(body)
        if tag == "T":
            return self._dead_end(body)
        raise ProtocolError(f"unknown tag {tag[:20]!r}")

    def _remote(self, body: Any, own: int) -> Any:
        number, own = body[0], ANSWERS if self._trusts else own
        found = self._remotes.get(number)
        if found is not None:
            if issubclass(type(found), Remote) and own > found._hb_own:
                object.__setattr__(found, "_hb_own", own)
            return found
        if len(body) != 6:
            raise ProtocolError("a handle that was never described")
        _, face, mask, name, kind, home = body
        if not (type(number) is type(mask) is type(home) is int) or type(name) is not str:
            raise ProtocolError("a malformed handle")
        found = object.__new__(
            remote_class(name, mask & ((1 << len(DUNDERS)) - 1), self if home else None, home)
        )
        for slot, value in zip(
            SLOTS, (self, number, own, FACES.get(face), KINDS.get(kind)), strict=True
        ):
            object.__setattr__(found, slot, value)
        self._remotes[number] = found
        if kind in ("coroutine", "async_generator"):
            found = self._remotes[number] = self.awaited(found, kind)
        return found

    def _owned(self, tree: Any, own: int) -> Any:
        """The result of calling a class: an object that speaks for itself, as far as `own` goes."""
        if own and type(tree) is dict and tree.keys() == {"o"}:
            try:
                return self._remote(tree["o"], own)
            except MALFORMED as error:
                self.give_up(f"the program broke the protocol: {error}")
        return self.decode(tree)

    def _raised(self, frame: list[Any], steps: bool) -> BaseException:
        try:
            error = self._rebuilt(frame[1])
        except MALFORMED as problem:
            self.give_up(f"the program broke the protocol: {problem}")
        if frame[0] == "X" or not isinstance(error, Exception):
            self.give_up(f"the program raised {type(error).__name__}: {error}")
        if isinstance(error, StopIteration) and not steps:
            # Else a call that raises it would end `all(map(f, cases))` early, and so pass.
            return RuntimeError("the program raised StopIteration outside of an iterator")
        return error


class _Counting(Peer):
    """Counts references where `shared` does."""

    counts: list[int]

    def shared(self, value: Any, depth: int) -> object:
        self.counts.append(getrefcount(value))
        return None


def _fewest() -> tuple[int, int]:
    """References to a result that only `_done` holds, and to parts of it; versions of Python count differently."""
    peer, result = _Counting(-1), [[None, 1], {1: bytearray()}, {"x": {2}}]
    peer.counts = []
    peer._tree(result, ())
    return peer.counts[0], min(peer.counts[1:])


Linked.fewest = _fewest()
