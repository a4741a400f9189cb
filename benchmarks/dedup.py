"""Near-duplicates of 500 MB of Python: hornbook, datatrove, text-dedup, rensa's own interface and Daft, in one run.

In: the wheels that the shipped labels name (330 MB from PyPI the first time), their Python files
repeated with edits until the size is reached: of the repeats an eighth are exact copies, an eighth
have one line in twenty changed, and the others have every name changed, so that they are new. Out:
for each tool the CPU seconds and the peak memory of its own processes, documents kept;
benchmarks/results/dedup.json. Everyone reads the same Parquet files and makes the list of documents
that stay: exact copies and near-duplicates by MinHash of word 5-grams with 112 to 128 permutations.
datatrove is given a word splitter of one regular expression; its default, spaCy, takes 7 times as
long.

With --view, nothing else: the megabytes a CPU second that BlindCode reads, of the first --mb of the
corpus.

Run: python benchmarks/dedup.py [--mb 500] [--view] [--only hornbook,datatrove] [--peers PYTHON]
PYTHON is that of an environment with the peers (pip install 'datatrove[processing]' text-dedup
rensa daft).
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "dedup.json"
TOOLS = ("hornbook", "daft", "rensa", "text-dedup", "datatrove")
PART_MB = 64


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--mb", type=int, default=500)
    words.add_argument("--only", default=",".join(TOOLS))
    words.add_argument(
        "--peers", default=sys.executable, help="Python of the environment with the peers."
    )
    words.add_argument(
        "--data", type=Path, help="Where the corpus is, or is to be written; a temporary folder."
    )
    words.add_argument("--view", action="store_true", help="The speed of BlindCode, nothing else.")
    words.add_argument("--tool", help=argparse.SUPPRESS)  # what the child processes are called with
    words.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    asked = words.parse_args()
    if asked.tool:
        globals()[asked.tool.replace("-", "_")](asked.data, asked.out)
        return
    if asked.view:
        view(asked.mb)
        return
    with tempfile.TemporaryDirectory() as scratch:
        data = asked.data or Path(scratch) / "corpus"
        if not data.is_dir():
            write(data, asked.mb)
        rows = [
            measure(tool, data, Path(scratch) / tool, asked.peers) for tool in asked.only.split(",")
        ]
    RESULTS.parent.mkdir(exist_ok=True)
    published = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    published[str(asked.mb)] = published.get(str(asked.mb), {}) | {
        row.pop("tool"): row for row in rows
    }
    RESULTS.write_text(json.dumps(published, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def view(megabytes: int) -> None:
    from hornbook.curate.anonymise import blind

    size, seconds = 0, 0.0
    for text in corpus():
        started = time.process_time()
        blind(text)
        seconds, size = seconds + time.process_time() - started, size + len(text.encode())
        if size > megabytes * 1e6:
            break
    print(f"BlindCode: {size / 1e6 / seconds:.2f} MB a CPU second, of {size / 1e6:.0f} MB")


def write(data: Path, megabytes: int) -> None:
    """Parquet files of PART_MB with the columns id and text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data.mkdir(parents=True)
    held: list[str] = []
    size = done = number = 0
    for text in corpus():
        held.append(text)
        size += len(text.encode())
        if size > PART_MB * 1e6 or done + size > megabytes * 1e6:
            ids = [f"{number:04d}-{at:07d}" for at in range(len(held))]
            pq.write_table(
                pa.table({"id": ids, "text": held}),
                data / f"{number:04d}.parquet",
                compression="zstd",
            )
            done, size, held, number = done + size, 0, [], number + 1
        if done >= megabytes * 1e6:
            return


def corpus() -> Iterator[str]:
    """Python files without end: the wheels', then their repeats with edits."""
    from hornbook import wheels
    from hornbook.curate import shipped_labels

    for turn in range(1000):
        chance = random.Random(turn)
        for name, version in shipped_labels.named_wheels():
            wheel = wheels.fetch(name, version)
            paths = [
                m.path
                for m in wheels.members(wheel)
                if m.path.endswith(".py") and 200 < m.size < 1_000_000
            ]
            for _, raw in wheels.read_many(wheel, paths):
                text = raw.decode("utf-8", "replace")
                kind = chance.random()
                if turn == 0 or kind < 1 / 8:
                    yield text
                elif kind < 2 / 8:
                    lines = text.split("\n")
                    changed = [
                        f"x_{turn} = {at}" if chance.random() < 0.05 else line
                        for at, line in enumerate(lines)
                    ]
                    yield "\n".join(changed)
                else:
                    yield re.sub(
                        r"\b[A-Za-z_]{4,}\b", lambda word, turn=turn: f"{word[0]}{turn}", text
                    )


