"""Proxies: stand-ins for objects that stayed in the other process.

In: an object's id, the name of its class and a mask of its special methods. Out: a Proxy that
forwards attributes, calls and operators to the other process.

The tests do not trust what they get from the program:

- How an object of the program compares, adds or contains is not asked of the object, because its
  methods could answer whatever lets the tests pass.
- An instance of a subclass of a plain type (an IntEnum, a named tuple) is compared as the plain
  value inside it.
- An instance that the tests made by calling a class of the program answers for itself, because its
  operators are what is being tested. It still does not decide how it compares with a plain value.

Not covered: reading an object's source, subclassing its class, patterns (`case C():`).
"""

from __future__ import annotations

import types
from collections.abc import Callable
from typing import Any, TypeVar

from hornbook.sandbox.frames import CALL_METHOD, GET_ATTRIBUTE, QUERY, SET_ATTRIBUTE

T = TypeVar("T")

# In this order: bool before int, of which it is a subclass.
_PLAIN = (bool, int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)
PLAIN_TYPES: dict[str, type] = {plain.__name__: plain for plain in _PLAIN}
# A proxy reports these types as its __class__, so isinstance and inspect.isfunction recognise it.
KIND_TYPES: dict[str, type] = {
    "class": type,
    "coroutine": types.CoroutineType,
    "function": types.FunctionType,
    "generator": types.GeneratorType,
    "method": types.MethodType,
    "async_generator": types.AsyncGeneratorType,
}
_BINARY_NAMES = "add sub mul matmul truediv floordiv mod divmod pow lshift rshift and xor or"
BINARY_OPERATORS = _BINARY_NAMES.split()
FORWARDED_NAMES = (
    "call getitem setitem delitem len iter next reversed bool int float index complex enter exit "
    "length_hint missing fspath aenter aexit aiter anext bytes"
)
UNARY_NAMES = "abs neg pos invert round trunc floor ceil contains"
# The bits of a method mask stand for these names in this order, so both ends need the same list.
SPECIAL_METHODS = [
    f"__{name}__"
    for name in [
        *FORWARDED_NAMES.split(),
        *UNARY_NAMES.split(),
        *BINARY_OPERATORS,
        *(f"r{name}" for name in BINARY_OPERATORS),
        # Python has no __idivmod__.
        *(f"i{name}" for name in BINARY_OPERATORS if name != "divmod"),
    ]
]
# Operators whose answer the tests compare: only an object that the tests made may give it.
GUARDED_METHODS = frozenset(SPECIAL_METHODS[SPECIAL_METHODS.index("__abs__") :])
COMPARISONS = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__")

# How far an object answers for itself: in no operator; in all but comparisons with plain values; in
# all, as the tests' objects do towards the program.
DELEGATE_NONE, DELEGATE_OPERATORS, DELEGATE_ALL = range(3)
# The prefix keeps these names apart from the attributes of the object, which are forwarded.
PROXY_SLOTS = ("_hb_peer", "_hb_object_id", "_hb_delegation", "_hb_plain_type", "_hb_kind")


