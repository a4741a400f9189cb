"""Pack texts into sequences of equal length on disk; each can be traced to its documents.

In: stages with texts, and a tokenizer stage. Out:

- `tokens.bin` and `held_out.bin`: one row of `context` ids per sequence, memory-mapped by Train
- `mask.bin` beside each, where some ids do not count in the loss
- `documents.parquet`: which document lies where
- `pack.json`: vocabulary, context, counts

The order of the documents follows from a hash of their ids, so it does not depend on shards. Two
ways of packing: "stream", the paper's (documents end to end with end-of-text between them, then
sliced), and "whole" (documents kept whole where they fit; the rest of a row is filled with
end-of-text that does not count).
"""

from __future__ import annotations

import contextlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hornbook import store
from hornbook.frame.stage import FileStage, Price, RunContext, Size, Stage
from hornbook.records import UserError, hash_fraction
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

ROWS_AT_ONCE = 1 << 16  # places that are turned into Python's numbers at a time
# set -> the files of its ids and of what counts in the loss
SETS = {"train": ("tokens.bin", "mask.bin"), "held-out": ("held_out.bin", "held_out_mask.bin")}


@dataclass(frozen=True)
class Pack(FileStage):
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

    def __post_init__(self) -> None:
        allowed = {
            f"context={self.context}: 2 or more": self.context >= 2,
            f"held_out={self.held_out}: 0 or more and below 1": 0 <= self.held_out < 1,
            f"packing={self.packing!r}: stream or whole": self.packing in ("stream", "whole"),
            f"loss={self.loss!r}: all or solution": self.loss in ("all", "solution"),
        }
        broken_rules = [rule for rule, is_met in allowed.items() if not is_met]
        if broken_rules:
            raise UserError(f"{self.name}: {'; '.join(broken_rules)}")

    def write_files(self, ctx: RunContext) -> None:
        import pyarrow as pa

        from hornbook.models.encode import Encoder

        tokenizer = tokenizers.read_tokenizer(ctx, self.tokenizer)
        encoder = Encoder(tokenizer, lambda message: ctx.reporter.say(f"{self.name}: {message}"))
        folder = ctx.run.stage_folder(self)
        encoded = _EncodedDocuments(folder / ".encoded.bin", encoder.dtype)
        encoded.add_all(self._encode_documents(ctx, encoder))
        tables, sequences = [], {}
        for name in SETS:
            table, sequences[name] = self._write_set(
                folder, name, encoded, self._order_documents(encoded, name), tokenizer.end
            )
            tables.append(table)
        encoded.path.unlink()
        if not sequences["train"]:
            token_count = sum(encoded.token_counts)
            raise UserError(
                f"{self.name}: {token_count:,} tokens fill no sequence of {self.context}: "
                "more data, or "
                "a smaller context"
            )
        store.write_table(folder / "documents.parquet", pa.concat_tables(tables))
        store.write_json(folder / "pack.json", self._summarise_pack(tokenizer, encoded, sequences))

    def _encode_documents(self, ctx: RunContext, encoder: Encoder) -> Iterator[Document]:
        """Each with its end-of-text."""
        import numpy as np

        for stage in self.data:
            for table in ctx.run.read_kept_rows(stage):
                texts = table["text"].to_pylist()
                document_ids = table["id"].to_pylist()
                if "prompt" in table.column_names:
                    prompts = [
                        prompt_ids[:-1]
                        for prompt_ids in encoder.encode_texts(table["prompt"].to_pylist())
                    ]
                    answers = encoder.encode_texts(table["solution"].to_pylist())
                    ids = [np.concatenate(pair) for pair in zip(prompts, answers, strict=True)]
                    prompt_lengths = [len(prompt_length) for prompt_length in prompts]
                else:
                    ids, prompt_lengths = encoder.encode_texts(texts), [0] * len(texts)
                for document_id, text, prompt_ids, prompt_length in zip(
                    document_ids, texts, ids, prompt_lengths, strict=True
                ):
                    yield (
                        document_id,
                        stage.name,
                        text,
                        prompt_ids,
                        prompt_length if self.loss == "solution" else 0,
                    )

    def _order_documents(self, encoded: _EncodedDocuments, name: str) -> list[int]:
        """The numbers of a set's documents, in the order in which they are packed."""
        is_held_out = name == "held-out"
        keys = [
            (hash_fraction(f"order {self.seed}", document_id), document_id, i)
            for i, document_id in enumerate(encoded.document_ids)
            if (hash_fraction("held-out", document_id) < self.held_out) == is_held_out
        ]
        return [i for _, _, i in sorted(keys)]

    def _write_set(
        self, folder: Path, name: str, encoded: _EncodedDocuments, order: Sequence[int], end: int
    ) -> tuple[pa.Table, int]:
        """Write the files of one set; returns document places and the sequence count."""
        import numpy as np
        import pyarrow as pa

        lengths = np.asarray(encoded.token_counts)[order]
        places, sequence_count = (
            _place_end_to_end if self.packing == "stream" else _place_best_fit
        )(lengths, self.context)
        with _create_filled(
            folder / SETS[name][0], encoded.dtype, sequence_count * self.context, end
        ) as ids:
            source = encoded.map_ids()
            for document, first, stop, start in _iterate_rows(places):
                offset = encoded.offsets[order[document]]
                ids[start : start + stop - first] = source[offset + first : offset + stop]
        if self.loss == "solution" or self.packing == "whole":
            with _create_filled(
                folder / SETS[name][1], np.dtype(np.uint8), sequence_count * self.context, 0
            ) as mask:
                for document, first, stop, start in _iterate_rows(places):
                    unlearned = max(
                        0, min(stop, encoded.prompt_counts[order[document]]) - first
                    )  # the prompt's ids in this piece
                    mask[start + unlearned : start + stop - first] = 1
        document_indices = [order[document] for document in places[:, 0].tolist()]
        columns = [
            [encoded.document_ids[offset] for offset in document_indices],
            [encoded.stages[offset] for offset in document_indices],
            places[:, 3],
            places[:, 2] - places[:, 1],
            [name] * len(document_indices),
        ]
        return pa.table(columns, schema=_make_schema()), sequence_count

    def _summarise_pack(
        self, tokenizer: Tokenizer, encoded: _EncodedDocuments, sequences: dict[str, int]
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
            "documents": len(encoded.document_ids),
            "tokens": sum(encoded.token_counts),
            "bytes": sum(encoded.byte_counts),
        }

    def price(self, ctx: RunContext, inputs: Sequence[Size]) -> Price:
        data = inputs[:-1]
        size = Size(sum(item.documents for item in data), sum(item.megabytes for item in data))
        # 103 MB a second on one core to the scratch file (benchmarks/tokens.py); reading and
        # packing: an estimate.
        return Price(size, minutes=size.megabytes / 25 / 60, peak_mb=400)


