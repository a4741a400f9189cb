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
TREE_PAIRS = {"x-ted": 4000, "apted": 60, "zss": 20}
EXERCISES = 880_000  # of the paper


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--peers", nargs="*", default=[], help="interpreters of environments with peers"
    )
    parser.add_argument(
        "--full", type=int, default=0, metavar="N", help="search N exercises, and nothing else"
    )
    parser.add_argument(
        "--as", nargs=2, dest="who", metavar=("NAME", "FOLDER"), help="for this file's own use"
    )
    options = parser.parse_args()
    if options.who:
        print(json.dumps(PEER_MEASUREMENTS[options.who[0]](Path(options.who[1]))))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.full:
            rows = measure_full_search(Path(folder), options.full)
        else:
            rows = (
                measure_ngrams(Path(folder), options.peers)
                + measure_trees(Path(folder), options.peers)
                + measure_audit()
            )
    print(
        f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores; figures hold where it is about 1"
    )
    for row in rows:
        print(
            f"{row['what']:10} {row['tool']:14} {row['rate']:14,.1f} {row['unit']:12} {row['note']}"
        )
    if options.full:
        return
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {"load": os.getloadavg()[0], "cores": os.cpu_count(), "rows": rows}
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def run_peers(peers: list[str], folder: Path, names: list[str]) -> dict[str, dict[str, float]]:
    """What each tool measured in the first environment that has it."""
    measurements: dict[str, dict[str, float]] = {}
    for name in names:
        for python in peers:
            process = subprocess.run(
                [python, __file__, "--as", name, str(folder)], capture_output=True, text=True
            )
            if process.returncode == 0:
                measurements[name] = json.loads(process.stdout.splitlines()[-1])
                break
        else:
            print(f"{name}: in none of the environments given")
    return measurements


# 13-grams
# ------------------------------------------------------------------------------------------------------------


def measure_ngrams(folder: Path, peers: list[str]) -> list[dict[str, object]]:
    import pyarrow as pa

    from hornbook import exams
    from hornbook.scrub import ngram

    problems = exams.load_exam("humaneval")
    library = [path.read_text(errors="replace") for path in sorted(Path(sysconfig.get_paths()["stdlib"]).rglob("*.py"))
               if "site-packages" not in path.parts and path.stat().st_size < 200_000]  # fmt: skip
    planted_texts = [
        f"# {problem_index}\n{problem.solution}" for problem_index, problem in enumerate(problems)
    ]
    for name, megabytes in MEGABYTES.items():
        texts, size = list(planted_texts), sum(map(len, planted_texts))
        while size < megabytes * 1e6:
            text = library[len(texts) % len(library)]
            texts.append(text)
            size += len(text.encode("utf-8", "replace"))
        write_jsonl(folder / name / "train" / "texts.jsonl", [{"text": text} for text in texts])
    write_jsonl(folder / "decon" / "exam" / "exam.jsonl.gz", [
        {"doc_id": problem_index, "eval_key": "exam", "eval_instance_index": problem_index, "split": "test", "question": problem.prompt,
         "answer": problem.reference, "fingerprint": str(problem_index), "is_correct": True} for problem_index, problem in enumerate(problems)
    ])  # fmt: skip
    for name in ("datatrove", "python sets"):
        write_jsonl(
            folder / name / "exam.jsonl", [{"text": problem.solution} for problem in problems]
        )

    texts = [row["text"] for row in read_jsonl(folder / "hornbook" / "train" / "texts.jsonl")]
    column = pa.array(texts, pa.large_string())
    index = ngram.build_index([[problem.solution] for problem in problems])
    ngram.find_ngrams(index, column.slice(0, 10))  # compiled
    passes = [time_cpu(lambda: ngram.find_ngrams(index, column)) for _ in range(9)]
    seconds, hits = statistics.median(pass_seconds for pass_seconds, _ in passes), passes[0][1]
    plants_found = len({text for text, _ in hits.tolist() if text < 164})
    measurements = {
        "hornbook": {"seconds": seconds, "megabytes": column.nbytes / 1e6, "found": plants_found}
    }
    measurements["python sets"] = measure_python_sets(folder)
    measurements |= run_peers(peers, folder, ["decon", "datatrove"])
    speed = {name: row["megabytes"] / row["seconds"] for name, row in measurements.items()}
    return [
        {"what": "13-grams", "tool": name, "rate": speed[name], "unit": "MB/s a core",
         "note": f"{row['found']:.0f} of 164 plants found; hornbook is {speed['hornbook'] / speed[name]:.0f} times"}
        for name, row in measurements.items()
    ]  # fmt: skip


