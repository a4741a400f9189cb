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

FACES: dict[str, type] = {
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
KINDS: dict[str, type] = {
    "class": type,
    "coroutine": types.CoroutineType,
    "function": types.FunctionType,
    "generator": types.GeneratorType,
    "method": types.MethodType,
    "async_generator": types.AsyncGeneratorType,
}
BINARY = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or".split()  # noqa: SIM905
DUNDERS = [
    f"__{name}__"
    for name in (  # noqa: SIM905
        "call getitem setitem delitem len iter next reversed bool int float index complex enter exit length_hint "
        "missing fspath aenter aexit aiter anext bytes abs neg pos invert round trunc floor ceil contains"
    ).split()
    + BINARY
    + [f"r{name}" for name in BINARY]
    + [f"i{name}" for name in BINARY if name != "divmod"]
]
ANSWERING = frozenset(
    DUNDERS[DUNDERS.index("__abs__") :]
)  # could answer with what is hoped for: only own objects may
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")

# How far an object speaks for itself: not at all; in all but comparisons with plain values; in all,
# which is how the tests' objects stand towards the program.
NOT, OWN, ANSWERS = range(3)
SLOTS = ("_hb_peer", "_hb_number", "_hb_own", "_hb_face", "_hb_kind")


class Remote:
    """An object of the other end. Its special methods are those that the object's class has (see remote_class)."""

    __slots__ = (*SLOTS, "__weakref__")

    def __getattr__(self, name: str) -> Any:
        # What a class has under a name that the tests wrote speaks for itself as what it makes
        # does: an Enum's members.
        own = self._hb_own if self._hb_kind is type else NOT
        return self._hb_peer.do("get", self._hb_number, name, own=own)

    def __setattr__(self, name: str, value: Any) -> None:
        self._hb_peer.do("set", self._hb_number, name, value)

    def __delattr__(self, name: str) -> None:
        self._hb_peer.do("set", self._hb_number, name)

    def __repr__(self) -> str:
        return self._of("repr", str)

    def __str__(self) -> str:
        return self._of("str", str)

    def __format__(self, spec: str) -> str:
        return self._of("format", str, spec)

    def __hash__(self) -> int:
        return self._of("hash", int)

    def __dir__(self) -> Any:
        return self._of("dir", list)

    def __copy__(self) -> Any:
        return self._hb_peer.do("of", self._hb_number, "copy")

    def __deepcopy__(self, memo: Any) -> Any:
        return self._hb_peer.do("of", self._hb_number, "deepcopy")

    def __instancecheck__(self, value: Any) -> bool:
        if isinstance(type(value), type) and issubclass(type(value), Remote):
            return value._hb_peer.do("of", value._hb_number, "isinstance", self) is True
        return False

    def __subclasscheck__(self, value: Any) -> bool:
        if issubclass(type(value), Remote):
            return value._hb_peer.do("of", value._hb_number, "issubclass", self) is True
        return False

    def _of(self, what: str, kind: Callable[..., T], *args: Any) -> T:
        value = self._hb_peer.do("of", self._hb_number, what, *args)
        if type(value) is not kind:
            raise TypeError(f"{what}() of an object of the program gave no plain value")
        return value  # type: ignore[no-any-return]

    def _compare(self, name: str, other: Any) -> Any:
        remote = issubclass(type(other), Remote)
        if self._hb_own == ANSWERS or (remote and (self._hb_own or other._hb_own)):
            return self._hb_peer.do("do", self._hb_number, name, other)
        if self._hb_face is not None:
            mine = self._of("plain", self._hb_face)
            theirs = (
                other._of("plain", other._hb_face)
                if remote and other._hb_face is not None
                else other
            )
            return (
                NotImplemented if issubclass(type(theirs), Remote) else getattr(mine, name)(theirs)
            )
        if remote and name in ("__eq__", "__ne__"):
            same = self._hb_peer is other._hb_peer and self._hb_number == other._hb_number
            return same == (name == "__eq__")
        return NotImplemented

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self._hb_peer.do("get", self._hb_number, "__doc__")

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        if self._hb_face is not None:
            return self._hb_face
        if self._hb_kind is not None:
            return self._hb_kind
        said = self._hb_peer.do("get", self._hb_number, "__class__")
        # A plain value would have crossed as one: an object that calls itself a list lies.
        return type(self) if any(said is plain for plain in FACES.values()) else said


def _forward(name: str) -> Callable[..., Any]:
    def method(self: Any, *args: Any) -> Any:
        return self._hb_peer.do("do", self._hb_number, name, *args)

    return method


def _guarded(name: str) -> Callable[..., Any]:
    """An operator of which the answer counts: asked of own objects, worked out here for plain values, else refused."""

    def method(self: Any, *args: Any) -> Any:
        own = max([self._hb_own, *(arg._hb_own for arg in args if issubclass(type(arg), Remote))])
        if own:
            return self._hb_peer.do("do", self._hb_number, name, *args, own=own)
        if self._hb_face is not None:
            operator = getattr(self._of("plain", self._hb_face), name, None)
            return NotImplemented if operator is None else operator(*args)
        if name == "__contains__":
            return any(item is args[0] or item == args[0] for item in self)
        # One that takes no second value learns nothing that it could answer with.
        return (
            NotImplemented
            if args and name != "__round__"
            else self._hb_peer.do("do", self._hb_number, name, *args)
        )

    return method


def _call(self: Any, /, *args: Any, **named: Any) -> Any:
    return self._hb_peer.call(self._hb_number, args, named, self._hb_own)


def _comparison(name: str) -> Callable[[Any, Any], Any]:
    def method(self: Any, other: Any) -> Any:
        return self._compare(name, other)

    return method


DOC = vars(Remote)["__doc__"]  # a class without one would hide it
for _name in COMPARISONS:
    setattr(Remote, _name, _comparison(_name))
METHODS: list[Callable[..., Any]] = [
    _call if name == "__call__" else _guarded(name) if name in ANSWERING else _forward(name)
    for name in DUNDERS
]


def _exit(self: Any, kind: Any = None, error: Any = None, trace: Any = None) -> Any:
    done = self._hb_peer.do("do", self._hb_number, "__exit__", kind, error, trace)
    return done and not _must_go_on(self, error)


async def _aexit(self: Any, kind: Any = None, error: Any = None, trace: Any = None) -> Any:
    done = await self._hb_peer.do("do", self._hb_number, "__aexit__", kind, error, trace)
    return done and not _must_go_on(self, error)


def _must_go_on(block: Any, error: Any) -> bool:
    """Whether it is an assertion of the tests: else a program could swallow those that it fails."""
    tests = block._hb_own != ANSWERS
    return tests and isinstance(error, AssertionError) and "_hb_number" not in vars(error)


METHODS[DUNDERS.index("__exit__")] = _exit
METHODS[DUNDERS.index("__aexit__")] = _aexit
_classes: dict[tuple[str, int, object, int], type] = {}


def remote_class(name: str, mask: int, peer: Any = None, home: int = 0) -> type:
    """The class of Remotes for objects with these special methods, so that callable() and len() know what they may.

    home: the number of the object's class, for one that is no standard class: type(x)(...) makes
    another.
    """
    key = name, mask, peer, home
    if key not in _classes:

        def make(cls: type, *args: Any, **named: Any) -> Any:
            if not home:
                raise TypeError(f"cannot create {name!r} instances")
            return peer.call(home, args, named)

        members: dict[str, Any] = {
            dunder: METHODS[at] for at, dunder in enumerate(DUNDERS) if mask >> at & 1
        }
        members |= {"__slots__": (), "__doc__": DOC, "__new__": make}
        _classes[key] = type(name, (Remote,), members)
    return _classes[key]


_masks: dict[type, int] = {}


def _has(kind: type, name: str) -> bool:
    """Whether instances have this special method; the class itself has those of its metaclass besides."""
    return next((vars(base)[name] for base in kind.__mro__ if name in vars(base)), None) is not None


def mask_of(kind: type) -> int:
    if kind not in _masks:
        _masks[kind] = sum(1 << at for at, name in enumerate(DUNDERS) if _has(kind, name))
    return _masks[kind]


def face_of(kind: type) -> str | None:
    """The plain type that this type extends."""
    return next((name for name, plain in FACES.items() if issubclass(kind, plain)), None)


def kind_of(value: object) -> str | None:
    return next((name for name, kind in KINDS.items() if isinstance(value, kind)), None)


def plain_of(value: Any) -> Any:
    """The plain value inside an instance of a subclass, by the plain type's own methods."""
    face: Any = FACES[face_of(type(value)) or ""]
    if face is dict:
        return dict(dict.items(value))
    if face in (list, tuple, set, frozenset):
        return face(face.__iter__(value))
    by: dict[type, Callable[[Any], Any]] = {
        int: int.__int__,
        float: float.__float__,
        str: str.__str__,
        complex: complex.__complex__,
    }
    return by[face](value) if face in by else face(face.__add__(value, face()))
