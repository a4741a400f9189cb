"""The scrubber's kernels beside other tools, in one run on one machine, in processor seconds.

In: HumanEval, and the source of the running Python's standard library, in which every problem is
planted verbatim once. Out: megabytes a second and plants found of each 13-gram tool; pairs a second
of each tree distance; the time of 880,000 exercises against 164 problems; recall on planted
paraphrases and alarms on the library, with and without the rule for small trees;
benchmarks/results/scrub.json. With --full N, N generated exercises are searched by what
`hornbook similar` calls, on all cores (880000 takes minutes and 700 MB of disk).
Run: python benchmarks/scrub.py [--full N] [--peers PYTHON ...]. Each PYTHON is the interpreter of
an environment that has some of
  pip install 'datatrove[processing]' spacy apted zss x-ted     (Python 3.11)
  pip install decontaminate                                     (Python 3.12: allenai/decon's bindings)
This file is also what runs in them (--as NAME FOLDER), so it imports nothing at the top that is not
in Python.
"""

from __future__ import annotations

import argparse
import ast
import gzip
import json
import os
import random
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "scrub.json"
MEGABYTES = {
    "hornbook": 200,
    "decon": 20,
    "python sets": 4,
    "datatrove": 2,
}  # a few seconds for each
PAIRS = {"x-ted": 4000, "apted": 60, "zss": 20}
EXERCISES = 880_000  # of the paper


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument(
        "--peers", nargs="*", default=[], help="interpreters of environments with peers"
    )
    words.add_argument(
        "--full", type=int, default=0, metavar="N", help="search N exercises, and nothing else"
    )
    words.add_argument(
        "--as", nargs=2, dest="who", metavar=("NAME", "FOLDER"), help="for this file's own use"
    )
    asked = words.parse_args()
    if asked.who:
        print(json.dumps(PEERS[asked.who[0]](Path(asked.who[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        if asked.full:
            rows = full_rows(Path(folder), asked.full)
        else:
            rows = (
                words_rows(Path(folder), asked.peers)
                + trees_rows(Path(folder), asked.peers)
                + audit_rows()
            )
    print(
        f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; figures hold where it is about 1"
    )
    for row in rows:
        print(
            f"{row['what']:10} {row['tool']:14} {row['rate']:14,.1f} {row['unit']:12} {row['note']}"
        )
    if asked.full:
        return
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {"load": os.getloadavg()[0], "cores": os.cpu_count(), "rows": rows}
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def of_peers(peers: list[str], folder: Path, names: list[str]) -> dict[str, dict[str, float]]:
    """What each tool measured in the first environment that has it."""
    found: dict[str, dict[str, float]] = {}
    for name in names:
        for python in peers:
            done = subprocess.run(
                [python, __file__, "--as", name, str(folder)], capture_output=True, text=True
            )
            if done.returncode == 0:
                found[name] = json.loads(done.stdout.splitlines()[-1])
                break
        else:
            print(f"{name}: in none of the environments given")
    return found


# 13-grams
# ------------------------------------------------------------------------------------------------------------


def words_rows(folder: Path, peers: list[str]) -> list[dict[str, object]]:
    import pyarrow as pa

    from hornbook import exams
    from hornbook.scrub import ngram

    exam = exams.load("humaneval")
    library = [path.read_text(errors="replace") for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
               if "site-packages" not in path.parts and path.stat().st_size < 200_000]  # fmt: skip
    plants = [f"# {number}\n{problem.solution}" for number, problem in enumerate(exam)]
    for name, megabytes in MEGABYTES.items():
        texts, size = list(plants), sum(map(len, plants))
        while size < megabytes * 1e6:
            text = library[len(texts) % len(library)]
            texts.append(text)
            size += len(text.encode("utf-8", "replace"))
        write_jsonl(folder / name / "train" / "texts.jsonl", [{"text": text} for text in texts])
    write_jsonl(folder / "decon" / "exam" / "exam.jsonl.gz", [
        {"doc_id": at, "eval_key": "exam", "eval_instance_index": at, "split": "test", "question": problem.prompt,
         "answer": problem.reference, "fingerprint": str(at), "is_correct": True} for at, problem in enumerate(exam)
    ])  # fmt: skip
    for name in ("datatrove", "python sets"):
        write_jsonl(folder / name / "exam.jsonl", [{"text": problem.solution} for problem in exam])

    texts = [row["text"] for row in read_jsonl(folder / "hornbook" / "train" / "texts.jsonl")]
    column = pa.array(texts, pa.large_string())
    runs = ngram.index([[problem.solution] for problem in exam])
    ngram.find(runs, column.slice(0, 10))  # compiled
    passes = [cpu(lambda: ngram.find(runs, column)) for _ in range(9)]
    seconds, hits = statistics.median(each for each, _ in passes), passes[0][1]
    found = len({text for text, _ in hits.tolist() if text < 164})
    measured = {"hornbook": {"seconds": seconds, "megabytes": column.nbytes / 1e6, "found": found}}
    measured["python sets"] = python_sets(folder)
    measured |= of_peers(peers, folder, ["decon", "datatrove"])
    speed = {name: row["megabytes"] / row["seconds"] for name, row in measured.items()}
    return [
        {"what": "13-grams", "tool": name, "rate": speed[name], "unit": "MB/s a core",
         "note": f"{row['found']:.0f} of 164 plants found; hornbook is {speed['hornbook'] / speed[name]:.0f} times"}
        for name, row in measured.items()
    ]  # fmt: skip


def python_sets(folder: Path) -> dict[str, float]:
    from hornbook.scrub import ngram

    exam = set().union(
        *(ngram.runs_of(row["text"]) for row in read_jsonl(folder / "python sets" / "exam.jsonl"))
    )
    texts = [row["text"] for row in read_jsonl(folder / "python sets" / "train" / "texts.jsonl")]
    seconds, hits = cpu(
        lambda: [at for at, text in enumerate(texts) if not exam.isdisjoint(ngram.runs_of(text))]
    )
    return {"seconds": seconds, "megabytes": bytes_of(texts), "found": sum(at < 164 for at in hits)}


def decon(folder: Path) -> dict[str, float]:
    """allenai/decon, one thread, with its own defaults; reading its files and building its index are in the time."""
    import decon as tool

    train, out = folder / "decon" / "train", folder / "decon" / "out"
    config = tool.Config(str(train), str(folder / "decon" / "exam"), str(out), worker_threads=1)
    seconds, _ = cpu(lambda: tool.detect(config))
    found = {row["training_line"] for path in out.glob("*.jsonl") for row in read_jsonl(path)}
    return {"seconds": seconds, "megabytes": bytes_of([row["text"] for row in read_jsonl(train / "texts.jsonl")]),
            "found": sum(line < 164 for line in found)}  # fmt: skip


def datatrove(folder: Path) -> dict[str, float]:
    """Its n-gram filter with 13 words; its index is filled by its own function."""
    import numpy as np
    from datatrove.data import Document
    from datatrove.pipeline.decont import n_grams as tool

    config = tool.NGramsDecontConfig(n_grams=13)
    block = tool.NGramsDecontFilter(str(folder / "datatrove"), config)
    hashes: set[int] = set()
    for row in read_jsonl(folder / "datatrove" / "exam.jsonl"):
        hashes.update(tool.NGramsDecontIndexer.compute_hashes(block, row["text"]))
    np.array(list(hashes), config.hash_config.np_descr).tofile(
        folder / "datatrove" / "exam.index.hashes"
    )
    texts = [row["text"] for row in read_jsonl(folder / "datatrove" / "train" / "texts.jsonl")]
    documents = [Document(text=text, id=str(at)) for at, text in enumerate(texts)]
    block.filter(documents[-1])
    seconds, kept = cpu(lambda: [block.filter(document) for document in documents])
    return {
        "seconds": seconds,
        "megabytes": bytes_of(texts),
        "found": sum(each is not True for each in kept[:164]),
    }


# Syntax trees
# --------------------------------------------------------------------------------------------------------


def trees_rows(folder: Path, peers: list[str]) -> list[dict[str, object]]:
    from hornbook import exams
    from hornbook.scrub import syntax

    exam = exams.load("humaneval")
    units = [syntax.unit(problem.solution, problem.entry_point) for problem in exam]
    functions = library_functions()
    parsed, found = cpu(lambda: [syntax.trees(text) for text in functions])
    codes = [code for each in found for code in each.codes]
    note = f"parsed and written as strings, {bytes_of(functions) / parsed:.1f} MB/s"
    rows: list[dict[str, object]] = [{"what": "trees", "tool": "hornbook", "rate": len(functions) / parsed,
                                      "unit": "exercises/s", "note": note}]  # fmt: skip
    list(syntax.rates(units[:1], codes[:1]))  # imported
    compared = {}
    for cutoff in (0.95, 0.8):
        compared[cutoff], _ = cpu(lambda cutoff=cutoff: list(syntax.rates(units, codes, cutoff)))
        rate = len(codes) * len(units) / compared[cutoff]
        rows.append(
            {
                "what": "trees",
                "tool": "hornbook",
                "rate": rate,
                "unit": "pairs/s",
                "note": f"cutoff {cutoff}",
            }
        )
    seconds = EXERCISES * (parsed / len(functions) + compared[0.8] / len(codes)) / 2
    rows.append({"what": "trees", "tool": "hornbook", "rate": seconds, "unit": "seconds",
                 "note": f"{EXERCISES:,} exercises against 164 problems on 2 cores, from the rates above"})  # fmt: skip
    pairs = [
        [nested(problem.solution), nested(text)]
        for problem, text in zip(exam * 30, functions, strict=False)
    ]
    (folder / "pairs.json").write_text(json.dumps(pairs[:4000]))
    for name, row in of_peers(peers, folder, list(PAIRS)).items():
        rate = row["pairs"] / row["seconds"]
        times = len(codes) * len(units) / compared[0.8] / rate
        note = f"true tree distance, no cutoff; hornbook is {times:,.0f} times"
        rows.append({"what": "trees", "tool": name, "rate": rate, "unit": "pairs/s", "note": note})
    return rows


# All of it
# ------------------------------------------------------------------------------------------------------------


def full_rows(folder: Path, number: int) -> list[dict[str, object]]:
    """`number` generated exercises, no two alike, searched for HumanEval's problems as `hornbook similar` does."""
    from hornbook import exams
    from hornbook.scrub import documents, similar

    exam, cores = exams.load("humaneval"), len(os.sched_getaffinity(0))
    megabytes = written_exercises(folder / "exercises", number)
    before, started = os.times(), time.perf_counter()
    found = similar.search(exam, documents.batches([folder / "exercises"]), 1, workers=cores)
    wall, after = time.perf_counter() - started, os.times()
    used = sum(after[:4]) - sum(before[:4])
    note = f"{number:,} exercises ({megabytes:.0f} MB), {used:.0f} CPU seconds on {cores} cores, "
    note += f"{sum(each.by == 'syntax' for each in found)} problems have one"
    made = {"what": "all", "tool": "hornbook"}
    return [made | {"rate": used / cores, "unit": "CPU s a core", "note": note},
            made | {"rate": wall, "unit": "seconds", "note": "by the clock"}]  # fmt: skip


def written_exercises(folder: Path, number: int) -> float:
    """Parquet files of 20,000 exercises each; the megabytes of their text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    chance, seen, megabytes = random.Random(0), set(), 0.0
    for first in range(0, number, 20_000):
        texts = []
        while len(texts) < min(20_000, number - first):
            text = exercise(chance)
            if hash(text) not in seen:
                seen.add(hash(text))
                texts.append(text)
        megabytes += sum(map(len, texts)) / 1e6
        pq.write_table(pa.table({"text": texts}), folder / f"{first:07d}.parquet")
    return megabytes


SYLLABLES = "bacedifoguhajekilomunaperisotuvawexiyozu"
WORDS = [
    SYLLABLES[at : at + 2] + end
    for at in range(0, 40, 2)
    for end in ("nd", "rk", "lt", "mp", "sh", "ng")
]


def exercise(chance: random.Random) -> str:
    """A function of 3 to 9 statements under a docstring, about as long as the paper's (205 tokens, 700 bytes)."""
    names = chance.sample(WORDS, 6)

    def value(depth: int = 0) -> str:
        kind, name = chance.randrange(9 if depth < 2 else 2), chance.choice(names)
        forms = [name, str(chance.randrange(100)), "{} + {}", "{} * {}", "len({})", "max({}, {})", "{}[{}]",
                 "sorted({}, key=lambda x: x % {})", "[y + {} for y in " + name + " if y > {}]"]  # fmt: skip
        return forms[kind].format(*(value(depth + 1) for _ in range(forms[kind].count("{}"))))

    def block(margin: str, lines: int) -> str:
        made = ""
        for _ in range(lines):
            kind = chance.randrange(5)
            if kind < 2 or len(margin) > 12:
                made += (
                    f"{margin}{chance.choice(names)} {chance.choice(['=', '=', '+='])} {value()}\n"
                )
            elif kind == 2:
                made += f"{margin}for {chance.choice(names)} in {value()}:\n{block(margin + '    ', 1 + lines // 3)}"
            elif kind == 3:
                test = f"{value()} {chance.choice(['<', '>', '==', 'in'])} {value()}"
                made += f"{margin}if {test}:\n{block(margin + '    ', 1)}"
            else:
                made += f"{margin}{chance.choice(names)}.append({value()})\n"
        return made

    told = " ".join(chance.choices(WORDS, k=chance.randrange(20, 50)))
    head = f'def {"_".join(chance.sample(WORDS, 3))}({", ".join(names[: chance.randrange(1, 4)])}):\n    """{told}.\n\n'
    shown = f'    >>> f({chance.randrange(10**6)})\n    {value()}\n    """\n'
    return f"{head}{shown}{block('    ', chance.randrange(2, 6))}    return {value()}\n"


def library_functions() -> list[str]:
    """The functions of the standard library of 4 to 30 lines, as texts: about as long as an exercise."""
    found = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = path.read_text(errors="replace")
        for node in ast.parse(text).body:
            if (
                isinstance(node, ast.FunctionDef)
                and 4 <= (node.end_lineno or 0) - node.lineno <= 30
            ):
                found.append("\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n")
    return found


def nested(text: str) -> list[object]:
    """The tree of the last function of a text: [kind, children]."""

    def of(node: ast.AST) -> list[object]:
        kids = [
            child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)
        ]
        return [type(node).__name__, [of(child) for child in kids]]

    return of([node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)][-1])


def timed_pairs(name: str, folder: Path, prepare: Callable, distance: Callable) -> dict[str, float]:
    pairs = json.loads((folder / "pairs.json").read_text())[: PAIRS[name]]
    ready = [(prepare(first), prepare(second)) for first, second in pairs]
    seconds, _ = cpu(lambda: [distance(first, second) for first, second in ready])
    return {"seconds": seconds, "pairs": len(pairs)}


def apted(folder: Path) -> dict[str, float]:
    from apted import APTED
    from apted.helpers import Tree

    def prepare(tree: list) -> Tree:
        return Tree(tree[0], *map(prepare, tree[1]))

    return timed_pairs("apted", folder, prepare, lambda a, b: APTED(a, b).compute_edit_distance())


def zss(folder: Path) -> dict[str, float]:
    from zss import Node, simple_distance

    def prepare(tree: list) -> Node:
        node = Node(tree[0])
        for child in tree[1]:
            node.addkid(prepare(child))
        return node

    return timed_pairs("zss", folder, prepare, simple_distance)


def xted(folder: Path) -> dict[str, float]:
    from xted import x_ted_compute

    def prepare(tree: list) -> tuple[list[int], list[str]]:
        parents: list[int] = []
        labels: list[str] = []

        def walk(node: list, parent: int) -> None:
            mine = len(parents)
            parents.append(parent)
            labels.append(node[0])
            for child in node[1]:
                walk(child, mine)

        walk(tree, -1)
        return parents, labels

    return timed_pairs("x-ted", folder, prepare, lambda a, b: x_ted_compute(*a, *b))


# What is found, and what is found wrongly
# -----------------------------------------------------------------------------


def audit_rows() -> list[dict[str, object]]:
    from hornbook import exams
    from hornbook.scrub import audit, planted_copies

    exam, functions = exams.load("humaneval"), library_functions()
    made = list(planted_copies.planted(exam))
    rows: list[dict[str, object]] = []
    for smallest in (0, 15):
        settings = audit.Settings(smallest=smallest)
        on_plants = audit.hits(exam, [text for *_, text in made], settings)
        on_library = audit.hits(exam, functions, settings)
        for found in audit.recall([kind for kind, *_ in made], on_plants):
            rows.append(
                audited(
                    f"{found.detector}, {found.among}",
                    found.rate.value,
                    smallest,
                    found.hits,
                    found.rate.n,
                )
            )
        for detector, tasks in on_library.items():
            number = sum(task != "" for task in tasks)
            rows.append(
                audited(f"{detector}, library", number / len(tasks), smallest, number, len(tasks))
            )
    return rows


def audited(what: str, rate: float, smallest: int, hits: int, n: int) -> dict[str, object]:
    return {"what": "audit", "tool": "hornbook", "rate": 100 * rate, "unit": "% hit",
            "note": f"{what}: {hits} of {n}, trees of {smallest} nodes and more"}  # fmt: skip


# -------------------------------------------------------------------------------------------------------------------


def cpu(work: Callable) -> tuple[float, object]:
    """Processor seconds of this process, all threads, and what came out."""
    started = time.process_time()
    made = work()
    return time.process_time() - started, made


def bytes_of(texts: list[str]) -> float:
    return sum(len(text.encode("utf-8", "replace")) for text in texts) / 1e6


def write_jsonl(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def read_jsonl(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


PEERS = {"decon": decon, "datatrove": datatrove, "apted": apted, "zss": zss, "x-ted": xted}

if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
