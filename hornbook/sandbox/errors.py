"""Exceptions between a program and its judge: the same class at the other end, or a mirror of it.

In: an exception here. Out: plain data, and from them an exception there: of the same class where both ends have it (it
is built in, or of a standard module that is loaded), else of a class made up for it, with the same name and bases.
Not covered: tracebacks, causes and notes, which stay where they are.
"""

from __future__ import annotations

import sys
from typing import Any

from hornbook.sandbox.values import NAME_OF, Codec, ProtocolError


class Errors(Codec):
    """The part of a Peer that carries exceptions. `_mine` holds this end's objects by number."""

    _mine: dict[int, object]
    _mirrors: dict[int, type[BaseException]]

    def _number(self, value: object) -> tuple[int, bool]:
        raise NotImplementedError

    def _exception(self, error: BaseException) -> list[Any]:
        mirrored = getattr(error, "_hb_number", None)
        number = self._number(error)[0] if mirrored is None else -mirrored
        try:
            args = self.encode(error.args)
        except Exception:
            args = None
        try:
            text = str(error)[:300]
        except Exception:
            text = ""
        return [self._class(type(error)), args, text, number]

    def _class(self, kind: type) -> object:
        name = NAME_OF.get(id(kind))
        if name is not None:
            return {"k": name}
        if "_hb_class" in kind.__dict__:
            return {"p": kind.__dict__["_hb_class"]}
        home = [kind.__module__, kind.__name__] if _standard(kind.__module__, kind.__name__) is kind else []
        return {"X": [self._number(kind)[0], kind.__name__[:80], self._class(kind.__base__ or Exception), home]}

    def _mirror(self, body: Any) -> type[BaseException]:
        number, name, base, home = body
        known = _standard(*home) if home else None
        if isinstance(known, type) and issubclass(known, BaseException):
            return known
        if number not in self._mirrors:
            parent = self.decode(base)
            if not (isinstance(parent, type) and issubclass(parent, BaseException)) or type(name) is not str:
                raise ProtocolError("an exception class of no exception")
            members = {"_hb_class": number, "_hb_peer": self, "__str__": _text_of, "__getattr__": _get_of}
            self._mirrors[number] = type(name, (parent,), members)
        return self._mirrors[number]

    def _rebuilt(self, body: Any) -> BaseException:
        """The other end's exception, of the same class or of a mirror of it, as far as plain data tells."""
        tree, args, text, number = body
        if type(number) is not int or type(text) is not str:
            raise ProtocolError("a malformed exception")
        if -number in self._mine:
            return self._mine[-number]  # type: ignore[return-value]
        kind = self.decode(tree)
        values = self.decode(args)
        if type(values) is not tuple:
            values = (text,)
        if not (isinstance(kind, type) and issubclass(kind, BaseException)):
            raise ProtocolError("an exception of no exception class")
        try:
            error = kind.__new__(kind, *values)
            if "_hb_class" not in kind.__dict__:
                error.__init__(*values)  # type: ignore[misc]
        except Exception:  # it wants other arguments than those that it keeps
            error = BaseException.__new__(kind)
        error.args = values
        error._hb_number, error._hb_text = number, text  # type: ignore[attr-defined]
        return error


def _text_of(self: Any) -> str:
    return self._hb_text if "_hb_text" in self.__dict__ else BaseException.__str__(self)


def _get_of(self: Any, name: str) -> Any:
    if name.startswith("_hb_") or "_hb_number" not in self.__dict__:
        raise AttributeError(name)
    return self._hb_peer.do("get", self._hb_number, name)


def _standard(module: object, name: object) -> object:
    """What a loaded module of the standard library has under this name."""
    if type(module) is not str or type(name) is not str or module.split(".")[0] not in sys.stdlib_module_names:
        return None
    return vars(sys.modules[module]).get(name) if module in sys.modules else None
