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

from hornbook.sandbox.codec import Codec, ProtocolError, frame_from_bytes, frame_to_bytes
from hornbook.sandbox.exceptions import forget_frames, raise_with_context
from hornbook.sandbox.proxies import (
    DELEGATE_ALL,
    DELEGATE_NONE,
    DELEGATE_OPERATORS,
    KIND_TYPES,
    PLAIN_TYPES,
    PROXY_SLOTS,
    SPECIAL_METHODS,
    Proxy,
    compute_method_mask,
    extract_plain_value,
    find_kind_name,
    find_plain_name,
    make_proxy_class,
)
from hornbook.sandbox.shared_objects import SharedObjectCodec
from hornbook.sandbox.streams import StreamCodec, await_next, run_in_new_loop

MAX_FRAME_BYTES = 8 << 20
# What reading a hostile frame raises; it ends the conversation, for it must not be caught among the
# tests.
MALFORMED_FRAME_ERRORS = (
    ProtocolError,
    RecursionError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
)
USER_MODULES = (
    "program",
    "tests",
)  # modules of which the classes are made by whoever wrote them, on either end
CAPWORDS = re.compile(r"[A-Z]+[a-z][A-Za-z0-9]*|[A-Z]")
QUERIES: dict[str, Callable[..., Any]] = {
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
    "plain": lambda value: extract_plain_value(value),
    "await": run_in_new_loop,
    "anext": lambda generator: run_in_new_loop(await_next(generator)),
}


class PeerGone(BaseException):
    """The other process ended, or broke the protocol: nothing that it says counts from now on."""


def permit_all(op: str, target: object, name: str) -> bool:
    return True


