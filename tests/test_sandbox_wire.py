"""What a hostile program writes to its socket becomes a value, its own exception, or its end.

Nothing else may happen among the tests.
"""

from __future__ import annotations

import copy
import random
import socket
import struct
from typing import Any

import pytest

from hornbook.sandbox.codec import READERS, Codec, frame_to_bytes
from hornbook.sandbox.frames import PeerGone
from hornbook.sandbox.peer import Peer
from hornbook.sandbox.test_side import is_permitted

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


def random_tree(draw: random.Random, depth: int = 0) -> Any:
    """A random JSON tree, rich in tags."""
    kind = draw.random()
    if depth > 4 or kind < 0.3:
        return draw.choice(ATOMS)
    if kind < 0.6:
        return [random_tree(draw, depth + 1) for _ in range(draw.randrange(5))]
    return {draw.choice(TAGS): random_tree(draw, depth + 1) for _ in range(1 if kind < 0.95 else 2)}


def mutate_frame(draw: random.Random, value: Any) -> Any:
    """A valid frame with one part of it replaced."""
    if isinstance(value, list) and value and draw.random() < 0.8:
        i = draw.randrange(len(value))
        return [*value[:i], mutate_frame(draw, value[i]), *value[i + 1 :]]
    if isinstance(value, dict) and draw.random() < 0.8:
        return {key: mutate_frame(draw, item) for key, item in value.items()}
    return random_tree(draw)


@pytest.mark.parametrize("seed", range(8))
def test_no_reply_raises_among_the_tests_but_what_the_program_raised(seed: int) -> None:
    draw = random.Random(seed)
    raised: list[tuple[Any, Exception]] = []
    for _ in range(400):
        tests_end, program_end = socket.socketpair()
        with tests_end, program_end:
            tests_peer, program_peer = (
                Peer(tests_end.fileno(), is_permitted),
                Peer(program_end.fileno(), trusts_other_end=True),
            )
            valid_frames: list[Any] = [
                [
                    "r",
                    {"l": 2},
                    [[[2, "list", None, [1, {"l": 4}]], [4, "dict", None, [["a"], [1]]]], [4], []],
                ],
                ["r", None, [[[1, [{"l": 1}]]], [1], [["stdout", "said"]]]],
                ["r", Codec().encode_value(draw.choice(PLAIN))],
                [
                    "x",
                    program_peer._encode_exception(
                        draw.choice([ValueError(1), KeyError("a"), OSError(2, "b")])
                    ),
                ],
                ["call", 1, [], [1]],
                ["method", 1, "__len__", []],
            ]
            frame = mutate_frame(draw, draw.choice(valid_frames))
            data = frame_to_bytes(frame)
            program_end.sendall(struct.pack("=I", len(data)) + data)
            program_end.shutdown(socket.SHUT_WR)
            try:
                tests_peer.call_object(7, ([1, 2],), {})
            except PeerGone:
                continue
            except Exception as error:
                raised.append((frame, error))
    strange = [
        pair
        for pair in raised
        if not hasattr(pair[1], "_hb_object_id") and type(pair[1]) is not RuntimeError
    ]
    assert strange == []


@pytest.mark.parametrize(
    "value",
    [10**4000, -0.0, "\ud800", float("inf"), [[]] * 3, {(): {None: b"\0"}}, True, {"a": {}}],
)
def test_values_cross_as_they_are(value: Any) -> None:
    first_end, second_end = socket.socketpair()
    with first_end, second_end:
        sender, receiver = (
            Peer(first_end.fileno()),
            Peer(second_end.fileno(), trusts_other_end=True),
        )
        result = copy.deepcopy(value)
        sent = sender._encode_result(result, ())
        receiver.apply_updates(sender.collect_updates() or [[], [], []])
        received = receiver.decode_tree(sent)
    assert received == value
    assert type(received) is type(value)
    assert repr(received) == repr(value)
