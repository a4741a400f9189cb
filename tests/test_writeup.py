"""The page is self-contained and escaped, and the Markdown says the same as the HTML."""

from __future__ import annotations

import re

import pytest

from hornbook.pages import figures, page
from hornbook.pages.blocks import CodeBlock, DataTable, Figure, PageSection, Paragraph, format_value

HOSTILE = '<script>alert("x")</script> & </pre></style> `<b>` |'


def render_hostile_page() -> str:
    blocks = [
        Paragraph(HOSTILE),
        DataTable([HOSTILE], [[HOSTILE]], HOSTILE),
        CodeBlock(HOSTILE, HOSTILE),
        Figure("f", "<svg></svg>", HOSTILE),
    ]
    return page.render_html_page(HOSTILE, HOSTILE, [PageSection(HOSTILE, blocks)])


def test_text_from_data_never_becomes_markup() -> None:
    body = render_hostile_page().split("</style>", 1)[1]
    assert "<script" not in body and "<b>" not in body and "</style" not in body
    assert body.count("<svg") == 1


def test_a_page_loads_nothing_from_anywhere() -> None:
    svg = figures.draw_histogram([0.1, 0.2, 0.9], 0.5, "score")
    text = page.render_html_page("t", "s", [PageSection("x", [Figure("h", svg, "c")])])
    assert not re.search(r"<(script|link|img|iframe)", text)
    assert not re.search(r"(src|@import|url\()\s*=?\s*['\"(]?\s*https?:", text)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: figures.draw_histogram([0.1, 0.5, 0.7], 0.4, "score"),
        lambda: figures.draw_curves(
            [("a", [1, 2], [3.0, 2.0], "-"), ("b", [1, 2], [2.0, 1.0], "o")], "step", "loss", True
        ),
        lambda: figures.draw_intervals([("a", 0.1, 0.2, 0.3)], "pass rate"),
        lambda: figures.draw_stacked_bars(
            ["a", "b"], [("kept", [1, 2]), ("dropped", [3, 4])], "percent"
        ),
    ],
)
def test_a_figure_is_the_same_bytes_each_time(draw: object) -> None:
    assert callable(draw)
    first, second = draw(), draw()
    assert first == second and first.startswith("<svg")


def test_markdown_has_the_same_content_as_the_page() -> None:
    blocks = [
        DataTable(["stage", "kept"], [["a|b", 1234]], "Rows"),
        CodeBlock("head", "a = 1\n```", 5),
        Paragraph("end"),
    ]
    sections = [PageSection("Funnel", blocks)]
    text = page.render_markdown_page("Title", "sub", sections)
    assert "# Title" in text and "| a\\|b | 1,234 |" in text and "````python" in text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (0.123456, "0.1235"),
        (2500.4, "2,500"),
        (None, ""),
        (True, "yes"),
        ("x", "x"),
    ],
)
def test_values_are_shown_as_a_person_reads_them(value: object, text: str) -> None:
    assert format_value(value) == text