class Peer(StreamCodec):
    """One end of the conversation. `broken` says why it ended, "" while it lives."""

    def __init__(
        self,
        socket_fd: int,
        is_permitted: Callable[[str, object, str], bool] = permit_all,
        trusts_other_end: bool = False,
    ) -> None:
        """`trusts`: the other end's objects may answer for themselves, as the tests' may towards the program."""
        super().__init__(2 if trusts_other_end else 1, trusts_other_end)
        self._socket_fd, self._is_permitted = socket_fd, is_permitted
        self._proxies: dict[int, Any] = {}
        self._lock = threading.RLock()
        self._arguments_in_flight: list[Sequence[Any]] = []
        self.end_reason = ""

    # what the program using this end does

    def call_object(
        self,
        object_id: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        delegation: int = DELEGATE_NONE,
    ) -> Any:
        """Call the other end's object; arguments that it changes are changed here too."""
        values = [*args, *kwargs.values()] if kwargs else args
        trees = [self.encode_value(value) for value in values]
        self._arguments_in_flight.append(values)
        try:
            return self.request_reply("call", object_id, list(kwargs), trees, delegation)
        finally:
            self._arguments_in_flight.pop()

    def ask_object(
        self, op: str, object_id: int, name: str, *args: Any, delegation: int = DELEGATE_NONE
    ) -> Any:
        """Ask something of an object of the other end; an object that it gives speaks for itself as far as `own`."""
        return self.request_reply(
            op, object_id, name, [self.encode_value(arg) for arg in args], delegation
        )

    def request_reply(
        self,
        op: str,
        object_id: int,
        name: str | list[str],
        trees: list[Any],
        delegation: int = DELEGATE_NONE,
    ) -> Any:
        """Send a request and answer the other end's own until its reply comes."""
        with self._lock:
            if op != "io":
                self.announce_redirections()
            self.send_frame([op, object_id, name, trees])
            self._query_depth += op == "of"
            try:
                while True:
                    frame = self.receive_frame()
                    if frame[0] in ("r", "x", "X"):
                        return self._read_reply(
                            frame, delegation, op == "do" and name == "__next__"
                        )
                    self.answer_request(frame)
            finally:
                self._query_depth -= op == "of"

    def _read_reply(self, frame: list[Any], delegation: int, is_next: bool) -> Any:
        released_ids = self._apply_frame_updates(frame, 2)
        if frame[0] != "r":
            error = self._decode_raised(frame, is_next)
            self.release_objects(released_ids)
            raise_with_context(error)
        value = self._decode_delegated(frame[1], delegation)
        if released_ids:
            self.release_objects(released_ids)
        return value

    def _apply_frame_updates(self, frame: list[Any], own_parts: int) -> list[int]:
        """The frame's news, which stand behind its own parts, and the links that end with it."""
        if len(frame) <= own_parts:
            return []
        try:
            updates = frame[own_parts]
            return self.apply_updates(updates)
        except MALFORMED_FRAME_ERRORS as error:
            return self.end_conversation(f"the program broke the protocol: {error}")

    def serve_requests(self) -> None:
        """Answer until the other end is gone."""
        while True:
            self.answer_request(self.receive_frame())

    def send_offer(self, objects: dict[str, object]) -> None:
        """Answer the question for the program's functions and classes by name."""
        self.send_frame(
            ["r", [[name, self.encode_value(value)] for name, value in objects.items()]]
        )

    def receive_offer(self, names: Sequence[str], classes: Sequence[str] | None) -> dict[str, Any]:
        """What the other end has under these names, `classes` among them; with None, names in CapWords are classes."""
        frame = self.receive_frame()
        if frame[0] != "r" or len(frame) < 2 or type(frame[1]) is not list:
            self.end_conversation("the program broke the protocol: no offer")
        released_ids = self._apply_frame_updates(frame, 2)
        objects = {}
        for pair in frame[1]:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
                self.end_conversation("the program broke the protocol: no offer")
            if (
                pair[0] in names
            ):  # else a program could put functions of its own in the place of built-in ones
                is_class = CAPWORDS.fullmatch(pair[0]) if classes is None else pair[0] in classes
                objects[pair[0]] = self._decode_delegated(
                    pair[1], DELEGATE_OPERATORS if is_class else DELEGATE_NONE
                )
        self.release_objects(released_ids)
        return objects

    # frames

    def send_frame(self, frame: list[Any]) -> None:
        updates = self.collect_updates()
        data = frame_to_bytes(frame if updates is None else [*frame, updates])
        if len(data) > MAX_FRAME_BYTES:
            if updates is not None:
                self.restore_unsent_updates(updates)
            raise ValueError(
                f"a value of {len(data):,} bytes does not cross: the limit is {MAX_FRAME_BYTES:,}"
            )
        data = struct.pack("=I", len(data)) + data
        try:
            written = write(self._socket_fd, data)
            while written < len(data):
                written += write(self._socket_fd, data[written : written + (1 << 16)])
        except OSError:
            self.end_conversation("the program ended")

    def receive_frame(self) -> list[Any]:
        data = self._read_bytes(65536)
        size = int.from_bytes(data[:4], "little")
        if len(data) < 4 or size > MAX_FRAME_BYTES:
            self.end_conversation("the program broke the protocol: a frame of no proper size")
        if len(data) < size + 4:
            parts, received = [data], len(data)
            while received < size + 4:
                parts.append(self._read_bytes(1 << 20))
                received += len(parts[-1])
            data = b"".join(parts)
        if len(data) != size + 4:
            self.end_conversation("the program broke the protocol: it spoke out of turn")
        try:
            frame = frame_from_bytes(data[4:])
        except ProtocolError as error:
            self.end_conversation(f"the program broke the protocol: {error}")
        if type(frame) is not list or not frame:
            self.end_conversation("the program broke the protocol: no frame")
        return frame

    def _read_bytes(self, size: int) -> bytes:
        try:
            data = read(self._socket_fd, size)
        except OSError:
            data = b""
        if not data:
            self.end_conversation("the program ended")
        return data

    def end_conversation(self, reason: str) -> NoReturn:
        self.end_reason = self.end_reason or reason
        raise PeerGone(self.end_reason)

    def decode_tree(self, tree: Any) -> Any:
        try:
            return Codec.decode_tree(self, tree)
        except MALFORMED_FRAME_ERRORS as error:
            return self.end_conversation(f"the program broke the protocol: {error}")

    # answering

    def answer_request(self, frame: list[Any]) -> None:
        """Do one request of the other end and reply with its result or its exception."""
        released_ids = self._apply_frame_updates(frame, 4)
        is_query = frame[0] == "of"
        self._query_depth += is_query
        try:
            self._send_reply(frame, released_ids)
        finally:
            self._query_depth -= is_query

    def _send_reply(self, frame: list[Any], released_ids: list[int]) -> None:
        try:
            reply = ["r", self._perform_request(frame, released_ids)]
        except PeerGone:
            raise
        except (
            BaseException
        ) as error:  # SystemExit, KeyboardInterrupt, a subclass of its own end all
            reply = ["x" if isinstance(error, Exception) else "X", self._encode_exception(error)]
            if self._trusts_other_end:
                forget_frames(error)
        try:
            self.send_frame(reply)
        except (ValueError, RecursionError) as error:
            self.send_frame(["x", self._encode_exception(error)])

    def _perform_request(self, frame: list[Any], released_ids: list[int]) -> Any:
        if len(frame) < 4 or type(frame[1]) is not int or type(frame[3]) is not list:
            self.end_conversation("the program broke the protocol: no request")
        op, object_id, name, trees = frame[:4]
        values = [self.decode_tree(tree) for tree in trees]
        self.release_objects(released_ids)
        if op == "io":
            result = self.answer_stream_request(str(name), values)
            return self._encode_result(result, ())
        target: Any = self._local_objects.get(object_id)
        if op == "call":
            if type(name) is not list or not self._is_permitted(op, target, ""):
                raise TypeError("this object of the tests can not be called from the program")
            positional_count = len(values) - len(name)
            result = target(
                *values[:positional_count],
                **dict(zip(name, values[positional_count:], strict=True)),
            )
            return self._encode_result(result, values)
        if type(name) is not str or not self._is_permitted(op, target, name):
            raise AttributeError(f"the program has no access to {name!r} of an object of the tests")
        if op == "get":
            result = getattr(target, name)
        elif op == "set":
            (delattr if not values else setattr)(target, name, *values)
            return None
        elif op == "do":
            result = getattr(type(target), name)(target, *values)
        else:
            result = QUERIES[name](target, *values)
        return self._encode_result(result, ())

    def _encode_result(self, result: Any, args: Sequence[Any]) -> Any:
        """A result, with tuples among the arguments named as such, so that the caller finds the very ones it passed."""
        self._argument_tuples = {
            id(value): i for i, value in enumerate(args) if type(value) is tuple and value
        }
        self._skip_unheld = True
        try:
            return self.encode_value(result)
        finally:
            self._argument_tuples, self._skip_unheld = {}, False

    # handles

    def encode_handle(self, value: Any) -> object:
        value_type = type(value)
        if issubclass(value_type, Proxy) and value._hb_peer is self:
            return {"p": value._hb_number}
        if value_type is types.TracebackType:
            return self._encode_traceback(value)
        if isinstance(value, BaseException):
            return {"E": self._encode_exception(value)}
        if isinstance(value, type) and issubclass(value, BaseException):
            return self._encode_class(value)
        if id(value) in self._stand_ins:
            return {"p": self._stand_ins[id(value)][1]}
        object_id, is_known = self._assign_object_id(value)
        if is_known:
            return {"o": [object_id]}
        class_id = (
            self._assign_object_id(value_type)[0] if value_type.__module__ in USER_MODULES else 0
        )
        return {
            "o": [
                object_id,
                find_plain_name(value_type),
                compute_method_mask(value_type),
                value_type.__name__[:80],
                find_kind_name(value),
                class_id,
            ]
        }

    def decode_handle(self, tag: str, body: Any) -> object:
        if (
            tag == "a"
            and type(body) is int
            and self._arguments_in_flight
            and 0 <= body < len(self._arguments_in_flight[-1])
        ):
            return self._arguments_in_flight[-1][body]
        if tag == "l":
            return self.find_shared(body)
        if tag == "p" and type(body) is int and body in self._local_objects:
            return self._local_objects[body]
        if tag == "o":
            return self._decode_proxy(body, DELEGATE_NONE)
        if tag == "E":
            return self._decode_exception(body)
        if tag == "X":
            return self._decode_mirror_class(body)
        if tag == "T":
            return self._decode_traceback(body)
        raise ProtocolError(f"unknown tag {tag[:20]!r}")

    def _decode_proxy(self, body: Any, delegation: int) -> Any:
        object_id, delegation = body[0], DELEGATE_ALL if self._trusts_other_end else delegation
        proxy = self._proxies.get(object_id)
        if proxy is not None:
            if issubclass(type(proxy), Proxy) and delegation > proxy._hb_own:
                object.__setattr__(proxy, "_hb_own", delegation)
            return proxy
        if len(body) != 6:
            raise ProtocolError("a handle that was never described")
        _, plain_name, mask, name, kind, class_id = body
        if not (type(object_id) is type(mask) is type(class_id) is int) or type(name) is not str:
            raise ProtocolError("a malformed handle")
        proxy = object.__new__(
            make_proxy_class(
                name, mask & ((1 << len(SPECIAL_METHODS)) - 1), self if class_id else None, class_id
            )
        )
        for slot, value in zip(
            PROXY_SLOTS,
            (self, object_id, delegation, PLAIN_TYPES.get(plain_name), KIND_TYPES.get(kind)),
            strict=True,
        ):
            object.__setattr__(proxy, slot, value)
        self._proxies[object_id] = proxy
        if kind in ("coroutine", "async_generator"):
            proxy = self._proxies[object_id] = self.make_stand_in(proxy, kind)
        return proxy

    def _decode_delegated(self, tree: Any, delegation: int) -> Any:
        """The result of calling a class: an object that speaks for itself, as far as `own` goes."""
        if delegation and type(tree) is dict and tree.keys() == {"o"}:
            try:
                return self._decode_proxy(tree["o"], delegation)
            except MALFORMED_FRAME_ERRORS as error:
                self.end_conversation(f"the program broke the protocol: {error}")
        return self.decode_tree(tree)

    def _decode_raised(self, frame: list[Any], is_next: bool) -> BaseException:
        try:
            error = self._decode_exception(frame[1])
        except MALFORMED_FRAME_ERRORS as problem:
            self.end_conversation(f"the program broke the protocol: {problem}")
        if frame[0] == "X" or not isinstance(error, Exception):
            self.end_conversation(f"the program raised {type(error).__name__}: {error}")
        if isinstance(error, StopIteration) and not is_next:
            # Else a call that raises it would end `all(map(f, cases))` early, and so pass.
            return RuntimeError("the program raised StopIteration outside of an iterator")
        return error


class _ReferenceCounter(Peer):
    """Counts references where `shared` does."""

    counts: list[int]

    def encode_shared(self, value: Any, depth: int) -> object:
        self.counts.append(getrefcount(value))
        return None


def _count_unheld_references() -> tuple[int, int]:
    """References to a result that only `_done` holds, and to parts of it; versions of Python count differently."""
    peer, result = _ReferenceCounter(-1), [[None, 1], {1: bytearray()}, {"x": {2}}]
    peer.counts = []
    peer._encode_result(result, ())
    return peer.counts[0], min(peer.counts[1:])


SharedObjectCodec.unheld_references = _count_unheld_references()
