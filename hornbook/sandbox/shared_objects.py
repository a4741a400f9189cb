"""Shared objects: lists, dicts and other mutables that both processes hold, kept in step.

In: plain mutable values that cross as arguments, results, attributes or parts of these. Out: an id
for each, under which it crosses from then on; and updates with every frame: new shared objects,
the contents of those that changed since the last frame, and the ids that this end released. So
aliases stay aliases, a list that contains itself crosses, and depth has no limit.

- A change is found by comparing an object's parts, by identity, with those at the last frame. No
  method of the parts is called.
- Only one process runs at a time, so an object cannot have changed in both.
- Sharing ends when only one end still holds the object, by its count of references. A result that
  only the call holds crosses as a copy.
- The other end sends ids and contents only. It can change objects that crossed before, with the
  methods of their type in this process, and none during a query such as a comparison.

Not covered: more than MAX_SHARED objects; after MAX_COMPARED_PARTS comparisons, objects that are no
part of the current call; changes that two threads make at once.
"""

from __future__ import annotations

import array
import collections
from collections.abc import Callable
from operator import is_not
from sys import getrefcount
from typing import Any

from hornbook.sandbox.codec import MUTABLE_TYPES, Codec, ProtocolError

MAX_SHARED = 20_000
# All comparisons of parts together, about 0.4 s: a list of 1,000 that both ends hold lasts for
# 20,000 calls.
MAX_COMPARED_PARTS = 20_000_000
VISIT_COST = 10  # looking at one shared object costs as much as comparing this many parts
MUTABLE_BY_NAME: dict[str, type] = {kind.__name__: kind for kind in MUTABLE_TYPES}
MAPPING_TYPES = {dict, collections.Counter, collections.OrderedDict, collections.defaultdict}


class SharedObject:
    """One mutable of this end.

    Attributes:
        parts: its parts at the last frame; None if the other end does not know it yet.
        value: the object; None once it is released.
    """

    __slots__ = ("shared_id", "parts", "value")

    def __init__(self, shared_id: int, value: Any) -> None:
        self.shared_id, self.value = shared_id, value
        self.parts: Any = None


