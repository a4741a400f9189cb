"""Letters that look alike made one: what a detector reads in place of a text that hides behind Unicode.

In: a text or a column. Out: the same, in which full-width and mathematical letters, Cyrillic and Greek letters that
look Latin, curly quotes, long dashes and odd spaces are plain ones, and marks that nobody sees are gone. Both sides of
every comparison are read so; what is trained on stays as it was. A text without such characters is not changed.
Not covered: accents (é stays é), and letters of scripts that look Latin only in some fonts.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

# Pairs of look-alikes, from Unicode's confusables: only letters that are drawn the same in nearly every font.
CYRILLIC = dict(zip("аеорсухіјѕԁһԛԝАВЕЗКМНОРСТУХІЈЅ", "aeopcyxijsdhqwABE3KMHOPCTYXIJS", strict=True))
GREEK = dict(zip("οναικρυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ovaikpuxABEZHIKMNOPTYX", strict=True))
QUOTES = dict(zip("‘’‚‛′`“”„‟″«»", "''''''" + '"' * 7, strict=True))
QUOTES.pop("`")  # is ASCII, and Markdown's
DASHES = dict.fromkeys("‐‑‒–—―−", "-")
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2061\u2062\u2063\ufeff"
TABLE = str.maketrans({**CYRILLIC, **GREEK, **QUOTES, **DASHES, **dict.fromkeys(UNSEEN, None), "\u2028": "\n"})
ODD = re.compile(
    "[" + "".join(map(chr, TABLE)) + "\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000\uff01-\uff5e\ufb00-\ufb06"
    "\U0001d400-\U0001d7ff]"
)


def folded(text: str) -> str:
    """The text as it looks.

    >>> folded("r\u0435turn\u00a0\u200bx"), folded("café")
    ('return x', 'café')
    """
    if text.isascii() or not ODD.search(text):
        return text
    return unicodedata.normalize("NFKC", text).translate(TABLE)


def column(texts: pa.Array | pa.ChunkedArray) -> Any:
    """A column of strings as it looks; the same column where nothing changes, which costs a pass at memory's speed."""
    import pyarrow as pa
    import pyarrow.compute as pc

    plain = pc.fill_null(pc.string_is_ascii(texts), True)
    if pc.all(plain).as_py() in (True, None):
        return texts
    odd = texts.filter(pc.invert(plain)).to_pylist()
    made = [folded(text) for text in odd]
    if made == odd:
        return texts
    arrays = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    masks = plain.chunks if isinstance(plain, pa.ChunkedArray) else [plain]
    found, at = [], 0
    for array, mask in zip(arrays, masks, strict=True):
        number = len(array) - pc.sum(mask.cast(pa.int64())).as_py() if len(array) else 0
        values = pa.array(made[at : at + number], array.type)
        found.append(pc.replace_with_mask(array, pc.invert(mask), values) if number else array)
        at += number
    return pa.chunked_array(found, texts.type)
