"""Byte-level BPE at speed: prepares a vocabulary for the kernels, and encodes texts with them.

In: a Tokenizer and texts. Out: the ids that `tokenizers` gives. The kernels are pretokenize.py and
bpe_kernel.py. A pre-token is merged once and then kept in a cache of 20 MB. The class of a
character is asked of `tokenizers`, because its Unicode tables differ from Python's and change. Not
covered, and refused by name: whatever _supported_parts does not list, such as normalizers, regular
expressions other than GPT-2's, and added tokens that take the white space beside them.
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

BATCH_CHARACTERS = 1 << 18  # per kernel call: its buffers stay in a core's own cache
# Pre-tokens in the long cache; 100 MB of Python have 300,000, and twice as many are no faster.
LONG_CACHE_ENTRIES = 1 << 18
# The most recent short ones again, in entries of half the size: 4 MB. 1 MB is 3% slower.
SHORT_CACHE_ENTRIES = 1 << 17
# Ids of a vocabulary must be lower: a merge has 39 bits for two ids and 24 for its rank.
MAX_ID = (1 << 19) - 1
# Code points whose classes are asked for together: 0.2 ms; all of Unicode would take a second.
CODE_POINT_BLOCK = 256
BYTE_LEVEL_STEP = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}
DIGITS_STEP = {"type": "Digits", "individual_digits": True}


class UnsupportedTokenizer(Exception):
    """The kernel does not support a part of a tokenizer; the message names the part."""


class FastBpe:
    """Encodes texts with one vocabulary.

    Args:
        tokenizer: which vocabulary.
        dtype: of the ids.

    Raises:
        UnsupportedTokenizer: the kernels do not support the tokenizer.
    """

    def __init__(self, tokenizer: Tokenizer, dtype: np.dtype[Any]) -> None:
        with _pause_garbage_collection():
            config = json.loads(tokenizer.backend.to_str())
            for part, covered in _supported_parts(config).items():
                if not covered:
                    raise UnsupportedTokenizer(part)
            from hornbook.models import bpe_kernel, pretokenize

            self.pretokenize, self.kernel, self.dtype = pretokenize, bpe_kernel, dtype
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
            "short_cache": _aligned_zeros(SHORT_CACHE_ENTRIES * bpe_kernel.SHORT_ENTRY),
            "long_cache": _aligned_zeros(
                (LONG_CACHE_ENTRIES + bpe_kernel.PROBES) * bpe_kernel.LONG_ENTRY
            ),
            # Read from an offset, these are masks for the first bytes of 32.
            "ones": np.repeat(np.array([0xFF, 0], np.uint8), 32),
        }
        self.scalars = {
            "merges_mask": len(merges["merges"]) - 1,
            "no_merge": len(merges["merged_ids"]) - 1,
            "unused_id": MAX_ID,
            "short_mask": SHORT_CACHE_ENTRIES - 1,
            "long_mask": LONG_CACHE_ENTRIES - 1,
            "end": tokenizer.end,
        }
        self._allocate_buffers(256)
        self._prepare_classes(
            b"".join(openings), split_digits=len(_pre_tokenizer_steps(config)) == 2
        )

    def encode_texts(self, texts: Iterable[str]) -> list[NDArray[Any]]:
        """For each text the ids of Tokenizer.encode_many, followed by end-of-text."""
        encoded: list[NDArray[Any]] = []
        for group in _group_texts(texts):
            encoded += self._encode_group(group)
        return encoded

    def _encode_group(self, texts: Sequence[str]) -> Iterator[NDArray[Any]]:
        """The ids of a group of texts, which the kernels encode in one call."""
        constants = self.pretokenize
        padding = constants.PADDING
        documents = [text.encode() for text in texts]
        data = bytes([constants.END]).join([*documents, bytes(padding)])
        address = np.frombuffer(data, np.uint8).ctypes.data
        if constants.may_contain_end(address, len(data) - padding):
            # A marker in a text is split inside, as Tokenizer.encode_many does it.
            end, half = END.encode(), len(END) // 2
            split_end = end[:half] + bytes([constants.CUT]) + end[half:]
            documents = [document.replace(end, split_end) for document in documents]
            data = bytes([constants.END]).join([*documents, bytes(padding)])
        size = len(data) - padding
        kinds, starts = np.empty(size + 9, np.uint8), np.empty(size + padding, np.uint8)
        places, ids = np.empty(size + 1, np.uint32), np.empty(size + padding, np.uint32)
        stops = np.cumsum([len(document) + 1 for document in documents])
        ends = np.empty(len(texts), np.int64)
        arrays = (np.frombuffer(data, np.uint8), kinds, starts, places, stops, ids, ends)
        data_address, kinds_address, *addresses = (array.ctypes.data for array in arrays)
        buffers = constants.TextBuffers(
            data_address, size, len(texts), kinds_address + 1, *addresses
        )
        # A code point without a class: ask for it and start again.
        while missing := constants.find_pretokens(buffers, self.classes):
            self._classify_block(-1 - missing)
        # A longer pre-token than any before: allocate buffers for it and start again.
        while missing := self.kernel.encode_pretokens(buffers, self.tables):
            self._allocate_buffers(missing)
        encoded = ids[: ends[-1]].astype(self.dtype)
        boundaries = ends.tolist()
        return (
            encoded[start:stop] for start, stop in zip([0, *boundaries], boundaries, strict=False)
        )

    def _allocate_buffers(self, size: int) -> None:
        """Allocate the buffers of the merge loop for pre-tokens of `size` bytes."""
        capacity = 1 << size.bit_length()
        self.arrays |= {
            "symbols": np.empty((capacity, 4), np.uint32),
            "ranks": np.empty(capacity, np.int64),
            "tree": np.empty(capacity, np.int64),
        }
        # self.arrays keeps the memory alive; the kernel has only the addresses.
        addresses = {name: array.ctypes.data for name, array in self.arrays.items()}
        self.tables = self.kernel.VocabTables(**addresses, **self.scalars, capacity=capacity)

    def _prepare_classes(self, openings: bytes, split_digits: bool) -> None:
        """Prepare CharacterClasses; the classes of code points are asked for as they occur.

        Args:
            openings: the first two bytes of all added tokens.
            split_digits: whether the pre-tokenizer makes a pre-token of each digit.
        """
        from tokenizers import Regex, pre_tokenizers

        constants = self.pretokenize
        kinds = {
            constants.LETTER: r"\p{L}+",
            constants.NUMBER: r"\p{N}+",
            constants.BLANK: r"\s+",
        }
        self.class_patterns = [
            (kind, pre_tokenizers.Split(Regex(pattern), "removed", invert=True))
            for kind, pattern in kinds.items()
        ]
        self.digit_splitter = (
            pre_tokenizers.Digits(individual_digits=False) if split_digits else None
        )
        self.class_of_point = np.zeros(0x110000, np.uint8)
        self.openings = np.frombuffer(openings + b"\0", np.uint8)
        addresses = (
            array.ctypes.data
            for array in (self.class_of_point, self.arrays["added"], self.openings)
        )
        self.classes = constants.CharacterClasses(*addresses, len(openings) // 2)
        self._classify_block(ord("0"))

    def _classify_block(self, code: int) -> None:
        """Ask for the classes of the block of code points that contains this one."""
        first = code // CODE_POINT_BLOCK * CODE_POINT_BLOCK
        characters = "".join(map(chr, range(first, first + CODE_POINT_BLOCK)))
        classes = self.class_of_point[first : first + CODE_POINT_BLOCK]
        classes[:] = self.pretokenize.OTHER
        for kind, splitter in self.class_patterns:
            for _, (start, stop) in splitter.pre_tokenize_str(characters):
                classes[start:stop] = kind
        if self.digit_splitter is not None:
            # Digits alternate with other text; an "x" in front makes the other text come first.
            for _, (start, stop) in self.digit_splitter.pre_tokenize_str("x" + characters)[1::2]:
                classes[start - 1 : stop - 1] = self.pretokenize.DIGIT

    def _build_merge_table(self, model: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """The hash table of pairs that merge, and the id of each merge by its rank.

        Three loops over the merges: one loop that makes tuples takes twice as long.
        """
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
        return {"merges": table, "merged_ids": merged_ids}


@contextmanager
def _pause_garbage_collection() -> Iterator[None]:
    """Switch off garbage collection inside this context.

    A vocabulary's JSON has 50,000 lists; searching them for garbage takes as long as reading them.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _aligned_zeros(size: int) -> NDArray[np.uint8]:
    """Zeros aligned to a cache line: an entry on two lines would be waited for twice."""
    zeros = np.zeros(size + 64, np.uint8)
    start = -zeros.ctypes.data % 64
    return zeros[start : start + size]


