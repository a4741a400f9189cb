"""The shape of a model: layers, widths, vocabulary. `plan` prices it before anything is trained.

In: a name (phi-1, phi-1-small), a size (17M, 1.3B) or the numbers themselves. Out: a Shape and its
number of parameters. This module does not load torch. Not covered: other architectures than phi-1.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from hornbook.records import UserError

HEAD_WIDTH = 64  # a head's width in both of the paper's models (section 2.3)
# Width per layer: 85 in phi-1, 51 in phi-1-small, 64 as in GPT-3's small shapes.
WIDTH_PER_LAYER = 64


@dataclass(frozen=True)
class Shape:
    """The shape of a model. The defaults are phi-1's; `Shape.from_name` takes a name or a size."""

    layers: int = 24
    width: int = 2048
    heads: int = 32
    vocab: int = 51_200  # rows of the embedding: at least the tokenizer's entries
    context: int = 2048
    rotary: int = 32  # dimensions of each head that are rotated

    @staticmethod
    def from_name(name: str, vocab: int = 51_200, context: int = 2048) -> Shape:
        """A preset, or the shape with a given number of parameters and about phi-1's proportions.

        Args:
            name: one of PRESETS, or a size such as "17M" or "1.3B".
            vocab: rows of the embedding.
            context: tokens.

        Raises:
            UserError: the name is neither, or the vocabulary alone is too large for the size.

        >>> Shape.from_name("17M", vocab=4096, context=512)
        Shape(layers=8, width=384, heads=6, vocab=4096, context=512, rotary=32)
        """
        if name in PRESETS:
            layers, width = PRESETS[name]
            return Shape(layers, width, width // HEAD_WIDTH, vocab, context)
        match = re.fullmatch(r"(\d+(?:\.\d+)?)([MB])", name)
        if not match:
            raise UserError(
                f"no shape is named {name!r}: use {', '.join(PRESETS)}, or a size such as 4M, "
                "17M or 1.3B"
            )
        target = float(match[1]) * {"M": 1e6, "B": 1e9}[match[2]]
        best = min(
            _list_candidates(vocab, context), key=lambda shape: _measure_mismatch(shape, target)
        )
        if not 0.75 < best.count_parameters() / target < 1.33:
            raise UserError(
                f"no shape of {name} has a vocabulary of {vocab:,}: embedding and head alone are "
                "too large. Take a larger size or a smaller vocabulary"
            )
        return best

    def count_parameters(self) -> int:
        """Number of weights and biases; embedding and head are untied, and both are counted.

        >>> f"{Shape().count_parameters():,}"
        '1,418,270,720'
        """
        c = self.width
        # Matrices; biases (q, k, v, dense: 4, MLP: 5); LayerNorm.
        block = 12 * c * c + 9 * c + 2 * c
        return self.layers * block + 2 * self.vocab * c + self.vocab + 2 * c


# Layers and width. The paper's two shapes are in its section 2.3; tiny is for tests and smoke runs.
PRESETS = {"phi-1": (24, 2048), "phi-1-small": (20, 1024), "tiny": (2, 64)}


def _list_candidates(vocab: int, context: int) -> list[Shape]:
    widths = range(HEAD_WIDTH, 4096 + HEAD_WIDTH, HEAD_WIDTH)
    shapes = []
    for width in widths:
        for layers in range(2, max(8, width // 40) + 1):
            shapes.append(Shape(layers, width, width // HEAD_WIDTH, vocab, context))
    return shapes


def _measure_mismatch(shape: Shape, target: float) -> float:
    """Distance of a shape from the target number of parameters, and from the usual proportions.

    Both as absolute logarithms of ratios; the second counts a tenth.
    """
    proportion = shape.width / shape.layers / WIDTH_PER_LAYER
    return abs(math.log(shape.count_parameters() / target)) + 0.1 * abs(math.log(proportion))
