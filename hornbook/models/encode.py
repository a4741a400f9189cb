"""Fast encoding: our BPE kernel where it supports a tokenizer, else the library `tokenizers`.

In: a Tokenizer and texts. Out: an array of ids for each text, with end-of-text at its end. Tests
compare the kernel with `tokenizers`. As a safeguard against a vocabulary that the kernel misreads,
the first call encodes a hard text and the beginnings of the first texts with both; if they differ,
the kernel is switched off with a message. Not covered: threads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from hornbook.models import fast_bpe

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hornbook.models.tokenizer import Tokenizer

# Texts that are encoded with both, and characters of each: 0.03 s, in which the kernel encodes
# 3 MB.
CHECKED_TEXTS, CHECKED_CHARACTERS = 100, 400
# Contractions, digits, all ASCII characters, runs of white space, scripts with letters of two to
# four bytes, combining marks, numbers that are no digits, emoji.
HARD_TEXT = (
    "it's we'll I'd 'tis don'T x='re'\r\n\r\n\n \t\t\tif\t x  ==   12345 :\n        y\n"
    + " " * 33 + "z" + "_" * 40 + "".join(map(chr, range(128)))
    + "\u00a0\u3000 \u2028é e\u0301 ñandú Жук 漢字 ひら 한국 \u0663\u0664 ½ ² ㉐ \u200d"
    + "🎓\ufe0f \ufeff \x85\x1c ()[]{}<|x|> \\n\\t" + "\n" * 9
)  # fmt: skip


class Encoder:
    """Encodes texts with one tokenizer.

    Args:
        tokenizer: which tokenizer.
        report: receives a message if the kernel is not used.
    """

    def __init__(self, tokenizer: Tokenizer, report: Callable[[str], None]) -> None:
        self.tokenizer, self.report = tokenizer, report
        self.dtype = np.dtype(np.uint16 if tokenizer.vocab <= 1 << 16 else np.uint32)
        self.kernel, self.kernel_checked = self._load_kernel(), False

    @property
    def uses_kernel(self) -> bool:
        """Whether our kernel encodes, and not `tokenizers`."""
        return self.kernel is not None

    def encode_texts(self, texts: Sequence[str]) -> list[NDArray[Any]]:
        """For each text the ids of Tokenizer.encode_many, followed by end-of-text."""
        if self.kernel is not None and not self.kernel_checked:
            self.kernel_checked = True
            if not self._is_kernel_right(self.kernel, texts):
                self.report(
                    "our kernel gives other ids than tokenizers for this vocabulary: "
                    "going on without it"
                )
                self.kernel = None
        if self.kernel is None:
            return self._encode_with_library(texts)
        return self.kernel.encode_texts(texts)

    def _is_kernel_right(self, kernel: fast_bpe.FastBpe, texts: Sequence[str]) -> bool:
        """Whether the kernel and the library agree on a sample of the texts."""
        sample_texts = [HARD_TEXT, *(text[:CHECKED_CHARACTERS] for text in texts[:CHECKED_TEXTS])]
        pairs = zip(
            kernel.encode_texts(sample_texts), self._encode_with_library(sample_texts), strict=True
        )
        return all(np.array_equal(kernel_ids, library_ids) for kernel_ids, library_ids in pairs)

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
                f"our kernel does not support this {error}: tokenizers encodes, at a thirtieth of "
                "the speed"
            )
            return None
