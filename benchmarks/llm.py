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


class Server:
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
        self.url = self._line()

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().strip()

    def counts(self) -> dict[str, int]:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return dict(json.loads(self._line()))


@contextlib.contextmanager
def serving(delay_s: float = DELAY_S, rate: float = 0.0) -> Iterator[Server]:
    server = Server(delay_s, rate)
    try:
        yield server
    finally:
        server.process.kill()
        server.process.wait()


def main() -> None:
    words = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    words.add_argument("--requests", type=int, default=10_000)
    words.add_argument("--turns", type=int, default=5)
    words.add_argument("--kills", type=int, default=20)
    asked = words.parse_args()
    facts: dict[str, Any] = {
        "load": os.getloadavg()[0],
        "cores": os.cpu_count(),
        "requests": asked.requests,
    }
    with tempfile.TemporaryDirectory() as folder:
        facts |= throughput(Path(folder) / "a", asked.requests, asked.turns)
        if asked.kills:
            facts |= rate_kept(Path(folder) / "b")
            facts |= memory(Path(folder) / "c", asked.requests)
            facts |= killed(Path(folder) / "d", asked.requests, asked.kills)
    for name, value in facts.items():
        print(f"{name:34} {value}")
    if asked.kills:
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def throughput(folder: Path, number: int, turns: int) -> dict[str, Any]:
    """The two take turns; medians, and the median of what each turn's pair says, as a machine's speed changes."""
    ours, bare = [], []
    for turn in range(turns):
        with serving() as server:
            bare.append(timed(lambda url=server.url: asyncio.run(bare_loop(url, number))))
        with serving() as server:
            ours.append(
                timed(lambda url=server.url, at=turn: client(folder / str(at), url, number))
            )
    wall, cpu = (
        statistics.median(b[at] / o[at] for b, o in zip(bare, ours, strict=True)) for at in (0, 1)
    )
    return {
        "bare aiohttp, requests/s": round(number / statistics.median(each[0] for each in bare)),
        "with the ledger, requests/s": round(number / statistics.median(each[0] for each in ours)),
        "share of bare's throughput": round(wall, 3),
        "share of it a CPU second": round(cpu, 3),
    }


def timed(act: Any) -> tuple[float, float]:
    """(wall, CPU) seconds of this process."""
    wall, cpu = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall, time.process_time() - cpu


async def bare_loop(url: str, number: int) -> None:
    """What anybody would write: a semaphore, aiohttp, the text of each answer."""
    import aiohttp

    gate = asyncio.Semaphore(IN_FLIGHT)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(prompt: str) -> str:
            body = {
                "model": "m",
                "messages": [{"role": "user", "content": prompt}],
                "max_tokens": 256,
            }
            async with gate, session.post(f"{url}/chat/completions", json=body) as response:
                told = await response.json()
            return str(told["choices"][0]["message"]["content"])

        await asyncio.gather(*(ask(f"prompt {n}") for n in range(number)))


def client(folder: Path, url: str, number: int, **options: Any) -> None:
    from hornbook.frame.stage import Desk
    from hornbook.llm import LLM, complete

    desk = Desk(folder, options={"base_url": url, **options})
    answers = complete(LLM("m", "http"), [f"prompt {n}" for n in range(number)], desk)
    assert all(answer.finish == "stop" for answer in answers)


def rate_kept(folder: Path, rate: float = 200.0, seconds: float = 10.0) -> dict[str, Any]:
    """A server that refuses what is over `rate` a second; we are told the rate."""
    number = int(rate * seconds)
    with serving(0.02, rate) as server:
        wall, _ = timed(lambda: client(folder, server.url, number, requests_per_minute=60 * rate))
        refused = server.counts()["requests"] - number
    return {"share of a stated 200/s": round(number / wall / rate, 3), "refused at it": refused}


def memory(folder: Path, number: int) -> dict[str, Any]:
    """Peak memory of clients of a fifth of the requests and of all."""
    found = {}
    for some in (number // 5, number):
        with serving() as server:
            subprocess.run([sys.executable, "-c", CLIENT, str(folder / str(some)), server.url, str(some)], check=True,
                           env=os.environ | {"PYTHONPATH": str(ROOT)})  # fmt: skip
        peak = (
            resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
        )  # of the largest child so far
        found[f"peak MB at {some:,} requests"] = round(peak)
    return found


def killed(folder: Path, number: int, kills: int) -> dict[str, Any]:
    """The client is killed when the server has answered so many, at random; then it runs to its end."""
    chance = random.Random(0)
    moments = sorted(chance.randrange(1, number * 9 // 10) for _ in range(kills))
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", CLIENT, str(folder)]
    done = 0
    with serving(0.01) as server:
        for moment in moments:
            process = subprocess.Popen([*command, server.url, str(number)], env=env)
            while process.poll() is None and server.counts()["answered"] < moment:
                time.sleep(0.005)
            done += process.poll() is None
            process.kill()
            process.wait()
        subprocess.run([*command, server.url, str(number)], env=env, check=True)
        counts = server.counts()
    from hornbook.llm import http_client
    from hornbook.llm.ledger import Ledger

    with Ledger(folder / "ledger.sqlite") as ledger:
        kept = sum(each.requests for each in ledger.spent().values())
    twice = counts["answered"] - counts["prompts"]
    return {
        "killed": done, "lost": number - counts["prompts"], "in the ledger": kept, "paid twice": twice,
        "paid twice a kill": round(twice / max(1, done), 1), "under way at a kill, at most": http_client.MOST,
    }  # fmt: skip


if __name__ == "__main__":
    main()
