"""The pieces that a page is made of, each of which can say itself in HTML and in Markdown.

In: rows, SVG, text, code. Out: strings; everything that came from data is escaped here and nowhere
else, because the page shows text that strangers and models wrote.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `code` in backquotes and *emphasis* in stars are understood."""

    text: str

    def render_html(self) -> str:
        return f"<p>{_render_inline(self.text)}</p>"

    def render_markdown(self) -> str:
        return self.text


@dataclass(frozen=True)
class DataTable:
    """Rows under columns; numbers stand to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def render_html(self) -> str:
        head = "".join(f"<th>{_render_inline(str(column))}</th>" for column in self.columns)
        body = "".join(
            f"<tr>{''.join(_render_cell(value) for value in row)}</tr>" for row in self.rows
        )
        caption = f"<caption>{_render_inline(self.caption)}</caption>" if self.caption else ""
        return f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'

    def render_markdown(self) -> str:
        lines = [
            " | ".join(str(column) for column in self.columns),
            " | ".join("---" for _ in self.columns),
        ]
        lines += [
            " | ".join(format_value(value).replace("|", "\\|").replace("\n", " ") for value in row)
            for row in self.rows
        ]
        caption = f"{self.caption}\n\n" if self.caption else ""
        return caption + "\n".join(f"| {line} |" for line in lines)


@dataclass(frozen=True)
class Figure:
    """A drawing as SVG, inline in HTML and a file beside the Markdown."""

    name: str  # also its file name
    svg: str
    caption: str

    def render_html(self) -> str:
        label, caption = html.escape(self.caption), _render_inline(self.caption)
        return f'<figure role="img" aria-label="{label}">{self.svg}<figcaption>{caption}</figcaption></figure>'

    def render_markdown(self) -> str:
        return f"![{self.caption}]({self.name}.svg)"


@dataclass(frozen=True)
class CodeBlock:
    """A piece of Python with a head line, folded so that a page of samples stays readable."""

    heading: str
    text: str
    max_lines: int = 24
    is_open: bool = False

    def render_html(self) -> str:
        cut = "\n".join(self.text.split("\n")[: self.max_lines])
        opened = " open" if self.is_open else ""
        return f"<details{opened}><summary>{_render_inline(self.heading)}</summary><pre>{_highlight_python(cut)}</pre></details>"

    def render_markdown(self) -> str:
        cut = "\n".join(self.text.split("\n")[: self.max_lines])
        fence = "`" * max(3, max((len(run) for run in re.findall("`+", cut)), default=0) + 1)
        return f"**{self.heading}**\n\n{fence}python\n{cut}\n{fence}"


@dataclass(frozen=True)
class SideBySide:
    """Pieces of Python side by side, each under its head line."""

    pieces: Sequence[CodeBlock]

    def render_html(self) -> str:
        cells = "".join(replace(piece, is_open=True).render_html() for piece in self.pieces)
        width = f"repeat({len(self.pieces)}, minmax(19rem, 1fr))"
        return f'<div class="wide"><div style="display:grid;gap:1rem;grid-template-columns:{width}">{cells}</div></div>'

    def render_markdown(self) -> str:
        return "\n\n".join(piece.render_markdown() for piece in self.pieces)


PageBlock = Paragraph | DataTable | Figure | CodeBlock | SideBySide


@dataclass(frozen=True)
class PageSection:
    """A part of the page under a heading."""

    title: str
    blocks: Sequence[PageBlock]

    def make_anchor(self) -> str:
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def format_value(value: Any) -> str:
    """A value as a person reads it: thousands apart, three digits of a fraction, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def _render_cell(value: Any) -> str:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    kind = (
        ' class="number"'
        if numeric or re.fullmatch(r"[-+]?[\d,.]+ ?(%|s|MB|kWh)?", str(value))
        else ""
    )
    return f"<td{kind}>{_render_inline(format_value(value))}</td>"


def _render_inline(words: str) -> str:
    text = html.escape(words)
    text = re.sub(r"`([^`]+)`", r"<code>\1</code>", text)
    return re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", text)


def _highlight_python(code: str) -> str:
    """Python in syntax colours by class names; the page's own style sheet gives the colours."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return str(highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))
