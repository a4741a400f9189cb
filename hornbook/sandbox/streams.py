"""What tests put in the place of sys.stdout, sys.stderr, sys.stdin or input() reaches the program, and back.

In: the tests' end, where one of the four is no longer what it was. Out: the program's end, where
its place is taken by a stream that sends what is printed with the next frame, and asks for each
line that is read. Also here: coroutines and asynchronous generators, which run at home to their
next result when the other end awaits them. Not covered: two coroutines of the program that wait for
each other while the tests' loop runs both; tasks beyond their coroutine's end.
"""

from __future__ import annotations

import builtins
import io
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from hornbook.sandbox.exceptions import ExceptionCodec

OUTPUT_STREAMS = {"stdout", "stderr"}
STREAM_NAMES = ("stdout", "stderr", "stdin", "input")


class RedirectedStream(io.TextIOBase):
    """Stands for a stream of the tests in the program."""

    def __init__(self, peer: StreamCodec, name: str) -> None:
        self._peer, self._name = peer, name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._peer.output_chunks.append([self._name, str(text)])
        return len(text)

    def writable(self) -> bool:
        return self._name in OUTPUT_STREAMS

    def readable(self) -> bool:
        return self._name == "stdin"

    def readline(self, size: Any = -1, /) -> str:  # type: ignore[override]
        return str(self._peer.request_reply("io", 0, "readline", [size]))

    def read(self, size: Any = -1, /) -> str:
        return str(self._peer.request_reply("io", 0, "read", [size]))


class StreamCodec(ExceptionCodec):
    """A codec's streams and coroutines; asking is the business of the class derived from it."""

    def __init__(self, first_id: int, trusts_other_end: bool) -> None:
        super().__init__(first_id)
        self._trusts_other_end = trusts_other_end
        self._original_streams = self._current_streams()
        self._redirected_names: tuple[str, ...] = ()
        self._stand_ins: dict[int, tuple[object, int]] = {}

    def request_reply(
        self, op: str, object_id: int, name: str | list[str], trees: list[Any], delegation: int = 0
    ) -> Any:
        raise NotImplementedError

    # the tests' end

    def _current_streams(self) -> tuple[object, ...]:
        return sys.stdout, sys.stderr, sys.stdin, builtins.input

    def announce_redirections(self) -> None:
        """Before a question to the program: say which streams are no longer those of the start, if that is news."""
        current = self._current_streams()
        if self._trusts_other_end or (
            current == self._original_streams and not self._redirected_names
        ):
            return
        redirected = tuple(
            name
            for name, original, stream in zip(
                STREAM_NAMES, self._original_streams, current, strict=True
            )
            if original is not stream
        )
        if redirected != self._redirected_names:
            self._redirected_names = redirected
            self.request_reply("io", 0, "places", [list(redirected)])

    def write_output(self, output_chunks: Any) -> None:
        for name, text in output_chunks:
            if name in OUTPUT_STREAMS and name in self._redirected_names and type(text) is str:
                getattr(sys, name).write(text)

    def answer_stream_request(self, name: str, values: list[Any]) -> Any:
        """Answer what the other end's streams ask."""
        if self._trusts_other_end:
            self._redirect_streams(values[0])
            return None
        if name == "input" and "input" in self._redirected_names:
            return builtins.input(*values)
        if name in ("read", "readline") and "stdin" in self._redirected_names:
            return getattr(sys.stdin, name)(*values)
        raise AttributeError("the tests redirected nothing of the kind")

    # the program's end

    def _redirect_streams(self, redirected: list[str]) -> None:
        for i, name in enumerate(STREAM_NAMES):
            if name == "input":
                is_redirected = name in redirected
                replacement = self._request_input if is_redirected else self._original_streams[i]
                builtins.input = replacement  # type: ignore[assignment]
            elif name in redirected and name not in self._redirected_names:
                setattr(sys, name, RedirectedStream(self, name))
            elif name in self._redirected_names and name not in redirected:
                setattr(sys, name, self._original_streams[i])
        self._redirected_names = tuple(redirected)

    def _request_input(self, prompt: object = "") -> Any:
        return self.request_reply("io", 0, "input", [self.encode_value(prompt)])

    # both ends: what is awaited

    def make_stand_in(self, proxy: Any, kind: str) -> object:
        """This end's stand-in for a coroutine or an asynchronous generator of the other one."""
        stand_in = (_await_remote if kind == "coroutine" else _iterate_remote)(proxy)
        self._stand_ins[id(stand_in)] = stand_in, proxy._hb_number
        return stand_in


async def _await_remote(proxy: Any) -> Any:
    return proxy._hb_peer.ask_object("run", proxy._hb_number, "await")


async def _iterate_remote(proxy: Any) -> AsyncIterator[Any]:
    while True:
        try:
            item = proxy._hb_peer.ask_object("run", proxy._hb_number, "anext")
        except StopAsyncIteration:
            return
        yield item


_idle_loops: list[Any] = []


def run_in_new_loop(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a loop of its own, also where a loop runs that awaits the other end."""
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
    return await anext(generator)
