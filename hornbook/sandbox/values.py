"""Plain data to JSON text and back, with every type kept apart: what may cross between a program and its judge.

In: Python values of exactly the types below. Out: one JSON text without type confusion (a tuple is no list, True no
1, -0.0 no 0.0), and from it fresh values built by the reader. No pickle, no marshal: text from a hostile writer makes
plain data or ProtocolError, nothing else. What is none of these types crosses as a handle (wire.py).
Not kept: sharing between parts of a value, and a NaN's identity. Not crossed: over 8 MiB of text, what lies 100 deep.
"""

from __future__ import annotations

import array
import bisect
import builtins
import cmath
import collections
import copy
import datetime
import decimal
import fractions
import functools
import heapq
import itertools
import json
import math
import operator
import re
import statistics
import string
import time
import types
import typing
from collections.abc import Callable
from typing import Any

DEPTH = 100
MODULES: dict[str, types.ModuleType] = {
    module.__name__: module
    for module in (array, bisect, cmath, collections, copy, datetime, decimal, fractions, functools, heapq, itertools)
    + (json, math, operator, re, statistics, string, time, typing)
}
# What reaches out of plain computing never crosses by name, whoever asks for it.
POWERS = {"eval", "exec", "compile", "open", "input", "globals", "locals", "vars", "getattr", "setattr", "delattr"}
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
    singletons = {"Ellipsis": ..., "NotImplemented": NotImplemented, "NoneType": type(None)}
    return found | {("builtins", key): value for key, value in singletons.items()}


NAMED = _named()
NAME_OF = {id(value): key for key, value in NAMED.items()}

ATOMS = {type(None), bool, float, str}
FLAT = ATOMS | {int}
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

    def encode(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind in ATOMS:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else {"i": hex(value)}
        if depth > DEPTH:
            return self.handle(value)  # the rest stays behind
        if kind is list:
            return self._items(value, depth)
        if kind is dict and set(map(type, value)) == {str} and set(map(type, value.values())) <= ATOMS:
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
            return list(tree) if set(map(type, tree)) <= FLAT else [self.decode(item) for item in tree]
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
    return [codec.encode(part, depth) for pair in dict.items(mapping) for part in pair]


def _unpair(codec: Codec, body: Any) -> Any:
    parts = codec.decode(body)
    return zip(parts[::2], parts[1::2], strict=True)


def _write_module(codec: Codec, value: Any, depth: int) -> object:
    name = next((name for name, module in MODULES.items() if module is value), None)
    return {"m": name} if name else codec.handle(value)


def _write_default(codec: Codec, value: Any, depth: int) -> object:
    factory = value.default_factory
    name = NAME_OF.get(id(factory)) if factory is not None else None
    return {"dd": [name, _pairs(codec, value, depth)]}


def _read_default(codec: Codec, body: Any) -> object:
    factory = NAMED[tuple(body[0])] if body[0] else None
    return collections.defaultdict(typing.cast(Any, factory), _unpair(codec, body[1]))


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


DATE, CLOCK = ("year", "month", "day"), ("hour", "minute", "second", "microsecond", "tzinfo", "fold")
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
    type({}.items()): lambda c, v, n: {"di": [c.encode(part, n) for pair in v for part in pair]},
    datetime.date: _write_time("da", *DATE),
    datetime.time: _write_time("ti", *CLOCK),
    datetime.datetime: _write_time("dt", *DATE, *CLOCK),
    datetime.timedelta: _write_time("td", "days", "seconds", "microseconds"),
    datetime.timezone: lambda c, v, n: {"tz": c.encode(v.utcoffset(None), n)},
}
READERS: dict[str, Callable[[Codec, Any], object]] = {
    "i": lambda c, b: int(b, 16),
    "j": lambda c, b: dict(b) if set(map(type, b.values())) <= FLAT else _refuse(),
    "k": lambda c, b: NAMED[tuple(b)],
    "m": lambda c, b: MODULES[b],
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
}
MUTABLE = {list, dict, set, bytearray, collections.deque, collections.Counter, collections.OrderedDict}
MUTABLE |= {collections.defaultdict, array.array}


def _refuse() -> object:
    raise ProtocolError("a mapping of other than plain values")


def pour(old: Any, new: Any) -> None:
    """Give `old` the contents of `new` in place, parts of the same kind likewise, so that who holds them sees it."""
    kind = type(old)
    if old is new or kind is not type(new):
        return
    if kind is list or kind is tuple:
        if len(old) == len(new):
            new = [_merge(before, after) for before, after in zip(old, new, strict=True)]
        if kind is list:
            old[:] = new
    elif issubclass(kind, dict):
        merged = {key: _merge(old[key], value) if key in old else value for key, value in new.items()}
        old.clear()
        old.update(merged)
    elif kind is set:
        old.clear()
        old.update(new)
    elif kind is collections.deque:
        items = list(new)
        old.clear()
        old.extend(items)
    elif kind in MUTABLE:
        old[:] = new


def _merge(before: Any, after: Any) -> Any:
    kind = type(before)
    if kind is type(after) and (kind in MUTABLE or kind is tuple):
        pour(before, after)
        if kind is not tuple:
            return before
    return after