class SharedObjectCodec(Codec):
    """A codec that keeps mutables in step."""

    # References to a result, and to a part of a result, that only the call holds. peer.py measures
    # them, because they depend on the version of Python and on the code that calls encode_shared.
    unheld_references = (0, 0)

    def __init__(self, first_id: int) -> None:
        """first_id: 1 or 2. One end counts in odd numbers, the other in even ones."""
        self._shared_by_id: dict[int, SharedObject] = {}
        # By id() of the value, which the SharedObject keeps alive.
        self._shared_by_address: dict[int, SharedObject] = {}
        # Objects that the other end does not know yet.
        self._unannounced: list[SharedObject] = []
        # Objects that crossed since the last frame was sent.
        self._objects_in_call: list[SharedObject] = []
        self._id_parity, self._next_id = first_id % 2, first_id
        self._compared_parts = 0
        # Index of each tuple among the arguments of the current call, by id().
        self._argument_tuples: dict[int, int] = {}
        # Whether what is being encoded crosses as a copy if nobody else holds it.
        self._skip_unheld = False
        # [stream name, text] that the program printed since the last frame.
        self.output_chunks: list[list[str]] = []
        # Queries under way, which must not change shared objects.
        self._query_depth = 0

    def encode_shared(self, value: Any, depth: int) -> object:
        """The tree of a mutable that both ends will hold, or of a tuple that was an argument.

        Returns:
            None for a value that crosses as a copy.
        """
        if type(value) is tuple:
            argument_index = self._argument_tuples.get(id(value))
            return None if argument_index is None else {"a": argument_index}
        shared = self._shared_by_address.get(id(value))
        if shared is None:
            if self._skip_unheld and getrefcount(value) <= self.unheld_references[depth > 0]:
                return None
            if len(self._shared_by_id) >= MAX_SHARED:
                return None
            shared = self._add_shared(self._next_id, value)
            self._next_id += 2
            self._unannounced.append(shared)
        self._objects_in_call.append(shared)
        return {"l": shared.shared_id}

    def find_shared(self, shared_id: Any) -> object:
        """The mutable with this id, from a frame. Raises KeyError if there is none."""
        shared = self._shared_by_id[shared_id]
        self._objects_in_call.append(shared)
        return shared.value

    def _add_shared(self, shared_id: int, value: Any) -> SharedObject:
        shared = SharedObject(shared_id, value)
        self._shared_by_id[shared_id] = self._shared_by_address[id(value)] = shared
        return shared

    # Updates to send

    def collect_updates(self) -> list[Any] | None:
        """What the other end must know before it decodes the frame.

        Returns:
            [records, released ids, output chunks], or None if there is nothing. A record is
            [id, contents] of an object that changed, or [id, type name, constructor argument,
            contents] of a new one.
        """
        if not self._shared_by_id:
            return [[], [], self._take_output()] if self.output_chunks else None
        # The contents of a shared object cross as shared objects, whoever holds them.
        skip_unheld, self._skip_unheld = self._skip_unheld, False
        records = [] if self._query_depth else self._collect_changes()
        records += self._announce_new_objects()
        self._skip_unheld = skip_unheld
        released_ids = self._release_unheld()
        self._objects_in_call.clear()
        if records or released_ids or self.output_chunks:
            return [records, released_ids, self._take_output()]
        return None

    def _announce_new_objects(self) -> list[Any]:
        records = []
        announced = list(self._unannounced)
        # Encoding the contents finds more new objects: the list grows during the loop.
        for shared in announced:
            argument = self._encode_constructor_argument(shared.value)
            contents = self._encode_contents(shared.value)
            records.append([shared.shared_id, type(shared.value).__name__, argument, contents])
            shared.parts = _snapshot_parts(shared.value)
            announced += self._unannounced[len(announced) :]
        self._unannounced.clear()
        return records

    def _take_output(self) -> list[list[str]]:
        chunks, self.output_chunks = self.output_chunks, []
        return chunks

    def _objects_to_check(self) -> list[SharedObject]:
        """All shared objects; only those of the current call once the comparisons are used up."""
        if self._compared_parts < MAX_COMPARED_PARTS:
            return list(self._shared_by_id.values())
        return list(dict.fromkeys(self._objects_in_call))

    def _collect_changes(self) -> list[Any]:
        records = []
        for shared in self._objects_to_check():
            if shared.parts is None or shared.value is None:
                continue
            self._compared_parts += VISIT_COST + len(shared.value)
            if _has_changed(shared):
                records.append([shared.shared_id, self._encode_contents(shared.value)])
                shared.parts = _snapshot_parts(shared.value)
        return records

    def _release_unheld(self) -> list[int]:
        """Release the objects that nobody here holds; their ids.

        A container comes before its parts, because ids are given from the outside in: so the parts
        of a released container are released too.
        """
        released_ids = []
        for shared in self._objects_to_check():
            if shared.value is not None and getrefcount(shared.value) <= UNHELD_REFERENCES:
                released_ids.append(shared.shared_id)
                self._drop_shared(shared)
        return released_ids

    def _drop_shared(self, shared: SharedObject) -> None:
        del self._shared_by_id[shared.shared_id], self._shared_by_address[id(shared.value)]
        shared.value = shared.parts = None

    def restore_unsent_updates(self, updates: list[Any]) -> None:
        """Undo collect_updates for a frame that could not be sent."""
        for record in updates[0]:
            shared = self._shared_by_id.get(record[0])
            if shared is not None and len(record) == 4:
                self._drop_shared(shared)
            elif shared is not None:
                # No object has these parts, so the next comparison finds a change.
                shared.parts = ()

    # Updates that came

    def apply_updates(self, updates: Any) -> list[int]:
        """Bring this end's objects in step.

        Args:
            updates: what collect_updates of the other end returned, or anything from a hostile end.

        Returns:
            Ids that the other end released: for release_objects, once the frame is decoded.

        Raises:
            ProtocolError, or TypeError, ValueError, LookupError for malformed updates.
        """
        records, released_ids, output_chunks = updates
        if output_chunks:
            self.write_output(output_chunks)
        # First make all new objects, then fill them: they may contain each other.
        replacements = []
        for record in records:
            if len(record) == 2:
                if self._query_depth:
                    raise ProtocolError("a change in the middle of a comparison")
                shared = self._shared_by_id[record[0]]
            else:
                shared = self._create_shared(*record)
            replacements.append((shared, record[-1]))
        for shared, contents in replacements:
            self._replace_contents(shared.value, contents)
            shared.parts = _snapshot_parts(shared.value)
        return [shared_id for shared_id in released_ids if type(shared_id) is int]

    def write_output(self, output_chunks: Any) -> None:
        """Write what the other end printed. The class derived from this one does it."""
        raise ProtocolError("nobody listens")

    def release_objects(self, shared_ids: list[int]) -> None:
        """Forget the objects that the other end released."""
        for shared_id in shared_ids:
            if shared_id in self._shared_by_id:
                self._drop_shared(self._shared_by_id[shared_id])

    def _create_shared(
        self, shared_id: int, type_name: str, constructor_argument: Any, contents: Any
    ) -> SharedObject:
        """An empty object of this type, under an id that the other end gave."""
        is_taken = type(shared_id) is not int or shared_id in self._shared_by_id
        if is_taken or shared_id % 2 == self._id_parity:
            raise ProtocolError("a list under a number of another")
        # Twice the limit: each end counts its own.
        if len(self._shared_by_id) >= 2 * MAX_SHARED:
            raise ProtocolError("lists without end")
        kind: Callable[..., Any] = MUTABLE_BY_NAME[type_name]
        if kind is collections.deque:
            return self._add_shared(shared_id, kind((), constructor_argument))
        if kind is collections.defaultdict:
            return self._add_shared(shared_id, kind(self.decode_tree(constructor_argument)))
        if kind is array.array:
            return self._add_shared(shared_id, kind(constructor_argument))
        return self._add_shared(shared_id, kind())

    def _encode_constructor_argument(self, value: Any) -> Any:
        """What the constructor needs beside the contents, or None."""
        kind = type(value)
        if kind is collections.deque:
            return value.maxlen
        if kind is collections.defaultdict:
            return self.encode_value(value.default_factory)
        return value.typecode if kind is array.array else None

    def _encode_contents(self, value: Any) -> Any:
        kind = type(value)
        if kind in MAPPING_TYPES:
            return [self._encode_items(value.keys(), 0), self._encode_items(value.values(), 0)]
        if kind is bytearray:
            return value.decode("latin-1")
        return self._encode_items(value.tolist() if kind is array.array else value, 0)

    def _replace_contents(self, value: Any, contents: Any) -> None:
        kind = type(value)
        if kind in MAPPING_TYPES:
            self._replace_mapping(value, contents)
        elif kind is bytearray:
            value[:] = contents.encode("latin-1")
        elif kind is array.array:
            value[:] = array.array(value.typecode, contents)
        elif kind is list:
            value[:] = self._decode_list(contents)
        else:
            items = self._decode_list(contents)
            value.clear()
            (value.extend if kind is collections.deque else value.update)(items)

    def _replace_mapping(self, value: Any, contents: Any) -> None:
        keys, values = map(self._decode_list, contents)
        # With the same keys, keep the order and the size: somebody may be iterating.
        if len(keys) != len(value) or any(map(is_not, keys, value)):
            value.clear()
        # Counter.update would add the counts.
        is_ordered = type(value) is collections.OrderedDict
        update = collections.OrderedDict.update if is_ordered else dict.update
        update(value, zip(keys, values, strict=True))

    def _decode_list(self, trees: Any) -> list[Any]:
        if type(trees) is not list:
            raise ProtocolError("contents that are no list")
        return self.decode_tree(trees)  # type: ignore[no-any-return]


def _snapshot_parts(value: Any) -> Any:
    """A copy to compare with later; it keeps the parts alive, so their ids stay their own."""
    kind = type(value)
    if kind in MAPPING_TYPES:
        return [*value, *value.values()]
    return value[:] if kind is bytearray or kind is array.array else list(value)


def _has_changed(shared: SharedObject) -> bool:
    value, old_parts = shared.value, shared.parts
    kind = type(value)
    if kind is bytearray or kind is array.array:
        return len(value) != len(old_parts) or bytes(value) != bytes(old_parts)
    new_parts = [*value, *value.values()] if kind in MAPPING_TYPES else value
    try:
        return len(new_parts) != len(old_parts) or any(map(is_not, new_parts, old_parts))
    # A thread changes it at this moment: the next frame will show the change.
    except RuntimeError:
        return False


# How many references the interpreter counts to the value of a shared object that nobody else
# holds. It is measured with the same expression as in _release_unheld, because versions of Python
# count differently.
_UNHELD = SharedObject(0, [])
UNHELD_REFERENCES = getrefcount(_UNHELD.value)
