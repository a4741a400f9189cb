"""Texts to sequences of equal length on disk, memory-mapped by the trainer; each can be traced to its documents.

In: stages with texts, a tokenizer stage. Out: `tokens.bin` and `held_out.bin` (row-major, a row a
sequence of
`context` ids), `mask.bin` beside each where some ids do not count in the loss, `documents.parquet` (which document
lies where) and `pack.json`. The order of the documents is drawn by their ids, so it does not depend
on parts. Two ways: "stream", the paper's (documents end to end with end-of-text between them, then
sliced), and "whole" (documents kept whole where they fit, the rest of a row filled with end-of-text
that does not count).
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from hornbook import store
from hornbook.frame.stage import Desk, Form, Price, Size, Stage, Whole
from hornbook.records import UserError, share
from hornbook.train import tokenizers

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from hornbook.models.encode import Encoder
    from hornbook.models.tokenizer import Tokenizer

    Document = tuple[
        str, str, str, NDArray[Any], int
    ]  # id, stage, text, ids, how many of them are the prompt's

AT_ONCE = 1 << 16  # places that are turned into Python's numbers at a time
# set -> the files of its ids and of what counts in the loss
SETS = {"train": ("tokens.bin", "mask.bin"), "held-out": ("held_out.bin", "held_out_mask.bin")}


@dataclass(frozen=True)
class Pack(Whole):
    """Pack the kept texts. A `held_out` share of the documents, chosen by id, is never trained on.

    An exercise's prompt and solution are encoded apart, as an exam shows them: the prompt's last
    line break would otherwise melt into the solution's indentation, and a model would never have
    seen how an exam's prompt ends.
    """

    data: tuple[Stage, ...]
    tokenizer: Stage
    context: int = 2048
    held_out: float = 0.02
    packing: Literal["stream", "whole"] = "stream"
    loss: Literal["all", "solution"] = (
        "all"  # solution: an exercise's prompt is read and not learned
    )
    seed: int = 0
    unscrubbed: bool = (
        False  # whether texts may be packed that an exam may be in; the page prints it (unseen.py)
    )

    form: ClassVar[Form] = "files"

    def __post_init__(self) -> None:
        allowed = {
            f"context={self.context}: 2 or more": self.context >= 2,
            f"held_out={self.held_out}: 0 or more and below 1": 0 <= self.held_out < 1,
            f"packing={self.packing!r}: stream or whole": self.packing in ("stream", "whole"),
            f"loss={self.loss!r}: all or solution": self.loss in ("all", "solution"),
        }
        wrong = [said for said, right in allowed.items() if not right]
        if wrong:
            raise UserError(f"{self.name}: {'; '.join(wrong)}")

    def make(self, desk: Desk) -> Iterable[tuple[str, pa.Table]]:
        import pyarrow as pa

        from hornbook.models.encode import Encoder

        tokenizer = tokenizers.read(desk, self.tokenizer)
        encoder = Encoder(tokenizer, lambda said: desk.reporter.say(f"{self.name}: {said}"))
        folder = desk.folder(self)
        encoded = _Encoded(folder / ".encoded.bin", encoder.dtype)
        encoded.add_all(self._documents(desk, encoder))
        tables, sequences = [], {}
        for name in SETS:
            table, sequences[name] = self._write(
                folder, name, encoded, self._chosen(encoded, name), tokenizer.end
            )
            tables.append(table)
        encoded.path.unlink()
        if not sequences["train"]:
            found = sum(encoded.tokens)
            raise UserError(
                f"{self.name}: {found:,} tokens fill no sequence of {self.context}: more data, or a smaller context"
            )
        store.write_table(folder / "documents.parquet", pa.concat_tables(tables))
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

    def _chosen(self, encoded: _Encoded, name: str) -> list[int]:
        """The numbers of a set's documents, in the order in which they are packed."""
        wanted = name == "held-out"
        keys = [
            (share(f"order {self.seed}", each), each, number)
            for number, each in enumerate(encoded.names)
            if (share("held-out", each) < self.held_out) == wanted
        ]
        return [number for _, _, number in sorted(keys)]

    def _write(
        self, folder: Path, name: str, encoded: _Encoded, chosen: Sequence[int], end: int
    ) -> tuple[pa.Table, int]:
        """Write one set; where each document lies, and the number of sequences. The files are filled where they lie."""
        import numpy as np
        import pyarrow as pa

        lengths = np.asarray(encoded.tokens)[chosen]
        places, number = (_stream if self.packing == "stream" else _whole)(lengths, self.context)
        with _filled(folder / SETS[name][0], encoded.dtype, number * self.context, end) as ids:
            source = encoded.ids()
            for document, first, stop, start in _tuples(places):
                at = encoded.at[chosen[document]]
                ids[start : start + stop - first] = source[at + first : at + stop]
        if self.loss == "solution" or self.packing == "whole":
            with _filled(
                folder / SETS[name][1], np.dtype(np.uint8), number * self.context, 0
            ) as mask:
                for document, first, stop, start in _tuples(places):
                    asked = max(
                        0, min(stop, encoded.prompts[chosen[document]]) - first
                    )  # the prompt's ids in this piece
                    mask[start + asked : start + stop - first] = 1
        numbers = [chosen[document] for document in places[:, 0].tolist()]
        columns = [
            [encoded.names[at] for at in numbers],
            [encoded.stages[at] for at in numbers],
            places[:, 3],
            places[:, 2] - places[:, 1],
            [name] * len(numbers),
        ]
        return pa.table(columns, schema=_schema()), number

    def _facts(
        self, tokenizer: Tokenizer, encoded: _Encoded, sequences: dict[str, int]
    ) -> dict[str, Any]:
        return {
            "context": self.context,
            "vocab": tokenizer.vocab,
            "eos": tokenizer.end,
            "dtype": str(encoded.dtype),
            "sequences": sequences["train"],
            "held_out": sequences["held-out"],
            "packing": self.packing,
            "loss": self.loss,
            "documents": len(encoded.names),
            "tokens": sum(encoded.tokens),
            "bytes": sum(encoded.bytes),
        }

    def price(self, desk: Desk, inputs: Sequence[Size]) -> Price:
        data = inputs[:-1]
        size = Size(sum(each.documents for each in data), sum(each.megabytes for each in data))
        # 103 MB a second on one core to the scratch file (benchmarks/tokens.py); reading and
        # packing: an estimate.
        return Price(size, minutes=size.megabytes / 25 / 60, peak_mb=400)


