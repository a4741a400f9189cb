"""Pieces of real code that inspire a teacher (OSS-Instruct, arXiv 2312.02120): fifteen lines from a kept document.

In: a stage of code, the number of a part. Out: so many pieces. A part of requests reads one part of
the code, so that the whole corpus is never read at once; which lines are taken goes by a hash of
the document's id.
"""

from __future__ import annotations

from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError, hash_fraction

SNIPPET_LINES = 15  # the paper of OSS-Instruct takes 1 to 15
MIN_CHARACTERS = 40  # characters that are not space


def sample_snippets(
    code: Stage, ctx: RunContext, shard_index: int, count: int, line_count: int = SNIPPET_LINES
) -> list[str]:
    """`number` pieces of the kept documents of one part of `code`; a small part gives several of one document."""
    shards = ctx.run.shard_names(code)
    for step in range(len(shards)):
        name = shards[(shard_index + step) % len(shards)]
        table = ctx.run.read_shard(code, name, ["id", "text", "kept"])
        rows = [
            row
            for row in table.filter(table["kept"]).to_pylist()
            if len("".join(row["text"].split())) >= MIN_CHARACTERS
        ]
        if rows:
            rows.sort(
                key=lambda row: (hash_fraction(f"inspires {shard_index}", row["id"]), row["id"])
            )
            return [cut_snippet(row["text"], f"{row['id']} {piece_index // len(rows)}", line_count) for piece_index in range(count)
                    for row in [rows[piece_index % len(rows)]]]  # fmt: skip
    raise UserError(
        f"{code.name} has no code that could inspire: what it kept is empty or under {MIN_CHARACTERS} characters"
    )


def cut_snippet(text: str, name: str, line_count: int = SNIPPET_LINES) -> str:
    """`number` lines of a text, where a hash of the name says; from a line that is not blank."""
    lines = text.splitlines()
    starts = [
        piece_index
        for piece_index, line in enumerate(lines[: max(1, len(lines) - line_count + 1)])
        if line.strip()
    ] or [0]
    first = starts[int(hash_fraction("piece", name) * len(starts))]
    return "\n".join(lines[first : first + line_count]).strip("\n")