def measure_python_sets(folder: Path) -> dict[str, float]:
    from hornbook.scrub import ngram

    exam_ngrams = set().union(
        *(
            ngram.extract_ngrams(row["text"])
            for row in read_jsonl(folder / "python sets" / "exam.jsonl")
        )
    )
    texts = [row["text"] for row in read_jsonl(folder / "python sets" / "train" / "texts.jsonl")]
    seconds, hits = time_cpu(
        lambda: [
            text_index
            for text_index, text in enumerate(texts)
            if not exam_ngrams.isdisjoint(ngram.extract_ngrams(text))
        ]
    )
    return {
        "seconds": seconds,
        "megabytes": utf8_megabytes(texts),
        "found": sum(text_index < 164 for text_index in hits),
    }


def measure_decon(folder: Path) -> dict[str, float]:
    """allenai/decon, one thread, with its own defaults; reading its files and building its index are in the time."""
    import decon as tool

    train, out = folder / "decon" / "train", folder / "decon" / "out"
    config = tool.Config(str(train), str(folder / "decon" / "exam"), str(out), worker_threads=1)
    seconds, _ = time_cpu(lambda: tool.detect(config))
    matched_lines = {
        row["training_line"] for path in out.glob("*.jsonl") for row in read_jsonl(path)
    }
    return {"seconds": seconds, "megabytes": utf8_megabytes([row["text"] for row in read_jsonl(train / "texts.jsonl")]),
            "found": sum(line < 164 for line in matched_lines)}  # fmt: skip


def measure_datatrove(folder: Path) -> dict[str, float]:
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
    documents = [Document(text=text, id=str(text_index)) for text_index, text in enumerate(texts)]
    block.filter(documents[-1])
    seconds, kept = time_cpu(lambda: [block.filter(document) for document in documents])
    return {
        "seconds": seconds,
        "megabytes": utf8_megabytes(texts),
        "found": sum(verdict is not True for verdict in kept[:164]),
    }


# Syntax trees
# --------------------------------------------------------------------------------------------------------


def measure_trees(folder: Path, peers: list[str]) -> list[dict[str, object]]:
    from hornbook import exams
    from hornbook.scrub import syntax

    problems = exams.load_exam("humaneval")
    problem_trees = [
        syntax.entry_point_tree(problem.solution, problem.entry_point) for problem in problems
    ]
    functions = library_functions()
    parse_seconds, text_trees = time_cpu(lambda: [syntax.read_trees(text) for text in functions])
    codes = [code for trees in text_trees for code in trees.codes]
    note = f"parsed and written as strings, {utf8_megabytes(functions) / parse_seconds:.1f} MB/s"
    rows: list[dict[str, object]] = [{"what": "trees", "tool": "hornbook", "rate": len(functions) / parse_seconds,
                                      "unit": "exercises/s", "note": note}]  # fmt: skip
    list(syntax.match_rates(problem_trees[:1], codes[:1]))  # imported
    compare_seconds = {}
    for cutoff in (0.95, 0.8):
        compare_seconds[cutoff], _ = time_cpu(
            lambda cutoff=cutoff: list(syntax.match_rates(problem_trees, codes, cutoff))
        )
        rate = len(codes) * len(problem_trees) / compare_seconds[cutoff]
        rows.append(
            {
                "what": "trees",
                "tool": "hornbook",
                "rate": rate,
                "unit": "pairs/s",
                "note": f"cutoff {cutoff}",
            }
        )
    seconds = EXERCISES * (parse_seconds / len(functions) + compare_seconds[0.8] / len(codes)) / 2
    rows.append({"what": "trees", "tool": "hornbook", "rate": seconds, "unit": "seconds",
                 "note": f"{EXERCISES:,} exercises against 164 problems on 2 cores, from the rates above"})  # fmt: skip
    pairs = [
        [tree_as_lists(problem.solution), tree_as_lists(text)]
        for problem, text in zip(problems * 30, functions, strict=False)
    ]
    (folder / "pairs.json").write_text(json.dumps(pairs[:4000]))
    for name, row in run_peers(peers, folder, list(TREE_PAIRS)).items():
        rate = row["pairs"] / row["seconds"]
        speedup = len(codes) * len(problem_trees) / compare_seconds[0.8] / rate
        note = f"true tree distance, no cutoff; hornbook is {speedup:,.0f} times"
        rows.append({"what": "trees", "tool": name, "rate": rate, "unit": "pairs/s", "note": note})
    return rows


