"""Remote: the stand-in for an object that stayed in the other process. Its class has the object's special methods.

In: a number, a name and a mask of special methods. Out: an object whose attributes, calls and
operators are questions to the other end. Between tests and program the questions are unequal: what
the tests get from the program is never asked how it compares, adds or contains, for its methods
could answer with whatever the tests hope for. An instance of a subclass of a plain type (an
IntEnum, a named tuple) is compared as the plain value in it. An instance that the tests themselves
made by calling a class of the program (`own`) answers for itself, because that is what is being
tested; but not whether it equals a plain value or comes before one.
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

PLAIN_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        bytearray,
        tuple,
        list,
        dict,
        set,
        frozenset,
    )
}
KIND_TYPES: dict[str, type] = {
    "class": type,
    "coroutine": types.CoroutineType,
    "function": types.FunctionType,
    "generator": types.GeneratorType,
    "method": types.MethodType,
    "async_generator": types.AsyncGeneratorType,
}
BINARY_OPERATORS = [
    "add",
    "sub",
    "mul",
    "matmul",
    "truediv",
    "floordiv",
    "mod",
    "divmod",
    "pow",
    "lshift",
    "rshift",
    "and",
    "xor",
    "or",
]  # noqa: SIM905
SPECIAL_METHODS = [
    f"__{name}__"
    for name in (  # noqa: SIM905
        "call getitem setitem delitem len iter next reversed bool int float index complex enter exit length_hint "
        "missing fspath aenter aexit aiter anext bytes abs neg pos invert round trunc floor ceil contains"
    ).split()
    + BINARY_OPERATORS
    + [f"r{name}" for name in BINARY_OPERATORS]
    + [f"i{name}" for name in BINARY_OPERATORS if name != "divmod"]
]
GUARDED_METHODS = frozenset(
    SPECIAL_METHODS[SPECIAL_METHODS.index("__abs__") :]
)  # could answer with what is hoped for: only own objects may
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")

# How far an object speaks for itself: not at all; in all but comparisons with plain values; in all,
# which is how the tests' objects stand towards the program.
DELEGATE_NONE, DELEGATE_OPERATORS, DELEGATE_ALL = range(3)
PROXY_SLOTS = ("_hb_peer", "_hb_number", "_hb_own", "_hb_face", "_hb_kind")


class Proxy:
    """An object of the other end. Its special methods are those that the object's class has (see remote_class)."""

    __slots__ = (*PROXY_SLOTS, "__weakref__")

    def __getattr__(self, name: str) -> Any:
        # What a class has under a name that the tests wrote speaks for itself as what it makes
        # does: an Enum's members.
        delegation = self._hb_own if self._hb_kind is type else DELEGATE_NONE
        return self._hb_peer.ask_object("get", self._hb_number, name, delegation=delegation)

    def __setattr__(self, name: str, value: Any) -> None:
        self._hb_peer.ask_object("set", self._hb_number, name, value)

    def __delattr__(self, name: str) -> None:
        self._hb_peer.ask_object("set", self._hb_number, name)

    def __repr__(self) -> str:
        return self._hb_query_plain("repr", str)

    def __str__(self) -> str:
        return self._hb_query_plain("str", str)

    def __format__(self, spec: str) -> str:
        return self._hb_query_plain("format", str, spec)

    def __hash__(self) -> int:
        return self._hb_query_plain("hash", int)

    def __dir__(self) -> Any:
        return self._hb_query_plain("dir", list)

    def __copy__(self) -> Any:
        return self._hb_peer.ask_object("of", self._hb_number, "copy")

    def __deepcopy__(self, memo: Any) -> Any:
        return self._hb_peer.ask_object("of", self._hb_number, "deepcopy")

    def __instancecheck__(self, value: Any) -> bool:
        if isinstance(type(value), type) and issubclass(type(value), Proxy):
            return value._hb_peer.ask_object("of", value._hb_number, "isinstance", self) is True
        return False

    def __subclasscheck__(self, value: Any) -> bool:
        if issubclass(type(value), Proxy):
            return value._hb_peer.ask_object("of", value._hb_number, "issubclass", self) is True
        return False

    def _hb_query_plain(self, query: str, result_type: Callable[..., T], *args: Any) -> T:
        value = self._hb_peer.ask_object("of", self._hb_number, query, *args)
        if type(value) is not result_type:
            raise TypeError(f"{query}() of an object of the program gave no plain value")
        return value  # type: ignore[no-any-return]

    def _hb_compare(self, name: str, other: Any) -> Any:
        is_proxy = issubclass(type(other), Proxy)
        if self._hb_own == DELEGATE_ALL or (is_proxy and (self._hb_own or other._hb_own)):
            return self._hb_peer.ask_object("do", self._hb_number, name, other)
        if self._hb_face is not None:
            own_value = self._hb_query_plain("plain", self._hb_face)
            other_value = (
                other._hb_query_plain("plain", other._hb_face)
                if is_proxy and other._hb_face is not None
                else other
            )
            return (
                NotImplemented
                if issubclass(type(other_value), Proxy)
                else getattr(own_value, name)(other_value)
            )
        if is_proxy and name in ("__eq__", "__ne__"):
            is_same = self._hb_peer is other._hb_peer and self._hb_number == other._hb_number
            return is_same == (name == "__eq__")
        return NotImplemented

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self._hb_peer.ask_object("get", self._hb_number, "__doc__")

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        if self._hb_face is not None:
            return self._hb_face
        if self._hb_kind is not None:
            return self._hb_kind
        reported = self._hb_peer.ask_object("get", self._hb_number, "__class__")
        # A plain value would have crossed as one: an object that calls itself a list lies.
        return type(self) if any(reported is plain for plain in PLAIN_TYPES.values()) else reported