def measure(tool: str, data: Path, out: Path, peers: str) -> dict[str, Any]:
    """CPU seconds of the tool's process and its children, peak memory of all of them together, wall seconds."""
    out.mkdir(parents=True, exist_ok=True)
    python = sys.executable if tool == "hornbook" else peers
    if tool == "hornbook":
        prepare(data, out)
    command = [
        python,
        str(Path(__file__).resolve()),
        "--tool",
        tool,
        "--data",
        str(data),
        "--out",
        str(out),
    ]
    before, started = os.times(), time.perf_counter()
    with (out / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        peak, seen_cpu = watch(process)
    after = os.times()
    if process.returncode:
        last = (out / "log.txt").read_text().strip().splitlines()[-1:]
        print(f"{tool:10}  failed: {last}", flush=True)
        return {"tool": tool, "failed": last}
    cpu = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    cpu = max(cpu, seen_cpu)  # the system forgets grandchildren that nobody waited for
    kept = json.loads((out / "kept.json").read_text())
    row = {"tool": tool, "cpu_s": round(cpu, 1), "wall_s": round(time.perf_counter() - started, 1),
           "peak_mb": round(peak), **kept}  # fmt: skip
    said = (
        f"{row['cpu_s']:8.1f} CPU s  {row['peak_mb']:7,} MB  kept {row['kept']:,} of {row['of']:,}"
    )
    print(f"{tool:10}  {said}", flush=True)
    return row


def watch(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """(the most memory in MB that the process and its children ever had at a time, their CPU seconds)."""
    peak, done, cpu = 0.0, threading.Event(), dict[int, float]()

    def look() -> None:
        nonlocal peak
        while not done.wait(0.1):
            alive = tree(process.pid)
            peak = max(peak, sum(memory(pid) for pid in alive))
            cpu.update((pid, max(cpu.get(pid, 0), seconds(pid))) for pid in alive)

    watcher = threading.Thread(target=look)
    watcher.start()
    process.wait()
    done.set()
    watcher.join()
    return peak, sum(cpu.values())


def seconds(pid: int) -> float:
    """CPU seconds of one process, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def tree(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except (OSError, ValueError):
        children = []
    return [pid, *(below for child in children for below in tree(child))]


def memory(pid: int) -> float:
    """Private and shared pages, without those of mapped files, which the system takes back when it needs them."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(found[1]) for found in re.finditer(r"Rss(?:Anon|Shmem):\s+(\d+)", text)) / 1000


def prepare(data: Path, out: Path) -> None:
    """The corpus as the records of a finished stage, which is what DropDuplicates reads; not measured."""
    from hornbook.frame.run import run
    from hornbook.frame.stage import Desk

    run(given(data), Desk(out / "run"))


def given(data: Path) -> Any:
    from dataclasses import dataclass

    from hornbook import records, store
    from hornbook.frame.stage import Stage

    @dataclass(frozen=True)
    class Given(Stage):
        path: str

        def parts(self, desk: Any) -> list[str]:
            return sorted(each.stem for each in Path(self.path).glob("*.parquet"))

        def work(self, desk: Any, part: str) -> Any:
            rows = store.read_table(Path(self.path) / f"{part}.parquet").to_pylist()
            return records.table(
                {"id": records.document_id(row["text"]), "text": row["text"]} for row in rows
            )

    return Given("given", str(data))


def hornbook(data: Path, out: Path) -> None:
    from hornbook.curate import DropDuplicates
    from hornbook.frame.run import run
    from hornbook.frame.stage import Desk

    stage, desk = DropDuplicates("unique", given(data)), Desk(out / "run", workers=2)
    run(stage, desk)
    facts = desk.manifest(stage)
    done(out, facts["kept"], facts["seen"])


def done(out: Path, kept: int, of: int) -> None:
    (out / "kept.json").write_text(json.dumps({"kept": kept, "of": of}))


def daft(data: Path, out: Path) -> None:
    """Daft's own minhash; its bands grouped by Daft, pairs joined by union-find in Python."""
    import daft as d

    frame = d.read_parquet(str(data / "*.parquet"))
    total = frame.count_rows()
    frame = frame.with_column("hash", d.functions.hash(d.col("text")))
    frame = frame.groupby("hash").agg(d.col("id").any_value(), d.col("text").any_value())
    shown = d.functions.minhash(d.col("text"), num_hashes=125, ngram_size=5, seed=1)
    frame = frame.select(
        "id", shown.cast(d.DataType.list(d.DataType.uint32())).alias("m")
    ).collect()
    pairs: list[list[str]] = []
    for band in range(25):
        key = d.functions.hash(d.functions.slice(d.col("m"), band * 5, band * 5 + 5)).alias("k")
        groups = (
            frame.select("id", key).groupby("k").agg(d.functions.list_agg(d.col("id")).alias("ids"))
        )
        pairs += groups.where(d.functions.list_count(d.col("ids")) > 1).to_pydict()["ids"]
    parent: dict[str, str] = {}
    for group in pairs:
        for other in group[1:]:
            union(parent, group[0], other)
    done(out, frame.count_rows() - sum(find(parent, each) != each for each in parent), total)


def find(parent: dict[Any, Any], one: Any) -> Any:
    while parent.setdefault(one, one) != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one


def union(parent: dict[Any, Any], one: Any, other: Any) -> None:
    a, b = find(parent, one), find(parent, other)
    parent[max(a, b)] = min(a, b)


def texts(data: Path) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet as pq

    for path in sorted(data.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000):
            yield from zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True)


def rensa(data: Path, out: Path) -> None:
    """rensa's own interface, as its README uses it: shingles in Python, RMinHash, its LSH index, greedily."""
    from rensa import RMinHash, RMinHashLSH

    lsh = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
    signatures: dict[int, Any] = {}
    seen: set[int] = set()
    kept = total = 0
    for number, (_, text) in enumerate(texts(data)):
        total += 1
        if hash(text) in seen:
            continue
        seen.add(hash(text))
        split = re.findall(r"\w+", text)
        grams = [" ".join(split[at : at + 5]) for at in range(max(1, len(split) - 4))]
        signature = RMinHash(num_perm=128, seed=1)
        signature.update(grams)
        if not any(signature.jaccard(signatures[other]) >= 0.7 for other in lsh.query(signature)):
            lsh.insert(number, signature)
            signatures[number] = signature
            kept += 1
    done(out, kept, total)


def text_dedup(data: Path, out: Path) -> None:
    """text-dedup's command, as its README calls it."""
    command = [sys.executable, "-m", "text_dedup.minhash", "--path", "parquet", "--data_files", str(data / "*.parquet"),
               "--split", "train", "--cache_dir", str(out / "cache"), "--output", str(out / "result"), "--column",
               "text", "--num_perm", "128", "--ngram", "5", "--threshold", "0.7", "--num_proc", "2"]  # fmt: skip
    subprocess.run(command, check=True, cwd=out)
    import datasets

    done(out, len(datasets.load_from_disk(str(out / "result"))), sum(1 for _ in texts(data)))


def datatrove(data: Path, out: Path) -> None:
    """datatrove's four steps of MinHash, local executors; words by a regular expression."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.readers import ParquetReader
    from datatrove.pipeline.writers import ParquetWriter
    from datatrove.utils.word_tokenizers import WordTokenizer

    class Words(WordTokenizer):  # type: ignore[misc]
        def word_tokenize(self, text: str) -> list[str]:
            return re.findall(r"\w+", text)

        def sent_tokenize(self, text: str) -> list[str]:
            return [text]

        def span_tokenize(self, text: str) -> list[tuple[int, int]]:
            return [(0, len(text))]

    config = MinhashConfig(n_grams=5)
    tasks = len(list(data.glob("*.parquet")))
    reader = ParquetReader(str(data), text_key="text", id_key="id", glob_pattern="*.parquet")
    folder = str(out)
    language: Any = Words()
    steps = [
        ([reader, MinhashDedupSignature(f"{folder}/s", config, language=language)], tasks),
        ([MinhashDedupBuckets(f"{folder}/s", f"{folder}/b", config=config)], config.num_buckets),
        ([MinhashDedupCluster(f"{folder}/b", f"{folder}/r", config=config)], 1),
        ([reader, MinhashDedupFilter(f"{folder}/r"), ParquetWriter(f"{folder}/kept")], tasks),
    ]
    for at, (pipeline, number) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline, tasks=number, workers=2, logging_dir=f"{folder}/log{at}"
        ).run()
    done(out, sum(1 for _ in texts(out / "kept")), sum(1 for _ in texts(data)))
    shutil.rmtree(out / "s")


if __name__ == "__main__":
    main()
