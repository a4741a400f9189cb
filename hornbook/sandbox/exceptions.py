"""Exceptions that cross: of the same class or a mirror of it, with arguments, text, cause, context and attributes.

In: an exception of one end. Out: its like on the other end, the same each time it crosses, and the
exception itself where it comes home. A class of the standard library crosses by name. Any other
gets a mirror: a class derived from the mirrors of its bases, of which attributes and text are asked
for, and which makes its instances where it is at home. A traceback stays behind: the other end gets
one that leads nowhere. Not carried: what an end changes on an exception of the other end,
attributes of built-in exceptions other than plain ones of their own.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from hornbook.sandbox.codec import NAME_OF, ProtocolError
from hornbook.sandbox.shared_objects import Linked

KEPT = 50  # of the other end's exceptions, for one that crosses twice is one; each keeps the frames it went through
CHAIN = 20  # of causes and contexts
TEXT = 300


class Mirrored(type):
    """The class of mirrors. Attributes, and instances, are asked of the class at home."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_") or "_hb_class" not in cls.__dict__:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return cls.__dict__["_hb_peer"].do("get", cls.__dict__["_hb_class"], name)

    def __call__(cls, *args: Any, **named: Any) -> Any:
        if "_hb_class" not in cls.__dict__:  # derived here
            return super().__call__(*args, **named)
        return cls.__dict__["_hb_peer"].call(cls.__dict__["_hb_class"], args, named)


class Raising(Linked):
    """A codec for exceptions; handles are the business of the class derived from it."""

    def __init__(self, first: int) -> None:
        super().__init__(first)
        self._mine: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}
        self._mirrors: dict[int, type[BaseException]] = {}
        self._theirs: dict[int, BaseException] = {}
        self._telling: set[int] = set()
        self._traces: dict[int, tuple[types.TracebackType, int]] = {}

    def _number(self, value: object) -> tuple[int, bool]:
        number = self._numbers.get(id(value))
        if number is not None:
            return number, True
        number = len(self._mine) + 1
        self._mine[number], self._numbers[id(value)] = (
            value,
            number,
        )  # kept alive, so its id stays its own
        return number, False

    # of this end

    def _exception(self, error: BaseException) -> list[Any]:
        mirrored = vars(error).get("_hb_number")
        if mirrored is not None:
            return [-mirrored]
        number = self._number(error)[0]
        if number in self._telling:
            return [number]
        self._telling.add(number)
        try:
            return [number, self._class(type(error)), *self._words(error), self._more(error)]
        finally:
            self._telling.discard(number)

    def _words(self, error: BaseException) -> tuple[Any, str]:
        try:
            args = self.encode(error.args)
        except Exception:
            args = None
        try:
            return args, str(error)[:TEXT]
        except Exception:
            return args, ""

    def _more(self, error: BaseException) -> dict[str, Any]:
        more: dict[str, Any] = {}
        if len(self._telling) < CHAIN:
            for name in ("__cause__", "__context__"):
                if (before := getattr(error, name)) is not None:
                    more[name] = self._exception(before)
        if error.__suppress_context__:
            more["__suppress_context__"] = True
        if id(type(error)) in NAME_OF:  # others are asked for theirs
            own = [
                [name, self.encode(value)] for name, value in vars(error).items() if _public(name)
            ]
            more |= {"own": own} if own else {}
        return more

    def _class(self, kind: type) -> object:
        name = NAME_OF.get(id(kind))
        if name is not None:
            return {"k": name}
        if "_hb_class" in kind.__dict__:
            return {"p": kind.__dict__["_hb_class"]}
        bases = [self._class(base) for base in kind.__bases__ if issubclass(base, BaseException)]
        home = (
            [kind.__module__, kind.__name__]
            if _standard(kind.__module__, kind.__name__) is kind
            else []
        )
        return {"X": [self._number(kind)[0], kind.__name__[:80], bases, home]}

    def _trace(self, trace: types.TracebackType) -> object:
        if id(trace) in self._traces:
            return {"p": self._traces[id(trace)][1]}
        return {"T": self._number(trace)[0]}

    # of the other end

    def _mirror(self, body: Any) -> type[BaseException]:
        number, name, bases, home = body
        known = _standard(*home) if home else None
        if isinstance(known, type) and issubclass(known, BaseException):
            return known
        if number not in self._mirrors:
            parents = tuple(self.decode(base) for base in bases)
            if (
                not parents
                or not all(_raisable(parent) for parent in parents)
                or type(name) is not str
            ):
                raise ProtocolError("an exception class of no exception")
            members = {
                "_hb_class": number,
                "_hb_peer": self,
                "__str__": _text_of,
                "__getattr__": _get_of,
            }
            self._mirrors[number] = Mirrored(name, parents, members)  # type: ignore[assignment]
        return self._mirrors[number]

    def _rebuilt(self, body: Any) -> BaseException:
        number = body[0]
        if type(number) is not int:
            raise ProtocolError("a malformed exception")
        if len(body) == 1:
            return self._mine[-number] if number < 0 else self._theirs[number]
        _, tree, args, text, more = body
        if type(text) is not str or type(more) is not dict:
            raise ProtocolError("a malformed exception")
        values = self.decode(args)
        if type(values) is not tuple:
            values = (text,)
        error = self._theirs.get(number)
        if error is None:
            error = self._theirs[number] = _made(self.decode(tree), values)
            if len(self._theirs) > KEPT:
                del self._theirs[next(iter(self._theirs))]
        error.args = values
        vars(error).update(_hb_number=number, _hb_text=text)
        error.__cause__ = self._rebuilt(more["__cause__"]) if "__cause__" in more else None
        error.__context__ = self._rebuilt(more["__context__"]) if "__context__" in more else None
        error.__suppress_context__ = more.get("__suppress_context__") is True
        vars(error).update(
            {name: self.decode(tree) for name, tree in more.get("own", ()) if _public(name)}
        )
        return error

    def _dead_end(self, number: Any) -> types.TracebackType:
        if type(number) is not int:
            raise ProtocolError("a malformed traceback")
        for trace, known in self._traces.values():
            if known == number:
                return trace
        try:
            raise LookupError
        except LookupError as error:
            trace = error.__traceback__  # type: ignore[assignment]
        if len(self._traces) >= KEPT:
            del self._traces[next(iter(self._traces))]
        self._traces[id(trace)] = trace, number
        return trace


