"""The shipped labels of educational value, joined to the texts that they judge.

In: 798 labels (ids with provenance, labels/README.md) and pinned wheels. Out: records with columns
`label` (0 to 5, by labels/RUBRIC.md) and `why`. The texts stay with their authors: each is cut from
its wheel, or from the standard library of the running Python, and counts only if its id is the
labelled one. What cannot be joined is a dropped row.
"""

from __future__ import annotations

import json
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hornbook import records, store, wheels
from hornbook.frame.stage import Price, RunContext, Size, Stage

if TYPE_CHECKING:
    import pyarrow as pa

LABELS_PATH = Path(__file__).parent / "labels" / "quality.jsonl"
COLUMNS = records.DOCUMENT | {"label": "int32", "why": "string"}
STDLIB = "cpython"
LOCATION_FIELDS = frozenset({"package", "version", "path", "start", "end"})


@dataclass(frozen=True)
class Labels(Stage):
    """The labels whose texts these wheels hold, and those from the standard library if `stdlib`."""

    wheels: tuple[
        tuple[str, str], ...
    ] = ()  # named_wheels() are all that the labels name: 330 MB from PyPI
    stdlib: bool = True

    def shards(self, ctx: RunContext) -> Sequence[str]:
        return ["labels"]

    def identity_inputs(self, ctx: RunContext) -> Mapping[str, Any]:
        return {"labels": store.file_digest(LABELS_PATH)}

    def make_shard(self, ctx: RunContext, part: str) -> pa.Table:
        wheels.fetch_missing_wheels(self.wheels)
        available_wheels = {(_normalise_name(name), version) for name, version in self.wheels}
        return records.make_table(
            (
                _make_row(label, text, reason)
                for label, text, reason in join_texts(available_wheels, self.stdlib)
            ),
            COLUMNS,
        )

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        n_labels = sum(1 for _ in LABELS_PATH.open("rb"))
        return Price(Size(n_labels, n_labels * 0.002), minutes=0.05)


def list_labelled_wheels() -> tuple[tuple[str, str], ...]:
    """(name, version) of every wheel that the shipped labels name."""
    labels = map(json.loads, LABELS_PATH.read_text(encoding="utf-8").splitlines())
    return tuple(
        sorted(
            {(label["package"], label["version"]) for label in labels if label["package"] != STDLIB}
        )
    )


def join_texts(
    available_wheels: set[tuple[str, str]], stdlib: bool
) -> Iterator[tuple[dict[str, Any], str, str]]:
    """Yield (label, text, "") in the labels' order, or (label, "", why there is no text)."""
    for label in map(json.loads, LABELS_PATH.read_text(encoding="utf-8").splitlines()):
        name = _normalise_name(label["package"])
        if not (stdlib if name == STDLIB else (name, label["version"]) in available_wheels):
            yield label, "", "not joined: its package is not in this recipe"
            continue
        text = read_text(label)
        yield label, text, "" if text else "not joined: the text differs (another Python version?)"


def read_text(label: Mapping[str, Any]) -> str:
    """The lines that a label points at, cut from its wheel; "" where their id differs."""
    if _normalise_name(label["package"]) == STDLIB:
        content = _read_stdlib_file(label["path"])
    else:
        content = wheels.read_member(
            wheels.fetch_wheel(label["package"], label["version"]), label["path"]
        )
    lines = content.decode("utf-8", "replace").replace("\r\n", "\n").split("\n")
    text = "\n".join(lines[label["start"] - 1 : label["end"]])
    return text if label.get("id", records.document_id(text)) == records.document_id(text) else ""


def _read_stdlib_file(path: str) -> bytes:
    root = Path(sysconfig.get_paths()["stdlib"])
    file = (root / path).resolve()
    return file.read_bytes() if file.is_file() and file.is_relative_to(root.resolve()) else b""


def _make_row(label: Mapping[str, Any], text: str, reason: str) -> dict[str, Any]:
    origin = f"{label['package']}=={label['version']}"
    if label["package"] != STDLIB:
        origin = f"pypi:{origin}"
    return {
        "id": label["id"], "text": text, "kind": "code", "origin": origin, "path": label["path"],
        "start": label["start"], "end": label["end"], "kept": not reason, "reason": reason,
        "label": label["score"], "why": label["why"],
    }  # fmt: skip


def _normalise_name(name: str) -> str:
    return name.lower().replace("-", "_")