def trace_sequence(folder: Path, sequence: int, held_out: bool = False) -> list[dict[str, Any]]:
    """The documents in a sequence: id, stage, and their number of tokens, in order."""
    return next(trace_sequences(folder, [sequence], held_out))


def trace_sequences(
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
        first_row, stop_row = np.searchsorted(starts, [first, stop])
        rows = table.slice(
            max(0, first_row - 1), stop_row - max(0, first_row - 1)
        ).to_pylist()  # the one before may reach into it
        overlaps = [
            {**row, "tokens": min(stop, row["start"] + row["tokens"]) - max(first, row["start"])}
            for row in rows
        ]
        yield [
            {name: row[name] for name in ("id", "stage", "tokens")}
            for row in overlaps
            if row["tokens"] > 0
        ]


class _EncodedDocuments:
    """All documents' ids end to end in a scratch file, and about 150 bytes per document in memory.

    In memory are its id (twice: once for look-up), its stage, where it begins, and its counts of
    tokens, prompt tokens and bytes.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any]) -> None:
        self.path, self.dtype = path, dtype
        self.document_ids: list[str] = []
        self.stages: list[str] = []
        self.offsets, self.token_counts, self.prompt_counts, self.byte_counts = (
            array("q") for _ in range(4)
        )

    def add_all(self, documents: Iterable[Document]) -> None:
        """Append (id, stage, text, ids, prompt ids); a text that came before is skipped."""
        import numpy as np

        offset, seen = 0, set()
        with self.path.open(
            "wb", 1 << 20
        ) as file:  # in pieces of a document it takes a fifth longer
            for document_id, stage, text, ids, prompt_length in documents:
                if document_id in seen:
                    continue
                seen.add(document_id)
                file.write(np.ascontiguousarray(ids, self.dtype).data)
                self.document_ids.append(document_id)
                self.stages.append(stage)
                self.offsets.append(offset)
                self.token_counts.append(len(ids))
                self.prompt_counts.append(prompt_length)
                self.byte_counts.append(len(text) if text.isascii() else len(text.encode()))
                offset += len(ids)

    def map_ids(self) -> NDArray[Any]:
        """The scratch file as one array."""
        import numpy as np

        return (
            np.memmap(self.path, self.dtype, "r")
            if self.path.stat().st_size
            else np.zeros(0, self.dtype)
        )


def _place_end_to_end(lengths: NDArray[Any], context: int) -> tuple[NDArray[Any], int]:
    """Documents end to end; what is left after the last full sequence is cut off.

    Rows of places (int64): number of the document, its first id, the id after its last, where the
    first id lies in the packed stream. And the number of sequences.

    >>> import numpy as np
    >>> places, number = _place_end_to_end(np.array([3, 4, 2]), 4)
    >>> places.tolist(), number
    ([[0, 0, 3, 0], [1, 0, 4, 3], [2, 0, 1, 7]], 2)
    """
    import numpy as np

    starts = np.cumsum(lengths) - lengths
    sequence_count = int(lengths.sum()) // context
    stops = np.minimum(lengths, sequence_count * context - starts)
    places = np.stack(
        [np.arange(len(lengths)), np.zeros_like(starts), stops, starts], axis=1
    ).astype(np.int64)
    return places[stops > 0], sequence_count


def _place_best_fit(lengths: NDArray[Any], context: int) -> tuple[NDArray[Any], int]:
    """Put each document into the fullest sequence with room; cut longer ones into full sequences.

    >>> import numpy as np
    >>> places, number = _place_best_fit(np.array([5, 3, 1]), 4)
    >>> places.tolist(), number
    ([[0, 0, 4, 0], [0, 4, 5, 4], [1, 0, 3, 5], [2, 0, 1, 8]], 3)
    """
    import numpy as np

    by_room: list[list[int]] = [
        [] for _ in range(context + 1)
    ]  # sequences by what room they have left, last in first
    nonempty_rooms = 0  # a bit for each of these lists that has something
    places = array("q")
    sequence_count = 0
    for document, length in enumerate(lengths.tolist()):
        for first in range(0, length, context):
            piece_length = min(context, length - first)
            roomy = nonempty_rooms >> piece_length
            if roomy:
                room = piece_length + (roomy & -roomy).bit_length() - 1
                sequence = by_room[room].pop()
                if not by_room[room]:
                    nonempty_rooms ^= 1 << room
            else:
                sequence, room = sequence_count, context
                sequence_count += 1
            places.extend(
                (document, first, first + piece_length, sequence * context + context - room)
            )
            by_room[room - piece_length].append(sequence)
            nonempty_rooms |= 1 << (room - piece_length)
    return np.frombuffer(places, np.int64).reshape(-1, 4), sequence_count


def _iterate_rows(places: NDArray[Any]) -> Iterator[list[int]]:
    """Rows as Python's numbers, some at a time."""
    for first in range(0, len(places), ROWS_AT_ONCE):
        yield from places[first : first + ROWS_AT_ONCE].tolist()


@contextlib.contextmanager
def _create_filled(
    path: Path, dtype: np.dtype[Any], size: int, fill: int
) -> Iterator[NDArray[Any]]:
    """A new file of `count` equal numbers, mapped as an array that the system keeps on disk."""
    import numpy as np

    with store.atomic_write(path) as temporary:
        if not size:
            temporary.touch()
            yield np.zeros(0, dtype)
            return
        filled = np.memmap(temporary, dtype, "w+", shape=(size,))
        if fill:
            for first in range(0, size, 1 << 24):
                filled[first : first + (1 << 24)] = fill
        yield filled
        filled.flush()


def _make_schema() -> pa.Schema:
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
