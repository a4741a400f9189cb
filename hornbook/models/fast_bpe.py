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

from hornbook.models.tokenizer import BYTE_COUNT, END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hornbook.models.tokenizer import Tokenizer

BATCH_CHARACTERS = (
    1 << 18
)  # characters a call: what is written about them stays in a core's own cache
LONG_CACHE_ENTRIES = (
    1 << 18
)  # pre-tokens remembered; 100 MB of Python have 300,000, and twice the room is no faster
SHORT_CACHE_ENTRIES = (
    1 << 17
)  # of these the short ones that came last, once more in half the room; in 4 MB, and 1 MB is 3% slower
MAX_ID = (
    1 << 19
) - 1  # an id that no vocabulary may reach: a merge has 39 bits for the ids of two, 24 for its rank
CODE_POINT_BLOCK = 256  # code points whose classes are asked for together, in 0.2 ms; all of Unicode takes a second
BYTE_LEVEL_STEP = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS_STEP = {"type": "Digits", "individual_digits": True}


class UnsupportedTokenizer(Exception):
    """The part of a tokenizer that is not covered."""


class FastBpe:
    """Encodes texts with one vocabulary. Raises Unknown where it would not know how."""

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any]) -> None:
        with _pause_garbage_collection():
            config = json.loads(tokenizer.backend.to_str())
            for part, covered in _supported_parts(config).items():
                if not covered:
                    raise UnsupportedTokenizer(part)
            from hornbook.models import bpe_kernel as kernel
            from hornbook.models import pretokenize as cut

            self.pretokenize, self.kernel, self.dtype = cut, kernel, dtype
            merges = self._build_merge_table(config["model"])
        added_tokens = {
            token["content"].encode(): token["id"]
            for token in config["added_tokens"]
            if token["content"] != END
        }
        openings = sorted({token[:2] for token in added_tokens})
        self.arrays: dict[str, NDArray[Any]] = {
            "added": _build_token_trie(added_tokens),
            "firsts": np.array(
                [config["model"]["vocab"][symbol] for symbol in _byte_alphabet()], np.uint32
            ),
            **merges,
            "near": _aligned_zeros(SHORT_CACHE_ENTRIES * kernel.SHORT_ENTRY),
            "known": _aligned_zeros((LONG_CACHE_ENTRIES + kernel.PROBES) * kernel.LONG_ENTRY),
            "ones": np.repeat(np.array([0xFF, 0], np.uint8), 32),
        }
        self.scalars = {
            "merges_mask": len(merges["merges"]) - 1,
            "never": len(merges["made"]) - 1,
            "nothing": MAX_ID,
            "near_mask": SHORT_CACHE_ENTRIES - 1,
            "known_mask": LONG_CACHE_ENTRIES - 1,
            "end": tokenizer.end,
        }
        self._allocate_buffers(256)
        self._prepare_classes(
            b"".join(openings), split_digits=len(_pre_tokenizer_steps(config)) == 2
        )

    def encode_texts(self, texts: Iterable[str]) -> list[NDArray[Any]]:
        """Of each text the ids of Tokenizer.encode_many, and end-of-text behind them."""
        return [ids for group in _group_texts(texts) for ids in self._encode_group(group)]

    def _encode_group(self, texts: Sequence[str]) -> Iterator[NDArray[Any]]:
        cut = self.pretokenize
        documents = [text.encode() for text in texts]
        data = bytes([cut.END]).join([*documents, bytes(cut.PADDING)])
        if cut.may_contain_end(np.frombuffer(data, np.uint8).ctypes.data, len(data) - cut.PADDING):
            end, half = END.encode(), len(END) // 2
            documents = [
                each.replace(end, end[:half] + bytes([cut.CUT]) + end[half:]) for each in documents
            ]
            data = bytes([cut.END]).join([*documents, bytes(cut.PADDING)])
        size = len(data) - cut.PADDING
        kinds, starts = np.empty(size + 9, np.uint8), np.empty(size + cut.PADDING, np.uint8)
        places, ids = np.empty(size + 1, np.uint32), np.empty(size + cut.PADDING, np.uint32)
        stops, ends = (
            np.cumsum([len(each) + 1 for each in documents]),
            np.empty(len(texts), np.int64),
        )
        arrays = (np.frombuffer(data, np.uint8), kinds, starts, places, stops, ids, ends)
        data_at, kinds_at, *others = (each.ctypes.data for each in arrays)
        buffers = cut.TextBuffers(data_at, size, len(texts), kinds_at + 1, *others)
        while missing := cut.find_pretokens(buffers, self.classes):
            self._classify_block(-1 - missing)
        while missing := self.kernel.encode_pretokens(buffers, self.tables):
            self._allocate_buffers(missing)
        encoded = ids[: ends[-1]].astype(self.dtype)
        boundaries = ends.tolist()
        return (
            encoded[start:stop] for start, stop in zip([0, *boundaries], boundaries, strict=False)
        )

    def _allocate_buffers(self, size: int) -> None:
        """For pre-tokens of so many bytes."""
        capacity = 1 << size.bit_length()
        self.arrays |= {
            "symbols": np.empty((capacity, 4), np.uint32),
            "ranks": np.empty(capacity, np.int64),
            "tree": np.empty(capacity, np.int64),
        }
        addresses = {name: array.ctypes.data for name, array in self.arrays.items()}
        self.tables = self.kernel.VocabTables(**addresses, **self.scalars, room=capacity)

    def _prepare_classes(self, openings: bytes, split_digits: bool) -> None:
        """What cuts: no classes of characters yet but those of the first BLOCK."""
        from tokenizers import Regex, pre_tokenizers

        cut = self.pretokenize
        kinds = {cut.LETTER: r"\p{L}+", cut.NUMBER: r"\p{N}+", cut.BLANK: r"\s+"}
        self.class_patterns = [
            (kind, pre_tokenizers.Split(Regex(pattern), "removed", invert=True))
            for kind, pattern in kinds.items()
        ]
        self.digit_splitter = (
            pre_tokenizers.Digits(individual_digits=False) if split_digits else None
        )
        self.class_of_point, self.openings = (
            np.zeros(0x110000, np.uint8),
            np.frombuffer(openings + b"\0", np.uint8),
        )
        addresses = (
            array.ctypes.data
            for array in (self.class_of_point, self.arrays["added"], self.openings)
        )
        self.classes = cut.CharacterClasses(*addresses, len(openings) // 2)
        self._classify_block(ord("0"))

    def _classify_block(self, code: int) -> None:
        """The classes of a code point and of those around it."""
        cut, block = (
            self.pretokenize,
            slice(
                code // CODE_POINT_BLOCK * CODE_POINT_BLOCK,
                (code // CODE_POINT_BLOCK + 1) * CODE_POINT_BLOCK,
            ),
        )
        characters = "".join(map(chr, range(block.start, block.stop)))
        classes = self.class_of_point[block]
        classes[:] = cut.OTHER
        for kind, splitter in self.class_patterns:
            for _, (start, stop) in splitter.pre_tokenize_str(characters):
                classes[start:stop] = kind
        if self.digit_splitter is not None:
            # They come in turns with what lies between, which an "x" makes the first.
            for _, (start, stop) in self.digit_splitter.pre_tokenize_str("x" + characters)[1::2]:
                classes[start - 1 : stop - 1] = cut.DIGIT

    def _build_merge_table(self, model: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """The table of pairs that merge, and by rank what they make; in three loops, for tuples take twice as long."""
        ids, merges = model["vocab"], model["merges"]
        merge_count = len(merges)
        lefts = np.fromiter((ids[left] for left, _ in merges), np.int64, merge_count)
        rights = np.fromiter((ids[right] for _, right in merges), np.int64, merge_count)
        merged_ids = np.fromiter(
            (*(ids[left + right] for left, right in merges), 0), np.uint32, merge_count + 1
        )
        pairs = lefts << 20 | rights
        table = np.full((1 << max(merge_count // 2, 1).bit_length(), 4), -1, np.int64)
        self.kernel.fill_merge_table(
            pairs.ctypes.data, merge_count, table.ctypes.data, len(table) - 1
        )
        return {"merges": table, "made": merged_ids}


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """A vocabulary's JSON has 50,000 lists: to look through them for garbage takes as long as to read them."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _aligned_zeros(size: int) -> NDArray[np.uint8]:
    """Zeros that begin with a line of the cache, for an entry on two lines is waited for twice."""
    zeros = np.zeros(size + 64, np.uint8)
    start = -zeros.ctypes.data % 64
    return zeros[start : start + size]


def _supported_parts(config: Mapping[str, Any]) -> dict[str, bool]:
    """Each part of a tokenizer by name, and whether it is one that is covered."""
    model = config["model"]
    expected = {"dropout": None, "byte_fallback": False, "ignore_merges": False}
    added = [
        token for token in config["added_tokens"] if token["content"] != END
    ]  # END is cut before it is looked for
    return {
        "normalizer": config["normalizer"] is None,
        "pre-tokenizer": _pre_tokenizer_steps(config)
        in ([BYTE_LEVEL_STEP], [DIGITS_STEP, BYTE_LEVEL_STEP]),
        "model": model["type"] == "BPE"
        and all(model[key] == value for key, value in expected.items())
        and not model["continuing_subword_prefix"]
        and not model["end_of_word_suffix"]
        and all(symbol in model["vocab"] for symbol in _byte_alphabet())
        and max(model["vocab"].values()) < MAX_ID
        and len(model["merges"]) < 1 << 24,
        "post-processor": config["post_processor"] is None
        or config["post_processor"]["type"] == "ByteLevel",
        "truncation or padding": config["truncation"] is None and config["padding"] is None,
        # Those to be found in normalized text are looked for last, so that a mixture is not simply
        # the leftmost.
        "added tokens": len({token["normalized"] for token in added}) <= 1
        and all(len(token["content"].encode()) > 1 for token in added)
        and not any(token[key] for token in added for key in ("single_word", "lstrip", "rstrip")),
    }


def _pre_tokenizer_steps(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pre-tokenizers, without what only offsets depend on."""
    pre_tokenizer = config["pre_tokenizer"] or {"type": "none"}
    steps = (
        pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    )
    return [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]


def _byte_alphabet() -> list[str]:
    """What a byte-level vocabulary writes for each byte: what Latin-1 shows for it, else a letter from U+0100 on."""
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, BYTE_COUNT)}
    hidden = [byte for byte in range(BYTE_COUNT) if byte not in shown]
    return [
        chr(byte if byte in shown else BYTE_COUNT + hidden.index(byte))
        for byte in range(BYTE_COUNT)
    ]


def _build_token_trie(added: Mapping[bytes, int]) -> NDArray[np.uint32]:
    """Added tokens as nodes, in the order that bpe_cut.py states."""
    from hornbook.models.pretokenize import ID, LENGTH, NODE, RUN

    nodes = [[0] * NODE]
    # Runs first and the longest first of them, so that theirs are the nodes behind their first one.
    for token in sorted(added, key=lambda content: (len(set(content)), -len(content))):
        node_index = 0
        for byte in token:
            if not nodes[node_index][byte]:
                nodes[node_index][byte] = len(nodes) * NODE
                nodes.append([0] * NODE)
            node_index = nodes[node_index][byte] // NODE
        if len(set(token)) == 1:
            first = nodes[nodes[0][token[0]] // NODE]
            first[RUN] = max(first[RUN], len(token) - 1)
        nodes[node_index][LENGTH : ID + 1] = [len(token), added[token]]
    for node in nodes:  # a node lies behind those on the way to it
        for child in filter(None, node[:LENGTH]):
            if not nodes[child // NODE][LENGTH]:
                nodes[child // NODE][LENGTH : ID + 1] = node[LENGTH : ID + 1]
    return np.array(nodes, np.uint32)


def _group_texts(texts: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    size = 0
    for text in texts:
        group.append(text)
        size += len(text)
        if size >= BATCH_CHARACTERS:
            yield group
            group, size = [], 0
    if group:
        yield group
