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

from hornbook.sandbox.exceptions import Raising

PRINTED = {"stdout", "stderr"}
PLACES = ("stdout", "stderr", "stdin", "input")


class Stream(io.TextIOBase):
    """Stands for a stream of the tests in the program."""

    def __init__(self, peer: Streaming, name: str) -> None:
        self._peer, self._name = peer, name

    def write(self, text: str) -> int:
        if not isinstance(text, str):
            raise TypeError(f"write() argument must be str, not {type(text).__name__}")
        self._peer.printed.append([self._name, str(text)])
        return len(text)

    def writable(self) -> bool:
        return self._name in PRINTED

    def readable(self) -> bool:
        return self._name == "stdin"

    def readline(self, size: Any = -1, /) -> str:  # type: ignore[override]
        return str(self._peer.ask("io", 0, "readline", [size]))

    def read(self, size: Any = -1, /) -> str:
        return str(self._peer.ask("io", 0, "read", [size]))


class Streaming(Raising):
    """A codec's streams and coroutines; asking is the business of the class derived from it."""

    def __init__(self, first: int, trusts: bool) -> None:
        super().__init__(first)
        self._trusts = trusts
        self._places = self._now()
        self._told: tuple[str, ...] = ()
        self._stand_ins: dict[int, tuple[object, int]] = {}

    def ask(
        self, op: str, number: int, name: str | list[str], trees: list[Any], own: int = 0
    ) -> Any:
        raise NotImplementedError

    # the tests' end

    def _now(self) -> tuple[object, ...]:
        return sys.stdout, sys.stderr, sys.stdin, builtins.input

    def tell_streams(self) -> None:
        """Before a question to the program: say which streams are no longer those of the start, if that is news."""
        now = self._now()
        if self._trusts or (now == self._places and not self._told):
            return
        told = tuple(
            name for name, was, to in zip(PLACES, self._places, now, strict=True) if was is not to
        )
        if told != self._told:
            self._told = told
            self.ask("io", 0, "places", [list(told)])

    def hear(self, printed: Any) -> None:
        for name, text in printed:
            if name in PRINTED and name in self._told and type(text) is str:
                getattr(sys, name).write(text)

    def stream(self, name: str, values: list[Any]) -> Any:
        """Answer what the other end's streams ask."""
        if self._trusts:
            self._place(values[0])
            return None
        if name == "input" and "input" in self._told:
            return builtins.input(*values)
        if name in ("read", "readline") and "stdin" in self._told:
            return getattr(sys.stdin, name)(*values)
        raise AttributeError("the tests redirected nothing of the kind")

    # the program's end

    def _place(self, told: list[str]) -> None:
        for at, name in enumerate(PLACES):
            if name == "input":
                builtins.input = self._input if name in told else self._places[at]  # type: ignore[assignment]
            elif name in told and name not in self._told:
                setattr(sys, name, Stream(self, name))
            elif name in self._told and name not in told:
                setattr(sys, name, self._places[at])
        self._told = tuple(told)

    def _input(self, prompt: object = "") -> Any:
        return self.ask("io", 0, "input", [self.encode(prompt)])

    # both ends: what is awaited

    def awaited(self, remote: Any, kind: str) -> object:
        """This end's stand-in for a coroutine or an asynchronous generator of the other one."""
        stand_in = (_coroutine if kind == "coroutine" else _generator)(remote)
        self._stand_ins[id(stand_in)] = stand_in, remote._hb_number
        return stand_in


async def _coroutine(remote: Any) -> Any:
    return remote._hb_peer.do("run", remote._hb_number, "await")


async def _generator(remote: Any) -> AsyncIterator[Any]:
    while True:
        try:
            item = remote._hb_peer.do("run", remote._hb_number, "anext")
        except StopAsyncIteration:
            return
        yield item


_idle: list[Any] = []


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """Run it in a loop of its own, also where a loop runs that awaits the other end."""
    import asyncio

    outer = asyncio._get_running_loop()
    asyncio._set_running_loop(None)
    loop = _idle.pop() if _idle else asyncio.new_event_loop()
    try:
        return loop.run_until_complete(coroutine)
    finally:
        _idle.append(loop)
        asyncio._set_running_loop(outer)


async def step(generator: AsyncIterator[Any]) -> Any:
    return await anext(generator)
