"""Messages between the supervisor and its zygotes.

In: a dict of JSON values, and file descriptors. Out: the same at the other end of the socket.

On the wire: the length as 64-bit little-endian integer, with the descriptors attached, then JSON
text. Both ends are trusted: neither runs a program. Untrusted processes use frames.py.

Not covered: what a message means (pair.py, zygote.py).
"""

from __future__ import annotations

import json
import socket
from typing import Any

HEADER_BYTES = 8
READ_BYTES = 1 << 20


def send_message(
    control: socket.socket, message: dict[str, Any], fds: tuple[int, ...] = ()
) -> None:
    """Send a message. Raises OSError if the other end is gone."""
    data = json.dumps(message).encode()
    # The descriptors go with the header, so that one recvmsg of known size gets them.
    socket.send_fds(control, [len(data).to_bytes(HEADER_BYTES, "little")], fds)
    control.sendall(data)


def receive_message(control: socket.socket, max_fds: int = 0) -> tuple[dict[str, Any], list[int]]:
    """The next message and its file descriptors.

    Raises:
        EOFError: the other end is gone.
        ValueError: the message is not JSON.
    """
    data, fds, _, _ = socket.recv_fds(control, HEADER_BYTES, max(1, max_fds), socket.MSG_WAITALL)
    if len(data) < HEADER_BYTES:
        raise EOFError
    n_missing, chunks = int.from_bytes(data, "little"), []
    while n_missing:
        chunk = control.recv(min(n_missing, READ_BYTES))
        if not chunk:
            raise EOFError
        chunks.append(chunk)
        n_missing -= len(chunk)
    message = json.loads(b"".join(chunks))
    # A zygote that sends anything else counts as gone.
    if not isinstance(message, dict):
        raise EOFError
    return message, fds
