"""Lists, dicts and other mutables that both ends hold, kept in step: what one end changes, the other end finds changed.

In: plain mutable values that cross (arguments, results, attributes, parts of such). Out: a number
each, under which it crosses from then on, and news with every frame: which mutables are new, what
those that changed since the last frame hold now, which ones this end gave up. So aliases stay
aliases, what contains itself crosses, and depth is no limit. A change is noticed by comparing a
mutable's parts, by identity, with those it had: nothing of theirs is called. Only one end runs at a
time, so both cannot have changed. A link ends as soon as one end is the only holder, by its count
of references; a result that nobody but the call holds gets none. The other end names numbers only:
it changes what it was given or gave, by the methods of the kind that it has here, and nothing in
the middle of a question like a comparison. Not kept: more than MOST links, after WORK comparisons
what is no part of the call at hand; what two threads change.
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
MAX_COMPARED_PARTS = 20_000_000  # parts compared, in all; about 0.4 s. A list of 1,000 that both ends hold lasts for 20,000 calls
VISIT_COST = 10  # what looking at a link costs, in parts
MUTABLE_BY_NAME: dict[str, type] = {kind.__name__: kind for kind in MUTABLE_TYPES}
MAPPING_TYPES = {dict, collections.Counter, collections.OrderedDict, collections.defaultdict}


class SharedObject:
    """One mutable of this end, and its parts when both ends were last in step (None: the other end has yet to hear)."""

    __slots__ = ("shared_id", "parts", "value")

    def __init__(self, shared_id: int, value: Any) -> None:
        self.shared_id, self.value = shared_id, value
        self.parts: Any = None


class SharedObjectCodec(Codec):
    """A codec that keeps mutables in step. One end counts in odd numbers, the other in even ones."""

    unheld_references = (
        0,
        0,
    )  # references to a result that nobody but the call holds, and to a part of one (wire.py counts)

    def __init__(self, first_id: int) -> None:
        self._shared_by_id: dict[int, SharedObject] = {}
        self._shared_by_address: dict[int, SharedObject] = {}  # by id
        self._unannounced: list[SharedObject] = []
        self._objects_in_call: list[SharedObject] = []  # by the call at hand
        self._id_parity, self._next_id, self._compared_parts = first_id % 2, first_id, 0
        self._argument_tuples: dict[
            int, int
        ] = {}  # tuples among the arguments of the call that is answered, by id
        self._skip_unheld = False  # whether what is encoded may be held by nobody else
        self.output_chunks: list[list[str]] = []  # since the last frame (streams.py)
        self._query_depth = 0  # a question is under way that must change nothing

    def encode_shared(self, value: Any, depth: int) -> object:
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
        """The mutable of this number, from a frame."""
        shared = self._shared_by_id[shared_id]
        self._objects_in_call.append(shared)
        return shared.value

    def _add_shared(self, shared_id: int, value: Any) -> SharedObject:
        shared = SharedObject(shared_id, value)
        self._shared_by_id[shared_id] = self._shared_by_address[id(value)] = shared
        return shared

    def collect_updates(self) -> list[Any] | None:
        """What the other end must know before it reads the frame: [records, numbers given up, what was printed]."""
        if not self._shared_by_id:
            return [[], [], self._take_output()] if self.output_chunks else None
        skip_unheld, self._skip_unheld = self._skip_unheld, False
        records = [] if self._query_depth else self._collect_changes()
        announced = list(self._unannounced)
        for shared in announced:  # grows on the way
            value = shared.value
            records.append(
                [
                    shared.shared_id,
                    type(value).__name__,
                    self._encode_constructor_argument(value),
                    self._encode_contents(value),
                ]
            )
            shared.parts = _snapshot_parts(value)
            announced += self._unannounced[len(announced) :]
        self._unannounced.clear()
        self._skip_unheld, value = skip_unheld, None
        released_ids = self._release_unheld()
        self._objects_in_call.clear()
        return (
            [records, released_ids, self._take_output()]
            if records or released_ids or self.output_chunks
            else None
        )

    def _take_output(self) -> list[list[str]]:
        chunks, self.output_chunks = self.output_chunks, []
        return chunks

    def _objects_to_check(self) -> list[SharedObject]:
        return list(
            self._shared_by_id.values()
            if self._compared_parts < MAX_COMPARED_PARTS
            else dict.fromkeys(self._objects_in_call)
        )

    def _collect_changes(self) -> list[Any]:
        records = []
        for shared in self._objects_to_check():
            if shared.parts is not None and shared.value is not None:
                self._compared_parts += VISIT_COST + len(shared.value)
                if _has_changed(shared):
                    records.append([shared.shared_id, self._encode_contents(shared.value)])
                    shared.parts = _snapshot_parts(shared.value)
        return records

    def _release_unheld(self) -> list[int]:
        """Forget what nobody here holds. Those around others come first, for links are made from outside in."""
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
        """The frame could not be sent: the other end does not know its news."""
        for record in updates[0]:
            shared = self._shared_by_id.get(record[0])
            if shared is not None and len(record) == 4:
                self._drop_shared(shared)
            elif shared is not None:
                shared.parts = ()

    def apply_updates(self, updates: Any) -> list[int]:
        """Bring this end's mutables in step; the numbers that the other end gave up, for `end` once all is decoded."""
        records, released_ids, output_chunks = updates
        if output_chunks:
            self.write_output(output_chunks)
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
        raise ProtocolError("nobody listens")

    def release_objects(self, shared_ids: list[int]) -> None:
        for shared_id in shared_ids:
            if shared_id in self._shared_by_id:
                self._drop_shared(self._shared_by_id[shared_id])

    def _create_shared(
        self, shared_id: int, type_name: str, constructor_argument: Any, contents: Any
    ) -> SharedObject:
        if (
            type(shared_id) is not int
            or shared_id in self._shared_by_id
            or shared_id % 2 == self._id_parity
        ):
            raise ProtocolError("a list under a number of another")
        if len(self._shared_by_id) >= 2 * MAX_SHARED:
            raise ProtocolError("lists without end")
        kind: Callable[..., Any] = MUTABLE_BY_NAME[type_name]
        if kind is collections.deque:
            return self._add_shared(shared_id, kind((), constructor_argument))
        if kind is collections.defaultdict:
            return self._add_shared(shared_id, kind(self.decode_tree(constructor_argument)))
        return self._add_shared(
            shared_id, kind(constructor_argument) if kind is array.array else kind()
        )

    def _encode_constructor_argument(self, value: Any) -> Any:
        """What its kind alone does not say."""
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
            keys, values = map(self._decode_list, contents)
            if len(keys) != len(value) or any(
                map(is_not, keys, value)
            ):  # else leave the order, somebody may iterate
                value.clear()
            (collections.OrderedDict if kind is collections.OrderedDict else dict).update(
                value, zip(keys, values, strict=True)
            )
        elif kind is bytearray:
            value[:] = contents.encode("latin-1")
        elif kind is array.array:
            value[:] = array.array(value.typecode, contents)
        else:
            items = self._decode_list(contents)
            if kind is list:
                value[:] = items
            else:
                value.clear()
                (value.extend if kind is collections.deque else value.update)(items)

    def _decode_list(self, trees: Any) -> list[Any]:
        if type(trees) is not list:
            raise ProtocolError("contents that are no list")
        return self.decode_tree(trees)  # type: ignore[no-any-return]


def _snapshot_parts(value: Any) -> Any:
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
    except RuntimeError:  # a thread changes it just now: the next look will tell
        return False


# How many references the interpreter counts to a link's value that nobody else holds; versions of
# Python differ.
_UNHELD = SharedObject(0, [])
UNHELD_REFERENCES = getrefcount(_UNHELD.value)