def _make_forwarder(name: str) -> Callable[..., Any]:
    def forward_call(self: Any, *args: Any) -> Any:
        return self._hb_peer.ask_object("do", self._hb_number, name, *args)

    return forward_call


def _make_guarded_operator(name: str) -> Callable[..., Any]:
    """An operator of which the answer counts: asked of own objects, worked out here for plain values, else refused."""

    def apply_operator(self: Any, *args: Any) -> Any:
        delegation = max(
            [self._hb_own, *(arg._hb_own for arg in args if issubclass(type(arg), Proxy))]
        )
        if delegation:
            return self._hb_peer.ask_object("do", self._hb_number, name, *args, delegation=delegation)
        if self._hb_face is not None:
            operator = getattr(self._hb_query_plain("plain", self._hb_face), name, None)
            return NotImplemented if operator is None else operator(*args)
        if name == "__contains__":
            return any(item is args[0] or item == args[0] for item in self)
        # One that takes no second value learns nothing that it could answer with.
        return (
            NotImplemented
            if args and name != "__round__"
            else self._hb_peer.ask_object("do", self._hb_number, name, *args)
        )

    return apply_operator


def _call_remote(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    return self._hb_peer.call_object(self._hb_number, args, kwargs, self._hb_own)


def _make_comparison(name: str) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        return self._hb_compare(name, other)

    return compare


PROXY_DOC = vars(Proxy)["__doc__"]  # a class without one would hide it
for _name in COMPARISONS:
    setattr(Proxy, _name, _make_comparison(_name))
PROXY_METHODS: list[Callable[..., Any]] = [
    _call_remote
    if name == "__call__"
    else _make_guarded_operator(name)
    if name in GUARDED_METHODS
    else _make_forwarder(name)
    for name in SPECIAL_METHODS
]


def _exit_block(self: Any, error_type: Any = None, error: Any = None, trace: Any = None) -> Any:
    is_swallowed = self._hb_peer.ask_object("do", self._hb_number, "__exit__", error_type, error, trace)
    return is_swallowed and not _must_propagate(self, error)


async def _exit_async_block(
    self: Any, error_type: Any = None, error: Any = None, trace: Any = None
) -> Any:
    is_swallowed = await self._hb_peer.ask_object(
        "do", self._hb_number, "__aexit__", error_type, error, trace
    )
    return is_swallowed and not _must_propagate(self, error)


def _must_propagate(context: Any, error: Any) -> bool:
    """Whether it is an assertion of the tests: else a program could swallow those that it fails."""
    is_on_tests_side = context._hb_own != DELEGATE_ALL
    return (
        is_on_tests_side and isinstance(error, AssertionError) and "_hb_number" not in vars(error)
    )


PROXY_METHODS[SPECIAL_METHODS.index("__exit__")] = _exit_block
PROXY_METHODS[SPECIAL_METHODS.index("__aexit__")] = _exit_async_block
_class_by_key: dict[tuple[str, int, object, int], type] = {}


def make_proxy_class(name: str, mask: int, peer: Any = None, class_id: int = 0) -> type:
    """The class of Remotes for objects with these special methods, so that callable() and len() know what they may.

    home: the number of the object's class, for one that is no standard class: type(x)(...) makes
    another.
    """
    key = name, mask, peer, class_id
    if key not in _class_by_key:

        def create_instance(cls: type, *args: Any, **kwargs: Any) -> Any:
            if not class_id:
                raise TypeError(f"cannot create {name!r} instances")
            return peer.call_object(class_id, args, kwargs)

        members: dict[str, Any] = {
            dunder: PROXY_METHODS[i] for i, dunder in enumerate(SPECIAL_METHODS) if mask >> i & 1
        }
        members |= {"__slots__": (), "__doc__": PROXY_DOC, "__new__": create_instance}
        _class_by_key[key] = type(name, (Proxy,), members)
    return _class_by_key[key]


_mask_by_type: dict[type, int] = {}


def _has_method(kind: type, name: str) -> bool:
    """Whether instances have this special method; the class itself has those of its metaclass besides."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None) is not None


def compute_method_mask(kind: type) -> int:
    if kind not in _mask_by_type:
        _mask_by_type[kind] = sum(
            1 << i for i, name in enumerate(SPECIAL_METHODS) if _has_method(kind, name)
        )
    return _mask_by_type[kind]


def find_plain_name(kind: type) -> str | None:
    """The plain type that this type extends."""
    return next((name for name, plain in PLAIN_TYPES.items() if issubclass(kind, plain)), None)


def find_kind_name(value: object) -> str | None:
    return next((name for name, kind in KIND_TYPES.items() if isinstance(value, kind)), None)


def extract_plain_value(value: Any) -> Any:
    """The plain value inside an instance of a subclass, by the plain type's own methods."""
    plain_type: Any = PLAIN_TYPES[find_plain_name(type(value)) or ""]
    if plain_type is dict:
        return dict(dict.items(value))
    if plain_type in (list, tuple, set, frozenset):
        return plain_type(plain_type.__iter__(value))
    converters: dict[type, Callable[[Any], Any]] = {
        int: int.__int__,
        float: float.__float__,
        str: str.__str__,
        complex: complex.__complex__,
    }
    return (
        converters[plain_type](value)
        if plain_type in converters
        else plain_type(plain_type.__add__(value, plain_type()))
    )
