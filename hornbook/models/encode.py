"""Texts to ids at speed: our own kernel (bpe.py) where it covers a vocabulary, else the library `tokenizers`.

In: a Tokenizer and texts. Out: an array of ids for each, end-of-text behind them. Tests hold the
kernel to the ids of
`tokenizers`; against a vocabulary that it misreads there is a check here too: a hard text and the beginnings of the
first texts are encoded by both, and any difference sets the kernel aside, aloud. Not covered:
threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.models import fast_bpe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hornbook.models.tokenizer import Tokenizer

CHECKED_TEXTS, CHECKED_CHARACTERS = (
    100,
    400,
)  # texts, and of each so many: 0.03 s, what the kernel needs for 3 MB
HARD_TEXT = (
    "it's we'll I'd 'tis don'T x='re'\r\n\r\n\n \t\t\tif\t x  ==   12345 :\n        y\n" + " " * 33 + "z" + "_" * 40
    + "".join(map(chr, range(128))) + "\u00a0\u3000 \u2028é e\u0301 ñandú Жук 漢字 ひら 한국 \u0663\u0664 ½ ² ㉐ \u200d"
    + "🎓\ufe0f \ufeff \x85\x1c ()[]{}<|x|> \\n\\t" + "\n" * 9
)  # fmt: skip


class Encoder:
    """Encodes the texts of one Pack. `fast` says whether the kernel is in use."""

    def __init__(self, tokenizer: Tokenizer, report: Callable[[str], None]) -> None:
        self.tokenizer, self.report = tokenizer, report
        self.dtype = np.dtype(np.uint16 if tokenizer.vocab <= 1 << 16 else np.uint32)
        self.kernel, self.kernel_checked = self._load_kernel(), False

    @property
    def uses_kernel(self) -> bool:
        return self.kernel is not None

    def encode_texts(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """Of each text the ids of Tokenizer.encode_many, and end-of-text behind them."""
        if self.kernel is not None and not self.kernel_checked:
            sample_texts = [
                HARD_TEXT,
                *(text[:CHECKED_CHARACTERS] for text in texts[:CHECKED_TEXTS]),
            ]
            pairs = zip(
                self.kernel.encode_texts(sample_texts),
                self._encode_with_library(sample_texts),
                strict=True,
            )
            if not all(
                np.array_equal(kernel_ids, library_ids) for kernel_ids, library_ids in pairs
            ):
                self.report(
                    "our kernel gives other ids than tokenizers for this vocabulary: going on without it"
                )
                self.kernel = None
            self.kernel_checked = True
        return (
            self._encode_with_library(texts)
            if self.kernel is None
            else self.kernel.encode_texts(texts)
        )

    def _encode_with_library(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        return [
            np.array([*ids, self.tokenizer.end], self.dtype)
            for ids in self.tokenizer.encode_many(texts)
        ]

    def _load_kernel(self) -> fast_bpe.FastBpe | None:
        try:
            return fast_bpe.FastBpe(self.tokenizer, self.dtype)
        except fast_bpe.UnsupportedTokenizer as error:
            self.report(
                f"tokenizers encodes, at a thirtieth of the speed: our kernel does not know this {error}"
            )
            return None