# All of it
# ------------------------------------------------------------------------------------------------------------


def measure_full_search(folder: Path, exercise_count: int) -> list[dict[str, object]]:
    """`number` generated exercises, no two alike, searched for HumanEval's problems as `hornbook similar` does."""
    from hornbook import exams
    from hornbook.scrub import documents, similar

    problems, cores = exams.load_exam("humaneval"), len(os.sched_getaffinity(0))
    megabytes = write_exercises(folder / "exercises", exercise_count)
    times_before, started = os.times(), time.perf_counter()
    records = similar.search_batches(
        problems, documents.read_batches([folder / "exercises"]), 1, workers=cores
    )
    wall, times_after = time.perf_counter() - started, os.times()
    cpu_seconds = sum(times_after[:4]) - sum(times_before[:4])
    note = f"{exercise_count:,} exercises ({megabytes:.0f} MB), {cpu_seconds:.0f} CPU seconds on {cores} cores, "
    note += f"{sum(record.by == 'syntax' for record in records)} problems have one"
    common = {"what": "all", "tool": "hornbook"}
    return [common | {"rate": cpu_seconds / cores, "unit": "CPU s a core", "note": note},
            common | {"rate": wall, "unit": "seconds", "note": "by the clock"}]  # fmt: skip


def write_exercises(folder: Path, exercise_count: int) -> float:
    """Parquet files of 20,000 exercises each; the megabytes of their text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    folder.mkdir(parents=True)
    rng, seen_hashes, megabytes = random.Random(0), set(), 0.0
    for first in range(0, exercise_count, 20_000):
        texts = []
        while len(texts) < min(20_000, exercise_count - first):
            text = generate_exercise(rng)
            if hash(text) not in seen_hashes:
                seen_hashes.add(hash(text))
                texts.append(text)
        megabytes += sum(map(len, texts)) / 1e6
        pq.write_table(pa.table({"text": texts}), folder / f"{first:07d}.parquet")
    return megabytes


SYLLABLES = "bacedifoguhajekilomunaperisotuvawexiyozu"
WORDS = [
    SYLLABLES[start : start + 2] + end
    for start in range(0, 40, 2)
    for end in ("nd", "rk", "lt", "mp", "sh", "ng")
]


def generate_exercise(rng: random.Random) -> str:
    """A function of 3 to 9 statements under a docstring, about as long as the paper's (205 tokens, 700 bytes)."""
    names = rng.sample(WORDS, 6)

    def random_expression(depth: int = 0) -> str:
        form_index, name = rng.randrange(9 if depth < 2 else 2), rng.choice(names)
        templates = [name, str(rng.randrange(100)), "{} + {}", "{} * {}", "len({})", "max({}, {})", "{}[{}]",
                 "sorted({}, key=lambda x: x % {})", "[y + {} for y in " + name + " if y > {}]"]  # fmt: skip
        return templates[form_index].format(
            *(random_expression(depth + 1) for _ in range(templates[form_index].count("{}")))
        )

    def random_block(margin: str, lines: int) -> str:
        lines_of_code = ""
        for _ in range(lines):
            kind = rng.randrange(5)
            if kind < 2 or len(margin) > 12:
                lines_of_code += f"{margin}{rng.choice(names)} {rng.choice(['=', '=', '+='])} {random_expression()}\n"
            elif kind == 2:
                lines_of_code += f"{margin}for {rng.choice(names)} in {random_expression()}:\n{random_block(margin + '    ', 1 + lines // 3)}"
            elif kind == 3:
                test = f"{random_expression()} {rng.choice(['<', '>', '==', 'in'])} {random_expression()}"
                lines_of_code += f"{margin}if {test}:\n{random_block(margin + '    ', 1)}"
            else:
                lines_of_code += f"{margin}{rng.choice(names)}.append({random_expression()})\n"
        return lines_of_code

    docstring = " ".join(rng.choices(WORDS, k=rng.randrange(20, 50)))
    head = f'def {"_".join(rng.sample(WORDS, 3))}({", ".join(names[: rng.randrange(1, 4)])}):\n    """{docstring}.\n\n'
    example = f'    >>> f({rng.randrange(10**6)})\n    {random_expression()}\n    """\n'
    return f"{head}{example}{random_block('    ', rng.randrange(2, 6))}    return {random_expression()}\n"


def library_functions() -> list[str]:
    """The functions of the standard library of 4 to 30 lines, as texts: about as long as an exercise."""
    functions = []
    for path in sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py")):
        text = path.read_text(errors="replace")
        for node in ast.parse(text).body:
            if (
                isinstance(node, ast.FunctionDef)
                and 4 <= (node.end_lineno or 0) - node.lineno <= 30
            ):
                functions.append(
                    "\n".join(text.splitlines()[node.lineno - 1 : node.end_lineno]) + "\n"
                )
    return functions


