"""Exceptions that cross between the two processes.

In: an exception of this process. Out: an exception of the same class, or of a mirror class, in the
other process, with its arguments, text, cause, context and attributes. An exception that crosses
twice becomes one object; one that comes home is the original.

- A class of the standard library crosses by name.
- Any other class gets a mirror class: it is derived from the mirrors of its bases, requests
  attributes from the original class, and makes its instances in the original process.
- A traceback stays where it is. The other process gets one that leads nowhere.

Not covered: changes that one process makes to an exception of the other; attributes of built-in
exceptions other than plain ones in their `__dict__`.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from hornbook.sandbox.codec import NAME_BY_ID, ProtocolError
from hornbook.sandbox.frames import GET_ATTRIBUTE
from hornbook.sandbox.shared_objects import SharedObjectCodec

# Exceptions of the other end that are kept, so that one that crosses twice is one object. Each of
# them keeps alive the frames that it went through, hence the limit.
MAX_KEPT = 50
MAX_CHAIN = 20  # causes and contexts behind one exception
MAX_TEXT = 300  # characters of str(error)
MAX_NAME_CHARACTERS = 80


class MirrorMeta(type):
    """The class of mirror classes: attributes and calls go to the original class."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("_") or "_hb_class_id" not in cls.__dict__:
            raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
        class_id = cls.__dict__["_hb_class_id"]
        return cls.__dict__["_hb_peer"].ask_object(GET_ATTRIBUTE, class_id, name)

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        # A class that the tests derive from a mirror makes its instances here.
        if "_hb_class_id" not in cls.__dict__:
            return super().__call__(*args, **kwargs)
        return cls.__dict__["_hb_peer"].call_object(cls.__dict__["_hb_class_id"], args, kwargs)


class ExceptionCodec(SharedObjectCodec):
    """A codec for exceptions. The class derived from it encodes and decodes handles."""

    def __init__(self, first_id: int) -> None:
        """See SharedObjectCodec."""
        super().__init__(first_id)
        self._local_objects: dict[int, Any] = {}
        # By id() of the object. _local_objects keeps the object alive, so the id stays its own.
        self._local_ids: dict[int, int] = {}
        self._mirror_classes: dict[int, type[BaseException]] = {}
        self._remote_exceptions: dict[int, BaseException] = {}
        # Exceptions on the way from a cause to what it caused: a chain may contain itself.
        self._ids_being_encoded: set[int] = set()
        self._stand_in_traces: dict[int, tuple[types.TracebackType, int]] = {}

    def _assign_object_id(self, value: object) -> tuple[int, bool]:
        """The id under which an object of this end crosses, and whether it had one before."""
        object_id = self._local_ids.get(id(value))
        if object_id is not None:
            return object_id, True
        object_id = len(self._local_objects) + 1
        self._local_objects[object_id] = value
        self._local_ids[id(value)] = object_id
        return object_id, False

    # Exceptions of this end

    def _encode_exception(self, error: BaseException) -> list[Any]:
        """[id, class, arguments, text, details]; the id alone for one that is being encoded.

        A negative id is that of an exception of the other end, which goes home.
        """
        remote_id = vars(error).get("_hb_object_id")
        if remote_id is not None:
            return [-remote_id]
        object_id = self._assign_object_id(error)[0]
        if object_id in self._ids_being_encoded:
            return [object_id]
        self._ids_being_encoded.add(object_id)
        try:
            class_tree = self._encode_class(type(error))
            args, text = self._encode_args_and_text(error)
            return [object_id, class_tree, args, text, self._encode_details(error)]
        finally:
            self._ids_being_encoded.discard(object_id)

    def _encode_args_and_text(self, error: BaseException) -> tuple[Any, str]:
        # str(error) and the arguments may be anything: the exception crosses without them then.
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
                cause = getattr(error, name)
                if cause is not None:
                    details[name] = self._encode_exception(cause)
        if error.__suppress_context__:
            details["__suppress_context__"] = True
        # Mirror classes request their attributes when they are read.
        if id(type(error)) in NAME_BY_ID:
            attributes = []
            for name, value in vars(error).items():
                if _is_public(name):
                    attributes.append([name, self.encode_value(value)])
            if attributes:
                details["attributes"] = attributes
        return details

    def _encode_class(self, error_class: type) -> object:
        name = NAME_BY_ID.get(id(error_class))
        if name is not None:
            return {"k": name}
        if "_hb_class_id" in error_class.__dict__:
            return {"p": error_class.__dict__["_hb_class_id"]}
        bases = []
        for base in error_class.__bases__:
            if issubclass(base, BaseException):
                bases.append(self._encode_class(base))
        # Exceptions of modules such as queue and json are not in NAME_BY_ID, but both ends can
        # find them.
        module, class_name = error_class.__module__, error_class.__name__
        is_standard = _find_standard_object(module, class_name) is error_class
        standard_name = [module, class_name] if is_standard else []
        class_id = self._assign_object_id(error_class)[0]
        return {"X": [class_id, class_name[:MAX_NAME_CHARACTERS], bases, standard_name]}

    def _encode_traceback(self, trace: types.TracebackType) -> object:
        if id(trace) in self._stand_in_traces:
            return {"p": self._stand_in_traces[id(trace)][1]}
        return {"T": self._assign_object_id(trace)[0]}

    # Exceptions of the other end

    def _decode_mirror_class(self, body: Any) -> type[BaseException]:
        class_id, name, bases, standard_name = body
        standard_class = _find_standard_object(*standard_name) if standard_name else None
        if isinstance(standard_class, type) and issubclass(standard_class, BaseException):
            return standard_class
        if class_id not in self._mirror_classes:
            parents = tuple(self.decode_tree(base) for base in bases)
            are_exceptions = all(_is_exception_class(parent) for parent in parents)
            if not parents or not are_exceptions or type(name) is not str:
                raise ProtocolError("an exception class of no exception")
            members = {
                "_hb_class_id": class_id,
                "_hb_peer": self,
                "__str__": _read_mirror_text,
                "__getattr__": _read_mirror_attribute,
            }
            mirror_class: Any = MirrorMeta(name, parents, members)
            self._mirror_classes[class_id] = mirror_class
        return self._mirror_classes[class_id]

    def _decode_exception(self, body: Any) -> BaseException:
        """The exception of a tree that _encode_exception made. Raises ProtocolError or KeyError."""
        object_id = body[0]
        if type(object_id) is not int:
            raise ProtocolError("a malformed exception")
        if len(body) == 1:
            if object_id < 0:
                return self._local_objects[-object_id]  # type: ignore[no-any-return]
            return self._remote_exceptions[object_id]
        _, class_tree, args, text, details = body
        if type(text) is not str or type(details) is not dict:
            raise ProtocolError("a malformed exception")
        values = self.decode_tree(args)
        if type(values) is not tuple:
            values = (text,)
        error = self._remote_exceptions.get(object_id)
        if error is None:
            error = _create_exception(self.decode_tree(class_tree), values)
            self._remote_exceptions[object_id] = error
            if len(self._remote_exceptions) > MAX_KEPT:
                del self._remote_exceptions[next(iter(self._remote_exceptions))]
        error.args = values
        vars(error).update(_hb_object_id=object_id, _hb_text=text)
        self._apply_details(error, details)
        return error

    def _apply_details(self, error: BaseException, details: dict[str, Any]) -> None:
        error.__cause__ = self._decode_optional_exception(details.get("__cause__"))
        error.__context__ = self._decode_optional_exception(details.get("__context__"))
        # After the cause, whose setter sets it to True.
        error.__suppress_context__ = details.get("__suppress_context__") is True
        for name, tree in details.get("attributes", ()):
            if _is_public(name):
                vars(error)[name] = self.decode_tree(tree)

    def _decode_optional_exception(self, body: Any) -> BaseException | None:
        return None if body is None else self._decode_exception(body)

    def _decode_traceback(self, trace_id: Any) -> types.TracebackType:
        """A traceback that stands for the other end's: the same one each time."""
        if type(trace_id) is not int:
            raise ProtocolError("a malformed traceback")
        for trace, known_id in self._stand_in_traces.values():
            if known_id == trace_id:
                return trace
        # Only raising makes a traceback with a frame.
        try:
            raise LookupError
        except LookupError as error:
            trace = error.__traceback__  # type: ignore[assignment]
        if len(self._stand_in_traces) >= MAX_KEPT:
            del self._stand_in_traces[next(iter(self._stand_in_traces))]
        self._stand_in_traces[id(trace)] = trace, trace_id
        return trace


