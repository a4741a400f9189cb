"""Pieces of real code that inspire a teacher (OSS-Instruct, arXiv 2312.02120): fifteen lines from a kept document.

In: a stage of code, the number of a part. Out: so many pieces. A part of requests reads one part of
the code, so that the whole corpus is never read at once; which lines are taken goes by a hash of
the document's id.
"""

from __future__ import annotations

from hornbook.frame.stage import Desk, Stage
from hornbook.records import UserError, share

LINES = 15  # the paper of OSS-Instruct takes 1 to 15
LEAST = 40  # characters that are not space


def snippets(code: Stage, desk: Desk, part: int, number: int, lines: int = LINES) -> list[str]:
    """`number` pieces of the kept documents of one part of `code`; a small part gives several of one document."""
    parts = desk.parts(code)
    for step in range(len(parts)):
        name = parts[(part + step) % len(parts)]
        table = desk.table(code, name, ["id", "text", "kept"])
        rows = [
            row
            for row in table.filter(table["kept"]).to_pylist()
            if len("".join(row["text"].split())) >= LEAST
        ]
        if rows:
            rows.sort(key=lambda row: (share(f"inspires {part}", row["id"]), row["id"]))
            return [piece(row["text"], f"{row['id']} {at // len(rows)}", lines) for at in range(number)
                    for row in [rows[at % len(rows)]]]  # fmt: skip
    raise UserError(
        f"{code.name} has no code that could inspire: what it kept is empty or under {LEAST} characters"
    )


def piece(text: str, name: str, number: int = LINES) -> str:
    """`number` lines of a text, where a hash of the name says; from a line that is not blank."""
    lines = text.splitlines()
    starts = [
        at for at, line in enumerate(lines[: max(1, len(lines) - number + 1)]) if line.strip()
    ] or [0]
    first = starts[int(share("piece", name) * len(starts))]
    return "\n".join(lines[first : first + number]).strip("\n")
