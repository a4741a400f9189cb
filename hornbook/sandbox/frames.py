"""Frames: the messages between the program's process and the tests' process.

In: JSON values, and a connected stream socket. Out: JSON values from the other process, or
PeerGone.

A frame on the wire is its length as an unsigned 32-bit integer, then JSON text in UTF-8. A frame is
a list whose first item is its tag:

- request: [operation, object id, name or names of keyword arguments, argument trees]
- result: [RESULT, tree]
- exception: [EXCEPTION, exception], or [FATAL, exception] for one that ends the conversation

Updates of shared objects (shared_objects.py) stand at the end of a frame, where there are any.

Not covered: the meaning of the trees (codec.py) and of the requests (peer.py).
"""

from __future__ import annotations

import struct
from os import read, write
from typing import Any, NoReturn

from hornbook.sandbox.codec import ProtocolError, frame_from_bytes, frame_to_bytes

# Operations of a request.
CALL = "call"  # call the object
CALL_METHOD = "method"  # call a special method of the object's class
GET_ATTRIBUTE = "get"
SET_ATTRIBUTE = "set"  # without a value: delete it
QUERY = (
    "query"  # a built-in function of the object, such as repr; it must not change shared objects
)
AWAIT = "await"  # run a coroutine or an asynchronous generator to its next result
STREAM = "stream"  # sys.stdout, sys.stderr, sys.stdin and input()
OFFER = "offer"  # the first request of all: the program's objects with these names

# Tags of a reply. They are one letter long because every reply carries one.
RESULT, EXCEPTION, FATAL = "r", "x", "X"

MAX_FRAME_BYTES = 8 << 20
# One read gets most frames whole: a call with plain arguments takes about 100 bytes.
READ_BYTES = 1 << 16
LONG_READ_BYTES = 1 << 20


class PeerGone(BaseException):
    """The other process ended or broke the protocol. Nothing that it sends counts from now on.

    It is a BaseException so that `except Exception` in the tests does not catch it.
    """


class FrameChannel:
    """Sends and receives frames through one socket.

    Attributes:
        end_reason: why the conversation ended; "" while it goes on.
    """

    def __init__(self, socket_fd: int) -> None:
        self._socket_fd = socket_fd
        self.end_reason = ""

    def send_frame(self, frame: list[Any]) -> None:
        """Send one frame.

        Raises:
            ValueError: the frame is over MAX_FRAME_BYTES. Nothing was sent.
            PeerGone: the other process ended.
        """
        data = frame_to_bytes(frame)
        if len(data) > MAX_FRAME_BYTES:
            raise ValueError(
                f"a value of {len(data):,} bytes does not cross: the limit is {MAX_FRAME_BYTES:,}"
            )
        data = struct.pack("=I", len(data)) + data
        try:
            n_written = write(self._socket_fd, data)
            while n_written < len(data):
                n_written += write(self._socket_fd, data[n_written : n_written + READ_BYTES])
        except OSError:
            self.end_conversation("the program ended")

    def receive_frame(self) -> list[Any]:
        """Wait for one frame. Its tag is not checked.

        Raises:
            PeerGone: the other process ended, or sent what is no frame.
        """
        data = self._read_bytes(READ_BYTES)
        size = int.from_bytes(data[:4], "little")
        if len(data) < 4 or size > MAX_FRAME_BYTES:
            self.end_conversation("the program broke the protocol: a frame of no proper size")
        if len(data) < size + 4:
            chunks, n_received = [data], len(data)
            while n_received < size + 4:
                chunks.append(self._read_bytes(LONG_READ_BYTES))
                n_received += len(chunks[-1])
            data = b"".join(chunks)
        # The processes take turns, so bytes behind the frame are forged.
        if len(data) != size + 4:
            self.end_conversation("the program broke the protocol: it spoke out of turn")
        try:
            frame = frame_from_bytes(data[4:])
        except ProtocolError as error:
            self.end_conversation(f"the program broke the protocol: {error}")
        if type(frame) is not list or not frame:
            self.end_conversation("the program broke the protocol: no frame")
        return frame

    def end_conversation(self, reason: str) -> NoReturn:
        """Raise PeerGone. The first reason is kept: later ones are its consequences."""
        self.end_reason = self.end_reason or reason
        raise PeerGone(self.end_reason)

    def _read_bytes(self, max_bytes: int) -> bytes:
        try:
            data = read(self._socket_fd, max_bytes)
        except OSError:
            data = b""
        if not data:
            self.end_conversation("the program ended")
        return data
