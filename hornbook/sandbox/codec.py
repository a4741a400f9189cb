"""Plain data to JSON text and back, with every type kept apart: what may cross between a program and its judge.

In: Python values of exactly the types below. Out: one JSON text without type confusion (a tuple is
no list, True no 1, -0.0 no 0.0), and from it fresh values built by the reader. No pickle, no
marshal: text from a hostile writer makes plain data or ProtocolError, nothing else. What is none of
these types crosses as a handle (wire.py). Not kept: sharing between parts of a value, and a NaN's
identity. Not crossed: over 8 MiB of text, what lies 100 deep.
"""

from __future__ import annotations

import abc
import array
import bisect
import builtins
import cmath
import collections
import collections.abc
import contextlib
import copy
import dataclasses
import datetime
import decimal
import enum
import fractions
import functools
import heapq
import importlib
import io
import itertools
import json
import math
import numbers
import operator
import pathlib
import re
import statistics
import string
import sys
import textwrap
import time
import types
import typing
import uuid
from collections.abc import Callable
from typing import Any

DEPTH = 100
MODULES: dict[str, types.ModuleType] = {
    module.__name__: module
    for module in (
        abc,
        array,
        bisect,
        cmath,
        collections,
        collections.abc,
        contextlib,
        copy,
        dataclasses,
        datetime,
    )
    + (
        decimal,
        enum,
        fractions,
        functools,
        heapq,
        itertools,
        json,
        math,
        numbers,
        operator,
        pathlib,
        re,
        statistics,
    )
    + (string, textwrap, time, typing, uuid)
}
# Modules that cross by name although nothing in them does: each end has its own.
WHOLE = {
    "asyncio",
    "calendar",
    "csv",
    "hashlib",
    "inspect",
    "io",
    "logging",
    "os",
    "pprint",
    "queue",
    "random",
    "struct",
    "sys",
}  # noqa: SIM905
WHOLE |= set("tempfile threading traceback types unittest warnings weakref zlib".split())  # noqa: SIM905
# What reaches out of plain computing never crosses by name, whoever asks for it.
POWERS = {
    "eval",
    "exec",
    "compile",
    "open",
    "input",
    "globals",
    "locals",
    "vars",
    "getattr",
    "setattr",
    "delattr",
}
POWERS |= {
    "breakpoint",
    "print",
    "type",
    "super",
    "help",
    "exit",
    "quit",
    "copyright",
    "credits",
    "license",
    "memoryview",
    "aiter",
    "anext",
}


class ProtocolError(Exception):
    """The other side sent what is no value."""


def _named() -> dict[tuple[str, str], object]:
    """Functions and classes that both sides own under one name, so that only the name crosses."""
    found: dict[tuple[str, str], object] = {
        ("builtins", name): value
        for name, value in vars(builtins).items()
        if not name.startswith("_") and name not in POWERS and callable(value)
    }
    for name, module in MODULES.items():
        for key, value in vars(module).items():
            home = getattr(value, "__module__", None)
            if (
                not key.startswith("_")
                and callable(value)
                and (home in (name, f"_{name}") or str(home).startswith(name + "."))
            ):
                found[name, key] = value
    found |= {("io", kind.__name__): kind for kind in (io.StringIO, io.BytesIO)}
    singletons = {"Ellipsis": ..., "NotImplemented": NotImplemented, "NoneType": type(None)}
    return found | {("builtins", key): value for key, value in singletons.items()}


NAMED = _named()
NAME_OF = {id(value): key for key, value in NAMED.items()}

ATOMS = {type(None), bool, float, str}
FLAT = ATOMS | {int}
MUTABLE = {
    list,
    dict,
    set,
    bytearray,
    collections.deque,
    collections.Counter,
    collections.OrderedDict,
}
MUTABLE |= {collections.defaultdict, array.array}
SHARED = MUTABLE | {tuple}
_text = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode
_parse = json.JSONDecoder().raw_decode


def to_bytes(tree: object) -> bytes:
    return _text(tree).encode("utf-8", "surrogatepass")


def from_bytes(data: bytes) -> Any:
    """The JSON value of a frame. Raises ProtocolError for anything else."""
    try:
        return _parse(data.decode("utf-8", "surrogatepass"))[0]
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a frame: {type(error).__name__}") from None


