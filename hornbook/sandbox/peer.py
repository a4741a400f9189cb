"""Remote calls between the program's process and the tests' process.

In: a connected socket. Out: `Peer`, the same class on both ends. How values cross:

- plain data: as a copy (codec.py)
- lists, dicts and other mutables: as shared objects, kept in step (shared_objects.py)
- exceptions: rebuilt on the other end (exceptions.py)
- everything else: it stays where it is, and a Proxy stands for it on the other end (proxies.py);
  attributes, calls and operators are forwarded

Whether the other end may do something with an object is asked of `is_permitted` each time.

Trust: an object of the program never decides how it compares with a plain value. How it compares
with another object it decides only if the tests made one of the two by calling a class, for then
its comparisons are what is being tested.

Not covered: `a is b` for immutable values; threads of the tests that wait for each other inside
calls.
"""

from __future__ import annotations

import copy
import re
import threading
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any

from hornbook.sandbox.exceptions import forget_frames, raise_with_context
from hornbook.sandbox.frames import (
    CALL,
    CALL_METHOD,
    EXCEPTION,
    FATAL,
    GET_ATTRIBUTE,
    OFFER,
    QUERY,
    RESULT,
    SET_ATTRIBUTE,
    STREAM,
    PeerGone,
)
from hornbook.sandbox.handles import MALFORMED_FRAME_ERRORS, HandleCodec
from hornbook.sandbox.proxies import DELEGATE_NONE, DELEGATE_OPERATORS, extract_plain_value
from hornbook.sandbox.shared_objects import SharedObjectCodec
from hornbook.sandbox.streams import await_next, run_in_new_loop

# A class's name by PEP 8. One capital alone counts too: exercises have classes such as `F`.
CAPWORDS = re.compile(r"[A-Z]+[a-z][A-Za-z0-9]*|[A-Z]")
# What QUERY and AWAIT can ask. The lambda looks the function up when it is called.
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


def permit_all(op: str, target: object, name: str) -> bool:
    """The `is_permitted` of the program's end: the tests may do anything with its objects."""
    return True


