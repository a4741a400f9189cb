"""Byte-level BPE at speed: what bpe_cut.py and bpe_kernel.py need to know of a vocabulary, and texts through it.

In: a Tokenizer and texts. Out: the ids that `tokenizers` gives. A pre-token is spelled once and
then remembered, in 20 MB. What class a character has is asked of `tokenizers`, whose tables of
Unicode are neither Python's nor fixed. Not covered, and refused by name: whatever `_parts` does not
list, such as normalizers, other regular expressions than GPT-2's, and added tokens that take the
white beside them.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.models.tokenizer import BYTES, END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hornbook.models.tokenizer import Tokenizer

AT_ONCE = 1 << 18  # characters a call: what is written about them stays in a core's own cache
KNOWN = (
    1 << 18
)  # pre-tokens remembered; 100 MB of Python have 300,000, and twice the room is no faster
NEAR = (
    1 << 17
)  # of these the short ones that came last, once more in half the room; in 4 MB, and 1 MB is 3% slower
IDS = (
    1 << 19
) - 1  # an id that no vocabulary may reach: a merge has 39 bits for the ids of two, 24 for its rank
BLOCK = 256  # code points whose classes are asked for together, in 0.2 ms; all of Unicode takes a second
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}


class Unknown(Exception):
    """The part of a tokenizer that is not covered."""


class Bpe:
    """Encodes texts with one vocabulary. Raises Unknown where it would not know how."""

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any]) -> None:
        with _no_collection():
            facts = json.loads(tokenizer.backend.to_str())
            for part, covered in _parts(facts).items():
                if not covered:
                    raise Unknown(part)
            from hornbook.models import bpe_kernel as kernel
            from hornbook.models import pretokenize as cut

            self.cut, self.kernel, self.dtype = cut, kernel, dtype
            merges = self._merges(facts["model"])
        added = {
            token["content"].encode(): token["id"]
            for token in facts["added_tokens"]
            if token["content"] != END
        }
        openings = sorted({token[:2] for token in added})
        self.arrays: dict[str, NDArray[Any]] = {
            "added": _tree(added),
            "firsts": np.array([facts["model"]["vocab"][each] for each in _alphabet()], np.uint32),
            **merges,
            "near": _lines(NEAR * kernel.NEAR),
            "known": _lines((KNOWN + kernel.PROBES) * kernel.ENTRY),
            "ones": np.repeat(np.array([0xFF, 0], np.uint8), 32),
        }
        self.numbers = {
            "merges_mask": len(merges["merges"]) - 1,
            "never": len(merges["made"]) - 1,
            "nothing": IDS,
            "near_mask": NEAR - 1,
            "known_mask": KNOWN - 1,
            "end": tokenizer.end,
        }
        self._make_room(256)
        self._classes(b"".join(openings), digits=len(_steps(facts)) == 2)

    def many(self, texts: Iterable[str]) -> list[NDArray[Any]]:
        """Of each text the ids of Tokenizer.encode_many, and end-of-text behind them."""
        return [ids for some in _groups(texts) for ids in self._encode(some)]

    def _encode(self, texts: Sequence[str]) -> Iterator[NDArray[Any]]:
        cut = self.cut
        documents = [text.encode() for text in texts]
        data = bytes([cut.END]).join([*documents, bytes(cut.ROOM)])
        if cut.suspicious(np.frombuffer(data, np.uint8).ctypes.data, len(data) - cut.ROOM):
            end, half = END.encode(), len(END) // 2
            documents = [
                each.replace(end, end[:half] + bytes([cut.CUT]) + end[half:]) for each in documents
            ]
            data = bytes([cut.END]).join([*documents, bytes(cut.ROOM)])
        size = len(data) - cut.ROOM
        kinds, starts = np.empty(size + 9, np.uint8), np.empty(size + cut.ROOM, np.uint8)
        places, ids = np.empty(size + 1, np.uint32), np.empty(size + cut.ROOM, np.uint32)
        stops, ends = (
            np.cumsum([len(each) + 1 for each in documents]),
            np.empty(len(texts), np.int64),
        )
        arrays = (np.frombuffer(data, np.uint8), kinds, starts, places, stops, ids, ends)
        data_at, kinds_at, *others = (each.ctypes.data for each in arrays)
        at = cut.Text(data_at, size, len(texts), kinds_at + 1, *others)
        while lacking := cut.cut(at, self.classes):
            self._ask(-1 - lacking)
        while lacking := self.kernel.spell(at, self.tables):
            self._make_room(lacking)
        found = ids[: ends[-1]].astype(self.dtype)
        edges = ends.tolist()
        return (found[start:stop] for start, stop in zip([0, *edges], edges, strict=False))

    def _make_room(self, size: int) -> None:
        """For pre-tokens of so many bytes."""
        room = 1 << size.bit_length()
        self.arrays |= {
            "symbols": np.empty((room, 4), np.uint32),
            "ranks": np.empty(room, np.int64),
            "tree": np.empty(room, np.int64),
        }
        addresses = {name: array.ctypes.data for name, array in self.arrays.items()}
        self.tables = self.kernel.Tables(**addresses, **self.numbers, room=room)

    def _classes(self, openings: bytes, digits: bool) -> None:
        """What cuts: no classes of characters yet but those of the first BLOCK."""
        from tokenizers import Regex, pre_tokenizers

        cut = self.cut
        kinds = {cut.LETTER: r"\p{L}+", cut.NUMBER: r"\p{N}+", cut.BLANK: r"\s+"}
        self.splits = [
            (k, pre_tokenizers.Split(Regex(runs), "removed", invert=True))
            for k, runs in kinds.items()
        ]
        self.digits = pre_tokenizers.Digits(individual_digits=False) if digits else None
        self.points, self.openings = (
            np.zeros(0x110000, np.uint8),
            np.frombuffer(openings + b"\0", np.uint8),
        )
        addresses = (
            each.ctypes.data for each in (self.points, self.arrays["added"], self.openings)
        )
        self.classes = cut.Classes(*addresses, len(openings) // 2)
        self._ask(ord("0"))

    def _ask(self, code: int) -> None:
        """The classes of a code point and of those around it."""
        cut, block = self.cut, slice(code // BLOCK * BLOCK, (code // BLOCK + 1) * BLOCK)
        characters = "".join(map(chr, range(block.start, block.stop)))
        found = self.points[block]
        found[:] = cut.OTHER
        for kind, runs in self.splits:
            for _, (start, stop) in runs.pre_tokenize_str(characters):
                found[start:stop] = kind
        if self.digits is not None:
            # They come in turns with what lies between, which an "x" makes the first.
            for _, (start, stop) in self.digits.pre_tokenize_str("x" + characters)[1::2]:
                found[start - 1 : stop - 1] = cut.DIGIT

    def _merges(self, model: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """The table of pairs that merge, and by rank what they make; in three loops, for tuples take twice as long."""
        ids, merges = model["vocab"], model["merges"]
        number = len(merges)
        lefts = np.fromiter((ids[left] for left, _ in merges), np.int64, number)
        rights = np.fromiter((ids[right] for _, right in merges), np.int64, number)
        made = np.fromiter(
            (*(ids[left + right] for left, right in merges), 0), np.uint32, number + 1
        )
        pairs = lefts << 20 | rights
        table = np.full((1 << max(number // 2, 1).bit_length(), 4), -1, np.int64)
        self.kernel.fill(pairs.ctypes.data, number, table.ctypes.data, len(table) - 1)
        return {"merges": table, "made": made}


@contextmanager
def _no_collection() -> Iterator[None]:
    """A vocabulary's JSON has 50,000 lists: to look through them for garbage takes as long as to read them."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _lines(size: int) -> NDArray[np.uint8]:
    """Zeros that begin with a line of the cache, for an entry on two lines is waited for twice."""
    zeros = np.zeros(size + 64, np.uint8)
    start = -zeros.ctypes.data % 64
    return zeros[start : start + size]


