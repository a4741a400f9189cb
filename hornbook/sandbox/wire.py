"""One program and its judge talk: calls, results, arguments changed in place, exceptions, and handles for the rest.

In: a connected socket. Out: `Peer`, the same class on both ends. A value of plain data crosses as a copy (values.py);
anything else stays where it is and crosses as a handle, which becomes a Remote on the other end: its attributes,
calls and operators are forwarded. What the other end may do with a handle is asked of `permits` each time.
Trust: a comparison of a Remote with a plain value is never decided by the Remote's own methods; one of two objects is,
if the tests built one of them themselves by calling a class (then its comparisons are what is being tested).
Not covered: `a is b` for one object reached in two ways; threads of the tests that wait for one another inside calls.
"""

from __future__ import annotations

import copy
import re
import struct
import threading
from collections.abc import Callable, Sequence
from os import read, write
from typing import Any, NoReturn

from hornbook.sandbox.errors import Errors
from hornbook.sandbox.remote import (
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
from hornbook.sandbox.values import MUTABLE, Codec, ProtocolError, from_bytes, pour, to_bytes

FRAME_BYTES = 8 << 20
# What reading a hostile frame raises; it ends the conversation, for it must not be caught among the tests.
MALFORMED = (ProtocolError, RecursionError, TypeError, ValueError, LookupError, AttributeError)
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
    "await": lambda value: _run_to_its_end(value),
}


class Gone(BaseException):
    """The other process ended, or broke the protocol: nothing that it says counts from now on."""


def anything(op: str, target: object, name: str) -> bool:
    return True


