"""Whatever a hostile program writes is a value, an exception of its own, or the end: nothing else reaches the tests."""

from __future__ import annotations

import copy
import random
import socket
import struct
from typing import Any

import pytest

from hornbook.sandbox.codec import READERS, Codec, to_bytes
from hornbook.sandbox.peer import Gone, Peer
from hornbook.sandbox.test_side import permits

TAGS = [*READERS, "o", "p", "a", "l", "E", "T", "X", "zz"]
ATOMS: list[Any] = [
    0,
    1,
    -1,
    2**62,
    1.5,
    float("nan"),
    True,
    None,
    "",
    "a\0b",
    "\ud800",
    "builtins",
    "int",
    "eval",
]
PLAIN: list[Any] = [
    1,
    "x",
    [1, (2,)],
    {"a": [1]},
    {1: {2}},
    b"b",
    10**30,
    range(3),
    complex(1, 2),
    frozenset({1}),
]


def tree(draw: random.Random, depth: int = 0) -> Any:
    """A random JSON tree, rich in tags."""
    kind = draw.random()
    if depth > 4 or kind < 0.3:
        return draw.choice(ATOMS)
    if kind < 0.6:
        return [tree(draw, depth + 1) for _ in range(draw.randrange(5))]
    return {draw.choice(TAGS): tree(draw, depth + 1) for _ in range(1 if kind < 0.95 else 2)}


def mutated(draw: random.Random, value: Any) -> Any:
    """A frame that was right, with one part of it replaced."""
    if isinstance(value, list) and value and draw.random() < 0.8:
        at = draw.randrange(len(value))
        return [*value[:at], mutated(draw, value[at]), *value[at + 1 :]]
    if isinstance(value, dict) and draw.random() < 0.8:
        return {key: mutated(draw, each) for key, each in value.items()}
    return tree(draw)


@pytest.mark.parametrize("seed", range(8))
def test_no_reply_raises_among_the_tests_but_what_the_program_raised(seed: int) -> None:
    draw = random.Random(seed)
    raised: list[tuple[Any, Exception]] = []
    for _ in range(400):
        ours, theirs = socket.socketpair()
        with ours, theirs:
            judge, writer = Peer(ours.fileno(), permits), Peer(theirs.fileno(), trusts=True)
            right: list[Any] = [
                [
                    "r",
                    {"l": 2},
                    [[[2, "list", None, [1, {"l": 4}]], [4, "dict", None, [["a"], [1]]]], [4], []],
                ],
                ["r", None, [[[1, [{"l": 1}]]], [1], [["stdout", "said"]]]],
                ["r", Codec().encode(draw.choice(PLAIN))],
                [
                    "x",
                    writer._exception(draw.choice([ValueError(1), KeyError("a"), OSError(2, "b")])),
                ],
                ["call", 1, [], [1]],
                ["do", 1, "__len__", []],
            ]
            frame = mutated(draw, draw.choice(right))
            data = to_bytes(frame)
            theirs.sendall(struct.pack("=I", len(data)) + data)
            theirs.shutdown(socket.SHUT_WR)
            try:
                judge.call(7, ([1, 2],), {})
            except Gone:
                continue
            except Exception as error:
                raised.append((frame, error))
    strange = [
        each
        for each in raised
        if not hasattr(each[1], "_hb_number") and type(each[1]) is not RuntimeError
    ]
    assert strange == []


@pytest.mark.parametrize(
    "value",
    [10**4000, -0.0, "\ud800", float("inf"), [[]] * 3, {(): {None: b"\0"}}, True, {"a": {}}],
)
def test_values_cross_as_they_are(value: Any) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        here, there = Peer(ours.fileno()), Peer(theirs.fileno(), trusts=True)
        result = copy.deepcopy(value)
        sent = here._tree(result, ())
        there.learn(here.news() or [[], [], []])
        found = there.decode(sent)
    assert found == value
    assert type(found) is type(value)
    assert repr(found) == repr(value)
