"""Texts to sequences of equal length on disk, memory-mapped by the trainer; each can be traced to its documents.

In: stages with texts, a tokenizer stage. Out: `tokens.bin` and `held_out.bin` (row-major, a row a sequence of
`context` ids), `mask.bin` beside each where some ids do not count in the loss, `documents.parquet` (which document
lies where) and `pack.json`. The order of the documents is drawn by their ids, so it does not depend on parts.
Two ways: "stream", the paper's (documents end to end with end-of-text between them, then sliced), and "whole"
(documents kept whole where they fit, the rest of a row filled with end-of-text that does not count).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hornbook import store
from hornbook.records import UserError, share
from hornbook.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.train import words

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from hornbook.tokenizer import Tokenizer
    from hornbook.train.encode import Encoder

    Document = tuple[str, str, str, NDArray[Any], int]  # id, stage, text, ids, how many of them are the prompt's

# set -> the files of its ids and of what counts in the loss
SETS = {"train": ("tokens.bin", "mask.bin"), "held-out": ("held_out.bin", "held_out_mask.bin")}


@dataclass(frozen=True)
class Pack(Whole):
    """Pack the kept texts. A `held_out` share of the documents, chosen by id, is never trained on.

    An exercise's prompt and solution are encoded apart, as an exam shows them: the prompt's last line break would
    otherwise melt into the solution's indentation, and a model would never have seen how an exam's prompt ends.
    """

    data: tuple[Stage, ...]
    tokenizer: Stage
    context: int = 2048
    held_out: float = 0.02
    packing: Literal["stream", "whole"] = "stream"
    loss: Literal["all", "solution"] = "all"  # solution: an exercise's prompt is read and not learned
    seed: int = 0
    unscrubbed: bool = False  # whether texts may be packed that an exam may be in; the page prints it (unseen.py)

    form: ClassVar[Form] = "files"

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        from hornbook.train.encode import Encoder

        tokenizer = words.read(desk, self.tokenizer)
        encoder = Encoder(tokenizer, lambda said: desk.reporter.say(f"{self.name}: {said}"))
        folder = desk.folder(self)
        encoded = _Encoded(folder / ".encoded.bin", encoder.dtype)
        encoded.add_all(self._documents(desk, encoder))
        rows, sequences = [], {}
        for name in SETS:
            chosen = sorted(
                (row for row in encoded.rows if (share("held-out", row["id"]) < self.held_out) == (name == "held-out")),
                key=lambda row: (share(f"order {self.seed}", row["id"]), row["id"]),
            )
            places, sequences[name] = self._write(folder, name, encoded, chosen, tokenizer.end)
            rows += [{**place, "set": name} for place in places]
        encoded.path.unlink()
        if not sequences["train"]:
            found = sum(row["tokens"] for row in encoded.rows)
            raise UserError(
                f"{self.name}: {found:,} tokens fill no sequence of {self.context}: more data, or a smaller context"
            )
        store.write_table(folder / "documents.parquet", pa.Table.from_pylist(rows, schema=_schema()))
        store.write_json(folder / "pack.json", self._facts(tokenizer, encoded, sequences))
        return ()

    def _documents(self, desk: Desk, encoder: Encoder) -> Iterator[Document]:
        """Each with its end-of-text."""
        import numpy as np

        for stage in self.data:
            for table in desk.kept(stage):
                texts = table["text"].to_pylist()
                names = table["id"].to_pylist()
                if "prompt" in table.column_names:
                    prompts = [each[:-1] for each in encoder.many(table["prompt"].to_pylist())]
                    answers = encoder.many(table["solution"].to_pylist())
                    ids = [np.concatenate(pair) for pair in zip(prompts, answers, strict=True)]
                    asked = [len(prompt) for prompt in prompts]
                else:
                    ids, asked = encoder.many(texts), [0] * len(texts)
                for name, text, each, prompt in zip(names, texts, ids, asked, strict=True):
                    yield name, stage.name, text, each, prompt if self.loss == "solution" else 0

    def _write(
        self, folder: Path, name: str, encoded: _Encoded, chosen: Sequence[dict[str, Any]], end: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Write one set; where each document lies, and the number of sequences."""
        lengths = [row["tokens"] for row in chosen]
        places, number = (_stream if self.packing == "stream" else _whole)(lengths, self.context)
        ids, mask = _filled(encoded, chosen, places, number * self.context, end)
        masked = self.loss == "solution" or self.packing == "whole"
        for file, array in zip(SETS[name], (ids, mask), strict=True):
            if masked or array is ids:
                with store.whole(folder / file) as temporary:
                    temporary.write_bytes(array.tobytes())
        found = [
            {"id": chosen[at]["id"], "stage": chosen[at]["stage"], "start": start, "tokens": stop - first}
            for at, first, stop, start in places
        ]
        return found, number

    def _facts(self, tokenizer: Tokenizer, encoded: _Encoded, sequences: dict[str, int]) -> dict[str, Any]:
        tokens = sum(row["tokens"] for row in encoded.rows)
        return {
            "context": self.context,
            "vocab": tokenizer.vocab,
            "eos": tokenizer.end,
            "dtype": str(encoded.dtype),
            "sequences": sequences["train"],
            "held_out": sequences["held-out"],
            "packing": self.packing,
            "loss": self.loss,
            "documents": len(encoded.rows),
            "tokens": tokens,
            "bytes": sum(row["bytes"] for row in encoded.rows),
        }

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        data = inputs[:-1]
        size = Size(sum(each.documents for each in data), sum(each.megabytes for each in data))
        # 103 MB a second on one core to the scratch file (benchmarks/tokens.py); reading and packing: an estimate.
        return Price(size, minutes=size.megabytes / 25 / 60, peak_mb=400)