def _supported_parts(config: Mapping[str, Any]) -> dict[str, bool]:
    """For each part of a tokenizer, whether the kernels support it."""
    model = config["model"]
    expected = {"dropout": None, "byte_fallback": False, "ignore_merges": False}
    # END is split before added tokens are searched.
    added = [token for token in config["added_tokens"] if token["content"] != END]
    flags = ("single_word", "lstrip", "rstrip")
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
        # `tokenizers` searches those with `normalized` last, so a mixture is not simply leftmost.
        "added tokens": len({token["normalized"] for token in added}) <= 1
        and all(len(token["content"].encode()) > 1 for token in added)
        and not any(any(token[flag] for flag in flags) for token in added),
    }


def _pre_tokenizer_steps(config: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The pre-tokenizers, without the settings that only affect offsets."""
    pre_tokenizer = config["pre_tokenizer"] or {"type": "none"}
    steps = (
        pre_tokenizer["pretokenizers"] if pre_tokenizer["type"] == "Sequence" else [pre_tokenizer]
    )
    return [{key: value for key, value in step.items() if key != "trim_offsets"} for step in steps]


def _byte_alphabet() -> list[str]:
    """The character that stands for each byte in a byte-level vocabulary.

    Bytes that are printable in Latin-1 stand for themselves, the others get characters from U+0100
    on (GPT-2's bytes_to_unicode).
    """
    shown = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, BYTE_COUNT)}
    hidden = [byte for byte in range(BYTE_COUNT) if byte not in shown]
    return [
        chr(byte if byte in shown else BYTE_COUNT + hidden.index(byte))
        for byte in range(BYTE_COUNT)
    ]


def _build_token_trie(added: Mapping[bytes, int]) -> NDArray[np.uint32]:
    """The trie of added tokens, in the layout that pretokenize.py states."""
    from hornbook.models.pretokenize import ID, LENGTH, NODE, RUN

    nodes = [[0] * NODE]
    # Runs of one byte first, the longest of them first, so that their nodes lie in order.
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
    # A node comes after its parent, so one pass hands the longest token down.
    for node in nodes:
        for child in filter(None, node[:LENGTH]):
            if not nodes[child // NODE][LENGTH]:
                nodes[child // NODE][LENGTH : ID + 1] = node[LENGTH : ID + 1]
    return np.array(nodes, np.uint32)


def _group_texts(texts: Iterable[str]) -> Iterator[list[str]]:
    """Consecutive texts in groups of about BATCH_CHARACTERS characters."""
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