class Proxy:
    """An object of the other end.

    Its class has exactly the special methods that the object's class has (see make_proxy_class).

    Attributes:
        _hb_peer: the Peer through which it is reached.
        _hb_object_id: its id at the other end.
        _hb_delegation: how far it answers for itself (DELEGATE_*).
        _hb_plain_type: the plain type that its class extends, or None.
        _hb_kind: its entry of KIND_TYPES, or None.
    """

    __slots__ = (*PROXY_SLOTS, "__weakref__")

    def __getattr__(self, name: str) -> Any:
        # The attribute of a class answers for itself as its instances do: an Enum's members.
        delegation = self._hb_delegation if self._hb_kind is type else DELEGATE_NONE
        return self._hb_peer.ask_object(
            GET_ATTRIBUTE, self._hb_object_id, name, delegation=delegation
        )

    def __setattr__(self, name: str, value: Any) -> None:
        self._hb_peer.ask_object(SET_ATTRIBUTE, self._hb_object_id, name, value)

    def __delattr__(self, name: str) -> None:
        self._hb_peer.ask_object(SET_ATTRIBUTE, self._hb_object_id, name)

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
        return self._hb_peer.ask_object(QUERY, self._hb_object_id, "copy")

    def __deepcopy__(self, memo: Any) -> Any:
        return self._hb_peer.ask_object(QUERY, self._hb_object_id, "deepcopy")

    def __instancecheck__(self, value: Any) -> bool:
        if not (isinstance(type(value), type) and issubclass(type(value), Proxy)):
            return False
        # `is True`, because any other object could be one of the program that is true.
        return value._hb_peer.ask_object(QUERY, value._hb_object_id, "isinstance", self) is True

    def __subclasscheck__(self, value: Any) -> bool:
        if not issubclass(type(value), Proxy):
            return False
        return value._hb_peer.ask_object(QUERY, value._hb_object_id, "issubclass", self) is True

    def _hb_query_plain(self, query: str, result_type: Callable[..., T], *args: Any) -> T:
        value = self._hb_peer.ask_object(QUERY, self._hb_object_id, query, *args)
        if type(value) is not result_type:
            raise TypeError(f"{query}() of an object of the program gave no plain value")
        return value  # type: ignore[no-any-return]

    def _hb_compare(self, name: str, other: Any) -> Any:
        """The result of a comparison, decided here wherever the object could cheat."""
        is_proxy = issubclass(type(other), Proxy)
        are_delegated = is_proxy and (self._hb_delegation or other._hb_delegation)
        if self._hb_delegation == DELEGATE_ALL or are_delegated:
            return self._hb_peer.ask_object(CALL_METHOD, self._hb_object_id, name, other)
        if self._hb_plain_type is not None:
            own_value = self._hb_query_plain("plain", self._hb_plain_type)
            if not is_proxy:
                return getattr(own_value, name)(other)
            if other._hb_plain_type is None:
                return NotImplemented
            other_value = other._hb_query_plain("plain", other._hb_plain_type)
            return getattr(own_value, name)(other_value)
        if is_proxy and name in ("__eq__", "__ne__"):
            is_same_peer = self._hb_peer is other._hb_peer
            is_same = is_same_peer and self._hb_object_id == other._hb_object_id
            return is_same == (name == "__eq__")
        return NotImplemented

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return self._hb_peer.ask_object(GET_ATTRIBUTE, self._hb_object_id, "__doc__")

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        if self._hb_plain_type is not None:
            return self._hb_plain_type
        if self._hb_kind is not None:
            return self._hb_kind
        reported = self._hb_peer.ask_object(GET_ATTRIBUTE, self._hb_object_id, "__class__")
        # A plain value crosses as a copy, so an object here that calls itself a list lies.
        is_lie = any(reported is plain for plain in PLAIN_TYPES.values())
        return type(self) if is_lie else reported


def _make_forwarder(name: str) -> Callable[..., Any]:
    """A special method that asks the object."""

    def forward_call(self: Any, *args: Any) -> Any:
        return self._hb_peer.ask_object(CALL_METHOD, self._hb_object_id, name, *args)

    return forward_call


def _make_guarded_operator(name: str) -> Callable[..., Any]:
    """An operator whose result the tests compare.

    An object that the tests made is asked; for a plain value the result is computed here; any other
    object has no such operator.
    """

    def apply_operator(self: Any, *args: Any) -> Any:
        delegations = [arg._hb_delegation for arg in args if issubclass(type(arg), Proxy)]
        delegation = max([self._hb_delegation, *delegations])
        if delegation:
            return self._hb_peer.ask_object(
                CALL_METHOD, self._hb_object_id, name, *args, delegation=delegation
            )
        if self._hb_plain_type is not None:
            operator = getattr(self._hb_query_plain("plain", self._hb_plain_type), name, None)
            return NotImplemented if operator is None else operator(*args)
        if name == "__contains__":
            return any(item is args[0] or item == args[0] for item in self)
        # A second operand would tell the object which answer the tests expect.
        if args and name != "__round__":
            return NotImplemented
        return self._hb_peer.ask_object(CALL_METHOD, self._hb_object_id, name, *args)

    return apply_operator


def _make_comparison(name: str) -> Callable[[Any, Any], Any]:
    def compare(self: Any, other: Any) -> Any:
        return self._hb_compare(name, other)

    return compare


def _call_object(self: Any, /, *args: Any, **kwargs: Any) -> Any:
    """The __call__ of proxies."""
    return self._hb_peer.call_object(self._hb_object_id, args, kwargs, self._hb_delegation)


def _exit_block(self: Any, error_type: Any = None, error: Any = None, trace: Any = None) -> Any:
    """The __exit__ of proxies."""
    is_swallowed = self._hb_peer.ask_object(
        CALL_METHOD, self._hb_object_id, "__exit__", error_type, error, trace
    )
    return is_swallowed and not _must_propagate(self, error)


