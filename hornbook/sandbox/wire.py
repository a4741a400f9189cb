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

from hornbook.sandbox.remote import (
    ALIKE,
    ANSWERS,
    DECLARED,
    DUNDERS,
    FACES,
    KINDS,
    NOT,
    SLOTS,
    Remote,
    face_of,
    kind_of,
    mask_of,
    plain_of,
    remote_class,
)
from hornbook.sandbox.values import MUTABLE, NAME_OF, Codec, ProtocolError, from_bytes, pour, to_bytes

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
}


class Gone(BaseException):
    """The other process ended, or broke the protocol: nothing that it says counts from now on."""


def anything(op: str, target: object, name: str) -> bool:
    return True


class Peer(Codec):
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
        self._sent: list[Sequence[Any]] = []
        self._given: dict[int, int] = {}
        self.broken = ""

    # what the program using this end does

    def call(self, number: int, args: tuple[Any, ...], named: dict[str, Any], own: int = NOT) -> Any:
        """Call the other end's object; arguments that it changed in place are changed here too."""
        values = [*args, *named.values()] if named else args
        sent = [self.encode(value) for value in values]
        reply = self.ask("call", number, sent, list(named))
        for at, tree in reply[2] if len(reply) > 2 else ():
            pour(values[at], self.decode(tree))
        self._sent.append(values)
        try:
            return self._owned(reply[1], own)
        finally:
            self._sent.pop()

    def do(self, op: str, number: int, name: str, *args: Any) -> Any:
        return self.decode(self.ask(op, number, name, [self.encode(arg) for arg in args])[1])

    def ask(self, *request: Any) -> Any:
        """Send a request and answer the other end's own until its reply comes: a frame ["r", tree, ...]."""
        with self._lock:
            self.send(list(request))
            while True:
                frame = self.receive()
                if frame[0] == "r" and len(frame) > 1:
                    return frame
                if frame[0] == "x":
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
                found[pair[0]] = self._owned(pair[1], (ALIKE if classes is None else DECLARED) if known else NOT)
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
        return found

    def _owned(self, tree: Any, own: int) -> Any:
        """The result of calling a class: an object that speaks for itself, as far as `own` goes."""
        if own and type(tree) is dict and tree.keys() == {"o"}:
            try:
                return self._remote(tree["o"], own)
            except MALFORMED as error:
                self.give_up(f"the program broke the protocol: {error}")
        return self.decode(tree)

    # exceptions

    def _exception(self, error: BaseException) -> list[Any]:
        mirrored = getattr(error, "_hb_number", None)
        number = self._number(error)[0] if mirrored is None else -mirrored
        try:
            args = self.encode(error.args)
        except Exception:
            args = None
        try:
            text = str(error)[:300]
        except Exception:
            text = ""
        return [self._class(type(error)), args, text, number]

    def _class(self, kind: type) -> object:
        name = NAME_OF.get(id(kind))
        if name is not None:
            return {"k": name}
        if "_hb_class" in kind.__dict__:
            return {"p": kind.__dict__["_hb_class"]}
        return {"X": [self._number(kind)[0], kind.__name__[:80], self._class(kind.__base__ or Exception)]}

    def _mirror(self, body: Any) -> type[BaseException]:
        number, name, base = body
        if number not in self._mirrors:
            parent = self.decode(base)
            if not (isinstance(parent, type) and issubclass(parent, BaseException)) or type(name) is not str:
                raise ProtocolError("an exception class of no exception")
            members = {"_hb_class": number, "_hb_peer": self, "__str__": _text_of, "__getattr__": _get_of}
            self._mirrors[number] = type(name, (parent,), members)
        return self._mirrors[number]

    def _rebuilt(self, body: Any) -> BaseException:
        """The other end's exception, of the same class or of a mirror of it, as far as plain data tells."""
        tree, args, text, number = body
        if type(number) is not int or type(text) is not str:
            raise ProtocolError("a malformed exception")
        if -number in self._mine:
            return self._mine[-number]  # type: ignore[return-value]
        kind = self.decode(tree)
        values = self.decode(args)
        if type(values) is not tuple:
            values = (text,)
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ProtocolError("an exception of no exception class")
        try:
            error = kind.__new__(kind, *values)
            if "_hb_class" not in kind.__dict__:
                error.__init__(*values)  # type: ignore[misc]
        except Exception:
            error = Exception.__new__(Exception, f"{kind.__name__}: {text}")
        error.args = values
        error._hb_number, error._hb_text = number, text  # type: ignore[attr-defined]
        return error

    def _raised(self, request: tuple[Any, ...], frame: list[Any]) -> BaseException:
        try:
            error = self._rebuilt(frame[1])
        except (ProtocolError, ValueError, TypeError, LookupError) as problem:
            self.give_up(f"the program broke the protocol: {problem}")
        if len(frame) > 2 or not isinstance(error, Exception):
            self.give_up(f"the program raised {type(error).__name__}: {error}")
        if isinstance(error, StopIteration) and not (request[0] == "do" and request[2] == "__next__"):
            # Else a call that raises it would end `all(map(f, cases))` early, and so pass.
            return RuntimeError("the program raised StopIteration outside of an iterator")
        return error


def _text_of(self: Any) -> str:
    return self._hb_text if "_hb_text" in self.__dict__ else BaseException.__str__(self)


def _get_of(self: Any, name: str) -> Any:
    if name.startswith("_hb_") or "_hb_number" not in self.__dict__:
        raise AttributeError(name)
    return self._hb_peer.do("get", self._hb_number, name)
