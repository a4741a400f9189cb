"""Handles: how objects that are no plain data cross between the two processes.

In: an object that stays in this process, or the handle of one that stayed in the other. Out: a JSON
tree with the object's id, or a Proxy (proxies.py) that forwards to the other process. An object
that comes home is the original object.

Tags of a handle: "o" an object of the sender, "p" an object of the receiver, "a" a tuple among the
arguments of the call, "l" a shared object, "E" an exception, "X" an exception class, "T" a
traceback.

Not covered: what the other process may do with an object (peer.py asks `is_permitted` each time).
"""

from __future__ import annotations

import types
from collections.abc import Sequence
from typing import Any, NoReturn

from hornbook.sandbox.codec import Codec, ProtocolError
from hornbook.sandbox.exceptions import MAX_NAME_CHARACTERS
from hornbook.sandbox.frames import FrameChannel
from hornbook.sandbox.proxies import (
    DELEGATE_ALL,
    DELEGATE_NONE,
    KIND_TYPES,
    PLAIN_TYPES,
    PROXY_SLOTS,
    SPECIAL_METHODS,
    Proxy,
    compute_method_mask,
    find_kind_name,
    find_plain_name,
    make_proxy_class,
)
from hornbook.sandbox.streams import StreamCodec

# What decoding a hostile frame may raise. It ends the conversation: as an ordinary exception it
# could be caught by an `except` of the tests.
MALFORMED_FRAME_ERRORS = (
    ProtocolError,
    RecursionError,
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
)
# Modules whose classes the program or the tests define. An object of such a class crosses with the
# id of its class, so that `type(x)(...)` makes another one.
USER_MODULES = ("program", "tests")
ALL_METHODS_MASK = (1 << len(SPECIAL_METHODS)) - 1


class HandleCodec(StreamCodec):
    """A codec for objects of all kinds. Requests are sent by the class derived from it."""

    def __init__(self, socket_fd: int, trusts_other_end: bool) -> None:
        """See Peer."""
        # The two ends count their shared objects in odd and in even numbers.
        super().__init__(2 if trusts_other_end else 1, trusts_other_end)
        self._channel = FrameChannel(socket_fd)
        self._proxies: dict[int, Any] = {}
        # The arguments of the calls under way, innermost last: a result may be one of them.
        self._arguments_in_flight: list[Sequence[Any]] = []

    @property
    def end_reason(self) -> str:
        """Why the conversation ended; "" while it goes on."""
        return self._channel.end_reason

    def end_conversation(self, reason: str) -> NoReturn:
        """Raise PeerGone with this reason."""
        self._channel.end_conversation(reason)

    def decode_tree(self, tree: Any) -> Any:
        """The value of a tree. Raises PeerGone for a malformed one."""
        try:
            return Codec.decode_tree(self, tree)
        except MALFORMED_FRAME_ERRORS as error:
            return self.end_conversation(f"the program broke the protocol: {error}")

    def encode_handle(self, value: Any) -> object:
        """The tree of a value that is no plain data."""
        value_type = type(value)
        # issubclass and not isinstance: a Proxy reports the class of its object as __class__.
        if issubclass(value_type, Proxy) and value._hb_peer is self:
            return {"p": value._hb_object_id}
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
        is_user_class = value_type.__module__ in USER_MODULES
        class_id = self._assign_object_id(value_type)[0] if is_user_class else 0
        return {
            "o": [
                object_id,
                find_plain_name(value_type),
                compute_method_mask(value_type),
                value_type.__name__[:MAX_NAME_CHARACTERS],
                find_kind_name(value),
                class_id,
            ]
        }

    def decode_handle(self, tag: str, body: Any) -> object:
        """The object of a handle. Raises one of MALFORMED_FRAME_ERRORS for an invalid one."""
        if tag == "a" and type(body) is int and self._arguments_in_flight:
            arguments = self._arguments_in_flight[-1]
            if 0 <= body < len(arguments):
                return arguments[body]
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
        """The Proxy of the other end's object; the same one each time that the object crosses.

        Args:
            body: [object id], or all six items when the object crosses for the first time.
            delegation: how far the object answers for itself (DELEGATE_*). It can only rise.
        """
        object_id = body[0]
        delegation = DELEGATE_ALL if self._trusts_other_end else delegation
        proxy = self._proxies.get(object_id)
        if proxy is not None:
            if issubclass(type(proxy), Proxy) and delegation > proxy._hb_delegation:
                # object.__setattr__, because Proxy.__setattr__ forwards to the other end.
                object.__setattr__(proxy, "_hb_delegation", delegation)
            return proxy
        if len(body) != 6:
            raise ProtocolError("a handle that was never described")
        _, plain_name, mask, name, kind, class_id = body
        if not (type(object_id) is type(mask) is type(class_id) is int) or type(name) is not str:
            raise ProtocolError("a malformed handle")
        home_peer = self if class_id else None
        # object.__new__, because the __new__ of a proxy class makes an object at the other end.
        proxy = object.__new__(make_proxy_class(name, mask & ALL_METHODS_MASK, home_peer, class_id))
        plain_type, kind_type = PLAIN_TYPES.get(plain_name), KIND_TYPES.get(kind)
        slot_values = (self, object_id, delegation, plain_type, kind_type)
        for slot, value in zip(PROXY_SLOTS, slot_values, strict=True):
            object.__setattr__(proxy, slot, value)
        self._proxies[object_id] = proxy
        if kind in ("coroutine", "async_generator"):
            proxy = self._proxies[object_id] = self.make_stand_in(proxy, kind)
        return proxy

    def _decode_delegated(self, tree: Any, delegation: int) -> Any:
        """The value of a tree; an object in it answers for itself as far as `delegation` says.

        Only the object itself, not what lies inside a list of the program.
        """
        if delegation and type(tree) is dict and tree.keys() == {"o"}:
            try:
                return self._decode_proxy(tree["o"], delegation)
            except MALFORMED_FRAME_ERRORS as error:
                self.end_conversation(f"the program broke the protocol: {error}")
        return self.decode_tree(tree)
