"""Plain data as JSON text and back, with every type kept apart.

In: Python values of exactly the types in WRITERS, and functions and classes of the standard
library. Out: a JSON tree that does not confuse types (a tuple is no list, True is not 1, -0.0 is
not 0.0), and from it new values. No pickle and no marshal: a tree from a hostile process makes
plain data or ProtocolError, nothing else. Values of other types go to `encode_handle` (handles.py).

A tree is null, a boolean, a number, a string or a list for these very types, and {tag: body} for
the rest; READERS has the tags.

Not covered: parts of a value that are one object (shared_objects.py keeps those of mutables); the
identity of NaN; more than 8 MiB of text; what lies deeper than MAX_DEPTH.
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

# Encoding recurses. Deeper values cross as handles, so depth is no limit but costs requests.
MAX_DEPTH = 100
_MODULES = (
    *(abc, array, bisect, cmath, collections, collections.abc, contextlib, copy, dataclasses),
    *(datetime, decimal, enum, fractions, functools, heapq, itertools, json, math, numbers),
    *(operator, pathlib, re, statistics, string, textwrap, time, typing, uuid),
)
# Modules whose functions and classes cross by name.
NAMED_MODULES: dict[str, types.ModuleType] = {module.__name__: module for module in _MODULES}
# Modules that cross by name, but nothing in them does: each end has its own.
_WHOLE_MODULES = (
    "asyncio calendar csv hashlib inspect io logging os pprint queue random struct sys tempfile "
    "threading traceback types unittest warnings weakref zlib"
)
WHOLE_MODULES = frozenset(_WHOLE_MODULES.split())
# Built-in functions that reach beyond plain computing. They never cross by name, in no direction.
_DANGEROUS_BUILTINS = (
    "eval exec compile open input globals locals vars getattr setattr delattr breakpoint print "
    "type super help exit quit copyright credits license memoryview aiter anext"
)
DANGEROUS_BUILTINS = frozenset(_DANGEROUS_BUILTINS.split())


class ProtocolError(Exception):
    """The other process sent something that is no valid value or frame."""


def _collect_named_objects() -> dict[tuple[str, str], object]:
    """Functions and classes that both ends have under the same (module, name)."""
    named_objects: dict[tuple[str, str], object] = {}
    for name, value in vars(builtins).items():
        if not name.startswith("_") and name not in DANGEROUS_BUILTINS and callable(value):
            named_objects["builtins", name] = value
    for module_name, module in NAMED_MODULES.items():
        for name, value in vars(module).items():
            if not name.startswith("_") and callable(value) and _is_defined_in(value, module_name):
                named_objects[module_name, name] = value
    # Their __module__ is _io. The rest of io can open files.
    for io_class in (io.StringIO, io.BytesIO):
        named_objects["io", io_class.__name__] = io_class
    # Not callable, or not among the built-in names.
    named_objects["builtins", "Ellipsis"] = ...
    named_objects["builtins", "NotImplemented"] = NotImplemented
    named_objects["builtins", "NoneType"] = type(None)
    return named_objects


def _is_defined_in(value: object, module_name: str) -> bool:
    """Whether the module defines this, itself or in its C part, and did not import it."""
    defining_module = getattr(value, "__module__", None)
    if defining_module in (module_name, f"_{module_name}"):
        return True
    return str(defining_module).startswith(module_name + ".")


NAMED_OBJECTS = _collect_named_objects()
# By id(): a value that is looked up here may have a __hash__ of its own, or none.
NAME_BY_ID = {id(value): key for key, value in NAMED_OBJECTS.items()}

# Exact types that JSON text keeps apart by itself; nan and inf are NaN and Infinity. int is not
# among them, because long integers are encoded.
JSON_ATOMS = {type(None), bool, float, str}
FLAT_TYPES = JSON_ATOMS | {int}
# Types whose values both ends keep in step (shared_objects.py).
MUTABLE_TYPES = {list, dict, set, bytearray, array.array}
MUTABLE_TYPES |= {collections.deque, collections.Counter, collections.OrderedDict}
MUTABLE_TYPES |= {collections.defaultdict}
# A tuple among the arguments of a call keeps its identity in the result.
SHAREABLE_TYPES = MUTABLE_TYPES | {tuple}
# Made once: json.dumps with these options would make an encoder for every frame. The trees are
# built here, so none contains itself and the check for that is left out.
_dump_json = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode
# raw_decode does without decode's search for white space around the value.
_parse_json = json.JSONDecoder().raw_decode


def frame_to_bytes(tree: object) -> bytes:
    """JSON text as bytes. surrogatepass: a string of Python may hold half a surrogate pair."""
    return _dump_json(tree).encode("utf-8", "surrogatepass")


def frame_from_bytes(data: bytes) -> Any:
    """The JSON value of these bytes. Raises ProtocolError if they are not JSON."""
    try:
        return _parse_json(data.decode("utf-8", "surrogatepass"))[0]
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not a frame: {type(error).__name__}") from None


class Codec:
    """Values to JSON trees and back.

    What is no plain value goes through encode_handle and decode_handle, which a derived class
    defines.
    """

    def encode_handle(self, value: object) -> object:
        """The tree of a value that is no plain data. Raises ProtocolError: this class has none."""
        raise ProtocolError(f"a {type(value).__name__} is no plain value")

    def decode_handle(self, tag: str, body: Any) -> object:
        """The value of a tree that encode_handle made. Raises ProtocolError, as above."""
        raise ProtocolError(f"unknown tag {tag[:20]!r}")

    def encode_shared(self, value: Any, depth: int) -> object:
        """The tree of a value that both ends hold; None: it crosses as a copy."""
        return None

    def encode_value(self, value: Any, depth: int = 0) -> Any:
        """The JSON tree of any value."""
        # Exact types: a subclass of int may have any __eq__, and crosses as a handle.
        kind = type(value)
        if kind in JSON_ATOMS:
            return value
        if kind is int:
            # Decimal text of a long integer takes quadratic time, and Python refuses it.
            return value if -(2**63) <= value < 2**63 else {"i": hex(value)}
        if kind in SHAREABLE_TYPES:
            tree = self.encode_shared(value, depth)
            if tree is not None:
                return tree
        if depth > MAX_DEPTH:
            return self.encode_handle(value)
        if kind is list:
            return self._encode_items(value, depth)
        if kind is dict and _is_json_object(value):
            return {"j": value}
        write_tree = WRITERS.get(kind)
        if write_tree is not None:
            return write_tree(self, value, depth + 1)
        name = NAME_BY_ID.get(id(value))
        return {"k": name} if name else self.encode_handle(value)

    def _encode_items(self, values: Any, depth: int) -> list[Any]:
        # Two passes in C over flat values, which most are, instead of a call for each item.
        kinds = set(map(type, values))
        if kinds <= JSON_ATOMS:
            return list(values)
        if kinds == {int} and min(values) >= -(2**63) and max(values) < 2**63:
            return list(values)
        return [self.encode_value(value, depth + 1) for value in values]

    def decode_tree(self, tree: Any) -> Any:
        """The value of a JSON tree. Lists are copied, so the tree stays unchanged.

        Raises:
            ProtocolError: the tree is malformed. Other errors (TypeError, AttributeError ...) are
                possible; handles.MALFORMED_FRAME_ERRORS lists them.
        """
        kind = type(tree)
        if kind in FLAT_TYPES:
            return tree
        if kind is list:
            if set(map(type, tree)) <= FLAT_TYPES:
                return list(tree)
            return [self.decode_tree(item) for item in tree]
        # JSON leaves only an object: {tag: body}.
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


def _is_json_object(mapping: dict[Any, Any]) -> bool:
    """Whether JSON has it as it is, so that it needs no call for each item."""
    return set(map(type, mapping)) == {str} and set(map(type, mapping.values())) <= JSON_ATOMS


def _encode_mapping(codec: Codec, mapping: Any, depth: int) -> list[Any]:
    # dict.keys and not mapping.keys, because a program can patch Counter.keys.
    return [
        codec._encode_items(dict.keys(mapping), depth),
        codec._encode_items(dict.values(mapping), depth),
    ]


def _decode_mapping(codec: Codec, body: Any) -> Any:
    keys, values = body
    return zip(codec.decode_tree(keys), codec.decode_tree(values), strict=True)


def _write_module(codec: Codec, value: Any, depth: int) -> object:
    name = str(getattr(value, "__name__", ""))
    is_whole = name in WHOLE_MODULES and value is sys.modules.get(name)
    is_known = is_whole or value is NAMED_MODULES.get(name)
    return {"m": name} if is_known else codec.encode_handle(value)


def _read_module(codec: Codec, body: Any) -> object:
    # Only modules of the two lists: importing anything else would run its code.
    return importlib.import_module(body) if body in WHOLE_MODULES else NAMED_MODULES[body]


def _write_defaultdict(codec: Codec, value: Any, depth: int) -> object:
    factory = codec.encode_value(value.default_factory, depth)
    return {"dd": [factory, _encode_mapping(codec, value, depth)]}


def _read_defaultdict(codec: Codec, body: Any) -> object:
    factory: Any = codec.decode_tree(body[0])
    return collections.defaultdict(factory, _decode_mapping(codec, body[1]))


# The classes of datetime differ only in their fields, and take them in this order.
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


# A path of this system is PosixPath or WindowsPath, whatever Path says.
_PATHS = (pathlib.PurePosixPath, pathlib.PureWindowsPath, type(pathlib.Path()))
PATH_TYPES = {path_type.__name__: path_type for path_type in _PATHS}
DATE_FIELDS = ("year", "month", "day")
CLOCK_FIELDS = ("hour", "minute", "second", "microsecond", "tzinfo", "fold")
# (codec, value, depth) -> tree, by type. The types are exact: subclasses cross as handles.
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
# (codec, body) -> value, by tag.
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
