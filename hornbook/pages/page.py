"""Render sections as one self-contained HTML page, and as Markdown with figures beside it.

In: a title, a subtitle and sections. Out: strings. The page loads nothing: no script, no font, no
network.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from typing import Any

from hornbook.pages.blocks import DataTable, Figure, PageSection

# Text has a contrast of at least 4.5 to 1 on both backgrounds (WCAG 2.1, level AA).
STYLE = """
:root {
  --ink: #1c2430; --soft: #5a6678; --line: #d9dee6; --paper: #fbfaf7; --card: #ffffff;
  --mark: #8a4b08; color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e8ee; --soft: #a3adbb; --line: #38414e; --paper: #14181e; --card: #1b2129;
    --mark: #f0a868;
  }
  figure svg { filter: invert(0.88) hue-rotate(180deg); }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 Georgia, "Times New Roman", serif;
}
main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.25rem 5rem; }
h1 { font-size: 2.1rem; margin: 0 0 .2rem; letter-spacing: -.01em; }
h2 {
  font-size: 1.35rem; margin: 3rem 0 .6rem; padding-bottom: .3rem;
  border-bottom: 1px solid var(--line);
}
.subtitle { color: var(--soft); margin: 0 0 1.2rem; }
nav { font: 14px/1.9 system-ui, sans-serif; }
nav a { margin-right: 1.1rem; color: var(--mark); text-decoration: none; }
nav a:hover { text-decoration: underline; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font: 13.5px/1.45 system-ui, sans-serif; min-width: 50%; }
caption { text-align: left; color: var(--soft); padding-bottom: .4rem; }
th {
  text-align: left; font-weight: 600; border-bottom: 2px solid var(--line);
  padding: .35rem .9rem .35rem 0; vertical-align: bottom;
}
td { border-bottom: 1px solid var(--line); padding: .32rem .9rem .32rem 0; vertical-align: top; }
td.number { font-variant-numeric: tabular-nums; white-space: nowrap; }
figure { margin: 1.2rem 0; }
figure svg { max-width: 100%; height: auto; }
figcaption { color: var(--soft); font: 13.5px/1.5 system-ui, sans-serif; max-width: 46rem; }
details {
  background: var(--card); border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0;
  padding: .45rem .8rem;
}
summary { cursor: pointer; font: 13.5px/1.5 system-ui, sans-serif; }
pre {
  overflow-x: auto; font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono", monospace;
  margin: .6rem 0 .2rem;
}
code { font: .88em ui-monospace, "DejaVu Sans Mono", monospace; }
.k, .kn, .kc, .ow { color: #a0410d; }
.s, .s1, .s2, .sd, .sa, .sf, .si { color: #2f6b1f; }
.c, .c1 { color: var(--soft); font-style: italic; }
.nf, .nc, .fm { color: #1f4e9c; }
.mi, .mf { color: #7a3e9d; }
@media (prefers-color-scheme: dark) {
  .k, .kn, .kc, .ow { color: #f0a868; }
  .s, .s1, .s2, .sd, .sa, .sf, .si { color: #9fce8a; }
  .nf, .nc, .fm { color: #8db8f5; }
  .mi, .mf { color: #d1a6ee; }
}
"""
HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'


def render_html_page(title: str, subtitle: str, sections: Sequence[PageSection]) -> str:
    """The page as one HTML document with links to its sections."""
    links, bodies = [], []
    for section in sections:
        anchor, heading = section.make_anchor(), html.escape(section.title)
        links.append(f'<a href="#{anchor}">{heading}</a>')
        blocks = "\n".join(block.render_html() for block in section.blocks)
        bodies.append(f'<section id="{anchor}"><h2>{heading}</h2>\n{blocks}</section>')
    navigation, body = "".join(links), "\n".join(bodies)
    name = html.escape(title)
    return (
        f'<!doctype html>\n<html lang="en"><head>{HEAD}<title>{name}</title>'
        f"<style>{STYLE}</style></head>\n<body><main>"
        f'<h1>{name}</h1><p class="subtitle">{html.escape(subtitle)}</p>'
        f"<nav>{navigation}</nav>\n{body}\n</main></body></html>\n"
    )


def render_markdown_page(title: str, subtitle: str, sections: Sequence[PageSection]) -> str:
    """The page as Markdown, which links to the files of `collect_figures`."""
    parts = [f"# {title}", subtitle]
    for section in sections:
        parts += [f"## {section.title}", *(block.render_markdown() for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def collect_figures(sections: Sequence[PageSection]) -> dict[str, str]:
    """The SVG text of every figure by file name."""
    figures = {}
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Figure):
                figures[f"{block.name}.svg"] = block.svg
    return figures


def collect_tables(sections: Sequence[PageSection]) -> list[dict[str, Any]]:
    """Every table as a record, for tools that compare runs."""
    tables = []
    for section in sections:
        for block in section.blocks:
            if isinstance(block, DataTable):
                tables.append(
                    {
                        "section": section.title,
                        "caption": block.caption,
                        "columns": list(block.columns),
                        "rows": [list(row) for row in block.rows],
                    }
                )
    return tables