class Codec:
    """Values to JSON trees and back; what is no plain value goes to `handle` and comes back through `unhandle`."""

    def handle(self, value: object) -> object:
        raise ProtocolError(f"a {type(value).__name__} is no plain value")

    def unhandle(self, tag: str, body: Any) -> object:
        raise ProtocolError(f"unknown tag {tag[:20]!r}")

    def shared(self, value: Any, depth: int) -> object:
        """The tree of a value that both ends hold (links.py); None for one that crosses as a copy."""
        return None

    def encode(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else {"i": hex(value)}
        if kind in SHARED:
            tree = self.shared(value, depth)
            if tree is not None:
                return tree
        if depth > DEPTH:
            return self.handle(value)  # the rest stays behind
        if kind is list:
            return self._items(value, depth)
        if (
            kind is dict
            and set(map(type, value)) == {str}
            and set(map(type, value.values())) <= ATOMS
        ):
            return {"j": value}
        write = WRITERS.get(kind)
        if write is not None:
            return write(self, value, depth + 1)
        name = NAME_OF.get(id(value))
        return {"k": name} if name else self.handle(value)

    def _items(self, values: Any, depth: int) -> list[Any]:
        kinds = set(map(type, values))
        if kinds <= ATOMS or (kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63):
            return list(values)
        return [self.encode(value, depth + 1) for value in values]

    def decode(self, tree: Any) -> Any:
        """The value of a JSON tree; lists are copied, so that the tree stays as it came."""
        kind = type(tree)
        if kind in FLAT:
            return tree
        if kind is list:
            return (
                list(tree) if set(map(type, tree)) <= FLAT else [self.decode(item) for item in tree]
            )
        if len(tree) != 1:
            raise ProtocolError("a tag stands alone")
        ((tag, body),) = tree.items()
        read = READERS.get(tag)
        if read is None:
            return self.unhandle(tag, body)
        try:
            return read(self, body)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise ProtocolError(f"malformed {tag}: {error}") from None


def _pairs(codec: Codec, mapping: Any, depth: int) -> list[Any]:
    return [codec._items(dict.keys(mapping), depth), codec._items(dict.values(mapping), depth)]


def _unpair(codec: Codec, body: Any) -> Any:
    keys, values = body
    return zip(codec.decode(keys), codec.decode(values), strict=True)


def _write_module(codec: Codec, value: Any, depth: int) -> object:
    name = str(getattr(value, "__name__", ""))
    known = value is MODULES.get(name) or (name in WHOLE and value is sys.modules.get(name))
    return {"m": name} if known else codec.handle(value)


def _read_module(codec: Codec, body: Any) -> object:
    return importlib.import_module(body) if body in WHOLE else MODULES[body]


def _write_default(codec: Codec, value: Any, depth: int) -> object:
    return {"dd": [codec.encode(value.default_factory, depth), _pairs(codec, value, depth)]}


def _read_default(codec: Codec, body: Any) -> object:
    return collections.defaultdict(typing.cast(Any, codec.decode(body[0])), _unpair(codec, body[1]))


def _write_time(tag: str, *fields: str) -> Callable[[Codec, Any, int], object]:
    def write(codec: Codec, value: Any, depth: int) -> object:
        return {tag: [codec.encode(getattr(value, field), depth) for field in fields]}

    return write


def _read_time(make: Callable[..., object], fold: bool = False) -> Callable[[Codec, Any], object]:
    def read(codec: Codec, body: Any) -> object:
        parts = codec.decode(body)
        return make(*parts[:-1], fold=parts[-1]) if fold else make(*parts)

    return read


def _read_zone(codec: Codec, body: Any) -> object:
    return datetime.timezone(codec.decode(body))


PATHS = {
    kind.__name__: kind
    for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))
}
DATE, CLOCK = (
    ("year", "month", "day"),
    ("hour", "minute", "second", "microsecond", "tzinfo", "fold"),
)
WRITERS: dict[type, Callable[[Codec, Any, int], object]] = {
    tuple: lambda c, v, n: {"t": c._items(v, n)},
    dict: lambda c, v, n: {"d": _pairs(c, v, n)},
    set: lambda c, v, n: {"s": c._items(v, n)},
    frozenset: lambda c, v, n: {"f": c._items(v, n)},
    bytes: lambda c, v, n: {"b": v.decode("latin-1")},
    bytearray: lambda c, v, n: {"ba": v.decode("latin-1")},
    complex: lambda c, v, n: {"c": [v.real, v.imag]},
    range: lambda c, v, n: {"r": [c.encode(part) for part in (v.start, v.stop, v.step)]},
    slice: lambda c, v, n: {"sl": [c.encode(part, n) for part in (v.start, v.stop, v.step)]},
    decimal.Decimal: lambda c, v, n: {"D": str(v)},
    fractions.Fraction: lambda c, v, n: {"F": [c.encode(v.numerator), c.encode(v.denominator)]},
    collections.deque: lambda c, v, n: {"q": [c._items(v, n), v.maxlen]},
    collections.Counter: lambda c, v, n: {"C": _pairs(c, v, n)},
    collections.OrderedDict: lambda c, v, n: {"O": _pairs(c, v, n)},
    collections.defaultdict: _write_default,
    array.array: lambda c, v, n: {"y": [v.typecode, c._items(v.tolist(), n)]},
    types.ModuleType: _write_module,
    type({}.keys()): lambda c, v, n: {"dk": c._items(v, n)},
    type({}.values()): lambda c, v, n: {"dv": c._items(v, n)},
    type({}.items()): lambda c, v, n: {"di": _pairs(c, dict(v), n)},
    datetime.date: _write_time("da", *DATE),
    datetime.time: _write_time("ti", *CLOCK),
    datetime.datetime: _write_time("dt", *DATE, *CLOCK),
    datetime.timedelta: _write_time("td", "days", "seconds", "microseconds"),
    datetime.timezone: lambda c, v, n: {"tz": c.encode(v.utcoffset(None), n)},
    uuid.UUID: lambda c, v, n: {"u": v.hex},
    re.Pattern: lambda c, v, n: {"re": [c.encode(v.pattern), v.flags]},
    **dict.fromkeys(PATHS.values(), lambda c, v, n: {"P": [type(v).__name__, str(v)]}),
}
READERS: dict[str, Callable[[Codec, Any], object]] = {
    "i": lambda c, b: int(b, 16),
    "j": lambda c, b: dict(b) if set(map(type, b.values())) <= FLAT else _refuse(),
    "k": lambda c, b: NAMED[tuple(b)],
    "m": _read_module,
    "t": lambda c, b: tuple(c.decode(b)),
    "d": lambda c, b: dict(_unpair(c, b)),
    "s": lambda c, b: set(c.decode(b)),
    "f": lambda c, b: frozenset(c.decode(b)),
    "b": lambda c, b: b.encode("latin-1"),
    "ba": lambda c, b: bytearray(b.encode("latin-1")),
    "c": lambda c, b: complex(*b),
    "r": lambda c, b: range(*c.decode(b)),
    "sl": lambda c, b: slice(*c.decode(b)),
    "D": lambda c, b: decimal.Decimal(b),
    "F": lambda c, b: fractions.Fraction(*c.decode(b)),
    "q": lambda c, b: collections.deque(c.decode(b[0]), b[1]),
    "C": lambda c, b: collections.Counter(dict(_unpair(c, b))),
    "O": lambda c, b: collections.OrderedDict(_unpair(c, b)),
    "dd": _read_default,
    "y": lambda c, b: array.array(b[0], c.decode(b[1])),
    "dk": lambda c, b: dict.fromkeys(c.decode(b)).keys(),
    "dv": lambda c, b: dict(enumerate(c.decode(b))).values(),
    "di": lambda c, b: dict(_unpair(c, b)).items(),
    "da": _read_time(datetime.date),
    "ti": _read_time(datetime.time, fold=True),
    "dt": _read_time(datetime.datetime, fold=True),
    "td": _read_time(datetime.timedelta),
    "tz": _read_zone,
    "u": lambda c, b: uuid.UUID(b),
    "re": lambda c, b: re.compile(c.decode(b[0]), b[1]),
    "P": lambda c, b: PATHS[b[0]](b[1]),
}


def _refuse() -> object:
    raise ProtocolError("a mapping of other than plain values")
