"""The page of pairs: an exam's problem beside a record, with the shared parts marked.

In: what the page shows of each pair, as texts that strangers and models wrote. Out: one
self-contained HTML page without scripts; every text in it is escaped.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:90em;padding:0 1em;
color:#222;background:#fff}
section{border-top:1px solid #ccc;margin-top:1.5em;padding-top:.5em}h2{font-size:1em;margin:.3em 0}
.sides{display:grid;grid-template-columns:1fr 1fr;gap:1em}
pre{white-space:pre-wrap;overflow-wrap:anywhere;font:13px/1.45 ui-monospace,monospace;
background:#f7f7f5;padding:.7em;margin:0;max-height:36em;overflow:auto}
mark{color:inherit}.same{background:#ffd98a}.form{background:#cfe3ff}
.key span{padding:0 .4em}code{background:#f1f1ee}
@media(prefers-color-scheme:dark){body{background:#181818;color:#ddd}pre,code{background:#242424}
.same{background:#7a5a10}.form{background:#1d4675}section{border-color:#444}}
"""


@dataclass(frozen=True)
class MarkedText:
    """A text with marked spans: (first character, one after the last, "same" or "form")."""

    text: str
    spans: Sequence[tuple[int, int, str]]


@dataclass(frozen=True)
class ShownPair:
    """What the page shows of one pair. `decision` is "" if nothing was decided."""

    title: str
    evidence: str
    record_id: str
    decision: str
    decided_by: str
    problem: MarkedText
    record: MarkedText


def render_review_page(
    title: str, pairs: Sequence[ShownPair], counts: Mapping[str, int], instructions: str = ""
) -> str:
    """One self-contained HTML page of pairs; `counts` is the number of pairs by decision."""
    summary = ", ".join(f"{name} {count}" for name, count in counts.items())
    sections = "".join(_render_pair(i, pair) for i, pair in enumerate(pairs, start=1))
    escaped_title = html.escape(title)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escaped_title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style>'
        f"<h1>{escaped_title}</h1>"
        f"<p>{len(pairs)} pairs: {summary}. {html.escape(instructions)}</p>"
        '<p class="key"><span class="same">same words</span> <span class="form">same code but '
        f"for names, numbers and texts</span></p>{sections}</html>\n"
    )


def _render_pair(number_on_page: int, pair: ShownPair) -> str:
    decision = ""
    if pair.decision:
        decision = (
            f" &middot; <strong>{html.escape(pair.decision)}</strong> "
            f"({html.escape(pair.decided_by)})"
        )
    return (
        f"<section><h2>{number_on_page}. {html.escape(pair.title)}{decision}</h2>"
        f"<p>{html.escape(pair.evidence)} &middot; <code>{html.escape(pair.record_id)}</code></p>"
        f"<div class=sides><pre>{_mark_spans(pair.problem)}</pre>"
        f"<pre>{_mark_spans(pair.record)}</pre></div></section>"
    )


def _mark_spans(marked: MarkedText) -> str:
    text, result, position = marked.text, "", 0
    for start, stop, kind in marked.spans:
        result += html.escape(text[position:start])
        result += f"<mark class={kind}>{html.escape(text[start:stop])}</mark>"
        position = stop
    return result + html.escape(text[position:])