async def _exit_async_block(
    self: Any, error_type: Any = None, error: Any = None, trace: Any = None
) -> Any:
    """The __aexit__ of proxies."""
    is_swallowed = await self._hb_peer.ask_object(
        CALL_METHOD, self._hb_object_id, "__aexit__", error_type, error, trace
    )
    return is_swallowed and not _must_propagate(self, error)


def _must_propagate(context: Any, error: Any) -> bool:
    """Whether it is an assertion of the tests: a program must not swallow those that it fails."""
    is_on_tests_side = context._hb_delegation != DELEGATE_ALL
    return is_on_tests_side and isinstance(error, AssertionError) and not is_remote(error)


def is_remote(error: BaseException) -> bool:
    """Whether this exception was raised at the other end and rebuilt here (exceptions.py)."""
    return "_hb_object_id" in vars(error)


def _choose_method(name: str) -> Callable[..., Any]:
    """The implementation of one special method."""
    special_cases = {
        "__call__": _call_object,
        "__exit__": _exit_block,
        "__aexit__": _exit_async_block,
    }
    if name in special_cases:
        return special_cases[name]
    return _make_guarded_operator(name) if name in GUARDED_METHODS else _make_forwarder(name)


# The docstring property: a class without a `__doc__` of its own would get None and hide it.
PROXY_DOC = vars(Proxy)["__doc__"]
for _name in COMPARISONS:
    setattr(Proxy, _name, _make_comparison(_name))
PROXY_METHODS = [_choose_method(name) for name in SPECIAL_METHODS]
_class_by_key: dict[tuple[str, int, object, int], type] = {}


def make_proxy_class(name: str, mask: int, peer: Any = None, class_id: int = 0) -> type:
    """The class of proxies for objects with these special methods.

    Each set of methods needs a class, because callable(), len() and iter() look for them there.

    Args:
        name: the name of the object's class.
        mask: bit i is set if the object has SPECIAL_METHODS[i].
        peer: the Peer to reach it through, if class_id is given.
        class_id: the id of the object's class, for one that the program or the tests define:
            `type(x)(...)` makes another one. 0: such a call raises TypeError.
    """
    key = name, mask, peer, class_id
    if key not in _class_by_key:

        def create_instance(cls: type, *args: Any, **kwargs: Any) -> Any:
            if not class_id:
                raise TypeError(f"cannot create {name!r} instances")
            return peer.call_object(class_id, args, kwargs)

        members: dict[str, Any] = {}
        for i, method_name in enumerate(SPECIAL_METHODS):
            if mask >> i & 1:
                members[method_name] = PROXY_METHODS[i]
        members |= {"__slots__": (), "__doc__": PROXY_DOC, "__new__": create_instance}
        _class_by_key[key] = type(name, (Proxy,), members)
    return _class_by_key[key]


_mask_by_type: dict[type, int] = {}


def compute_method_mask(kind: type) -> int:
    """The special methods of this type's instances, as bits in the order of SPECIAL_METHODS."""
    if kind not in _mask_by_type:
        mask = 0
        for i, name in enumerate(SPECIAL_METHODS):
            mask |= _has_method(kind, name) << i
        _mask_by_type[kind] = mask
    return _mask_by_type[kind]


def _has_method(kind: type, name: str) -> bool:
    """Whether instances of this type have the special method.

    hasattr would also find those of the metaclass, which only the class itself has. A method that
    is set to None counts as missing, as it does in Python.
    """
    for base in kind.__mro__:
        if name in vars(base):
            return vars(base)[name] is not None
    return False


def find_plain_name(kind: type) -> str | None:
    """The name of the plain type that this type extends, or None."""
    return next((name for name, plain in PLAIN_TYPES.items() if issubclass(kind, plain)), None)


def find_kind_name(value: object) -> str | None:
    """The key of KIND_TYPES for this value, or None."""
    return next((name for name, kind in KIND_TYPES.items() if isinstance(value, kind)), None)


def extract_plain_value(value: Any) -> Any:
    """The plain value inside an instance of a subclass of a plain type.

    It calls the plain type's own methods, never those that the subclass may have replaced.
    """
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
    if plain_type in converters:
        return converters[plain_type](value)
    # bytes and bytearray: adding nothing makes a copy of the plain type.
    return plain_type(plain_type.__add__(value, plain_type()))