def trace(folder: Path, sequence: int, held_out: bool = False) -> list[dict[str, Any]]:
    """The documents in a sequence: id, stage, and how many of its tokens are theirs, in their order."""
    import pyarrow.compute as pc

    context = store.read_json(folder / "pack.json")["context"]
    rows = store.read_table(folder / "documents.parquet")
    first, stop = sequence * context, (sequence + 1) * context
    here = pc.and_(pc.less(rows["start"], stop), pc.greater(pc.add(rows["start"], rows["tokens"]), first))
    wanted = rows.filter(pc.and_(here, pc.equal(rows["set"], "held-out" if held_out else "train"))).to_pylist()
    wanted.sort(key=lambda row: row["start"])
    return [
        {
            "id": row["id"],
            "stage": row["stage"],
            "tokens": min(stop, row["start"] + row["tokens"]) - max(first, row["start"]),
        }
        for row in wanted
    ]


class _Encoded:
    """All documents' ids end to end in a scratch file, and where each begins: memory does not grow with the data."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path, self.dtype = path, dtype
        self.rows: list[dict[str, Any]] = []

    def add_all(self, documents: Iterable[Document]) -> None:
        """Write the ids of (id, stage, text, ids, ids of the prompt); a text that came before is not taken again."""
        import numpy as np

        at, seen = 0, set()
        with self.path.open("wb", 1 << 20) as file:  # in pieces of a document it takes a fifth longer
            for name, stage, text, ids, prompt in documents:
                if name in seen:
                    continue
                seen.add(name)
                file.write(np.ascontiguousarray(ids, self.dtype).data)
                size = len(text) if text.isascii() else len(text.encode())
                row = {"id": name, "stage": stage, "at": at, "tokens": len(ids), "prompt": prompt, "bytes": size}
                self.rows.append(row)
                at += len(ids)

    def ids(self) -> NDArray[Any]:
        """The scratch file as one array."""
        import numpy as np

        return np.memmap(self.path, self.dtype, "r") if self.path.stat().st_size else np.zeros(0, self.dtype)


# (index of the document, its first id, the id after its last, where the first id lies in the packed stream)
Place = tuple[int, int, int, int]


def _stream(lengths: Sequence[int], context: int) -> tuple[list[Place], int]:
    """Documents end to end; what is left after the last full sequence is cut off.

    >>> _stream([3, 4, 2], 4)
    ([(0, 0, 3, 0), (1, 0, 4, 3), (2, 0, 1, 7)], 2)
    """
    number = sum(lengths) // context
    places, at = [], 0
    for document, length in enumerate(lengths):
        stop = min(length, number * context - at)
        if stop <= 0:
            break
        places.append((document, 0, stop, at))
        at += stop
    return places, number


def _whole(lengths: Sequence[int], context: int) -> tuple[list[Place], int]:
    """Each document into the fullest sequence that has room for it; longer ones are cut into full sequences first.

    >>> _whole([5, 3, 1], 4)
    ([(0, 0, 4, 0), (0, 4, 5, 4), (1, 0, 3, 5), (2, 0, 1, 8)], 3)
    """
    by_room: list[list[int]] = [[] for _ in range(context + 1)]  # sequences by what room they have left, last in first
    places: list[Place] = []
    number = 0
    for document, length in enumerate(lengths):
        for first in range(0, length, context):
            piece = min(context, length - first)
            room = next((r for r in range(piece, context) if by_room[r]), 0)
            if room:
                sequence = by_room[room].pop()
            else:
                sequence, room = number, context
                number += 1
            places.append((document, first, first + piece, sequence * context + context - room))
            by_room[room - piece].append(sequence)
    return places, number


def _filled(
    encoded: _Encoded, chosen: Sequence[dict[str, Any]], places: Sequence[Place], size: int, end: int
) -> tuple[NDArray[Any], NDArray[np.uint8]]:
    """The packed ids, and 1 for each that counts in the loss."""
    import numpy as np

    source = encoded.ids()
    ids, mask = np.full(size, end, encoded.dtype), np.zeros(size, np.uint8)
    for document, first, stop, start in places:
        row = chosen[document]
        ids[start : start + stop - first] = source[row["at"] + first : row["at"] + stop]
        asked = max(0, min(stop, row["prompt"]) - first)  # the ids of the prompt that are in this piece
        mask[start + asked : start + stop - first] = 1
    return ids, mask


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [("id", "string"), ("stage", "string"), ("start", "int64"), ("tokens", "int64"), ("set", "string")]
    )
