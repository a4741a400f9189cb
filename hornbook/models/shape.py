"""What a model is made of, known before anything is trained and without loading torch: `plan` prices it.

In: a name (phi-1, phi-1-small), a size (17M, 1.3B) or the numbers themselves. Out: a Shape and its
parameters.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hornbook.records import UserError

HEAD_WIDTH = 64  # a head's width in both of the paper's models (section 2.3)
# Width a layer: 85 in phi-1, 51 in phi-1-small, 64 as in GPT-3's small shapes.
WIDTH_PER_LAYER = 64


@dataclass(frozen=True)
class Shape:
    """What a model is made of. The defaults are phi-1's; `Shape.of` turns one dial instead."""

    layers: int = 24
    width: int = 2048
    heads: int = 32
    vocab: int = 51_200  # rows of the embedding: at least the tokenizer's entries
    context: int = 2048
    rotary: int = 32  # dimensions of each head that are rotated

    @staticmethod
    def from_name(name: str, vocab: int = 51_200, context: int = 2048) -> Shape:
        """A preset by name, or the shape of a total such as "17M" or "1.3B" that is nearest to phi-1's proportions.

        Raises UserError for a name that is neither, and where the vocabulary alone is too large for
        the total.
        """
        if name in PRESETS:
            layers, width = PRESETS[name]
            return Shape(layers, width, width // HEAD_WIDTH, vocab, context)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([MB])", name)
        if not match:
            raise UserError(
                f"no shape is named {name!r}: use {', '.join(PRESETS)}, or a size such as 4M, 17M or 1.3B"
            )
        target = float(match[1]) * {"M": 1e6, "B": 1e9}[match[2]]
        best = min(
            _list_candidates(vocab, context), key=lambda shape: _measure_mismatch(shape, target)
        )
        if not 0.75 < best.count_parameters() / target < 1.33:
            raise UserError(
                f"no shape of {name} has a vocabulary of {vocab:,}: embedding and head alone are too large. "
                "Take a larger size or a smaller vocabulary"
            )
        return best

    def count_parameters(self) -> int:
        """Weights and biases, embedding and untied head included."""
        c = self.width
        block = (
            12 * c * c + 9 * c + 2 * c
        )  # matrices; biases (q, k, v, dense: 4, MLP: 5); LayerNorm
        return self.layers * block + 2 * self.vocab * c + self.vocab + 2 * c


# The paper's two shapes: layers, width (section 2.3). tiny: for tests and smoke runs.
PRESETS = {"phi-1": (24, 2048), "phi-1-small": (20, 1024), "tiny": (2, 64)}


def _list_candidates(vocab: int, context: int) -> list[Shape]:
    widths = range(HEAD_WIDTH, 4096 + HEAD_WIDTH, HEAD_WIDTH)
    return [
        Shape(layers, width, width // HEAD_WIDTH, vocab, context)
        for width in widths
        for layers in range(2, max(8, width // 40) + 1)
    ]


def _measure_mismatch(shape: Shape, target: float) -> float:
    """How far a shape is from the total, and, a tenth as much, from the usual proportions."""
    proportion = shape.width / shape.layers / WIDTH_PER_LAYER
    return abs(math.log(shape.count_parameters() / target)) + 0.1 * abs(math.log(proportion))
