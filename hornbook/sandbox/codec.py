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

MAX_DEPTH = 100
NAMED_MODULES: dict[str, types.ModuleType] = {
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
WHOLE_MODULES = {
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
WHOLE_MODULES |= set("tempfile threading traceback types unittest warnings weakref zlib".split())  # noqa: SIM905
# What reaches out of plain computing never crosses by name, whoever asks for it.
DANGEROUS_BUILTINS = {
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
DANGEROUS_BUILTINS |= {
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


def _collect_named_objects() -> dict[tuple[str, str], object]:
    """Functions and classes that both sides own under one name, so that only the name crosses."""
    named_objects: dict[tuple[str, str], object] = {
        ("builtins", name): value
        for name, value in vars(builtins).items()
        if not name.startswith("_") and name not in DANGEROUS_BUILTINS and callable(value)
    }
    for name, module in NAMED_MODULES.items():
        for attribute, value in vars(module).items():
            module_name = getattr(value, "__module__", None)
            if (
                not attribute.startswith("_")
                and callable(value)
                and (module_name in (name, f"_{name}") or str(module_name).startswith(name + "."))
            ):
                named_objects[name, attribute] = value
    named_objects |= {("io", io_class.__name__): io_class for io_class in (io.StringIO, io.BytesIO)}
    singletons = {"Ellipsis": ..., "NotImplemented": NotImplemented, "NoneType": type(None)}
    return named_objects | {
        ("builtins", attribute): value for attribute, value in singletons.items()
    }


NAMED_OBJECTS = _collect_named_objects()
NAME_BY_ID = {id(value): key for key, value in NAMED_OBJECTS.items()}

JSON_ATOMS = {type(None), bool, float, str}
FLAT_TYPES = JSON_ATOMS | {int}
MUTABLE_TYPES = {
    list,
    dict,
    set,
    bytearray,
    collections.deque,
    collections.Counter,
    collections.OrderedDict,
}
MUTABLE_TYPES |= {collections.defaultdict, array.array}
SHAREABLE_TYPES = MUTABLE_TYPES | {tuple}
_dump_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode
_parse_json = json.JSONDecoder().raw_decode


def frame_to_bytes(tree: object) -> bytes:
    return _dump_json(tree).encode("utf-8", "surrogatepass")


def frame_from_bytes(data: bytes) -> Any:
    """The JSON value of a frame. Raises ProtocolError for anything else."""
    try:
        return _parse_json(data.decode("utf-8", "surrogatepass"))[0]
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a frame: {type(error).__name__}") from None


class Codec:
    """Values to JSON trees and back; what is no plain value goes to `handle` and comes back through `unhandle`."""

    def encode_handle(self, value: object) -> object:
        raise ProtocolError(f"a {type(value).__name__} is no plain value")

    def decode_handle(self, tag: str, body: Any) -> object:
        raise ProtocolError(f"unknown tag {tag[:20]!r}")

    def encode_shared(self, value: Any, depth: int) -> object:
        """The tree of a value that both ends hold (links.py); None for one that crosses as a copy."""
        return None

    def encode_value(self, value: Any, depth: int = 0) -> Any:
        kind = type(value)
        if kind in JSON_ATOMS:
            return value
        if kind is int:
            return value if -(2**63) <= value < 2**63 else {"i": hex(value)}
        if kind in SHAREABLE_TYPES:
            tree = self.encode_shared(value, depth)
            if tree is not None:
                return tree
        if depth > MAX_DEPTH:
            return self.encode_handle(value)  # the rest stays behind
        if kind is list:
            return self._encode_items(value, depth)
        if (
            kind is dict
            and set(map(type, value)) == {str}
            and set(map(type, value.values())) <= JSON_ATOMS
        ):
            return {"j": value}
        write_tree = WRITERS.get(kind)
        if write_tree is not None:
            return write_tree(self, value, depth + 1)
        name = NAME_BY_ID.get(id(value))
        return {"k": name} if name else self.encode_handle(value)

    def _encode_items(self, values: Any, depth: int) -> list[Any]:
        kinds = set(map(type, values))
        if kinds <= JSON_ATOMS or (
            kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63
        ):
            return list(values)
        return [self.encode_value(value, depth + 1) for value in values]

    def decode_tree(self, tree: Any) -> Any:
        """The value of a JSON tree; lists are copied, so that the tree stays as it came."""
        kind = type(tree)
        if kind in FLAT_TYPES:
            return tree
        if kind is list:
            return (
                list(tree)
                if set(map(type, tree)) <= FLAT_TYPES
                else [self.decode_tree(item) for item in tree]
            )
        if len(tree) != 1:
            raise ProtocolError("a tag stands alone")
        ((tag, body),) = tree.items()
        read_tree = READERS.get(tag)
        if read_tree is None:
            return self.decode_handle(tag, body)
        try:
            return read_tree(self, body)
        except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
            raise ProtocolError(f"malformed {tag}: {error}") from None


def _encode_mapping(codec: Codec, mapping: Any, depth: int) -> list[Any]:
    return [
        codec._encode_items(dict.keys(mapping), depth),
        codec._encode_items(dict.values(mapping), depth),
    ]


def _decode_mapping(codec: Codec, body: Any) -> Any:
    keys, values = body
    return zip(codec.decode_tree(keys), codec.decode_tree(values), strict=True)


def _write_module(codec: Codec, value: Any, depth: int) -> object:
    name = str(getattr(value, "__name__", ""))
    is_named = value is NAMED_MODULES.get(name) or (
        name in WHOLE_MODULES and value is sys.modules.get(name)
    )
    return {"m": name} if is_named else codec.encode_handle(value)


def _read_module(codec: Codec, body: Any) -> object:
    return importlib.import_module(body) if body in WHOLE_MODULES else NAMED_MODULES[body]


def _write_defaultdict(codec: Codec, value: Any, depth: int) -> object:
    return {
        "dd": [
            codec.encode_value(value.default_factory, depth),
            _encode_mapping(codec, value, depth),
        ]
    }


def _read_defaultdict(codec: Codec, body: Any) -> object:
    return collections.defaultdict(
        typing.cast(Any, codec.decode_tree(body[0])), _decode_mapping(codec, body[1])
    )


def _make_time_writer(tag: str, *fields: str) -> Callable[[Codec, Any, int], object]:
    def write_fields(codec: Codec, value: Any, depth: int) -> object:
        return {tag: [codec.encode_value(getattr(value, field), depth) for field in fields]}

    return write_fields


def _make_time_reader(
    create: Callable[..., object], has_fold: bool = False
) -> Callable[[Codec, Any], object]:
    def read_fields(codec: Codec, body: Any) -> object:
        parts = codec.decode_tree(body)
        return create(*parts[:-1], fold=parts[-1]) if has_fold else create(*parts)

    return read_fields


def _read_timezone(codec: Codec, body: Any) -> object:
    return datetime.timezone(codec.decode_tree(body))


PATH_TYPES = {
    kind.__name__: kind
    for kind in (pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))
}
DATE_FIELDS, CLOCK_FIELDS = (
    ("year", "month", "day"),
    ("hour", "minute", "second", "microsecond", "tzinfo", "fold"),
)
WRITERS: dict[type, Callable[[Codec, Any, int], object]] = {
    tuple: lambda c, v, n: {"t": c._encode_items(v, n)},
    dict: lambda c, v, n: {"d": _encode_mapping(c, v, n)},
    set: lambda c, v, n: {"s": c._encode_items(v, n)},
    frozenset: lambda c, v, n: {"f": c._encode_items(v, n)},
    bytes: lambda c, v, n: {"b": v.decode("latin-1")},
    bytearray: lambda c, v, n: {"ba": v.decode("latin-1")},
    complex: lambda c, v, n: {"c": [v.real, v.imag]},
    range: lambda c, v, n: {"r": [c.encode_value(part) for part in (v.start, v.stop, v.step)]},
    slice: lambda c, v, n: {"sl": [c.encode_value(part, n) for part in (v.start, v.stop, v.step)]},
    decimal.Decimal: lambda c, v, n: {"D": str(v)},
    fractions.Fraction: lambda c, v, n: {
        "F": [c.encode_value(v.numerator), c.encode_value(v.denominator)]
    },
    collections.deque: lambda c, v, n: {"q": [c._encode_items(v, n), v.maxlen]},
    collections.Counter: lambda c, v, n: {"C": _encode_mapping(c, v, n)},
    collections.OrderedDict: lambda c, v, n: {"O": _encode_mapping(c, v, n)},
    collections.defaultdict: _write_defaultdict,
    array.array: lambda c, v, n: {"y": [v.typecode, c._encode_items(v.tolist(), n)]},
    types.ModuleType: _write_module,
    type({}.keys()): lambda c, v, n: {"dk": c._encode_items(v, n)},
    type({}.values()): lambda c, v, n: {"dv": c._encode_items(v, n)},
    type({}.items()): lambda c, v, n: {"di": _encode_mapping(c, dict(v), n)},
    datetime.date: _make_time_writer("da", *DATE_FIELDS),
    datetime.time: _make_time_writer("ti", *CLOCK_FIELDS),
    datetime.datetime: _make_time_writer("dt", *DATE_FIELDS, *CLOCK_FIELDS),
    datetime.timedelta: _make_time_writer("td", "days", "seconds", "microseconds"),
    datetime.timezone: lambda c, v, n: {"tz": c.encode_value(v.utcoffset(None), n)},
    uuid.UUID: lambda c, v, n: {"u": v.hex},
    re.Pattern: lambda c, v, n: {"re": [c.encode_value(v.pattern), v.flags]},
    **dict.fromkeys(PATH_TYPES.values(), lambda c, v, n: {"P": [type(v).__name__, str(v)]}),
}
READERS: dict[str, Callable[[Codec, Any], object]] = {
    "i": lambda c, b: int(b, 16),
    "j": lambda c, b: dict(b) if set(map(type, b.values())) <= FLAT_TYPES else _reject_mapping(),
    "k": lambda c, b: NAMED_OBJECTS[tuple(b)],
    "m": _read_module,
    "t": lambda c, b: tuple(c.decode_tree(b)),
    "d": lambda c, b: dict(_decode_mapping(c, b)),
    "s": lambda c, b: set(c.decode_tree(b)),
    "f": lambda c, b: frozenset(c.decode_tree(b)),
    "b": lambda c, b: b.encode("latin-1"),
    "ba": lambda c, b: bytearray(b.encode("latin-1")),
    "c": lambda c, b: complex(*b),
    "r": lambda c, b: range(*c.decode_tree(b)),
    "sl": lambda c, b: slice(*c.decode_tree(b)),
    "D": lambda c, b: decimal.Decimal(b),
    "F": lambda c, b: fractions.Fraction(*c.decode_tree(b)),
    "q": lambda c, b: collections.deque(c.decode_tree(b[0]), b[1]),
    "C": lambda c, b: collections.Counter(dict(_decode_mapping(c, b))),
    "O": lambda c, b: collections.OrderedDict(_decode_mapping(c, b)),
    "dd": _read_defaultdict,
    "y": lambda c, b: array.array(b[0], c.decode_tree(b[1])),
    "dk": lambda c, b: dict.fromkeys(c.decode_tree(b)).keys(),
    "dv": lambda c, b: dict(enumerate(c.decode_tree(b))).values(),
    "di": lambda c, b: dict(_decode_mapping(c, b)).items(),
    "da": _make_time_reader(datetime.date),
    "ti": _make_time_reader(datetime.time, has_fold=True),
    "dt": _make_time_reader(datetime.datetime, has_fold=True),
    "td": _make_time_reader(datetime.timedelta),
    "tz": _read_timezone,
    "u": lambda c, b: uuid.UUID(b),
    "re": lambda c, b: re.compile(c.decode_tree(b[0]), b[1]),
    "P": lambda c, b: PATH_TYPES[b[0]](b[1]),
}


def _reject_mapping() -> object:
    raise ProtocolError("a mapping of other than plain values")