class Peer(Errors):
    """One end of the conversation. `broken` says why it ended, "" while it lives."""

    def __init__(
        self, handle: int, permits: Callable[[str, object, str], bool] = anything, trusts: bool = False
    ) -> None:
        """`trusts`: the other end's objects may answer for themselves, as the tests' may towards the program."""
        self._fd, self._permits, self._trusts = handle, permits, trusts
        self._mine: dict[int, object] = {}
        self._numbers: dict[int, int] = {}
        self._remotes: dict[tuple[int, int], Any] = {}
        self._about: dict[int, list[Any]] = {}
        self._mirrors: dict[int, type[BaseException]] = {}
        self._lock = threading.RLock()
        self.says: Callable[[], str] = str  # what this end has printed since it was last asked
        self.hears: Callable[[str], object] = lambda text: None
        self._sent: list[Sequence[Any]] = []
        self._given: dict[int, int] = {}
        self.broken = ""

    # what the program using this end does

    def call(self, number: int, args: tuple[Any, ...], named: dict[str, Any], own: int = NOT) -> Any:
        """Call the other end's object; arguments that it changed in place are changed here too."""
        values = [*args, *named.values()] if named else args
        sent = [self.encode(value) for value in values]
        reply = self.ask("call", number, sent, list(named))
        if len(reply) > 2 and reply[2]:
            self._pour(values, reply[2])
        self._sent.append(values)
        try:
            return self._owned(reply[1], own)
        finally:
            self._sent.pop()

    def _pour(self, values: Sequence[Any], changed: Any) -> None:
        try:
            for at, tree in changed:
                pour(values[at], self.decode(tree))
        except MALFORMED as error:
            self.give_up(f"the program broke the protocol: {error}")

    def do(self, op: str, number: int, name: str, *args: Any, own: int = NOT) -> Any:
        return self._owned(self.ask(op, number, name, [self.encode(arg) for arg in args])[1], own)

    def ask(self, *request: Any) -> Any:
        """Send a request and answer the other end's own until its reply comes: a frame ["r", tree, ...]."""
        with self._lock:
            self.send(list(request))
            while True:
                frame = self.receive()
                if frame[0] in ("r", "x") and len(frame) > 1:
                    if len(frame) > 3 and type(frame[3]) is str:
                        self.hears(frame[3])
                    if frame[0] == "r":
                        return frame
                    raise self._raised(request, frame)
                self.answer(frame)

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
        if frame[0] != "r" or len(frame) != 2 or type(frame[1]) is not list:
            self.give_up("the program broke the protocol: no offer")
        found = {}
        for pair in frame[1]:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
                self.give_up("the program broke the protocol: no offer")
            if pair[0] in wanted:  # else a program could put functions of its own in the place of built-in ones
                known = CAPWORDS.fullmatch(pair[0]) if classes is None else pair[0] in classes
                found[pair[0]] = self._owned(pair[1], OWN if known else NOT)
        return found

    # frames

    def send(self, frame: list[Any]) -> None:
        data = to_bytes(frame)
        if len(data) > FRAME_BYTES:
            raise ValueError(f"a value of {len(data):,} bytes does not cross: the limit is {FRAME_BYTES:,}")
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
        try:
            reply = self._done(frame)
        except Exception as error:
            reply = ["x", self._exception(error)]
        except Gone:
            raise
        except BaseException as error:  # SystemExit, KeyboardInterrupt, a subclass of its own
            reply = ["x", self._exception(error), "fatal"]
        if said := self.says():
            reply += [None] * (3 - len(reply)) + [said]
        try:
            self.send(reply)
        except (ValueError, RecursionError) as error:
            self.send(["x", self._exception(error)])

    def _done(self, frame: list[Any]) -> list[Any]:
        if len(frame) != 4 or type(frame[1]) is not int or type(frame[3]) is not list:
            self.give_up("the program broke the protocol: no request")
        op, number, name, trees = frame[0], frame[1], frame[2], frame[3]
        target = self._mine.get(number)
        if op == "call":
            if type(name) is not list or not self._permits(op, target, ""):
                raise TypeError("this object of the tests can not be called from the program")
            return self._called(target, name, trees)
        if type(name) is not str or not self._permits(op, target, name):
            raise AttributeError(f"the program has no access to {name!r} of an object of the tests")
        args = [self.decode(tree) for tree in trees]
        if op == "get":
            return ["r", self.encode(getattr(target, name))]
        if op == "set":
            (delattr if not args else setattr)(target, name, *args)
            return ["r", None]
        if op == "do":
            if name == "__exit__":  # a traceback does not cross, and Python takes no stand-in for one
                args[2:] = [None]
            return ["r", self.encode(getattr(type(target), name)(target, *args))]
        return ["r", self.encode(OF[name](target, *args))]

    def _called(self, target: Any, trees: list[Any], names: list[str]) -> list[Any]:
        values = [self.decode(tree) for tree in trees]
        cut = len(values) - len(names)
        result = target(*values[:cut], **dict(zip(names, values[cut:], strict=True)))
        changed = []
        for at, value in enumerate(values):
            kind = type(value)
            if kind in MUTABLE or kind is tuple:
                tree = self.encode(value)
                if tree != trees[at]:
                    changed.append([at, tree])
        tree = self._encode_result(result, values)
        return ["r", tree, changed] if changed else ["r", tree]

    def _encode_result(self, result: Any, values: Sequence[Any]) -> Any:
        """With the arguments in it named as such, so that the caller finds the very objects that it passed."""
        self._given = {id(v): at for at, v in enumerate(values) if type(v) in MUTABLE or (type(v) is tuple and v)}
        try:
            return self.encode(result)
        finally:
            self._given = {}

    def encode(self, value: Any, depth: int = 0) -> Any:
        if self._given and id(value) in self._given:
            return {"a": self._given[id(value)]}
        return Codec.encode(self, value, depth)

    # handles

    def handle(self, value: Any) -> object:
        kind = type(value)
        if issubclass(kind, Remote) and value._hb_peer is self:
            return {"p": value._hb_number}
        if isinstance(value, BaseException):
            return {"E": self._exception(value)}
        if isinstance(value, type) and issubclass(value, BaseException):
            return self._class(value)
        number, known = self._number(value)
        if known:
            return {"o": [number]}
        return {"o": [number, face_of(kind), mask_of(kind), kind.__name__[:80], kind_of(value)]}

    def unhandle(self, tag: str, body: Any) -> object:
        if tag == "a" and type(body) is int and self._sent and 0 <= body < len(self._sent[-1]):
            return self._sent[-1][body]
        if tag == "p" and type(body) is int and body in self._mine:
            return self._mine[body]
        if tag == "o":
            return self._remote(body, NOT)
        if tag == "E":
            return self._rebuilt(body)
        if tag == "X":
            return self._mirror(body)
        raise ProtocolError(f"unknown tag {tag[:20]!r}")

    def _number(self, value: object) -> tuple[int, bool]:
        number = self._numbers.get(id(value))
        if number is not None:
            return number, True
        number = len(self._mine) + 1
        self._mine[number], self._numbers[id(value)] = value, number  # kept alive, so its id stays its own
        return number, False

    def _remote(self, body: Any, own: int) -> Any:
        number, own = body[0], ANSWERS if self._trusts else own
        if len(body) > 1:
            self._about[number] = body
        found = self._remotes.get((number, own))
        if found is None:
            if number not in self._about:
                raise ProtocolError("a handle that was never described")
            _, face, mask, name, kind = self._about[number]
            if type(number) is not int or type(mask) is not int or type(name) is not str:
                raise ProtocolError("a malformed handle")
            found = object.__new__(remote_class(name, mask & ((1 << len(DUNDERS)) - 1)))
            for slot, value in zip(SLOTS, (self, number, own, FACES.get(face), KINDS.get(kind)), strict=True):
                object.__setattr__(found, slot, value)
            self._remotes[number, own] = found
        return _awaited(self, number) if found._hb_kind is KINDS["coroutine"] else found

    def _owned(self, tree: Any, own: int) -> Any:
        """What a class or an operator gave: an object that speaks for itself if those did."""
        if own and type(tree) is dict and tree.keys() == {"o"}:
            try:
                return self._remote(tree["o"], own)
            except MALFORMED as error:
                self.give_up(f"the program broke the protocol: {error}")
        return self.decode(tree)

    def _raised(self, request: tuple[Any, ...], frame: list[Any]) -> BaseException:
        try:
            error = self._rebuilt(frame[1])
        except (ProtocolError, ValueError, TypeError, LookupError) as problem:
            self.give_up(f"the program broke the protocol: {problem}")
        if (len(frame) > 2 and frame[2]) or not isinstance(error, Exception):
            self.give_up(f"the program raised {type(error).__name__}: {error}")
        if isinstance(error, StopIteration) and not (request[0] == "do" and request[2] == "__next__"):
            # Else a call that raises it would end `all(map(f, cases))` early, and so pass.
            return RuntimeError("the program raised StopIteration outside of an iterator")
        return error


async def _awaited(peer: Peer, number: int) -> Any:
    """The other end's coroutine, for this end's event loop: run there to its end when it is awaited here."""
    return peer.do("of", number, "await")


def _run_to_its_end(coroutine: Any) -> Any:
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as thread:  # for in this one a loop may be running
        return thread.submit(asyncio.run, coroutine).result()
