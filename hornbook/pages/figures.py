"""Numbers to drawings: histogram with a threshold, curves, bars with intervals. SVG text, the same bytes each time.

In: arrays and labels. Out: SVG strings that can stand inside a page.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

INK, BLUE, ORANGE, GREY = "#1c2430", "#2a5c9c", "#c2620e", "#9aa5b4"
COLOURS = (BLUE, ORANGE, "#3b7d3f", "#7a3e9d", "#8a8a2c")


def draw_histogram(values: Sequence[float], threshold: float | None, label: str) -> str:
    """Counts of scores; what lies below the threshold is drawn paler."""
    import numpy as np

    figure, axes = _make_axes(7.2, 2.7)
    counts, edges = np.histogram(np.asarray(values), bins=40)
    colours = [
        GREY if threshold is not None and right <= threshold else BLUE for right in edges[1:]
    ]
    axes.bar(
        edges[:-1],
        counts,
        width=np.diff(edges),
        align="edge",
        color=colours,
        edgecolor="white",
        linewidth=0.4,
    )
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
    lines: Sequence[tuple[str, Sequence[float], Sequence[float], str]],
    x_label: str,
    y_label: str,
    log_y: bool = False,
) -> str:
    """Named curves (label, xs, ys, style) on one pair of axes."""
    figure, axes = _make_axes(7.2, 3.0)
    for at, (name, xs, ys, style) in enumerate(lines):
        axes.plot(
            xs,
            ys,
            style,
            color=COLOURS[at % len(COLOURS)],
            linewidth=1.4,
            markersize=3.5,
            label=name or None,
        )
    if log_y:
        axes.set_yscale("log")
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    if len(lines) > 1:
        axes.legend(frameon=False, fontsize=8.5)
    return _save_svg(figure)


def draw_intervals(rows: Sequence[tuple[str, float, float, float]], x_label: str) -> str:
    """A point with its interval per row (label, low, middle, high)."""
    figure, axes = _make_axes(7.2, 0.6 + 0.38 * len(rows))
    for at, (_, low, middle, high) in enumerate(rows):
        axes.plot([low, high], [-at, -at], color=BLUE, linewidth=2)
        axes.plot([middle], [-at], "o", color=ORANGE, markersize=5)
    axes.set_yticks([-at for at in range(len(rows))], [label for label, *_ in rows])
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_xlabel(x_label)
    return _save_svg(figure)


def draw_stacked_bars(
    labels: Sequence[str], parts: Sequence[tuple[str, Sequence[float]]], x_label: str
) -> str:
    """Horizontal bars, one a label, made of named parts laid end to end."""
    figure, axes = _make_axes(7.2, 0.7 + 0.3 * len(labels))
    left = [0.0] * len(labels)
    for at, (name, values) in enumerate(parts):
        axes.barh(
            range(len(labels)),
            values,
            left=left,
            color=(BLUE, GREY, ORANGE)[at % 3],
            label=name,
            height=0.68,
        )
        left = [a + b for a, b in zip(left, values, strict=True)]
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.set_xlabel(x_label)
    if len(parts) > 1:
        axes.legend(
            frameon=False, fontsize=8.5, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(parts)
        )
    return _save_svg(figure)


def _make_axes(width: float, height: float) -> tuple[Any, Any]:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    pyplot.rcParams.update(
        {
            "svg.hashsalt": "hornbook",
            "svg.fonttype": "none",
            "font.size": 9.5,
            "font.family": "sans-serif",
        }
    )
    figure, axes = pyplot.subplots(figsize=(width, height), layout="constrained")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    return figure, axes


def _save_svg(figure: Any) -> str:
    from matplotlib import pyplot

    out = io.StringIO()
    figure.savefig(
        out,
        format="svg",
        transparent=True,
        metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")),
    )
    pyplot.close(figure)
    text = out.getvalue()
    return text[text.index("<svg") :]
