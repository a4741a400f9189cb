"""Byte-level BPE at speed: what bpe_kernel.py needs to know of a vocabulary, and texts through it.

In: a Tokenizer and texts. Out: the ids that `tokenizers` gives. A pre-token is spelled once and then remembered, in
16 MB. What class a character has is asked of `tokenizers`, whose tables of Unicode are neither Python's nor fixed.
Not covered, and refused by name: whatever `_parts` does not list, such as normalizers, other regular expressions than
GPT-2's, and added tokens that take the white beside them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.tokenizer import BYTES, END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hornbook.tokenizer import Tokenizer

AT_ONCE = 1 << 18  # characters a call: what is written about them stays in a core's own cache
KNOWN = 1 << 18  # pre-tokens remembered; 100 MB of Python have 300,000, and twice the room is no faster
BLOCK = 256  # code points whose classes are asked for together, in 0.2 ms; all of Unicode takes a second
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS = {"type": "Digits", "individual_digits": True}


class Unknown(Exception):
    """The part of a tokenizer that is not covered."""


class Bpe:
    """Encodes texts with one vocabulary. Raises Unknown where it would not know how."""

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any]) -> None:
        facts = json.loads(tokenizer.backend.to_str())
        for part, covered in _parts(facts).items():
            if not covered:
                raise Unknown(part)
        from tokenizers import Regex, pre_tokenizers

        from hornbook.train import bpe_kernel as kernel

        self.kernel, self.dtype = kernel, dtype
        kinds = {kernel.LETTER: r"\p{L}+", kernel.NUMBER: r"\p{N}+", kernel.BLANK: r"\s+"}
        self.splits = [(k, pre_tokenizers.Split(Regex(runs), "removed", invert=True)) for k, runs in kinds.items()]
        self.digits = pre_tokenizers.Digits(individual_digits=False) if len(_steps(facts)) == 2 else None
        added = {token["content"].encode(): token["id"] for token in facts["added_tokens"] if token["content"] != END}
        openings = sorted({token[:2] for token in added})
        self.arrays: dict[str, NDArray[Any]] = {
            "points": np.zeros(0x110000, np.uint8),
            "firsts": np.array([facts["model"]["vocab"][each] for each in _alphabet()], np.uint32),
            "merges": self._merges(facts["model"]),
            "added": _tree(added, kernel.NODE),
            "openings": np.frombuffer(b"".join(openings) + b"\0", np.uint8),
            "known": np.zeros((KNOWN + kernel.PROBES, kernel.ENTRY), np.uint8),
            "ones": np.repeat(np.array([0xFF, 0], np.uint8), 32),
        }
        self.numbers = {
            "merges_mask": len(self.arrays["merges"]) - 1,
            "num_openings": len(openings),
            "known_mask": KNOWN - 1,
            "end": tokenizer.end,
        }
        self._make_room(256)
        self._ask(ord("0"))

    def many(self, texts: Iterable[str]) -> list[NDArray[Any]]:
        """Of each text the ids of Tokenizer.encode_many, and end-of-text behind them."""
        return [ids for some in _groups(texts) for ids in self._encode(some)]

    def _encode(self, texts: Sequence[str]) -> Iterator[NDArray[Any]]:
        kernel, end = self.kernel, END.encode()
        data = bytes([kernel.END]).join([*(text.encode() for text in texts), bytes(kernel.ROOM)])
        if end in data:
            half = len(end) // 2
            data = data.replace(end, end[:half] + bytes([kernel.CUT]) + end[half:])
        size = len(data) - kernel.ROOM
        given = np.frombuffer(data, np.uint8)
        kinds, starts = np.empty(size + 2, np.uint8), np.empty(size + kernel.ROOM, np.uint8)
        ids, ends = np.empty(size + kernel.ROOM, np.uint32), np.empty(len(texts), np.int64)
        addresses = (each.ctypes.data for each in (given, kinds, starts, ids, ends))
        at = kernel.Text(next(addresses), size, next(addresses) + 1, *addresses)
        while lacking := kernel.encode(at, self.tables):
            self._make_room(lacking) if lacking > 0 else self._ask(-1 - lacking)
        found = ids[: ends[-1]].astype(self.dtype)
        edges = ends.tolist()
        return (found[start:stop] for start, stop in zip([0, *edges], edges, strict=False))

    def _make_room(self, size: int) -> None:
        """For pre-tokens of so many bytes."""
        room = 1 << (size - 1).bit_length()
        self.arrays |= {"symbols": np.empty((room, 4), np.uint32), "tree": np.empty((room, 2), np.int64)}
        addresses = {name: array.ctypes.data for name, array in self.arrays.items()}
        self.tables = self.kernel.Tables(**addresses, **self.numbers, room=room)

    def _ask(self, code: int) -> None:
        """The classes of a code point and of those around it."""
        kernel, block = self.kernel, slice(code // BLOCK * BLOCK, (code // BLOCK + 1) * BLOCK)
        characters = "".join(map(chr, range(block.start, block.stop)))
        found = self.arrays["points"][block]
        found[:] = kernel.OTHER
        for kind, runs in self.splits:
            for _, (start, stop) in runs.pre_tokenize_str(characters):
                found[start:stop] = kind
        if self.digits is not None:
            # They come in turns with what lies between, which an "x" makes the first.
            for _, (start, stop) in self.digits.pre_tokenize_str("x" + characters)[1::2]:
                found[start - 1 : stop - 1] = kernel.DIGIT

    def _merges(self, model: Mapping[str, Any]) -> NDArray[np.int64]:
        ids = model["vocab"]
        ranked = enumerate(model["merges"])
        pairs = [(ids[left] << 32 | ids[right], rank << 32 | ids[left + right]) for rank, (left, right) in ranked]
        given = np.array(pairs, np.int64)
        table = np.full((1 << (2 * len(pairs) + 1).bit_length(), 2), -1, np.int64)
        self.kernel.fill(given.ctypes.data, len(pairs), table.ctypes.data, len(table) - 1)
        return table


def _parts(facts: Mapping[str, Any]) -> dict[str, bool]:
    """Each part of a tokenizer by name, and whether it is one that is covered."""
    model = facts["model"]
    plain = {"dropout": None, "byte_fallback": False, "ignore_merges": False}
    added = [token for token in facts["added_tokens"] if token["content"] != END]  # END is cut before it is looked for
    return {
        "normalizer": facts["normalizer"] is None,
        "pre-tokenizer": _steps(facts) in ([LEVEL], [DIGITS, LEVEL]),
        "model": model["type"] == "BPE"
        and all(model[key] == wanted for key, wanted in plain.items())
        and not model["continuing_subword_prefix"]
        and not model["end_of_word_suffix"]
        and all(each in model["vocab"] for each in _alphabet()),
        "post-processor": facts["post_processor"] is None or facts["post_processor"]["type"] == "ByteLevel",
        "truncation or padding": facts["truncation"] is None and facts["padding"] is None,
        # Those to be found in normalized text are looked for last, so that a mixture is not simply the leftmost.
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


def _tree(added: Mapping[bytes, int], width: int) -> NDArray[np.uint32]:
    """Added tokens as nodes: where each byte leads, 0 for nowhere; in the last column 1 + id of what is spelled."""
    nodes = [[0] * width]
    for token, number in added.items():
        at = 0
        for byte in token:
            if not nodes[at][byte]:
                nodes[at][byte] = len(nodes) * width
                nodes.append([0] * width)
            at = nodes[at][byte] // width
        nodes[at][-1] = number + 1
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
