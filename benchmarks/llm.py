"""The client for HTTP teachers beside a bare aiohttp loop, against this project's own fake server, on one machine.

In: nothing; the server runs in a process of its own, so that its work is not ours. Out: requests a
second and CPU seconds of both, the share of a stated rate limit that is used, memory of 2,000 and
of 10,000 requests, and what is left of 10,000 requests when the client is killed twenty times at
random; benchmarks/results/llm.json. Run: python benchmarks/llm.py [--requests 10000] [--turns 5]
[--kills 20]; without kills, nothing but the throughput
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
RESULTS = Path(__file__).parent / "results" / "llm.json"
DELAY_S = 0.05  # of the server: 256 in flight are 5,120 requests a second, more than a core of Python serves
IN_FLIGHT = 256  # at the server, of both: hornbook.llm.http_client.IN_FLIGHT

SERVER = """
import json, sys
from fake_teacher import FakeTeacher
delay_s, rate = float(sys.argv[1]), float(sys.argv[2])
with FakeTeacher(delay_s=delay_s, rate=rate) as teacher:
    print(teacher.url, flush=True)
    for _ in sys.stdin:
        counts = teacher.answered
        facts = {"requests": teacher.requests, "answered": sum(counts.values()), "prompts": len(counts)}
        print(json.dumps(facts | {"most_inside": teacher.most_inside}), flush=True)
"""

CLIENT = """
import sys
from pathlib import Path
from hornbook.llm import LLM, complete
from hornbook.frame.stage import Desk
desk = Desk(Path(sys.argv[1]), options={"base_url": sys.argv[2]})
complete(LLM("m", "http"), [f"prompt {n}" for n in range(int(sys.argv[3]))], desk)
"""


class ServerProcess:
    """The fake teacher in another process; `counts` asks it what it has seen."""

    def __init__(self, delay_s: float, rate: float) -> None:
        paths = {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(delay_s), str(rate)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | paths,
        )
        self.url = self._read_line()

    def _read_line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def read_counts(self) -> dict[str, int]:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(json.loads(self._read_line()))


@contextlib.contextmanager
def start_server(delay_s: float = DELAY_S, rate: float = 0.0) -> Iterator[ServerProcess]:
    server = ServerProcess(delay_s, rate)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--kills", type=int, default=20)
    args = parser.parse_args()
    report: dict[str, Any] = {
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "requests": args.requests,
    }
    with tempfile.TemporaryDirectory() as folder:
        report |= measure_throughput(Path(folder) / "a", args.requests, args.turns)
        if args.kills:
            report |= measure_stated_rate(Path(folder) / "b")
            report |= measure_memory(Path(folder) / "c", args.requests)
            report |= kill_clients(Path(folder) / "d", args.requests, args.kills)
    for name, value in report.items():
        print(f"{name:34} {value}")
    if args.kills:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def measure_throughput(folder: Path, request_count: int, turns: int) -> dict[str, Any]:
    """The two take turns; medians, and the median of what each turn's pair says, as a machine's speed changes."""
    hornbook_times, bare_times = [], []
    for turn in range(turns):
        with start_server() as server:
            bare_times.append(
                time_call(lambda url=server.url: asyncio.run(bare_loop(url, request_count)))
            )
        with start_server() as server:
            hornbook_times.append(
                time_call(
                    lambda url=server.url, column=turn: run_client(
                        folder / str(column), url, request_count
                    )
                )
            )
    wall, cpu = (
        statistics.median(
            b[column] / o[column] for b, o in zip(bare_times, hornbook_times, strict=True)
        )
        for column in (0, 1)
    )
    return {
        "bare aiohttp, requests/s": round(
            request_count / statistics.median(times[0] for times in bare_times)
        ),
        "with the ledger, requests/s": round(
            request_count / statistics.median(times[0] for times in hornbook_times)
        ),
        "share of bare's throughput": round(wall, 3),
        "share of it a CPU second": round(cpu, 3),
    }


def time_call(call: Any) -> tuple[float, float]:
    """(wall, CPU) seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - cpu


async def bare_loop(url: str, request_count: int) -> None:
    """What anybody would write: a semaphore, aiohttp, the text of each answer."""
    import aiohttp

    semaphore = asyncio.Semaphore(IN_FLIGHT)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(prompt: str) -> str:
            body = {
                "model": "m",
                "messages": [{"role": "user", "content": prompt}],
                "max_tokens": 256,
            }
            async with semaphore, session.post(f"{url}/chat/completions", json=body) as response:
                answer = await response.json()
            return str(answer["choices"][0]["message"]["content"])

        await asyncio.gather(*(ask(f"prompt {n}") for n in range(request_count)))


def run_client(folder: Path, url: str, request_count: int, **options: Any) -> None:
    from hornbook.frame.stage import RunContext
    from hornbook.llm import LLM, complete_prompts

    ctx = RunContext(folder, options={"base_url": url, **options})
    answers = complete_prompts(LLM("m", "http"), [f"prompt {n}" for n in range(request_count)], ctx)
    assert all(answer.finish == "stop" for answer in answers)


def measure_stated_rate(folder: Path, rate: float = 200.0, seconds: float = 10.0) -> dict[str, Any]:
    """A server that refuses what is over `rate` a second; we are told the rate."""
    request_count = int(rate * seconds)
    with start_server(0.02, rate) as server:
        wall, _ = time_call(
            lambda: run_client(folder, server.url, request_count, requests_per_minute=60 * rate)
        )
        refused = server.read_counts()["requests"] - request_count
    return {
        "share of a stated 200/s": round(request_count / wall / rate, 3),
        "refused at it": refused,
    }


def measure_memory(folder: Path, request_count: int) -> dict[str, Any]:
    """Peak memory of clients of a fifth of the requests and of all."""
    peaks = {}
    for count in (request_count // 5, request_count):
        with start_server() as server:
            subprocess.run([sys.executable, "-c", CLIENT, str(folder / str(count)), server.url, str(count)], check=True,
                           env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
        peak = (
            resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        )  # of the largest child so far
        peaks[f"peak MB at {count:,} requests"] = round(peak)
    return peaks


def kill_clients(folder: Path, request_count: int, kills: int) -> dict[str, Any]:
    """The client is killed when the server has answered so many, at random; then it runs to its end."""
    rng = random.Random(0)
    moments = sorted(rng.randrange(1, request_count * 9 // 10) for _ in range(kills))
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CLIENT, str(folder)]
    killed_count = 0
    with start_server(0.01) as server:
        for moment in moments:
            process = subprocess.Popen([*command, server.url, str(request_count)], env=env)
            while process.poll() is None and server.read_counts()["answered"] < moment:
                time.sleep(0.005)
            killed_count += process.poll() is None
            process.kill()
            process.wait()
        subprocess.run([*command, server.url, str(request_count)], env=env, check=True)
        counts = server.read_counts()
    from hornbook.llm import http_client
    from hornbook.llm.ledger import AnswerLedger

    with AnswerLedger(folder / "ledger.sqlite") as ledger:
        kept = sum(spending.requests for spending in ledger.spending_by_model().values())
    twice = counts["answered"] - counts["prompts"]
    return {
        "killed": killed_count, "lost": request_count - counts["prompts"], "in the ledger": kept, "paid twice": twice,
        "paid twice a kill": round(twice / max(1, killed_count), 1), "under way at a kill, at most": http_client.MAX_UNCOMMITTED,
    }  # fmt: skip


if __name__ == "__main__":
    main()
