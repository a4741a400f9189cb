"""Map look-alike letters to one: what detectors read of a text that hides behind Unicode.

In: a text or a column. Out: the same, in which full-width and mathematical letters, Cyrillic and
Greek letters that look Latin, curly quotes, long dashes and odd spaces are plain ones, and marks
that nobody sees are gone. Both sides of every comparison are read so; what is trained on stays as
it was. A text without such characters is not changed. Not covered: accents (é stays é), and letters
of scripts that look Latin only in some fonts.
"""

from __future__ import annotations

import functools
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# Pairs of look-alikes, from Unicode's confusables: only letters that are drawn the same in nearly
# every font.
CYRILLIC = dict(
    zip("аеорсухіјѕԁһԛԝАВЕЗКМНОРСТУХІЈЅ", "aeopcyxijsdhqwABE3KMHOPCTYXIJS", strict=True)
)
GREEK = dict(zip("οναικρυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ovaikpuxABEZHIKMNOPTYX", strict=True))
QUOTES = dict(zip("‘’‚‛′`“”„‟″«»", "''''''" + '"' * 7, strict=True))
QUOTES.pop("`")  # is ASCII, and Markdown's
DASHES = dict.fromkeys("‐‑‒–—―−", "-")
INVISIBLE = (
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2061\u2062\u2063\ufeff"
)
SPACES = dict.fromkeys(
    "\u00a0\u1680\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B))), " "
)
FULL_WIDTH = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F)}
MATHEMATICAL = {
    chr(code): unicodedata.normalize("NFKC", chr(code))
    for code in range(0x1D400, 0x1D800)
    if unicodedata.normalize("NFKC", chr(code)).isascii()
}
# Every one to one ASCII character or to none: what the kernel does by bytes is the same.
CHARACTER_MAP = str.maketrans({**CYRILLIC, **GREEK, **QUOTES, **DASHES, **SPACES,
                               **FULL_WIDTH, **MATHEMATICAL,
                       **dict.fromkeys(INVISIBLE, None), "\u2028": "\n"})  # fmt: skip


def normalise_text(text: str) -> str:
    """The text as it looks.

    >>> normalise_text("r\u0435turn\u00a0\u200bx"), normalise_text("café")
    ('return x', 'café')
    """
    return text if text.isascii() else text.translate(CHARACTER_MAP)


def normalise_column(texts: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """A column of strings, normalised; ASCII columns and ordinary texts are not copied."""
    import pyarrow as pa
    import pyarrow.compute as pc

    arrays = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    normalised = []
    for array in arrays:
        strings = array.cast(pa.large_string())
        has_non_ascii = pc.fill_null(pc.invert(pc.string_is_ascii(strings)), False)
        replacements = _normalise_strings(strings.filter(has_non_ascii))
        normalised.append(
            strings
            if replacements is None
            else pc.replace_with_mask(strings, has_non_ascii, replacements)
        )
    return pa.chunked_array(normalised, pa.large_string())


def _normalise_strings(texts: pa.Array) -> pa.Array | None:
    """Texts that are not ASCII, folded; None where nothing changes."""
    import numpy as np
    import pyarrow as pa

    from hornbook.scrub import ngram_kernel as kernel

    if not len(texts):
        return None
    _, offsets, data = texts.buffers()
    starts = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    source = np.frombuffer(data if data is not None and data.size else b"\0", np.uint8)
    out, out_offsets = np.empty(starts[-1] - starts[0], np.uint8), np.zeros(len(starts), np.int64)
    if not kernel.normalise_texts(source, starts, build_code_point_table(), out, out_offsets):
        return None
    return pa.Array.from_buffers(
        pa.large_string(), len(texts), [None, pa.py_buffer(out_offsets), pa.py_buffer(out)]
    )


@functools.cache
def build_code_point_table() -> Any:
    """For every code point below 0x20000: 0 itself, 1 nothing, else its ASCII character."""
    import numpy as np

    table = np.zeros(0x20000, np.uint8)
    for code, replacement in CHARACTER_MAP.items():
        table[code] = ord(replacement) if isinstance(replacement, str) else replacement or 1
    return table