class Peer(HandleCodec):
    """One end of the conversation. Only one end runs at a time: the other waits for its reply."""

    def __init__(
        self,
        socket_fd: int,
        is_permitted: Callable[[str, object, str], bool] = permit_all,
        trusts_other_end: bool = False,
    ) -> None:
        """Create one end.

        Args:
            socket_fd: a connected stream socket.
            is_permitted: (operation, object, name) -> whether the other end may do this.
            trusts_other_end: whether the other end's objects answer for themselves in all things,
                as the tests' objects do in the program.
        """
        super().__init__(socket_fd, trusts_other_end)
        self._is_permitted = is_permitted
        # One request at a time, although either side may have threads.
        self._lock = threading.RLock()

    # Requests

    def call_object(
        self,
        object_id: int,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        delegation: int = DELEGATE_NONE,
    ) -> Any:
        """Call an object of the other end; what it changes in the arguments is changed here too.

        Args:
            delegation: how far an object that it returns answers for itself (DELEGATE_*).
        """
        values = [*args, *kwargs.values()] if kwargs else args
        trees = [self.encode_value(value) for value in values]
        # A result may name one of them by its index.
        self._arguments_in_flight.append(values)
        try:
            return self.request_reply(CALL, object_id, list(kwargs), trees, delegation)
        finally:
            self._arguments_in_flight.pop()

    def ask_object(
        self, op: str, object_id: int, name: str, *args: Any, delegation: int = DELEGATE_NONE
    ) -> Any:
        """Do any other operation of frames.py with an object of the other end.

        Args:
            name: the attribute, the special method or the key of QUERIES.
            delegation: how far an object that it returns answers for itself (DELEGATE_*).
        """
        trees = [self.encode_value(arg) for arg in args]
        return self.request_reply(op, object_id, name, trees, delegation)

    def request_reply(
        self,
        op: str,
        object_id: int,
        name: str | list[str],
        trees: list[Any],
        delegation: int = DELEGATE_NONE,
    ) -> Any:
        """Send a request, and answer the other end's own requests until the reply comes."""
        with self._lock:
            # Announcing is a STREAM request itself.
            if op != STREAM:
                self.announce_redirections()
            self.send_frame([op, object_id, name, trees])
            self._query_depth += op == QUERY
            try:
                while True:
                    frame = self.receive_frame()
                    if frame[0] in (RESULT, EXCEPTION, FATAL):
                        is_next = op == CALL_METHOD and name == "__next__"
                        return self._read_reply(frame, delegation, is_next)
                    self.answer_request(frame)
            finally:
                self._query_depth -= op == QUERY

    def send_offer(self, objects: dict[str, object]) -> None:
        """Reply to the request for the program's functions and classes by name."""
        trees = [[name, self.encode_value(value)] for name, value in objects.items()]
        self.send_frame([RESULT, trees])

    def request_offer(self, names: Sequence[str], classes: Sequence[str] | None) -> dict[str, Any]:
        """Fetch what the program has under these names.

        Args:
            classes: the names that are classes; their instances answer for themselves. None: take
                every name in CapWords for a class.
        """
        self.send_frame([OFFER, names])
        frame = self.receive_frame()
        if frame[0] != RESULT or len(frame) < 2 or type(frame[1]) is not list:
            self.end_conversation("the program broke the protocol: no offer")
        released_ids = self._apply_frame_updates(frame, 2)
        objects = {}
        for pair in frame[1]:
            if type(pair) is not list or len(pair) != 2 or type(pair[0]) is not str:
                self.end_conversation("the program broke the protocol: no offer")
            name, tree = pair
            # Without this check a program could replace built-in functions among the tests.
            if name not in names:
                continue
            is_class = CAPWORDS.fullmatch(name) if classes is None else name in classes
            delegation = DELEGATE_OPERATORS if is_class else DELEGATE_NONE
            objects[name] = self._decode_delegated(tree, delegation)
        self.release_objects(released_ids)
        return objects

    def _read_reply(self, frame: list[Any], delegation: int, is_next: bool) -> Any:
        released_ids = self._apply_frame_updates(frame, 2)
        if frame[0] != RESULT:
            error = self._decode_raised(frame, is_next)
            self.release_objects(released_ids)
            raise_with_context(error)
        value = self._decode_delegated(frame[1], delegation)
        # After decoding: the frame may still name them.
        if released_ids:
            self.release_objects(released_ids)
        return value

    def _decode_raised(self, frame: list[Any], is_next: bool) -> BaseException:
        try:
            error = self._decode_exception(frame[1])
        except MALFORMED_FRAME_ERRORS as problem:
            self.end_conversation(f"the program broke the protocol: {problem}")
        if frame[0] == FATAL or not isinstance(error, Exception):
            self.end_conversation(f"the program raised {type(error).__name__}: {error}")
        if isinstance(error, StopIteration) and not is_next:
            # Else a call that raises it would end `all(map(f, cases))` early, and so pass.
            return RuntimeError("the program raised StopIteration outside of an iterator")
        return error

    # Frames

    def send_frame(self, frame: list[Any]) -> None:
        """Send a frame with the updates of the shared objects. Raises ValueError if too long."""
        updates = self.collect_updates()
        try:
            self._channel.send_frame(frame if updates is None else [*frame, updates])
        except ValueError:
            if updates is not None:
                self.restore_unsent_updates(updates)
            raise

    def receive_frame(self) -> list[Any]:
        """Wait for a frame. Raises PeerGone if none comes."""
        return self._channel.receive_frame()

    def _apply_frame_updates(self, frame: list[Any], n_items: int) -> list[int]:
        """Apply the updates that stand behind the frame's `n_items` own items.

        Returns:
            Ids of the shared objects to release once the frame is decoded.
        """
        if len(frame) <= n_items:
            return []
        try:
            updates = frame[n_items]
            return self.apply_updates(updates)
        except MALFORMED_FRAME_ERRORS as error:
            return self.end_conversation(f"the program broke the protocol: {error}")

    # Answers

    def serve_requests(self) -> None:
        """Answer requests until PeerGone says that the other end has ended."""
        while True:
            self.answer_request(self.receive_frame())

    def answer_request(self, frame: list[Any]) -> None:
        """Do one request of the other end and send its result or its exception."""
        released_ids = self._apply_frame_updates(frame, 4)
        is_query = frame[0] == QUERY
        self._query_depth += is_query
        try:
            self._send_reply(frame, released_ids)
        finally:
            self._query_depth -= is_query

    def _send_reply(self, frame: list[Any], released_ids: list[int]) -> None:
        try:
            reply = [RESULT, self._perform_request(frame, released_ids)]
        except PeerGone:
            raise
        # BaseException: SystemExit and KeyboardInterrupt cross too, and end the conversation.
        except BaseException as error:
            tag = EXCEPTION if isinstance(error, Exception) else FATAL
            reply = [tag, self._encode_exception(error)]
            if self._trusts_other_end:
                # Else the frames keep arguments alive, which then count as held.
                forget_frames(error)
        try:
            self.send_frame(reply)
        except (ValueError, RecursionError) as error:
            self.send_frame([EXCEPTION, self._encode_exception(error)])

    def _perform_request(self, frame: list[Any], released_ids: list[int]) -> Any:
        """Do the operation; the result's tree."""
        if len(frame) < 4 or type(frame[1]) is not int or type(frame[3]) is not list:
            self.end_conversation("the program broke the protocol: no request")
        op, object_id, name, trees = frame[:4]
        values = [self.decode_tree(tree) for tree in trees]
        self.release_objects(released_ids)
        if op == STREAM:
            result = self.answer_stream_request(str(name), values)
            return self._encode_result(result, ())
        target: Any = self._local_objects.get(object_id)
        if op == CALL:
            if type(name) is not list or not self._is_permitted(op, target, ""):
                raise TypeError("this object of the tests can not be called from the program")
            n_positional = len(values) - len(name)
            kwargs = dict(zip(name, values[n_positional:], strict=True))
            result = target(*values[:n_positional], **kwargs)
            return self._encode_result(result, values)
        if type(name) is not str or not self._is_permitted(op, target, name):
            raise AttributeError(f"the program has no access to {name!r} of an object of the tests")
        if op == GET_ATTRIBUTE:
            result = getattr(target, name)
        elif op == SET_ATTRIBUTE:
            (delattr if not values else setattr)(target, name, *values)
            return None
        elif op == CALL_METHOD:
            # Of the class and not of the instance, as Python's own operators do.
            result = getattr(type(target), name)(target, *values)
        else:
            # QUERY or AWAIT: `is_permitted` refuses every other operation.
            result = QUERIES[name](target, *values)
        return self._encode_result(result, ())

    def _encode_result(self, result: Any, args: Sequence[Any]) -> Any:
        """The tree of a result. A tuple that was an argument becomes its index among the arguments.

        So the caller gets back the very tuple that it passed, and `f(x) is x` holds.
        """
        self._argument_tuples = {
            id(value): i for i, value in enumerate(args) if type(value) is tuple and value
        }
        self._skip_unheld = True
        try:
            return self.encode_value(result)
        finally:
            self._argument_tuples, self._skip_unheld = {}, False


class _ReferenceCounter(Peer):
    """Counts references at the place where encode_shared counts them."""

    counts: list[int]

    def encode_shared(self, value: Any, depth: int) -> object:
        self.counts.append(getrefcount(value))
        return None


def _count_unheld_references() -> tuple[int, int]:
    """References to a result that only `_perform_request` holds, and to a part of such a result.

    They are measured, because versions of Python count differently. `result` stands for the
    variable of the same name in `_perform_request`.
    """
    peer, result = _ReferenceCounter(-1), [[None, 1], {1: bytearray()}, {"x": {2}}]
    peer.counts = []
    peer._encode_result(result, ())
    return peer.counts[0], min(peer.counts[1:])


SharedObjectCodec.unheld_references = _count_unheld_references()
