"""Streams and coroutines that cross between the tests' process and the program's process.

In: sys.stdout, sys.stderr, sys.stdin or input(), replaced by a test. Out: a stream in the same
place in the program's process. What the program prints is sent with the next frame; each line that
it reads is requested from the tests.

Coroutines and asynchronous generators run in their own process, to their next result, when the
other process awaits them.

Not covered: two coroutines of the program that wait for each other while the tests' event loop runs
both; tasks that outlive their coroutine.
"""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from hornbook.sandbox.exceptions import ExceptionCodec
from hornbook.sandbox.frames import AWAIT, STREAM

OUTPUT_STREAMS = {"stdout", "stderr"}
STREAM_NAMES = ("stdout", "stderr", "stdin", "input")


class RedirectedStream(io.TextIOBase):
    """The program's stand-in for a stream of the tests."""

    def __init__(self, peer: StreamCodec, name: str) -> None:
        self._peer, self._name = peer, name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        # str(): a subclass of str may have methods of its own.
        self._peer.output_chunks.append([self._name, str(text)])
        return len(text)

    def writable(self) -> bool:
        return self._name in OUTPUT_STREAMS

    def readable(self) -> bool:
        return self._name == "stdin"

    def readline(self, size: Any = -1, /) -> str:  # type: ignore[override]
        return str(self._peer.request_reply(STREAM, 0, "readline", [size]))

    def read(self, size: Any = -1, /) -> str:
        return str(self._peer.request_reply(STREAM, 0, "read", [size]))


class StreamCodec(ExceptionCodec):
    """A codec with streams and coroutines. Requests are sent by the class derived from it."""

    def __init__(self, first_id: int, trusts_other_end: bool) -> None:
        """See Peer; first_id is that of SharedObjectCodec."""
        super().__init__(first_id)
        self._trusts_other_end = trusts_other_end
        self._original_streams = self._current_streams()
        self._redirected_names: tuple[str, ...] = ()
        # By id() of the stand-in: (the stand-in, which keeps the id in use, id of its object).
        self._stand_ins: dict[int, tuple[object, int]] = {}

    def request_reply(
        self, op: str, object_id: int, name: str | list[str], trees: list[Any], delegation: int = 0
    ) -> Any:
        """See Peer."""
        raise NotImplementedError

    # The tests' end

    def _current_streams(self) -> tuple[object, ...]:
        return sys.stdout, sys.stderr, sys.stdin, builtins.input

    def announce_redirections(self) -> None:
        """Tell the program which streams the tests have replaced, if that has changed.

        It is called before every request. Only the tests' end announces.
        """
        current = self._current_streams()
        is_unchanged = current == self._original_streams and not self._redirected_names
        if self._trusts_other_end or is_unchanged:
            return
        redirected = []
        pairs = zip(self._original_streams, current, strict=True)
        for name, (original, stream) in zip(STREAM_NAMES, pairs, strict=True):
            if original is not stream:
                redirected.append(name)
        if tuple(redirected) != self._redirected_names:
            self._redirected_names = tuple(redirected)
            self.request_reply(STREAM, 0, "redirect", [redirected])

    def write_output(self, output_chunks: Any) -> None:
        """Write what the program printed to the streams that the tests put in place.

        A hostile program may name any stream, so every chunk is checked.
        """
        for name, text in output_chunks:
            is_redirected = name in OUTPUT_STREAMS and name in self._redirected_names
            if is_redirected and type(text) is str:
                getattr(sys, name).write(text)

    def answer_stream_request(self, name: str, values: list[Any]) -> Any:
        """Answer a request of the other end's streams.

        Raises:
            AttributeError: the program reads a stream that the tests did not replace.
        """
        if self._trusts_other_end:
            self._redirect_streams(values[0])
            return None
        if name == "input" and "input" in self._redirected_names:
            return builtins.input(*values)
        if name in ("read", "readline") and "stdin" in self._redirected_names:
            return getattr(sys.stdin, name)(*values)
        raise AttributeError("the tests redirected nothing of the kind")

    # The program's end

    def _redirect_streams(self, redirected: list[str]) -> None:
        """Replace the streams with these names, and restore the others."""
        for name, original in zip(STREAM_NAMES, self._original_streams, strict=True):
            was_redirected = name in self._redirected_names
            if name == "input":
                replacement = self._request_input if name in redirected else original
                builtins.input = replacement  # type: ignore[assignment]
            elif name in redirected and not was_redirected:
                setattr(sys, name, RedirectedStream(self, name))
            elif was_redirected and name not in redirected:
                setattr(sys, name, original)
        self._redirected_names = tuple(redirected)

    def _request_input(self, prompt: object = "") -> Any:
        return self.request_reply(STREAM, 0, "input", [self.encode_value(prompt)])

    # Both ends: coroutines and asynchronous generators

    def make_stand_in(self, proxy: Any, kind: str) -> object:
        """A real coroutine or asynchronous generator, for `await` accepts no proxy.

        Args:
            proxy: the Proxy of the other end's object.
            kind: its key of KIND_TYPES, "coroutine" or "async_generator".
        """
        stand_in = (_await_remote if kind == "coroutine" else _iterate_remote)(proxy)
        self._stand_ins[id(stand_in)] = stand_in, proxy._hb_object_id
        return stand_in


async def _await_remote(proxy: Any) -> Any:
    return proxy._hb_peer.ask_object(AWAIT, proxy._hb_object_id, "await")


async def _iterate_remote(proxy: Any) -> AsyncIterator[Any]:
    while True:
        try:
            item = proxy._hb_peer.ask_object(AWAIT, proxy._hb_object_id, "anext")
        except StopAsyncIteration:
            return
        yield item


# Event loops for run_in_new_loop to use again: making one costs a socket pair.
_idle_loops: list[Any] = []


def run_in_new_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run a coroutine to its end in an event loop of its own.

    It works also inside a running loop: the loop that awaits the other end is set aside meanwhile.
    """
    # Imported here: most programs need no asyncio, and it makes every fork bigger.
    import asyncio

    outer_loop = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    loop = _idle_loops.pop() if _idle_loops else asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        _idle_loops.append(loop)
        asyncio._set_running_loop(outer_loop)


async def await_next(generator: AsyncIterator[Any]) -> Any:
    """The next item of an asynchronous generator, as a coroutine that a loop can run."""
    return await anext(generator)
