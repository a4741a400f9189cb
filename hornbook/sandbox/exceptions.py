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

from hornbook.sandbox.codec import NAME_BY_ID, ProtocolError
from hornbook.sandbox.shared_objects import SharedObjectCodec

MAX_KEPT = 50  # of the other end's exceptions, for one that crosses twice is one; each keeps the frames it went through
MAX_CHAIN = 20  # of causes and contexts
MAX_TEXT = 300


class MirrorMeta(type):
    """The class of mirrors. Attributes, and instances, are asked of the class at home."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_") or "_hb_class" not in cls.__dict__:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        return cls.__dict__["_hb_peer"].ask_object("get", cls.__dict__["_hb_class"], name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        if "_hb_class" not in cls.__dict__:  # derived here
            return super().__call__(*args, **kwargs)
        return cls.__dict__["_hb_peer"].call_object(cls.__dict__["_hb_class"], args, kwargs)


class ExceptionCodec(SharedObjectCodec):
    """A codec for exceptions; handles are the business of the class derived from it."""

    def __init__(self, first_id: int) -> None:
        super().__init__(first_id)
        self._local_objects: dict[int, Any] = {}
        self._local_ids: dict[int, int] = {}
        self._mirror_classes: dict[int, type[BaseException]] = {}
        self._remote_exceptions: dict[int, BaseException] = {}
        self._ids_being_encoded: set[int] = set()
        self._stand_in_traces: dict[int, tuple[types.TracebackType, int]] = {}

    def _assign_object_id(self, value: object) -> tuple[int, bool]:
        object_id = self._local_ids.get(id(value))
        if object_id is not None:
            return object_id, True
        object_id = len(self._local_objects) + 1
        self._local_objects[object_id], self._local_ids[id(value)] = (
            value,
            object_id,
        )  # kept alive, so its id stays its own
        return object_id, False

    # of this end

    def _encode_exception(self, error: BaseException) -> list[Any]:
        remote_id = vars(error).get("_hb_number")
        if remote_id is not None:
            return [-remote_id]
        object_id = self._assign_object_id(error)[0]
        if object_id in self._ids_being_encoded:
            return [object_id]
        self._ids_being_encoded.add(object_id)
        try:
            return [
                object_id,
                self._encode_class(type(error)),
                *self._encode_args_and_text(error),
                self._encode_details(error),
            ]
        finally:
            self._ids_being_encoded.discard(object_id)

    def _encode_args_and_text(self, error: BaseException) -> tuple[Any, str]:
        try:
            args = self.encode_value(error.args)
        except Exception:
            args = None
        try:
            return args, str(error)[:MAX_TEXT]
        except Exception:
            return args, ""

    def _encode_details(self, error: BaseException) -> dict[str, Any]:
        details: dict[str, Any] = {}
        if len(self._ids_being_encoded) < MAX_CHAIN:
            for name in ("__cause__", "__context__"):
                if (cause := getattr(error, name)) is not None:
                    details[name] = self._encode_exception(cause)
        if error.__suppress_context__:
            details["__suppress_context__"] = True
        if id(type(error)) in NAME_BY_ID:  # others are asked for theirs
            attributes = [
                [name, self.encode_value(value)]
                for name, value in vars(error).items()
                if _is_public(name)
            ]
            details |= {"own": attributes} if attributes else {}
        return details

    def _encode_class(self, error_class: type) -> object:
        name = NAME_BY_ID.get(id(error_class))
        if name is not None:
            return {"k": name}
        if "_hb_class" in error_class.__dict__:
            return {"p": error_class.__dict__["_hb_class"]}
        bases = [
            self._encode_class(base)
            for base in error_class.__bases__
            if issubclass(base, BaseException)
        ]
        standard_name = (
            [error_class.__module__, error_class.__name__]
            if _find_standard_object(error_class.__module__, error_class.__name__) is error_class
            else []
        )
        return {
            "X": [
                self._assign_object_id(error_class)[0],
                error_class.__name__[:80],
                bases,
                standard_name,
            ]
        }

    def _encode_traceback(self, trace: types.TracebackType) -> object:
        if id(trace) in self._stand_in_traces:
            return {"p": self._stand_in_traces[id(trace)][1]}
        return {"T": self._assign_object_id(trace)[0]}

    # of the other end

    def _decode_mirror_class(self, body: Any) -> type[BaseException]:
        class_id, name, bases, standard_name = body
        standard_class = _find_standard_object(*standard_name) if standard_name else None
        if isinstance(standard_class, type) and issubclass(standard_class, BaseException):
            return standard_class
        if class_id not in self._mirror_classes:
            parents = tuple(self.decode_tree(base) for base in bases)
            if (
                not parents
                or not all(_is_exception_class(parent) for parent in parents)
                or type(name) is not str
            ):
                raise ProtocolError("an exception class of no exception")
            members = {
                "_hb_class": class_id,
                "_hb_peer": self,
                "__str__": _read_mirror_text,
                "__getattr__": _read_mirror_attribute,
            }
            self._mirror_classes[class_id] = MirrorMeta(name, parents, members)  # type: ignore[assignment]
        return self._mirror_classes[class_id]

    def _decode_exception(self, body: Any) -> BaseException:
        object_id = body[0]
        if type(object_id) is not int:
            raise ProtocolError("a malformed exception")
        if len(body) == 1:
            return (
                self._local_objects[-object_id]
                if object_id < 0
                else self._remote_exceptions[object_id]
            )
        _, tree, args, text, details = body
        if type(text) is not str or type(details) is not dict:
            raise ProtocolError("a malformed exception")
        values = self.decode_tree(args)
        if type(values) is not tuple:
            values = (text,)
        error = self._remote_exceptions.get(object_id)
        if error is None:
            error = self._remote_exceptions[object_id] = _create_exception(
                self.decode_tree(tree), values
            )
            if len(self._remote_exceptions) > MAX_KEPT:
                del self._remote_exceptions[next(iter(self._remote_exceptions))]
        error.args = values
        vars(error).update(_hb_number=object_id, _hb_text=text)
        error.__cause__ = (
            self._decode_exception(details["__cause__"]) if "__cause__" in details else None
        )
        error.__context__ = (
            self._decode_exception(details["__context__"]) if "__context__" in details else None
        )
        error.__suppress_context__ = details.get("__suppress_context__") is True
        vars(error).update(
            {
                name: self.decode_tree(tree)
                for name, tree in details.get("own", ())
                if _is_public(name)
            }
        )
        return error

    def _decode_traceback(self, trace_id: Any) -> types.TracebackType:
        if type(trace_id) is not int:
            raise ProtocolError("a malformed traceback")
        for trace, known_id in self._stand_in_traces.values():
            if known_id == trace_id:
                return trace
        try:
            raise LookupError
        except LookupError as error:
            trace = error.__traceback__  # type: ignore[assignment]
        if len(self._stand_in_traces) >= MAX_KEPT:
            del self._stand_in_traces[next(iter(self._stand_in_traces))]
        self._stand_in_traces[id(trace)] = trace, trace_id
        return trace


def raise_with_context(error: BaseException) -> BaseException:
    """Raise an exception of the other end, with the context that it had there."""
    context = error.__context__
    try:
        raise error
    finally:
        if context is not None:
            error.__context__ = context


def forget_frames(error: BaseException) -> None:
    """Let go of what the frames hold that an exception left behind it."""
    for _ in range(MAX_CHAIN):
        error.__traceback__ = None
        cause = error.__cause__ or error.__context__
        if cause is None:
            return
        error = cause


def _find_standard_object(module: object, name: object) -> object:
    """What a loaded module of the standard library has under this name."""
    if (
        type(module) is not str
        or type(name) is not str
        or module.split(".")[0] not in sys.stdlib_module_names
    ):
        return None
    return getattr(sys.modules.get(module), name, None)


def _is_public(name: str) -> bool:
    return name[:1] != "_" or name == "__notes__"


def _is_exception_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _create_exception(error_class: Any, args: tuple[Any, ...]) -> BaseException:
    if not _is_exception_class(error_class):
        raise ProtocolError("an exception of no exception class")
    try:
        error = error_class.__new__(error_class, *args)
        if "_hb_class" not in error_class.__dict__:
            error.__init__(*args)
        return error  # type: ignore[no-any-return]
    except Exception:  # it wants other arguments than those that it keeps
        return BaseException.__new__(error_class)  # type: ignore[no-any-return]


def _read_mirror_text(self: Any) -> str:
    return self._hb_text if "_hb_text" in self.__dict__ else BaseException.__str__(self)


def _read_mirror_attribute(self: Any, name: str) -> Any:
    if name.startswith(("_hb_", "__")) or "_hb_number" not in self.__dict__:
        raise AttributeError(name)
    return self._hb_peer.ask_object("get", self._hb_number, name)
