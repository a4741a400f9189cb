"""The blocks of a page, each of which renders itself as HTML and as Markdown.

In: rows, SVG, text, code. Out: strings. All text that comes from data is escaped here, because the
page shows text that strangers and models wrote.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

# A string in this form is aligned like a number.
NUMBER = re.compile(r"[-+]?[\d,.]+ ?(%|s|MB|kWh)?")


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `code` in backquotes and *emphasis* in stars are rendered."""

    text: str

    def render_html(self) -> str:
        return f"<p>{_render_inline(self.text)}</p>"

    def render_markdown(self) -> str:
        return self.text


@dataclass(frozen=True)
class DataTable:
    """A table with named columns; numbers are right-aligned."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]
    caption: str = ""

    def render_html(self) -> str:
        head = "".join(f"<th>{_render_inline(str(column))}</th>" for column in self.columns)
        lines = ["".join(_render_cell(value) for value in row) for row in self.rows]
        body = "".join(f"<tr>{cells}</tr>" for cells in lines)
        caption = f"<caption>{_render_inline(self.caption)}</caption>" if self.caption else ""
        return (
            f'<div class="wide"><table>{caption}<thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
        )

    def render_markdown(self) -> str:
        lines = [
            " | ".join(str(column) for column in self.columns),
            " | ".join("---" for _ in self.columns),
        ]
        for row in self.rows:
            # A bar or a line break would end the cell.
            cells = [format_value(value).replace("|", "\\|").replace("\n", " ") for value in row]
            lines.append(" | ".join(cells))
        caption = f"{self.caption}\n\n" if self.caption else ""
        return caption + "\n".join(f"| {line} |" for line in lines)


@dataclass(frozen=True)
class Figure:
    """An SVG drawing: inline in HTML, a file beside the Markdown."""

    name: str  # the name of its file, without .svg
    svg: str
    caption: str

    def render_html(self) -> str:
        label, caption = html.escape(self.caption), _render_inline(self.caption)
        return (
            f'<figure role="img" aria-label="{label}">{self.svg}'
            f"<figcaption>{caption}</figcaption></figure>"
        )

    def render_markdown(self) -> str:
        return f"![{self.caption}]({self.name}.svg)"


@dataclass(frozen=True)
class CodeBlock:
    """Python code under a heading, collapsed unless `is_open`; only `max_lines` are shown."""

    heading: str
    text: str
    max_lines: int = 24
    is_open: bool = False

    def render_html(self) -> str:
        opened = " open" if self.is_open else ""
        return (
            f"<details{opened}><summary>{_render_inline(self.heading)}</summary>"
            f"<pre>{_highlight_python(self._shown_text())}</pre></details>"
        )

    def render_markdown(self) -> str:
        text = self._shown_text()
        # The fence has to be longer than any run of backquotes in the code.
        longest = max((len(ticks) for ticks in re.findall("`+", text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"**{self.heading}**\n\n{fence}python\n{text}\n{fence}"

    def _shown_text(self) -> str:
        return "\n".join(self.text.split("\n")[: self.max_lines])


@dataclass(frozen=True)
class SideBySide:
    """Code blocks in columns."""

    pieces: Sequence[CodeBlock]

    def render_html(self) -> str:
        cells = "".join(replace(piece, is_open=True).render_html() for piece in self.pieces)
        columns = f"repeat({len(self.pieces)}, minmax(19rem, 1fr))"
        style = f"display:grid;gap:1rem;grid-template-columns:{columns}"
        return f'<div class="wide"><div style="{style}">{cells}</div></div>'

    def render_markdown(self) -> str:
        return "\n\n".join(piece.render_markdown() for piece in self.pieces)


PageBlock = Paragraph | DataTable | Figure | CodeBlock | SideBySide


@dataclass(frozen=True)
class PageSection:
    """Blocks under a heading."""

    title: str
    blocks: Sequence[PageBlock]

    def make_anchor(self) -> str:
        """The id of the section in the page.

        >>> PageSection("Before and after", []).make_anchor()
        'before-and-after'
        """
        return re.sub(r"[^a-z0-9]+", "-", self.title.lower()).strip("-")


def format_value(value: Any) -> str:
    """A value as a person reads it.

    >>> [format_value(value) for value in (1234567, 0.123456, None, True)]
    ['1,234,567', '0.1235', '', 'yes']
    """
    if value is None:
        return ""
    # Before int: a bool is an int.
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value)


def _render_cell(value: Any) -> str:
    is_numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_numeric:
        is_numeric = NUMBER.fullmatch(str(value)) is not None
    css_class = ' class="number"' if is_numeric else ""
    return f"<td{css_class}>{_render_inline(format_value(value))}</td>"


def _render_inline(text: str) -> str:
    """Escape the text first, then render `code` and *emphasis* in it."""
    escaped = html.escape(text)
    escaped = re.sub(r"`([^`]+)`", r"<code>\1</code>", escaped)
    return re.sub(r"\*([^*\s][^*]*)\*", r"<em>\1</em>", escaped)


def _highlight_python(code: str) -> str:
    """Python as HTML with Pygments' class names, coloured by the page's style sheet; escaped."""
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    return str(highlight(code, PythonLexer(stripnl=False), HtmlFormatter(nowrap=True)))
