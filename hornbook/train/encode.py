"""Texts to ids at speed: gigatoken where it is installed and gives the same ids, else the library `tokenizers`.

In: a Tokenizer and texts. Out: an array of ids for each. The accelerator (extra [fast]) must earn its place anew for
each vocabulary: its ids of the beginnings of the first 1,000 texts are compared with tokenizers', and any difference
sets it aside, aloud. Not covered: vocabularies that cut digits apart, as those trained here do; gigatoken 0.10 refuses
them, and tokenizers takes them without a word.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.tokenizer import END

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hornbook.tokenizer import Tokenizer

CHECKED, CHARACTERS = 1000, 400  # texts, and of each so many: 2,000 took two fifths of the time for 100 MB


class Encoder:
    """Encodes the texts of one Pack. `fast` says whether the accelerator is in use."""

    def __init__(self, tokenizer: Tokenizer, say: Callable[[str], None]) -> None:
        self.tokenizer, self.say, self.seen = tokenizer, say, 0
        self.accelerator = _accelerator(tokenizer)

    @property
    def fast(self) -> bool:
        return self.accelerator is not None

    def many(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """The ids of each text; a spelled end-of-text is plain characters, as in Tokenizer.encode_many."""
        if not self.fast:
            return self._plain(texts)
        odd = {at for at, text in enumerate(texts) if END in text or not _is_unicode(text)}
        even = [text for at, text in enumerate(texts) if at not in odd]
        unchecked = [text[:CHARACTERS] for text in even[: max(0, CHECKED - self.seen)]]
        self.seen += len(unchecked)
        for mine, wanted in zip(self._quick(unchecked), self._plain(unchecked), strict=True):
            if not np.array_equal(mine, wanted):
                self.say("gigatoken gives other ids than tokenizers for this vocabulary: going on without it")
                self.accelerator = None
                return self._plain(texts)
        rest = iter(self._quick(even))
        return [self._plain([text])[0] if at in odd else next(rest) for at, text in enumerate(texts)]

    def _quick(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        return _split(self.accelerator.encode_batch(texts)) if texts else []

    def _plain(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        return [np.asarray(ids, np.uint32) for ids in self.tokenizer.encode_many(texts)]


def _accelerator(tokenizer: Tokenizer) -> Any:
    if importlib.util.find_spec("gigatoken") is None:
        return None
    import gigatoken

    try:
        return gigatoken.Tokenizer.from_json(tokenizer.backend.to_str())
    except Exception:  # whatever it does not know; its own errors are RuntimeErrors
        return None


def _split(batch: Any) -> list[NDArray[Any]]:
    """An awkward array of lists as numpy arrays that share its memory."""
    import awkward

    counts = awkward.to_numpy(awkward.num(batch))
    return np.split(awkward.to_numpy(awkward.flatten(batch)), np.cumsum(counts)[:-1])


def _is_unicode(text: str) -> bool:
    """False for a lone surrogate, which only the slow way replaces."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
