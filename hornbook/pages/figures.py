"""Figures as SVG: histogram with a threshold, curves, intervals, stacked bars.

In: numbers and labels. Out: SVG text that can stand inside a page. Equal input gives equal bytes:
matplotlib's random ids are seeded, and its date is left out.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

BLUE, ORANGE, GREY = "#2a5c9c", "#c2620e", "#9aa5b4"
COLOURS = (BLUE, ORANGE, "#3b7d3f", "#7a3e9d", "#8a8a2c")
BAR_COLOURS = (BLUE, GREY, ORANGE)
WIDTH = 7.2  # inches, as all sizes here


def draw_histogram(values: Sequence[float], threshold: float | None, label: str) -> str:
    """The histogram of the values; bars below the threshold are grey."""
    import numpy as np

    figure, axes = _make_axes(2.7)
    counts, edges = np.histogram(np.asarray(values), bins=40)
    colours = [
        GREY if threshold is not None and right <= threshold else BLUE for right in edges[1:]
    ]
    widths = np.diff(edges)
    axes.bar(
        edges[:-1], counts, widths, align="edge", color=colours, edgecolor="white", linewidth=0.4
    )
    # The orange line is where the keeping stage cut.
    if threshold is not None:
        axes.axvline(threshold, color=ORANGE, linewidth=1.4)
        axes.annotate(
            f"kept from {threshold:.3f}",
            (threshold, counts.max()),
            (4, -8),
            textcoords="offset points",
            color=ORANGE,
        )
    axes.set_xlabel(label)
    axes.set_ylabel("pieces")
    return _save_svg(figure)


def draw_curves(
    curves: Sequence[tuple[str, Sequence[float], Sequence[float], str]],
    x_label: str,
    y_label: str,
    log_y: bool = False,
) -> str:
    """Draw curves on one pair of axes.

    Args:
        curves: (label, xs, ys, matplotlib's style such as "o-") of each; "" leaves the label out.
        x_label: label of the horizontal axis.
        y_label: label of the vertical axis.
        log_y: use a logarithmic vertical axis.
    """
    figure, axes = _make_axes(3.0)
    for i, (label, xs, ys, style) in enumerate(curves):
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(xs, ys, style, color=colour, linewidth=1.4, markersize=3.5, label=label or None)
    if log_y:
        axes.set_yscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if len(curves) > 1:
        axes.legend(frameon=False, fontsize=8.5)
    return _save_svg(figure)


def draw_intervals(rows: Sequence[tuple[str, float, float, float]], x_label: str) -> str:
    """Draw a point with its interval for each row (label, low, middle, high)."""
    figure, axes = _make_axes(0.6 + 0.38 * len(rows))
    # Negative heights put the first row at the top.
    for i, (_, low, middle, high) in enumerate(rows):
        axes.plot([low, high], [-i, -i], color=BLUE, linewidth=2)
        axes.plot([middle], [-i], "o", color=ORANGE, markersize=5)
    axes.set_yticks([-i for i in range(len(rows))], [label for label, *_ in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlabel(x_label)
    return _save_svg(figure)


def draw_stacked_bars(
    labels: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], x_label: str
) -> str:
    """Draw one horizontal bar per label, which stacks the values of the named series."""
    figure, axes = _make_axes(0.7 + 0.3 * len(labels))
    left = [0.0] * len(labels)
    for i, (name, values) in enumerate(series):
        colour = BAR_COLOURS[i % len(BAR_COLOURS)]
        axes.barh(range(len(labels)), values, left=left, color=colour, label=name, height=0.68)
        left = [a + b for a, b in zip(left, values, strict=True)]
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(x_label)
    if len(series) > 1:
        axes.legend(
            frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(series)
        )
    return _save_svg(figure)


def _make_axes(height: float) -> tuple[Any, Any]:
    import matplotlib

    # No display is needed.
    matplotlib.use("Agg")
    from matplotlib import pyplot

    # `hashsalt` makes the ids in the SVG the same each time; fonttype none keeps text as text.
    pyplot.rcParams.update(
        {
            "svg.hashsalt": "hornbook",
            "svg.fonttype": "none",
            "font.size": 9.5,
            "font.family": "sans-serif",
        }
    )
    figure, axes = pyplot.subplots(figsize=(WIDTH, height), layout="constrained")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _save_svg(figure: Any) -> str:
    """The figure as SVG without metadata and XML header; the figure is closed."""
    from matplotlib import pyplot

    buffer = io.StringIO()
    no_metadata = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=no_metadata)
    # Pyplot keeps every open figure in memory.
    pyplot.close(figure)
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]