def trace(folder: Path, sequence: int, held_out: bool = False) -> list[dict[str, Any]]:
    """The documents in a sequence: id, stage, and how many of its tokens are theirs, in their order."""
    return next(traces(folder, [sequence], held_out))


def traces(
    folder: Path, sequences: Iterable[int], held_out: bool = False
) -> Iterator[list[dict[str, Any]]]:
    """`trace` of several sequences, with one look at the table."""
    import numpy as np
    import pyarrow.compute as pc

    context = store.read_json(folder / "pack.json")["context"]
    table = store.read_table(folder / "documents.parquet")
    table = table.filter(pc.equal(table["set"], "held-out" if held_out else "train")).sort_by(
        "start"
    )
    starts = table["start"].to_numpy()
    for sequence in sequences:
        first, stop = sequence * context, (sequence + 1) * context
        low, high = np.searchsorted(starts, [first, stop])
        rows = table.slice(
            max(0, low - 1), high - max(0, low - 1)
        ).to_pylist()  # the one before may reach into it
        found = [
            {**row, "tokens": min(stop, row["start"] + row["tokens"]) - max(first, row["start"])}
            for row in rows
        ]
        yield [
            {name: row[name] for name in ("id", "stage", "tokens")}
            for row in found
            if row["tokens"] > 0
        ]