def _parts(facts: Mapping[str, Any]) -> dict[str, bool]:
    """Each part of a tokenizer by name, and whether it is one that is covered."""
    model = facts["model"]
    plain = {"dropout": None, "byte_fallback": False, "ignore_merges": False}
    added = [
        token for token in facts["added_tokens"] if token["content"] != END
    ]  # END is cut before it is looked for
    return {
        "normalizer": facts["normalizer"] is None,
        "pre-tokenizer": _steps(facts) in ([LEVEL], [DIGITS, LEVEL]),
        "model": model["type"] == "BPE"
        and all(model[key] == wanted for key, wanted in plain.items())
        and not model["continuing_subword_prefix"]
        and not model["end_of_word_suffix"]
        and all(each in model["vocab"] for each in _alphabet())
        and max(model["vocab"].values()) < IDS
        and len(model["merges"]) < 1 << 24,
        "post-processor": facts["post_processor"] is None
        or facts["post_processor"]["type"] == "ByteLevel",
        "truncation or padding": facts["truncation"] is None and facts["padding"] is None,
        # Those to be found in normalized text are looked for last, so that a mixture is not simply
        # the leftmost.
        "added tokens": len({token["normalized"] for token in added}) <= 1
        and all(len(token["content"].encode()) > 1 for token in added)
        and not any(token[key] for token in added for key in ("single_word", "lstrip", "rstrip")),
    }


def _steps(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pre-tokenizers, without what only offsets depend on."""
    given = facts["pre_tokenizer"] or {"type": "none"}
    steps = given["pretokenizers"] if given["type"] == "Sequence" else [given]
    return [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]


def _alphabet() -> list[str]:
    """What a byte-level vocabulary writes for each byte: what Latin-1 shows for it, else a letter from U+0100 on."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, BYTES)}
    hidden = [byte for byte in range(BYTES) if byte not in shown]
    return [chr(byte if byte in shown else BYTES + hidden.index(byte)) for byte in range(BYTES)]


def _tree(added: Mapping[bytes, int]) -> NDArray[np.uint32]:
    """Added tokens as nodes, in the order that bpe_cut.py states."""
    from hornbook.models.pretokenize import ID, LENGTH, NODE, RUN

    nodes = [[0] * NODE]
    # Runs first and the longest first of them, so that theirs are the nodes behind their first one.
    for token in sorted(added, key=lambda each: (len(set(each)), -len(each))):
        at = 0
        for byte in token:
            if not nodes[at][byte]:
                nodes[at][byte] = len(nodes) * NODE
                nodes.append([0] * NODE)
            at = nodes[at][byte] // NODE
        if len(set(token)) == 1:
            first = nodes[nodes[0][token[0]] // NODE]
            first[RUN] = max(first[RUN], len(token) - 1)
        nodes[at][LENGTH : ID + 1] = [len(token), added[token]]
    for node in nodes:  # a node lies behind those on the way to it
        for further in filter(None, node[:LENGTH]):
            if not nodes[further // NODE][LENGTH]:
                nodes[further // NODE][LENGTH : ID + 1] = node[LENGTH : ID + 1]
    return np.array(nodes, np.uint32)


def _groups(texts: Iterable[str]) -> Iterator[list[str]]:
    some: list[str] = []
    size = 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= AT_ONCE:
            yield some
            some, size = [], 0
    if some:
        yield some
