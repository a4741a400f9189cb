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
SHARD_MB = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mb", type=int, default=500)
    parser.add_argument("--only", default=",".join(TOOLS))
    parser.add_argument(
        "--peers", default=sys.executable, help="Python of the environment with the peers."
    )
    parser.add_argument(
        "--data", type=Path, help="Where the corpus is, or is to be written; a temporary folder."
    )
    parser.add_argument("--view", action="store_true", help="The speed of BlindCode, nothing else.")
    parser.add_argument(
        "--tool", help=argparse.SUPPRESS
    )  # what the child processes are called with
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.tool:
        globals()[args.tool.replace("-", "_")](args.data, args.out)
        return
    if args.view:
        measure_view_speed(args.mb)
        return
    with tempfile.TemporaryDirectory() as scratch:
        data = args.data or Path(scratch) / "corpus"
        if not data.is_dir():
            write_corpus(data, args.mb)
        rows = [
            measure_tool(tool, data, Path(scratch) / tool, args.peers)
            for tool in args.only.split(",")
        ]
    RESULTS.parent.mkdir(exist_ok=True)
    published = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    published[str(args.mb)] = published.get(str(args.mb), {}) | {
        row.pop("tool"): row for row in rows
    }
    RESULTS.write_text(json.dumps(published, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def measure_view_speed(megabytes: int) -> None:
    from hornbook.curate.anonymise import anonymise_identifiers

    size, seconds = 0, 0.0
    for text in generate_corpus():
        started = time.process_time()
        anonymise_identifiers(text)
        seconds, size = seconds + time.process_time() - started, size + len(text.encode())
        if size > megabytes * 1e6:
            break
    print(f"BlindCode: {size / 1e6 / seconds:.2f} MB a CPU second, of {size / 1e6:.0f} MB")


def write_corpus(data: Path, megabytes: int) -> None:
    """Parquet files of PART_MB with the columns id and text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    data.mkdir(parents=True)
    shard_texts: list[str] = []
    size = written = shard_index = 0
    for text in generate_corpus():
        shard_texts.append(text)
        size += len(text.encode())
        if size > SHARD_MB * 1e6 or written + size > megabytes * 1e6:
            ids = [f"{shard_index:04d}-{i:07d}" for i in range(len(shard_texts))]
            pq.write_table(
                pa.table({"id": ids, "text": shard_texts}),
                data / f"{shard_index:04d}.parquet",
                compression="zstd",
            )
            written, size, shard_texts, shard_index = written + size, 0, [], shard_index + 1
        if written >= megabytes * 1e6:
            return


def generate_corpus() -> Iterator[str]:
    """Python files without end: the wheels', then their repeats with edits."""
    from hornbook import wheels
    from hornbook.curate import shipped_labels

    for repeat in range(1000):
        rng = random.Random(repeat)
        for name, version in shipped_labels.list_labelled_wheels():
            wheel = wheels.fetch_wheel(name, version)
            paths = [
                m.path
                for m in wheels.list_members(wheel)
                if m.path.endswith(".py") and 200 < m.size < 1_000_000
            ]
            for _, raw in wheels.read_members(wheel, paths):
                text = raw.decode("utf-8", "replace")
                kind = rng.random()
                if repeat == 0 or kind < 1 / 8:
                    yield text
                elif kind < 2 / 8:
                    lines = text.split("\n")
                    changed = [
                        f"x_{repeat} = {i}" if rng.random() < 0.05 else line
                        for i, line in enumerate(lines)
                    ]
                    yield "\n".join(changed)
                else:
                    yield re.sub(
                        r"\b[A-Za-z_]{4,}\b", lambda word, turn=repeat: f"{word[0]}{turn}", text
                    )


def measure_tool(tool: str, data: Path, out: Path, peers: str) -> dict[str, Any]:
    """CPU seconds of the tool's process and its children, peak memory of all of them together, wall seconds."""
    out.mkdir(parents=True, exist_ok=True)
    python = sys.executable if tool == "hornbook" else peers
    if tool == "hornbook":
        prepare_run(data, out)
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
    times_before, started = os.times(), time.perf_counter()
    with (out / "log.txt").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        peak, watched_cpu = watch_process(process)
    times_after = os.times()
    if process.returncode:
        last = (out / "log.txt").read_text().strip().splitlines()[-1:]
        print(f"{tool:10}  failed: {last}", flush=True)
        return {"tool": tool, "failed": last}
    cpu = (
        times_after.children_user
        + times_after.children_system
        - times_before.children_user
        - times_before.children_system
    )
    cpu = max(cpu, watched_cpu)  # the system forgets grandchildren that nobody waited for
    kept = json.loads((out / "kept.json").read_text())
    row = {"tool": tool, "cpu_s": round(cpu, 1), "wall_s": round(time.perf_counter() - started, 1),
           "peak_mb": round(peak), **kept}  # fmt: skip
    summary = (
        f"{row['cpu_s']:8.1f} CPU s  {row['peak_mb']:7,} MB  kept {row['kept']:,} of {row['of']:,}"
    )
    print(f"{tool:10}  {summary}", flush=True)
    return row


def watch_process(process: subprocess.Popen[bytes]) -> tuple[float, float]:
    """(the most memory in MB that the process and its children ever had at a time, their CPU seconds)."""
    peak, stopped, cpu = 0.0, threading.Event(), dict[int, float]()

    def sample_usage() -> None:
        nonlocal peak
        while not stopped.wait(0.1):
            alive = process_tree(process.pid)
            peak = max(peak, sum(resident_mb(pid) for pid in alive))
            cpu.update((pid, max(cpu.get(pid, 0), cpu_seconds(pid))) for pid in alive)

    watcher = threading.Thread(target=sample_usage)
    watcher.start()
    process.wait()
    stopped.set()
    watcher.join()
    return peak, sum(cpu.values())


def cpu_seconds(pid: int) -> float:
    """CPU seconds of one process, without its children."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def process_tree(pid: int) -> list[int]:
    try:
        tasks = Path(f"/proc/{pid}/task").iterdir()
        children = [int(each) for task in tasks for each in (task / "children").read_text().split()]
    except (OSError, ValueError):
        children = []
    return [pid, *(below for child in children for below in process_tree(child))]


def resident_mb(pid: int) -> float:
    """Private and shared pages, without those of mapped files, which the system takes back when it needs them."""
    try:
        text = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return sum(int(match[1]) for match in re.finditer(r"Rss(?:Anon|Shmem):\s+(\d+)", text)) / 1000


def prepare_run(data: Path, out: Path) -> None:
    """The corpus as the records of a finished stage, which is what DropDuplicates reads; not measured."""
    from hornbook.frame.run import run_recipe
    from hornbook.frame.stage import RunContext

    run_recipe(make_corpus_stage(data), RunContext(out / "run"))


def make_corpus_stage(data: Path) -> Any:
    from dataclasses import dataclass

    from hornbook import records, store
    from hornbook.frame.stage import Stage

    @dataclass(frozen=True)
    class CorpusFiles(Stage):
        path: str

        def shards(self, ctx: Any) -> list[str]:
            return sorted(path.stem for path in Path(self.path).glob("*.parquet"))

        def make_shard(self, ctx: Any, part: str) -> Any:
            rows = store.read_table(Path(self.path) / f"{part}.parquet").to_pylist()
            return records.make_table(
                {"id": records.document_id(row["text"]), "text": row["text"]} for row in rows
            )

    return CorpusFiles("given", str(data))


def run_hornbook(data: Path, out: Path) -> None:
    from hornbook.curate import DropDuplicates
    from hornbook.frame.run import run_recipe
    from hornbook.frame.stage import RunContext

    stage, ctx = (
        DropDuplicates("unique", make_corpus_stage(data)),
        RunContext(out / "run", workers=2),
    )
    run_recipe(stage, ctx)
    manifest = ctx.run.read_manifest(stage)
    write_counts(out, manifest["kept"], manifest["seen"])


def write_counts(out: Path, kept: int, n_documents: int) -> None:
    (out / "kept.json").write_text(json.dumps({"kept": kept, "of": n_documents}))


def run_daft(data: Path, out: Path) -> None:
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
            join_sets(parent, group[0], other)
    write_counts(
        out,
        frame.count_rows() - sum(find_root(parent, doc_id) != doc_id for doc_id in parent),
        total,
    )


def find_root(parent: dict[Any, Any], item: Any) -> Any:
    while parent.setdefault(item, item) != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


def join_sets(parent: dict[Any, Any], item: Any, other: Any) -> None:
    a, b = find_root(parent, item), find_root(parent, other)
    parent[max(a, b)] = min(a, b)


def read_texts(data: Path) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet as pq

    for path in sorted(data.glob("*.parquet")):
        for batch in pq.ParquetFile(path).iter_batches(1000):
            yield from zip(batch["id"].to_pylist(), batch["text"].to_pylist(), strict=True)


def run_rensa(data: Path, out: Path) -> None:
    """rensa's own interface, as its README uses it: shingles in Python, RMinHash, its LSH index, greedily."""
    from rensa import RMinHash, RMinHashLSH

    lsh = RMinHashLSH(threshold=0.7, num_perm=128, num_bands=16)
    signatures: dict[int, Any] = {}
    seen: set[int] = set()
    kept = total = 0
    for i, (_, text) in enumerate(read_texts(data)):
        total += 1
        if hash(text) in seen:
            continue
        seen.add(hash(text))
        split = re.findall(r"\w+", text)
        grams = [" ".join(split[start : start + 5]) for start in range(max(1, len(split) - 4))]
        signature = RMinHash(num_perm=128, seed=1)
        signature.update(grams)
        if not any(signature.jaccard(signatures[other]) >= 0.7 for other in lsh.query(signature)):
            lsh.insert(i, signature)
            signatures[i] = signature
            kept += 1
    write_counts(out, kept, total)


def run_text_dedup(data: Path, out: Path) -> None:
    """text-dedup's command, as its README calls it."""
    command = [sys.executable, "-m", "text_dedup.minhash", "--path", "parquet", "--data_files", str(data / "*.parquet"),
               "--split", "train", "--cache_dir", str(out / "cache"), "--output", str(out / "result"), "--column",
               "text", "--num_perm", "128", "--ngram", "5", "--threshold", "0.7", "--num_proc", "2"]  # fmt: skip
    subprocess.run(command, check=True, cwd=out)
    import datasets

    write_counts(
        out, len(datasets.load_from_disk(str(out / "result"))), sum(1 for _ in read_texts(data))
    )


def run_datatrove(data: Path, out: Path) -> None:
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

    class RegexWords(WordTokenizer):  # type: ignore[misc]
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
    language: Any = RegexWords()
    steps = [
        ([reader, MinhashDedupSignature(f"{folder}/s", config, language=language)], tasks),
        ([MinhashDedupBuckets(f"{folder}/s", f"{folder}/b", config=config)], config.num_buckets),
        ([MinhashDedupCluster(f"{folder}/b", f"{folder}/r", config=config)], 1),
        ([reader, MinhashDedupFilter(f"{folder}/r"), ParquetWriter(f"{folder}/kept")], tasks),
    ]
    for step_index, (pipeline, n_tasks) in enumerate(steps):
        LocalPipelineExecutor(
            pipeline, tasks=n_tasks, workers=2, logging_dir=f"{folder}/log{step_index}"
        ).run()
    write_counts(out, sum(1 for _ in read_texts(out / "kept")), sum(1 for _ in read_texts(data)))
    shutil.rmtree(out / "s")


if __name__ == "__main__":
    main()