class _Encoded:
    """All documents' ids end to end in a scratch file, and about each document what 150 bytes hold: its id (and once
    more where they are looked up), its stage, where it begins, its tokens, its prompt's, and its
    bytes."""

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path, self.dtype = path, dtype
        self.names: list[str] = []
        self.stages: list[str] = []
        self.at, self.tokens, self.prompts, self.bytes = (array("q") for _ in range(4))

    def add_all(self, documents: Iterable[Document]) -> None:
        """Write the ids of (id, stage, text, ids, ids of the prompt); a text that came before is not taken again."""
        import numpy as np

        at, seen = 0, set()
        with self.path.open(
            "wb", 1 << 20
        ) as file:  # in pieces of a document it takes a fifth longer
            for name, stage, text, ids, prompt in documents:
                if name in seen:
                    continue
                seen.add(name)
                file.write(np.ascontiguousarray(ids, self.dtype).data)
                self.names.append(name)
                self.stages.append(stage)
                self.at.append(at)
                self.tokens.append(len(ids))
                self.prompts.append(prompt)
                self.bytes.append(len(text) if text.isascii() else len(text.encode()))
                at += len(ids)

    def ids(self) -> NDArray[Any]:
        """The scratch file as one array."""
        import numpy as np

        return (
            np.memmap(self.path, self.dtype, "r")
            if self.path.stat().st_size
            else np.zeros(0, self.dtype)
        )


def _stream(lengths: NDArray[Any], context: int) -> tuple[NDArray[Any], int]:
    """Documents end to end; what is left after the last full sequence is cut off.

    Rows of places (int64): number of the document, its first id, the id after its last, where the
    first id lies in the packed stream. And the number of sequences.

    >>> import numpy as np
    >>> places, number = _stream(np.array([3, 4, 2]), 4)
    >>> places.tolist(), number
    ([[0, 0, 3, 0], [1, 0, 4, 3], [2, 0, 1, 7]], 2)
    """
    import numpy as np

    starts = np.cumsum(lengths) - lengths
    number = int(lengths.sum()) // context
    stops = np.minimum(lengths, number * context - starts)
    places = np.stack(
        [np.arange(len(lengths)), np.zeros_like(starts), stops, starts], axis=1
    ).astype(np.int64)
    return places[stops > 0], number


def _whole(lengths: NDArray[Any], context: int) -> tuple[NDArray[Any], int]:
    """Each document into the fullest sequence that has room for it; longer ones are cut into full sequences first.

    >>> import numpy as np
    >>> places, number = _whole(np.array([5, 3, 1]), 4)
    >>> places.tolist(), number
    ([[0, 0, 4, 0], [0, 4, 5, 4], [1, 0, 3, 5], [2, 0, 1, 8]], 3)
    """
    import numpy as np

    by_room: list[list[int]] = [
        [] for _ in range(context + 1)
    ]  # sequences by what room they have left, last in first
    rooms = 0  # a bit for each of these lists that has something
    places = array("q")
    number = 0
    for document, length in enumerate(lengths.tolist()):
        for first in range(0, length, context):
            piece = min(context, length - first)
            enough = rooms >> piece
            if enough:
                room = piece + (enough & -enough).bit_length() - 1
                sequence = by_room[room].pop()
                if not by_room[room]:
                    rooms ^= 1 << room
            else:
                sequence, room = number, context
                number += 1
            places.extend((document, first, first + piece, sequence * context + context - room))
            by_room[room - piece].append(sequence)
            rooms |= 1 << (room - piece)
    return np.frombuffer(places, np.int64).reshape(-1, 4), number


def _tuples(places: NDArray[Any]) -> Iterator[list[int]]:
    """Rows as Python's numbers, some at a time."""
    for first in range(0, len(places), AT_ONCE):
        yield from places[first : first + AT_ONCE].tolist()


@contextlib.contextmanager
def _filled(path: Path, dtype: np.dtype[Any], size: int, value: int) -> Iterator[NDArray[Any]]:
    """A new file of so many numbers, all of one value, to be written to as an array: the system keeps it on disk."""
    import numpy as np

    with store.whole(path) as temporary:
        if not size:
            temporary.touch()
            yield np.zeros(0, dtype)
            return
        numbers = np.memmap(temporary, dtype, "w+", shape=(size,))
        if value:
            for first in range(0, size, 1 << 24):
                numbers[first : first + (1 << 24)] = value
        yield numbers
        numbers.flush()


def _schema() -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [
            ("id", "string"),
            ("stage", "string"),
            ("start", "int64"),
            ("tokens", "int64"),
            ("set", "string"),
        ]
    )