def again(error: BaseException) -> BaseException:
    """Raise an exception of the other end, with the context that it had there."""
    context = error.__context__
    try:
        raise error
    finally:
        if context is not None:
            error.__context__ = context


def forget_frames(error: BaseException) -> None:
    """Let go of what the frames hold that an exception left behind it."""
    for _ in range(CHAIN):
        error.__traceback__ = None
        before = error.__cause__ or error.__context__
        if before is None:
            return
        error = before


def _standard(module: object, name: object) -> object:
    """What a loaded module of the standard library has under this name."""
    if (
        type(module) is not str
        or type(name) is not str
        or module.split(".")[0] not in sys.stdlib_module_names
    ):
        return None
    return getattr(sys.modules.get(module), name, None)


def _public(name: str) -> bool:
    return name[:1] != "_" or name == "__notes__"


def _raisable(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _made(kind: Any, values: tuple[Any, ...]) -> BaseException:
    if not _raisable(kind):
        raise ProtocolError("an exception of no exception class")
    try:
        error = kind.__new__(kind, *values)
        if "_hb_class" not in kind.__dict__:
            error.__init__(*values)
        return error  # type: ignore[no-any-return]
    except Exception:  # it wants other arguments than those that it keeps
        return BaseException.__new__(kind)  # type: ignore[no-any-return]


def _text_of(self: Any) -> str:
    return self._hb_text if "_hb_text" in self.__dict__ else BaseException.__str__(self)


def _get_of(self: Any, name: str) -> Any:
    if name.startswith(("_hb_", "__")) or "_hb_number" not in self.__dict__:
        raise AttributeError(name)
    return self._hb_peer.do("get", self._hb_number, name)
