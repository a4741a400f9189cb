"""Snippets of real code for a teacher's prompt (OSS-Instruct, arXiv 2312.02120): 15 lines.

In: a stage of code, the index of a shard of requests. Out: snippets. A shard of requests reads one
shard of code, so that the whole corpus is never read at once. The lines are chosen by a hash of the
document's id.
"""

from __future__ import annotations

from hornbook.frame.stage import RunContext, Stage
from hornbook.records import UserError, hash_fraction

SNIPPET_LINES = 15  # the paper of OSS-Instruct takes 1 to 15
MIN_CHARACTERS = 40  # without white space; a shorter document has nothing to show


def sample_snippets(
    code: Stage, ctx: RunContext, shard_index: int, count: int, line_count: int = SNIPPET_LINES
) -> list[str]:
    """`count` snippets of the kept documents of one shard; a small shard repeats documents."""
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
            snippets = []
            for i in range(count):
                row = rows[i % len(rows)]
                name = f"{row['id']} {i // len(rows)}"
                snippets.append(cut_snippet(row["text"], name, line_count))
            return snippets
    raise UserError(
        f"{code.name} has no code for snippets: what it kept is empty or under {MIN_CHARACTERS} "
        "characters"
    )


def cut_snippet(text: str, name: str, line_count: int = SNIPPET_LINES) -> str:
    """`line_count` lines of a text from a non-blank line that a hash of the name chooses."""
    lines = text.splitlines()
    starts = [
        line_index
        for line_index, line in enumerate(lines[: max(1, len(lines) - line_count + 1)])
        if line.strip()
    ] or [0]
    first = starts[int(hash_fraction("piece", name) * len(starts))]
    return "\n".join(lines[first : first + line_count]).strip("\n")