def tree_as_lists(text: str) -> list[object]:
    """The tree of the last function of a text: [kind, children]."""

    def as_lists(node: ast.AST) -> list[object]:
        children = [
            child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.expr_context)
        ]
        return [type(node).__name__, [as_lists(child) for child in children]]

    return as_lists(
        [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)][-1]
    )


def time_tree_pairs(
    name: str, folder: Path, prepare: Callable, distance: Callable
) -> dict[str, float]:
    pairs = json.loads((folder / "pairs.json").read_text())[: TREE_PAIRS[name]]
    ready = [(prepare(first), prepare(second)) for first, second in pairs]
    seconds, _ = time_cpu(lambda: [distance(first, second) for first, second in ready])
    return {"seconds": seconds, "pairs": len(pairs)}


def measure_apted(folder: Path) -> dict[str, float]:
    from apted import APTED
    from apted.helpers import Tree

    def build_tree(tree: list) -> Tree:
        return Tree(tree[0], *map(build_tree, tree[1]))

    return time_tree_pairs(
        "apted", folder, build_tree, lambda a, b: APTED(a, b).compute_edit_distance()
    )


def measure_zss(folder: Path) -> dict[str, float]:
    from zss import Node, simple_distance

    def build_tree(tree: list) -> Node:
        node = Node(tree[0])
        for child in tree[1]:
            node.addkid(build_tree(child))
        return node

    return time_tree_pairs("zss", folder, build_tree, simple_distance)


def measure_xted(folder: Path) -> dict[str, float]:
    from xted import x_ted_compute

    def build_tree(tree: list) -> tuple[list[int], list[str]]:
        parents: list[int] = []
        labels: list[str] = []

        def walk(node: list, parent: int) -> None:
            node_index = len(parents)
            parents.append(parent)
            labels.append(node[0])
            for child in node[1]:
                walk(child, node_index)

        walk(tree, -1)
        return parents, labels

    return time_tree_pairs("x-ted", folder, build_tree, lambda a, b: x_ted_compute(*a, *b))


# What is found, and what is found wrongly
# -----------------------------------------------------------------------------


def measure_audit() -> list[dict[str, object]]:
    from hornbook import exams
    from hornbook.scrub import audit, planted_copies

    problems, functions = exams.load_exam("humaneval"), library_functions()
    copies = list(planted_copies.plant_copies(problems))
    rows: list[dict[str, object]] = []
    for min_tree_nodes in (0, 15):
        settings = audit.AuditSettings(min_tree_nodes=min_tree_nodes)
        on_plants = audit.find_hits(problems, [text for *_, text in copies], settings)
        on_library = audit.find_hits(problems, functions, settings)
        for result in audit.recall_by_group([kind for kind, *_ in copies], on_plants):
            rows.append(
                format_audit_row(
                    f"{result.detector}, {result.among}",
                    result.rate.value,
                    min_tree_nodes,
                    result.hits,
                    result.rate.n,
                )
            )
        for detector, tasks in on_library.items():
            hit_count = sum(task != "" for task in tasks)
            rows.append(
                format_audit_row(
                    f"{detector}, library",
                    hit_count / len(tasks),
                    min_tree_nodes,
                    hit_count,
                    len(tasks),
                )
            )
    return rows


def format_audit_row(
    what: str, rate: float, min_tree_nodes: int, hits: int, n: int
) -> dict[str, object]:
    return {"what": "audit", "tool": "hornbook", "rate": 100 * rate, "unit": "% hit",
            "note": f"{what}: {hits} of {n}, trees of {min_tree_nodes} nodes and more"}  # fmt: skip


# -------------------------------------------------------------------------------------------------------------------


def time_cpu(work: Callable) -> tuple[float, object]:
    """Processor seconds of this process, all threads, and what came out."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def utf8_megabytes(texts: list[str]) -> float:
    return sum(len(text.encode("utf-8", "replace")) for text in texts) / 1e6


def write_jsonl(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())


def read_jsonl(path: Path) -> list[dict]:
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


PEER_MEASUREMENTS = {
    "decon": measure_decon,
    "datatrove": measure_datatrove,
    "apted": measure_apted,
    "zss": measure_zss,
    "x-ted": measure_xted,
}

if __name__ == "__main__":
    sys.setrecursionlimit(10_000)
    main()