def raise_with_context(error: BaseException) -> BaseException:
    """Raise an exception of the other end with the context that it had there.

    `raise` would replace the context by whatever is being handled here.
    """
    context = error.__context__
    try:
        raise error
    finally:
        if context is not None:
            error.__context__ = context


def forget_frames(error: BaseException) -> None:
    """Drop the tracebacks of an exception and its causes, and with them what the frames hold."""
    for _ in range(MAX_CHAIN):
        error.__traceback__ = None
        cause = error.__cause__ or error.__context__
        if cause is None:
            return
        error = cause


def _find_standard_object(module: object, name: object) -> object:
    """What a loaded module of the standard library has under this name, or None."""
    if type(module) is not str or type(name) is not str:
        return None
    if module.split(".")[0] not in sys.stdlib_module_names:
        return None
    return getattr(sys.modules.get(module), name, None)


def _is_public(name: str) -> bool:
    # __notes__: add_note() keeps its texts there.
    return name[:1] != "_" or name == "__notes__"


def _is_exception_class(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, BaseException)


def _create_exception(error_class: Any, args: tuple[Any, ...]) -> BaseException:
    if not _is_exception_class(error_class):
        raise ProtocolError("an exception of no exception class")
    try:
        error = error_class.__new__(error_class, *args)
        if "_hb_class_id" not in error_class.__dict__:
            error.__init__(*args)
        return error  # type: ignore[no-any-return]
    # Its constructor takes other arguments than those that it keeps in args.
    except Exception:
        return BaseException.__new__(error_class)  # type: ignore[no-any-return]


def _read_mirror_text(self: Any) -> str:
    """The __str__ of mirror classes."""
    return self._hb_text if "_hb_text" in self.__dict__ else BaseException.__str__(self)


def _read_mirror_attribute(self: Any, name: str) -> Any:
    """The __getattr__ of mirror classes."""
    if name.startswith(("_hb_", "__")) or "_hb_object_id" not in self.__dict__:
        raise AttributeError(name)
    return self._hb_peer.ask_object(GET_ATTRIBUTE, self._hb_object_id, name)
